//! What an MP4 file says about itself: tags, covers and chapters.

use super::super::{Attachment, Chapter, Contents, caps};
use super::boxes::{be16, be32, be64, child, children};
use super::track::Track;
use crate::MediaFile;

/// The names that iTunes' boxes stand for.
const TAGS: [(&[u8; 4], &str); 8] = [
    (b"\xa9nam", "title"),
    (b"\xa9ART", "artist"),
    (b"aART", "album_artist"),
    (b"\xa9alb", "album"),
    (b"\xa9day", "date"),
    (b"\xa9gen", "genre"),
    (b"\xa9cmt", "comment"),
    (b"desc", "description"),
];

/// What iTunes says of a song without an edit list: what to leave out at its ends, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gapless {
    pub(super) priming: u32,
    pub(super) padding: u32,
    /// How long the song is itself.
    pub(super) samples: u64,
}

/// The part of it that `moov` has.
#[derive(Default)]
pub(super) struct About {
    pub(super) gapless: Option<Gapless>,
    tags: Vec<(String, String)>,
    covers: Vec<Attachment>,
    chapters: Vec<Chapter>,
}

impl About {
    /// Reads `moov`, whose body begins at `begins` in the file.
    pub(super) fn read(moov: &[u8], begins: u64) -> Self {
        let mut about = Self::default();
        let Some(udta) = child(moov, b"udta") else { return about };
        // `meta` is a full box, but not in files of QuickTime.
        let meta = child(udta, b"meta").unwrap_or_default();
        let list = child(meta.get(4..).unwrap_or_default(), b"ilst").or_else(|| child(meta, b"ilst"));
        for (kind, body) in list.into_iter().flat_map(children).take(caps::ENTRIES) {
            let Some(data) = child(body, b"data").filter(|data| data.len() >= 8) else { continue };
            let (flags, value) = (be32(data, 0).unwrap_or(0) & 0xff_ffff, &data[8..]);
            if &kind == b"covr" {
                let start = begins + (value.as_ptr() as usize - moov.as_ptr() as usize) as u64;
                let mime = if flags == 14 { "image/png" } else { "image/jpeg" };
                let place = start..start + value.len() as u64;
                about.covers.push(Attachment { name: "cover".into(), mime: mime.into(), place });
            } else if &kind == b"----" && child(body, b"name").is_some_and(|name| name.get(4..) == Some(b"iTunSMPB")) {
                about.gapless = gapless(value);
            } else if let Some((_, name)) = TAGS.iter().find(|(of, _)| **of == kind) {
                about.tags.push(((*name).to_owned(), String::from_utf8_lossy(value).into_owned()));
            }
        }
        about.chapters = child(udta, b"chpl").and_then(nero).unwrap_or_default();
        about
    }

    /// Adds it to the contents. Chapters of a text track that the film names as such are read from the file.
    pub(super) fn fill(self, contents: &mut Contents, file: &MediaFile, tracks: &[Track]) {
        (contents.tags, contents.attachments, contents.chapters) = (self.tags, self.covers, self.chapters);
        if !contents.chapters.is_empty() {
            return;
        }
        let named = tracks.iter().flat_map(|track| &track.chapters);
        let Some(track) = named
            .filter_map(|id| tracks.iter().find(|t| t.id == *id && !t.entries.is_empty()))
            .find(|t| matches!(t.kind, super::super::TrackKind::Subtitle))
        else {
            return;
        };
        for sample in track.samples.iter().take(caps::ENTRIES) {
            let mut text = vec![0; sample.size.min(1024) as usize];
            if file.read_exact_at(&mut text, sample.offset).is_err() {
                break;
            }
            let len = usize::from(be16(&text, 0).unwrap_or(0));
            let title = text.get(2..).map_or(&[][..], |text| &text[..len.min(text.len())]);
            let title = String::from_utf8_lossy(title).into_owned();
            contents.chapters.push(Chapter { start_ns: sample.pts_ns, title });
        }
    }
}

/// Hexadecimal words: one of no use, the priming, the padding, the samples, and more.
fn gapless(value: &[u8]) -> Option<Gapless> {
    let mut words = std::str::from_utf8(value).ok()?.split_ascii_whitespace().skip(1);
    let mut word = || u64::from_str_radix(words.next()?, 16).ok();
    let (priming, padding, samples) = (word()?.try_into().ok()?, word()?.try_into().ok()?, word()?);
    Some(Gapless { priming, padding, samples })
}

/// `chpl`: times of 100 ns with titles.
fn nero(chpl: &[u8]) -> Option<Vec<Chapter>> {
    let count = usize::from(*chpl.get(8)?);
    let (mut at, mut chapters) = (9, Vec::new());
    for _ in 0..count {
        let (start, len) = (be64(chpl, at)?, usize::from(*chpl.get(at + 8)?));
        let title = String::from_utf8_lossy(chpl.get(at + 9..at + 9 + len)?).into_owned();
        chapters.push(Chapter { start_ns: i64::try_from(start).ok()?.saturating_mul(100), title });
        at += 9 + len;
    }
    Some(chapters)
}
