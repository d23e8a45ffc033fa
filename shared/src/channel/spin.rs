//! How a side waits at its doorbell: it asks for a moment, then sleeps.
//!
//! Waking a sleeper takes 20 to 50 µs on another core, of either side; a hand-over between two that are awake a tenth of a
//! microsecond. So it pays to ask for a while, where the peer is about to act. It is wasted where the peer is
//! not, which is the rule where frames are due every few milliseconds. A side therefore keeps an account: asking in vain makes it
//! stop, and then it only tries again now and then.
//!
//! Where both sides may run on one processor only, the same, the peer cannot act while we ask: then a side sleeps at once. Each
//! says on its page what it is confined to (`confined` in [`super::layout`]), so this costs no system call. Two sides that only
//! happen to run on the same processor are left to the account: as long as one of them asks, the scheduler has a reason to
//! part them.

use super::doorbell::Doorbell;
use super::ownership::Side;
use super::region::Channel;
use super::wake::Wake;
use crate::error::Result;
use crate::sys::processor;
use crate::time::{Deadline, mono_ns};

/// What is spent on asking by default: as long as one side may wait for the other while both work on a frame of 3 MB as fast as they
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
    /// Adaptive, and not at all where this process and its like have the time of one processor only, although they may run on
    /// several: it would be the peer's time.
    fn default() -> Self {
        let rationed = std::thread::available_parallelism().is_ok_and(|n| n.get() == 1) && processor::only().is_none();
        Self { adaptive: true, ..Self::for_ns(if rationed { 0 } else { DEFAULT_NS }) }
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
        // A time that somebody has set is kept, whatever comes of it.
        if self.adaptive && channel.share_one() {
            return channel.sleep(side, there, deadline);
        }
        if let Some(wake) = self.asked(bell, &there, deadline) {
            return Ok(wake);
        }
        if self.vain == GIVE_UP {
            // It may have been confined since it attached.
            channel.say_confined(side);
        }
        channel.sleep(side, there, deadline)
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
    use crate::sync::Ordering::Relaxed;

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
        let vain = attempts(&mut spin, 10_000, false);
        assert!(vain < 24, "{vain} attempts in 10,000 waits");
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

    /// A consumer whose wait is answered at the third question, with these words of where each side may run: whether it asked so
    /// long, rather than to sleep after the first.
    fn asks([producer, consumer]: [u64; 2], spin: Spin) -> bool {
        let bell = Scripted::new(0, NEVER);
        let spec = Spec { barriers: Barriers::Both, ..Spec::fifo::<Len>(8) };
        let region = Region::unnamed(&Name::new("spin", 0), &spec, bell.clone(), bell.clone()).unwrap();
        let channel = region.attach(Side::Consumer, Len::KIND).unwrap();
        region.words().producer.confined.0.store(producer, Relaxed);
        channel.words().consumer.confined.0.store(consumer, Relaxed);
        let asked = Cell::new(0);
        let there = || asked.replace(asked.get() + 1) == 2;
        let mut spin = spin;
        spin.wait(&channel, Side::Consumer, there, Deadline::after(HOUR)).unwrap();
        // The last look before sleeping is a question, too.
        assert_eq!(bell.slept.borrow().len(), usize::from(asked.get() == 1));
        asked.get() == 3
    }

    #[test]
    fn sides_that_can_only_be_on_one_processor_sleep_at_once_and_no_others() {
        let adaptive = || Spin { adaptive: true, ..FOR_AN_HOUR };
        for (confined, wanted) in [
            ([1, 1], false),
            ([8, 8], false),
            ([1, 2], true),
            ([2, 1], true),
            // One of them may go elsewhere, or says nothing.
            ([0, 1], true),
            ([1, 0], true),
            ([0, 0], true),
        ] {
            assert_eq!(asks(confined, adaptive()), wanted, "{confined:?}");
            assert!(asks(confined, FOR_AN_HOUR), "a time that was set is kept");
        }
    }

    #[test]
    fn a_side_says_what_it_is_confined_to() {
        std::thread::spawn(|| {
            let mut set = nix::sched::CpuSet::new();
            set.set(0).unwrap();
            nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set).unwrap();
            let bell = || Scripted::new(0, NEVER);
            let region = Region::unnamed(&Name::new("spin", 0), &Spec::fifo::<Len>(8), bell(), bell()).unwrap();
            for side in [Side::Producer, Side::Consumer] {
                assert!(!region.share_one());
                std::mem::forget(region.attach(side, Len::KIND).unwrap());
            }
            assert!(region.share_one());
        })
        .join()
        .unwrap();
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
