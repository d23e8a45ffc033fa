//! [`super::curve`] as a table, quick enough for every picture. Its axes are luma and the two chromas in 10 bits.
//!
//! Four pixels of a 4:2:0 picture share their chroma. So the table has a column of all 1024 lumas at each crossing of a grid of
//! chromas. Which four columns a block of pixels lies between, and how near it is to each, is worked out once for the block, and
//! what is shown for a pixel is the weighted mean of what the columns have for its luma. The chroma that is shown depends little on
//! luma; it is looked up once a block, by the mean luma.
//!
//! Where a grid this fine is off by more than a step of 8 bits, a colour lies where the formulas have an edge: at the border of BT.709.

use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, available_parallelism};

use super::Source;
use super::curve::shown;
use crate::Picture;
use crate::video::codec::planes;
use crate::video::deep::{BAYER, Deep};

/// Cells of the grid along each of the two axes of chroma, and columns along it.
const CELLS: usize = 64;
const SIDE: usize = CELLS + 1;
/// How wide a cell is, in codes of 10 bits.
const WIDTH: usize = 1024 / CELLS;
/// Lumas at which the formulas are asked; between them lie straight lines.
const LUMAS: usize = 65;
/// What is shown has 8 bits and so many more, which are dithered away.
const FRACTION: u32 = 8;
/// The binary logarithm of the sum of four weights, and with it how far a weighted mean is shifted down.
const WEIGHTS: u32 = 2 * WIDTH.ilog2();
const SHIFT: u32 = WEIGHTS + FRACTION;

/// Lines of chroma in a band, and pixels of a picture that is worth more threads than one.
const BAND: usize = 32;
const LARGE: u64 = 500_000;
/// The most threads, and the stack of one, in bytes. What decodes has threads as well.
const THREADS: usize = 4;
const STACK: usize = 512 << 10;

/// What is shown for every sample of one kind of film.
pub(super) struct Table {
    /// By crossing and luma.
    luma: Vec<[u16; 1024]>,
    /// By crossing and a quarter of luma: blue and red.
    chroma: Vec<[[u16; 2]; 256]>,
}

impl Table {
    pub(super) fn new(source: &Source) -> Self {
        let step = 1024 / (LUMAS - 1);
        let (mut luma, mut chroma) = (Vec::with_capacity(SIDE * SIDE), Vec::with_capacity(SIDE * SIDE));
        for crossing in 0..SIDE * SIDE {
            let [blue, red] = [crossing % SIDE, crossing / SIDE].map(|n| (n * WIDTH) as f64);
            let mut before = [0.0; 3];
            let nodes: [[f32; 3]; LUMAS] = std::array::from_fn(|n| {
                // Beyond what colours can be nobody looks; the column goes on as it was.
                let shown = shown(source, [(n * step) as f64, blue, red]);
                before = shown.map_or(before, |shown| shown.map(|value| (value * f64::from(1 << FRACTION)) as f32));
                before
            });
            let at = |luma: usize, part: usize| {
                let (node, share) = (luma / step, (luma % step) as f32 / step as f32);
                (nodes[node][part] + share * (nodes[node + 1][part] - nodes[node][part]) + 0.5) as u16
            };
            luma.push(std::array::from_fn(|luma| at(luma, 0)));
            chroma.push(std::array::from_fn(|quarter| [at(4 * quarter, 1), at(4 * quarter, 2)]));
        }
        Self { luma, chroma }
    }

    /// Writes what is shown of `picture` as I420. Large pictures are cut into bands, which as many threads as there may be take one after another.
    pub(super) fn write(&self, picture: &dyn Deep, (width, height): (u32, u32), out: &mut [u8]) {
        let half = width.div_ceil(2) as usize;
        let [luma, blue, red] = planes(out, width, height);
        let wide = width as usize;
        let chroma = blue.chunks_mut(half * BAND).zip(red.chunks_mut(half * BAND));
        let bands = Mutex::new(luma.chunks_mut(2 * wide * BAND).zip(chroma).enumerate());
        let take = || bands.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some((band, (luma, (blue, red)))) = take() {
                self.band(picture, band * BAND, wide, [luma, blue, red]);
            }
        };
        let large = u64::from(width) * u64::from(height) >= LARGE;
        let others = if large { available_parallelism().map_or(1, usize::from).min(THREADS) - 1 } else { 0 };
        std::thread::scope(|scope| {
            for _ in 0..others {
                // Without more threads it takes longer.
                if Builder::new().name("light".into()).stack_size(STACK).spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
    }

    /// Writes the lines of a picture from the chroma's line `first` on.
    fn band(&self, picture: &dyn Deep, first: usize, width: usize, [luma, blue, red]: [&mut [u8]; 3]) {
        let half = width.div_ceil(2);
        let chroma = blue.chunks_exact_mut(half).zip(red.chunks_exact_mut(half));
        let mut lines = Lines::new(half);
        for (row, (luma, (blue, red))) in (first..).zip(luma.chunks_mut(2 * width).zip(chroma)) {
            let two = luma.len() > width;
            lines.read(picture, row, width, two);
            self.show(&mut lines, row, blue, red);
            for (to, from) in luma.chunks_mut(width).zip(&lines.shown) {
                to.copy_from_slice(&from[..width]);
            }
        }
    }

    /// Maps two lines of luma and the line of chroma that belongs to them.
    fn show(&self, lines: &mut Lines, row: usize, blue: &mut [u8], red: &mut [u8]) {
        let [upper, lower] = &lines.luma;
        let [upper_to, lower_to] = &mut lines.shown;
        let luma = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
        let luma_to = upper_to.as_chunks_mut::<2>().0.iter_mut().zip(lower_to.as_chunks_mut::<2>().0);
        let chroma = lines.chroma[0].iter().zip(&lines.chroma[1]);
        let chroma_to = blue.iter_mut().zip(red);
        let [above, below, beside] = [BAYER[2 * row % 4], BAYER[(2 * row + 1) % 4], BAYER[row % 4]];
        for (column, (((luma, luma_to), chroma), chroma_to)) in luma.zip(luma_to).zip(chroma).zip(chroma_to).enumerate()
        {
            let (b, r) = (usize::from(*chroma.0).min(1023), usize::from(*chroma.1).min(1023));
            let crossing = r / WIDTH * SIDE + b / WIDTH;
            let (b, r) = ((b % WIDTH) as u64, (r % WIDTH) as u64);
            let (rest_b, rest_r) = (WIDTH as u64 - b, WIDTH as u64 - r);
            let corners = [
                (crossing, rest_b * rest_r),
                (crossing + 1, b * rest_r),
                (crossing + SIDE, rest_b * r),
                (crossing + SIDE + 1, b * r),
            ];
            let at = |luma: u16| usize::from(luma).min(1023);
            let [upper, lower] = [luma.0, luma.1].map(|two| [at(two[0]), at(two[1])]);
            let quarter = (upper[0] + upper[1] + lower[0] + lower[1]) / 16;
            let mut sums = [0; 3];
            for (corner, weight) in corners {
                let (column, [blue, red]) = (&self.luma[corner], self.chroma[corner][quarter]);
                sums[0] += weight * pair(column[upper[0]], column[upper[1]]);
                sums[1] += weight * pair(column[lower[0]], column[lower[1]]);
                sums[2] += weight * pair(blue, red);
            }
            let even = 2 * (column % 2);
            *luma_to.0 = dithered(sums[0], [above[even], above[even + 1]]);
            *luma_to.1 = dithered(sums[1], [below[even], below[even + 1]]);
            [*chroma_to.0, *chroma_to.1] = dithered(sums[2], [beside[column % 4]; 2]);
        }
    }
}

/// Two values in one word, so that one product weighs both: their weighted sums have 24 bits.
fn pair(one: u16, other: u16) -> u64 {
    u64::from(one) | u64::from(other) << 32
}

/// Two weighted sums, each rounded to 8 bits by a threshold in sixteenths.
fn dithered(sums: u64, thresholds: [u16; 2]) -> [u8; 2] {
    let [one, other] = thresholds.map(|sixteenths| u32::from(sixteenths) << (SHIFT - 4));
    [((sums as u32 + one) >> SHIFT) as u8, (((sums >> 32) as u32 + other) >> SHIFT) as u8]
}

/// Two lines of a picture in 10 bits with their chroma, as wide as an even number of pixels, and what is shown for them.
struct Lines {
    luma: [Vec<u16>; 2],
    chroma: [Vec<u16>; 2],
    shown: [Vec<u8>; 2],
}

impl Lines {
    fn new(half: usize) -> Self {
        let (luma, chroma) = (vec![0; 2 * half], vec![0; half]);
        Self {
            luma: [luma.clone(), luma],
            chroma: [chroma.clone(), chroma],
            shown: [vec![0; 2 * half], vec![0; 2 * half]],
        }
    }

    /// Reads the lines; where there is no second one (`two`), or no last pixel, the one before stands for it.
    fn read(&mut self, picture: &dyn Deep, row: usize, width: usize, two: bool) {
        let depth = picture.depth();
        let to_ten = |line: &mut [u16]| match depth {
            10 => {}
            11.. => line.iter_mut().for_each(|sample| *sample >>= depth - 10),
            _ => line.iter_mut().for_each(|sample| *sample <<= 10 - depth),
        };
        for (n, line) in self.luma.iter_mut().enumerate() {
            picture.row(0, if two { 2 * row + n } else { 2 * row }, &mut line[..width]);
            if let Some(last) = line.len().checked_sub(1).filter(|&last| last == width) {
                line[last] = line[last - 1];
            }
            to_ten(line);
        }
        for (n, line) in self.chroma.iter_mut().enumerate() {
            picture.row(1 + n, row, line);
            to_ten(line);
        }
    }
}

/// A picture that is shown through a table.
pub(super) struct Mapped<S> {
    pub(super) table: std::sync::Arc<Table>,
    pub(super) size: (u32, u32),
    pub(super) samples: S,
}

impl Picture for Mapped<Box<dyn Deep>> {
    fn write_i420(&mut self, out: &mut [u8]) {
        self.table.write(&*self.samples, self.size, out);
    }
}

impl Picture for Mapped<Box<dyn Picture>> {
    fn write_i420(&mut self, out: &mut [u8]) {
        let mut bytes = vec![0; out.len()];
        self.samples.write_i420(&mut bytes);
        self.table.write(&Bytes { bytes, size: self.size }, self.size, out);
    }
}

/// An I420 picture of 8 bits.
struct Bytes {
    bytes: Vec<u8>,
    size: (u32, u32),
}

impl Deep for Bytes {
    fn depth(&self) -> u32 {
        8
    }

    fn row(&self, plane: usize, y: usize, to: &mut [u16]) {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let (half, luma) = (width.div_ceil(2), width * height);
        let (start, width) = match plane {
            0 => (0, width),
            1 => (luma, half),
            _ => (luma + half * height.div_ceil(2), half),
        };
        let row = self.bytes.get(start + y * width..).unwrap_or_default();
        to.iter_mut().zip(row).for_each(|(to, &from)| *to = from.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Primaries, Transfer};
    use crate::{ColorMatrix, ColorRange};

    /// One pixel of each luma and chroma of a grid, 2 × 2 to a block.
    struct Blocks(Vec<[u16; 3]>);

    impl Deep for Blocks {
        fn depth(&self) -> u32 {
            10
        }

        fn row(&self, plane: usize, _: usize, to: &mut [u16]) {
            let wide = if plane == 0 { 2 } else { 1 };
            to.iter_mut().enumerate().for_each(|(x, to)| *to = self.0[x / wide][plane]);
        }
    }

    fn sources() -> impl Iterator<Item = Source> {
        let kinds = [(Transfer::Pq, 1000), (Transfer::Pq, 4000), (Transfer::Hlg, 1000), (Transfer::Sdr, 1000)];
        let ranges = [ColorRange::Limited, ColorRange::Full];
        kinds.into_iter().zip(ranges.into_iter().cycle()).map(|((transfer, peak), range)| Source {
            transfer,
            range,
            matrix: ColorMatrix::Bt2020,
            primaries: Primaries::Bt2020,
            peak,
        })
    }

    /// The coded sample of three coded colours of 0..=1.
    fn coded(source: &Source, [r, g, b]: [f64; 3]) -> [f64; 3] {
        let luma = 0.2627 * r + 0.6780 * g + 0.0593 * b;
        let (blue, red) = ((b - luma) / 1.8814, (r - luma) / 1.4746);
        match source.range {
            ColorRange::Limited => [64.0 + 876.0 * luma, 512.0 + 896.0 * blue, 512.0 + 896.0 * red],
            ColorRange::Full => [1023.0 * luma, 512.0 + 1023.0 * blue, 512.0 + 1023.0 * red],
        }
    }

    /// How far the table's luma and chromas are from what the formulas say, on average.
    fn off(source: &Source, colours: impl Iterator<Item = [f64; 3]>) -> [f64; 3] {
        let codes: Vec<[u16; 3]> =
            colours.map(|rgb| coded(source, rgb).map(|code| code.round().clamp(0.0, 1023.0) as u16)).collect();
        let (count, table) = (codes.len(), Table::new(source));
        let mut out = vec![0; 6 * count];
        table.write(&Blocks(codes.clone()), (2 * count as u32, 2), &mut out);
        let mut off = [0.0; 3];
        for (n, code) in codes.iter().enumerate() {
            let exact = shown(source, code.map(f64::from)).expect("a colour");
            let luma = [0, 1, 2 * count, 2 * count + 1].map(|at| f64::from(out[2 * n + at]));
            let ours = [luma.iter().sum::<f64>() / 4.0, f64::from(out[4 * count + n]), f64::from(out[5 * count + n])];
            for part in 0..3 {
                off[part] += (ours[part] - exact[part]).abs() / count as f64;
            }
        }
        off
    }

    #[test]
    fn the_table_shows_what_the_formulas_say() {
        for source in sources() {
            let steps = || (0..16).map(|n| f64::from(n) / 15.0);
            let colours = || steps().flat_map(move |r| steps().flat_map(move |g| steps().map(move |b| [r, g, b])));
            let all = off(&source, colours());
            assert!(all.iter().all(|mean| *mean < 1.2), "{source:?}: all colours: {all:?}");
            // Those of usual saturation: far from the border of what BT.709 has.
            let soft = off(&source, colours().filter(|c| c.iter().all(|one| c.iter().all(|other| one - other < 0.14))));
            assert!(soft.iter().all(|mean| *mean < 0.9), "{source:?}: soft colours: {soft:?}");
        }
    }

    #[test]
    fn a_large_picture_is_the_same_in_bands_as_in_one() {
        struct Noise;
        impl Deep for Noise {
            fn depth(&self) -> u32 {
                10
            }
            fn row(&self, plane: usize, y: usize, to: &mut [u16]) {
                let mixed =
                    |x: usize| ((x * 7919 + y * 104_729 + plane * 1_299_709) as u32).wrapping_mul(2_654_435_761);
                to.iter_mut().enumerate().for_each(|(x, to)| *to = (mixed(x) >> 22) as u16);
            }
        }
        let table = Table::new(&sources().next().expect("a kind of film"));
        // Odd, so that the last lines and pixels have no partner.
        let (width, height) = (1281, 723);
        let mut out = vec![0; crate::VideoFormat::untagged(width, height).i420_len()];
        table.write(&Noise, (width, height), &mut out);
        let mut whole = vec![0; out.len()];
        table.band(&Noise, 0, width as usize, planes(&mut whole, width, height));
        assert!(out == whole && u64::from(width * height) > LARGE);
    }

    #[test]
    fn a_grey_ramp_is_exact_to_a_step_and_stays_grey() {
        for source in sources() {
            let codes: Vec<[u16; 3]> = (64..=940).map(|luma| [luma, 512, 512]).collect();
            let (count, table) = (codes.len(), Table::new(&source));
            let mut out = vec![0; 6 * count];
            table.write(&Blocks(codes.clone()), (2 * count as u32, 2), &mut out);
            for (n, code) in codes.iter().enumerate() {
                let exact = shown(&source, code.map(f64::from)).expect("a grey");
                for at in [0, 1, 2 * count, 2 * count + 1] {
                    let ours = f64::from(out[2 * n + at]);
                    assert!((ours - exact[0]).abs() < 1.25, "{source:?}, {code:?}: {ours}, exactly {exact:?}");
                }
                assert!([out[4 * count + n], out[5 * count + n]].iter().all(|chroma| chroma.abs_diff(128) <= 1));
            }
        }
    }
}
