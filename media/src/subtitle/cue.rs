//! What is shown from one moment to another: text with how it looks and where it stands, or a picture.

use std::sync::Arc;

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
    /// A picture, as discs have them.
    Picture(Arc<Bitmap>),
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

/// How letters look; what is not said is up to who draws them.
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
    /// `0xRRGGBB`.
    pub color: Option<u32>,
    /// The colour of the edge, `0xRRGGBB`.
    pub edge: Option<u32>,
    /// The height of a line, as a part of the picture's.
    pub size: Option<f32>,
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
}

impl Default for Place {
    fn default() -> Self {
        Self { align: 2, at: None, sides: (0.0, 0.0), margin: None }
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

    /// What was collected, without empty lines before and after it; `None` if that is nothing.
    pub(super) fn finish(mut self) -> Option<Vec<Span>> {
        let blank = |span: &Span| span.text.trim().is_empty();
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
    /// The words alone; empty for a picture.
    pub fn words(&self) -> String {
        match &self.body {
            Body::Text { spans, .. } => spans.iter().map(|span| span.text.as_str()).collect(),
            Body::Picture(_) => String::new(),
        }
    }
}
