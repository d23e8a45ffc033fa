//! Text: three embedded faces, laid out on one line with sub-pixel positions.

use crate::raster::{Canvas, Paint};
use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

/// Where the given x stands in the line of text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// The faces that the film speaks in.
pub(crate) struct Faces {
    /// Captions, labels.
    pub(crate) body: Face,
    /// Titles.
    pub(crate) title: Face,
    /// Numbers, states, commands.
    pub(crate) mono: Face,
}

impl Faces {
    /// Reads the embedded fonts.
    pub(crate) fn load() -> Result<Faces, ab_glyph::InvalidFont> {
        let face = |bytes| FontRef::try_from_slice(bytes).map(Face);
        Ok(Faces {
            body: face(include_bytes!("../fonts/Inter-Medium.otf"))?,
            title: face(include_bytes!("../fonts/InterDisplay-SemiBold.otf"))?,
            mono: face(include_bytes!("../fonts/JetBrainsMono-Medium.ttf"))?,
        })
    }
}

/// One face, at any size.
pub(crate) struct Face(FontRef<'static>);

impl Face {
    /// The scale at which one em is `size` pixels (ab_glyph's own unit is ascent minus descent).
    fn scale(&self, size: f32) -> PxScale {
        let em = self.0.units_per_em().unwrap_or(1000.0);
        PxScale::from(size * self.0.height_unscaled() / em)
    }

    /// Glyphs of a line, each with its x from the line's start, and the line's width.
    fn layout(&self, size: f32, text: &str) -> (Vec<(GlyphId, f32)>, f32) {
        let font = self.0.as_scaled(self.scale(size));
        let mut x = 0.0;
        let glyphs = text.chars().map(|c| {
            let id = font.glyph_id(c);
            let start = x;
            x += font.h_advance(id);
            (id, start)
        });
        (glyphs.collect(), x)
    }

    /// Width of a line in pixels.
    pub(crate) fn width(&self, size: f32, text: &str) -> f32 {
        self.layout(size, text).1
    }

    /// Draws a line of text, `size` pixels an em, on the baseline `y`.
    pub(crate) fn draw(
        &self,
        canvas: &mut Canvas,
        size: f32,
        (x, y): (f32, f32),
        align: Align,
        paint: Paint,
        text: &str,
    ) {
        let (glyphs, width) = self.layout(size, text);
        let start = match align {
            Align::Left => x,
            Align::Centre => x - width / 2.0,
            Align::Right => x - width,
        };
        for (id, offset) in glyphs {
            let glyph = id.with_scale_and_position(self.scale(size), point(start + offset, y));
            let Some(outline) = self.0.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            let wide = bounds.width().ceil() as usize + 1;
            let mut coverage = vec![0.0; wide * (bounds.height().ceil() as usize + 1)];
            outline.draw(|x, y, c| coverage[y as usize * wide + x as usize] = c);
            canvas.shade([bounds.min.x, bounds.min.y, bounds.max.x, bounds.max.y], |x, y| {
                paint.fade(coverage[(y - bounds.min.y) as usize * wide + (x - bounds.min.x) as usize])
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_has_every_character_that_the_film_uses() {
        let faces = Faces::load().unwrap();
        for face in [&faces.body, &faces.title, &faces.mono] {
            for c in (' '..='~').chain("«»→…·×–".chars()) {
                assert_ne!(face.0.glyph_id(c).0, 0, "{c:?} is missing");
            }
        }
    }

    #[test]
    fn the_monospaced_face_is_monospaced_so_that_counters_do_not_jump() {
        let mono = Faces::load().unwrap().mono;
        assert_eq!(mono.width(20.0, "0123"), mono.width(20.0, "1111"));
    }
}
