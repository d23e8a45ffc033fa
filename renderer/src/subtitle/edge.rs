//! Letters with an edge around them and a shadow below, as pixels with transparent parts.

/// What is around letters. Colours are `0xAARRGGBB`, lengths in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Finish {
    pub(super) edge: u32,
    pub(super) shade: u32,
    /// How wide the edge is.
    pub(super) radius: f32,
    /// How far the shadow lies to the right and below.
    pub(super) shadow: f32,
    /// How far the edge is blurred; if there is none, the letters are.
    pub(super) blur: f32,
}

impl Finish {
    /// How far it reaches beyond what it is around.
    pub(super) fn reach(&self) -> f32 {
        self.radius + self.shadow + 2.0 * self.blur
    }
}

/// Letters that were drawn: their colours and how much of each pixel they cover.
#[derive(Debug)]
pub(super) struct Ink {
    pub(super) width: usize,
    pub(super) height: usize,
    /// `0xAARRGGBB`.
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

    /// Lays the shadow and the edge over `pixels`.
    pub(super) fn below(&self, finish: &Finish, pixels: &mut [u32]) {
        let shadowed = finish.shadow > 0.0 && finish.shade >> 24 > 0;
        if self.cover.iter().all(|cover| *cover == 0) || !shadowed && (finish.radius <= 0.0 || finish.edge >> 24 == 0) {
            return;
        }
        let wide = if finish.radius > 0.0 { self.spread(finish.radius) } else { self.cover.clone() };
        let wide = self.blurred(wide, finish.blur);
        if shadowed {
            let by = finish.shadow.round().max(1.0) as usize;
            let width = self.width.max(1);
            for (from, to) in wide.chunks_exact(width).zip(pixels.chunks_exact_mut(width).skip(by)) {
                for (wide, below) in from.iter().zip(to.iter_mut().skip(by)) {
                    *below = over(premultiplied(finish.shade, *wide), *below);
                }
            }
        }
        if finish.radius <= 0.0 {
            return;
        }
        for ((wide, (cover, color)), below) in wide.iter().zip(self.cover.iter().zip(&self.colors)).zip(pixels) {
            // What shines through letters is not their own edge.
            let hidden = if color >> 24 == 255 { 0 } else { *cover };
            *below = over(premultiplied(finish.edge, wide.saturating_sub(hidden)), *below);
        }
    }

    /// Lays the letters over `pixels`.
    pub(super) fn above(&self, finish: &Finish, pixels: &mut [u32]) {
        let blur = if finish.radius > 0.0 { 0.0 } else { finish.blur };
        if blur <= 0.0 {
            for ((cover, color), below) in self.cover.iter().zip(&self.colors).zip(pixels) {
                *below = over(premultiplied(*color, *cover), *below);
            }
            return;
        }
        // Beside letters as well, where nothing has a colour of its own.
        let color = self.cover.iter().zip(&self.colors).max_by_key(|(cover, _)| **cover).map_or(0, |(_, color)| *color);
        for (cover, below) in self.blurred(self.cover.clone(), blur).iter().zip(pixels) {
            *below = over(premultiplied(color, *cover), *below);
        }
    }

    /// Blurred by so many pixels: the mean of three rounds comes near the usual bell.
    fn blurred(&self, mut cover: Vec<u8>, pixels: f32) -> Vec<u8> {
        let reach = (pixels * 0.85).round() as usize;
        if reach == 0 || self.width == 0 {
            return cover;
        }
        for _ in 0..3 {
            for row in cover.chunks_exact_mut(self.width) {
                let line = row.to_vec();
                means(&line, reach, |at, mean| row[at] = mean);
            }
            for column in 0..self.width {
                let line: Vec<u8> = cover.iter().skip(column).step_by(self.width).copied().collect();
                means(&line, reach, |at, mean| cover[at * self.width + column] = mean);
            }
        }
        cover
    }

    /// How much is covered within `radius` of each pixel.
    fn spread(&self, radius: f32) -> Vec<u8> {
        let mut wide = self.cover.clone();
        let reach = radius.ceil() as i32;
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                // A pixel that is covered reaches half a pixel beyond its middle, and so does this one.
                let share = (radius + 1.0 - (dx as f32).hypot(dy as f32)).clamp(0.0, 1.0);
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

/// Tells of each place the mean of those up to `reach` before and behind it.
fn means(line: &[u8], reach: usize, mut tell: impl FnMut(usize, u8)) {
    let mut sum: usize = line.iter().take(reach).map(|&value| usize::from(value)).sum();
    for at in 0..line.len() {
        sum += line.get(at + reach).map_or(0, |&value| usize::from(value));
        tell(at, (sum / (2 * reach + 1)) as u8);
        sum -= at.checked_sub(reach).map_or(0, |at| usize::from(line[at]));
    }
}

/// So much of a colour, `0xAARRGGBB`, times its alpha.
pub(super) fn premultiplied(color: u32, cover: u8) -> u32 {
    let alpha = ((color >> 24) * u32::from(cover) + 127) / 255;
    let times = |shift: u32| (((color >> shift & 0xff) * alpha + 127) / 255) << shift;
    alpha << 24 | times(16) | times(8) | times(0)
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
        ink.put(4, 3, 0xffff_ffff, 255);
        ink.put(-1, 0, 0xffff_ffff, 255);
        ink.put(9, 0, 0xffff_ffff, 255);
        let finish = Finish { edge: 0xff00_0000, shade: 0x80ff_0000, radius: 2.0, shadow: 0.0, blur: 0.0 };
        let drawn = |ink: &Ink, finish: &Finish| {
            let mut pixels = vec![0; ink.width * ink.height];
            ink.below(finish, &mut pixels);
            ink.above(finish, &mut pixels);
            pixels
        };
        let pixels = drawn(&ink, &finish);
        let at = |x: usize, y: usize| pixels[y * 9 + x];
        assert_eq!(at(4, 3), 0xffff_ffff);
        // An edge of two pixels is two pixels wide, as libass has it.
        for (x, y, alpha) in [(3, 3, 0xff), (5, 3, 0xff), (4, 2, 0xff), (4, 1, 0xff), (2, 3, 0xff)] {
            assert_eq!(at(x, y), alpha << 24, "{x} {y}");
        }
        assert_eq!((at(0, 3), at(8, 3), at(4, 6), at(1, 0)), (0, 0, 0, 0));
        // A shadow lies where they lie, moved; through letters that are half seen, no edge of theirs shines.
        let mut ink = Ink::new(9, 7);
        ink.put(4, 3, 0x80ff_ffff, 255);
        let pixels = drawn(&ink, &Finish { radius: 2.0, shadow: 3.0, ..finish });
        assert_eq!((pixels[6 * 9 + 8], pixels[3 * 9 + 4] >> 24, pixels[3 * 9 + 5]), (0x8080_0000, 0x80, 0xff00_0000));
        // What is blurred is less here and more there.
        let pixels = drawn(&ink, &Finish { radius: 0.0, blur: 1.0, ..finish });
        let alpha = |x: usize| pixels[3 * 9 + x] >> 24;
        assert!(alpha(4) < 0x40 && alpha(4) > alpha(5) && alpha(5) > alpha(6) && alpha(6) > 0, "{pixels:x?}");
    }

    #[test]
    fn nothing_is_nothing_whatever_its_size() {
        for (width, height) in [(0, 0), (1, 0), (0, 5), (1, 1)] {
            let finish = Finish { edge: !0, shade: !0, radius: 3.0, shadow: 1.0, blur: 1.0 };
            let mut pixels = vec![0; width * height];
            Ink::new(width, height).below(&finish, &mut pixels);
            Ink::new(width, height).above(&finish, &mut pixels);
            assert!(pixels.iter().all(|&pixel| pixel == 0));
        }
        assert_eq!(over(premultiplied(0xffff_0000, 128), 0xff00_00ff) >> 24, 255);
    }
}
