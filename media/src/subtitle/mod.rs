//! Subtitles: what is written over a film, and when. Parsers turn what a file or a track has into [`Cue`]s; [`Pages`] turns cues
//! into pages, each of which says what is to be seen from one moment to another. Nothing here draws.
//!
//! Read `cue` for what a cue is, `markup` and `ass` for how letters are described, `srt`, `vtt`, `tx3g` and `pgs` for the formats,
//! `source` for where cues come from, `list` for which tracks there are and which one is shown.

mod ass;
mod charset;
mod cue;
mod list;
mod markup;
mod pages;
mod pgs;
mod source;
mod srt;
mod tx3g;
mod vtt;

pub use cue::{Bitmap, Body, Cue, Look, Place, Span};
pub(crate) use list::Text;
pub use list::{Origin, SubtitleTrack, Subtitles};
pub use pages::{Page, Pages};
pub(crate) use source::Codec;

/// The formats that are read, for `tricine doctor`.
pub(crate) const FORMATS: [&str; 5] = ["SubRip (SRT)", "WebVTT", "ASS/SSA", "mov_text", "PGS"];

/// The kinds of files of subtitles, by the ends of their names.
pub const EXTENSIONS: [&str; 4] = ["srt", "vtt", "ass", "ssa"];

/// The cues of a file of subtitles, in order of time, and what it is. `None`: it is of no kind that is read here.
pub fn parse(bytes: &[u8]) -> Option<(&'static str, Vec<Cue>)> {
    let (text, _) = charset::decode(bytes);
    let (kind, mut cues) = if vtt::begins(&text) {
        ("WebVTT", vtt::parse(&text))
    } else if ass::begins(&text) {
        ("ASS", ass::parse(&text))
    } else {
        ("SRT", srt::parse(&text))
    };
    cues.sort_by_key(|cue| cue.start_ns);
    (kind != "SRT" || !cues.is_empty()).then_some((kind, cues))
}
