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
        let udta = child(moov, b"udta").unwrap_or_default();
        for meta in [child(udta, b"meta"), child(moov, b"meta")].into_iter().flatten() {
            // It is a full box, but not in files of QuickTime.
            let within = |name| child(meta.get(4..).unwrap_or_default(), name).or_else(|| child(meta, name));
            let keys = within(b"keys").map(keys).unwrap_or_default();
            for (kind, body) in within(b"ilst").into_iter().flat_map(children).take(caps::ENTRIES) {
                let Some(data) = child(body, b"data").filter(|data| data.len() >= 8) else { continue };
                let (flags, value) = (be32(data, 0).unwrap_or(0) & 0xff_ffff, &data[8..]);
                let key = (u32::from_be_bytes(kind) as usize).checked_sub(1).and_then(|at| keys.get(at));
                let known = TAGS.iter().find(|(of, _)| **of == kind).map(|(_, name)| *name);
                if &kind == b"covr" {
                    let start = begins + (value.as_ptr() as usize - moov.as_ptr() as usize) as u64;
                    let mime = if flags == 14 { "image/png" } else { "image/jpeg" };
                    let place = start..start + value.len() as u64;
                    about.covers.push(Attachment { name: "cover".into(), mime: mime.into(), place });
                } else if &kind == b"----"
                    && child(body, b"name").is_some_and(|name| name.get(4..) == Some(b"iTunSMPB"))
                {
                    about.gapless = gapless(value);
                } else if let Some(name) = known.or_else(|| named(key?)) {
                    about.tags.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
                }
            }
        }
        // QuickTime's own: a length, a language, words, which are the Macintosh's where the language is one of its numbers.
        for (kind, body) in children(udta).take(caps::ENTRIES) {
            let name = TAGS.iter().find(|(of, _)| **of == kind).map(|(_, name)| *name);
            let name = name.filter(|name| !about.tags.iter().any(|(of, _)| of == name));
            let Some((name, len, language)) = name.zip(be16(body, 0)).zip(be16(body, 2)).map(|((a, b), c)| (a, b, c))
            else {
                continue;
            };
            let Some(words) = body.get(4..4 + usize::from(len)).filter(|words| !words.is_empty()) else { continue };
            let encoding = if language < 0x400 { encoding_rs::MACINTOSH } else { encoding_rs::UTF_8 };
            about.tags.push((name.to_owned(), encoding.decode(words).0.into_owned()));
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
            let title = crate::subtitle::letters(title).into_owned();
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

/// The names of tags that have numbers.
fn keys(keys: &[u8]) -> Vec<&[u8]> {
    children(keys.get(8..).unwrap_or_default()).take(caps::ENTRIES).map(|(_, name)| name).collect()
}

/// What a tag of such a name says, if it is of interest.
fn named(key: &[u8]) -> Option<&'static str> {
    let name = key.strip_prefix(b"com.apple.quicktime.").unwrap_or(key);
    let known = TAGS.iter().find(|(_, known)| known.as_bytes() == name).map(|(_, known)| *known);
    known.or(if name == b"displayname" { Some("title") } else { None })
}

/// `chpl`: times of 100 ns with titles.
fn nero(chpl: &[u8]) -> Option<Vec<Chapter>> {
    // Version 1 has four bytes more.
    let first = if *chpl.first()? == 0 { 4 } else { 8 };
    let count = usize::from(*chpl.get(first)?);
    let (mut at, mut chapters) = (first + 1, Vec::new());
    for _ in 0..count {
        let (start, len) = (be64(chpl, at)?, usize::from(*chpl.get(at + 8)?));
        let title = String::from_utf8_lossy(chpl.get(at + 9..at + 9 + len)?).into_owned();
        chapters.push(Chapter { start_ns: i64::try_from(start).ok()?.saturating_mul(100), title });
        at += 9 + len;
    }
    Some(chapters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: &[u8], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    #[test]
    fn lists_of_chapters_are_of_two_versions() {
        let list = [&[1][..], &20_000_000u64.to_be_bytes(), &[2], b"ab"].concat();
        for head in [&[0; 4][..], &[1, 0, 0, 0, 0, 0, 0, 0]] {
            let chapters = nero(&[head, &list].concat()).unwrap();
            assert_eq!((chapters.len(), chapters[0].start_ns, &*chapters[0].title), (1, 2_000_000_000, "ab"));
        }
    }

    #[test]
    fn words_stand_in_lists_of_three_kinds() {
        let data = |text: &[u8]| part(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0][..], text].concat());
        let keys =
            [&[0, 0, 0, 0, 0, 0, 0, 2][..], &part(b"mdta", b"com.apple.quicktime.title"), &part(b"mdta", b"artist")]
                .concat();
        let list =
            [part(&[0, 0, 0, 1], &data(b"One")), part(&[0, 0, 0, 2], &data(b"Two")), part(&[0, 0, 0, 3], &data(b"x"))]
                .concat();
        let named = part(b"meta", &[part(b"keys", &keys), part(b"ilst", &list)].concat());
        let itunes =
            part(b"udta", &part(b"meta", &[&[0; 4][..], &part(b"ilst", &part(b"\xa9nam", &data(b"One")))].concat()));
        let own = |language: u8, text: &[u8]| {
            part(b"udta", &part(b"\xa9nam", &[&[0, text.len() as u8, language, 0][..], text].concat()))
        };
        let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (moov, wanted) in [
            (named, vec![word("title", "One"), word("artist", "Two")]),
            (itunes, vec![word("title", "One")]),
            (own(0, b"\x9aber"), vec![word("title", "\u{f6}ber")]),
            (own(0x55, "\u{f6}".as_bytes()), vec![word("title", "\u{f6}")]),
        ] {
            assert_eq!(About::read(&moov, 0).tags, wanted);
            for len in 0..moov.len() {
                About::read(&moov[..len], 0);
            }
        }
    }
}
