//! What is done to decoded pictures: put together of tiles, cut, blended over black. All of it is done to luma and chroma as they
//! are: a part of black is as much of each, in every matrix.

use crate::{ColorRange, Light, VideoFormat};

/// A picture as I420, how it is to be read, and what light its samples stood for before.
pub(super) struct Planar {
    pub(super) format: VideoFormat,
    pub(super) light: Light,
    pub(super) i420: Vec<u8>,
}

/// Where a plane lies in I420, and the length of its rows.
fn plane(format: &VideoFormat, plane: usize) -> (usize, usize, usize) {
    let (width, height) = (format.width as usize, format.height as usize);
    let (half, lines) = (width.div_ceil(2), height.div_ceil(2));
    match plane {
        0 => (0, width, height),
        n => (width * height + (n - 1) * half * lines, half, lines),
    }
}

impl Planar {
    /// A black picture.
    pub(super) fn black(format: VideoFormat) -> Self {
        let mut i420 = vec![128; format.i420_len()];
        i420[..format.width as usize * format.height as usize].fill(lowest(&format));
        Self { format, light: Light::default(), i420 }
    }

    /// Copies `tile` to a place that is even; what reaches beyond the picture is left out.
    pub(super) fn put(&mut self, tile: &Self, (left, top): (u32, u32)) {
        for n in 0..3 {
            let (from, from_width, from_lines) = plane(&tile.format, n);
            let (to, to_width, to_lines) = plane(&self.format, n);
            let half = usize::from(n > 0);
            let (left, top) = (left as usize >> half, top as usize >> half);
            let len = from_width.min(to_width.saturating_sub(left));
            for line in 0..from_lines.min(to_lines.saturating_sub(top)) {
                let at = to + (top + line) * to_width + left;
                let own = from + line * from_width;
                self.i420[at..at + len].copy_from_slice(&tile.i420[own..own + len]);
            }
        }
    }

    /// The part of it that begins at a place; where that is odd, its chroma begins half a sample earlier.
    pub(super) fn cut(&self, (left, top): (u32, u32), (width, height): (u32, u32)) -> Self {
        let format = VideoFormat { width, height, ..self.format };
        let mut i420 = vec![0; format.i420_len()];
        for n in 0..3 {
            let (from, from_width, from_lines) = plane(&self.format, n);
            let (to, to_width, to_lines) = plane(&format, n);
            let half = usize::from(n > 0);
            let (left, top) = (left as usize >> half, top as usize >> half);
            for line in 0..to_lines {
                let own = from + (top + line).min(from_lines - 1) * from_width + left;
                i420[to + line * to_width..][..to_width].copy_from_slice(&self.i420[own..own + to_width]);
            }
        }
        Self { format, light: self.light, i420 }
    }

    /// Blends it over black by the luma of `alpha`, which is stretched to its size.
    pub(super) fn over_black(&mut self, alpha: &Self) {
        let mut black = Self { light: self.light, ..Self::black(self.format) };
        black.lay(self, Some(alpha), (0, 0));
        *self = black;
    }

    /// Lays another one over it, at a place that may be outside in part, blended by the luma of `alpha`, which is stretched to its size. Where
    /// the place is odd, chroma begins half a sample earlier.
    pub(super) fn lay(&mut self, layer: &Self, alpha: Option<&Self>, (left, top): (i32, i32)) {
        let (width, height) = (layer.format.width as usize, layer.format.height as usize);
        for n in 0..3 {
            let (from, row, lines) = plane(&layer.format, n);
            let (to, to_row, to_lines) = plane(&self.format, n);
            let half = u32::from(n > 0);
            let place = |at: usize, by: i32, len: usize| {
                usize::try_from(at as i64 + i64::from(by >> half)).ok().filter(|&at| at < len)
            };
            for (y, line) in (0..lines).filter_map(|y| Some((y, place(y, top, to_lines)?))) {
                for (x, column) in (0..row).filter_map(|x| Some((x, place(x, left, to_row)?))) {
                    let (sum, of) = match alpha {
                        Some(alpha) => alpha.weight((x << half, y << half), half, (width, height)),
                        None => (1, 1),
                    };
                    let sample = &mut self.i420[to + line * to_row + column];
                    let below = i32::from(*sample);
                    let more = (i32::from(layer.i420[from + y * row + x]) - below) * sum;
                    *sample = (below + (more + more.signum() * of / 2) / of).clamp(0, 255) as u8;
                }
            }
        }
    }

    /// How much a sample counts by this alpha, of how much: at a place of a picture of `size`, or on that and on those right and below of it.
    fn weight(&self, (x, y): (usize, usize), half: u32, (width, height): (usize, usize)) -> (i32, i32) {
        let (own_width, own_height) = (self.format.width as usize, self.format.height as usize);
        let (low, high) = if self.format.range == ColorRange::Full { (0, 255) } else { (16, 235) };
        let at = |x: usize, y: usize| {
            let (x, y) = (x.min(width - 1) * own_width / width, y.min(height - 1) * own_height / height);
            (i32::from(self.i420[y * own_width + x]) - low).clamp(0, high - low)
        };
        match half {
            0 => (at(x, y), high - low),
            _ => (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1), 4 * (high - low)),
        }
    }
}

/// The luma of black.
fn lowest(format: &VideoFormat) -> u8 {
    if format.range == ColorRange::Full { 0 } else { 16 }
}
