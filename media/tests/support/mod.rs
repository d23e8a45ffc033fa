//! What the decoder's tests share: FFmpeg where it is installed, and whole decodes.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tricine_media::{AudioSource, MediaError, MediaFile};

/// A folder that goes away with the test.
pub struct Tool {
    dir: PathBuf,
}

impl Tool {
    /// FFmpeg with a folder to work in; `None`, said aloud, where it is not installed.
    pub fn ffmpeg(test: &str) -> Option<Self> {
        if Command::new("ffmpeg").arg("-version").output().is_err() {
            assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "ffmpeg is not installed");
            let _ = writeln!(std::io::stderr(), "skipped: ffmpeg is not installed");
            return None;
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        let dir = std::env::temp_dir().join(format!("tricine-{test}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Some(Self { dir })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Runs `ffmpeg ARGS NAME` and opens what it made; `None`, said aloud, where this FFmpeg lacks an encoder.
    pub fn make(&self, args: &str, name: &str) -> Option<MediaFile> {
        make(args, &self.path(name)).then(|| open(&self.path(name)))
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

pub fn make(args: &str, path: &Path) -> bool {
    let status = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(args.split(' ')).arg(path).output().unwrap();
    if !status.status.success() {
        let text = String::from_utf8_lossy(&status.stderr).into_owned();
        assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "ffmpeg {args}: {text}");
        let _ = writeln!(std::io::stderr(), "skipped: ffmpeg {args}: {text}");
    }
    status.status.success()
}

pub fn open(path: &Path) -> MediaFile {
    MediaFile::new(std::fs::File::open(path).unwrap(), path.to_string_lossy()).unwrap()
}

/// FFmpeg's decode as 16-bit samples, by `decoder` if one is named.
pub fn ffmpeg_pcm(path: &Path, decoder: Option<&str>) -> Vec<i16> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(decoder.into_iter().flat_map(|name| ["-c:a", name]))
        .arg("-i")
        .arg(path)
        .args(["-map", "0:a:0", "-f", "s16le", "-c:a", "pcm_s16le", "-"])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// A whole decode.
pub struct All {
    pub samples: Vec<f32>,
    pub channels: usize,
    pub first_pts: i64,
    pub damaged: Vec<String>,
}

/// Decodes to the end and checks that blocks follow each other without gap, and that it ends.
pub fn decode_all(source: &mut dyn AudioSource) -> All {
    let mut all =
        All { samples: Vec::new(), channels: source.info().channels.into(), first_pts: -1, damaged: Vec::new() };
    loop {
        match source.next_block() {
            Ok(None) => return all,
            Ok(Some(block)) => {
                assert!(!block.samples.is_empty() && block.samples.len() % usize::from(block.channels) == 0);
                assert!((1..=8).contains(&block.channels));
                if all.first_pts < 0 {
                    all.first_pts = block.pts_ns;
                }
                if usize::from(block.channels) == all.channels {
                    all.samples.extend(block.samples);
                }
                assert!(all.samples.len() < 100_000_000, "no end");
            }
            Err(MediaError::Damaged(e)) => {
                all.damaged.push(e);
                assert!(all.damaged.len() < 100_000, "no progress");
            }
            Err(e) => {
                all.damaged.push(format!("ended: {e}"));
                return all;
            }
        }
    }
}

/// The file's sound, which it must have.
pub fn open_audio(file: &MediaFile) -> Box<dyn AudioSource> {
    tricine_media::audio::open(file).unwrap().unwrap()
}

/// As 16-bit samples, rounded and clipped as FFmpeg does.
pub fn to_16(samples: &[f32]) -> Vec<i16> {
    samples.iter().map(|s| (s * 32768.0).round_ties_even().clamp(-32768.0, 32767.0) as i16).collect()
}

/// The difference's power against full scale, in dB; −180 where there is none.
pub fn noise_db(a: &[i16], b: &[i16]) -> f64 {
    let power: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    20.0 * ((power / a.len().min(b.len()).max(1) as f64).sqrt() / 32768.0).max(1e-9).log10()
}

/// Overwrites `count` bytes anywhere, the same ones for the same seed.
pub fn flip(bytes: &mut [u8], seed: u64, count: usize) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = (state >> 8) as usize % bytes.len();
        bytes[at] = state as u8;
    }
}

/// FFmpeg's decode as I420 frames without padding, one after another.
pub fn raw_i420(path: &Path) -> Vec<u8> {
    let args = ["-map", "0:v:0", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"];
    let out = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}
