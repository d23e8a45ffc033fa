//! Movie fragments: the samples that each `moof` adds to the tracks of `moov`.

use super::boxes::{be32, be64, child, children, descend};
use super::ns;
use super::table::Sample;
use super::track::{Track, movie_scale};

/// What is carried from one fragment to the next.
#[derive(Default)]
pub(super) struct Fragments {
    /// How long the film is with all of them, where `mehd` declares it.
    pub(super) film_ns: Option<i64>,
    /// How many more samples the file may have.
    pub(super) left: usize,
    /// By track: what its `trex` sets.
    defaults: Vec<(u32, Defaults)>,
    /// By track: the decode time behind its last sample.
    times: Vec<(u32, i64)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
    /// The number of the sample entry, from 1 on.
    entry: u32,
}

/// Bit 16 of a sample's flags: it is no sync sample.
const NON_SYNC: u32 = 1 << 16;

/// How long a fragmented sound track without an edit list waits before its first packet. FFmpeg, which has no edit list
/// left to write once `moov` is out, puts the first packet of a track that begins later at 0 and lets it last until the
/// second one: its sound is that packet's end.
pub(super) fn wait_before(durations: impl IntoIterator<Item = i64>) -> i64 {
    let mut durations = durations.into_iter();
    let first = durations.next().unwrap_or(0);
    // The last packet may be a rest, and no measure.
    let (mut usual, mut last) = (0, None);
    for duration in durations {
        usual = usual.max(last.replace(duration).unwrap_or(0));
    }
    if usual > 0 { first.saturating_sub(usual).max(0) } else { 0 }
}

impl Fragments {
    /// None yet; the file may have `left` samples.
    pub(super) fn new(left: usize) -> Self {
        Self { left, ..Self::default() }
    }

    /// Reads `mvex`.
    pub(super) fn defaults(&mut self, moov: &[u8]) {
        self.film_ns = descend(moov, &[b"mvex", b"mehd"]).and_then(|mehd| {
            let ticks = if mehd.first() == Some(&1) { be64(mehd, 4)? } else { be32(mehd, 4)?.into() };
            Some(ns(i64::try_from(ticks).ok()?, movie_scale(moov)))
        });
        let trexes = child(moov, b"mvex").into_iter().flat_map(children).filter(|(kind, _)| kind == b"trex");
        self.defaults = trexes
            .filter_map(|(_, trex)| {
                let defaults = Defaults {
                    duration: be32(trex, 12)?,
                    size: be32(trex, 16)?,
                    flags: be32(trex, 20)?,
                    entry: be32(trex, 8)?,
                };
                Some((be32(trex, 4)?, defaults))
            })
            .collect();
    }

    /// Adds the samples of the `moof` that begins at `start`.
    pub(super) fn add(&mut self, moof: &[u8], start: u64, tracks: &mut [Track], file_len: u64) {
        let mut base = start;
        for (_, traf) in children(moof).filter(|(kind, _)| kind == b"traf") {
            if let Some(end) = self.add_track(traf, start, base, tracks, file_len) {
                base = end;
            }
        }
    }

    /// Adds a `traf`; returns where its data ends, which is where the next one's begins if neither says otherwise.
    fn add_track(&mut self, traf: &[u8], moof: u64, previous: u64, tracks: &mut [Track], file_len: u64) -> Option<u64> {
        let tfhd = child(traf, b"tfhd")?;
        let (flags, id) = (be32(tfhd, 0)? & 0xff_ffff, be32(tfhd, 4)?);
        let track = tracks.iter_mut().find(|track| track.id == id)?;
        let mut defaults = self.defaults.iter().find(|(of, _)| *of == id).map_or_else(Defaults::default, |(_, d)| *d);
        let mut at = 8;
        let mut base = if flags & 0x02_0000 != 0 { moof } else { previous };
        if flags & 1 != 0 {
            base = be64(tfhd, at)?;
            at += 8;
        }
        if flags & 2 != 0 {
            defaults.entry = be32(tfhd, at)?;
            at += 4;
        }
        for (bit, value) in [(8, &mut defaults.duration), (16, &mut defaults.size), (32, &mut defaults.flags)] {
            if flags & bit != 0 {
                *value = be32(tfhd, at)?;
                at += 4;
            }
        }
        let known = self.times.iter().position(|(of, _)| *of == id).unwrap_or_else(|| {
            self.times.push((id, 0));
            self.times.len() - 1
        });
        let time = &mut self.times.get_mut(known)?.1;
        if let Some(tfdt) = child(traf, b"tfdt") {
            *time = if tfdt.first() == Some(&1) { be64(tfdt, 4)? as i64 } else { be32(tfdt, 4)?.into() };
        }
        let mut offset = base;
        for (_, trun) in children(traf).filter(|(kind, _)| kind == b"trun") {
            let before = track.samples.len();
            add_run(trun, defaults, base, &mut offset, time, track, file_len, self.left);
            self.left -= track.samples.len() - before;
        }
        Some(offset)
    }
}

/// Adds a `trun`; it stops where its table ends early.
#[allow(clippy::too_many_arguments, reason = "one place calls it")]
fn add_run(
    trun: &[u8],
    defaults: Defaults,
    base: u64,
    offset: &mut u64,
    time: &mut i64,
    track: &mut Track,
    file_len: u64,
    left: usize,
) -> Option<()> {
    let most = track.samples.len() + left.min(usize::try_from(file_len).unwrap_or(usize::MAX));
    let flags = be32(trun, 0)? & 0xff_ffff;
    let count = be32(trun, 4)? as usize;
    let mut at = 8;
    let mut take = |present: bool| {
        present.then(|| {
            at += 4;
            be32(trun, at - 4)
        })
    };
    if let Some(delta) = take(flags & 1 != 0) {
        *offset = base.checked_add_signed(i64::from(delta? as i32))?;
    }
    let entry = u8::try_from(defaults.entry.saturating_sub(1)).unwrap_or(0);
    let mut first_flags = take(flags & 4 != 0).flatten();
    // A run whose samples all have the defaults takes no room in the file: bound it by what it refers to.
    for _ in 0..count {
        let mut field = |bit: u32, default: u32| match take(flags & bit != 0) {
            Some(read) => read,
            None => Some(default),
        };
        let duration = field(0x100, defaults.duration)?;
        let size = field(0x200, defaults.size)?;
        let sample_flags = field(0x400, first_flags.take().unwrap_or(defaults.flags))?;
        // Signed in either version, as in FFmpeg: some writers have negative ones in the first, and none has any so large.
        let late = i64::from(field(0x800, 0)? as i32);
        if u64::from(size) > file_len || track.samples.len() >= most {
            return None;
        }
        let pts = time.saturating_add(late);
        track.samples.push(Sample {
            offset: *offset,
            size,
            pts_ns: ns(pts, track.scale),
            duration_ns: ns(duration.into(), track.scale),
            trim_ns: 0,
            entry,
            sync: sample_flags & NON_SYNC == 0,
            hidden: false,
        });
        *time = time.saturating_add(duration.into());
        *offset = offset.saturating_add(size.into());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_first_packet_that_was_stretched_waits() {
        for (durations, wait) in [
            (&[2_940, 1_024, 1_024, 1_024][..], 1_916),
            (&[1_024, 1_024, 1_024], 0),
            (&[1_024, 1_024, 500], 0),
            (&[500, 1_024, 1_024], 0),
            // Nothing tells what is usual.
            (&[1_024, 500], 0),
            (&[2_940], 0),
            (&[], 0),
        ] {
            assert_eq!(wait_before(durations.iter().copied()), wait, "{durations:?}");
        }
    }
}
