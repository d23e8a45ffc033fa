//! Media: containers, codecs and what is made of them. It opens an input and gives out its pictures and its sound, decoded, on
//! one timeline. No process, no shared memory, no unsafe code: it can be used, tested and fuzzed on its own.
//!
//! Read [`types`] for what goes in and out, [`container`] for tracks and packets, `open.rs` for how an input becomes pictures and
//! sound, [`video`] and [`audio`] for the codecs.

#![forbid(unsafe_code)]

pub mod audio;
mod caps;
mod chapters;
mod choice;
pub mod container;
mod cover;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
mod file;
pub mod guard;
mod hint;
mod inspect;
mod open;
mod sniff;
pub mod source;
mod speakers;
pub mod subtitle;
mod times;
pub mod types;
pub mod video;

pub use caps::MAX_SIDE;
pub use choice::Choice;
use container::Container;
pub use container::TrackKind;
pub use file::{MediaFile, MediaReader};
pub use hint::named;
pub use inspect::{Inspection, TrackReport, inspect};
pub use open::{open, open_at};
pub use source::image::PICTURE_NS;
pub use types::*;
pub use video::Light;

/// What this build plays, by kind, for `tricine doctor`.
pub fn formats() -> Vec<(&'static str, Vec<&'static str>)> {
    let video = [
        (cfg!(feature = "h264"), "H.264"),
        (cfg!(feature = "av1"), "AV1"),
        (cfg!(feature = "vp9"), "VP9"),
        (cfg!(feature = "vp8"), "VP8"),
        (cfg!(feature = "hevc"), "HEVC"),
        (cfg!(feature = "mjpeg"), "Motion JPEG"),
        (cfg!(feature = "mpeg2"), "MPEG-1"),
        (cfg!(feature = "mpeg2"), "MPEG-2"),
        (cfg!(feature = "mpeg4"), "MPEG-4 part 2"),
        (cfg!(feature = "theora"), "Theora"),
    ];
    let ac3 = if cfg!(feature = "ac3") { vec!["AC-3", "E-AC-3"] } else { Vec::new() };
    let others = if cfg!(feature = "ffmpeg") { vec!["what FFmpeg's libraries play"] } else { Vec::new() };
    let all = vec![
        ("video", video.into_iter().filter(|(there, _)| *there).map(|(_, name)| name).collect()),
        ("audio", [vec!["AAC", "MP3", "MP2", "FLAC", "Vorbis", "Opus", "ALAC", "PCM"], ac3].concat()),
        (
            "containers",
            vec![
                "MP4/MOV",
                "Matroska/WebM",
                "MPEG-TS",
                "MPEG-PS",
                "AVI",
                "FLV",
                "IVF",
                "raw video",
                "WAV",
                "MP3",
                "FLAC",
                "Ogg",
                "YUV4MPEG2",
            ],
        ),
        ("subtitles", subtitle::FORMATS.to_vec()),
        ("images", vec!["PNG/APNG", "JPEG", "GIF", "WebP", "BMP", "TIFF", "PNM", "QOI", "TGA", "AVIF", "HEIC"]),
        ("besides", others),
    ];
    all.into_iter().filter(|(_, names)| !names.is_empty()).collect()
}
