//! A track's sample tables: sizes, places, times and sync points, as far as they agree with each other.

use super::boxes::{be32, be64, child};

/// No film has more samples in one track: three hours at 1,500 a second.
pub(super) const MAX_SAMPLES: usize = 1 << 24;

/// One sample, its times in the track's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) offset: u64,
    pub(super) size: u32,
    pub(super) sync: bool,
    pub(super) pts: i64,
    pub(super) duration: u32,
}

/// Reads the tables. Where one of them ends early, so does the list; a sample larger than the file ends it too, and
/// never is memory taken for more samples than the file has bytes.
pub(super) fn samples(stbl: &[u8], file_len: u64) -> Vec<Raw> {
    read(stbl, file_len).unwrap_or_default()
}

fn read(stbl: &[u8], file_len: u64) -> Option<Vec<Raw>> {
    let sizes = Sizes::parse(stbl)?;
    let limit = sizes.count.min(MAX_SAMPLES).min(usize::try_from(file_len).unwrap_or(usize::MAX));
    let mut durations = runs(child(stbl, b"stts")?, 8);
    let mut offsets = child(stbl, b"ctts").map(|ctts| runs(ctts, 8));
    let syncs = child(stbl, b"stss");
    let mut syncs_at = 8;
    let mut chunks = Chunks::parse(stbl)?;
    let (mut out, mut dts, mut left, mut offset) = (Vec::new(), 0i64, 0, 0u64);
    while out.len() < limit {
        let index = out.len();
        while left == 0 {
            (offset, left) = match chunks.next() {
                Some(chunk) => chunk,
                None => return Some(out),
            };
        }
        let size = sizes.get(index)?;
        let Some(duration) = durations.next() else { break };
        let late = offsets.as_mut().and_then(Iterator::next).unwrap_or(0) as i32;
        let sync = match syncs {
            None => true,
            Some(table) => {
                // Its numbers begin at 1 and rise.
                while be32(table, syncs_at).is_some_and(|number| (number as usize) < index + 1) {
                    syncs_at += 4;
                }
                be32(table, syncs_at).is_some_and(|number| number as usize == index + 1)
            }
        };
        if u64::from(size) > file_len {
            break;
        }
        out.push(Raw { offset, size, sync, pts: dts.saturating_add(late.into()), duration });
        dts = dts.saturating_add(duration.into());
        offset = offset.saturating_add(size.into());
        left -= 1;
    }
    Some(out)
}

/// The values of a run-length table (`stts`, `ctts`), one a sample.
fn runs(table: &[u8], from: usize) -> impl Iterator<Item = u32> {
    let count = be32(table, 4).unwrap_or(0) as usize;
    let entries = table.get(from..).unwrap_or_default().chunks_exact(8).take(count);
    entries.flat_map(|entry| {
        let (count, value) = (be32(entry, 0).unwrap_or(0), be32(entry, 4).unwrap_or(0));
        std::iter::repeat_n(value, count as usize)
    })
}

/// `stsz` or `stz2`.
struct Sizes<'a> {
    table: &'a [u8],
    all: u32,
    bits: usize,
    count: usize,
}

impl<'a> Sizes<'a> {
    fn parse(stbl: &'a [u8]) -> Option<Self> {
        if let Some(stsz) = child(stbl, b"stsz") {
            let (all, count) = (be32(stsz, 4)?, be32(stsz, 8)? as usize);
            let table = stsz.get(12..)?;
            let count = if all == 0 { count.min(table.len() / 4) } else { count };
            return Some(Self { table, all, bits: 32, count });
        }
        let stz2 = child(stbl, b"stz2")?;
        let (bits, table) = (usize::from(*stz2.get(7)?), stz2.get(12..)?);
        let count = (be32(stz2, 8)? as usize).min(table.len() * 8 / bits.max(1));
        matches!(bits, 4 | 8 | 16).then_some(Self { table, all: 0, bits, count })
    }

    fn get(&self, index: usize) -> Option<u32> {
        if self.all > 0 {
            return Some(self.all);
        }
        match self.bits {
            32 => be32(self.table, 4 * index),
            16 => super::track::half(self.table, 2 * index),
            8 => self.table.get(index).map(|&size| size.into()),
            _ => self
                .table
                .get(index / 2)
                .map(|&pair| u32::from(if index.is_multiple_of(2) { pair >> 4 } else { pair & 15 })),
        }
    }
}

/// The chunks in order, each as where it begins and how many samples it has.
struct Chunks<'a> {
    runs: &'a [u8],
    offsets: &'a [u8],
    wide: bool,
    index: usize,
    run: usize,
}

impl<'a> Chunks<'a> {
    fn parse(stbl: &'a [u8]) -> Option<Self> {
        let (offsets, wide) = match child(stbl, b"stco") {
            Some(stco) => (stco.get(8..)?, false),
            None => (child(stbl, b"co64")?.get(8..)?, true),
        };
        Some(Self { runs: child(stbl, b"stsc")?.get(8..)?, offsets, wide, index: 0, run: 0 })
    }
}

impl Iterator for Chunks<'_> {
    type Item = (u64, u32);

    fn next(&mut self) -> Option<(u64, u32)> {
        let offset =
            if self.wide { be64(self.offsets, 8 * self.index)? } else { be32(self.offsets, 4 * self.index)?.into() };
        self.index += 1;
        while be32(self.runs, 12 * (self.run + 1)).is_some_and(|first| first as usize <= self.index) {
            self.run += 1;
        }
        Some((offset, be32(self.runs, 12 * self.run + 4)?))
    }
}
