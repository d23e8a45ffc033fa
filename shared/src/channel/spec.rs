//! What a region is to be like.

use crate::meta::Meta;

/// What happens when the producer is faster than the consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It waits: every frame arrives, in order.
    Fifo = 0,
    /// It overwrites: the latest frame wins.
    Mailbox = 1,
}

/// Who executes the barriers between a change and the look for a sleeper ([`super::wake`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barriers {
    /// Both sides, with a fence each at every hand-over. For channels whose sides sleep before nearly every frame, as at 60
    /// frames per second.
    Both,
    /// The side that is about to sleep, which has the kernel execute both by `membarrier`. For channels whose frames follow each
    /// other closely. A kernel without that call gets fences.
    Sleeper,
}

/// What a new region is to be like. Start from [`Spec::fifo`] or [`Spec::mailbox`] and change what differs
/// (`Spec { base: 7, ..Spec::fifo::<Len>(4096) }`): fields may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// What happens when the producer is faster than the consumer.
    pub mode: Mode,
    /// Bytes of payload that a slot takes.
    pub capacity: u64,
    /// What its frames' meta means: [`Meta::KIND`].
    pub kind: u64,
    /// Frames published in the generations before.
    pub base: u64,
    /// Two words from the creator to both sides. The channel does not look at them.
    pub notes: [u64; 2],
    /// Who executes the barriers.
    pub barriers: Barriers,
}

impl Spec {
    /// A FIFO of frames of up to `capacity` bytes, described by `M`.
    pub const fn fifo<M: Meta>(capacity: u64) -> Self {
        Self { mode: Mode::Fifo, capacity, kind: M::KIND, base: 0, notes: [0; 2], barriers: Barriers::Sleeper }
    }

    /// As [`Spec::fifo`], a mailbox.
    ///
    /// ```
    /// # use tricine_channel::channel::{Acquired, Consumer, Name, Producer, Region, Spec};
    /// # use tricine_channel::{meta::Len, time::Deadline};
    /// # fn main() -> tricine_channel::Result<()> {
    /// # let name = Name::new(format!("doc.{}.mailbox", std::process::id()), 0);
    /// let region = Region::create(&name, &Spec::mailbox::<Len>(4096))?;
    /// let mut producer = Producer::<Len>::attach(&region)?;
    /// for number in 0..5 {
    ///     let Acquired::Slot(mut slot) = producer.acquire(Deadline::NOW)? else { unreachable!("a mailbox always has a slot") };
    ///     slot.payload()[0] = number;
    ///     slot.publish(Len(1))?;
    /// }
    /// assert_eq!(producer.overwrote(), 4);
    /// let mut consumer = Consumer::<Len>::attach(&region)?;
    /// let Acquired::Slot(frame) = consumer.acquire(Deadline::NOW)? else { panic!("no frame") };
    /// assert_eq!(frame.payload(), [4], "the latest one wins");
    /// frame.release();
    /// # name.unlink()
    /// # }
    /// ```
    pub const fn mailbox<M: Meta>(capacity: u64) -> Self {
        Self { mode: Mode::Mailbox, ..Self::fifo::<M>(capacity) }
    }
}
