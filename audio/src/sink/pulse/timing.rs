//! From a device's answers to a steady line: where a stream is, between and beyond what the server says.

use std::collections::VecDeque;

/// Answers older than this are forgotten.
const WINDOW_NS: u64 = 1_000_000_000;
/// Beyond this the line jumps: the device did.
const SNAP_NS: i64 = 40_000_000;
/// The line is bent by no more than so many ns a second.
const SLEW_NS_PER_S: f64 = 10_000_000.0;
/// An answer counts for something after so many, over so long.
const SETTLED_COUNT: usize = 6;
const SETTLED_NS: u64 = 30_000_000;

/// Smooths positions.
///
/// A server that works in quanta (PipeWire: 21 ms) says where the stream was at the last quantum's start: right at that
/// moment, and ever later until the next. So an answer is late or right, never early; the line follows the earliest of
/// the last second, slowly.
#[derive(Debug, Default)]
pub(super) struct DeviceClock {
    /// When, and position − time, each answer.
    answers: VecDeque<(u64, i64)>,
    /// Position − time, as it is used.
    offset_ns: Option<i64>,
}

impl DeviceClock {
    /// At `at_ns` the stream is said to be at `position_ns`.
    pub(super) fn feed(&mut self, at_ns: u64, position_ns: i64) {
        let gone_ns = self.answers.back().map_or(0, |&(last, _)| at_ns.saturating_sub(last));
        self.answers.push_back((at_ns, position_ns - at_ns as i64));
        while self.answers.front().is_some_and(|&(at, _)| at + WINDOW_NS < at_ns) {
            self.answers.pop_front();
        }
        let Some(target) = self.answers.iter().map(|&(_, offset)| offset).max() else { return };
        self.offset_ns = Some(match self.offset_ns {
            Some(offset) if self.settled() && (target - offset).abs() <= SNAP_NS => {
                let most = (SLEW_NS_PER_S * gone_ns as f64 / 1e9) as i64;
                offset + (target - offset).clamp(-most, most)
            }
            _ => target,
        });
    }

    /// Where the stream is at `now_ns`, in ns; `None` before the first answers.
    pub(super) fn at(&self, now_ns: u64) -> Option<i64> {
        self.offset_ns.filter(|_| self.answers.len() >= 3).map(|offset| offset + now_ns as i64)
    }

    /// Whether it has seen enough to be exact.
    pub(super) fn settled(&self) -> bool {
        let span = self.answers.front().zip(self.answers.back()).map_or(0, |(a, b)| b.0 - a.0);
        self.answers.len() >= SETTLED_COUNT && span >= SETTLED_NS
    }

    /// The device stops, or starts anew: what it said before says nothing.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// The largest error, in µs, over ten seconds from the second one on, of answers every 23 ms with an error of `error`.
    fn worst(error: impl Fn(u64) -> i64) -> i64 {
        let mut clock = DeviceClock::default();
        let mut worst = 0;
        for at in (0..10_000 * MS).step_by(23 * MS as usize) {
            clock.feed(at, at as i64 + error(at));
            if at > 1000 * MS {
                worst = worst.max((clock.at(at).unwrap() - at as i64).abs() / 1000);
            }
        }
        worst
    }

    #[test]
    fn a_servers_quantum_is_smoothed_away() {
        let quantum = 21_333_333;
        assert!(worst(|at| -((at % quantum) as i64)) < 1500);
    }

    #[test]
    fn small_noise_stays_small() {
        assert!(worst(|at| (at / MS % 7) as i64 * 100_000 - 300_000) <= 600);
    }

    #[test]
    fn the_line_bends_slowly_and_jumps_only_far() {
        let mut clock = DeviceClock::default();
        let mut feed = |from: u64, to: u64, error: i64| {
            let mut last: Option<i64> = None;
            let mut most = 0;
            for at in (from * MS..to * MS).step_by(20 * MS as usize) {
                clock.feed(at, at as i64 + error);
                let off = clock.at(at).unwrap_or_default() - at as i64;
                most = most.max(last.map_or(0, |l| (off - l).abs()));
                last = Some(off);
            }
            (last.unwrap(), most)
        };
        feed(0, 1000, 0);
        let (off, most) = feed(1000, 4000, 15_000_000);
        assert_eq!(off, 15_000_000);
        assert!(most <= 200_000, "bent by {most} ns in 20 ms");
        assert_eq!(feed(4000, 4020, 60_000_000).0, 60_000_000, "beyond 40 ms it jumps");
    }
}
