//! A page of subtitles on its way from the decoder to the renderer: what is to be seen from one moment to another. The times are in the
//! frame's meta; the payload is a length, a description as JSON, and the points of pictures behind it.
//!
//! Whoever reads a page has no reason to trust whoever wrote it: [`Page::decode`] gives out nothing that is out of bounds.

use serde::{Deserialize, Serialize};

/// Bytes of a page at most: a picture of 4K and its colours.
pub const LONGEST_PAGE: u64 = 16 << 20;
/// Bytes of its description at most.
const LONGEST_TEXT: usize = 1 << 20;
/// What is on a page at most: cues, and stretches of text of one that look different.
const MOST: usize = 64;
const MOST_SPANS: usize = 128;

/// What is to be seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The first one first.
    pub cues: Vec<Cue>,
}

/// Text or a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Cue {
    /// Words.
    Text {
        /// One after another; a line ends with `\n`.
        spans: Vec<Span>,
        /// As on a block of digits: 1 to 3 below, 4 to 6 in the middle, 7 to 9 above; left, middle, right.
        align: u8,
        /// The point that `align` puts the text at, in parts of the picture's width and height.
        at: Option<(f32, f32)>,
        /// What is kept free to the left and to the right, in parts of the width; and below or above, in parts of the height.
        sides: (f32, f32),
        /// See `sides`.
        margin: Option<f32>,
    },
    /// A picture.
    Picture {
        /// The size of the film's picture, to which `x` and `y` refer.
        within: (u32, u32),
        /// Its left edge.
        x: u32,
        /// Its upper edge.
        y: u32,
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// `0xAARRGGBB` of each colour.
        palette: Vec<u32>,
        /// The colour of each point, row by row.
        #[serde(skip)]
        indices: Vec<u8>,
    },
}

/// Letters that look alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The letters.
    pub text: String,
    /// Heavier.
    pub bold: bool,
    /// Slanted.
    pub italic: bool,
    /// With a line under it.
    pub underline: bool,
    /// With a line through it.
    pub strike: bool,
    /// `0xRRGGBB`.
    pub color: Option<u32>,
    /// The colour of the edge, `0xRRGGBB`.
    pub edge: Option<u32>,
    /// The height of a line, as a part of the picture's.
    pub size: Option<f32>,
}

impl Page {
    /// The bytes of a page; what does not fit is left out.
    pub fn encode(&self) -> Vec<u8> {
        let mut kept = self.clone();
        let room = LONGEST_PAGE as usize - LONGEST_TEXT - 4;
        let mut points = 0;
        kept.cues.retain(|cue| {
            points += cue.points().len();
            points <= room
        });
        let text = loop {
            match serde_json::to_vec(&kept) {
                Ok(text) if text.len() <= LONGEST_TEXT => break text,
                _ if kept.cues.pop().is_some() => {}
                _ => break Vec::new(),
            }
        };
        let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(&text);
        kept.cues.iter().for_each(|cue| bytes.extend_from_slice(cue.points()));
        bytes
    }

    /// Reads what a peer wrote; `None` if it is no page.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let len = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let text = bytes.get(4..4 + len.min(LONGEST_TEXT + 1)).filter(|text| text.len() == len)?;
        let mut page: Self = serde_json::from_slice(text).ok()?;
        let mut rest = bytes.get(4 + len..)?;
        for cue in &mut page.cues {
            if let Cue::Picture { width, height, palette, indices, within, .. } = cue {
                let points = usize::try_from(u64::from(*width) * u64::from(*height)).ok()?;
                *indices =
                    rest.get(..points).filter(|_| palette.len() == 256 && within.0 > 0 && within.1 > 0)?.to_vec();
                rest = &rest[points..];
            }
        }
        (page.cues.len() <= MOST && page.cues.iter().all(Cue::is_valid)).then_some(page)
    }
}

impl Cue {
    fn points(&self) -> &[u8] {
        match self {
            Self::Text { .. } => &[],
            Self::Picture { indices, .. } => indices,
        }
    }

    fn is_valid(&self) -> bool {
        let part = |value: f32| (-1.0..=2.0).contains(&value);
        match self {
            Self::Text { spans, align, at, sides, margin } => {
                (1..=9).contains(align)
                    && spans.len() <= MOST_SPANS
                    && spans.iter().all(|span| span.size.is_none_or(|size| (0.001..=1.0).contains(&size)))
                    && at.is_none_or(|(x, y)| part(x) && part(y))
                    && part(sides.0)
                    && part(sides.1)
                    && margin.is_none_or(part)
            }
            Self::Picture { .. } => true,
        }
    }

    /// The words, line by line; none of a picture.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Text { spans, .. } => {
                let all: String = spans.iter().map(|span| span.text.as_str()).collect();
                all.lines().map(str::to_owned).collect()
            }
            Self::Picture { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let text = Cue::Text {
            spans: vec![Span { text: "a\nb".into(), size: Some(0.05), ..Span::default() }],
            align: 2,
            at: Some((0.5, 0.5)),
            sides: (0.0, 0.1),
            margin: None,
        };
        let picture = Cue::Picture {
            within: (64, 48),
            x: 1,
            y: 2,
            width: 2,
            height: 2,
            palette: vec![7; 256],
            indices: vec![1, 2, 3, 4],
        };
        Page { cues: vec![text, picture] }
    }

    #[test]
    fn a_page_comes_back_as_it_was_and_parts_of_one_are_none() {
        let bytes = page().encode();
        assert_eq!(Page::decode(&bytes), Some(page()));
        assert_eq!(page().cues[0].lines(), ["a", "b"]);
        for len in 0..bytes.len() {
            assert_eq!(Page::decode(&bytes[..len]), None, "{len}");
        }
        assert_eq!(Page::decode(&Page::default().encode()), Some(Page::default()));
    }

    #[test]
    fn what_is_out_of_bounds_is_no_page() {
        let with = |change: fn(&mut Cue)| {
            let mut page = page();
            page.cues.iter_mut().for_each(change);
            Page::decode(&page.encode())
        };
        let changes: [fn(&mut Cue); 4] = [
            |cue| {
                if let Cue::Text { align, .. } = cue {
                    *align = 0
                }
            },
            |cue| {
                if let Cue::Text { spans, .. } = cue {
                    spans[0].size = Some(1e9)
                }
            },
            |cue| {
                if let Cue::Text { at, .. } = cue {
                    *at = Some((1e30, 0.0))
                }
            },
            |cue| {
                if let Cue::Picture { width, .. } = cue {
                    *width = u32::MAX
                }
            },
        ];
        for change in changes {
            assert_eq!(with(change), None);
        }
        let many = Page { cues: vec![page().cues[0].clone(); MOST + 1] };
        assert_eq!(Page::decode(&many.encode()), None);
    }

    #[test]
    fn a_page_is_never_too_long() {
        let picture = Cue::Picture {
            within: (1, 1),
            x: 0,
            y: 0,
            width: 3840,
            height: 2160,
            palette: vec![0; 256],
            indices: vec![0; 3840 * 2160],
        };
        let bytes = Page { cues: vec![picture; 5] }.encode();
        assert!(bytes.len() as u64 <= LONGEST_PAGE);
        assert_eq!(Page::decode(&bytes).map(|page| page.cues.len()), Some(1));
    }
}
