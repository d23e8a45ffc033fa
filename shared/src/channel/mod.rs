//! The channel: three slots in shared memory, an ownership word for each, and two doorbells.
//!
//! *Ownership is a word; the semaphore is a doorbell.* A side claims its slot by its word alone, and sleeps on its
//! semaphore where it cannot. A token too many is a spurious wake-up; a token too few cannot be, since who changes a word
//! rings for who has said that it sleeps ([`wake`]), and [`recover()`] rings for the dead.
//!
//! Read in this order: [`ownership`] (the pure transitions), [`layout`] (the bytes), [`region`] (attaching),
//! [`doorbell`], [`wake`], [`spin`], [`producer`], [`consumer`], [`mod@recover`]; then what the proofs hold on to: [`probe`] and [`bug`].

pub mod bug;
pub mod consumer;
pub mod doorbell;
pub mod layout;
mod memory;
pub mod ownership;
pub mod probe;
pub mod producer;
pub mod recover;
pub mod region;
pub mod spin;
pub mod wake;

pub use consumer::{Consumer, ReadSlot};
pub use doorbell::Doorbell;
pub use ownership::Side;
pub use producer::{Producer, WriteSlot};
pub use recover::{discard, held_by_consumer, recover};
pub use region::{Barriers, Channel, ChannelName, Kind, Mode, Region, Spec};
pub use spin::Spin;

/// What came of waiting for a slot.
#[derive(Debug)]
pub enum Acquired<S> {
    /// A slot, ours until it is given back.
    Slot(S),
    /// The doorbell rang, but not for a slot: the supervisor wants our attention.
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
pub struct DoorbellStats {
    /// Wake-ups without a slot.
    pub spurious: u64,
    /// Slots that were there although the wait had timed out: the bell came late, or never.
    pub late: u64,
}
