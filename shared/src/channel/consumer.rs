//! The reading side: acquire a frame, use it in place, release it.

use super::bug::{Bug, seeded};
use super::doorbell::Doorbell;
use super::ownership::{MailWord, Side, consumed, slot_of};
use super::probe::{Step, hit};
use super::region::{Channel, Mode, Region};
use super::spin::Spin;
use super::wake::Wake;
use super::{Acquired, DoorbellStats};
use crate::error::Result;
use crate::meta::{Checked, Meta};
use crate::sync::Ordering::Relaxed;
use crate::sys::semaphore::Semaphore;
use crate::time::Deadline;

mod slot;

pub use slot::ReadSlot;

/// The one consumer of a channel, whose frames are described by `M`.
#[derive(Debug)]
pub struct Consumer<M, D: Doorbell = Semaphore> {
    channel: Channel<D>,
    /// FIFO: the next frame, counted within this region.
    next: u64,
    /// The frame that was acquired last: its slot, its number, whether it was released already.
    slot: usize,
    number: u64,
    already_done: bool,
    /// Mailbox: the front slot may hold a frame that was taken, by us or a predecessor, and not released.
    front_unfinished: bool,
    /// Somebody posted although this side had set no flag, and `acquire` has not said so yet, since it had a slot to return. Such
    /// a post is for something other than a slot: the end of the stream, or a wish of the parent's.
    called: bool,
    checked: Checked<M>,
    spin: Spin,
    stats: DoorbellStats,
}

/// What a look into a mailbox came to.
enum Latest {
    /// A new frame, in hand.
    Held,
    /// There is no new one.
    Absent,
    /// The front slot has one that was not read yet, or the word is invalid.
    Unread,
}

impl<M: Meta, D: Doorbell> Consumer<M, D> {
    /// Takes up consumption where the words say that a predecessor left it, or at the start: a frame that the predecessor had
    /// not released is delivered again.
    ///
    /// Errors: [`crate::Error::Claimed`] while there is another consumer, also one that died and was not recovered yet;
    /// [`crate::Error::Layout`] where the region was made for another meta; [`crate::Error::Corrupt`] for invalid words.
    pub fn attach(region: &Region<D>) -> Result<Self> {
        let channel = region.attach(Side::Consumer, M::KIND)?;
        let next = match channel.mode() {
            Mode::Fifo => {
                let (seqs, released) = channel.fifo_words();
                let raw = |i| seqs.get(i).copied().unwrap_or(released);
                let next =
                    consumed(seqs, released).map_err(|i| channel.corrupt("seq of a slot, or released,", raw(i)))?;
                let taken = channel.words().consumer.taken.0.load(Relaxed);
                if seeded(Bug::TakenIsReleased) { next.max(taken) } else { next }
            }
            Mode::Mailbox => 0,
        };
        let front_unfinished = channel.mode() == Mode::Mailbox && !seeded(Bug::SkipsFront);
        let (spin, stats, checked) = (Spin::default(), DoorbellStats::default(), Checked::default());
        Ok(Self {
            channel,
            next,
            slot: 0,
            number: 0,
            already_done: false,
            front_unfinished,
            called: false,
            checked,
            spin,
            stats,
        })
    }

    /// The channel it reads from.
    pub fn channel(&self) -> &Channel<D> {
        &self.channel
    }

    /// How it spins before it sleeps.
    pub fn set_spin(&mut self, spin: Spin) {
        self.spin = spin;
    }

    /// The number of the frame that it waits for, across generations (FIFO; a mailbox's consumer takes what there is).
    pub fn next_seq(&self) -> u64 {
        self.channel.base() + self.next
    }

    /// How often it waited at its semaphore, and how these waits ended.
    pub fn stats(&self) -> DoorbellStats {
        self.stats
    }

    /// The next frame (FIFO) or the latest (mailbox); waits for one until `deadline`.
    ///
    /// Errors: [`crate::Error::Corrupt`] for an invalid word or meta.
    ///
    /// ```
    /// # use tricine_channel::channel::{Acquired, Consumer, Name, Producer, Region, Spec};
    /// # use tricine_channel::{meta::Len, time::Deadline};
    /// # use std::time::Duration;
    /// # fn main() -> tricine_channel::Result<()> {
    /// # let name = Name::new(format!("doc.{}.acquire", std::process::id()), 0);
    /// # let region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
    /// # let mut producer = Producer::<Len>::attach(&region)?;
    /// # let Acquired::Slot(mut slot) = producer.acquire(Deadline::NOW)? else { panic!() };
    /// # slot.payload()[0] = 7;
    /// # slot.publish(Len(1))?;
    /// # let mut consumer = Consumer::<Len>::attach(&region)?;
    /// match consumer.acquire(Deadline::after(Duration::from_secs(1)))? {
    ///     Acquired::Slot(frame) => {
    ///         assert_eq!(frame.seq(), 0);
    ///         assert_eq!(frame.payload(), [7]);
    ///         frame.release();
    ///     }
    ///     Acquired::Woken => println!("somebody wants our attention"),
    ///     Acquired::TimedOut => println!("no frame within a second"),
    ///     Acquired::End => println!("no frame will follow"),
    ///     Acquired::Successor(generation) => println!("go on in {}", name.generation(generation)),
    /// }
    /// # name.unlink()
    /// # }
    /// ```
    #[inline]
    pub fn acquire(&mut self, deadline: Deadline) -> Result<Acquired<ReadSlot<'_, M, D>>> {
        let mut seen = None;
        if self.channel.mode() == Mode::Mailbox {
            match self.latest() {
                Latest::Held => return Ok(Acquired::Slot(ReadSlot::of(self))),
                Latest::Absent => seen = Some(0),
                Latest::Unread => {}
            }
        } else {
            hit(Step::ConsumerWait);
            let slot = slot_of(self.next);
            seen = self.channel.take(self.next);
            if seen.is_none()
                && self.checked.reread(&self.channel.words().producer.slots[slot].meta, self.channel.capacity() as u64)
            {
                hit(Step::MetaRead);
                (self.slot, self.number) = (slot, self.next);
                return Ok(Acquired::Slot(ReadSlot::of(self)));
            }
        }
        self.acquire_otherwise(seen, deadline)
    }

    /// Mailbox: takes the latest frame, if there is a new one.
    #[inline(never)]
    fn latest(&mut self) -> Latest {
        if self.front_unfinished {
            return Latest::Unread;
        }
        hit(Step::ConsumerWait);
        let (slot, number) = match self.channel.take_mail() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Latest::Absent,
            // The word is read once more, and told.
            Err(_) => return Latest::Unread,
        };
        self.front_unfinished = true;
        if !self.checked.reread(&self.channel.words().producer.slots[slot].meta, self.channel.capacity() as u64) {
            return Latest::Unread;
        }
        hit(Step::MetaRead);
        (self.slot, self.number) = (slot, number);
        self.already_done = self.done_already();
        Latest::Held
    }

    /// Mailbox: whether the frame in hand was released before.
    #[inline]
    fn done_already(&self) -> bool {
        // Relaxed: only consumers write it, one after another, and each death lies between two of them. In a FIFO a frame that
        // was released is never delivered again.
        self.number < self.channel.words().consumer.released.0.load(Relaxed)
    }

    /// What is left to do where the next frame is not there, and where it is described in another way than the one before. `seen`:
    /// the `seq` of a FIFO's slot where the next frame is not there; something, where nothing new is in the mailbox.
    #[inline(never)]
    fn acquire_otherwise(&mut self, seen: Option<u64>, deadline: Deadline) -> Result<Acquired<ReadSlot<'_, M, D>>> {
        let mut frame = None;
        if self.channel.mode() == Mode::Mailbox {
            if self.front_unfinished {
                frame = self.front()?;
            }
            if frame.is_none() && seen.is_none() {
                hit(Step::ConsumerWait);
                frame = self.channel.take_mail()?;
            }
        } else {
            match seen {
                None => frame = Some((slot_of(self.next), self.next)),
                Some(seq) => self.channel.check_absent(self.next, seq)?,
            }
        }
        if frame.is_none() {
            let rung = self.await_frame(deadline)?;
            hit(Step::ConsumerWoken);
            frame = self.take()?;
            self.stats.late += u64::from(frame.is_some() && !rung && deadline != Deadline::NOW);
            if frame.is_none() {
                self.called = false;
                self.stats.spurious += u64::from(rung);
                return self.after_last(rung);
            }
        }
        if let Some((slot, number)) = frame {
            // Copied once: what was checked cannot change afterwards.
            let meta = &self.channel.words().producer.slots[slot].meta;
            let capacity = self.channel.capacity() as u64;
            if !self.checked.reread(meta, capacity)
                && let Err((_, raw)) = self.checked.read(meta, capacity)
            {
                return Err(self.channel.corrupt("meta", raw));
            }
            hit(Step::MetaRead);
            (self.slot, self.number) = (slot, number);
        }
        if self.channel.mode() == Mode::Mailbox {
            self.front_unfinished = true;
            self.already_done = self.done_already();
        }
        Ok(Acquired::Slot(ReadSlot::of(self)))
    }

    /// The frame in a mailbox's front slot, if there ever was one.
    #[cold]
    fn front(&mut self) -> Result<Option<(usize, u64)>> {
        self.front_unfinished = false;
        let (_, word) = self.channel.mail()?;
        // Relaxed: mail() has acquired it.
        let seq = self.channel.words().producer.slots[word.front].seq.load(Relaxed);
        if seq > word.seq {
            return Err(self.channel.corrupt("seq of a mailbox's front slot", seq));
        }
        Ok(seq.checked_sub(1).map(|number| (word.front, number)))
    }

    /// Waits until there is a frame, somebody posts, or `deadline`. Whether it was either of the first two.
    pub fn wait(&mut self, deadline: Deadline) -> Result<bool> {
        if seeded(Bug::WaitIsBlind) {
            return Ok(self.channel.sleep(Side::Consumer, || false, deadline)? != Wake::Deadline);
        }
        let rung = self.await_frame(deadline)?;
        self.called = false;
        Ok(rung)
    }

    #[cold]
    fn await_frame(&mut self, deadline: Deadline) -> Result<bool> {
        if self.called {
            return Ok(true);
        }
        let (channel, words, next) = (&self.channel, self.channel.words(), self.next);
        // Relaxed: take() looks again.
        let there = || match channel.mode() {
            Mode::Fifo => words.producer.slots[slot_of(next)].seq.load(Relaxed) == next + 1,
            Mode::Mailbox => MailWord::decode(words.both.mail.0.load(Relaxed)).is_none_or(|word| word.dirty),
        };
        let wake = self.spin.wait(channel, Side::Consumer, there, deadline)?;
        self.called = wake == Wake::Call;
        Ok(wake != Wake::Deadline)
    }

    /// The slot and the number of the frame that was taken, if there was one.
    fn take(&mut self) -> Result<Option<(usize, u64)>> {
        match self.channel.mode() {
            Mode::Fifo => match self.channel.take(self.next) {
                None => Ok(Some((slot_of(self.next), self.next))),
                Some(seq) => self.channel.check_absent(self.next, seq).map(|()| None),
            },
            Mode::Mailbox => self.channel.take_mail(),
        }
    }

    /// There was no frame: has the producer said that there will be none here?
    fn after_last<S>(&mut self, rung: bool) -> Result<Acquired<S>> {
        let successor = self.channel.successor();
        // Relaxed: the end says itself which frames come before it.
        let end = self.channel.words().producer.end.0.load(Relaxed);
        if end == 0 && successor.is_none() {
            return Ok(if rung { Acquired::Woken } else { Acquired::TimedOut });
        }
        // Every frame before the successor is visible now, so look once more whether one came since we looked for it.
        let (position, pending) = match self.channel.mode() {
            Mode::Fifo => {
                let seq = self.channel.words().producer.slots[slot_of(self.next)].seq.load(Relaxed);
                (self.next, seq == self.next + 1)
            }
            Mode::Mailbox => {
                let (_, MailWord { seq, dirty, .. }) = self.channel.mail()?;
                (seq, dirty)
            }
        };
        Ok(match (pending, successor) {
            (false, Some(generation)) => Acquired::Successor(generation),
            (false, None) if end == position + 1 => Acquired::End,
            // A frame came in between: the next look finds it.
            _ => Acquired::Woken,
        })
    }
}
