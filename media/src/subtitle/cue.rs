//! What is shown from one moment to another: text with how it looks and where it stands, or a picture.

use std::sync::Arc;

use super::animated::Animated;
use crate::caps;

/// Something to be shown over the film.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// From when on, in ns.
    pub start_ns: i64,
    /// Until when, in ns.
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
    /// A drawing: what its outlines have within.
    Shape {
        /// Points in parts of the picture's width and height, from where it stands.
        outlines: Vec<Vec<(f32, f32)>>,
        /// How it looks.
        look: Box<Look>,
        /// Where it stands.
        place: Place,
    },
    /// A picture, as discs have them.
    Picture(Arc<Bitmap>),
    /// Words or a drawing that change: on no page, which has what is to be seen of them.
    Animated(Arc<Animated>),
}

/// A picture with transparent parts, and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Bitmap {
    /// The size of the picture that `x` and `y` refer to: the film's.
    pub within: (u32, u32),
    /// Its left edge.
    pub x: u32,
    /// Its upper edge.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `0xAARRGGBB` of each colour.
    pub palette: Vec<u32>,
    /// The colour of each point, row by row.
    pub indices: Vec<u8>,
}

/// Letters that look alike.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Span {
    /// The letters.
    pub text: String,
    /// How they look.
    pub look: Look,
}

/// How letters look; what is not said is up to who draws them. Colours are `0xAARRGGBB`, of which `AA` is 0xff where nothing shines through;
/// lengths are parts of the picture's height.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
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
    /// The colour of letters that are not sung yet.
    pub second: Option<u32>,
    /// The colour of the edge.
    pub edge: Option<u32>,
    /// The colour of the shadow.
    pub shade: Option<u32>,
    /// The colour behind the letters, in the place of an edge.
    pub back: Option<u32>,
    /// The height of a line.
    pub size: Option<f32>,
    /// How wide the edge is.
    pub border: Option<f32>,
    /// How far the shadow lies to the right and below; 0: there is none.
    pub shadow: f32,
    /// How far the edge is blurred.
    pub blur: f32,
    /// What is added between two letters.
    pub spacing: f32,
    /// How many times as wide and as high as usual.
    pub scale: Option<(f32, f32)>,
    /// The font's name.
    pub font: Option<String>,
    /// The colour of those that are not sung yet, and which part of the width is sung.
    pub sweep: Option<(u32, f32)>,
    /// Letters of one syllable are set by themselves, however those beside them look.
    pub(super) syllable: u16,
}

impl Look {
    /// Whether anything of the letters is to be seen.
    pub(super) fn is_seen(&self) -> bool {
        [self.color, self.edge].iter().any(|color| color.is_none_or(|color| color >> 24 > 0))
    }
}

/// What lies behind words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backdrop {
    /// Nothing.
    #[default]
    None,
    /// A box of the edge's colour behind each line, in the place of edges.
    Lines,
    /// A box of the shadow's colour behind all of them.
    Whole,
}

/// How words come and go: three levels of opacity (255: all of it is seen), and when, in ns after the cue's beginning, the first one begins
/// to become the second one and is it, and the second one begins to become the third one and is it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fade {
    /// The levels.
    pub levels: [u8; 3],
    /// The times.
    pub times_ns: [i64; 4],
}

/// A movement from `at` to another point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// The point, as `at`.
    pub to: (f32, f32),
    /// When it begins and when it ends, in ns after the cue's beginning.
    pub times_ns: (i64, i64),
}

/// Where text stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// As on a block of digits: 1 to 3 below, 4 to 6 in the middle, 7 to 9 above; left, middle, right.
    pub align: u8,
    /// The point that `align` puts the text at, in parts of the picture's width and height.
    pub at: Option<(f32, f32)>,
    /// What is kept free to the left and to the right, in parts of the picture's width.
    pub sides: (f32, f32),
    /// What is kept free below or above, as a part of the picture's height.
    pub margin: Option<f32>,
    /// What lies over what, and what makes room for what: cues of one layer for each other.
    pub layer: i32,
    /// How far it is turned about `origin`, in degrees, against the clock.
    pub angle: f32,
    /// How far it is turned about a line across and about one down, in degrees: what is farther away then is smaller.
    pub tilt: (f32, f32),
    /// How far away from the eye the picture is, as a part of its height.
    pub far: f32,
    /// How far a point goes to the right for each one that it is below the upper edge, and down for each one to the right of the left edge.
    pub shear: (f32, f32),
    /// The point that it is turned about, where it is not the one that `align` refers to.
    pub origin: Option<(f32, f32)>,
    /// Lines end where they are said to end, however long they are.
    pub unbroken: bool,
    /// What lies behind the words.
    pub backdrop: Backdrop,
    /// How they come and go.
    pub fade: Option<Fade>,
    /// Where they go.
    pub motion: Option<Motion>,
    /// All that is seen of them lies in here: from left to right, from top to bottom, in parts of the picture's width and height.
    pub clip: Option<[f32; 4]>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            align: 2,
            at: None,
            sides: (0.0, 0.0),
            margin: None,
            layer: 0,
            angle: 0.0,
            tilt: (0.0, 0.0),
            far: 1.0,
            shear: (0.0, 0.0),
            origin: None,
            unbroken: false,
            backdrop: Backdrop::None,
            fade: None,
            motion: None,
            clip: None,
        }
    }
}

/// Collects the spans of a cue, within bounds.
#[derive(Debug, Default)]
pub(super) struct Writer {
    spans: Vec<Span>,
    len: usize,
}

impl Writer {
    /// Adds letters that look like `look`. Tabs are spaces; other control characters are left out.
    pub(super) fn push(&mut self, text: &str, look: &Look) {
        let letters = text.chars().map(|letter| if letter == '\t' { ' ' } else { letter });
        for letter in letters.filter(|letter| *letter == '\n' || !letter.is_control()) {
            self.len += letter.len_utf8();
            if self.len > caps::CUE_TEXT {
                return;
            }
            let full = self.spans.len() >= caps::CUE_SPANS;
            match self.spans.last_mut() {
                Some(last) if last.look == *look => last.text.push(letter),
                _ if full => return,
                _ => self.spans.push(Span { text: letter.into(), look: look.clone() }),
            }
        }
    }

    /// Whether there is no room for more.
    pub(super) const fn is_full(&self) -> bool {
        self.len > caps::CUE_TEXT
    }

    /// What was collected, without empty lines before and after it; `None` if that is nothing.
    pub(super) fn finish(mut self) -> Option<Vec<Span>> {
        let blank = |span: &Span| span.text.trim().is_empty();
        if !self.spans.iter().any(|span| span.look.is_seen() && !blank(span)) {
            return None;
        }
        let end = self.spans.iter().rposition(|span| !blank(span))?;
        self.spans.truncate(end + 1);
        let first = self.spans.iter().position(|span| !blank(span)).unwrap_or(0);
        self.spans.drain(..first);
        if let Some(first) = self.spans.first_mut() {
            first.text = first.text.trim_start_matches(['\n', ' ']).to_owned();
        }
        if let Some(last) = self.spans.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        Some(self.spans)
    }
}

impl Cue {
    /// The words that are seen, alone; empty for a picture and a drawing.
    pub fn words(&self) -> String {
        match &self.body {
            Body::Text { spans, .. } => {
                spans.iter().filter(|span| span.look.is_seen()).map(|span| span.text.as_str()).collect()
            }
            Body::Shape { .. } | Body::Picture(_) => String::new(),
            Body::Animated(event) => event.last().map_or(String::new(), |body| Self { body, ..*self }.words()),
        }
    }
}
