//! EBML elements read with `pread`, one header at a time.

use crate::{MediaError, MediaFile};

/// An element's place. An unknown size reaches to the file's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub(super) id: u32,
    pub(super) start: u64,
    pub(super) body: u64,
    pub(super) size: u64,
}

impl Element {
    fn end(&self) -> u64 {
        self.body.saturating_add(self.size)
    }
}

/// Walks elements; master elements are entered by going to their body.
pub(super) struct Scanner {
    pub(super) file: MediaFile,
    at: u64,
}

impl Scanner {
    pub(super) fn new(file: MediaFile) -> Self {
        Self { file, at: 0 }
    }

    pub(super) fn goto(&mut self, at: u64) {
        self.at = at;
    }

    /// The header at the present place; `None` at the file's end. It is not stepped over. What is no element is
    /// searched through byte by byte, for the next cluster.
    pub(super) fn next(&mut self) -> Result<Option<Element>, MediaError> {
        if let Some(element) = self.header(self.at)? {
            return Ok(Some(element));
        }
        self.resync()
    }

    fn header(&self, at: u64) -> Result<Option<Element>, MediaError> {
        let mut head = [0; 12];
        let n = self.file.read_at(&mut head, at)?;
        Ok(parse(head.get(..n).unwrap_or_default()).map(|(id, size, len)| {
            let body = at + len as u64;
            Element { id, start: at, body, size: size.unwrap_or(u64::MAX).min(self.file.len().saturating_sub(body)) }
        }))
    }

    fn resync(&mut self) -> Result<Option<Element>, MediaError> {
        let mut buf = vec![0; 1 << 16];
        while self.at < self.file.len() {
            let n = self.file.read_at(&mut buf, self.at)?;
            let window = buf.get(..n).unwrap_or_default();
            if let Some(found) = window.windows(4).position(|w| w == super::CLUSTER.to_be_bytes()) {
                self.at += found as u64;
                if let Some(element) = self.header(self.at)? {
                    return Ok(Some(element));
                }
                self.at += 4;
            } else if n < 4 {
                break;
            } else {
                self.at += n as u64 - 3;
            }
        }
        self.at = self.file.len();
        Ok(None)
    }

    /// Steps over an element.
    pub(super) fn skip(&mut self, element: &Element) {
        self.at = element.end();
    }

    /// Reads an element's body, at most `limit` bytes of it, and steps over it.
    pub(super) fn read(&mut self, element: &Element, limit: u64) -> Result<Vec<u8>, MediaError> {
        self.skip(element);
        self.peek(element, limit)
    }

    /// Reads an element's body, at most `limit` bytes of it, and stays.
    pub(super) fn peek(&self, element: &Element, limit: u64) -> Result<Vec<u8>, MediaError> {
        let mut body = vec![0; element.size.min(limit) as usize];
        let mut got = 0;
        while let Some(rest) = body.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, element.body + got as u64)? {
                0 => break,
                n => got += n,
            }
        }
        body.truncate(got);
        Ok(body)
    }

    /// The first child of a kind.
    pub(super) fn child(&self, parent: &Element, id: u32) -> Result<Option<Element>, MediaError> {
        let mut at = parent.body;
        while at < parent.end() {
            match self.header(at)? {
                Some(child) if child.id == id => return Ok(Some(child)),
                Some(child) => at = child.end(),
                None => break,
            }
        }
        Ok(None)
    }

    /// Where the cluster at `start` ends, if its size is known.
    pub(super) fn after_cluster(&self, start: u64) -> Result<Option<u64>, MediaError> {
        let element = self.header(start)?;
        Ok(element.map(|cluster| cluster.end()).filter(|end| *end < self.file.len()))
    }
}

/// Identifier, size (`None` where unknown) and length of a header.
fn parse(head: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let id_len = head.first()?.leading_zeros() as usize + 1;
    if id_len > 4 {
        return None;
    }
    let id = head.get(..id_len)?.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let rest = head.get(id_len..)?;
    let (size, after) = vint(rest)?;
    let size_len = rest.len() - after.len();
    let unknown = size == (1u64 << (7 * size_len)) - 1;
    Some((id, (!unknown).then_some(size), id_len + size_len))
}

/// A number of variable length, and what follows it.
pub(super) fn vint(data: &[u8]) -> Option<(u64, &[u8])> {
    let first = *data.first()?;
    let len = first.leading_zeros() as usize + 1;
    if len > 8 {
        return None;
    }
    let (bytes, rest) = data.split_at_checked(len)?;
    let raw = bytes.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    Some((raw & ((1u64 << (7 * len)) - 1), rest))
}

/// An unsigned number of up to eight bytes.
pub(super) fn number(body: &[u8]) -> u64 {
    body.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// A signed number of up to eight bytes.
pub(super) fn signed(body: &[u8]) -> i64 {
    let body = body.get(..8).unwrap_or(body);
    match body.len() {
        0 => 0,
        len => (number(body) << (64 - 8 * len)) as i64 >> (64 - 8 * len),
    }
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
                let before = rest.len();
                let (raw, after) = vint(rest)?;
                rest = after;
                let bias = if index == 1 { 0 } else { (1i64 << (7 * (before - after.len()) - 1)) - 1 };
                size = size.checked_add(i64::try_from(raw).ok()?)?.checked_sub(bias)?;
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

/// The elements that lie in `data`: identifier and body.
pub(super) fn elements(mut data: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, size, len) = parse(data)?;
        let body = data.get(len..)?;
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX).min(body.len());
        let (body, rest) = body.split_at(size);
        data = rest;
        Some((id, body))
    })
}
