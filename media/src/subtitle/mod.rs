//! Subtitles: what is written over a film, and when. Parsers turn what a file or a track has into [`Cue`]s; [`Pages`] turns cues
//! into pages, each of which says what is to be seen from one moment to another. Nothing here draws.
//!
//! Read `cue` for what a cue is, `markup`, `ass`, `overrides`, `timed` and `animated` for how letters are described, `srt`, `microdvd`, `vtt`, `sami`, `lrc`, `tx3g`, `pgs`, `dvb`, `vobsub`, `teletext`,
//! `line21` and `ttml` for the formats, `screen` for letters in rows and columns,
//! `placed` for where pictures lie on a film that was cut, `source` for where cues come from, `fonts` for fonts that come with them, `list` for which tracks there are and which one is shown.

mod animated;
mod ass;
mod charset;
mod cue;
mod dvb;
mod dvb_points;
mod fonts;
mod line21;
mod list;
mod lrc;
mod markup;
mod microdvd;
mod overrides;
mod pages;
mod pgs;
mod placed;
mod sami;
mod screen;
mod shape;
mod source;
mod srt;
mod styles;
mod teletext;
mod timed;
mod ttml;
mod tx3g;
pub(crate) mod vobsub;
mod vtt;
mod xml;

pub use animated::Animated;
pub use cue::{Backdrop, Bitmap, Body, Cue, Fade, Look, Motion, Place, Span};
pub use fonts::{Font, Fonts};
pub(crate) use line21::told;
pub(crate) use list::Text;
pub use list::{Origin, SubtitleTrack, Subtitles};
pub use pages::{Page, Pages};
pub(crate) use source::Codec;
pub(crate) use teletext::region;
pub(crate) use tx3g::letters;

use crate::VideoInfo;

/// The formats that are read, for `tricine doctor`; those of files first.
pub(crate) const FORMATS: [&str; 15] = [
    "SubRip (SRT)",
    "WebVTT",
    "ASS/SSA",
    "MicroDVD",
    "MPL2",
    "TTML",
    "SubViewer (SBV)",
    "SAMI",
    "LRC",
    "VobSub",
    "PGS",
    "mov_text",
    "DVB",
    "teletext",
    "CEA-608",
];
/// How many of them are files' own.
const OF_FILES: usize = 11;
/// How long the last cue of a file is shown that nothing says the end of.
const LAST_NS: i64 = 5 * crate::NS;

/// The usual name of a format that shares the end of its files' names with another one.
const MICRODVD: &str = "MicroDVD";

/// Whether a file that begins so has subtitles alone.
pub(crate) fn begins(head: &[u8]) -> bool {
    if crate::container::is_sup(head) {
        return true;
    }
    let marked = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    (marked || !head.contains(&0)) && (head.starts_with(b"# VobSub index file") || parse(head).is_some())
}

/// The kinds of files of subtitles, by the ends of their names. The last two belong together: an index, and the pictures that it lists.
pub const EXTENSIONS: [&str; 13] =
    ["srt", "vtt", "ass", "ssa", "ttml", "dfxp", "xml", "smi", "lrc", "sbv", "sup", "idx", "sub"];

/// The end of the name of the file that one with this end is read with, if there is one.
pub fn other_half(end: &str) -> Option<&'static str> {
    [("idx", "sub"), ("sub", "idx")].into_iter().find(|(own, _)| end.eq_ignore_ascii_case(own)).map(|(_, other)| other)
}

/// The cues of a file of subtitles, in order of time, and what it is. `None`: it is of no kind that is read here.
pub fn parse(bytes: &[u8]) -> Option<(&'static str, Vec<Cue>)> {
    parse_for(bytes, None)
}

/// As [`parse`], for a film of whose pictures so much is known.
fn parse_for(bytes: &[u8], film: Option<&VideoInfo>) -> Option<(&'static str, Vec<Cue>)> {
    let text = charset::lines(charset::decode(bytes).0);
    let (kind, mut cues) = if vtt::begins(&text) {
        ("WebVTT", vtt::parse(&text))
    } else if ass::begins(&text) {
        ("ASS", ass::parse(&text, film.map(|film| film.format.height)))
    } else if ttml::begins(&text) {
        ("TTML", ttml::parse(&text))
    } else if sami::begins(&text) {
        ("SAMI", sami::parse(&text))
    } else if lrc::begins(&text) {
        ("LRC", lrc::parse(&text))
    } else if microdvd::begins(&text) {
        let kind = if microdvd::is_mpl2(&text) { "MPL2" } else { MICRODVD };
        (kind, microdvd::parse(&text, film.and_then(|film| film.rate)))
    } else {
        ("SRT", srt::parse(&text))
    };
    cues.sort_by_key(|cue| cue.start_ns);
    // What has no end is there until the next one comes.
    let mut next_ns = i64::MAX;
    for at in (0..cues.len()).rev() {
        let start_ns = cues[at].start_ns;
        if cues[at].end_ns == i64::MAX {
            cues[at].end_ns = if next_ns == i64::MAX { start_ns.saturating_add(LAST_NS) } else { next_ns };
        }
        if at > 0 && cues[at - 1].start_ns < start_ns {
            next_ns = start_ns;
        }
    }
    (kind != "SRT" || !cues.is_empty()).then_some((kind, cues))
}
