//! The writing side: acquire a slot, fill it, publish it or abandon it.

use super::bug::{Bug, seeded};
use super::doorbell::Doorbell;
use super::memory::as_floats_mut;
use super::ownership::{SLOTS, Side, produced, slot_of};
use super::probe::{Step, hit};
use super::region::{Channel, Mode, Region};
use super::spin::Spin;
use super::wake::Wake;
use super::{Acquired, DoorbellStats};
use crate::error::{Error, Result};
use crate::meta::{Checked, META_WORDS, Meta};
use crate::sync::Ordering::Relaxed;
use crate::sys::semaphore::Semaphore;
use crate::time::Deadline;

/// The one producer of a channel, whose frames are described by `M`.
#[derive(Debug)]
pub struct Producer<M, D: Doorbell = Semaphore> {
    channel: Channel<D>,
    /// The next frame, counted within this region.
    next: u64,
    /// What was last seen of `released`: it only grows, so there is no need to look while this says that a slot is free.
    released: u64,
    /// The slot that was acquired last.
    slot: usize,
    overwrote: u64,
    /// Somebody posted although this side had set no flag, and `acquire` has not said so yet, since it had a slot to return. Such
    /// a post is for something other than a slot: the end of the stream, or a wish of the parent's.
    called: bool,
    checked: Checked<M>,
    spin: Spin,
    stats: DoorbellStats,
}

impl<M: Meta, D: Doorbell> Producer<M, D> {
    /// Takes up production where the words say that a predecessor left it, or at the start.
    ///
    /// Errors: [`Error::Claimed`] while there is another producer, also one that died and was not recovered yet;
    /// [`Error::Layout`] where the region was made for another meta; [`Error::Corrupt`] for invalid words.
    ///
    /// ```
    /// # use tricine_channel::channel::{Name, Producer, Region, Spec};
    /// # use tricine_channel::meta::Len;
    /// # fn main() -> tricine_channel::Result<()> {
    /// # let name = Name::new(format!("doc.{}.attach", std::process::id()), 0);
    /// # let region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
    /// let producer = Producer::<Len>::attach(&region)?;
    /// assert!(Producer::<Len>::attach(&region).is_err(), "there is one already");
    /// // Its place is free once it is gone. After a crash it is recovery that frees it.
    /// drop(producer);
    /// let producer = Producer::<Len>::attach(&region)?;
    /// # name.unlink()
    /// # }
    /// ```
    ///
    /// The side is no argument that could be the wrong one, and what another side has mapped is no region:
    ///
    /// ```compile_fail,E0308
    /// # use tricine_channel::{channel::{Consumer, Producer}, meta::Len};
    /// fn write_through(consumer: &Consumer<Len>) {
    ///     let producer = Producer::<Len>::attach(consumer.channel());
    /// }
    /// ```
    pub fn attach(region: &Region<D>) -> Result<Self> {
        let channel = region.attach(Side::Producer, M::KIND)?;
        let (next, released) = match channel.mode() {
            Mode::Fifo => {
                let released = channel.released();
                // Relaxed: a predecessor's words are final: its death comes before our start.
                let seqs = channel.words().producer.slots.each_ref().map(|s| s.seq.load(Relaxed));
                let raw = |i| seqs.get(i).copied().unwrap_or(released);
                (
                    produced(seqs, released).map_err(|i| channel.corrupt("seq of a slot, or released,", raw(i)))?,
                    released,
                )
            }
            Mode::Mailbox => (channel.mail()?.1.seq, 0),
        };
        let (spin, stats, checked) = (Spin::default(), DoorbellStats::default(), Checked::default());
        Ok(Self { channel, next, released, slot: 0, overwrote: 0, called: false, checked, spin, stats })
    }

    /// The channel it writes to.
    pub fn channel(&self) -> &Channel<D> {
        &self.channel
    }

    /// How it spins before it sleeps.
    pub fn set_spin(&mut self, spin: Spin) {
        self.spin = spin;
    }

    /// The number that the next frame will have, across generations.
    pub fn next_seq(&self) -> u64 {
        self.channel.base() + self.next
    }

    /// Mailbox: how many frames this producer overwrote before the consumer had taken them.
    pub fn overwrote(&self) -> u64 {
        self.overwrote
    }

    /// How often it waited at its semaphore, and how these waits ended.
    pub fn stats(&self) -> DoorbellStats {
        self.stats
    }

    /// The meta of the newest frame that was published in this region, by this producer or a predecessor; `None` if
    /// there is none. It lies in its slot until the next frame but two is begun there.
    pub fn last_published(&self) -> Result<Option<M>> {
        let Some(last) = self.next.checked_sub(1) else { return Ok(None) };
        let slot = match self.channel.mode() {
            Mode::Fifo => slot_of(last),
            // The newest frame is in the middle while nobody has taken it, else in the front.
            Mode::Mailbox => {
                let (_, word) = self.channel.mail()?;
                if word.dirty && !seeded(Bug::LastInFront) { word.middle } else { word.front }
            }
        };
        let words = self.channel.words().producer.slots[slot].meta.load();
        let meta = M::decode(&words, self.channel.capacity() as u64);
        meta.map(Some).map_err(|i| self.channel.corrupt("meta", words[i.min(META_WORDS - 1)]))
    }

    /// The next slot. FIFO: waits until the consumer has released it, or `deadline`. Mailbox: immediately.
    ///
    /// Errors: [`Error::Corrupt`] for an invalid word.
    #[inline]
    pub fn acquire(&mut self, deadline: Deadline) -> Result<Acquired<WriteSlot<'_, M, D>>> {
        if self.channel.mode() == Mode::Fifo {
            hit(Step::ProducerWait);
            if self.next.wrapping_sub(self.released) < SLOTS as u64 || self.look() {
                return Ok(Acquired::Slot(self.begin(slot_of(self.next))));
            }
        } else if let Some(back) = self.channel.back() {
            return Ok(Acquired::Slot(self.begin(back)));
        }
        self.acquire_otherwise(deadline)
    }

    /// What is left to do where no slot is free, or a word is invalid.
    #[cold]
    fn acquire_otherwise(&mut self, deadline: Deadline) -> Result<Acquired<WriteSlot<'_, M, D>>> {
        if self.channel.mode() == Mode::Mailbox {
            let back = self.channel.mail()?.1.back;
            return Ok(Acquired::Slot(self.begin(back)));
        }
        self.check()?;
        let rung = self.wait(deadline)?;
        hit(Step::ProducerWoken);
        if !self.look() {
            self.check()?;
            self.called = false;
            self.stats.spurious += u64::from(rung);
            return Ok(if rung { Acquired::Woken } else { Acquired::TimedOut });
        }
        self.stats.late += u64::from(!rung && deadline != Deadline::NOW);
        Ok(Acquired::Slot(self.begin(slot_of(self.next))))
    }

    /// Says that the next frame is being written into `slot`.
    #[inline]
    fn begin(&mut self, slot: usize) -> WriteSlot<'_, M, D> {
        self.slot = slot;
        self.channel.begin(self.next, slot);
        WriteSlot { producer: self }
    }

    /// Waits until the next slot is free, somebody posts, or `deadline`. Whether it was either of the first two.
    #[cold]
    fn wait(&mut self, deadline: Deadline) -> Result<bool> {
        if self.called {
            return Ok(true);
        }
        let (channel, next) = (&self.channel, self.next);
        let released = &channel.words().consumer.released.0;
        // Relaxed: may_write() looks again.
        let free = || next < released.load(Relaxed).saturating_add(SLOTS as u64);
        let wake = self.spin.wait(channel, Side::Producer, free, deadline)?;
        self.called = wake == Wake::Call;
        Ok(wake != Wake::Deadline)
    }

    /// Looks how many frames the consumer is done with; whether the next slot is free.
    #[inline]
    fn look(&mut self) -> bool {
        self.released = self.channel.released();
        // Also false for a number that cannot be, since that is too large then: see check().
        self.next.wrapping_sub(self.released) < SLOTS as u64
    }

    /// Whether what was seen last can be.
    fn check(&mut self) -> Result<()> {
        if self.next.wrapping_sub(self.released) != SLOTS as u64 {
            return Err(self.channel.corrupt("released, to the producer,", self.released));
        }
        Ok(())
    }

    /// Says that the stream ends after what was published. May be said again, and taken back by [`Producer::reopen`].
    pub fn finish(&self) {
        self.channel.say_end(self.next);
    }

    /// Whether the stream was said to end here.
    pub fn finished(&self) -> bool {
        self.channel.words().producer.end.0.load(Relaxed) == self.next + 1
    }

    /// Takes the end back, before more is published after a seek.
    pub fn reopen(&self) {
        self.channel.words().producer.end.0.store(0, Relaxed);
    }

    /// Says that the stream goes on in the region of `generation`; nothing more is published here.
    ///
    /// Errors: [`Error::Generation`] if that is not a later one than this.
    pub fn retire(self, generation: u64) -> Result<()> {
        if generation <= self.channel.name().generation || generation == u64::MAX {
            return Err(Error::Generation { object: self.channel.name().to_string(), generation });
        }
        self.channel.say_successor(generation);
        Ok(())
    }

    /// The generation in which a predecessor said that the stream goes on, if one did: it died before it had let go of this region.
    /// What is published here then reaches nobody.
    pub fn successor(&self) -> Option<u64> {
        self.channel.successor()
    }
}

/// A slot that is ours to fill (invariant I1: no other process writes it until it is published or abandoned, and no
/// process reads it). Dropped without `publish`, it is abandoned: that changes no word, and nobody ever sees its content.
///
/// It borrows its producer, so a second live slot does not compile:
///
/// ```compile_fail,E0499
/// # use tricine_channel::{channel::{Acquired, Producer}, meta::Len, time::Deadline};
/// fn two_slots(producer: &mut Producer<Len>) {
///     let first = producer.acquire(Deadline::NOW);
///     let second = producer.acquire(Deadline::NOW);
///     drop((first, second));
/// }
/// ```
///
/// And it cannot be written after it was published:
///
/// ```compile_fail,E0382
/// # use tricine_channel::{channel::WriteSlot, meta::Len};
/// fn write_after_publish(mut slot: WriteSlot<'_, Len>) {
///     slot.publish(Len(1)).unwrap();
///     slot.payload()[0] = 1;
/// }
/// ```
///
/// Nor can what was kept of it:
///
/// ```compile_fail,E0505
/// # use tricine_channel::{channel::WriteSlot, meta::Len};
/// fn keep_the_payload(mut slot: WriteSlot<'_, Len>) {
///     let payload = slot.payload();
///     slot.publish(Len(1)).unwrap();
///     payload[0] = 1;
/// }
/// ```
#[derive(Debug)]
pub struct WriteSlot<'a, M, D: Doorbell = Semaphore> {
    producer: &'a mut Producer<M, D>,
}

impl<M: Meta, D: Doorbell> WriteSlot<'_, M, D> {
    /// The number that the frame will have, across generations.
    pub fn seq(&self) -> u64 {
        self.producer.next_seq()
    }

    /// The payload, of the slot's whole capacity. It still holds the bytes that were written there last.
    #[inline]
    pub fn payload(&mut self) -> &mut [u8] {
        self.producer.channel.memory_mut().bytes_mut(self.producer.slot)
    }

    /// The payload as 32-bit floats.
    #[inline]
    pub fn floats(&mut self) -> &mut [f32] {
        as_floats_mut(self.payload())
    }

    /// Makes the frame visible, with what [`Meta::seal`] makes of `meta`, and wakes a consumer that sleeps. Returns the
    /// frame's number across generations.
    ///
    /// Errors: `meta` names more bytes than the slot has, or no consumer would accept it. Nothing is published then.
    ///
    /// ```
    /// # use tricine_channel::channel::{Acquired, Name, Producer, Region, Spec};
    /// # use tricine_channel::{meta::Len, time::Deadline};
    /// # fn main() -> tricine_channel::Result<()> {
    /// # let name = Name::new(format!("doc.{}.publish", std::process::id()), 0);
    /// # let region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
    /// # let mut producer = Producer::<Len>::attach(&region)?;
    /// let Acquired::Slot(mut slot) = producer.acquire(Deadline::NOW)? else { panic!("all slots are full") };
    /// slot.payload()[..3].copy_from_slice(b"one");
    /// assert_eq!(slot.publish(Len(3))?, 0, "it is the first frame");
    /// # name.unlink()
    /// # }
    /// ```
    #[inline]
    pub fn publish(mut self, mut meta: M) -> Result<u64> {
        hit(Step::PayloadWritten);
        let capacity = self.producer.channel.capacity() as u64;
        let len = meta.payload_len();
        if len > capacity {
            return Err(Error::TooLarge { len, capacity });
        }
        let seq = self.producer.next_seq();
        meta.seal(seq, &self.payload()[..len as usize]);
        let words = match self.producer.checked.check(&meta, capacity) {
            Ok(words) => words,
            Err((word, raw)) => return Err(Error::Meta { word, raw }),
        };
        let WriteSlot { producer } = self;
        let slot = producer.slot;
        match producer.channel.mode() {
            Mode::Fifo => producer.channel.publish(producer.next, slot, words),
            Mode::Mailbox => {
                producer.overwrote += u64::from(producer.channel.post_mail(producer.next, slot, words)?);
            }
        }
        producer.next += 1;
        Ok(seq)
    }
}
