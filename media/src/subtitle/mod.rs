//! Subtitles: what is written over a film, and when. Parsers turn what a file or a track has into [`Cue`]s; [`Pages`] turns cues
//! into pages, each of which says what is to be seen from one moment to another. Nothing here draws.
//!
//! Read `cue` for what a cue is, `markup`, `ass` and `overrides` for how letters are described, `srt`, `vtt`, `tx3g`, `pgs` and `vobsub` for the formats,
//! `placed` for where pictures lie on a film that was cut, `source` for where cues come from, `list` for which tracks there are and which one is shown.

mod ass;
mod charset;
mod cue;
mod list;
mod markup;
mod overrides;
mod pages;
mod pgs;
mod placed;
mod source;
mod srt;
mod tx3g;
pub(crate) mod vobsub;
mod vtt;

pub use cue::{Bitmap, Body, Cue, Look, Place, Span};
pub(crate) use list::Text;
pub use list::{Origin, SubtitleTrack, Subtitles};
pub use pages::{Page, Pages};
pub(crate) use source::Codec;

/// The formats that are read, for `tricine doctor`.
pub(crate) const FORMATS: [&str; 6] = ["SubRip (SRT)", "WebVTT", "ASS/SSA", "VobSub", "mov_text", "PGS"];

/// The kinds of files of subtitles, by the ends of their names. The last two belong together: an index, and the pictures that it lists.
pub const EXTENSIONS: [&str; 6] = ["srt", "vtt", "ass", "ssa", "idx", "sub"];

/// The end of the name of the file that one with this end is read with, if there is one.
pub fn other_half(end: &str) -> Option<&'static str> {
    [("idx", "sub"), ("sub", "idx")].into_iter().find(|(own, _)| end.eq_ignore_ascii_case(own)).map(|(_, other)| other)
}

/// The cues of a file of subtitles, in order of time, and what it is. `None`: it is of no kind that is read here.
pub fn parse(bytes: &[u8]) -> Option<(&'static str, Vec<Cue>)> {
    let text = charset::lines(charset::decode(bytes).0);
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
