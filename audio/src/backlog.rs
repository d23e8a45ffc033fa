//! Sound that is ready for the sink but does not fit into it yet, with its film time.

use std::collections::VecDeque;

use crate::sink::Format;

/// Interleaved samples that are film from `pts_ns` on.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub samples: Vec<f32>,
    pub format: Format,
    /// Film time of the first sample, in ns.
    pub pts_ns: i64,
    /// Film seconds to a second of sound.
    pub speed: f64,
}

impl Chunk {
    /// Silence of so much film time.
    pub(crate) fn silence(film_ns: u64, format: Format, pts_ns: i64, speed: f64) -> Self {
        let times = format.times((film_ns as f64 / speed) as u64);
        Self { samples: vec![0.0; times as usize * usize::from(format.channels)], format, pts_ns, speed }
    }

    /// Sample times.
    pub(crate) fn times(&self) -> u64 {
        (self.samples.len() / usize::from(self.format.channels)) as u64
    }

    /// Its length in ns of sound.
    pub(crate) fn sound_ns(&self) -> u64 {
        self.format.ns(self.times())
    }

    /// Film time after its last sample.
    pub(crate) fn end_pts_ns(&self) -> i64 {
        self.pts_ns + (self.sound_ns() as f64 * self.speed) as i64
    }

    /// Cuts off its first `times` sample times.
    pub(crate) fn split(&mut self, times: u64) -> Self {
        let at = (times as usize * usize::from(self.format.channels)).min(self.samples.len());
        let rest = self.samples.split_off(at);
        let front = Self { samples: std::mem::replace(&mut self.samples, rest), ..*self };
        self.pts_ns = front.end_pts_ns();
        front
    }
}

/// Chunks in order.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    chunks: VecDeque<Chunk>,
}

impl Backlog {
    pub(crate) fn push(&mut self, chunk: Chunk) {
        if !chunk.samples.is_empty() {
            self.chunks.push_back(chunk);
        }
    }

    /// Film time of the next sample.
    pub(crate) fn pts_ns(&self) -> Option<i64> {
        self.chunks.front().map(|c| c.pts_ns)
    }

    /// Format and speed of the next sample.
    pub(crate) fn like(&self) -> Option<(Format, f64)> {
        self.chunks.front().map(|c| (c.format, c.speed))
    }

    /// Length in ns of sound.
    pub(crate) fn sound_ns(&self) -> u64 {
        self.chunks.iter().map(Chunk::sound_ns).sum()
    }

    /// Takes what comes next, at most `sound_ns` of it; `None` if not one sample of it fits.
    pub(crate) fn take(&mut self, sound_ns: u64) -> Option<Chunk> {
        let front = self.chunks.front_mut()?;
        let times = front.format.times(sound_ns);
        if times >= front.times() { self.chunks.pop_front() } else { (times > 0).then(|| front.split(times)) }
    }

    /// Leaves out the next `film_ns` of film.
    pub(crate) fn skip(&mut self, mut film_ns: u64) {
        while let Some(front) = self.chunks.front_mut() {
            let sound_ns = (film_ns as f64 / front.speed) as u64;
            let all = front.sound_ns();
            if sound_ns < all {
                front.split(front.format.times(sound_ns));
                if front.samples.is_empty() {
                    self.chunks.pop_front();
                }
                return;
            }
            film_ns -= ((all as f64 * front.speed) as u64).min(film_ns);
            self.chunks.pop_front();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(from: u32, to: u32, speed: f64) -> Chunk {
        let samples = (from..to).map(|v| v as f32).collect();
        let format = Format { channels: 1, rate: 1000 };
        Chunk { samples, format, pts_ns: i64::from(from) * 1_000_000, speed }
    }

    #[test]
    fn what_is_taken_and_skipped_is_exact_across_chunks() {
        let mut b = Backlog::default();
        b.push(ramp(0, 10, 1.0));
        b.push(ramp(10, 20, 1.0));
        assert_eq!(b.take(3_000_000).unwrap().samples, [0.0, 1.0, 2.0]);
        assert_eq!(b.pts_ns(), Some(3_000_000));
        b.skip(9_000_000);
        assert_eq!(b.pts_ns(), Some(12_000_000));
        assert_eq!(b.take(100_000_000).unwrap().samples[0], 12.0);
        assert!(b.is_empty() && b.take(1).is_none());
    }

    #[test]
    fn at_double_speed_half_the_sound_is_skipped() {
        let mut b = Backlog::default();
        b.push(ramp(0, 10, 2.0));
        b.skip(8_000_000);
        assert_eq!(b.take(100_000_000).unwrap().samples[0], 4.0);
    }
}
