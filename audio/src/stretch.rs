//! Faster or slower at the same pitch: WSOLA (Verhelst and Roelands, 1993).
//!
//! Output is put together from overlapping pieces of the input, taken `speed` times as far apart as they are laid down;
//! each is moved by a few milliseconds to where it goes on best from the one before.

/// How far pieces are laid apart; each is twice as long. Seconds.
const HOP_S: f64 = 0.012;
/// How far a piece may be moved to fit. Seconds: half the period of the deepest voice.
const SEARCH_S: f64 = 0.008;
/// Only every so many samples are compared in the first search.
const COARSE: usize = 4;

/// Stretches one stream.
#[derive(Debug)]
pub(crate) struct Stretch {
    channels: usize,
    hop: usize,
    search: usize,
    /// Input, interleaved, from sample time `start` on.
    input: Vec<f32>,
    start: usize,
    /// All of the input so far, in sample times.
    total: usize,
    /// Where the next piece would be taken were it not moved.
    nominal: f64,
    /// Where the last piece goes on by itself.
    natural: usize,
}

impl Stretch {
    /// For interleaved samples of `channels` at `rate` Hz.
    pub(crate) fn new(channels: u16, rate: u32) -> Self {
        let times = |s: f64| (s * f64::from(rate)).round().max(1.0) as usize;
        Self {
            channels: usize::from(channels),
            hop: times(HOP_S),
            search: times(SEARCH_S),
            input: Vec::new(),
            start: 0,
            total: 0,
            nominal: 0.0,
            natural: 0,
        }
    }

    /// Takes input; what can be put out by now. The first sample out is the first one in, and from there on the film
    /// moves by exactly `speed` sample times for each that is put out.
    pub(crate) fn push(&mut self, samples: &[f32], speed: f64) -> Vec<f32> {
        self.input.extend_from_slice(samples);
        self.total += samples.len() / self.channels;
        let mut out = Vec::new();
        while self.nominal as usize + self.search + 2 * self.hop < self.total && self.natural + self.hop < self.total {
            self.piece(speed, &mut out);
        }
        out
    }

    /// The rest: what brings the film to the end of its input.
    pub(crate) fn finish(&mut self, speed: f64) -> Vec<f32> {
        let end = self.total;
        let missing = ((end as f64 - self.nominal) / speed).round().max(0.0) as usize;
        let padding = (self.search + 3 * self.hop + (self.hop as f64 * speed) as usize) * self.channels;
        let mut out = self.push(&vec![0.0; padding], speed);
        out.truncate(missing * self.channels);
        out
    }

    fn piece(&mut self, speed: f64, out: &mut Vec<f32>) {
        let position = self.best();
        let (from, to) = (self.at(self.natural), self.at(position));
        for i in 0..self.hop {
            let fade = (0.5 - 0.5 * (std::f64::consts::PI * (i as f64 + 0.5) / self.hop as f64).cos()) as f32;
            for c in 0..self.channels {
                let k = i * self.channels + c;
                let (old, new) = (self.sample(from + k), self.sample(to + k));
                out.push(old + (new - old) * fade);
            }
        }
        self.natural = position + self.hop;
        self.nominal += self.hop as f64 * speed;
        let keep = self.natural.min((self.nominal as usize).saturating_sub(self.search)).min(self.total);
        self.input.drain(..self.at(keep).min(self.input.len()));
        self.start = self.start.max(keep);
    }

    fn at(&self, time: usize) -> usize {
        time.saturating_sub(self.start) * self.channels
    }

    fn sample(&self, index: usize) -> f32 {
        self.input.get(index).copied().unwrap_or(0.0)
    }

    /// The place near the nominal one whose beginning is most like the last piece's continuation.
    fn best(&self) -> usize {
        let nominal = self.nominal as usize;
        let low = nominal.saturating_sub(self.search).max(self.start);
        let high = nominal + self.search;
        // Where the continuation itself is in reach nothing is more like it.
        if (low..=high).contains(&self.natural) {
            let off = self.natural.abs_diff(nominal);
            if off <= self.search / 2 {
                return self.natural;
            }
        }
        // Where nothing is more like it than the rest, as in silence, the piece stays at its own place.
        let find = |start: usize, low: usize, high: usize, step: usize| {
            let first = (start, self.likeness(start, step) + 1e-6);
            let better = |best: (usize, f32), p: usize| {
                let likeness = self.likeness(p, step);
                if likeness > best.1 { (p, likeness) } else { best }
            };
            (low..=high).step_by(step).fold(first, better).0
        };
        let coarse = find(nominal, low, high, COARSE);
        find(coarse, coarse.saturating_sub(COARSE - 1).max(low), (coarse + COARSE - 1).min(high), 1)
    }

    /// Normalised cross-correlation with the continuation, of all channels.
    fn likeness(&self, position: usize, step: usize) -> f32 {
        let (a, b) = (self.at(self.natural), self.at(position));
        let (mut dot, mut energy) = (0.0f32, 1e-9f32);
        for i in (0..self.hop).step_by(step.max(2)) {
            for c in 0..self.channels {
                let (x, y) = (self.sample(a + i * self.channels + c), self.sample(b + i * self.channels + c));
                dot += x * y;
                energy += y * y;
            }
        }
        dot / energy.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    fn tone(hz: f64, seconds: f64) -> Vec<f32> {
        let times = (seconds * f64::from(RATE)) as usize;
        (0..times).map(|i| (0.5 * (std::f64::consts::TAU * hz * i as f64 / f64::from(RATE)).sin()) as f32).collect()
    }

    fn stretched(input: &[f32], speed: f64) -> Vec<f32> {
        let mut s = Stretch::new(1, RATE);
        let mut out: Vec<f32> = input.chunks(1000).flat_map(|block| s.push(block, speed)).collect();
        out.extend(s.finish(speed));
        out
    }

    /// Upward zero crossings a second, between the first and the last tenth.
    fn pitch(samples: &[f32]) -> f64 {
        let middle = &samples[samples.len() / 10..samples.len() * 9 / 10];
        let crossings = middle.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        crossings as f64 * f64::from(RATE) / middle.len() as f64
    }

    #[test]
    fn length_follows_speed_and_pitch_does_not() {
        for speed in [0.25, 0.5, 0.9, 1.1, 1.5, 2.0, 4.0] {
            for hz in [110.0, 440.0, 1234.0] {
                let input = tone(hz, 2.0);
                let out = stretched(&input, speed);
                let wanted = (input.len() as f64 / speed).round();
                assert!((out.len() as f64 - wanted).abs() <= 1.0, "{speed}: {} for {wanted}", out.len());
                let got = pitch(&out);
                assert!((got / hz - 1.0).abs() < 0.02, "{hz} Hz became {got} at {speed}");
                let peak = out.iter().fold(0.0f32, |m, s| m.max(s.abs()));
                assert!(peak < 0.6, "peak {peak} at {speed}");
            }
        }
    }

    #[test]
    fn at_normal_speed_it_changes_nothing() {
        let input: Vec<f32> = tone(333.0, 0.5).iter().zip(tone(1111.0, 0.5)).map(|(a, b)| a * b).collect();
        let out = stretched(&input, 1.0);
        assert_eq!(out.len(), input.len());
        assert!(out.iter().zip(&input).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn a_click_stays_at_its_time() {
        for speed in [0.5, 2.0] {
            let mut input = vec![0.0; RATE as usize];
            for (i, s) in input[24_000..24_200].iter_mut().enumerate() {
                *s = if i % 2 == 0 { 0.9 } else { -0.9 };
            }
            let out = stretched(&input, speed);
            let at = out.iter().position(|s| s.abs() > 0.05).map(|i| i as f64 * speed / f64::from(RATE));
            assert!(at.is_some_and(|at| (at - 0.5).abs() < 0.025), "{at:?} at {speed}");
        }
    }
}
