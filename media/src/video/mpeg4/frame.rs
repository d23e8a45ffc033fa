//! A picture while others refer to it, and how a block of it is predicted from another.

use std::sync::Arc;

use oxideav_mpeg4video::motion::MotionVector;

use super::walk::{Row, Vectors};
use crate::Picture;
use crate::video::codec::{copy_plane, planes};
use crate::video::idct::Block;

/// Frequencies to samples.
pub(super) type Inverse = fn(&Block) -> Block;

/// Samples, row by row.
#[derive(Clone)]
pub(super) struct Plane {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

impl Plane {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, samples: vec![128; width * height] }
    }

    fn row<const N: usize>(&mut self, x: usize, y: usize) -> &mut [u8] {
        &mut self.samples[y * self.width + x..][..N]
    }

    /// Predicts N by N samples at a place from `from`, where they lie `by` half samples away; or brings them halfway to that. Outside
    /// a picture its edge goes on.
    pub(super) fn predict<const N: usize>(
        &mut self,
        from: &Self,
        (x, y): (usize, usize),
        by: MotionVector,
        rounding: u8,
        halfway: bool,
    ) {
        let (left, top) = (x as i64 + i64::from(by.x >> 1), y as i64 + i64::from(by.y >> 1));
        let (half_x, half_y) = ((by.x & 1) as usize, (by.y & 1) as usize);
        let (wide, high) = ((N + half_x) as i64, (N + half_y) as i64);
        let (right, bottom) = (from.width as i64 - 1, from.height as i64 - 1);
        let mut edged = [[0; 17]; 17];
        let (source, stride) = if left >= 0 && top >= 0 && left + wide - 1 <= right && top + high - 1 <= bottom {
            (&from.samples[top as usize * from.width + left as usize..], from.width)
        } else {
            for (row, y) in edged.iter_mut().zip(top..top + high) {
                let line = &from.samples[y.clamp(0, bottom) as usize * from.width..][..from.width];
                for (sample, x) in row.iter_mut().zip(left..left + wide) {
                    *sample = line[x.clamp(0, right) as usize];
                }
            }
            (edged.as_flattened(), 17)
        };
        let (two, four) = (1 - u16::from(rounding & 1), 2 - u16::from(rounding & 1));
        let wide = |sample: u8| u16::from(sample);
        for row in 0..N {
            let above = &source[row * stride..][..N + half_x];
            let below = &source[(row + half_y) * stride..][..N + half_x];
            let mut line = [0; N];
            match (half_x, half_y) {
                (0, 0) => line.copy_from_slice(above),
                (0, _) => {
                    for (to, (a, b)) in line.iter_mut().zip(above.iter().zip(below)) {
                        *to = ((wide(*a) + wide(*b) + two) >> 1) as u8;
                    }
                }
                (_, 0) => {
                    for (to, (a, b)) in line.iter_mut().zip(above.iter().zip(&above[1..])) {
                        *to = ((wide(*a) + wide(*b) + two) >> 1) as u8;
                    }
                }
                _ => {
                    let (above, below) = (above.iter().zip(&above[1..]), below.iter().zip(&below[1..]));
                    for (to, ((a, b), (c, d))) in line.iter_mut().zip(above.zip(below)) {
                        *to = ((wide(*a) + wide(*b) + wide(*c) + wide(*d) + four) >> 2) as u8;
                    }
                }
            }
            let to = self.row::<N>(x, y + row);
            if halfway {
                for (to, line) in to.iter_mut().zip(line) {
                    *to = ((wide(*to) + wide(line) + 1) >> 1) as u8;
                }
            } else {
                to.copy_from_slice(&line);
            }
        }
    }

    /// Adds what a block differs by from what was predicted.
    pub(super) fn add(&mut self, x: usize, y: usize, block: &Block) {
        for (row, line) in block.iter().enumerate() {
            for (sample, difference) in self.row::<8>(x, y + row).iter_mut().zip(line) {
                *sample = i16::from(*sample).saturating_add(*difference).clamp(0, 255) as u8;
            }
        }
    }

    /// Puts a block that stands for itself.
    pub(super) fn put(&mut self, x: usize, y: usize, block: &Block) {
        for (row, line) in block.iter().enumerate() {
            for (sample, value) in self.row::<8>(x, y + row).iter_mut().zip(line) {
                *sample = (*value).clamp(0, 255) as u8;
            }
        }
    }
}

/// A picture of whole macroblocks.
#[derive(Clone)]
pub(super) struct Frame {
    /// Luma and twice chroma.
    pub(super) planes: [Plane; 3],
}

impl Frame {
    /// A grey one, as many macroblocks wide and high.
    pub(super) fn new(wide: usize, high: usize) -> Self {
        let chroma = || Plane::new(8 * wide, 8 * high);
        Self { planes: [Plane::new(16 * wide, 16 * high), chroma(), chroma()] }
    }

    /// Puts a row of macroblocks into its place, predicted from the pictures before and after.
    pub(super) fn paint(&mut self, y: usize, row: &Row, from: [Option<&Self>; 2], rounding: u8, inverse: Inverse) {
        let mut blocks = row.blocks.iter();
        for (x, macroblock) in row.macroblocks.iter().enumerate() {
            let mut predicted = false;
            for (vectors, from) in macroblock.from.iter().zip(from) {
                if let (Some(vectors), Some(from)) = (vectors, from) {
                    self.predict((x, y), from, vectors, rounding, predicted);
                    predicted = true;
                }
            }
            let numbers = (0..6).filter(|number| macroblock.coded[*number]);
            for (number, block) in numbers.zip(&mut blocks) {
                let (plane, x, y) = match number {
                    0..4 => (0, 16 * x + 8 * (number % 2), 16 * y + 8 * (number / 2)),
                    _ => (number - 3, 8 * x, 8 * y),
                };
                let (plane, block) = (&mut self.planes[plane], inverse(block));
                if predicted { plane.add(x, y, &block) } else { plane.put(x, y, &block) }
            }
        }
    }

    fn predict(&mut self, (x, y): (usize, usize), from: &Self, by: &Vectors, rounding: u8, halfway: bool) {
        let [luma, chroma @ ..] = &mut self.planes;
        if by.luma.iter().all(|vector| *vector == by.luma[0]) {
            luma.predict::<16>(&from.planes[0], (16 * x, 16 * y), by.luma[0], rounding, halfway);
        } else {
            for (quarter, vector) in by.luma.into_iter().enumerate() {
                let at = (16 * x + 8 * (quarter % 2), 16 * y + 8 * (quarter / 2));
                luma.predict::<8>(&from.planes[0], at, vector, rounding, halfway);
            }
        }
        for (plane, from) in chroma.iter_mut().zip(&from.planes[1..]) {
            plane.predict::<8>(from, (8 * x, 8 * y), by.chroma, rounding, halfway);
        }
    }

    /// One that the crate has decoded, of this many samples a row.
    pub(super) fn of(width: usize, samples: [&[u8]; 3]) -> Self {
        let mut width = [width, width / 2, width / 2].into_iter();
        let mut plane = |samples: &[u8]| {
            let width = width.next().unwrap_or(1);
            Plane { width, height: samples.len() / width, samples: samples.to_vec() }
        };
        Self { planes: samples.map(&mut plane) }
    }
}

/// A picture of which a part is shown.
pub(super) struct Shown {
    pub(super) frame: Arc<Frame>,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Picture for Shown {
    fn write_i420(&mut self, out: &mut [u8]) {
        let to = planes(out, self.width, self.height);
        let widths = [self.width, self.width.div_ceil(2), self.width.div_ceil(2)];
        for ((plane, to), width) in self.frame.planes.iter().zip(to).zip(widths) {
            copy_plane(&plane.samples, plane.width, width as usize, to);
        }
    }
}
