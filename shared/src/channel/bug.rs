//! Bugs to be built in on purpose, so that each proof can show that it would see them. Only with the feature
//! `seeded-bugs` (or under loom), and only if one was chosen; else every question below is a constant and nothing of it
//! is left in the machine code.
//!
//! One is chosen by `seed`, or for a whole process by `TRICINE_SEEDED_BUG=no-second-look` and the like.

use crate::sync::Ordering;

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident = $name:literal,)*) => {
        /// A way to get the channel wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Bug {
            $($(#[$doc])* $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),*];

            /// Whether it shows only where stores and loads of different words may pass each other: a weaker ordering, or a
            /// barrier that is missing. That is loom's to see; Spin's memory is sequentially consistent, x86-64 orders more
            /// strongly than any ordering here asks, and a single step leaves no store waiting.
            pub fn of_ordering(self) -> bool {
                self.name().starts_with("relaxed-") || self.name().starts_with("no-barrier-")
            }

            /// Its name, for command lines and tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$bug => $name,)*
                }
            }
        }
    };
}

bugs! {
    /// Recovery rings for nobody: a ring that the dead side owed stays unpaid.
    NoPostAfterDeath = "no-post-after-death",
    /// A frame is published before its meta is written.
    ReadyBeforeMeta = "ready-before-meta",
    /// A frame is published as soon as its slot is acquired, before there is a payload.
    ReadyBeforePayload = "ready-before-payload",
    /// `filled` rings before the frame is published.
    BellBeforeReady = "bell-before-ready",
    /// `empty` rings before the slot is released.
    BellBeforeFree = "bell-before-free",
    /// A slot is released as soon as the consumer has acquired it, before it was read.
    ReleaseBeforeRead = "release-before-read",
    /// A side that has said that it is about to sleep does not look again before it does.
    NoSecondLook = "no-second-look",
    /// A side that posts for a sleeper takes back the sleeper's word only afterwards.
    TakesBackAfterRing = "takes-back-after-ring",
    /// A new consumer goes on behind the frame that its predecessor had begun to read.
    TakenIsReleased = "taken-is-released",
    /// A consumer says that it has begun to read a frame before it looks whether that is there.
    TakenBeforeThere = "taken-before-there",
    /// The producer may fill a slot one frame before it was released.
    OneSlotTooMany = "one-slot-too-many",
    /// A mailbox's frame that was finished is recorded as not finished: its effect is repeated if it is delivered again.
    DoneOffByOne = "done-off-by-one",
    /// A new producer starts one frame too late.
    ProducerNextOffByOne = "producer-next-off-by-one",
    /// A new consumer starts one frame too late, as if what its predecessor held were done.
    ConsumerNextOffByOne = "consumer-next-off-by-one",
    /// A mailbox rings only when it overwrote a frame, and not when it has a new one.
    BellWhenDirty = "bell-when-dirty",
    /// A mailbox's new consumer does not present the frame in `front`.
    SkipsFront = "skips-front",
    /// A poisoned frame takes the next one with it.
    DiscardsTooMuch = "discards-too-much",
    /// A frame is discarded that the dead consumer did not hold.
    DiscardsAnyFrame = "discards-any-frame",
    /// `Consumer::wait` does not see a frame that is there already, and sleeps.
    WaitIsBlind = "wait-is-blind",
    /// A mailbox's newest frame is looked for in `front`, also while nobody has taken it.
    LastInFront = "last-in-front",
    /// No barrier between saying that one sleeps and looking again.
    NoBarrierBeforeSleep = "no-barrier-before-sleep",
    /// No barrier between the change of a word and looking whether somebody sleeps.
    NoBarrierBeforeRing = "no-barrier-before-ring",
    /// Relaxed where a frame is published with Release.
    RelaxedPublish = "relaxed-publish",
    /// Relaxed where the consumer looks for a frame with Acquire.
    RelaxedPublished = "relaxed-published",
    /// Relaxed where a frame is released with Release.
    RelaxedRelease = "relaxed-release",
    /// Relaxed where the producer looks for a free slot with Acquire.
    RelaxedReleased = "relaxed-released",
    /// Relaxed where a side is claimed with Acquire.
    RelaxedClaim = "relaxed-claim",
    /// Relaxed where a side that ends gives its claim back with Release.
    RelaxedUnclaim = "relaxed-unclaim",
    /// Relaxed where recovery gives a dead side's claim back with Release.
    RelaxedRecover = "relaxed-recover",
    /// Relaxed where the supervisor's look at the words loads `released` first, with Acquire.
    RelaxedCheck = "relaxed-check",
    /// Relaxed where that look loads each slot's `seq` with Acquire.
    RelaxedWords = "relaxed-words",
    /// Relaxed where a poisoned frame's slot is given to the producer with Release.
    RelaxedDiscard = "relaxed-discard",
    /// Relaxed where the producer names the next region with Release.
    RelaxedRetire = "relaxed-retire",
    /// Relaxed where the consumer looks for the next region with Acquire.
    RelaxedSuccessor = "relaxed-successor",
    /// Relaxed where the mailbox's word is loaded with Acquire.
    RelaxedMailLoad = "relaxed-mail-load",
    /// Relaxed where a mailbox's producer swaps with Release.
    RelaxedMailPublish = "relaxed-mail-publish",
    /// Relaxed where a mailbox's consumer swaps with Release.
    RelaxedMailTake = "relaxed-mail-take",
    /// No fence between saying that a frame is begun and writing it: a tap keeps what is half-written.
    RelaxedBegun = "relaxed-begun",
    /// No fence between a tap's copy and its look whether the copy is whole.
    RelaxedTap = "relaxed-tap",
    /// Relaxed where a tap of a FIFO looks for the newest frame with Acquire.
    RelaxedTapSeq = "relaxed-tap-seq",
    /// Relaxed where a tap of a mailbox does.
    RelaxedTapMail = "relaxed-tap-mail",
    /// Relaxed where a register's version is stored with Release.
    RelaxedRegisterStore = "relaxed-register-store",
    /// Relaxed where a register's version is loaded with Acquire.
    RelaxedRegisterLoad = "relaxed-register-load",
    /// No fence before a register's copy is written.
    RelaxedRegisterWriteFence = "relaxed-register-write-fence",
    /// No fence after a register's copy was read.
    RelaxedRegisterReadFence = "relaxed-register-read-fence",
}

/// `order`, or Relaxed if `bug` says so.
#[inline(always)]
pub fn order(bug: Bug, order: Ordering) -> Ordering {
    if seeded(bug) { Ordering::Relaxed } else { order }
}

/// Whether this bug was chosen. Never, without the feature.
#[cfg(not(any(loom, feature = "seeded-bugs")))]
#[inline(always)]
pub const fn seeded(_: Bug) -> bool {
    false
}

#[cfg(any(loom, feature = "seeded-bugs"))]
pub use chosen::{ENV, by_name, seed, seeded};

#[cfg(any(loom, feature = "seeded-bugs"))]
mod chosen {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::Bug;

    /// The environment variable that chooses one by name.
    pub const ENV: &str = "TRICINE_SEEDED_BUG";

    const UNASKED: u32 = u32::MAX;
    const NONE: u32 = u32::MAX - 1;
    static CHOSEN: AtomicU32 = AtomicU32::new(UNASKED);

    /// Whether this bug was chosen.
    #[inline]
    pub fn seeded(bug: Bug) -> bool {
        let chosen = match CHOSEN.load(Relaxed) {
            UNASKED => from_env(),
            chosen => chosen,
        };
        chosen == bug as u32
    }

    /// Chooses a bug for this process from now on, or none.
    pub fn seed(bug: Option<Bug>) {
        CHOSEN.store(bug.map_or(NONE, |b| b as u32), Relaxed);
    }

    /// The bug of this name.
    pub fn by_name(name: &str) -> Option<Bug> {
        Bug::ALL.iter().copied().find(|b| b.name() == name)
    }

    /// What the environment chooses, asked once. A name that is none ends the process: a proof that ran without the bug
    /// it was asked for would look as if it had missed it.
    #[cold]
    fn from_env() -> u32 {
        match std::env::var(ENV) {
            Ok(name) if by_name(&name).is_none() => {
                eprintln!("{ENV}={name}: no such bug");
                std::process::exit(2);
            }
            name => seed(name.ok().and_then(|n| by_name(&n))),
        }
        CHOSEN.load(Relaxed)
    }
}
