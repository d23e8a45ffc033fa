//! Sleeping and waking: a side that is about to sleep says so, and a side that changes a word posts only for one that has.
//!
//! | the side that waits | the side that changes a word |
//! |---|---|
//! | sets its flag (1) | changes the word |
//! | full barrier | full barrier |
//! | checks the word again, and sleeps only if there is nothing | checks the other's flag; if it is set, takes it back (0) and posts |
//!
//! Invariant I4: of the two checks at least one sees the other side's store, since a barrier lies before each; so nobody sleeps
//! through a change. A change while nobody sleeps costs no token, no locked instruction, and no system call; not even a
//! fence, where the side that is about to sleep has the kernel execute both barriers ([`crate::sys::membarrier`]).
//!
//! A post is owed from the change on, and the flag is taken back before the post is paid, so that it is paid once. A process that
//! dies in between leaves somebody asleep: [`super::recover()`] posts for the dead. It need not know whether a post was owed,
//! since a token too many is a spurious wake-up. A token that is left over (a side set its flag, and then saw that it need not
//! sleep) ends one later sleep too soon.

use super::bug::{Bug, seeded};
use super::doorbell::Doorbell;
use super::ownership::Side;
use super::probe::{Step, hit};
use super::region::Channel;
use crate::error::{Error, Result};
use crate::sync::Ordering::{Relaxed, SeqCst};
use crate::sync::{AtomicU64, compiler_fence, fence};
use crate::sys::{membarrier, processor};
use crate::time::Deadline;

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// What was waited for, or somebody who changed something.
    Change,
    /// Somebody who rang unasked: there may be more to look at than slots.
    Call,
    /// Its deadline.
    Deadline,
}

impl<D> Channel<D> {
    /// The doorbell at which `side` listens.
    pub fn bell(&self, side: Side) -> &D {
        match side {
            Side::Producer => &self.bells.empty,
            Side::Consumer => &self.bells.filled,
        }
    }

    /// 1 while `side` sleeps at its doorbell or is about to. Only 0 or not 0 matters, whatever a peer writes there.
    fn asleep(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Producer => &self.words().both.producer_asleep.0,
            Side::Consumer => &self.words().both.consumer_asleep.0,
        }
    }
}

impl<D> Channel<D> {
    /// 1 + the processor that `side` may run on, if that is one only; else 0. A hint to the other side, see [`super::spin`].
    fn confined(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Producer => &self.words().producer.confined.0,
            Side::Consumer => &self.words().consumer.confined.0,
        }
    }

    /// Says it of our `side`.
    pub(super) fn say_confined(&self, side: Side) {
        // Relaxed, here and below: it says nothing of a slot.
        self.confined(side).store(processor::only().map_or(0, |cpu| cpu + 1), Relaxed);
    }

    /// Whether both sides may run on one processor only, the same.
    pub(super) fn share_one(&self) -> bool {
        let [one, other] = [Side::Producer, Side::Consumer].map(|side| self.confined(side).load(Relaxed));
        one != 0 && one == other
    }
}

impl<D: Doorbell> Channel<D> {
    /// Rings for `side` unasked: it looks up, and finds what is wanted of it.
    pub fn ring(&self, side: Side) {
        self.bell(side).post();
    }

    /// After a change that `side` may be waiting for: rings, if it has said that it sleeps.
    #[inline]
    pub(super) fn announce(&self, side: Side) {
        if seeded(Bug::NoBarrierBeforeRing) {
        } else if self.facts.fenced {
            fence(SeqCst);
        } else {
            // The sleeper's barrier is executed here as well: either before our change, or after our look, or between
            // them; whichever it is, the change is seen there or the word here. It only takes that the two stay in order.
            compiler_fence(SeqCst);
        }
        // Relaxed, here and below: the barriers order these words against the slots', and they say nothing of a slot.
        if self.asleep(side).load(Relaxed) != 0 {
            self.wake(side);
        }
    }

    #[cold]
    fn wake(&self, side: Side) {
        let (owed, rung) = match side {
            Side::Producer => (Step::EmptyOwed, Step::EmptyRung),
            Side::Consumer => (Step::FilledOwed, Step::FilledRung),
        };
        // A swap, since the sleeper takes its word back itself if it finds that it need not sleep: one of us has it.
        if seeded(Bug::TakesBackAfterRing) {
            self.bell(side).post();
            self.asleep(side).store(0, Relaxed);
        } else if self.asleep(side).swap(0, Relaxed) != 0 {
            hit(owed);
            self.bell(side).post();
        }
        hit(rung);
    }

    /// Sleeps until somebody rings for `side`, or `deadline`; not at all if there is something already.
    pub(super) fn sleep(&self, side: Side, there: impl Fn() -> bool, deadline: Deadline) -> Result<Wake> {
        let (asleep, bell) = (self.asleep(side), self.bell(side));
        // A swap and not a store, so that it has its place after the other side's swap of the same word for loom as well.
        asleep.swap(1, Relaxed);
        if seeded(Bug::NoBarrierBeforeSleep) {
        } else if self.facts.fenced {
            fence(SeqCst);
        } else if !membarrier::everywhere() {
            return Err(Error::sys("membarrier", self.name().to_string(), std::io::Error::last_os_error()));
        }
        let dozes = if side == Side::Producer { Step::ProducerDozes } else { Step::ConsumerDozes };
        hit(dozes);
        let there = there() && !seeded(Bug::NoSecondLook);
        let rung = if there { Ok(false) } else { bell.wait(deadline) };
        // If the other side has taken our word back, it rings, or has: that token is ours, and left here it would end the
        // next sleep too soon. Too late for this look, it does that, which is harmless.
        let answered = asleep.swap(0, Relaxed) == 0;
        match rung? {
            true if answered => Ok(Wake::Change),
            true => Ok(Wake::Call),
            false => {
                let _ = answered && bell.try_wait();
                Ok(if there { Wake::Change } else { Wake::Deadline })
            }
        }
    }
}
