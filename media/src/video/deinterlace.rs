//! Makes one picture of two moments' lines: the lines of the earlier moment stay, and those between are made anew. It is the filter
//! that players know as yadif, in its form of a picture for a picture: a line is guessed across the picture, along the direction
//! in which it changes least, and kept within what the pictures before and after allow. `ffmpeg -vf yadif` is its judge.

use super::codec::{Fields, planes};

/// Pixels beside a picture's edges at which no direction is searched.
const EDGE: usize = 3;

/// A plane of the picture, of the one before it and of the one after it.
#[derive(Clone, Copy)]
struct Planes<'a> {
    before: &'a [u8],
    now: &'a [u8],
    after: &'a [u8],
    width: usize,
    height: usize,
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

impl Planes<'_> {
    /// Makes line `y`.
    fn line(&self, y: usize, to: &mut [u8]) {
        let Self { width, height, .. } = *self;
        // At the picture's edge, the one line beside it stands for both.
        let (above, below) = (if y > 0 { y - 1 } else { y + 1 }, if y + 1 < height { y + 1 } else { y - 1 });
        let far = (y != 1 && y + 2 != height)
            .then(|| (if y > 1 { y - 2 } else { y + 2 }, if y + 2 < height { y + 2 } else { y - 2 }));
        let at = |plane: &[u8], y: usize, x: usize| i32::from(plane[y * width + x]);
        for (x, to) in to.iter_mut().enumerate() {
            let (c, e) = (at(self.now, above, x), at(self.now, below, x));
            let (earlier, later) = (at(self.before, y, x), at(self.now, y, x));
            let middle = (earlier + later) >> 1;
            let moved = |plane: &[u8]| ((at(plane, above, x) - c).abs() + (at(plane, below, x) - e).abs()) >> 1;
            let mut most = ((earlier - later).abs() >> 1).max(moved(self.before)).max(moved(self.after));
            let mut guess = (c + e) >> 1;
            if x >= EDGE && x + EDGE < width {
                guess = self.along(above, below, x, guess);
            }
            if let Some((up, down)) = far {
                let mean = |y: usize| (at(self.before, y, x) + at(self.now, y, x)) >> 1;
                let (b, f) = (mean(up), mean(down));
                let high = (middle - e).max(middle - c).max((b - c).min(f - e));
                let low = (middle - e).min(middle - c).min((b - c).max(f - e));
                most = most.max(low).max(-high);
            }
            *to = guess.clamp(middle - most, middle + most) as u8;
        }
    }

    /// The mean along the direction in which the lines above and below differ least; `upright` is that of the upright one.
    fn along(&self, above: usize, below: usize, x: usize, upright: i32) -> i32 {
        let (above, below) = (&self.now[above * self.width..], &self.now[below * self.width..]);
        let pixel = |row: &[u8], x: isize| i32::from(row[x as usize]);
        let x = x as isize;
        let differ = |lean: isize| -> i32 {
            (-1..=1).map(|by| (pixel(above, x + by + lean) - pixel(below, x + by - lean)).abs()).sum()
        };
        let (mut least, mut guess) = (differ(0) - 1, upright);
        for leans in [[-1, -2], [1, 2]] {
            for lean in leans {
                let score = differ(lean);
                if score >= least {
                    break;
                }
                (least, guess) = (score, (pixel(above, x + lean) + pixel(below, x - lean)) >> 1);
            }
        }
        guess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
