//! A page of subtitles on its way from the decoder to the renderer: what is to be seen from one moment to another. The times are in the
//! frame's meta; the payload is a length, a description (`code`), and the points of pictures behind it.
//!
//! Whoever reads a page has no reason to trust whoever wrote it: [`Page::decode`] gives out nothing that is out of bounds.

mod code;
mod fonts;
mod look;

use code::Coded;

pub use fonts::{FontPart, FontSet, Gathered, LONGEST_PART, SharedFont};
pub use look::{Backdrop, Fade, Motion, Place, Span};

/// Bytes of a page at most: a picture of 4K and its colours.
pub const LONGEST_PAGE: u64 = 16 << 20;
/// Bytes of its description at most.
const LONGEST_TEXT: usize = 1 << 20;
/// What is on a page at most: cues, and stretches of text of one that look different.
const MOST: usize = 64;
const MOST_SPANS: usize = 128;
/// Points of a drawing.
const MOST_POINTS: usize = 8_192;

/// What is to be seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// From when on, in ns.
    pub start_ns: i64,
    /// The first one first; also what is over, for which some that are on made room.
    pub cues: Vec<Cue>,
}

/// Text or a picture, and when. A time counts from the beginning of the film.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// From when on, in ns.
    pub start_ns: i64,
    /// Until when, in ns. It may be over: then others that are on made room for it.
    pub end_ns: i64,
    /// What.
    pub body: Body,
}

/// What a cue shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Words.
    Text {
        /// One after another; a line ends with `\n`.
        spans: Vec<Span>,
        /// Where they stand.
        place: Place,
    },
    /// A drawing.
    Shape {
        /// Points in parts of the picture's width and height, from where it stands; each outline ends where it began.
        outlines: Vec<Vec<(f32, f32)>>,
        /// How it looks; it has no letters.
        look: Box<Span>,
        /// Where it stands.
        place: Place,
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
        indices: Vec<u8>,
    },
}

impl Page {
    /// What is to be seen.
    pub fn on(&self) -> impl Iterator<Item = &Cue> {
        self.cues.iter().filter(|cue| cue.end_ns > self.start_ns)
    }

    /// The bytes of a page; what does not fit is left out.
    pub fn encode(&self) -> Vec<u8> {
        let mut kept = self.clone();
        let room = LONGEST_PAGE as usize - LONGEST_TEXT - 4;
        let mut points = 0;
        kept.cues.retain(|cue| {
            points += cue.points().len();
            points <= room
        });
        let mut text = Vec::new();
        loop {
            kept.put(&mut text);
            if text.len() <= LONGEST_TEXT {
                break;
            }
            text.clear();
            kept.cues.pop();
        }
        let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(&text);
        kept.cues.iter().for_each(|cue| bytes.extend_from_slice(cue.points()));
        bytes
    }

    /// Reads what a peer wrote; `None` if it is no page.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let len = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let mut text = bytes.get(4..4 + len.min(LONGEST_TEXT + 1)).filter(|text| text.len() == len)?;
        let mut page = Self::take(&mut text).filter(|_| text.is_empty())?;
        let mut rest = bytes.get(4 + len..)?;
        for cue in &mut page.cues {
            if let Body::Picture { width, height, palette, indices, within, .. } = &mut cue.body {
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
        match &self.body {
            Body::Text { .. } | Body::Shape { .. } => &[],
            Body::Picture { indices, .. } => indices,
        }
    }

    fn is_valid(&self) -> bool {
        match &self.body {
            Body::Text { spans, place } => {
                spans.len() <= MOST_SPANS && spans.iter().all(Span::is_valid) && place.is_valid()
            }
            Body::Shape { outlines, look, place } => {
                let points = || outlines.iter().flatten();
                let far = |n: &f32| (-2.0..=3.0).contains(n);
                points().count() <= MOST_POINTS
                    && points().all(|(x, y)| far(x) && far(y))
                    && look.is_valid()
                    && place.is_valid()
            }
            Body::Picture { .. } => true,
        }
    }

    /// The words that are seen, line by line; none of a picture.
    pub fn lines(&self) -> Vec<String> {
        match &self.body {
            Body::Text { spans, .. } => {
                let seen = |span: &&Span| [span.color, span.edge].iter().any(|c| c.is_none_or(|c| c >> 24 > 0));
                let all: String = spans.iter().filter(seen).map(|span| span.text.as_str()).collect();
                all.lines().map(str::to_owned).collect()
            }
            Body::Shape { .. } | Body::Picture { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let place = Place {
            align: 2,
            at: Some((0.5, 0.5)),
            sides: (0.0, 0.1),
            fade: Some(Fade { levels: [0, 255, 0], times_ns: [0, 5, 9, 12] }),
            motion: Some(Motion { to: (0.1, 0.9), times_ns: (0, 12) }),
            clip: Some([0.0, 0.1, 1.0, 0.9]),
            tilt: (30.0, -60.0),
            far: 0.5,
            shear: (0.1, -0.2),
            origin: Some((0.0, 1.0)),
            ..Place::default()
        };
        let span = Span { text: "a\nb".into(), size: Some(0.05), scale: Some((0.5, 2.0)), ..Span::default() };
        let hidden = Span { text: "c".into(), color: Some(0x00ff_ffff), edge: Some(0), ..Span::default() };
        let text = Body::Text { spans: vec![span, hidden], place };
        let outlines = vec![vec![(0.0, 0.0), (1.0, 0.0), (1.0, 0.5)]];
        let shape = Body::Shape { outlines, look: Box::default(), place };
        let picture = Body::Picture {
            within: (64, 48),
            x: 1,
            y: 2,
            width: 2,
            height: 2,
            palette: vec![7; 256],
            indices: vec![1, 2, 3, 4],
        };
        Page { start_ns: 5, cues: [text, picture, shape].map(|body| Cue { start_ns: 3, end_ns: 15, body }).to_vec() }
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
        let changes: [fn(&mut Cue); 12] = [
            |cue| {
                if let Body::Text { place, .. } = &mut cue.body {
                    place.far = 0.0
                }
            },
            |cue| {
                if let Body::Text { place, .. } = &mut cue.body {
                    place.shear.1 = f32::NAN
                }
            },
            |cue| {
                if let Body::Text { place, .. } = &mut cue.body {
                    place.align = 0
                }
            },
            |cue| {
                if let Body::Text { spans, .. } = &mut cue.body {
                    spans[0].size = Some(1e9)
                }
            },
            |cue| {
                if let Body::Text { place, .. } = &mut cue.body {
                    place.at = Some((1e30, 0.0))
                }
            },
            |cue| {
                if let Body::Picture { width, .. } = &mut cue.body {
                    *width = u32::MAX
                }
            },
            |cue| {
                if let Body::Text { spans, .. } = &mut cue.body {
                    spans[0].scale = Some((0.0, 1.0))
                }
            },
            |cue| {
                if let Body::Text { spans, .. } = &mut cue.body {
                    spans[1].border = Some(1.0)
                }
            },
            |cue| {
                if let Body::Text { place, .. } = &mut cue.body {
                    place.angle = 1e9
                }
            },
            |cue| {
                if let Body::Shape { outlines, .. } = &mut cue.body {
                    outlines[0][1].0 = 4.0
                }
            },
            |cue| {
                if let Body::Text { place, .. } = &mut cue.body {
                    place.clip = Some([0.0, 0.0, f32::MAX, 0.0])
                }
            },
            |cue| {
                if let Body::Text { place, .. } = &mut cue.body {
                    place.motion = Some(Motion { to: (9.0, 0.0), times_ns: (0, 1) })
                }
            },
        ];
        for change in changes {
            assert_eq!(with(change), None);
        }
        let many = Page { start_ns: 0, cues: vec![page().cues[0].clone(); MOST + 1] };
        assert_eq!(Page::decode(&many.encode()), None);
    }

    #[test]
    fn a_page_is_never_too_long() {
        let body = Body::Picture {
            within: (1, 1),
            x: 0,
            y: 0,
            width: 3840,
            height: 2160,
            palette: vec![0; 256],
            indices: vec![0; 3840 * 2160],
        };
        let bytes = Page { start_ns: 0, cues: vec![Cue { start_ns: 0, end_ns: 1, body }; 5] }.encode();
        assert!(bytes.len() as u64 <= LONGEST_PAGE);
        assert_eq!(Page::decode(&bytes).map(|page| page.cues.len()), Some(1));
    }
}
