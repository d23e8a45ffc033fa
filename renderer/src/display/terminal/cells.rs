//! The terminal's screen as cells, and the bytes that lead from what it shows to what it is to show. Pure: nothing here
//! reads or writes.

use unicode_width::UnicodeWidthChar;

use crate::canvas::Canvas;

/// The upper half of a cell is its front, the lower half its back: two pixels.
pub(super) const HALVES: char = '\u{2580}';
/// The second column of a letter.
pub(super) const TAIL: char = '\0';
const LOWER: char = '\u{2584}';
/// Colours that differ by no more in each channel look alike, and are not sent again.
const ALIKE: u8 = 3;
/// From here on the terminal draws in one go, until [`TOGETHER_END`]; terminals that cannot ignore it.
const TOGETHER: &[u8] = b"\x1b[?2026h";
const TOGETHER_END: &[u8] = b"\x1b[?2026l";

/// Red, green, blue.
pub(super) type Rgb = [u8; 3];

/// `0xRRGGBB` as three bytes.
pub(super) fn rgb(color: u32) -> Rgb {
    let [_, r, g, b] = color.to_be_bytes();
    [r, g, b]
}

fn alike(a: Rgb, b: Rgb) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= ALIKE)
}

/// One place on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// [`HALVES`] for two pixels; [`TAIL`] behind a letter that is two columns wide.
    pub(super) glyph: char,
    /// What is written over and under it; [`TAIL`] for nothing.
    pub(super) marks: [char; 2],
    pub(super) front: Rgb,
    pub(super) back: Rgb,
}

impl Cell {
    const BLACK: Self = Self { glyph: HALVES, marks: [TAIL; 2], front: [0; 3], back: [0; 3] };

    /// Whether nobody sees a difference.
    fn looks_like(&self, other: &Self) -> bool {
        self.glyph == other.glyph
            && self.marks == other.marks
            && alike(self.front, other.front)
            && alike(self.back, other.back)
    }
}

/// A screen full of cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    cells: Vec<Cell>,
}

impl Grid {
    /// Takes a size and becomes black.
    pub(super) fn clear(&mut self, columns: usize, rows: usize) {
        (self.columns, self.rows) = (columns, rows);
        self.cells.clear();
        self.cells.resize(columns * rows, Cell::BLACK);
    }

    /// A cell; `None` outside.
    pub(super) fn at(&mut self, column: usize, row: usize) -> Option<&mut Cell> {
        self.cells.get_mut(row * self.columns + column).filter(|_| column < self.columns)
    }

    /// Lays a picture on it, two rows of pixels to a row of cells, its corner at pixel `x`, `y`.
    pub(super) fn lay(&mut self, picture: &Canvas, x: usize, y: usize) {
        for (line, pixels) in picture.pixels.chunks_exact(picture.width.max(1)).enumerate() {
            let row = (y + line) / 2;
            for (column, &pixel) in pixels.iter().enumerate() {
                let Some(cell) = self.at(x + column, row) else { continue };
                let half = if (y + line).is_multiple_of(2) { &mut cell.front } else { &mut cell.back };
                *half = rgb(pixel);
            }
        }
    }
}

/// What is known of the terminal: what it shows, its colours, its cursor.
#[derive(Debug, Default)]
pub(super) struct Screen {
    shown: Vec<Option<Cell>>,
    columns: usize,
    front: Option<Rgb>,
    back: Option<Rgb>,
    cursor: Option<(usize, usize)>,
}

impl Screen {
    /// Nothing is known any more: everything is drawn anew.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Appends to `out` what makes the terminal show `wanted`. Whether that is anything.
    pub(super) fn update(&mut self, wanted: &Grid, out: &mut Vec<u8>) -> bool {
        if self.shown.len() != wanted.cells.len() || self.columns != wanted.columns {
            self.forget();
            self.shown.resize(wanted.cells.len(), None);
            self.columns = wanted.columns;
        }
        let before = out.len();
        for (i, cell) in wanted.cells.iter().enumerate() {
            if self.shown[i].is_some_and(|shown| cell.looks_like(&shown)) {
                continue;
            }
            if out.len() == before {
                out.extend_from_slice(TOGETHER);
            }
            if cell.glyph == TAIL {
                // The letter before it is drawn over both.
                self.shown[i] = Some(*cell);
                continue;
            }
            self.move_to(i % self.columns, i / self.columns, out);
            self.shown[i] = Some(self.put(*cell, out));
        }
        let changed = out.len() > before;
        if changed {
            out.extend_from_slice(TOGETHER_END);
        }
        changed
    }

    fn move_to(&mut self, column: usize, row: usize, out: &mut Vec<u8>) {
        match self.cursor {
            Some(at) if at == (column, row) => {}
            Some((from, same)) if same == row && from < column => sequence(out, &[column - from], b'C'),
            _ => sequence(out, &[row + 1, column + 1], b'H'),
        }
        // At the right edge the cursor stays where it is, or not: terminals differ.
        self.cursor = Some((column + 1, row)).filter(|&(next, _)| next < self.columns);
    }

    /// Draws a cell at the cursor in the fewest bytes; how it looks then.
    fn put(&mut self, cell: Cell, out: &mut Vec<u8>) -> Cell {
        let has = |pen: Option<Rgb>, color| pen.is_some_and(|pen| alike(pen, color));
        if cell.glyph == HALVES && alike(cell.front, cell.back) {
            // One colour, no front is needed. Where the pen has only what one half is like, the other half's.
            let color = if has(self.back, cell.front) { cell.back } else { cell.front };
            let back = self.colors(None, color, out);
            out.push(b' ');
            return Cell { front: back, back, ..Cell::BLACK };
        }
        let (front, back) = (cell.front, cell.back);
        let cost = |front, back| u8::from(!has(self.front, front)) + u8::from(!has(self.back, back));
        let (glyph, upside_down) = if cell.glyph == HALVES && cost(back, front) < cost(front, back) {
            (LOWER, true)
        } else {
            (cell.glyph, false)
        };
        let (over, under) = if upside_down { (back, front) } else { (front, back) };
        let under = self.colors(Some(over).filter(|_| glyph != ' '), under, out);
        let over = self.front.filter(|_| glyph != ' ').unwrap_or(front);
        let mut utf8 = [0; 4];
        out.extend_from_slice(glyph.encode_utf8(&mut utf8).as_bytes());
        for mark in cell.marks.into_iter().filter(|&mark| mark != TAIL) {
            out.extend_from_slice(mark.encode_utf8(&mut utf8).as_bytes());
        }
        if cell.marks[0] != TAIL || cell.glyph.width() == Some(2) {
            // Terminals differ in how they draw these, and so in where they are then.
            self.cursor = None;
        }
        let (front, back) = if upside_down { (under, over) } else { (over, under) };
        Cell { front, back, ..cell }
    }

    /// Sets the pen, as far as it is not alike; the back that it has then.
    fn colors(&mut self, front: Option<Rgb>, back: Rgb, out: &mut Vec<u8>) -> Rgb {
        let new = |pen: Option<Rgb>, color: Rgb| pen.is_none_or(|pen| !alike(pen, color));
        let mut parts = [0; 10];
        let mut used = 0;
        for (code, color) in
            [(38, front.filter(|&f| new(self.front, f))), (48, Some(back).filter(|&b| new(self.back, b)))]
        {
            let Some(color) = color else { continue };
            let all = [code, 2, color[0].into(), color[1].into(), color[2].into()];
            parts[used..used + 5].copy_from_slice(&all);
            used += 5;
            let pen = if code == 38 { &mut self.front } else { &mut self.back };
            *pen = Some(color);
        }
        if used > 0 {
            sequence(out, &parts[..used], b'm');
        }
        self.back.unwrap_or(back)
    }
}

/// `CSI numbers; letter`.
fn sequence(out: &mut Vec<u8>, numbers: &[usize], letter: u8) {
    out.extend_from_slice(b"\x1b[");
    for (i, &number) in numbers.iter().enumerate() {
        if i > 0 {
            out.push(b';');
        }
        let mut digits = [0; 20];
        let mut first = digits.len();
        let mut left = number;
        loop {
            first -= 1;
            digits[first] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        out.extend_from_slice(&digits[first..]);
    }
    out.push(letter);
}

#[cfg(test)]
mod tests;
