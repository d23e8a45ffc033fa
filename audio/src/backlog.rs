//! Sound that is ready for the sink but does not fit into it yet, with its film time.

use std::collections::VecDeque;

use crate::align::{Splice, TOLERANCE_NS};
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

/// What one step of giving sound to a sink did: it left sound out, has some to write, or can do nothing before there is more room or more
/// sound. So whoever repeats steps until it waits comes to an end.
#[derive(Debug)]
pub(crate) enum Step {
    /// At least one sample was left out.
    Skipped,
    /// At least one sample is to be written.
    Write(Chunk),
    /// Nothing.
    Wait,
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

    /// The next step, if `splice` says what is to be done in front of the next sample and the sink takes `room_ns` of sound, or
    /// `most_ns` where no silence comes first. Less than a sample can be neither left out nor put in: then the next sample is where it
    /// belongs.
    pub(crate) fn step(&mut self, splice: Splice, room_ns: u64, most_ns: u64) -> Step {
        let silence = match splice {
            Splice::Skip(film_ns) if self.skip(film_ns) => return Step::Skipped,
            Splice::Silence(film_ns) => self.chunks.front().map(|next| {
                let room_ns = (room_ns as f64 * next.speed) as u64;
                // What would be left must not be so little that it passes for none.
                let now_ns = if film_ns <= room_ns.saturating_add(TOLERANCE_NS) { film_ns } else { room_ns };
                Chunk::silence(now_ns, next.format, next.pts_ns.saturating_sub_unsigned(film_ns), next.speed)
            }),
            _ => None,
        };
        let chunk = silence.filter(|silence| !silence.samples.is_empty()).or_else(|| self.take(most_ns));
        chunk.map_or(Step::Wait, Step::Write)
    }

    /// Leaves out the next `film_ns` of film, in whole samples. Whether there was at least one.
    fn skip(&mut self, mut film_ns: u64) -> bool {
        let mut any = false;
        while let Some(front) = self.chunks.front_mut() {
            let sound_ns = (film_ns as f64 / front.speed) as u64;
            let all = front.sound_ns();
            if sound_ns < all {
                let times = front.format.times(sound_ns);
                front.split(times);
                if front.samples.is_empty() {
                    self.chunks.pop_front();
                }
                return any || times > 0;
            }
            film_ns -= ((all as f64 * front.speed) as u64).min(film_ns);
            self.chunks.pop_front();
            any = true;
        }
        any
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
        let format = Format::usual(1, 1000);
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

    proptest::proptest! {
        /// Whatever the rate, the speed and the sink's room, sound that joins a clock that stands at `film` does so in a few steps, and
        /// its first sample is where it belongs: after as much sound or silence as lies between.
        #[test]
        fn joining_a_clock_makes_progress_at_any_rate_and_speed(
            rate in proptest::sample::select(vec![8_000u32, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]),
            speed in proptest::sample::select(vec![0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0]),
            film_ns in -60_000_000i64..60_000_000,
            room_ns in 1_000_000u64..100_000_000,
            chunks in 1usize..4,
        ) {
            let format = Format::stereo(rate);
            let mut b = Backlog::default();
            let mut pts_ns = 0;
            for _ in 0..chunks {
                let chunk = Chunk { samples: vec![0.5; rate as usize / 50 * 2], format, pts_ns, speed };
                pts_ns = chunk.end_pts_ns();
                b.push(chunk);
            }
            let sample_ns = (1e9 / f64::from(rate) * speed) as u64;
            // Each piece of silence is cut to whole samples.
            let (mut steps, mut placed, mut pieces) = (0, None, 1);
            while let Some(pts_ns) = b.pts_ns() {
                steps += 1;
                proptest::prop_assert!(steps < 300, "{steps} steps, still at {pts_ns}");
                let splice = placed.map_or_else(|| crate::align::meet(pts_ns, film_ns), |at| crate::align::follow(pts_ns, at));
                match b.step(splice, room_ns, room_ns) {
                    Step::Skipped => {}
                    Step::Wait => proptest::prop_assert!(false, "there is room and sound"),
                    Step::Write(chunk) => {
                        let off = (chunk.pts_ns - placed.unwrap_or(film_ns)).unsigned_abs();
                        let most = pieces * sample_ns.max(100_000) + 2;
                        proptest::prop_assert!(off <= most, "{off} ns off, a sample has {sample_ns}");
                        if chunk.samples[0] > 0.0 {
                            break;
                        }
                        pieces += 1;
                        placed = Some(chunk.end_pts_ns());
                    }
                }
            }
        }
    }
}
