//! Named protocol steps. Tests and traces all call a step by these names.

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident,)*) => {
        /// A step of the protocol, hit just after it was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        #[non_exhaustive]
        pub enum Step {
            $($(#[$doc])* $step,)*
        }

        impl Step {
            /// All of them, the producer's first, then the consumer's, then recovery's, each in the order of the protocol.
            pub const ALL: &[Self] = &[$(Self::$step),*];
        }
    };
}

steps! {
    /// The producer is about to look for a free slot.
    ProducerWait,
    /// The producer, which has none, said that it is about to sleep.
    ProducerDozes,
    /// The producer, which had to wait, does so no longer.
    ProducerWoken,
    /// The producer has a slot, and says which frame it has begun.
    ProducerClaimed,
    /// The payload is filled; nothing else of the frame is written.
    PayloadWritten,
    /// The meta is written; the payload was before.
    MetaWritten,
    /// The frame is visible: its `seq` is stored (or the mailbox's swap is done).
    Published,
    /// The producer has seen that the consumer sleeps, and owes it a ring.
    FilledOwed,
    /// The producer rang `filled`, since the consumer slept.
    FilledRung,
    /// The producer said that the stream ends here.
    EndSaid,
    /// The producer named the region in which the stream goes on.
    SuccessorSaid,
    /// The producer rang `filled` after either.
    EndRung,
    /// The consumer is about to look for a frame.
    ConsumerWait,
    /// The consumer, which has none, said that it is about to sleep.
    ConsumerDozes,
    /// The consumer, which had to wait, does so no longer.
    ConsumerWoken,
    /// The consumer has a frame, and says which one it has begun to read (or the mailbox's swap is done).
    ConsumerClaimed,
    /// The consumer has copied and checked the meta.
    MetaRead,
    /// The frame is done with, and its slot the producer's again.
    Released,
    /// The consumer has seen that the producer sleeps, and owes it a ring.
    EmptyOwed,
    /// The consumer rang `empty`, since the producer slept.
    EmptyRung,
    /// Recovery rang the dead side's doorbell.
    OwnRung,
    /// Recovery rang both doorbells.
    RecoveryRung,
}

impl Step {
    /// Whether it is the producer's.
    pub const fn of_producer(self) -> bool {
        (self as u32) < Self::ConsumerWait as u32
    }

    /// Whether it is the consumer's.
    pub const fn of_consumer(self) -> bool {
        !self.of_producer() && (self as u32) < Self::OwnRung as u32
    }
}

#[cfg(not(any(loom, feature = "probe")))]
mod hook {
    use super::Step;

    /// Marks a step. Nothing at all unless the crate is built with the feature `probe`.
    #[inline(always)]
    pub const fn hit(_: Step) {}

    /// Whether this thread acts as dead.
    #[inline(always)]
    pub(in crate::channel) const fn dead() -> bool {
        false
    }
}

#[cfg(any(loom, feature = "probe"))]
mod hook {
    use std::cell::Cell;
    use std::sync::OnceLock;

    use super::Step;

    static HOOK: OnceLock<fn(Step)> = OnceLock::new();

    thread_local! {
        static DEAD: Cell<bool> = const { Cell::new(false) };
    }

    /// Marks a step.
    #[inline]
    pub fn hit(step: Step) {
        if let Some(hook) = HOOK.get() {
            hook(step);
        }
    }

    /// Installs the function that every step calls, once a process. Whether it was the first.
    pub fn install(hook: fn(Step)) -> bool {
        HOOK.set(hook).is_ok()
    }

    /// What a death is to a process, for a thread that acts as one: from here on it does nothing to the channel, not even
    /// give back the slot that it holds. To be called from a hook and ended by [`catch_death`].
    pub fn die() -> ! {
        DEAD.set(true);
        std::panic::resume_unwind(Box::new(Died));
    }

    /// Acts as a process: what `run` returned, or `None` if it died of [`die`]. Any other panic goes on.
    pub fn catch_death<T>(run: impl FnOnce() -> T) -> Option<T> {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        DEAD.set(false);
        match ended {
            Ok(value) => Some(value),
            Err(panic) if panic.is::<Died>() => None,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Whether this thread acts as dead.
    pub(in crate::channel) fn dead() -> bool {
        DEAD.get()
    }

    struct Died;
}

pub(super) use hook::dead;
pub use hook::hit;
#[cfg(any(loom, feature = "probe"))]
pub use hook::{catch_death, die, install};
