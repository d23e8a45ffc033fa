//! ISO base media boxes: finding them in a file, and walking those inside a box that was loaded.

use crate::{MediaError, MediaFile};

use super::super::caps;

/// A box at the top of the file.
pub(crate) struct TopBox {
    pub(crate) kind: [u8; 4],
    /// Where its header begins.
    pub(crate) start: u64,
    pub(crate) body: u64,
    end: u64,
    /// The file ends before it does.
    pub(crate) cut: bool,
}

/// The boxes at the top of the file in order; one that reaches past the file's end is the last.
pub(crate) fn top_level(file: &MediaFile) -> impl Iterator<Item = Result<TopBox, MediaError>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at + 8 > file.len() {
            return None;
        }
        let mut header = [0; 16];
        let have = if at + 16 <= file.len() { 16 } else { 8 };
        if let Err(error) = file.read_exact_at(&mut header[..have], at) {
            at = u64::MAX - 8;
            return Some(Err(error.into()));
        }
        let start = at;
        let (kind, size, body) = sizes(&header[..have], file.len() - at)?;
        at = start.saturating_add(size).min(u64::MAX - 8);
        Some(Ok(TopBox { kind, start, body: start + body, end: at.min(file.len()), cut: at > file.len() }))
    })
}

/// A header's kind, the box's size, and where its body begins; `None` if that makes no sense. `rest` is what is left of
/// the box around it.
fn sizes(header: &[u8], rest: u64) -> Option<([u8; 4], u64, u64)> {
    let kind = *header.get(4..)?.first_chunk()?;
    let (size, body) = match be32(header, 0)? {
        0 => (rest, 8),
        1 => (be64(header, 8)?, 16),
        size => (size.into(), 8),
    };
    (size >= body).then_some((kind, size, body))
}

/// Loads a box's body. Errors: it is absurdly large, or cannot be read.
pub(crate) fn load(file: &MediaFile, part: &TopBox) -> Result<Vec<u8>, MediaError> {
    let len = part.end.saturating_sub(part.body);
    if len > caps::INDEX {
        return Err(MediaError::Broken("MP4: its index is absurdly large".into()));
    }
    let mut body = vec![0; len as usize];
    file.read_exact_at(&mut body, part.body)?;
    Ok(body)
}

/// The index that a `moov` holds, which old editors of QuickTime compressed; what cannot be read stays as it is.
pub(crate) fn whole(moov: Vec<u8>) -> Vec<u8> {
    let packed = child(&moov, b"cmov").filter(|cmov| child(cmov, b"dcom") == Some(b"zlib"));
    let Some(packed) = packed.and_then(|cmov| child(cmov, b"cmvd")?.get(4..)) else { return moov };
    let plain = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(packed, caps::INDEX as usize);
    plain.ok().and_then(|plain| child(&plain, b"moov").map(<[u8]>::to_vec)).unwrap_or(moov)
}

/// The boxes inside `body`, each as its kind and its own body, cut off where `body` ends.
pub(crate) fn children(body: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (kind, size, header) = sizes(rest, rest.len() as u64)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        let (part, after) = rest.split_at(size);
        rest = after;
        Some((kind, part.get(header as usize..)?))
    })
}

/// The first box of `kind` inside `body`.
pub(crate) fn child<'a>(body: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(body).find(|(name, _)| name == kind).map(|(_, body)| body)
}

/// Follows `path` downwards.
pub(crate) fn descend<'a>(body: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(body, |body, kind| child(body, kind))
}

/// A big-endian number at `at`.
pub(crate) fn be16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// A big-endian number at `at`.
pub(crate) fn be32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// A big-endian number at `at`.
pub(crate) fn be64(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// Reads big-endian numbers off the front of a slice.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.bytes().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_be_bytes)
    }

    pub(crate) fn skip(&mut self, n: usize) -> Option<()> {
        self.0 = self.0.get(n..)?;
        Some(())
    }
}
