//! From bins to samples: the inverse of a cosine transform of 512 samples that overlap by half, or of two of 256.

use std::f64::consts::PI;

/// A complex number.
type Pair = [f32; 2];

/// The tables of the transform.
pub(super) struct Transform {
    /// The rising half of the window, for 256 samples.
    window: [f32; 256],
    /// For 256 bins and for 128.
    long: [Pair; 128],
    short: [Pair; 64],
    /// The first half of the 128th roots of 1.
    roots: [Pair; 64],
}

fn turned(turns: f64) -> Pair {
    let (sin, cos) = (-2.0 * PI * turns).sin_cos();
    [cos as f32, sin as f32]
}

fn times([a, b]: Pair, [c, d]: Pair) -> Pair {
    [a * c - b * d, a * d + b * c]
}

impl Transform {
    pub(super) fn new() -> Self {
        // Kaiser's and Bessel's: the root of the sum of a Kaiser window.
        let mut sum = 0.0;
        let sums: [f64; 257] = std::array::from_fn(|n| {
            let distance = n as f64 / 128.0 - 1.0;
            sum += bessel(5.0 * PI * (1.0 - distance * distance).max(0.0).sqrt());
            sum
        });
        Self {
            window: std::array::from_fn(|n| (sums[n] / sum).sqrt() as f32),
            long: std::array::from_fn(|n| turned((n as f64 + 0.125) / 512.0)),
            short: std::array::from_fn(|n| turned((n as f64 + 0.125) / 256.0)),
            roots: std::array::from_fn(|n| turned(n as f64 / 128.0)),
        }
    }

    /// 256 samples of `bins` and of what the block before left in `kept`, times `gain`, by `put` to their places.
    pub(super) fn samples(
        &self,
        bins: &[f32; 256],
        switched: bool,
        gain: f32,
        kept: &mut [f32; 128],
        mut put: impl FnMut(usize, f32),
    ) {
        let mut out = [0.0; 256];
        if switched {
            // Two transforms, bin by bin in turns; the second one comes first here.
            let half = |odd: usize| std::array::from_fn::<f32, 128, _>(|n| bins[2 * n + odd]);
            let (second, first) = out.split_at_mut(128);
            self.cosines::<64>(&half(0), first, &self.short);
            self.cosines::<64>(&half(1), second, &self.short);
        } else {
            self.cosines::<128>(bins, &mut out, &self.long);
        }
        let (next, now) = out.split_at(128);
        for (n, (now, kept)) in now.iter().zip(kept.iter().rev()).enumerate() {
            let (now, rising, falling) = (2.0 * gain * now, self.window[n], self.window[255 - n]);
            put(n, kept * falling - now * rising);
            put(255 - n, kept * rising + now * falling);
        }
        for (kept, next) in kept.iter_mut().zip(next) {
            *kept = 2.0 * gain * next;
        }
    }

    /// The sums over all bins k of `bins[k] * cos(π / bins * (n + ½) * (k + ½))`, by a Fourier transform of half the size.
    fn cosines<const HALF: usize>(&self, bins: &[f32], out: &mut [f32], turns: &[Pair; HALF]) {
        let mut from: [Pair; HALF] = std::array::from_fn(|n| times([bins[2 * n], bins[2 * (HALF - n) - 1]], turns[n]));
        let mut to = [[0.0; 2]; HALF];
        // Stockham's: each step halves the transforms that are left, and puts two halves' results side by side.
        let mut width = 1;
        while width < HALF {
            let (low, high) = from.split_at(HALF / 2);
            let pairs = low.chunks_exact(width).zip(high.chunks_exact(width));
            let roots = self.roots.iter().step_by(64 / (HALF / 2) * width);
            for ((out, (low, high)), root) in to.chunks_exact_mut(2 * width).zip(pairs).zip(roots) {
                let (sums, differences) = out.split_at_mut(width);
                for ((sum, difference), (a, b)) in sums.iter_mut().zip(differences).zip(low.iter().zip(high)) {
                    *sum = [a[0] + b[0], a[1] + b[1]];
                    *difference = times([a[0] - b[0], a[1] - b[1]], *root);
                }
            }
            std::mem::swap(&mut from, &mut to);
            width *= 2;
        }
        for (n, (value, turn)) in from.iter().zip(turns).enumerate() {
            let [real, imaginary] = times(*value, *turn);
            (out[2 * n], out[2 * (HALF - n) - 1]) = (real, -imaginary);
        }
    }
}

/// The modified Bessel function of the first kind, of order 0.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..60 {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}
