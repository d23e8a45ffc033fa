//! Fonts that come with subtitles, on their way to whoever draws: all of them in parts, before the first page that needs them. They are
//! read from the file as they are sent, and sent again to a renderer that lacks them.

use std::sync::Arc;

use tricine_media::subtitle::{Font, Fonts};
use tricine_session::cues::{FontPart, LONGEST_PART};

/// A set of fonts, and how much of it was sent.
#[derive(Debug)]
pub(crate) struct Sending {
    set: u64,
    fonts: Vec<Font>,
    of: u32,
    at: u32,
    /// How many fonts were begun, and what is left of the last one.
    begun: usize,
    rest: Rest,
    done: bool,
}

/// A font's bytes, and how many of them were sent.
type Rest = (Arc<[u8]>, usize);

impl Sending {
    /// Begins to send these.
    pub(crate) fn new(set: u64, fonts: &Fonts) -> Self {
        let fonts = fonts.fonts.clone();
        // Within the bounds of `media`, so it has room.
        let of = fonts.iter().map(|font| font.len() as u32 + 4).sum();
        Self { set, fonts, of, at: 0, begun: 0, rest: (Arc::from([]), 0), done: false }
    }
}

impl Iterator for Sending {
    type Item = FontPart;

    fn next(&mut self) -> Option<FontPart> {
        // A set without any font is a part as well.
        if self.done {
            return None;
        }
        let mut bytes = Vec::new();
        while bytes.len() + 4 <= LONGEST_PART {
            let (font, from) = &mut self.rest;
            if *from < font.len() {
                let to = font.len().min(*from + LONGEST_PART - bytes.len());
                bytes.extend_from_slice(&font[*from..to]);
                *from = to;
            } else if let Some(next) = self.fonts.get(self.begun) {
                bytes.extend_from_slice(&(next.len() as u32).to_le_bytes());
                self.rest = (next.read(), 0);
                self.begun += 1;
            } else {
                break;
            }
        }
        let part = FontPart { set: self.set, of: self.of, at: self.at, bytes };
        self.at += part.bytes.len() as u32;
        self.done = self.at == self.of;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use tricine_media::MediaFile;
    use tricine_media::subtitle::{Origin, Subtitles};
    use tricine_session::cues::Gathered;

    use super::*;

    #[test]
    fn a_set_comes_whole_whatever_the_sizes_of_its_fonts() {
        // Three letters `!` and one more for each three bytes of zero.
        let script = |sizes: &[usize]| {
            let fonts = sizes.iter().map(|size| format!("fontname: x\n{}\n", "!".repeat(size / 3 * 4)));
            format!(
                "[Script Info]\n[Fonts]\n{}[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,,0,0,0,,x\n",
                fonts.collect::<String>()
            )
        };
        for sizes in [&[][..], &[3], &[LONGEST_PART / 3 * 3, 300, 6], &[LONGEST_PART / 3 * 3 - 6, 9, 3_000_000]] {
            let mut all = Subtitles::default();
            all.add("film.mkv", MediaFile::from_bytes(script(sizes).into_bytes(), "film.ass"), Origin::Given);
            let sending = Sending::new(5, &all.fonts(1));
            let (mut gathered, mut whole) = (Gathered::default(), None);
            for part in sending {
                assert!(whole.is_none());
                whole = gathered.add(&FontPart::decode(&part.encode()).unwrap());
            }
            let found: Vec<usize> = whole.unwrap().fonts().map(|font| font.as_ref().len()).collect();
            assert_eq!(found, sizes);
        }
    }
}
