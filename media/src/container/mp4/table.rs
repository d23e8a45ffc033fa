//! A track's sample tables: sizes, places, times and sync points, as far as they agree with each other.

use super::super::caps;
use super::boxes::{be16, be32, be64, child};
use super::ns;

/// PCM frames in one packet of ours; files list single frames.
const PCM_PACKET: u32 = 2_048;

/// One sample: on the track's own timeline, or on the film's once the edit list was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) pts_ns: i64,
    pub(super) duration_ns: i64,
    pub(super) size: u32,
    /// How much of its end is not to be heard.
    pub(super) trim_ns: u32,
    /// Which sample entry it is coded with.
    pub(super) entry: u8,
    pub(super) sync: bool,
    /// Outside the edit: to be decoded but not presented.
    pub(super) hidden: bool,
}

/// What the tables are read with.
pub(super) struct Reading {
    /// Ticks per second.
    pub(super) scale: u32,
    pub(super) file_len: u64,
    /// Of sound that is listed by the sample frame: how many of these stand together, and in how many bytes.
    pub(super) pcm_frame: Option<(u32, u32)>,
    /// How many more samples the file may have.
    pub(super) left: usize,
    /// They are heard, in the order in which they are decoded.
    pub(super) sound: bool,
}

/// Reads the tables. Where one of those that place samples ends early, so does the list; times that are missing follow the
/// last ones. Errors: the index claims more samples than any film has.
pub(super) fn samples(stbl: &[u8], reading: &Reading) -> Result<Vec<Sample>, String> {
    let Some((mut sizes, mut chunks)) = Sizes::parse(stbl).zip(Chunks::parse(stbl)) else { return Ok(Vec::new()) };
    if sizes.all > 0 && reading.pcm_frame.is_none() {
        let claimed = sizes.count;
        sizes.count = sizes.count.min(usize::try_from(reading.file_len / u64::from(sizes.all)).unwrap_or(usize::MAX));
        if sizes.count > caps::EQUAL_SAMPLES {
            return Err(format!("its index claims {claimed} samples of {} bytes", sizes.all));
        }
    }
    let mut times = Times::parse(stbl, sizes.count, reading.sound);
    let syncs = child(stbl, b"stss");
    let (mut syncs_at, mut index, mut out) = (8, 0usize, Vec::new());
    let mut push = |sample: Sample| {
        if out.len() >= reading.left {
            return Err(format!("its index has more than {} samples", caps::SAMPLES));
        }
        out.push(sample);
        Ok(())
    };
    'chunks: while let Some(chunk) = chunks.next() {
        let mut offset = chunk.offset;
        let mut left = (chunk.samples as usize).min(sizes.count - index);
        while left > 0 {
            // Beyond the file's end, what nobody can read is not listed one by one.
            if offset >= reading.file_len && reading.pcm_frame.is_some() {
                index += left;
                break;
            }
            let (frames, size) = match reading.pcm_frame {
                Some((unit, _)) if left < unit as usize => {
                    index += left;
                    break;
                }
                Some((unit, bytes)) => {
                    let units = (left as u32).min(PCM_PACKET) / unit;
                    (units * unit, units.saturating_mul(bytes))
                }
                None => match sizes.get(index) {
                    Some(size) if u64::from(size) <= reading.file_len => (1, size),
                    _ => break 'chunks,
                },
            };
            let (ticks, lasts) = times.take(frames);
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
            let (pts_ns, duration_ns) = (ns(ticks, reading.scale), ns(lasts, reading.scale));
            push(Sample { offset, pts_ns, duration_ns, size, trim_ns: 0, entry: chunk.entry, sync, hidden: false })?;
            offset = offset.saturating_add(size.into());
            index += frames as usize;
            left -= frames as usize;
        }
        if index >= sizes.count {
            break;
        }
    }
    Ok(out)
}

/// `stts` and `ctts`, walked side by side.
struct Times<'a> {
    stts: Runs<'a>,
    /// How much later than they are decoded samples are shown: one by one where that is told of all, else all as the first; of sound, all as the
    /// last.
    ctts: Result<Runs<'a>, i32>,
    dts: i64,
    /// The last duration that made sense.
    last: u32,
}

impl<'a> Times<'a> {
    fn parse(stbl: &'a [u8], samples: usize, sound: bool) -> Self {
        let ctts = Runs::new(child(stbl, b"ctts").unwrap_or_default());
        let ctts = match ctts.count() < samples {
            // Nero's songs have their first packet at the time of the second one.
            _ if sound => Err(ctts.last().unwrap_or(0) as i32),
            true => Err(ctts.clone().next().unwrap_or(0) as i32),
            false => Ok(ctts),
        };
        Self { stts: Runs::new(child(stbl, b"stts").unwrap_or_default()), ctts, dts: 0, last: 1 }
    }

    /// The pts and the duration of the next `frames` samples, in ticks.
    fn take(&mut self, frames: u32) -> (i64, i64) {
        let begins = self.dts;
        let late = match &mut self.ctts {
            Ok(ctts) => ctts.next().unwrap_or(0) as i32,
            Err(late) => *late,
        };
        let mut left = frames;
        while left > 0 {
            let (count, delta) = self.stts.take(left).unwrap_or((left, self.last));
            // Negative, or absurdly long: it follows the one before as that one followed its own.
            if delta <= caps::SAMPLE_TICKS {
                self.last = delta;
            }
            self.dts = self.dts.saturating_add(i64::from(self.last).saturating_mul(count.into()));
            left -= count;
        }
        (begins.saturating_add(late.into()), self.dts.saturating_sub(begins))
    }
}

/// A run-length table, as (count, value).
#[derive(Clone)]
struct Runs<'a> {
    entries: &'a [u8],
    left: u32,
    value: u32,
}

impl<'a> Runs<'a> {
    fn new(table: &'a [u8]) -> Self {
        let count = be32(table, 4).unwrap_or(0) as usize;
        let entries = table.get(8..).unwrap_or_default();
        Self { entries: &entries[..entries.len().min(count.saturating_mul(8))], left: 0, value: 0 }
    }

    /// How many samples it tells of.
    fn count(&self) -> usize {
        self.entries.chunks_exact(8).filter_map(|entry| be32(entry, 0)).fold(0, |all, n| all.saturating_add(n as usize))
    }

    /// The value of the last run.
    fn last(&self) -> Option<u32> {
        be32(self.entries, self.entries.len().checked_sub(4)?)
    }

    /// At most `most` samples of the run that is next, and their value.
    fn take(&mut self, most: u32) -> Option<(u32, u32)> {
        while self.left == 0 {
            let (entry, rest) = self.entries.split_at_checked(8)?;
            (self.left, self.value) = (be32(entry, 0)?, be32(entry, 4)?);
            self.entries = rest;
        }
        let count = self.left.min(most);
        self.left -= count;
        Some((count, self.value))
    }

    fn next(&mut self) -> Option<u32> {
        self.take(1).map(|(_, value)| value)
    }
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
            16 => be16(self.table, 2 * index).map(u32::from),
            8 => self.table.get(index).map(|&size| size.into()),
            _ => self
                .table
                .get(index / 2)
                .map(|&pair| u32::from(if index.is_multiple_of(2) { pair >> 4 } else { pair & 15 })),
        }
    }
}

/// A chunk: where it begins, how many samples it has, and which sample entry they are coded with.
struct Chunk {
    offset: u64,
    samples: u32,
    entry: u8,
}

/// The chunks in order.
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

    fn next(&mut self) -> Option<Chunk> {
        let offset =
            if self.wide { be64(self.offsets, 8 * self.index)? } else { be32(self.offsets, 4 * self.index)?.into() };
        self.index += 1;
        while be32(self.runs, 12 * (self.run + 1)).is_some_and(|first| first as usize <= self.index) {
            self.run += 1;
        }
        let (samples, entry) = (be32(self.runs, 12 * self.run + 4)?, be32(self.runs, 12 * self.run + 8).unwrap_or(1));
        Some(Chunk { offset, samples, entry: u8::try_from(entry.saturating_sub(1)).unwrap_or(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
        let body: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
    }

    fn read(stts: &[u32], stsz: &[u32], stsc: &[u32], file_len: u64) -> Result<Vec<Sample>, String> {
        let tables = [(b"stts", stts), (b"stsz", stsz), (b"stsc", stsc), (b"stco", &[0, 2, 0, 1000])];
        let stbl: Vec<u8> = tables.iter().flat_map(|(kind, words)| table(kind, words)).collect();
        samples(&stbl, &Reading { scale: 1000, file_len, pcm_frame: None, left: 100, sound: false })
    }

    #[test]
    fn times_that_are_missing_or_negative_follow_the_frame_before() {
        let places = |stts: &[u32]| -> Vec<i64> {
            let samples = read(stts, &[0, 0, 4, 1, 1, 1, 1], &[0, 1, 1, 4, 1], 5000).unwrap();
            samples.iter().map(|sample| sample.pts_ns / 1_000_000).collect()
        };
        assert_eq!(places(&[0, 1, 4, 40]), [0, 40, 80, 120]);
        assert_eq!(places(&[0, 1, 2, 40]), [0, 40, 80, 120]);
        assert_eq!(places(&[0, 3, 1, 40, 1, 0xffff_fffe, 2, 40]), [0, 40, 80, 120]);
    }

    #[test]
    fn each_sample_has_the_description_of_its_chunk() {
        let samples = read(&[0, 1, 4, 40], &[0, 0, 4, 1, 1, 1, 1], &[0, 2, 1, 3, 1, 2, 1, 2], 5000).unwrap();
        let entries: Vec<_> = samples.iter().map(|sample| (sample.entry, sample.offset)).collect();
        assert_eq!(entries, [(0, 0), (0, 1), (0, 2), (1, 1000)]);
    }

    #[test]
    fn more_samples_than_a_film_can_have_are_refused() {
        let many = [0, 1, u32::MAX];
        assert!(
            read(&[0, 1, u32::MAX, 1], &many, &[0, 1, 1, u32::MAX, 1], 8 << 30).unwrap_err().contains("4294967295")
        );
        let sizes: Vec<u32> = [0, 0, 101].into_iter().chain([1; 101]).collect();
        assert!(read(&[0, 1, 101, 1], &sizes, &[0, 1, 1, 101, 1], 5000).is_err());
    }
}
