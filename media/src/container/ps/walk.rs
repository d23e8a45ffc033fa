//! Walks the packets of a program stream from a place in it.

use super::super::pes;
use super::super::window::Window;
use crate::{MediaError, MediaFile};

/// Bytes looked through at once by a reader that is lost.
const SEARCH: usize = 1 << 16;
/// Bytes by which a packet's head is known.
const HEAD: usize = 64;
/// What begins a pack of packets, and where a reader that is lost goes on.
const PACK: [u8; 4] = [0, 0, 1, 0xba];

/// A packet of a track.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Unit {
    /// Its stream's number; of the private stream, the number within it besides.
    pub(in super::super) id: u16,
    /// Where it begins.
    pub(in super::super) place: u64,
    /// In ticks, as it stands there.
    pub(in super::super) time: Option<i64>,
    body: u64,
    len: usize,
}

#[derive(Clone)]
pub(in super::super) struct Walk {
    file: Window,
    pub(in super::super) at: u64,
}

impl Walk {
    pub(in super::super) fn new(file: MediaFile, at: u64) -> Self {
        Self { file: Window::new(file), at }
    }

    pub(in super::super) fn len(&self) -> u64 {
        self.file.len()
    }

    /// Goes to a place, from where the next pack is searched.
    pub(in super::super) fn go(&mut self, at: u64) {
        self.at = at;
    }

    /// What a packet carries, as far as the file has it.
    pub(in super::super) fn body(&mut self, unit: &Unit) -> Result<&[u8], MediaError> {
        self.file.bytes(unit.body, unit.len)
    }

    /// The next packet of a track; `None` at the end.
    pub(in super::super) fn next(&mut self) -> Result<Option<Unit>, MediaError> {
        loop {
            let place = self.at;
            let head = self.file.bytes(place, HEAD)?.to_vec();
            if head.len() < 6 {
                return Ok(None);
            }
            let known = head.starts_with(&[0, 0, 1]) && head[3] >= 0xb9;
            let len = u64::from(u16::from_be_bytes([head[4], head[5]]));
            match head[3] {
                _ if !known => {
                    // Lost: on to where a pack or a packet begins.
                    let rest = self.file.bytes(place + 1, SEARCH)?;
                    let near = rest.windows(4).position(|four| four == PACK || is_packet(four));
                    let searched = rest.len();
                    self.at = match near {
                        Some(near) => place + 1 + near as u64,
                        // Two zeros belong to what may begin behind a hole.
                        None => {
                            let next = place + 1 + searched.saturating_sub(3).max(1) as u64;
                            next.max(self.file.behind_zeros(next)?.saturating_sub(2))
                        }
                    };
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
                        let Some(&[own]) = self.file.bytes(body, 1)?.first_chunk::<1>() else { return Ok(None) };
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
