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
    /// From when on, in ns.
    pub start_ns: i64,
    /// The first one first; also what is over, for which some that are on made room.
    pub cues: Vec<Cue>,
}

/// Text or a picture, and when. A time counts from the beginning of the film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cue {
    /// From when on, in ns.
    pub start_ns: i64,
    /// Until when, in ns. It may be over: then others that are on made room for it.
    pub end_ns: i64,
    /// What.
    pub body: Body,
}

/// What a cue shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// Words.
    Text {
        /// One after another; a line ends with `\n`.
        spans: Vec<Span>,
        /// Where they stand.
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
        #[serde(skip)]
        indices: Vec<u8>,
    },
}

/// Where words stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// As on a block of digits: 1 to 3 below, 4 to 6 in the middle, 7 to 9 above; left, middle, right.
    pub align: u8,
    /// The point that `align` puts the text at, in parts of the picture's width and height.
    pub at: Option<(f32, f32)>,
    /// What is kept free to the left and to the right, in parts of the width.
    pub sides: (f32, f32),
    /// What is kept free below or above, in parts of the height.
    pub margin: Option<f32>,
    /// What lies over what, and makes room for what.
    pub layer: i32,
    /// How far it is turned about `at`, in degrees, against the clock.
    pub angle: f32,
    /// Lines end where they are said to end, however long they are.
    pub unbroken: bool,
    /// What lies behind the words.
    pub backdrop: Backdrop,
    /// How they come and go.
    pub fade: Option<Fade>,
    /// Where they go.
    pub motion: Option<Motion>,
    /// All that is seen lies in here: left, top, right, bottom, in parts of the picture's width and height.
    pub clip: Option<[f32; 4]>,
}

/// What lies behind words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backdrop {
    /// Nothing.
    #[default]
    None,
    /// A box of the edge's colour behind each line, in the place of edges.
    Lines,
    /// A box of the shadow's colour behind all of them.
    Whole,
}

/// Three levels of opacity, 255 for all, and when, in ns after the beginning, the first becomes the second, and the second the third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fade {
    /// The levels.
    pub levels: [u8; 3],
    /// The times.
    pub times_ns: [i64; 4],
}

/// A movement from `at` to another point, in ns after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// The point.
    pub to: (f32, f32),
    /// When it begins and when it ends.
    pub times_ns: (i64, i64),
}

/// Letters that look alike. Colours are `0xAARRGGBB`, of which `AA` is 0xff where nothing shines through; lengths are parts of the
/// picture's height.
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
    /// The colour of the letters.
    pub color: Option<u32>,
    /// The colour of the edge.
    pub edge: Option<u32>,
    /// The colour of the shadow.
    pub shade: Option<u32>,
    /// The height of a line.
    pub size: Option<f32>,
    /// How wide the edge is.
    pub border: Option<f32>,
    /// How far the shadow lies to the right and below.
    pub shadow: f32,
    /// How far the edge is blurred.
    pub blur: f32,
    /// What is added between two letters.
    pub spacing: f32,
    /// How many times as wide and as high as usual.
    pub scale: Option<(f32, f32)>,
    /// The font's name.
    pub font: Option<String>,
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
            Body::Text { .. } => &[],
            Body::Picture { indices, .. } => indices,
        }
    }

    fn is_valid(&self) -> bool {
        match &self.body {
            Body::Text { spans, place } => {
                spans.len() <= MOST_SPANS && spans.iter().all(Span::is_valid) && place.is_valid()
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
            Body::Picture { .. } => Vec::new(),
        }
    }
}

/// Whether it is a place in or about the picture.
fn is_near(part: f32) -> bool {
    (-1.0..=2.0).contains(&part)
}

impl Span {
    fn is_valid(&self) -> bool {
        let scale = |n: f32| (0.01..=20.0).contains(&n);
        self.size.is_none_or(|size| (0.001..=1.0).contains(&size))
            && [self.border.unwrap_or(0.0), self.shadow, self.blur].iter().all(|far| (0.0..=0.2).contains(far))
            && (-1.0..=1.0).contains(&self.spacing)
            && self.scale.is_none_or(|(wide, high)| scale(wide) && scale(high))
    }
}

impl Place {
    fn is_valid(&self) -> bool {
        let ends = self.at.into_iter().chain(self.motion.map(|motion| motion.to));
        (1..=9).contains(&self.align)
            && ends.into_iter().all(|(x, y)| is_near(x) && is_near(y))
            && is_near(self.sides.0)
            && is_near(self.sides.1)
            && self.margin.is_none_or(is_near)
            && (-360.0..=360.0).contains(&self.angle)
            && self.clip.is_none_or(|clip| clip.into_iter().all(is_near))
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
            ..Place::default()
        };
        let span = Span { text: "a\nb".into(), size: Some(0.05), scale: Some((0.5, 2.0)), ..Span::default() };
        let hidden = Span { text: "c".into(), color: Some(0x00ff_ffff), edge: Some(0), ..Span::default() };
        let text = Body::Text { spans: vec![span, hidden], place };
        let picture = Body::Picture {
            within: (64, 48),
            x: 1,
            y: 2,
            width: 2,
            height: 2,
            palette: vec![7; 256],
            indices: vec![1, 2, 3, 4],
        };
        Page { start_ns: 5, cues: [text, picture].map(|body| Cue { start_ns: 3, end_ns: 15, body }).to_vec() }
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
        let changes: [fn(&mut Cue); 9] = [
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
