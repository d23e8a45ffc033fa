//! How a side waits at its doorbell: it asks for a moment, then sleeps.
//!
//! Waking a sleeper takes 20 to 50 µs on another core, of either side; a hand-over between two that are awake a tenth of a
//! microsecond. So it pays to ask for a while, where the peer is about to act; and it is wasted where it is
//! not, which is the rule while a film plays (a frame is due in 16 ms or more), and always where both share one core. A
//! side therefore keeps an account: asking in vain makes it stop, and then it only tries again now and then.

use super::doorbell::Doorbell;
use super::ownership::Side;
use super::region::Channel;
use super::wake::Wake;
use crate::error::Result;
use crate::time::{Deadline, mono_ns};

/// What is spent on asking by default: as long as one side may wait for the other while both work on a frame of 1080p as fast as they
/// can. On a machine that took 230 µs to copy one and 130 to read it, asking for 50 µs was in vain, and a sleep for each frame
/// took a tenth of the rate: the waker's part of a wake-up alone is 30 µs there.
const DEFAULT_NS: u64 = 200_000;
/// Vain attempts in a row after which a side sleeps at once.
const GIVE_UP: u32 = 3;
/// Waits that sleep at once before the next attempt: at first, and at most. At 60 frames a second the most is one attempt
/// in 17 seconds.
const FIRST_REST: u32 = 16;
const LONGEST_REST: u32 = 1024;
/// Tries between two looks at the clock.
const TRIES: u32 = 16;

/// When and how long to ask before sleeping.
#[derive(Debug, Clone)]
pub struct Spin {
    limit_ns: u64,
    adaptive: bool,
    vain: u32,
    rest: u32,
    resting: u32,
}

impl Default for Spin {
    /// Adaptive, and not at all where this process has one processor only.
    fn default() -> Self {
        let alone = std::thread::available_parallelism().is_ok_and(|n| n.get() == 1);
        Self { adaptive: true, ..Self::for_ns(if alone { 0 } else { DEFAULT_NS }) }
    }
}

impl Spin {
    /// Asks for `ns` each time before it sleeps, whatever comes of it. 0: sleeps at once.
    pub const fn for_ns(ns: u64) -> Self {
        Self { limit_ns: ns, adaptive: false, vain: 0, rest: FIRST_REST, resting: 0 }
    }

    /// Waits as `side` until what it waits for is `there`, somebody rings, or `deadline`.
    pub(super) fn wait<D: Doorbell>(
        &mut self,
        channel: &Channel<D>,
        side: Side,
        there: impl Fn() -> bool,
        deadline: Deadline,
    ) -> Result<Wake> {
        let bell = channel.bell(side);
        if bell.try_wait() {
            return Ok(Wake::Call);
        }
        if deadline == Deadline::NOW {
            return Ok(Wake::Deadline);
        }
        match self.asked(bell, &there, deadline) {
            Some(wake) => Ok(wake),
            None => channel.sleep(side, there, deadline),
        }
    }

    /// Asks, if that is likely to help.
    fn asked<D: Doorbell>(&mut self, bell: &D, there: impl Fn() -> bool, deadline: Deadline) -> Option<Wake> {
        if !self.begins() {
            return None;
        }
        // What comes within the first tries costs no look at the clock.
        let mut until = None;
        loop {
            for _ in 0..TRIES {
                if there() {
                    self.ended(true);
                    return Some(Wake::Change);
                }
                crate::sync::spin_loop();
            }
            // Not for a slot: that is no reason to ask more often.
            if bell.try_wait() {
                return Some(Wake::Call);
            }
            let now = mono_ns();
            if now >= *until.get_or_insert((now + self.limit_ns).min(deadline.ns())) {
                self.ended(false);
                return None;
            }
        }
    }

    /// Whether to ask this time.
    fn begins(&mut self) -> bool {
        // A model checker explores every order as it is; asking again and again has no end there.
        if self.limit_ns == 0 || cfg!(loom) {
            return false;
        }
        if self.resting > 0 {
            self.resting -= 1;
        }
        self.resting == 0
    }

    /// Keeps account.
    fn ended(&mut self, well: bool) {
        if !self.adaptive {
            return;
        }
        if well {
            (self.vain, self.rest) = (0, FIRST_REST);
            return;
        }
        self.vain += 1;
        if self.vain >= GIVE_UP {
            self.resting = self.rest;
            self.rest = (self.rest * 2).min(LONGEST_REST);
            // One attempt after the rest, not three.
            self.vain = GIVE_UP - 1;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn attempts(spin: &mut Spin, waits: u32, well: bool) -> u32 {
        let mut count = 0;
        for _ in 0..waits {
            if spin.begins() {
                count += 1;
                spin.ended(well);
            }
        }
        count
    }

    #[test]
    fn vain_asking_all_but_stops_and_comes_back_when_it_helps() {
        let mut spin = Spin { adaptive: true, ..Spin::for_ns(DEFAULT_NS) };
        assert_eq!(attempts(&mut spin, 1000, true), 1000);
        let film = attempts(&mut spin, 10_000, false);
        assert!(film < 24, "{film} attempts in 10,000 waits");
        assert!(attempts(&mut spin, 5_000, true) > 3_900);
    }

    #[test]
    fn a_fixed_time_is_kept_and_none_is_none() {
        assert_eq!(attempts(&mut Spin::for_ns(1000), 100, false), 100);
        assert_eq!(attempts(&mut Spin::for_ns(0), 100, true), 0);
    }

    #[test]
    fn what_comes_while_asking_is_seen_without_sleeping() {
        use std::cell::Cell;
        struct Bell(bool);
        impl Doorbell for Bell {
            fn post(&self) {}
            fn try_wait(&self) -> bool {
                self.0
            }
            fn wait(&self, _: Deadline) -> Result<bool> {
                unreachable!("nobody sleeps here")
            }
        }
        let deadline = Deadline::after(std::time::Duration::from_secs(60));
        let asked = Cell::new(0);
        // There at the tenth question.
        let there = || asked.replace(asked.get() + 1) == 9;
        assert_eq!(Spin::for_ns(1_000_000_000).asked(&Bell(false), there, deadline), Some(Wake::Change));
        assert_eq!(Spin::for_ns(1_000_000_000).asked(&Bell(true), || false, deadline), Some(Wake::Call));
        assert_eq!(Spin::for_ns(1000).asked(&Bell(false), || false, deadline), None);
        assert_eq!(Spin::for_ns(0).asked(&Bell(true), || true, deadline), None);
    }
}
