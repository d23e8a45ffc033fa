//! Text: Inter, rasterised once for each letter and size. Digits all have the same width, so that figures stand still.

use std::collections::HashMap;

use ab_glyph::{Font, FontRef, Glyph, ScaleFont};

use super::brush::Color;
use crate::canvas::Canvas;

const INTER: &[u8] = include_bytes!("../../fonts/Inter-Medium.otf");
/// Letters kept; a window that is being resized asks for many sizes.
const MOST_LETTERS: usize = 2048;

/// How much of each pixel a letter covers.
#[derive(Debug)]
struct Letter {
    left: i32,
    top: i32,
    width: usize,
    coverage: Vec<u8>,
}

/// Sets text.
#[derive(Debug)]
pub(super) struct Typesetter {
    font: Option<FontRef<'static>>,
    /// By character and size, in sixteenths of a pixel.
    letters: HashMap<(char, u32), Letter>,
}

impl Default for Typesetter {
    fn default() -> Self {
        // The font is part of the program; without it there would be no text and nothing worse.
        Self { font: FontRef::try_from_slice(INTER).ok(), letters: HashMap::new() }
    }
}

impl Typesetter {
    /// How far the next letter is after `c`.
    fn advance(&self, c: char, size: f32) -> f32 {
        let Some(font) = &self.font else { return 0.0 };
        let font = font.as_scaled(size);
        let of = |c| font.h_advance(font.glyph_id(c));
        if c.is_ascii_digit() { ('0'..='9').map(of).fold(0.0, f32::max) } else { of(c) }
    }

    /// The width of `text`, in pixels.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|c| self.advance(c, size)).sum()
    }

    /// `text`, or as much of its end as fits into `room` (a path says most there).
    pub(super) fn shorten(&self, text: &str, size: f32, room: f32) -> String {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if self.width(&text, size) <= room {
            return text;
        }
        let mut left = room - self.advance('\u{2026}', size);
        let kept: Vec<char> = text
            .chars()
            .rev()
            .take_while(|&c| {
                left -= self.advance(c, size);
                left >= 0.0
            })
            .collect();
        std::iter::once('\u{2026}').chain(kept.into_iter().rev()).collect()
    }

    /// Draws `text` from `x` on, standing on `base`.
    pub(super) fn draw(&mut self, canvas: &mut Canvas, x: f32, base: f32, size: f32, text: &str, color: Color) {
        let mut at = x;
        for c in text.chars() {
            let wide = self.advance(c, size);
            let own = self.font.as_ref().map_or(0.0, |f| {
                let f = f.as_scaled(size);
                f.h_advance(f.glyph_id(c))
            });
            self.letter(canvas, at + (wide - own) / 2.0, base, size, c, color);
            at += wide;
        }
    }

    fn letter(&mut self, canvas: &mut Canvas, x: f32, base: f32, size: f32, c: char, color: Color) {
        let Some(font) = &self.font else { return };
        if self.letters.len() >= MOST_LETTERS {
            self.letters.clear();
        }
        let letter = self.letters.entry((c, (size * 16.0) as u32)).or_insert_with(|| rasterise(font, c, size));
        if letter.width == 0 {
            return;
        }
        let (left, top) = (x.round() as i32 + letter.left, base.round() as i32 + letter.top);
        let width = canvas.width;
        for (row, line) in letter.coverage.chunks_exact(letter.width).enumerate() {
            let Ok(y) = usize::try_from(top + row as i32) else { continue };
            let Some(pixels) = canvas.pixels.get_mut(y * width..(y + 1) * width) else { continue };
            let (skip, start) = (usize::try_from(-left).unwrap_or(0), usize::try_from(left).unwrap_or(0));
            for (pixel, &coverage) in pixels.iter_mut().skip(start).zip(line.iter().skip(skip)) {
                *pixel = color.over(*pixel, coverage.into());
            }
        }
    }
}

fn rasterise(font: &FontRef<'_>, c: char, size: f32) -> Letter {
    let glyph: Glyph = font.as_scaled(size).scaled_glyph(c);
    let Some(outline) = font.outline_glyph(glyph) else {
        return Letter { left: 0, top: 0, width: 0, coverage: Vec::new() };
    };
    let bounds = outline.px_bounds();
    let (width, height) = (bounds.width() as usize, bounds.height() as usize);
    let mut coverage = vec![0; width * height];
    outline.draw(|x, y, share| {
        if let Some(byte) = coverage.get_mut(y as usize * width + x as usize) {
            *byte = (share.clamp(0.0, 1.0) * 255.0) as u8;
        }
    });
    Letter { left: bounds.min.x as i32, top: bounds.min.y as i32, width, coverage }
}
