//! A frame in a consumer's hands.

use super::Consumer;
use crate::channel::doorbell::Doorbell;
use crate::channel::memory::Payload;
use crate::channel::region::Mode;
use crate::meta::Meta;
use crate::sys::semaphore::Semaphore;

/// A frame that is ours to read (invariant I2: no process writes it until it is released). Dropped without `release`, as a panic
/// does, it is given back: that changes no word, and the next acquire delivers it again.
///
/// It borrows its consumer, so a second live slot does not compile:
///
/// ```compile_fail,E0499
/// # use tricine_channel::{channel::{Acquired, Consumer}, meta::Len, time::Deadline};
/// fn two_slots(consumer: &mut Consumer<Len>) {
///     let first = consumer.acquire(Deadline::NOW);
///     let second = consumer.acquire(Deadline::NOW);
///     drop((first, second));
/// }
/// ```
///
/// And its payload cannot outlive the release:
///
/// ```compile_fail,E0505
/// # use tricine_channel::{channel::ReadSlot, meta::Len};
/// fn read_after_release(slot: ReadSlot<'_, Len>) -> Option<u64> {
///     let payload = slot.payload();
///     slot.release();
///     payload.word(0)
/// }
/// ```
///
/// Nor does it become a slice, which would claim that nobody writes it, without the word `unsafe`:
///
/// ```compile_fail,E0133
/// # use tricine_channel::{channel::ReadSlot, meta::Len};
/// fn trusting<'a>(slot: &'a ReadSlot<'_, Len>) -> &'a [u8] {
///     slot.payload().as_slice()
/// }
/// ```
#[derive(Debug)]
pub struct ReadSlot<'a, M, D: Doorbell = Semaphore> {
    consumer: &'a mut Consumer<M, D>,
}

impl<'a, M: Meta, D: Doorbell> ReadSlot<'a, M, D> {
    /// The slot that `consumer` has just taken.
    #[inline]
    pub(super) fn of(consumer: &'a mut Consumer<M, D>) -> Self {
        Self { consumer }
    }

    /// What describes the frame: copied once, checked.
    pub fn meta(&self) -> &M {
        self.consumer.checked.meta()
    }

    /// The frame's number in its stream, across generations, from 0.
    pub fn seq(&self) -> u64 {
        self.consumer.channel.base() + self.consumer.number
    }

    /// Mailbox: whether this frame was released before. A successor is given it again if nothing newer has come; its effect must
    /// not be repeated. In a FIFO always `false`.
    pub fn already_done(&self) -> bool {
        self.consumer.already_done
    }

    /// The payload: exactly the frame's bytes, where they are.
    #[inline]
    pub fn payload(&self) -> Payload<'_> {
        self.consumer.channel.memory().bytes(self.consumer.slot, self.meta().payload_len() as usize)
    }

    /// Whether the payload is the one that [`Meta::seal`] saw.
    #[inline]
    pub fn intact(&self) -> bool {
        self.meta().fits(self.payload())
    }

    /// Says that the frame had its effect, and gives the slot back to the producer.
    ///
    /// ```
    /// # use tricine_channel::channel::{Acquired, Consumer, Name, Producer, Region, Spec};
    /// # use tricine_channel::{meta::Len, time::Deadline};
    /// # fn main() -> tricine_channel::Result<()> {
    /// # let name = Name::new(format!("doc.{}.release", std::process::id()), 0);
    /// # let region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
    /// # let mut producer = Producer::<Len>::attach(&region)?;
    /// # let Acquired::Slot(mut slot) = producer.acquire(Deadline::NOW)? else { panic!() };
    /// # slot.payload()[0] = 7;
    /// # slot.publish(Len(1))?;
    /// # let mut consumer = Consumer::<Len>::attach(&region)?;
    /// // A frame that is dropped is delivered again; one that is released is not.
    /// drop(consumer.acquire(Deadline::NOW)?);
    /// let Acquired::Slot(frame) = consumer.acquire(Deadline::NOW)? else { panic!("no frame") };
    /// frame.release();
    /// assert!(matches!(consumer.acquire(Deadline::NOW)?, Acquired::TimedOut));
    /// # name.unlink()
    /// # }
    /// ```
    #[inline]
    pub fn release(self) {
        let ReadSlot { consumer } = self;
        let number = consumer.number;
        match consumer.channel.mode() {
            Mode::Fifo => {
                consumer.channel.release(number);
                consumer.next = number + 1;
            }
            Mode::Mailbox => {
                consumer.channel.finish_mail(number);
                consumer.front_unfinished = false;
            }
        }
    }
}
