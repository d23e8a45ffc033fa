//! Transport packets, and what the PES packets in them say of time.

use super::super::window::Window;
use crate::{MediaError, MediaFile};

/// Bytes of a transport packet that matter.
const UNIT: usize = 188;
/// Bytes at a file's start in which the first packet is looked for: half of what is looked at to tell its kind.
const BEFORE: u64 = 2048;

/// How transport packets lie in a file: the distance from one to the next, and what precedes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(super) step: u64,
    lead: u64,
    /// Where the first whole one is: a recording may begin within one, or with what is none.
    first: u64,
}

impl Grid {
    /// Finds it by the sync bytes of the first packets.
    pub(crate) fn find(head: &[u8]) -> Option<Self> {
        let from = |first| [(188, 0), (192, 4), (204, 0)].map(|(step, lead)| Self { step, lead, first });
        (0..BEFORE).flat_map(from).find(|grid| {
            let sync = |n: u64| head.get((grid.first + n * grid.step + grid.lead) as usize) == Some(&0x47);
            (0..if grid.first == 0 { 4 } else { 10 }).all(sync)
        })
    }

    /// The place of a packet at or before `at`.
    fn align(&self, at: u64) -> u64 {
        self.first + at.saturating_sub(self.first) / self.step * self.step
    }
}

/// Walks the transport packets from a place in the file.
pub(super) struct Units {
    pub(super) file: Window,
    pub(super) grid: Grid,
    pub(super) at: u64,
    /// Nothing from here on is read.
    pub(super) until: u64,
}

/// A transport packet: its track, whether something begins in it, its counter, and what it carries.
pub(super) struct Unit<'a> {
    pub(super) pid: u16,
    pub(super) begins: bool,
    pub(super) counter: u8,
    /// What the programme's clock says, in ticks.
    pub(super) clock: Option<i64>,
    pub(super) broken: bool,
    /// It was made unreadable for all who do not have the key.
    pub(super) scrambled: bool,
    /// Bytes were stuffed in front of what it carries, since that is all there was.
    pub(super) stuffed: bool,
    pub(super) payload: &'a [u8],
    /// Where the next one begins.
    pub(super) end: u64,
}

impl Units {
    pub(super) fn new(file: MediaFile, grid: Grid, at: u64) -> Self {
        Self { at: grid.align(at), file: Window::new(file), grid, until: u64::MAX }
    }

    /// The next packet; `None` at the end. Bytes between packets are passed over.
    pub(super) fn next(&mut self) -> Result<Option<Unit<'_>>, MediaError> {
        let step = self.grid.step as usize;
        loop {
            let start = self.at + self.grid.lead;
            if start >= self.until {
                return Ok(None);
            }
            match self.file.bytes(start, UNIT)? {
                bytes if bytes.len() < UNIT => return Ok(None),
                [0x47, ..] => {}
                _ => {
                    // Lost: on to where two packets follow each other.
                    let rest = self.file.some(start + 1)?;
                    let searched = start + 1 + rest.len() as u64;
                    let skipped = rest
                        .iter()
                        .enumerate()
                        .position(|(n, byte)| *byte == 0x47 && rest.get(n + step).is_none_or(|next| *next == 0x47));
                    let found = match skipped {
                        Some(skipped) => start + 1 + skipped as u64,
                        None => self.file.behind_zeros(searched)?,
                    };
                    self.at = found - self.grid.lead;
                    continue;
                }
            }
            self.at += self.grid.step;
            let unit = self.file.bytes(start, UNIT)?;
            let adaptation = unit[3] & 0x20 != 0;
            let field = if adaptation { 1 + usize::from(unit[4]) } else { 0 };
            let skip = 4 + field;
            let payload = if unit[3] & 0x10 != 0 { unit.get(skip..).unwrap_or_default() } else { &[] };
            return Ok(Some(Unit {
                pid: u16::from_be_bytes([unit[1] & 0x1f, unit[2]]),
                begins: unit[1] & 0x40 != 0,
                counter: unit[3] & 15,
                clock: if field >= 7 && unit[5] & 0x10 != 0 { clock(&unit[6..11]) } else { None },
                broken: unit[1] & 0x80 != 0 || unit[3] & 0xc0 != 0,
                scrambled: unit[3] & 0xc0 != 0,
                stuffed: field > said(&unit[4..]),
                payload,
                end: self.at,
            }));
        }
    }
}

/// The 33 bits of a clock that count ticks.
fn clock(bytes: &[u8]) -> Option<i64> {
    let (high, low) = bytes.split_first_chunk::<4>()?;
    Some(i64::from(u32::from_be_bytes(*high)) << 1 | i64::from(low.first()? >> 7))
}

/// Bytes of a table, at most.
const MAX_TABLE: usize = 4 + 4095;

/// Puts one track's tables together.
#[derive(Default)]
pub(super) struct Table {
    data: Vec<u8>,
}

impl Table {
    /// What a table says from its table id on, without its checksum, once it is whole.
    pub(super) fn take(&mut self, unit: &Unit<'_>) -> Option<&[u8]> {
        let mut payload = unit.payload;
        if unit.begins {
            self.data.clear();
            payload = payload.get(1 + usize::from(*payload.first()?)..)?;
        } else if self.data.is_empty() {
            return None;
        }
        self.data.extend_from_slice(payload);
        self.data.truncate(MAX_TABLE);
        let len = usize::from(u16::from_be_bytes([self.data.get(1)? & 0x0f, *self.data.get(2)?]));
        self.data.get(..3 + len.checked_sub(4)?).filter(|_| self.data.len() >= 3 + len)
    }
}

/// Bytes of an adaptation field that say something; what else there is of it was stuffed in.
fn said(field: &[u8]) -> usize {
    let [len, flags, ..] = *field else { return 0 };
    if len == 0 {
        return 0;
    }
    let clocks = 6 * usize::from(flags >> 4 & 1) + 6 * usize::from(flags >> 3 & 1) + usize::from(flags >> 2 & 1);
    let mut said = 2 + clocks;
    // Private data, then an extension, each behind its length.
    for bit in [2, 1] {
        if flags & bit != 0 {
            said += 1 + usize::from(field.get(said).copied().unwrap_or(0));
        }
    }
    said
}
