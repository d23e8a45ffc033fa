//! Clips made with ffmpeg, and what ffmpeg itself decodes from them, to compare every byte with.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tricine_media::{Choice, Input, Media, MediaError, MediaFile, NS, VideoFrame, VideoSource};

/// A directory of clips that is removed when the test ends.
pub(crate) struct Clips(PathBuf);

impl Clips {
    /// A fresh directory, or `None` with a message where ffmpeg is missing (an error if everything is required).
    pub(crate) fn new(name: &str) -> Option<Self> {
        let there = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_err() {
            assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "ffmpeg is required");
            let _ = writeln!(std::io::stderr(), "skipped: ffmpeg is not installed");
            return None;
        }
        // Two tests may use one name at the same time.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        let dir = std::env::temp_dir().join(format!("tricine-{name}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        Some(Self(dir))
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes `name` by ffmpeg from what `args` (split at spaces) say. `None` where this ffmpeg lacks the encoder, unless
    /// everything is required.
    pub(crate) fn make(&self, name: &str, args: &str) -> Option<PathBuf> {
        let path = self.path(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y"]).args(args.split_whitespace()).arg(&path);
        let output = command.output().expect("ffmpeg runs");
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                why.contains("Unknown encoder") && std::env::var_os("TRICINE_REQUIRE_ALL").is_none(),
                "{name}: {why}"
            );
            let _ = writeln!(std::io::stderr(), "skipped {name}: {why}");
            return None;
        }
        Some(path)
    }
}

impl Drop for Clips {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// ffmpeg's arguments for a lively picture of `size`, `seconds` long.
pub(crate) fn lively(size: &str, rate: &str, seconds: &str) -> String {
    format!(
        "-f lavfi -i testsrc2=size={size}:rate={rate}:duration={seconds},noise=alls=12:allf=t+u:all_seed=7 -pix_fmt yuv420p"
    )
}

/// Opens a file as the decoder would.
pub(crate) fn open(path: &Path) -> Result<Media, MediaError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    tricine_media::open(&Input::File(MediaFile::new(File::open(path)?, name)?))
}

/// Opens a file's video, with interlaced pictures as they are coded.
pub(crate) fn video_as_coded(path: &Path) -> Box<dyn VideoSource> {
    video_by(path, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// As [`video_as_coded`], of H.264 with so many pictures in work (see [`Choice`]). Errors: there is no video that can be decoded.
pub(crate) fn video_by(path: &Path, at_once: Option<usize>) -> Result<Box<dyn VideoSource>, MediaError> {
    let file = Input::File(MediaFile::new(File::open(path)?, "film")?);
    let choice = Choice { interlaced: true, at_once, ..Choice::default() };
    let mut media = tricine_media::open_at(&file, 0, NS, &choice)?;
    let why = media.missing.pop().map_or_else(|| "no video".into(), |(_, why)| why);
    media.video.ok_or(MediaError::Broken(why))
}

/// Opens a file's video.
pub(crate) fn video(path: &Path) -> Box<dyn VideoSource> {
    let media = open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    media.video.unwrap_or_else(|| panic!("{}: no video; {:?}", path.display(), media.notices))
}

/// A frame's samples as I420.
pub(crate) fn samples(frame: &mut VideoFrame) -> Vec<u8> {
    let mut out = vec![0x55; frame.format.i420_len()];
    frame.picture.write_i420(&mut out);
    out
}

/// Every frame as ffmpeg decodes it to 8-bit I420.
pub(crate) fn reference(path: &Path, frame_len: usize) -> Vec<Vec<u8>> {
    filtered(path, frame_len, "null")
}

/// As [`reference`], behind a filter.
pub(crate) fn filtered(path: &Path, frame_len: usize, filter: &str) -> Vec<Vec<u8>> {
    with_options(path, frame_len, filter, &[])
}

/// As [`reference`], by what FFmpeg does where there are no vectors of numbers: those round some samples otherwise.
pub(crate) fn by_numbers(path: &Path, frame_len: usize) -> Vec<Vec<u8>> {
    with_options(path, frame_len, "null", &["-cpuflags", "0"])
}

fn with_options(path: &Path, frame_len: usize, filter: &str, options: &[&str]) -> Vec<Vec<u8>> {
    let mut command = Command::new("ffmpeg");
    command.args(options);
    command.args(["-v", "error", "-nostdin", "-noautorotate", "-threads", "1", "-flags", "unaligned", "-i"]).arg(path);
    command.args([
        "-map",
        "0:v:0",
        "-vf",
        filter,
        "-vsync",
        "passthrough",
        "-pix_fmt",
        "yuv420p",
        "-f",
        "rawvideo",
        "-",
    ]);
    let output = command.output().expect("ffmpeg runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks(frame_len).map(<[u8]>::to_vec).collect()
}

/// All frames as ffmpeg decodes them in `format`, each of its own size; in order also where the stream does not say how many
/// pictures are reordered.
pub(crate) fn coded(path: &Path, format: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    // Without its code for vectors, which makes zeros of what is weighted by distance at 10 bits.
    command.args(["-v", "error", "-nostdin", "-cpuflags", "0", "-threads", "1", "-strict", "1", "-flags", "unaligned"]);
    command.arg("-i").arg(path).args([
        "-vsync",
        "passthrough",
        "-autoscale",
        "0",
        "-pix_fmt",
        format,
        "-f",
        "rawvideo",
        "-",
    ]);
    let output = command.output().expect("ffmpeg runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Every frame's time in seconds as ffprobe tells it, counted from the file's start.
pub(crate) fn reference_times(path: &Path) -> Vec<f64> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0", "-show_entries"]);
    command.args(["frame=best_effort_timestamp_time:format=start_time", "-of", "csv=p=0"]).arg(path);
    let output = command.output().expect("ffprobe runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut times: Vec<f64> =
        text.lines().filter_map(|line| line.split(',').next().and_then(|field| field.trim().parse().ok())).collect();
    let start = times.pop().unwrap_or(0.0);
    times.iter().map(|time| time - start).collect()
}

/// When ffmpeg presents the first frame of a track, such as `a:0`, in seconds on the file's own timeline.
pub(crate) fn first_time(path: &Path, track: &str) -> f64 {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", track, "-show_entries", "frame=best_effort_timestamp_time"]);
    let output = command.args(["-of", "csv=p=0"]).arg(path).output().expect("ffprobe runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.split([',', '\n']).find_map(|field| field.trim().parse().ok()).expect("a first frame")
}

/// All frames with their times; damage is not expected.
pub(crate) fn decode_all(path: &Path) -> Vec<(i64, i64, Vec<u8>)> {
    all_frames(&mut *video(path), path)
}

/// All frames of an open film.
pub(crate) fn all_frames(video: &mut dyn VideoSource, path: &Path) -> Vec<(i64, i64, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(mut frame) = video.next_frame().unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        frames.push((frame.pts_ns, frame.duration_ns, samples(&mut frame)));
    }
    frames
}

/// Checks that every byte and every time of the file's frames is what ffmpeg finds.
pub(crate) fn assert_exact(path: &Path) {
    assert_exact_by(path, None);
}

/// As [`assert_exact`], of H.264 with so many pictures in work.
fn assert_exact_by(path: &Path, at_once: Option<usize>) {
    let len = video(path).info().format.i420_len();
    let mut video = video_by(path, at_once).expect("its video");
    let (ours, theirs) = (all_frames(&mut *video, path), reference(path, len));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    assert_eq!(ours.len(), theirs.len(), "{name}: number of frames");
    assert!(!ours.is_empty(), "{name}: no frame");
    for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert!(ours.2 == *theirs, "{name}: frame {n} differs ({} of {len} bytes)", differing(&ours.2, theirs));
    }
    let times = reference_times(path);
    assert_eq!(times.len(), ours.len(), "{name}: number of times");
    for (n, ((pts_ns, ..), time)) in ours.iter().zip(times).enumerate() {
        let off = (*pts_ns as f64 / 1e9 - time).abs();
        assert!(off < 2e-6, "{name}: frame {n} is due at {pts_ns} ns, ffprobe says {time} s");
    }
}

/// Makes films (their names; size, rate and seconds of a lively picture; settings) and checks them by [`assert_exact`].
pub(crate) fn assert_all_exact(films: &[(&str, &str, impl std::fmt::Display)], name: &str) {
    assert_all_exact_by(films, name, &[None]);
}

/// As [`assert_all_exact`], of H.264 with each of these numbers of pictures in work.
pub(crate) fn assert_all_exact_by(
    films: &[(&str, &str, impl std::fmt::Display)],
    name: &str,
    numbers: &[Option<usize>],
) {
    let Some(clips) = Clips::new(name) else { return };
    for (file, source, settings) in films {
        let parts: Vec<&str> = source.split(' ').collect();
        let source = lively(parts[0], parts[1], parts[2]);
        if let Some(path) = clips.make(file, &format!("{source} {settings}")) {
            numbers.iter().for_each(|&at_once| assert_exact_by(&path, at_once));
        }
    }
}

fn differing(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a != b).count() + a.len().abs_diff(b.len())
}

/// A small generator of numbers, so that no test depends on chance.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
