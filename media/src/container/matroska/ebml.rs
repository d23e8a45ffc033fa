//! EBML elements: reading their headers from a file, walking those inside one that was loaded, and their values.

use std::io;

use crate::MediaFile;

/// An element in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) id: u32,
    /// Where its data begins.
    pub(super) body: u64,
    /// Bytes of data; `None` if its writer did not know.
    pub(super) len: Option<u64>,
}

impl Element {
    /// Where it ends, at most at the file's end; an unknown length reaches that far.
    pub(super) fn end(&self, file: &MediaFile) -> u64 {
        self.len.map_or(file.len(), |len| self.body.saturating_add(len)).min(file.len())
    }
}

/// The element at `at`; `None` where none can be.
pub(super) fn element(file: &MediaFile, at: u64) -> io::Result<Option<Element>> {
    let mut head = [0; 12];
    let have = file.len().saturating_sub(at).min(12) as usize;
    file.read_exact_at(&mut head[..have], at)?;
    Ok(header(&head[..have]).map(|(id, len, size)| Element { id, body: at + size as u64, len }))
}

/// An element's id, its length, and the size of both.
fn header(data: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let id_len = data.first()?.leading_zeros() as usize + 1;
    if id_len > 4 {
        return None;
    }
    let id = data.get(..id_len)?.iter().fold(0u32, |id, &byte| (id << 8) | u32::from(byte));
    let (len, len_len) = vint(data.get(id_len..)?)?;
    Some((id, len, id_len + len_len))
}

/// A number of variable length; `None` inside where all its bits are set, which means "unknown".
pub(super) fn vint(data: &[u8]) -> Option<(Option<u64>, usize)> {
    let first = *data.first()?;
    let len = first.leading_zeros() as usize + 1;
    if len > 8 {
        return None;
    }
    let start = u64::from(first) & ((1u64 << (8 - len)) - 1);
    let value = data.get(1..len)?.iter().fold(start, |value, &byte| (value << 8) | u64::from(byte));
    let unknown = value == (1u64 << (7 * len)) - 1;
    Some(((!unknown).then_some(value), len))
}

/// The elements inside `body`, each as its id and data; it ends at the first that makes no sense, and the last one with `body`.
pub(super) fn children(body: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (id, len, size) = header(rest)?;
        let data = &rest[size..];
        let len = len.and_then(|len| usize::try_from(len).ok()).unwrap_or(usize::MAX).min(data.len());
        let (data, after) = data.split_at(len);
        rest = after;
        Some((id, data))
    })
}

/// The first element `id` inside `body`.
pub(super) fn child(body: &[u8], id: u32) -> Option<&[u8]> {
    children(body).find(|(name, _)| *name == id).map(|(_, data)| data)
}

/// An unsigned number.
pub(super) fn uint(data: &[u8]) -> Option<u64> {
    (data.len() <= 8).then(|| data.iter().fold(0, |value, &byte| (value << 8) | u64::from(byte)))
}

/// A floating-point number.
pub(super) fn float(data: &[u8]) -> Option<f64> {
    match data.len() {
        0 => Some(0.0),
        4 => Some(f32::from_be_bytes(*data.first_chunk()?).into()),
        8 => Some(f64::from_be_bytes(*data.first_chunk()?)),
        _ => None,
    }
}

/// A string; what follows a zero is padding.
pub(super) fn string(data: &[u8]) -> String {
    String::from_utf8_lossy(data.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}

/// The frames of a block's payload.
pub(super) fn laces(payload: &[u8], lacing: u8) -> Option<Vec<&[u8]>> {
    if lacing == 0 {
        return Some(vec![payload]);
    }
    let (count, mut rest) = payload.split_first()?;
    let count = usize::from(*count) + 1;
    let mut sizes = Vec::new();
    match lacing {
        1 => {
            for _ in 1..count {
                let mut size = 0;
                loop {
                    let (byte, after) = rest.split_first()?;
                    rest = after;
                    size += usize::from(*byte);
                    if *byte != 255 {
                        break;
                    }
                }
                sizes.push(size);
            }
        }
        2 => sizes = vec![rest.len() / count; count - 1],
        _ => {
            let mut size = 0i64;
            for index in 1..count {
                let (raw, len) = vint(rest)?;
                rest = &rest[len..];
                let bias = if index == 1 { 0 } else { (1i64 << (7 * len - 1)) - 1 };
                size = size.checked_add(i64::try_from(raw?).ok()?)?.checked_sub(bias)?;
                sizes.push(usize::try_from(size).ok()?);
            }
        }
    }
    let mut frames = Vec::new();
    for size in sizes {
        let (frame, after) = rest.split_at_checked(size)?;
        frames.push(frame);
        rest = after;
    }
    frames.push(rest);
    Some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_lace_falls_into_its_frames() {
        let frames = |lacing, payload: &[u8]| -> Option<Vec<usize>> {
            laces(payload, lacing).map(|frames| frames.iter().map(|frame| frame.len()).collect())
        };
        let with = |head: &[u8], len: usize| [head, &vec![7; len]].concat();
        assert_eq!(frames(0, &[1, 2, 3]), Some(vec![3]));
        // Xiph: 300 = 255 + 45, then 1, then the rest.
        assert_eq!(frames(1, &with(&[2, 255, 45, 1], 310)), Some(vec![300, 1, 9]));
        assert_eq!(frames(2, &with(&[2], 9)), Some(vec![3, 3, 3]));
        // EBML: 800 in two bytes, then 300 less, then the rest.
        assert_eq!(frames(3, &with(&[2, 0x43, 0x20, 0x5e, 0xd3], 1310)), Some(vec![800, 500, 10]));
        for (lacing, payload) in [(1, &[1][..]), (1, &[1, 9, 0]), (3, &[1, 0x85, 0]), (3, &[2, 0x81, 0x80, 1])] {
            assert_eq!(frames(lacing, payload), None, "{lacing}: {payload:?}");
        }
    }
}
