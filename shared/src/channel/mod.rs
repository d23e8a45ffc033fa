//! The channel: three slots in shared memory, a few words that say who may use which, and two doorbells.
//!
//! *The words are the truth; the semaphore is a doorbell.* Each word has one writer, who only ever raises it: the producer says
//! which frames are complete, the consumer how many are done with. A side that finds no slot sleeps on its semaphore. A token too
//! many is a spurious wake-up; a token too few is impossible, since a side that changes a word posts for one that has said that it
//! sleeps ([`wake`]), and [`recover()`] posts for the dead.
//!
//! A process that dies leaves nothing to repair: a half-written frame is not published, a half-read one is not released.
//!
//! Read in this order: [`ownership`] (who may use a slot, pure), [`layout`] (the bytes), [`spec`] and [`region`] (made and opened),
//! `memory.rs` (the bytes of a frame, [`Payload`]), `steps.rs` (each store and load, with its ordering), [`producer`], [`consumer`], [`tap`], [`doorbell`], [`wake`], [`spin`],
//! [`mod@recover`]; then what the proofs hold on to: [`probe`] and [`bug`].

pub mod bug;
#[allow(unsafe_code)]
mod changing;
pub mod consumer;
#[allow(unsafe_code)]
pub mod copy;
pub mod doorbell;
pub mod layout;
pub mod look;
mod memory;
pub mod name;
pub mod ownership;
pub mod probe;
pub mod producer;
pub mod recover;
pub mod region;
pub mod spec;
pub mod spin;
mod steps;
pub mod tap;
pub mod wake;

pub use consumer::{Consumer, ReadSlot};
pub use doorbell::Doorbell;
pub use look::Look;
pub use memory::Payload;
pub use name::{MOST_NAME, Name};
pub use ownership::Side;
pub use producer::{Producer, WriteSlot};
pub use recover::{discard, held_by_consumer, recover};
pub use region::{Channel, Region};
pub use spec::{Barriers, Mode, Spec};
pub use spin::Spin;
#[cfg(not(loom))]
pub use tap::{Tap, Tapped};

/// What came of waiting for a slot. These are all that can come of it: a new one would need an answer from every program, so the
/// compiler is to ask for it.
#[derive(Debug)]
pub enum Acquired<S> {
    /// A slot, ours until it is given back.
    Slot(S),
    /// The doorbell was posted, but not for a slot: the supervisor wants our attention, or a post was left over. Also before a deadline
    /// that is over. Whoever has nothing else to look at asks again.
    Woken,
    /// The deadline passed.
    TimedOut,
    /// The producer has said that the stream ends here. It may go on later, after a seek.
    End,
    /// This region ends here and the stream goes on in the one of this generation.
    Successor(u64),
}

/// Counts what a side saw of its doorbells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DoorbellStats {
    /// Wake-ups without a slot.
    pub spurious: u64,
    /// Slots that were there although the wait had timed out: the post came late, or never.
    pub late: u64,
}
