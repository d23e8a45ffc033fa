//! Letters with an edge around them, as pixels with transparent parts.

use super::Sprite;

/// Letters that were drawn: their colours and how much of each pixel they cover.
#[derive(Debug)]
pub(super) struct Ink {
    pub(super) width: usize,
    pub(super) height: usize,
    /// `0xRRGGBB`.
    colors: Vec<u32>,
    cover: Vec<u8>,
}

impl Ink {
    /// Nothing yet.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, colors: vec![0; width * height], cover: vec![0; width * height] }
    }

    /// Covers `cover` of a pixel, if it is within.
    pub(super) fn put(&mut self, x: i32, y: i32, color: u32, cover: u8) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x < self.width && y < self.height && cover > 0 {
            let at = y * self.width + x;
            if cover >= self.cover[at] {
                self.colors[at] = color;
            }
            self.cover[at] = self.cover[at].max(cover);
        }
    }

    /// With an edge that is so wide, in pixels, around everything. Its corner is at `x`, `y`.
    pub(super) fn edged(&self, x: i32, y: i32, radius: f32, edge: u32) -> Sprite {
        let wide = self.spread(radius);
        let pixels = wide.iter().zip(&self.cover).zip(&self.colors);
        let pixels =
            pixels.map(|((&wide, &cover), &color)| over(premultiplied(color, cover), premultiplied(edge, wide)));
        Sprite { x, y, width: self.width, pixels: pixels.collect() }
    }

    /// How much is covered within `radius` of each pixel.
    fn spread(&self, radius: f32) -> Vec<u8> {
        let mut wide = self.cover.clone();
        let reach = radius.ceil() as i32;
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let share = (radius + 0.5 - (dx as f32).hypot(dy as f32)).clamp(0.0, 1.0);
                let share = (share * 256.0) as u16;
                if share > 0 && (dx, dy) != (0, 0) {
                    self.spread_by(dx, dy, share, &mut wide);
                }
            }
        }
        wide
    }

    /// Lays what is covered over `wide`, moved by so much, and weaker.
    fn spread_by(&self, dx: i32, dy: i32, share: u16, wide: &mut [u8]) {
        let width = self.width;
        let skip = |by: i32| (usize::try_from(by).unwrap_or(0), usize::try_from(-by).unwrap_or(0));
        let ((to_x, from_x), (to_y, from_y)) = (skip(dx), skip(dy));
        let rows = self.cover.chunks_exact(width.max(1)).skip(from_y);
        for (from, to) in rows.zip(wide.chunks_exact_mut(width.max(1)).skip(to_y)) {
            for (from, to) in from.iter().skip(from_x).zip(to.iter_mut().skip(to_x)) {
                *to = (*to).max(((u16::from(*from) * share) >> 8).min(255) as u8);
            }
        }
    }
}

/// A colour times its alpha.
pub(super) fn premultiplied(color: u32, alpha: u8) -> u32 {
    let times = |shift: u32| (((color >> shift & 0xff) * u32::from(alpha) + 127) / 255) << shift;
    u32::from(alpha) << 24 | times(16) | times(8) | times(0)
}

/// One pixel over another, both times their alpha.
pub(crate) fn over(top: u32, below: u32) -> u32 {
    let rest = 255 - (top >> 24);
    let channel = |shift: u32| ((top >> shift & 0xff) + ((below >> shift & 0xff) * rest + 127) / 255).min(255) << shift;
    channel(24) | channel(16) | channel(8) | channel(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_lies_around_what_is_covered_and_not_over_it() {
        let mut ink = Ink::new(9, 7);
        ink.put(4, 3, 0xffffff, 255);
        ink.put(-1, 0, 0xffffff, 255);
        ink.put(9, 0, 0xffffff, 255);
        let sprite = ink.edged(10, 20, 2.0, 0);
        let at = |x: usize, y: usize| sprite.pixels[y * 9 + x];
        assert_eq!((sprite.x, sprite.y, at(4, 3)), (10, 20, 0xffff_ffff));
        // An edge of two pixels ends in the middle of the second one.
        for (x, y, alpha) in [(3, 3, 0xff), (5, 3, 0xff), (4, 2, 0xff), (4, 1, 0x7f), (2, 3, 0x7f)] {
            assert_eq!(at(x, y), alpha << 24, "{x} {y}");
        }
        assert_eq!((at(0, 3), at(8, 3), at(4, 6), at(1, 0)), (0, 0, 0, 0));
    }

    #[test]
    fn nothing_is_nothing_whatever_its_size() {
        for (width, height) in [(0, 0), (1, 0), (0, 5), (1, 1)] {
            assert!(Ink::new(width, height).edged(0, 0, 3.0, 0).pixels.iter().all(|&pixel| pixel == 0));
        }
        assert_eq!(over(premultiplied(0xff0000, 128), 0xff00_00ff) >> 24, 255);
    }
}
