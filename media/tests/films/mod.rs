//! The films of the containers' suite.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tricine_media::guard;

use crate::video_support::{Clips, lively};

/// Each container with what FFmpeg makes it of.
pub(crate) const FILMS: &[(&str, &str)] = &[
    ("film.mp4", "-c:v libx264 -g 12 -bf 2 -c:a aac"),
    ("pieces.mp4", "-c:v libx264 -g 12 -bf 0 -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof"),
    ("film.mov", "-c:v libx264 -g 12 -bf 2 -c:a pcm_s16le"),
    ("film.mkv", "-c:v libx264 -g 12 -bf 2 -c:a aac"),
    ("live.mkv", "-c:v libx264 -g 12 -bf 2 -c:a flac -live 1"),
    ("film.ts", "-c:v libx264 -g 12 -bf 2 -c:a aac"),
    ("camera.m2ts", "-c:v libx264 -g 12 -bf 2 -c:a ac3"),
    ("mono.ts", "-c:v libx264 -g 12 -bf 2 -c:a mp2 -ac 1"),
    (
        "wraps.ts",
        "-c:v libx265 -x265-params log-level=none:keyint=12 -c:a aac -mpegts_flags latm -output_ts_offset 95441.2",
    ),
    ("disc.mpg", "-c:v mpeg2video -b:v 2M -g 12 -bf 2 -c:a mp2"),
    ("disc.vob", "-c:v mpeg2video -b:v 2M -g 12 -bf 2 -c:a ac3"),
    ("plain.mpg", "-c:v mpeg1video -b:v 1M -g 12 -bf 2 -c:a mp2 -f mpeg"),
    ("tv.ts", "-c:v mpeg2video -b:v 2M -g 12 -bf 2 -c:a mp2"),
    ("film.avi", "-c:v libx264 -g 12 -bf 0 -c:a pcm_s16le"),
    ("nested.avi", "-c:v libx264 -g 12 -bf 3 -x264-params b-pyramid=normal -c:a pcm_s16le"),
    ("pairs.avi", "-c:v libx264 -g 12 -bf 2 -c:a libmp3lame"),
    ("rip.avi", "-c:v mpeg4 -q 3 -g 12 -bf 2 -c:a libmp3lame"),
    ("eight.avi", "-c:v libvpx -cpu-used 6 -g 12 -c:a pcm_s16le"),
    ("one.avi", "-c:v libaom-av1 -cpu-used 8 -g 12 -c:a pcm_s16le"),
    ("live.flv", "-c:v libx264 -g 12 -bf 2 -c:a aac"),
    ("film.webm", "-c:v libvpx-vp9 -cpu-used 6 -g 12 -c:a libopus"),
    ("film.ogv", "-c:v libtheora -q:v 6 -g 12 -c:a libvorbis -page_duration 200000"),
    ("opus.ogv", "-c:v libtheora -q:v 6 -g 12 -c:a libopus -page_duration 200000"),
    ("vp8.ogv", "-c:v libvpx -cpu-used 6 -g 12 -c:a libvorbis -page_duration 200000"),
    ("raw.h264", "-an -c:v libx264 -g 12 -bf 3 -x264-params b-pyramid=normal:open-gop=1"),
    ("raw.h265", "-an -c:v libx265 -x265-params log-level=none:keyint=12:bframes=3"),
    ("raw.m2v", "-an -c:v mpeg2video -b:v 2M -g 12 -bf 2"),
    ("raw.m4v", "-an -c:v mpeg4 -q 3 -g 12 -bf 2 -f m4v"),
    ("raw.ivf", "-an -c:v libvpx-vp9 -cpu-used 6 -g 12"),
    ("raw.obu", "-an -c:v libaom-av1 -cpu-used 8 -g 12"),
    ("raw.mjpeg", "-an -c:v mjpeg -q:v 3 -pix_fmt yuvj420p"),
];

/// Whether a film of [`FILMS`] has sound: a raw stream has none.
pub(crate) fn is_heard(name: &str) -> bool {
    !name.starts_with("raw.")
}

/// Whether the sound of a film is Opus, of which FFmpeg's own decoder is a little off.
pub(crate) fn has_opus(name: &str) -> bool {
    name.ends_with("webm") || name.starts_with("opus")
}

/// A tone that rises: no two places of it sound the same.
pub(crate) const TONE: &str = "-f lavfi -i aevalsrc=0.4*sin(2*PI*(200+150*t)*t):s=48000:d=3";

/// The plain films, each made when the first test wants it, and kept as long as any test is at work: encoding takes most of the time.
struct Made {
    clips: Clips,
    films: [OnceLock<Option<PathBuf>>; FILMS.len()],
}

impl Made {
    fn get() -> Option<Arc<Self>> {
        static MADE: Mutex<Weak<Made>> = Mutex::new(Weak::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.upgrade() {
            return Some(made);
        }
        let new = Arc::new(Self { clips: Clips::new("films")?, films: [const { OnceLock::new() }; FILMS.len()] });
        *made = Arc::downgrade(&new);
        Some(new)
    }
}

/// Makes each film by FFmpeg, with `more` arguments in front of the codecs, and tries `check` on it, which may change it.
pub(crate) fn each(name: &str, more: &str, check: impl Fn(&Clips, &str, &Path)) {
    guard::install_hook();
    let (Some(clips), Some(made)) = (Clips::new(name), Made::get()) else { return };
    for ((file, settings), plain) in FILMS.iter().zip(&made.films) {
        let source = format!(
            "{TONE} {} {more} {settings}",
            lively("96x64", "25", "3").replace(" -pix_fmt", " -map 1 -map 0 -pix_fmt")
        );
        let path = if more.is_empty() {
            let plain = plain.get_or_init(|| made.clips.make(file, &source)).as_deref();
            plain.map(|plain| {
                let own = clips.path(file);
                std::fs::copy(plain, &own).expect("a copy");
                own
            })
        } else {
            clips.make(file, &source)
        };
        if let Some(path) = path {
            check(&clips, file, &path);
        }
    }
}
