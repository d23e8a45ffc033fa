//! Drawing straight into an I420 picture: filled rectangles and a tiny 5×7 font, clipped to the picture. It knows no
//! anti-aliasing and no blending: test pictures want exact values.

/// A colour as Y, U, V.
pub(super) type Yuv = [u8; 3];

/// A picture being drawn, planes without padding.
pub(super) struct Canvas<'a> {
    planes: [&'a mut [u8]; 3],
    width: usize,
    height: usize,
}

impl<'a> Canvas<'a> {
    /// Takes the bytes of a picture; `None` if there are too few for its size.
    pub(super) fn new(out: &'a mut [u8], width: usize, height: usize) -> Option<Self> {
        let chroma = width.div_ceil(2) * height.div_ceil(2);
        let (y, rest) = out.split_at_mut_checked(width * height)?;
        let (u, v) = rest.split_at_mut_checked(chroma)?;
        (v.len() >= chroma).then_some(Self { planes: [y, u, v], width, height })
    }

    /// Copies one row of each plane (as wide as the picture) to the rows `y0..y1`.
    pub(super) fn rows(&mut self, y0: usize, y1: usize, template: &[Vec<u8>; 3]) {
        for (index, (plane, row)) in self.planes.iter_mut().zip(template).enumerate() {
            let shift = usize::from(index > 0);
            let (from, to) = ((y0 + shift) >> shift, (y1 + shift) >> shift);
            for line in plane.chunks_exact_mut(row.len().max(1)).take(to).skip(from) {
                line.copy_from_slice(row);
            }
        }
    }

    /// Fills a rectangle. Chroma covers every sample that the rectangle touches.
    pub(super) fn rect(&mut self, x: usize, y: usize, w: usize, h: usize, colour: Yuv) {
        let (x1, y1) = ((x + w).min(self.width), (y + h).min(self.height));
        if x >= x1 || y >= y1 {
            return;
        }
        for (index, (plane, value)) in self.planes.iter_mut().zip(colour).enumerate() {
            let shift = usize::from(index > 0);
            let stride = (self.width + shift) >> shift;
            let (from, to) = (x >> shift, (x1 + shift) >> shift);
            for line in plane.chunks_exact_mut(stride).take((y1 + shift) >> shift).skip(y >> shift) {
                if let Some(part) = line.get_mut(from..to) {
                    part.fill(value);
                }
            }
        }
    }

    /// Writes `text` (digits, colon, dot) with its top left corner at `x`, `y`, each font pixel `scale` wide.
    pub(super) fn text(&mut self, x: usize, y: usize, scale: usize, text: &str, colour: Yuv) {
        for (index, glyph) in text.chars().map(glyph).enumerate() {
            for (row, bits) in glyph.iter().enumerate() {
                for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                    self.rect(x + (index * ADVANCE + column) * scale, y + row * scale, scale, scale, colour);
                }
            }
        }
    }
}

/// Font pixels from one character to the next.
pub(super) const ADVANCE: usize = 6;
/// Font pixels of a character's height.
pub(super) const TALL: usize = 7;

/// Rows of a character, from the top; bit 4 is the leftmost column.
fn glyph(c: char) -> [u8; TALL] {
    match c {
        '0' => [14, 17, 19, 21, 25, 17, 14],
        '1' => [4, 12, 4, 4, 4, 4, 14],
        '2' => [14, 17, 1, 2, 4, 8, 31],
        '3' => [31, 2, 4, 2, 1, 17, 14],
        '4' => [2, 6, 10, 18, 31, 2, 2],
        '5' => [31, 16, 30, 1, 1, 17, 14],
        '6' => [6, 8, 16, 30, 17, 17, 14],
        '7' => [31, 1, 2, 4, 8, 8, 8],
        '8' => [14, 17, 17, 14, 17, 17, 14],
        '9' => [14, 17, 17, 15, 1, 2, 12],
        ':' => [0, 4, 4, 0, 4, 4, 0],
        '.' => [0, 0, 0, 0, 0, 4, 4],
        _ => [0; TALL],
    }
}
