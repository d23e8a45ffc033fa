//! Walks the packets of a program stream from a place in it.

use super::super::pes;
use crate::{MediaError, MediaFile};

/// Bytes read at once.
const WINDOW: usize = 1 << 16;
/// Bytes by which a packet's head is known.
const HEAD: usize = 64;
/// What begins a pack of packets, and where a reader that is lost goes on.
const PACK: [u8; 4] = [0, 0, 1, 0xba];

/// A packet of a track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// Its stream's number; of the private stream, the number within it besides.
    pub(super) id: u16,
    /// Where it begins.
    pub(super) place: u64,
    /// In ticks, as it stands there.
    pub(super) time: Option<i64>,
    body: u64,
    len: usize,
}

#[derive(Clone)]
pub(super) struct Walk {
    file: MediaFile,
    pub(super) at: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Walk {
    pub(super) fn new(file: MediaFile, at: u64) -> Self {
        Self { file, at, window: Vec::new(), window_at: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        self.file.len()
    }

    /// Goes to a place, from where the next pack is searched.
    pub(super) fn go(&mut self, at: u64) {
        self.at = at;
    }

    /// Up to `len` bytes at `at`.
    fn bytes(&mut self, at: u64, len: usize) -> Result<&[u8], MediaError> {
        let have = self.window_at + self.window.len() as u64;
        if at < self.window_at || at + len as u64 > have {
            self.window.resize(WINDOW.max(len), 0);
            let mut got = 0;
            while got < self.window.len() {
                match self.file.read_at(&mut self.window[got..], at + got as u64)? {
                    0 => break,
                    n => got += n,
                }
            }
            self.window.truncate(got);
            self.window_at = at;
        }
        let from = ((at - self.window_at) as usize).min(self.window.len());
        Ok(&self.window[from..(from + len).min(self.window.len())])
    }

    /// What a packet carries, as far as the file has it.
    pub(super) fn body(&mut self, unit: &Unit) -> Result<&[u8], MediaError> {
        self.bytes(unit.body, unit.len)
    }

    /// The next packet of a track; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Unit>, MediaError> {
        loop {
            let place = self.at;
            let head = self.bytes(place, HEAD)?.to_vec();
            if head.len() < 6 {
                return Ok(None);
            }
            let known = head.starts_with(&[0, 0, 1]) && head[3] >= 0xb9;
            let len = u64::from(u16::from_be_bytes([head[4], head[5]]));
            match head[3] {
                _ if !known => {
                    // Lost: on to where a pack or a packet begins.
                    let rest = self.bytes(place + 1, WINDOW)?;
                    let near = rest.windows(4).position(|four| four == PACK || is_packet(four));
                    self.at = place + 1 + near.unwrap_or(rest.len().saturating_sub(3).max(1)) as u64;
                }
                0xb9 => self.at = place + 4,
                0xba if head[4] & 0xc0 == 0x40 => {
                    let stuffing = head.get(13).map_or(0, |byte| u64::from(byte & 7));
                    self.at = place + 14 + stuffing;
                }
                0xba => self.at = place + 12,
                code => {
                    self.at = place + 6 + len;
                    if !matches!(code, 0xbd | 0xc0..=0xef) {
                        continue;
                    }
                    let Some((time, begins)) = pes::header(&head) else { continue };
                    let (mut body, mut id) = (place + begins as u64, u16::from(code));
                    if code == 0xbd {
                        let Some(&[own]) = self.bytes(body, 1)?.first_chunk::<1>() else { return Ok(None) };
                        id = id << 8 | u16::from(own);
                        // Of sound, the number of frames and where the first one is come before it.
                        body += if own >= 0x80 { 4 } else { 1 };
                    }
                    if body < self.at {
                        return Ok(Some(Unit { id, place, time, body, len: (self.at - body) as usize }));
                    }
                }
            }
        }
    }
}

/// Whether a packet of pictures or of sound begins here.
fn is_packet(four: &[u8]) -> bool {
    four[..3] == [0, 0, 1] && matches!(four[3], 0xbd | 0xc0..=0xef)
}
