//! The reading side: acquire a frame, use it in place, release it.

use super::bug::{Bug, order, seeded};
use super::doorbell::Doorbell;
use super::memory::as_samples;
use super::ownership::{MailWord, SLOTS, Side, SlotWord, State, consumer_next, fifo_words};
use super::probe::{Step, dead, hit};
use super::producer::mail;
use super::region::{Channel, Mode};
use super::spin::Spin;
use super::wake::Wake;
use super::{Acquired, DoorbellStats};
use crate::error::Result;
use crate::frame::{Checked, Format, FrameMeta, checksum};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sys::semaphore::Semaphore;
use crate::time::Deadline;

/// The one consumer of a channel.
#[derive(Debug)]
pub struct Consumer<D: Doorbell = Semaphore> {
    channel: Channel<D>,
    /// FIFO: the next frame, counted within this region.
    next: u64,
    /// Mailbox: the front slot may hold a frame that a predecessor took and never finished.
    front_unseen: bool,
    /// Somebody rang unasked, and acquire() has not said so yet: it had a slot to give. What is rung for (the end of the
    /// stream, a wish of the supervisor's) is then not for the slot.
    called: bool,
    checked: Checked,
    spin: Spin,
    stats: DoorbellStats,
}

impl<D: Doorbell> Consumer<D> {
    /// Takes up consumption where the words say that a predecessor left it, or at the start. The supervisor has
    /// recovered the channel before, if that predecessor died.
    pub fn new(channel: Channel<D>) -> Result<Self> {
        let next = match channel.mode() {
            Mode::Fifo => {
                // Relaxed: as in Producer::new.
                let raw = channel.words().slots.each_ref().map(|s| s.word.load(Relaxed));
                let words = fifo_words(raw).map_err(|i| channel.corrupt("slot word", raw[i]))?;
                consumer_next(&words)
            }
            Mode::Mailbox => 0,
        };
        let front_unseen = channel.mode() == Mode::Mailbox && !seeded(Bug::SkipsFront);
        let (spin, stats, checked) = (Spin::default(), DoorbellStats::default(), Checked::default());
        Ok(Self { channel, next, front_unseen, called: false, checked, spin, stats })
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

    /// What it saw of its doorbell.
    pub fn stats(&self) -> DoorbellStats {
        self.stats
    }

    /// Claims the next frame (FIFO) or the latest (mailbox); waits for one until `deadline`.
    ///
    /// Errors: [`crate::Error::Corrupt`] where a word or a meta cannot be.
    #[inline]
    pub fn acquire(&mut self, deadline: Deadline) -> Result<Acquired<ReadSlot<'_, D>>> {
        if std::mem::take(&mut self.front_unseen) {
            let (_, word) = mail(&self.channel)?;
            // A slot that no frame was ever in has no valid meta, which is no error here.
            let (meta, base) = (self.channel.words().slots[word.front].meta.load(), self.channel.base());
            let number = self.checked.decode(meta, self.channel.capacity() as u64).map(|m| m.seq.wrapping_sub(base));
            if let Ok(number) = number
                && number < word.seq
            {
                return Ok(Acquired::Slot(self.slot(word.front, number)));
            }
        }
        hit(Step::ConsumerWait);
        let (slot, number) = match self.claim()? {
            Some(frame) => frame,
            None => {
                let rung = self.await_frame(deadline)?;
                hit(Step::ConsumerWoken);
                let Some(frame) = self.claim()? else {
                    self.called = false;
                    self.stats.spurious += u64::from(rung);
                    return self.after_last(rung);
                };
                self.stats.late += u64::from(!rung && deadline != Deadline::NOW);
                frame
            }
        };
        hit(Step::ConsumerClaimed);
        // Copied once: what was checked cannot change afterwards.
        let words = self.channel.words().slots[slot].meta.load();
        let capacity = self.channel.capacity() as u64;
        let seq = self.checked.decode(words, capacity).map_err(|i| self.channel.corrupt("meta", words[i]))?.seq;
        if seq != self.channel.base() + number {
            return Err(self.channel.corrupt("meta seq", seq));
        }
        hit(Step::MetaRead);
        Ok(Acquired::Slot(self.slot(slot, number)))
    }

    /// Frame `number` in `slot`, whose meta was checked last.
    fn slot(&mut self, slot: usize, number: u64) -> ReadSlot<'_, D> {
        // Relaxed: only consumers write it, one after another, and each death lies between two of them.
        let already_done = number < self.channel.words().done.0.load(Relaxed);
        ReadSlot { consumer: self, slot, number, already_done }
    }

    /// Waits until there is a frame to claim, somebody rings, or `deadline`. Whether it was either of the first two.
    pub fn wait(&mut self, deadline: Deadline) -> Result<bool> {
        let rung = self.await_frame(deadline)?;
        self.called = false;
        Ok(rung)
    }

    #[cold]
    fn await_frame(&mut self, deadline: Deadline) -> Result<bool> {
        if self.called {
            return Ok(true);
        }
        let (channel, words) = (&self.channel, self.channel.words());
        let (slot, ready) = (SlotWord::slot(self.next), SlotWord::new(self.next, State::Ready).encode());
        // Relaxed: claim() looks again.
        let there = || match channel.mode() {
            Mode::Fifo => words.slots[slot].word.load(Relaxed) == ready,
            Mode::Mailbox => MailWord::decode(words.mail.0.load(Relaxed)).is_none_or(|word| word.dirty),
        };
        let wake = self.spin.wait(channel, Side::Consumer, there, deadline)?;
        self.called = wake == Wake::Call;
        Ok(wake != Wake::Deadline)
    }

    /// READY → READING, or the mailbox's swap; the slot and the number of its frame, if there was something to claim.
    #[inline]
    fn claim(&mut self) -> Result<Option<(usize, u64)>> {
        match self.channel.mode() {
            Mode::Fifo => {
                let n = self.next;
                let slot = SlotWord::slot(n);
                let word = &self.channel.words().slots[slot].word;
                // Acquire: pairs with the Release in publish(): payload and meta are there.
                let raw = word.load(order(Bug::RelaxedConsumerClaim, Acquire));
                if raw != SlotWord::new(n, State::Ready).encode() {
                    return match SlotWord::decode(raw) {
                        SlotWord { seq, state: State::Free | State::Writing } if seq == n => Ok(None),
                        _ => Err(self.channel.corrupt("slot word, to the consumer,", raw)),
                    };
                }
                // A store is enough: a word that is READY is the consumer's to change, and nobody else's (invariant I9).
                // Relaxed: to the producer, READING says no more than READY.
                word.store(SlotWord::new(n, State::Reading).encode(), Relaxed);
                if seeded(Bug::ReleaseBeforeRead) {
                    self.free(slot);
                }
                Ok(Some((slot, n)))
            }
            Mode::Mailbox => loop {
                let (raw, word) = mail(&self.channel)?;
                let Some(taken) = word.take() else { return Ok(None) };
                // The newest frame is in the middle as long as it is dirty.
                let Some(number) = word.seq.checked_sub(1) else {
                    return Err(self.channel.corrupt("mailbox word, to the consumer,", raw));
                };
                // Release: hands our old front back, after all that we read from it, to the producer's next mail().
                let release = order(Bug::RelaxedMailTake, Release);
                if self.channel.words().mail.0.compare_exchange(raw, taken.encode(), release, Relaxed).is_ok() {
                    return Ok(Some((taken.front, number)));
                }
            },
        }
    }

    /// READING → FREE for the next frame that lives in this slot, and the producer's doorbell.
    fn free(&self, slot: usize) {
        let free = SlotWord::new(self.next + SLOTS as u64, State::Free).encode();
        if seeded(Bug::BellBeforeFree) {
            self.channel.announce(Side::Producer);
        }
        // Release: our reads come before the producer's next writes; pairs with the Acquire of its claim.
        self.channel.words().slots[slot].word.store(free, order(Bug::RelaxedFree, Release));
        hit(Step::Released);
        if !seeded(Bug::BellBeforeFree) {
            self.channel.announce(Side::Producer);
        }
        hit(Step::EmptyRung);
    }

    /// There was no frame: has the producer said that there will be none here?
    fn after_last<S>(&mut self, rung: bool) -> Result<Acquired<S>> {
        let words = self.channel.words();
        // Acquire: pairs with the Release in retire(); every frame before it is then visible, so look once more whether
        // one came between our claim and this load. Relaxed: the end says itself which frames come before it.
        let successor = words.successor.0.load(order(Bug::RelaxedSuccessor, Acquire));
        let end = words.end.0.load(Relaxed);
        if end == 0 && successor == 0 {
            return Ok(if rung { Acquired::Woken } else { Acquired::TimedOut });
        }
        let (position, pending) = match self.channel.mode() {
            Mode::Fifo => {
                let raw = words.slots[SlotWord::slot(self.next)].word.load(Relaxed);
                (self.next, raw == SlotWord::new(self.next, State::Ready).encode())
            }
            Mode::Mailbox => {
                let (_, MailWord { seq, dirty, .. }) = mail(&self.channel)?;
                (seq, dirty)
            }
        };
        Ok(match (pending, successor.checked_sub(1)) {
            (false, Some(generation)) => Acquired::Successor(generation),
            (false, None) if end == position + 1 => Acquired::End,
            // A frame came in between: the next claim finds it.
            _ => Acquired::Woken,
        })
    }
}

/// A frame that is ours to read (invariant I2: no process writes it until it is released). Dropped without `release`,
/// as a panic does, it is READY again: the next acquire delivers it again.
///
/// It borrows its consumer, so a second live slot does not compile:
///
/// ```compile_fail,E0499
/// # use tricine_shared::{channel::{Acquired, Consumer}, time::Deadline};
/// fn two_slots(consumer: &mut Consumer) {
///     let first = consumer.acquire(Deadline::NOW);
///     let second = consumer.acquire(Deadline::NOW);
///     drop((first, second));
/// }
/// ```
///
/// And its payload cannot outlive the release:
///
/// ```compile_fail,E0505
/// # use tricine_shared::channel::ReadSlot;
/// fn read_after_release(slot: ReadSlot<'_>) -> u8 {
///     let payload = slot.payload();
///     slot.release();
///     payload[0]
/// }
/// ```
#[derive(Debug)]
pub struct ReadSlot<'a, D: Doorbell = Semaphore> {
    consumer: &'a mut Consumer<D>,
    slot: usize,
    number: u64,
    already_done: bool,
}

impl<D: Doorbell> ReadSlot<'_, D> {
    /// What describes the frame: copied once, checked.
    pub fn meta(&self) -> &FrameMeta {
        self.consumer.checked.meta()
    }

    /// Whether a predecessor recorded this frame as done and died before it could release it: its effect must not be
    /// repeated.
    pub fn already_done(&self) -> bool {
        self.already_done
    }

    /// The payload: exactly the frame's bytes.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        self.consumer.channel.bytes(self.slot, self.meta().len as usize)
    }

    /// The payload as samples of sound.
    #[inline]
    pub fn samples(&self) -> &[f32] {
        as_samples(self.payload())
    }

    /// Whether the payload's sampled checksum is the one that it was published with; true where there is none.
    #[inline]
    pub fn intact(&self) -> bool {
        self.meta().format == Format::Bytes || checksum(self.payload()) == self.meta().checksum
    }

    /// Records the frame as done and gives the slot back to the producer.
    #[inline]
    pub fn release(self) {
        let channel = &self.consumer.channel;
        // Relaxed: see Consumer::slot. In front of the release, so that a frame may be recorded as done and delivered
        // again (a successor sees `already_done`), but never released and forgotten.
        let done = self.number + u64::from(!seeded(Bug::DoneOffByOne));
        channel.words().done.0.store(done, Relaxed);
        hit(Step::DoneRecorded);
        if channel.mode() == Mode::Fifo {
            self.consumer.free(self.slot);
            self.consumer.next += 1;
        }
        std::mem::forget(self);
    }
}

impl<D: Doorbell> Drop for ReadSlot<'_, D> {
    fn drop(&mut self) {
        let channel = &self.consumer.channel;
        if dead() {
            return;
        }
        if channel.mode() == Mode::Fifo {
            // Relaxed: the next to claim it is this process or one that starts after it; both come after the producer.
            let ready = SlotWord::new(self.consumer.next, State::Ready).encode();
            channel.words().slots[self.slot].word.store(ready, Relaxed);
            hit(Step::GivenBack);
        } else {
            self.consumer.front_unseen = true;
        }
    }
}
