//! EBML elements: reading their headers from a file, walking those inside one that was loaded, and their values.

use std::io;

use crate::MediaFile;
use crate::source::mp4::read_exact;

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
    read_exact(file, &mut head[..have], at)?;
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

/// The elements inside `body`, each as its id and data; it ends at the first that makes no sense.
pub(super) fn children(body: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (id, len, size) = header(rest)?;
        let data = &rest[size..];
        let len = usize::try_from(len?).ok()?;
        let (data, after) = data.split_at_checked(len)?;
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
