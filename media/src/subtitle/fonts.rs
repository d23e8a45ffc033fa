//! Fonts that come with the words: files attached to the film, and those that a script has within itself. They are found here and never
//! parsed: whoever draws does that.

use std::ops::Range;
use std::sync::Arc;

use super::charset;
use super::list::{Place, Subtitles, whole};
use super::source::Codec;
use crate::container::Attachment;
use crate::{MediaFile, caps};

/// The ends of names of fonts; what they are called in a film says little, since writers of films guess.
const ENDS: [&str; 4] = [".ttf", ".otf", ".ttc", ".otc"];

/// A font that nobody has looked into.
#[derive(Debug, Clone)]
pub struct Font(Bytes);

#[derive(Debug, Clone)]
enum Bytes {
    /// A part of a file.
    Within(MediaFile, Range<u64>),
    Own(Arc<[u8]>),
}

impl Font {
    /// Bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Bytes::Within(_, place) => (place.end - place.start) as usize,
            Bytes::Own(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes: so many as [`Font::len`] says. Where they cannot be read they are zero, which is no font.
    pub fn read(&self) -> Arc<[u8]> {
        match &self.0 {
            Bytes::Own(bytes) => bytes.clone(),
            Bytes::Within(file, place) => {
                let mut bytes = vec![0; self.len()];
                if let Err(error) = file.read_exact_at(&mut bytes, place.start) {
                    tracing::warn!("a font that is attached: {error}");
                    bytes.fill(0);
                }
                bytes.into()
            }
        }
    }
}

/// The fonts of a track.
#[derive(Debug, Clone, Default)]
pub struct Fonts {
    /// Those within bounds, in the order in which they were found.
    pub fonts: Vec<Font>,
    /// How many more there are.
    pub left_out: usize,
}

impl Fonts {
    fn add(&mut self, font: Font) {
        let len = font.len() as u64;
        let have: u64 = self.fonts.iter().map(|font| font.len() as u64).sum();
        if self.fonts.len() < caps::FONTS && len <= caps::FONT && have + len <= caps::FONT_BYTES {
            self.fonts.push(font);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds those that are attached to `film`.
    pub(super) fn attached(&mut self, film: &MediaFile, attachments: &[Attachment]) {
        let whole = |one: &&Attachment| !one.place.is_empty() && one.place.end <= film.len();
        for one in attachments.iter().filter(|one| is_font(&one.name, &one.mime)).filter(whole) {
            self.add(Font(Bytes::Within(film.clone(), one.place.clone())));
        }
    }

    /// Adds those that stand in the `[Fonts]` section of a script.
    pub(super) fn within(&mut self, script: &str) {
        let mut letters: Option<Vec<u8>> = None;
        let mut within = false;
        // A section ends the one before, and so does the end.
        for line in script.lines().chain(["["]) {
            let name = within && line.starts_with("fontname:");
            // Both brackets are letters of fonts as well, whose lines have eighty.
            let section = line == "[" || line.starts_with('[') && line.trim_end().ends_with(']') && line.len() < 80;
            if section || name {
                let found = letters.take().and_then(|letters| decoded(&letters)).filter(|bytes| !bytes.is_empty());
                found.into_iter().for_each(|bytes| self.add(Font(Bytes::Own(bytes.into()))));
            }
            if section {
                within = line.trim_end().eq_ignore_ascii_case("[fonts]");
            } else if name {
                letters = Some(Vec::new());
            } else if let Some(letters) = letters.as_mut().filter(|_| within) {
                letters.extend_from_slice(line.trim_end().as_bytes());
            }
        }
    }
}

impl Subtitles {
    /// The fonts that come with a track: scripts alone name fonts. Those of the film are for scripts beside it as well.
    pub fn fonts(&self, number: usize) -> Fonts {
        let mut fonts = Fonts::default();
        let found = number.checked_sub(1).and_then(|at| self.tracks.get(at));
        let script = match found {
            Some((track, Place::File(file))) if track.codec == "ASS" && track.problem.is_none() => {
                whole(file).map(|bytes| charset::decode(&bytes).0).unwrap_or_default()
            }
            Some((_, Place::Track(at))) => {
                match self.container.as_ref().map(|film| &film.contents().tracks[*at].text) {
                    Some(Some((Codec::Ass, config))) => String::from_utf8_lossy(config).into_owned(),
                    _ => return fonts,
                }
            }
            _ => return fonts,
        };
        if let Some((container, file)) = self.container.as_ref().zip(self.file.as_ref()) {
            fonts.attached(file, &container.contents().attachments);
        }
        fonts.within(&script);
        fonts
    }
}

/// Whether a file of this name and kind is a font.
fn is_font(name: &str, mime: &str) -> bool {
    let (name, mime) = (name.to_ascii_lowercase(), mime.to_ascii_lowercase());
    mime.contains("font") || mime.contains("opentype") || ENDS.iter().any(|end| name.ends_with(end))
}

/// What four letters at a time stand for: three bytes, of which the last ones may be missing. Each letter is six bits, from `!` on.
fn decoded(letters: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    for four in letters.chunks(4) {
        let word = four.iter().fold(0_u32, |word, letter| word << 6 | u32::from(letter.wrapping_sub(33) & 63));
        let word = word << (6 * (4 - four.len()));
        bytes.extend_from_slice(word.to_be_bytes().get(1..four.len())?);
    }
    (letters.len() % 4 != 1).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As scripts have it: lines of 80 letters.
    fn encoded(bytes: &[u8]) -> String {
        let mut letters = String::new();
        for three in bytes.chunks(3) {
            let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
            (0..=three.len()).for_each(|at| letters.push((33 + (word >> (18 - 6 * at) & 63) as u8) as char));
        }
        let lines = letters.as_bytes().chunks(80).map(|line| std::str::from_utf8(line).unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn fonts_within_a_script_are_found() {
        let fonts: Vec<Vec<u8>> = (0..5).map(|n| (0..1_000 + n).map(|at| (at * 7 + n * at) as u8).collect()).collect();
        let mut script = "[Script Info]\nTitle: x\n[fonts]\n".to_owned();
        for (at, font) in fonts.iter().enumerate() {
            script += &format!("fontname: some_{at}.ttf\n{}\n", encoded(font));
        }
        for behind in
            ["", "\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,,0,0,0,,x\n", "[Graphics]\nfontname: x\n0000\n"]
        {
            let mut found = Fonts::default();
            found.within(&format!("{script}{behind}"));
            let read: Vec<Vec<u8>> = found.fonts.iter().map(|font| font.read().to_vec()).collect();
            assert_eq!((read, found.left_out), (fonts.clone(), 0), "{behind}");
        }
        // Letters that no font has: one too many, none, and what is outside of the section.
        for none in
            ["[Fonts]\nfontname: a\n!!!!!\n", "[Fonts]\nfontname: a\n", "fontname: a\n!!!!\n", "[Fonts]\n!!!!\n"]
        {
            let mut found = Fonts::default();
            found.within(none);
            assert!(found.fonts.is_empty(), "{none}");
        }
    }

    #[test]
    fn what_is_attached_counts_by_its_kind_or_its_name_and_within_bounds() {
        let film = MediaFile::from_bytes(&b"0123456789"[..], "film.mkv");
        let file = |name: &str, mime: &str, place| Attachment { name: name.into(), mime: mime.into(), place };
        let files = [
            file("a", "application/x-truetype-font", 0..2),
            file("b.TTF", "application/octet-stream", 2..5),
            file("c.jpg", "image/jpeg", 0..9),
            file("d", "font/otf", 8..11),
            file("e", "application/vnd.ms-opentype", 0..1),
            file("f.otf", "", 5..6),
        ];
        let mut found = Fonts::default();
        found.attached(&film, &files);
        let read: Vec<Vec<u8>> = found.fonts.iter().map(|font| font.read().to_vec()).collect();
        assert_eq!(read, [&b"01"[..], b"234", b"0", b"5"]);
        let many = vec![file("a.ttf", "", 0..1); caps::FONTS + 50];
        let mut found = Fonts::default();
        found.attached(&film, &many);
        assert_eq!((found.fonts.len(), found.left_out), (caps::FONTS, 50));
    }
}
