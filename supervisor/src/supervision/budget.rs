//! How often something may go wrong, and how long to wait until it is tried again.

use std::collections::VecDeque;
use std::time::Duration;

use super::MS;

/// The first restart is immediate; the next waits this long, and each further one twice as long.
const BACKOFF_NS: u64 = 100 * MS;
/// The longest wait.
const LONGEST_NS: u64 = 5_000 * MS;
/// A role that lived so long was healthy, whatever it did.
const HEALTHY_NS: u64 = 10_000 * MS;
/// So many hangs in a row without progress are too many. Hangs take seconds each, so they would never be as many in a short
/// time as the limit of crashes allows.
const HANGS: u32 = 3;

/// How many crashes in how long are too many, if there is one more (Erlang's *intensity* and *period*).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) intensity: usize,
    pub(crate) period: Duration,
}

/// What to do after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try again, after so long, in ns.
    Restart(u64),
    GiveUp,
}

/// What has gone wrong so far, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// When, in ns; not older than the period.
    crashes: VecDeque<u64>,
    /// Crashes since the role was last healthy.
    streak: u32,
    hangs: u32,
    /// What was achieved at the last hang.
    hung_at: Option<u64>,
}

impl Budget {
    /// What started at `started_ns` went wrong at `now_ns`. If it has achieved anything in between, or lived long, the waits
    /// begin anew: they are for what dies as soon as it is started. What dies again and again after some work is bounded by
    /// the limit, and a viewer should not wait for it. The waits are spread by up to a quarter, so that two roles that fell
    /// together do not rise together for ever.
    pub(super) fn crash(&mut self, limit: Limit, started_ns: u64, now_ns: u64, achieved: bool) -> Verdict {
        let period_ns = u64::try_from(limit.period.as_nanos()).unwrap_or(u64::MAX);
        self.crashes.push_back(now_ns);
        self.crashes.retain(|&at| at == now_ns || now_ns.saturating_sub(at) < period_ns);
        if achieved || now_ns.saturating_sub(started_ns) >= HEALTHY_NS {
            self.streak = 0;
        }
        self.streak += 1;
        if self.crashes.len() > limit.intensity {
            return Verdict::GiveUp;
        }
        let wait_ns = match self.streak {
            1 => 0,
            n => (BACKOFF_NS << (n - 2).min(16)).min(LONGEST_NS),
        };
        Verdict::Restart(wait_ns + wait_ns / 4 * (now_ns % 1000) / 1000)
    }

    /// A role hung, having achieved so much over all its incarnations. Whether that is once too often.
    pub(super) fn hang(&mut self, achieved: u64) -> bool {
        if self.hung_at.replace(achieved) != Some(achieved) {
            self.hangs = 0;
        }
        self.hangs += 1;
        self.hangs >= HANGS
    }

    /// What went wrong before does not count.
    pub(super) fn forgive(&mut self) {
        self.crashes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { intensity: 5, period: Duration::from_secs(10) };
    const S: u64 = 1_000_000_000;

    #[test]
    fn the_first_restart_is_immediate_and_the_waits_double_up_to_the_limit() {
        let mut budget = Budget::default();
        let waits: Vec<Verdict> = (0..6).map(|i| budget.crash(LIMIT, i * S, i * S, false)).collect();
        let ms = |n| Verdict::Restart(n * MS);
        assert_eq!(waits, [ms(0), ms(100), ms(200), ms(400), ms(800), Verdict::GiveUp]);
    }

    #[test]
    fn old_crashes_are_forgotten_and_a_healthy_life_resets_the_wait() {
        let mut budget = Budget::default();
        for i in 0..50 {
            let started = i * 11 * S;
            assert_eq!(budget.crash(LIMIT, started, started + 10 * S, false), Verdict::Restart(0), "{i}");
        }
    }

    #[test]
    fn a_role_that_achieved_something_is_restarted_immediately_until_the_limit() {
        let mut budget = Budget::default();
        let all: Vec<Verdict> = (0..6).map(|i| budget.crash(LIMIT, i * S, i * S + 1, true)).collect();
        let now = Verdict::Restart(0);
        assert_eq!(all, [now, now, now, now, now, Verdict::GiveUp]);
    }

    #[test]
    fn waits_end_at_five_seconds_and_are_spread_by_a_quarter_at_most() {
        let mut budget = Budget::default();
        let patient = Limit { intensity: 1000, period: Duration::from_secs(3600) };
        for i in 0..40 {
            budget.crash(patient, i, i, false);
        }
        assert_eq!(budget.crash(patient, 1000, 1000, false), Verdict::Restart(5_000 * MS));
        assert_eq!(budget.crash(patient, 1999, 1999, false), Verdict::Restart(5_000 * MS + 1_248_750_000));
    }

    #[test]
    fn a_limit_of_none_gives_up_immediately() {
        let none = Limit { intensity: 0, period: Duration::from_secs(1) };
        assert_eq!(Budget::default().crash(none, 0, 5, true), Verdict::GiveUp);
    }

    #[test]
    fn three_hangs_in_a_row_without_progress_are_too_many_whatever_happens_between() {
        let mut budget = Budget::default();
        let mut hang = |achieved| budget.hang(achieved);
        assert_eq!([hang(7), hang(7), hang(8), hang(8)], [false; 4]);
        assert!(!budget.hang(9));
        budget.crash(LIMIT, 0, 1, false);
        assert!(!budget.hang(9));
        assert!(budget.hang(9));
    }
}
