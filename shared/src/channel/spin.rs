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
    use std::cell::{Cell, RefCell};
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::channel::{Barriers, Name, Region, Spec};
    use crate::meta::{Len, Meta};

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

    /// A bell that rings when it is told to and remembers who asked it.
    #[derive(Debug)]
    struct Scripted {
        /// At which try there is a token, from 1; 0: at none.
        rings_at: u32,
        /// After this moment come two tries at most: the one before asking, and one before the look at the clock.
        until: Deadline,
        tries: Cell<u32>,
        tries_too_late: Cell<u32>,
        /// Until when somebody slept, each time.
        slept: RefCell<Vec<Deadline>>,
    }

    impl Scripted {
        fn new(rings_at: u32, until: Deadline) -> Arc<Self> {
            let (tries, tries_too_late, slept) = Default::default();
            #[expect(
                clippy::arc_with_non_send_sync,
                reason = "a doorbell is shared by Arc; this one stays on its thread"
            )]
            Arc::new(Self { rings_at, until, tries, tries_too_late, slept })
        }
    }

    impl Doorbell for Scripted {
        fn post(&self) {}

        fn try_wait(&self) -> bool {
            self.tries.set(self.tries.get() + 1);
            assert!(self.rings_at == 0 || self.tries.get() <= self.rings_at, "the ring was heard and forgotten");
            if self.until.passed() {
                self.tries_too_late.set(self.tries_too_late.get() + 1);
                assert!(self.tries_too_late.get() <= 2, "somebody asks on after the deadline");
            }
            self.tries.get() == self.rings_at
        }

        fn wait(&self, deadline: Deadline) -> Result<bool> {
            self.slept.borrow_mut().push(deadline);
            Ok(false)
        }
    }

    /// What a consumer's wait came to.
    fn wait(mut spin: Spin, bell: &Arc<Scripted>, there: impl Fn() -> bool, deadline: Deadline) -> Wake {
        let spec = Spec { barriers: Barriers::Both, ..Spec::fifo::<Len>(8) };
        let region = Region::unnamed(&Name::new("spin", 0), &spec, bell.clone(), bell.clone()).unwrap();
        let channel = region.attach(Side::Consumer, Len::KIND).unwrap();
        spin.wait(&channel, Side::Consumer, there, deadline).unwrap()
    }

    /// Longer than any test runs.
    const HOUR: Duration = Duration::from_secs(3600);
    const FOR_AN_HOUR: Spin = Spin::for_ns(3_600_000_000_000);
    const LONG_AGO: Deadline = Deadline::at_ns(1);
    const NEVER: Deadline = Deadline::at_ns(u64::MAX);

    #[test]
    fn what_comes_while_asking_is_seen_without_sleeping() {
        let bell = Scripted::new(0, NEVER);
        let asked = Cell::new(0);
        // There at the hundredth question, some tries of the bell later.
        let there = || asked.replace(asked.get() + 1) == 99;
        assert_eq!(wait(FOR_AN_HOUR, &bell, there, Deadline::after(HOUR)), Wake::Change);
        assert!(bell.tries.get() > 1 && bell.slept.borrow().is_empty());
    }

    #[test]
    fn a_ring_that_is_heard_while_asking_ends_the_wait() {
        // The first try is before asking.
        for rings_at in 1..=4 {
            let bell = Scripted::new(rings_at, NEVER);
            assert_eq!(wait(FOR_AN_HOUR, &bell, || false, Deadline::after(HOUR)), Wake::Call);
            assert_eq!(bell.tries.get(), rings_at);
            assert!(bell.slept.borrow().is_empty());
        }
    }

    #[test]
    fn asking_ends_at_the_caller_s_deadline_if_that_comes_first() {
        for deadline in [Deadline::after(Duration::from_micros(300)), Deadline::after(Duration::from_micros(1))] {
            let bell = Scripted::new(0, deadline);
            assert_eq!(wait(FOR_AN_HOUR, &bell, || false, deadline), Wake::Deadline);
            // The sleep that follows is over at once, by the same deadline.
            assert_eq!(*bell.slept.borrow(), [deadline]);
        }
        // It has passed already: one try before asking, and none after the first questions.
        let bell = Scripted::new(0, NEVER);
        assert_eq!(wait(FOR_AN_HOUR, &bell, || false, LONG_AGO), Wake::Deadline);
        assert_eq!((bell.tries.get(), bell.slept.take()), (2, vec![LONG_AGO]));
    }

    #[test]
    fn who_has_asked_for_its_time_sleeps_until_the_caller_s_deadline() {
        let deadline = Deadline::after(HOUR);
        for limit_ns in [0, 1, 1000] {
            let bell = Scripted::new(0, NEVER);
            assert_eq!(wait(Spin::for_ns(limit_ns), &bell, || false, deadline), Wake::Deadline);
            assert_eq!(*bell.slept.borrow(), [deadline]);
            assert!(limit_ns > 0 || bell.tries.get() == 1, "no time, no question");
        }
    }

    #[test]
    fn who_does_not_wait_asks_nothing() {
        let bell = Scripted::new(0, NEVER);
        let asked = Cell::new(false);
        let there = || asked.replace(true);
        assert_eq!(wait(FOR_AN_HOUR, &bell, there, Deadline::NOW), Wake::Deadline);
        assert_eq!((bell.tries.get(), bell.slept.borrow().len(), asked.get()), (1, 0, false));
    }
}
