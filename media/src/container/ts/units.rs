//! Transport packets, and what the PES packets in them say of time.

use crate::{MediaError, MediaFile, NS};

/// Bytes of a transport packet that matter.
const UNIT: usize = 188;
/// Times wrap around after so many ticks, 26.5 hours.
pub(super) const WRAP: i64 = 1 << 33;

/// How transport packets lie in a file: the distance from one to the next, and what precedes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(super) step: u64,
    lead: u64,
}

impl Grid {
    /// Finds it by the sync bytes of the first packets.
    pub(crate) fn find(head: &[u8]) -> Option<Self> {
        [(188, 0), (192, 4), (204, 0)].into_iter().map(|(step, lead)| Self { step, lead }).find(|grid| {
            let sync = |n: u64| head.get((n * grid.step + grid.lead) as usize) == Some(&0x47);
            (0..4).all(sync)
        })
    }
}

/// Walks the transport packets from a place in the file.
pub(super) struct Units {
    pub(super) file: MediaFile,
    pub(super) grid: Grid,
    pub(super) at: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

/// A transport packet: its track, whether something begins in it, its counter, and what it carries.
pub(super) struct Unit<'a> {
    pub(super) pid: u16,
    pub(super) begins: bool,
    pub(super) counter: u8,
    pub(super) broken: bool,
    pub(super) payload: &'a [u8],
}

impl Units {
    pub(super) fn new(file: MediaFile, grid: Grid, at: u64) -> Self {
        Self { file, grid, at: at - at % grid.step, buffer: Vec::new(), buffer_at: 0 }
    }

    /// Whether the file ends within a packet, as far as the place tells from where packets are taken.
    pub(super) fn is_cut(&self) -> bool {
        !self.file.len().abs_diff(self.at).is_multiple_of(self.grid.step)
    }

    /// The next packet; `None` at the end. Bytes between packets are passed over.
    pub(super) fn next(&mut self) -> Result<Option<Unit<'_>>, MediaError> {
        let step = self.grid.step as usize;
        loop {
            let start = self.at + self.grid.lead;
            if start < self.buffer_at || start + UNIT as u64 > self.buffer_at + self.buffer.len() as u64 {
                self.buffer.resize(step * 512, 0);
                let mut got = 0;
                while got < self.buffer.len() {
                    match self.file.read_at(&mut self.buffer[got..], start + got as u64)? {
                        0 => break,
                        n => got += n,
                    }
                }
                self.buffer.truncate(got);
                self.buffer_at = start;
                if got < UNIT {
                    return Ok(None);
                }
            }
            let from = (start - self.buffer_at) as usize;
            if self.buffer[from] != 0x47 {
                // Lost: on to where two packets follow each other.
                self.at += 1;
                let rest = &self.buffer[from + 1..];
                let skipped = rest
                    .iter()
                    .enumerate()
                    .position(|(n, byte)| *byte == 0x47 && rest.get(n + step).is_none_or(|next| *next == 0x47));
                self.at += skipped.unwrap_or(rest.len()) as u64;
                continue;
            }
            self.at += self.grid.step;
            let unit = &self.buffer[from..from + UNIT];
            let adaptation = unit[3] & 0x20 != 0;
            let skip = if adaptation { 5 + usize::from(unit[4]) } else { 4 };
            let payload = if unit[3] & 0x10 != 0 { unit.get(skip..).unwrap_or_default() } else { &[] };
            return Ok(Some(Unit {
                pid: u16::from_be_bytes([unit[1] & 0x1f, unit[2]]),
                begins: unit[1] & 0x40 != 0,
                counter: unit[3] & 15,
                broken: unit[1] & 0x80 != 0 || unit[3] & 0xc0 != 0,
                payload,
            }));
        }
    }
}

/// What a PES packet's header says: its time in ticks, and where its data begins.
pub(super) fn pes(data: &[u8]) -> Option<(Option<i64>, usize)> {
    if !data.starts_with(&[0, 0, 1]) {
        return None;
    }
    let (flags, len) = (*data.get(7)?, usize::from(*data.get(8)?));
    let time = data.get(9..14).filter(|_| flags & 0x80 != 0).map(|b| {
        let [a, b, c, d, e] = [b[0], b[1], b[2], b[3], b[4]].map(i64::from);
        (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
    });
    Some((time, 9 + len))
}

/// `ticks`, as near to `near` as wrapping around allows.
pub(super) fn unwrap(ticks: i64, near: i64) -> i64 {
    near + (ticks - near + WRAP / 2).rem_euclid(WRAP) - WRAP / 2
}

pub(super) fn ns(ticks: i64) -> i64 {
    (i128::from(ticks) * i128::from(NS) / 90_000) as i64
}
