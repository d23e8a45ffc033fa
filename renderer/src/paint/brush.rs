//! Filled shapes with soft edges, blended over a canvas.

use crate::canvas::Canvas;

/// A colour and how much it covers, 0..=255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color {
    pub(super) rgb: u32,
    pub(super) alpha: u8,
}

impl Color {
    /// `0xRRGGBB`.
    pub(super) const fn new(rgb: u32, alpha: u8) -> Self {
        Self { rgb, alpha }
    }

    /// Laid over `pixel` with `coverage`, 0..=255.
    pub(super) fn over(self, pixel: u32, coverage: u32) -> u32 {
        let a = coverage * u32::from(self.alpha) / 255;
        let channel = |shift: u32| {
            let (new, old) = (self.rgb >> shift & 0xff, pixel >> shift & 0xff);
            ((new * a + old * (255 - a) + 127) / 255) << shift
        };
        0xff00_0000 | channel(16) | channel(8) | channel(0)
    }
}

/// A rectangle with round corners, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) radius: f32,
}

impl Shape {
    pub(super) fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height, radius: 0.0 }
    }

    pub(super) fn rounded(self, radius: f32) -> Self {
        Self { radius, ..self }
    }
}

/// The pixels from `start` on over `length`, within `limit`.
fn span(start: f32, length: f32, limit: usize) -> std::ops::Range<usize> {
    let end = (start + length).ceil().clamp(0.0, limit as f32) as usize;
    (start.floor().clamp(0.0, limit as f32) as usize).min(end)..end
}

/// Fills a shape; its edges are as sharp as a pixel allows.
pub(super) fn fill(canvas: &mut Canvas, shape: Shape, color: Color) {
    let radius = shape.radius.min(shape.width / 2.0).min(shape.height / 2.0).max(0.0);
    let columns = span(shape.x, shape.width, canvas.width);
    let rows = span(shape.y, shape.height, canvas.height);
    let (half_w, half_h) = (shape.width / 2.0, shape.height / 2.0);
    let (mid_x, mid_y) = (shape.x + half_w, shape.y + half_h);
    for (y, row) in canvas.rows_mut().enumerate().skip(rows.start).take(rows.len()) {
        let dy = (y as f32 + 0.5 - mid_y).abs() - (half_h - radius);
        for (x, pixel) in row.iter_mut().enumerate().skip(columns.start).take(columns.len()) {
            let dx = (x as f32 + 0.5 - mid_x).abs() - (half_w - radius);
            // Distance to the edge of the rounded rectangle, negative inside.
            let outside = if dx > 0.0 && dy > 0.0 { dx.hypot(dy) } else { dx.max(dy) } - radius;
            let coverage = (0.5 - outside).clamp(0.0, 1.0);
            if coverage > 0.0 {
                *pixel = color.over(*pixel, (coverage * 255.0) as u32);
            }
        }
    }
}

/// A triangle that points to the right, `size` high.
pub(super) fn triangle(canvas: &mut Canvas, at: (f32, f32), size: f32, color: Color) {
    let depth = size * 0.9;
    let rows = span(at.1, size, canvas.height);
    let columns = span(at.0, depth, canvas.width);
    for (y, row) in canvas.rows_mut().enumerate().skip(rows.start).take(rows.len()) {
        let from_middle = (y as f32 + 0.5 - at.1 - size / 2.0).abs();
        let reach = (1.0 - from_middle / (size / 2.0)).max(0.0) * depth;
        for (x, pixel) in row.iter_mut().enumerate().skip(columns.start).take(columns.len()) {
            let inside = (reach - (x as f32 - at.0)).clamp(0.0, 1.0);
            *pixel = color.over(*pixel, (inside * 255.0) as u32);
        }
    }
}
