//! What to do when a role has crashed: pure, so that it can be read and tested without a process.

use std::collections::VecDeque;
use std::time::Duration;

/// The first restart is at once; the next waits this long, and each further one twice as long.
const BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);
/// A role that lived so long was healthy, whatever it did.
const HEALTHY: Duration = Duration::from_secs(10);

/// How many crashes in how long are one too many (Erlang's *intensity* and *period*).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// So many are borne.
    pub(crate) intensity: usize,
    /// In this time.
    pub(crate) period: Duration,
}

/// A role's crashes, as far as they matter.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// When, in ns; not older than the period.
    crashes: VecDeque<u64>,
    /// Crashes since the role was last healthy.
    streak: u32,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start it again, after so long.
    Restart(Duration),
    /// It crashes too often.
    GiveUp,
}

impl History {
    /// A role that started at `started_ns` crashed at `now_ns`. If it has achieved anything in between, or lived long, the
    /// waits begin anew: they are for what dies as soon as it is started. What dies again and again after some work is
    /// bounded by the limit, and a viewer should not wait for it. `jitter`, 0..1, spreads the waits by up to a quarter, so
    /// that two roles that fell together do not rise together for ever.
    pub(crate) fn on_crash(
        &mut self,
        limit: Limit,
        started_ns: u64,
        now_ns: u64,
        achieved: bool,
        jitter: f64,
    ) -> Action {
        let since = now_ns.saturating_sub(limit.period.as_nanos() as u64);
        self.crashes.push_back(now_ns);
        self.crashes.retain(|&at| at > since || at == now_ns);
        if achieved || now_ns.saturating_sub(started_ns) >= HEALTHY.as_nanos() as u64 {
            self.streak = 0;
        }
        self.streak += 1;
        if self.crashes.len() > limit.intensity {
            return Action::GiveUp;
        }
        let wait = match self.streak {
            1 => Duration::ZERO,
            n => BACKOFF.saturating_mul(1 << (n - 2).min(16)).min(LONGEST).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0),
        };
        Action::Restart(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { intensity: 5, period: Duration::from_secs(10) };
    const S: u64 = 1_000_000_000;

    #[test]
    fn the_first_restart_is_at_once_and_the_waits_double_up_to_the_limit() {
        let mut h = History::default();
        let waits: Vec<Action> = (0..6).map(|i| h.on_crash(LIMIT, i * S, i * S + 1, false, 0.0)).collect();
        let ms = |n| Action::Restart(Duration::from_millis(n));
        assert_eq!(waits, [ms(0), ms(100), ms(200), ms(400), ms(800), Action::GiveUp]);
    }

    #[test]
    fn old_crashes_are_forgotten_and_a_healthy_life_resets_the_wait() {
        let mut h = History::default();
        for i in 0..50 {
            let started = i * 11 * S;
            assert_eq!(
                h.on_crash(LIMIT, started, started + 10 * S, false, 0.5),
                Action::Restart(Duration::ZERO),
                "{i}"
            );
        }
    }

    #[test]
    fn a_role_that_achieved_something_is_restarted_at_once_until_the_limit() {
        let mut h = History::default();
        let all: Vec<Action> = (0..6).map(|i| h.on_crash(LIMIT, i * S, i * S + 1, true, 0.5)).collect();
        let at_once = Action::Restart(Duration::ZERO);
        assert_eq!(all, [at_once, at_once, at_once, at_once, at_once, Action::GiveUp]);
    }

    #[test]
    fn waits_end_at_five_seconds_and_jitter_adds_a_quarter_at_most() {
        let mut h = History::default();
        let patient = Limit { intensity: 1000, period: Duration::from_secs(3600) };
        let last = (0..40).map(|i| h.on_crash(patient, i, i, false, 1.0)).last();
        assert_eq!(last, Some(Action::Restart(Duration::from_millis(6250))));
    }

    #[test]
    fn a_limit_of_none_gives_up_at_once() {
        let none = Limit { intensity: 0, period: Duration::from_secs(1) };
        assert_eq!(History::default().on_crash(none, 0, 5, true, 0.0), Action::GiveUp);
    }
}
