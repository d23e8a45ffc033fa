//! Pictures of more than 8 bits a sample: how codecs hand them on, and how they are narrowed to 8.

use super::codec::planes;
use crate::Picture;

/// A picture of more than 8 bits a sample, 4:2:0, still where its codec put it.
pub(crate) trait Deep: Send + Sync {
    /// Bits of a sample, 8..=16.
    fn depth(&self) -> u32;
    /// Writes row `y` of plane 0 (luma), 1 or 2 (chroma). What the picture lacks is left as it is.
    fn row(&self, plane: usize, y: usize, to: &mut [u16]);
}

/// A picture as a codec hands it on.
pub(crate) enum Samples {
    /// Of 8 bits a sample.
    Bytes(Box<dyn Picture>),
    /// Of more.
    Deep(Box<dyn Deep>),
}

impl Samples {
    /// As a picture of 8 bits.
    pub(crate) fn narrowed(self, width: u32, height: u32) -> Box<dyn Picture> {
        match self {
            Self::Bytes(picture) => picture,
            Self::Deep(picture) => Box::new(Narrowed { picture, width, height }),
        }
    }
}

/// A picture of more bits, narrowed to 8.
struct Narrowed {
    picture: Box<dyn Deep>,
    width: u32,
    height: u32,
}

impl Picture for Narrowed {
    fn write_i420(&mut self, out: &mut [u8]) {
        let (width, depth) = (self.width as usize, self.picture.depth());
        let mut row = vec![0; width];
        for (plane, to) in planes(out, self.width, self.height).into_iter().enumerate() {
            let width = if plane == 0 { width } else { width.div_ceil(2) };
            for (y, to) in to.chunks_exact_mut(width).enumerate() {
                self.picture.row(plane, y, &mut row[..width]);
                narrow_row(&row[..width], depth, y, to);
            }
        }
    }
}

/// Bayer's matrix of 4 × 4: the thresholds of an ordered dither, in sixteenths.
pub(super) const BAYER: [[u16; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// Samples that are narrowed together: enough for the compiler to do as many by one instruction as there is room for. Some rows of the matrix.
const TOGETHER: usize = 32;

/// Narrows row `y` of samples of `depth` bits to 8, with an ordered dither, so that a gradient stays one.
fn narrow_row(from: &[u16], depth: u32, y: usize, to: &mut [u8]) {
    let shift = depth.clamp(8, 16) - 8;
    let dither: [u16; TOGETHER] = std::array::from_fn(|n| ((u32::from(BAYER[y % 4][n % 4]) << shift) >> 4) as u16);
    let narrow = |sample: u16, dither: u16| (sample.saturating_add(dither) >> shift).min(255) as u8;
    let (whole, rest) = from.as_chunks::<TOGETHER>();
    let (to, end) = to.split_at_mut(TOGETHER * whole.len());
    for (to, from) in to.as_chunks_mut::<TOGETHER>().0.iter_mut().zip(whole) {
        for n in 0..TOGETHER {
            to[n] = narrow(from[n], dither[n]);
        }
    }
    for ((to, &from), dither) in end.iter_mut().zip(rest).zip(dither) {
        *to = narrow(from, dither);
    }
}

/// Copies a row of samples that lie in memory as two bytes each, the lower one first.
pub(crate) fn widen(from: &[u8], to: &mut [u16]) {
    for (to, from) in to.iter_mut().zip(from.as_chunks::<2>().0) {
        *to = u16::from_le_bytes(*from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dithered_samples_keep_their_mean_and_stay_within_a_step() {
        for depth in [9, 10, 12, 16] {
            let scale = 1 << (depth - 8);
            for sample in [0, 1, scale / 2, 5 * scale + 3, 255 * scale - 1] {
                let mut sum = 0;
                for y in 0..4 {
                    let mut to = [0; TOGETHER + 6];
                    narrow_row(&[sample; TOGETHER + 6], depth, y, &mut to);
                    assert_eq!(to[..6], to[TOGETHER..], "{depth} bits, {sample}: what is beyond the last whole piece");
                    let exact = f64::from(sample) / f64::from(scale);
                    assert!(to.iter().all(|&to| (f64::from(to) - exact).abs() < 1.0), "{depth} bits, {sample}: {to:?}");
                    sum += to[..4].iter().map(|&to| u32::from(to)).sum::<u32>();
                }
                let off = f64::from(sum) / 16.0 - f64::from(sample) / f64::from(scale);
                assert!(off.abs() <= 1.0 / 16.0, "{depth} bits, {sample}: {off} off on average");
            }
        }
        let mut white = [0; 4];
        narrow_row(&[1023; 4], 10, 3, &mut white);
        assert_eq!(white, [255; 4]);
    }
}
