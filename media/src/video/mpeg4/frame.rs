//! A picture while others refer to it, and how it is put together.

use std::sync::Arc;

use oxideav_mpeg4video::motion::MotionVector;

use super::walk::{Row, Vectors};
use crate::Picture;
use crate::video::codec::{copy_plane, planes};
use crate::video::half_samples::{Samples, predict};
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

    /// Predicts N by N samples at a place.
    fn predict<const N: usize>(
        &mut self,
        from: &Self,
        (x, y): (usize, usize),
        by: MotionVector,
        rounding: u8,
        halfway: bool,
    ) {
        let to = (&mut self.samples[y * self.width + x..], self.width);
        let from = Samples { samples: &from.samples, width: from.width, height: from.height };
        predict::<N>(to, from, (x, y), (by.x, by.y), rounding, halfway);
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
