//! When frames are due, and when warming up and measuring end: by the clock, however slow the pace.
//!
//! Decisions only; the producer and the consumer carry them out.

use crate::case::Case;

/// At a slow pace the frame that only says that it is the last does not wait for its own turn, but it leaves the frame
/// before it so long to be taken: a mailbox would overwrite it.
const GRACE_NS: u64 = 100_000_000;

/// The pace and the lengths of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// `None`: unlimited.
    rate: Option<f64>,
    warmup_ns: u64,
    length_ns: u64,
    frames: Option<u64>,
}

impl Pace {
    pub(crate) fn of(case: &Case) -> Self {
        let ns = |seconds: f64| (seconds * 1e9) as u64;
        Self { rate: case.rate, warmup_ns: ns(case.warmup), length_ns: ns(case.seconds), frames: case.frames }
    }

    /// From one frame to the next; 0 without a pace.
    pub(crate) fn period_ns(&self) -> u64 {
        self.rate.map_or(0, |rate| (1e9 / rate) as u64)
    }

    /// Whether a whole period does not fit into the warm-up: the measuring does not wait for the next beat then.
    pub(crate) fn is_slow(&self) -> bool {
        self.period_ns() > self.warmup_ns
    }

    /// When the `nth` frame since `first_ns` is due; `None`: as soon as there is room.
    pub(crate) fn due_ns(&self, first_ns: u64, nth: u64) -> Option<u64> {
        self.rate.map(|rate| first_ns + (nth as f64 * 1e9 / rate) as u64)
    }

    /// Whether the `nth` frame of a warm-up that began at `begun_ns` counts already. One frame at least is for warming up,
    /// unless that is unwanted.
    pub(crate) fn is_warm(&self, begun_ns: u64, nth: u64, now_ns: u64) -> bool {
        let until = begun_ns + self.warmup_ns;
        let due = self.due_ns(begun_ns, nth).unwrap_or(0);
        (nth > 0 || self.warmup_ns == 0) && (now_ns >= until || due >= until)
    }

    /// When the first frame that counts is due, being the `nth` since the warm-up began. The pace goes on as it was, but
    /// what the warm-up could not keep up with is forgiven, and a slow pace begins anew.
    pub(crate) fn measures_from(&self, begun_ns: u64, nth: u64, now_ns: u64) -> u64 {
        let beat = self.due_ns(begun_ns, nth).unwrap_or(0);
        if self.is_slow() { beat.min(begun_ns + self.warmup_ns).max(now_ns) } else { beat.max(now_ns) }
    }

    /// Whether the `nth` frame since the measuring began at `first_ns` is the one that only says that it is the last.
    pub(crate) fn is_over(&self, first_ns: u64, nth: u64, now_ns: u64) -> bool {
        let end = first_ns + self.length_ns;
        self.frames.is_some_and(|frames| nth >= frames) || now_ns >= end || self.due_ns(first_ns, nth) >= Some(end)
    }

    /// When that last frame is due: by its pace, but no later than the end.
    pub(crate) fn last_due_ns(&self, first_ns: u64, nth: u64, now_ns: u64) -> Option<u64> {
        let end = first_ns + self.length_ns;
        let reached = self.frames.is_some_and(|frames| nth >= frames);
        let latest = if reached { end.min(now_ns + GRACE_NS) } else { end };
        self.due_ns(first_ns, nth).map(|due| due.min(latest))
    }

    /// When a consumer that knows the pace may expect the next frame; `None`: it cannot know, and waits like any other.
    /// `since_ns` is when the frame before was due, `taken` how many have counted, `first_ns` when the measuring began, 0 before.
    pub(crate) fn expected_ns(&self, since_ns: u64, taken: u64, first_ns: u64) -> Option<u64> {
        let due = since_ns + self.period_ns();
        match first_ns {
            0 => (!self.is_slow()).then_some(due),
            _ if self.frames.is_some_and(|frames| taken >= frames) => Some(due.min(since_ns + GRACE_NS)),
            _ => Some(due.min(first_ns + self.length_ns)),
        }
    }

    /// When the first frame that counts had its chance to arrive, for a consumer: after the frame before it, which came at
    /// `before_ns` (0: there was none); at a slow pace that began anew, a period before it was due at `since_ns`.
    pub(crate) fn chance_ns(&self, since_ns: u64, before_ns: u64) -> u64 {
        match (self.is_slow(), before_ns) {
            (true, _) => since_ns.saturating_sub(self.period_ns()),
            (false, 0) => since_ns,
            (false, before_ns) => before_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn pace(rate: Option<f64>, warmup: f64, seconds: f64, frames: Option<u64>) -> Pace {
        Pace::of(&Case { rate, warmup, seconds, frames, ..crate::tests::case() })
    }

    /// What a producer that loses no time sends: when each frame is due, and whether it counts (the last: `None`).
    fn sent(pace: Pace) -> Vec<(u64, Option<bool>)> {
        let begun = 100 * S;
        let (mut first, mut first_ns, mut measuring, mut now, mut frames) = (0, begun, false, begun, Vec::new());
        for seq in 0.. {
            if !measuring && pace.is_warm(begun, seq, now) {
                (first, first_ns, measuring) = (seq, pace.measures_from(begun, seq, now), true);
            }
            let nth = seq - first;
            if measuring && pace.is_over(first_ns, nth, now) {
                frames.push((pace.last_due_ns(first_ns, nth, now).unwrap() - begun, None));
                break;
            }
            now = now.max(pace.due_ns(first_ns, nth).unwrap());
            frames.push((now - begun, Some(measuring)));
        }
        frames
    }

    #[test]
    fn a_slow_pace_ends_by_the_clock() {
        let ms = |n: u64| n * S / 1000;
        for (rate, seconds, wanted) in [
            (0.5, 1.0, vec![(0, Some(false)), (ms(100), Some(true)), (ms(1100), None)]),
            (0.1, 0.5, vec![(0, Some(false)), (ms(100), Some(true)), (ms(600), None)]),
            (0.5, 3.0, vec![(0, Some(false)), (ms(100), Some(true)), (ms(2100), Some(true)), (ms(3100), None)]),
        ] {
            assert_eq!(sent(pace(Some(rate), 0.1, seconds, None)), wanted, "{rate} for {seconds} s");
        }
        assert_eq!(sent(pace(Some(0.5), 0.0, 1.0, None)), [(0, Some(true)), (S, None)], "without a warm-up");
    }

    #[test]
    fn so_many_slow_frames_end_soon_after_the_last_one() {
        let ms = |n: u64| n * S / 1000;
        let wanted = [(0, Some(false)), (ms(100), Some(true)), (ms(2100), Some(true)), (ms(2200), None)];
        assert_eq!(sent(pace(Some(0.5), 0.1, 86_400.0, Some(2))), wanted);
        assert_eq!(sent(pace(Some(0.5), 0.1, 1.0, Some(2)))[2], (ms(1100), None), "the time is up first");
    }

    #[test]
    fn a_film_s_pace_goes_on_from_the_warm_up_and_fills_the_time() {
        let frames = sent(pace(Some(100.0), 0.1, 1.0, None));
        let due: Vec<u64> = frames.iter().map(|f| f.0).collect();
        assert_eq!(due, (0..=110).map(|n| n * S / 100).collect::<Vec<_>>(), "one pace from the first to the last");
        let count = |kind| frames.iter().filter(|f| f.1 == kind).count();
        assert_eq!((count(Some(false)), count(Some(true)), count(None)), (10, 100, 1));
    }

    #[test]
    fn what_a_warm_up_could_not_keep_up_with_is_forgiven() {
        let pace = pace(Some(1000.0), 0.1, 1.0, None);
        assert_eq!(pace.measures_from(5 * S, 20, 6 * S), 6 * S);
        assert!(pace.is_over(6 * S, 3, 7 * S), "the time is up, however few went");
        assert!(!pace.is_over(6 * S, 3, 7 * S - 1));
    }

    #[test]
    fn without_a_pace_frames_and_time_decide() {
        let pace = pace(None, 0.1, 1.0, Some(10));
        assert_eq!((pace.due_ns(S, 3), pace.last_due_ns(S, 10, S)), (None, None));
        assert!(!pace.is_warm(S, 0, 9 * S) && !pace.is_warm(S, 1, S) && pace.is_warm(S, 1, S + S / 10));
        assert!(pace.is_over(S, 10, S) && !pace.is_over(S, 9, S) && pace.is_over(S, 9, 2 * S));
        assert_eq!((pace.chance_ns(50, 40), pace.chance_ns(50, 0)), (40, 50));
    }

    #[test]
    fn who_expects_a_frame_does_not_expect_it_after_the_end() {
        let slow = pace(Some(0.5), 0.1, 1.0, None);
        assert_eq!(slow.expected_ns(S, 0, 0), None, "a slow warm-up ends between two beats");
        assert_eq!(slow.expected_ns(5 * S, 1, 5 * S), Some(6 * S), "the end comes before the next beat");
        assert_eq!(pace(Some(0.5), 0.1, 60.0, Some(3)).expected_ns(5 * S, 3, S), Some(5 * S + S / 10));
        assert_eq!(pace(Some(50.0), 0.1, 1.0, None).expected_ns(5 * S, 9, S * 9 / 2), Some(5 * S + S / 50));
        assert_eq!(pace(Some(50.0), 0.1, 1.0, None).expected_ns(5 * S, 0, 0), Some(5 * S + S / 50));
        assert_eq!(slow.chance_ns(7 * S, 6 * S + 9), 5 * S, "each frame has a period");
    }
}
