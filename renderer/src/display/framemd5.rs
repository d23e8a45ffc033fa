//! A file with a line for each frame presented, as FFmpeg's framemd5 muxer writes it: what arrived on this side of the
//! shared memory, byte for byte comparable with another decoder's.
//!
//! A line is one write(2). A renderer that was killed leaves at most one incomplete line, which its successor cuts off.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use tricine_session::frame::FrameMeta;
use tricine_session::patient;

use super::{Beat, Display, DisplayError, Outcome, Picture};
use crate::osd::Overlay;

/// Bytes of a picture that are copied out of the channel at a time: they stay in the cache.
const CHUNK: usize = 16 << 10;

/// The file.
pub(crate) struct FrameMd5 {
    file: File,
    path: PathBuf,
    base: TimeBase,
    /// The last line that a predecessor wrote: the frame behind it may be delivered again.
    before: Option<String>,
    next: Option<String>,
    beat: Beat,
}

/// Seconds a tick, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TimeBase {
    num: u64,
    den: u64,
}

impl TimeBase {
    /// One tick a frame where the frame's length is that of a usual rate, as FFmpeg has it; else nanoseconds.
    fn of(duration_ns: i64) -> Self {
        let rates = (1..=240).map(|den| Self { num: 1, den });
        let ntsc = [24_000, 30_000, 48_000, 60_000, 120_000].map(|den| Self { num: 1001, den });
        let nanoseconds = Self { num: 1, den: 1_000_000_000 };
        rates
            .chain(ntsc)
            .find(|b| (b.num * 1_000_000_000 / b.den).abs_diff(duration_ns.max(0) as u64) <= 1)
            .unwrap_or(nanoseconds)
    }

    fn ticks(self, ns: i64) -> i64 {
        let unit = i128::from(self.num) * 1_000_000_000;
        let scaled = i128::from(ns) * i128::from(self.den);
        ((scaled + unit / 2).div_euclid(unit)) as i64
    }
}

fn failed(path: &Path, e: &io::Error) -> DisplayError {
    DisplayError(format!("cannot write {}: {e}; choose another path for --display framemd5=PATH", path.display()))
}

/// What is in the file, from its beginning; `None` where that cannot be read, as in a pipe.
fn read(file: &File) -> Option<Vec<u8>> {
    let mut text = vec![0; usize::try_from(file.metadata().ok().filter(|m| m.is_file())?.len()).ok()?];
    file.read_exact_at(&mut text, 0).ok().map(|()| text)
}

fn header(meta: &FrameMeta, base: TimeBase) -> String {
    format!(
        "#format: frame checksums\n#version: 2\n#hash: MD5\n#software: tricine {}\n#tb 0: {}/{}\n#media_type 0: video\n\
         #codec_id 0: rawvideo\n#dimensions 0: {}x{}\n#sar 0: {}/{}\n#stream#, dts,        pts, duration,     size, hash\n",
        env!("CARGO_PKG_VERSION"),
        base.num,
        base.den,
        meta.width,
        meta.height,
        meta.sar_num,
        meta.sar_den,
    )
}

impl FrameMd5 {
    /// Begins `file`, which the user knows by `path`, or goes on after the last complete line of a predecessor. Where a predecessor has
    /// `begun` what cannot be read back, goes on where it ends.
    pub(crate) fn open(
        mut file: File,
        path: &Path,
        begun: bool,
        beat: Beat,
        meta: &FrameMeta,
    ) -> Result<Self, DisplayError> {
        let wrong = |e: io::Error| failed(path, &e);
        let Some(mut text) = read(&file) else {
            let base = TimeBase::of(meta.duration_ns);
            if !begun {
                patient::write(&file, header(meta, base).as_bytes(), &beat).map_err(wrong)?;
            }
            return Ok(Self { file, path: path.into(), base, before: None, next: None, beat });
        };
        let complete = text.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        text.truncate(complete);
        let text = String::from_utf8(text).unwrap_or_default();
        let base = text.lines().find_map(|l| {
            let (num, den) = l.strip_prefix("#tb 0: ")?.split_once('/')?;
            Some(TimeBase { num: num.parse().ok().filter(|&n| n > 0)?, den: den.parse().ok()? })
        });
        let whole = text.lines().any(|l| l.starts_with("#stream#"));
        let (base, keep) = match base {
            Some(base) if whole => (base, complete as u64),
            _ => (TimeBase::of(meta.duration_ns), 0),
        };
        file.set_len(keep).map_err(wrong)?;
        file.seek(SeekFrom::Start(keep)).map_err(wrong)?;
        if keep == 0 {
            patient::write(&file, header(meta, base).as_bytes(), &beat).map_err(wrong)?;
        }
        let before = text.lines().last().filter(|l| keep > 0 && !l.starts_with('#')).map(|l| format!("{l}\n"));
        Ok(Self { file, path: path.into(), base, before, next: None, beat })
    }
}

impl Display for FrameMd5 {
    fn describe(&self) -> String {
        format!("framemd5 {}", self.path.display())
    }

    fn prepare(&mut self, picture: &Picture<'_>) -> Result<(), DisplayError> {
        let (mut md5, mut part) = (Md5::new(), Vec::new());
        for chunk in picture.bytes().chunks(CHUNK) {
            chunk.copy_to_vec(&mut part);
            md5.update(&part);
        }
        let hash: String = md5.finalize().iter().map(|b| format!("{b:02x}")).collect();
        let pts = self.base.ticks(picture.meta.pts_ns);
        let duration = self.base.ticks(picture.meta.duration_ns);
        self.next = Some(format!("0, {pts:>10}, {pts:>10}, {duration:>8}, {:>8}, {hash}\n", picture.bytes().len()));
        Ok(())
    }

    fn show(&mut self, _overlay: &Overlay) -> Result<Outcome, DisplayError> {
        let Some(line) = self.next.take() else { return Ok(Outcome::Shown) };
        // Killed between the write and the count of it, a predecessor leaves a line whose frame comes again.
        if self.before.take().as_ref() != Some(&line) {
            patient::write(&self.file, line.as_bytes(), &self.beat).map_err(|e| failed(&self.path, &e))?;
        }
        Ok(Outcome::Shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_rates_tick_once_a_frame() {
        for (duration_ns, num, den) in [
            (40_000_000, 1, 25),
            (33_333_333, 1, 30),
            (33_366_666, 1001, 30_000),
            (41_708_333, 1001, 24_000),
            (16_666_667, 1, 60),
            (0, 1, 1_000_000_000),
            (10_500_000, 1, 1_000_000_000),
        ] {
            let base = TimeBase::of(duration_ns);
            assert_eq!((base.num, base.den), (num, den), "{duration_ns}");
        }
        let base = TimeBase::of(33_366_666);
        for n in 0..10_000i64 {
            assert_eq!(base.ticks(n * 1_001_000_000 / 30), n);
        }
    }
}
