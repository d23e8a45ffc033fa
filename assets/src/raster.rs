//! A small anti-aliased rasteriser: a shape is a signed distance, so that edge, outline and glow come from one number.
//!
//! It blends in plain R'G'B' (0 to 1) and ends in planar YUV, BT.709 limited range. It is no general drawing library:
//! there is no path, no clip and no transform, since the film needs none.

/// A colour, R'G'B' and an opacity, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Paint {
    pub(crate) rgb: [f32; 3],
    pub(crate) alpha: f32,
}

impl Paint {
    /// The same colour, its opacity multiplied by `alpha`.
    pub(crate) fn fade(self, alpha: f32) -> Paint {
        Paint { alpha: self.alpha * alpha.clamp(0.0, 1.0), ..self }
    }

    /// A colour between this one (`t` = 0) and `other` (`t` = 1).
    pub(crate) fn mix(self, other: Paint, t: f32) -> Paint {
        let rgb = std::array::from_fn(|i| mix(self.rgb[i], other.rgb[i], t));
        Paint { rgb, alpha: mix(self.alpha, other.alpha, t) }
    }
}

/// An opaque paint from `0xRRGGBB`.
pub(crate) const fn hex(rgb: u32) -> Paint {
    let [_, r, g, b] = rgb.to_be_bytes();
    Paint { rgb: [r as f32 / 255.0, g as f32 / 255.0, b as f32 / 255.0], alpha: 1.0 }
}

/// From `a` (`t` = 0) to `b` (`t` = 1), straight.
pub(crate) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// From 0 to 1 while `x` goes from `from` to `to`, slow at both ends.
pub(crate) fn ease(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// What can be filled, outlined or made to glow. Coordinates are pixels; pixel (0, 0) covers 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A rectangle with corners rounded by `r`.
    Box { x: f32, y: f32, w: f32, h: f32, r: f32 },
    /// A line with round ends, `w` wide.
    Line { x0: f32, y0: f32, x1: f32, y1: f32, w: f32 },
}

/// A rectangle with rounded corners.
pub(crate) fn rounded(x: f32, y: f32, w: f32, h: f32, r: f32) -> Shape {
    Shape::Box { x, y, w, h, r: r.min(w / 2.0).min(h / 2.0) }
}

/// A disc around (`x`, `y`).
pub(crate) fn disc(x: f32, y: f32, r: f32) -> Shape {
    Shape::Box { x: x - r, y: y - r, w: 2.0 * r, h: 2.0 * r, r }
}

/// A line with round ends, `w` wide.
pub(crate) fn line(x0: f32, y0: f32, x1: f32, y1: f32, w: f32) -> Shape {
    Shape::Line { x0, y0, x1, y1, w }
}

impl Shape {
    /// Pixels from the edge, negative inside.
    fn distance(&self, px: f32, py: f32) -> f32 {
        match *self {
            Shape::Box { x, y, w, h, r } => {
                let (dx, dy) = ((px - x - w / 2.0).abs() - w / 2.0 + r, (py - y - h / 2.0).abs() - h / 2.0 + r);
                dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - r
            }
            Shape::Line { x0, y0, x1, y1, w } => {
                let (dx, dy, ax, ay) = (x1 - x0, y1 - y0, px - x0, py - y0);
                let t = ((ax * dx + ay * dy) / (dx * dx + dy * dy).max(1e-6)).clamp(0.0, 1.0);
                (ax - dx * t).hypot(ay - dy * t) - w / 2.0
            }
        }
    }

    /// Left, top, right and bottom.
    fn bounds(&self) -> [f32; 4] {
        match *self {
            Shape::Box { x, y, w, h, .. } => [x, y, x + w, y + h],
            Shape::Line { x0, y0, x1, y1, w } => {
                [x0.min(x1) - w / 2.0, y0.min(y1) - w / 2.0, x0.max(x1) + w / 2.0, y0.max(y1) + w / 2.0]
            }
        }
    }
}

/// The picture being drawn.
#[derive(Clone)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 3]>,
}

impl Canvas {
    /// A picture of one colour; both sides must be even, for YUV.
    pub(crate) fn new(width: usize, height: usize, paint: Paint) -> Canvas {
        Canvas { width, height, pixels: vec![paint.rgb; width * height] }
    }

    /// Lays `paint(x, y)` over each pixel inside `bounds` (left, top, right, bottom), as far as it covers it.
    pub(crate) fn shade(&mut self, bounds: [f32; 4], paint: impl Fn(f32, f32) -> Paint) {
        let span = |low: f32, high: f32, limit: usize| {
            (low.floor().max(0.0) as usize).min(limit)..(high.ceil().max(0.0) as usize).min(limit)
        };
        let columns = span(bounds[0], bounds[2], self.width);
        for y in span(bounds[1], bounds[3], self.height) {
            let row = &mut self.pixels[y * self.width..][columns.clone()];
            for (x, pixel) in columns.clone().zip(row) {
                let over = paint(x as f32 + 0.5, y as f32 + 0.5);
                for (under, colour) in pixel.iter_mut().zip(over.rgb) {
                    *under += (colour - *under) * over.alpha;
                }
            }
        }
    }

    /// Fills a shape.
    pub(crate) fn fill(&mut self, shape: Shape, paint: Paint) {
        self.shade(shape.bounds(), |x, y| paint.fade(0.5 - shape.distance(x, y)));
    }

    /// Fills a shape with a picture: `picture(u, v)` with both from 0 to 1 over the shape's bounds.
    pub(crate) fn picture(&mut self, shape: Shape, alpha: f32, picture: impl Fn(f32, f32) -> [f32; 3]) {
        let [x0, y0, x1, y1] = shape.bounds();
        self.shade(shape.bounds(), |x, y| {
            let alpha = alpha * (0.5 - shape.distance(x, y)).clamp(0.0, 1.0);
            let rgb = if alpha > 0.0 { picture((x - x0) / (x1 - x0), (y - y0) / (y1 - y0)) } else { [0.0; 3] };
            Paint { rgb, alpha }
        });
    }

    /// Fills those parts of a shape with a picture for which `picture(u, v)` has a colour.
    pub(crate) fn picture_where(&mut self, shape: Shape, picture: impl Fn(f32, f32) -> Option<[f32; 3]>) {
        let [x0, y0, x1, y1] = shape.bounds();
        self.shade(shape.bounds(), |x, y| {
            let alpha = (0.5 - shape.distance(x, y)).clamp(0.0, 1.0);
            match picture((x - x0) / (x1 - x0), (y - y0) / (y1 - y0)) {
                Some(rgb) => Paint { rgb, alpha },
                None => Paint { rgb: [0.0; 3], alpha: 0.0 },
            }
        });
    }

    /// Draws a shape's edge, `width` wide, half of it inside.
    pub(crate) fn stroke(&mut self, shape: Shape, width: f32, paint: Paint) {
        self.shade(grow(shape.bounds(), width), |x, y| paint.fade(0.5 + width / 2.0 - shape.distance(x, y).abs()));
    }

    /// Lights up the surroundings of a shape, out to `radius` pixels.
    pub(crate) fn glow(&mut self, shape: Shape, radius: f32, paint: Paint) {
        self.shade(grow(shape.bounds(), radius), |x, y| {
            let near = 1.0 - (shape.distance(x, y).max(0.0) / radius).min(1.0);
            paint.fade(near * near * near)
        });
    }

    /// Fills what `inside` says is inside, with sixteen samples a pixel.
    pub(crate) fn sampled(&mut self, bounds: [f32; 4], paint: Paint, inside: impl Fn(f32, f32) -> bool) {
        self.shade(bounds, |x, y| {
            let hits = (0..16).filter(|i| inside(x + (i % 4) as f32 / 4.0 - 0.375, y + (i / 4) as f32 / 4.0 - 0.375));
            paint.fade(hits.count() as f32 / 16.0)
        });
    }

    /// Y, U and V planes, BT.709 limited range, 4:2:0 with chroma sited left as MPEG-2 and H.264 have it.
    pub(crate) fn to_i420(&self) -> Vec<u8> {
        let (w, h) = (self.width, self.height);
        let luma = |p: &[f32; 3]| 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2];
        let mut planes: Vec<u8> = self.pixels.iter().map(|p| (16.5 + 219.0 * luma(p)) as u8).collect();
        for (channel, divisor) in [(2, 1.8556), (0, 1.5748)] {
            for y in (0..h).step_by(2) {
                for x in (0..w).step_by(2) {
                    let column = |x: usize| {
                        let difference = |p: &[f32; 3]| p[channel] - luma(p);
                        difference(&self.pixels[y * w + x]) + difference(&self.pixels[(y + 1) * w + x])
                    };
                    let mean = (column(x.saturating_sub(1)) + 2.0 * column(x) + column((x + 1).min(w - 1))) / 8.0;
                    planes.push((128.5 + 224.0 * mean / divisor) as u8);
                }
            }
        }
        planes
    }
}

/// `bounds`, `by` pixels larger on each side.
fn grow([left, top, right, bottom]: [f32; 4], by: f32) -> [f32; 4] {
    [left - by, top - by, right + by, bottom + by]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_black_and_red_have_their_bt709_codes() {
        for (rgb, yuv) in [(0xff_ffff, [235, 128, 128]), (0, [16, 128, 128]), (0xff_0000, [63, 102, 240])] {
            assert_eq!(Canvas::new(2, 2, hex(rgb)).to_i420(), [yuv[0], yuv[0], yuv[0], yuv[0], yuv[1], yuv[2]]);
        }
    }

    #[test]
    fn a_shape_off_the_screen_draws_nothing_and_one_across_the_edge_is_cut() {
        let mut canvas = Canvas::new(4, 4, hex(0));
        canvas.fill(rounded(-20.0, -20.0, 10.0, 10.0, 2.0), hex(0xff_ffff));
        canvas.fill(rounded(20.0, 1.0, 10.0, 10.0, 2.0), hex(0xff_ffff));
        assert!(canvas.pixels.iter().all(|p| *p == [0.0; 3]));
        canvas.fill(rounded(2.0, -5.0, 10.0, 20.0, 0.0), hex(0xff_ffff));
        assert_eq!(canvas.pixels[1..3], [[0.0; 3], [1.0; 3]]);
    }

    #[test]
    fn an_edge_through_a_pixel_covers_it_by_its_share() {
        let mut canvas = Canvas::new(4, 4, hex(0));
        canvas.fill(rounded(-9.0, -9.0, 10.25, 20.0, 0.0), hex(0xff_ffff));
        assert!((canvas.pixels[1][0] - 0.25).abs() < 1e-3);
    }
}
