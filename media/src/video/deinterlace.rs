//! Makes one picture of two moments' lines: the lines of the earlier moment stay, and those between are made anew. It is the filter
//! that players know as yadif, in its form of a picture for a picture: a line is guessed across the picture, along the direction
//! in which it changes least, and kept within what the pictures before and after allow. `ffmpeg -vf yadif` is its judge.

use super::codec::{Fields, planes};

/// Pixels beside a picture's edges at which no direction is searched.
const EDGE: usize = 3;
/// Pixels that are made together: enough for the compiler to do several by one instruction.
const TOGETHER: usize = 64;

/// A plane of the picture, of the one before it and of the one after it.
#[derive(Clone, Copy)]
struct Planes<'a> {
    before: &'a [u8],
    now: &'a [u8],
    after: &'a [u8],
    width: usize,
    height: usize,
}

/// What a line is made of, each as long as the line: its neighbours above and below in the three pictures, what stands in its own
/// place before and now, and the lines beyond the neighbours before and now, if the picture has both.
struct Around<'a> {
    now: [&'a [u8]; 2],
    before: [&'a [u8]; 2],
    after: [&'a [u8]; 2],
    earlier: &'a [u8],
    later: &'a [u8],
    far: Option<[[&'a [u8]; 2]; 2]>,
}

/// Writes the earlier moment of `now` to `out`; all four are I420 without padding.
pub(crate) fn deinterlace<'a>(
    [before, now, after]: [&'a [u8]; 3],
    (width, height): (u32, u32),
    fields: Fields,
    out: &mut [u8],
) {
    let luma = width as usize * height as usize;
    let (mut at, kept) = (0, if fields == Fields::TopFirst { 0 } else { 1 });
    for (n, to) in planes(out, width, height).into_iter().enumerate() {
        let half = |side: u32| if n == 0 { side as usize } else { side.div_ceil(2) as usize };
        let (width, height) = (half(width), half(height));
        let len = if n == 0 { luma } else { width * height };
        let cut = |picture: &'a [u8]| picture.get(at..at + len);
        let (Some(before), Some(now), Some(after)) = (cut(before), cut(now), cut(after)) else { return };
        let plane = Planes { before, now, after, width, height };
        for (y, to) in to.chunks_exact_mut(width).enumerate() {
            if y % 2 == kept || height < 3 {
                to.copy_from_slice(&plane.now[y * width..(y + 1) * width]);
            } else {
                plane.line(y, to);
            }
        }
        at += len;
    }
}

impl<'a> Planes<'a> {
    /// Makes line `y`.
    fn line(&self, y: usize, to: &mut [u8]) {
        let around = self.around(y);
        // Far enough from both edges for the search; and by so many together as there are.
        let inner = EDGE.min(to.len())..to.len().saturating_sub(EDGE).max(EDGE.min(to.len()));
        let together = inner.start + inner.len() / TOGETHER * TOGETHER;
        for x in (inner.start..together).step_by(TOGETHER) {
            around.make::<TOGETHER, true>(x, to);
        }
        for x in together..inner.end {
            around.make::<1, true>(x, to);
        }
        for x in (0..inner.start).chain(inner.end..to.len()) {
            around.make::<1, false>(x, to);
        }
    }

    fn around(&self, y: usize) -> Around<'a> {
        let Self { before, now, after, width, height } = *self;
        // At the picture's edge, the one line beside it stands for both.
        let beside = [if y > 0 { y - 1 } else { y + 1 }, if y + 1 < height { y + 1 } else { y - 1 }];
        let far = [if y > 1 { y - 2 } else { y + 2 }, if y + 2 < height { y + 2 } else { y.saturating_sub(2) }];
        let row = |plane: &'a [u8], y: usize| &plane[y * width..][..width];
        let both = |plane: &'a [u8], rows: [usize; 2]| rows.map(|y| row(plane, y));
        Around {
            now: both(now, beside),
            before: both(before, beside),
            after: both(after, beside),
            earlier: row(before, y),
            later: row(now, y),
            far: (y != 1 && y + 2 != height).then(|| [both(before, far), both(now, far)]),
        }
    }
}

impl<'a> Around<'a> {
    /// Makes `N` pixels from `x` on. `LEANING`: along the direction in which the lines above and below differ least, else the upright one.
    /// Nothing in it branches by a pixel, so the compiler makes several by one instruction.
    fn make<const N: usize, const LEANING: bool>(&self, x: usize, to: &mut [u8]) {
        let at =
            |row: &'a [u8], x: usize| -> &'a [u8; N] { row[x..].first_chunk().expect("a line has as many pixels") };
        let cut = |row: &'a [u8]| at(row, x);
        // Of the lines above and below, what is left and right of the pixels is needed as well.
        let spread = |row: &'a [u8]| -> [&'a [u8; N]; 2 * EDGE + 1] {
            std::array::from_fn(|n| if LEANING { at(row, x + n - EDGE) } else { cut(row) })
        };
        let [above, below] = self.now.map(spread);
        let (earlier, later) = (cut(self.earlier), cut(self.later));
        let wide = |pixels: &[u8; N]| each::<N>(|n| i16::from(pixels[n]));
        let mean = |above: &[u8; N], below: &[u8; N]| each::<N>(|n| (i16::from(above[n]) + i16::from(below[n])) >> 1);
        let (c, e) = (wide(above[EDGE]), wide(below[EDGE]));
        let (before, now) = (wide(earlier), wide(later));
        let mut guess = mean(above[EDGE], below[EDGE]);
        if LEANING {
            // At `at` of the line above, against as far to the other side of the line below.
            let differ = |at: usize| {
                let apart =
                    |n: usize, by: usize| i16::from(above[at + by - 1][n].abs_diff(below[2 * EDGE - at + by - 1][n]));
                each::<N>(|n| apart(n, 0) + apart(n, 1) + apart(n, 2))
            };
            let upright = differ(EDGE);
            let mut least = each::<N>(|n| upright[n] - 1);
            for [near, further] in [[EDGE - 1, EDGE - 2], [EDGE + 1, EDGE + 2]] {
                let (near_score, further_score) = (differ(near), differ(further));
                let (near, further) =
                    (mean(above[near], below[2 * EDGE - near]), mean(above[further], below[2 * EDGE - further]));
                // The further one counts only where the nearer one was better.
                let first = each::<N>(|n| pick(near_score[n] < least[n], near[n], guess[n]));
                let second = each::<N>(|n| pick(near_score[n] < least[n], further_score[n], i16::MAX));
                least = each::<N>(|n| near_score[n].min(least[n]));
                guess = each::<N>(|n| pick(second[n] < least[n], further[n], first[n]));
                least = each::<N>(|n| second[n].min(least[n]));
            }
        }
        let moved = |[above, below]: [&[u8; N]; 2]| {
            each::<N>(|n| ((i16::from(above[n]) - c[n]).abs() + (i16::from(below[n]) - e[n]).abs()) >> 1)
        };
        let (first, second) = (moved(self.before.map(cut)), moved(self.after.map(cut)));
        let mut most = each::<N>(|n| ((before[n] - now[n]).abs() >> 1).max(first[n]).max(second[n]));
        let middle = mean(earlier, later);
        if let Some([before, now]) = self.far.map(|rows| rows.map(|rows| rows.map(cut))) {
            let (b, f) = (mean(before[0], now[0]), mean(before[1], now[1]));
            let high = each::<N>(|n| (middle[n] - e[n]).max(middle[n] - c[n]).max((b[n] - c[n]).min(f[n] - e[n])));
            let low = each::<N>(|n| (middle[n] - e[n]).min(middle[n] - c[n]).min((b[n] - c[n]).max(f[n] - e[n])));
            most = each::<N>(|n| most[n].max(low[n]).max(-high[n]));
        }
        let made = each::<N>(|n| guess[n].max(middle[n] - most[n]).min(middle[n] + most[n]));
        for (to, made) in to[x..x + N].iter_mut().zip(made) {
            *to = made as u8;
        }
    }
}

/// The one if so, else the other; by a mask, since the compiler makes a branch of an `if`.
fn pick(so: bool, one: i16, other: i16) -> i16 {
    let mask = -i16::from(so);
    one & mask | other & !mask
}

/// `N` numbers, each from its place.
fn each<const N: usize>(number: impl Fn(usize) -> i16) -> [i16; N] {
    let mut out = [0; N];
    for (n, out) in out.iter_mut().enumerate() {
        *out = number(n);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_made_together_are_those_made_singly() {
        let mut random = 1u32;
        let mut noise = |len: usize| -> Vec<u8> {
            let mut pixel = || {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 24) as u8
            };
            (0..len).map(|_| pixel()).collect()
        };
        let (width, height) = (2 * TOGETHER + 2 * EDGE + 5, 6);
        let pictures = [(); 3].map(|()| noise(width * height));
        let [before, now, after] = &pictures;
        let plane = Planes { before, now, after, width, height };
        for y in 0..height {
            let (mut together, mut singly) = (vec![0; width], vec![0; width]);
            plane.line(y, &mut together);
            let around = plane.around(y);
            for x in 0..width {
                match (EDGE..width - EDGE).contains(&x) {
                    true => around.make::<1, true>(x, &mut singly),
                    false => around.make::<1, false>(x, &mut singly),
                }
            }
            assert_eq!(together, singly, "line {y}");
        }
    }

    #[test]
    fn what_stands_still_stays_as_it_is_and_what_moves_is_smooth() {
        let (width, height) = (32u32, 16u32);
        let len = (width * height * 3 / 2) as usize;
        let still: Vec<u8> = (0..len).map(|n| (n / width as usize * 9) as u8).collect();
        let mut out = vec![0; len];
        deinterlace([&still, &still, &still], (width, height), Fields::TopFirst, &mut out);
        assert_eq!(out[..(width * height) as usize], still[..(width * height) as usize]);
        // A field of 200 over one of 50, which was not there before: the kept lines are everywhere.
        let mut woven = vec![128; len];
        for (y, row) in woven[..(width * height) as usize].chunks_mut(width as usize).enumerate() {
            row.fill(if y % 2 == 0 { 200 } else { 50 });
        }
        let (before, after) = (vec![200; len], vec![50; len]);
        deinterlace([&before, &woven, &after], (width, height), Fields::TopFirst, &mut out);
        assert!(out[..(width * height) as usize].iter().all(|&luma| luma == 200), "{:?}", &out[..96]);
        deinterlace([&before, &woven, &after], (width, height), Fields::BottomFirst, &mut out);
        assert!(out[32..64].iter().all(|&luma| luma == 50), "{:?}", &out[32..64]);
    }
}
