//! The writing side: acquire a slot, fill it, publish it or abandon it.

use super::bug::{Bug, order, seeded};
use super::doorbell::Doorbell;
use super::memory::as_samples_mut;
use super::ownership::{MailWord, SLOTS, Side, SlotWord, State, fifo_words, producer_next};
use super::probe::{Step, dead, hit};
use super::region::{Channel, Mode};
use super::spin::Spin;
use super::wake::Wake;
use super::{Acquired, DoorbellStats};
use crate::error::{Error, Result};
use crate::frame::{Checked, Format, FrameMeta, checksum};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::load_to_change;
use crate::sys::semaphore::Semaphore;
use crate::time::{Deadline, mono_ns};

/// The one producer of a channel.
#[derive(Debug)]
pub struct Producer<D: Doorbell = Semaphore> {
    channel: Channel<D>,
    /// The next frame, counted within this region.
    next: u64,
    overwrote: u64,
    /// Somebody rang unasked, and acquire() has not said so yet: it had a slot to give. What is rung for (the end of the
    /// stream, a wish of the supervisor's) is then not for the slot.
    called: bool,
    checked: Checked,
    spin: Spin,
    stats: DoorbellStats,
}

impl<D: Doorbell> Producer<D> {
    /// Takes up production where the words say that a predecessor left it, or at the start. The supervisor has recovered
    /// the channel before, if that predecessor died.
    pub fn new(channel: Channel<D>) -> Result<Self> {
        let next = match channel.mode() {
            Mode::Fifo => {
                // Relaxed: only the position is taken from the words here, and a predecessor's are final: its death comes
                // before our start.
                let raw = channel.words().slots.each_ref().map(|s| s.word.load(Relaxed));
                let words = fifo_words(raw).map_err(|i| channel.corrupt("slot word", raw[i]))?;
                producer_next(&words)
            }
            Mode::Mailbox => mail(&channel)?.1.seq,
        };
        let (spin, stats, checked) = (Spin::default(), DoorbellStats::default(), Checked::default());
        Ok(Self { channel, next, overwrote: 0, called: false, checked, spin, stats })
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

    /// How many frames this producer put in the place of one that nobody had taken (mailbox).
    pub fn overwrote(&self) -> u64 {
        self.overwrote
    }

    /// What it saw of its doorbell.
    pub fn stats(&self) -> DoorbellStats {
        self.stats
    }

    /// The meta of the newest frame that was published in this region, by this producer or a predecessor; `None` if
    /// there is none. It lies in its slot until the next frame but two is claimed there.
    pub fn last_published(&self) -> Result<Option<FrameMeta>> {
        let Some(last) = self.next.checked_sub(1) else { return Ok(None) };
        let slot = match self.channel.mode() {
            Mode::Fifo => SlotWord::slot(last),
            // The newest frame is in the middle while nobody has taken it, else in the front.
            Mode::Mailbox => {
                let (_, word) = mail(&self.channel)?;
                if word.dirty { word.middle } else { word.front }
            }
        };
        let words = self.channel.words().slots[slot].meta.load();
        let meta = FrameMeta::decode(words, self.channel.capacity() as u64);
        meta.map(Some).map_err(|i| self.channel.corrupt("meta", words[i]))
    }

    /// Claims the next slot. FIFO: waits until the consumer has released it, or `deadline`. Mailbox: at once.
    ///
    /// Errors: [`Error::Corrupt`] where a word cannot be.
    #[inline]
    pub fn acquire(&mut self, deadline: Deadline) -> Result<Acquired<WriteSlot<'_, D>>> {
        let slot = match self.channel.mode() {
            Mode::Mailbox => mail(&self.channel)?.1.back,
            Mode::Fifo => {
                hit(Step::ProducerWait);
                if !self.claim()? {
                    let rung = self.wait(deadline)?;
                    hit(Step::ProducerWoken);
                    if !self.claim()? {
                        self.called = false;
                        self.stats.spurious += u64::from(rung);
                        return Ok(if rung { Acquired::Woken } else { Acquired::TimedOut });
                    }
                    self.stats.late += u64::from(!rung && deadline != Deadline::NOW);
                }
                SlotWord::slot(self.next)
            }
        };
        hit(Step::ProducerClaimed);
        Ok(Acquired::Slot(WriteSlot { producer: self, slot }))
    }

    /// Waits until the next slot is FREE, somebody rings, or `deadline`. Whether it was either of the first two.
    #[cold]
    fn wait(&mut self, deadline: Deadline) -> Result<bool> {
        if self.called {
            return Ok(true);
        }
        let (channel, free) = (&self.channel, SlotWord::new(self.next, State::Free).encode());
        let word = &channel.words().slots[SlotWord::slot(self.next)].word;
        // Relaxed: claim() looks again.
        let wake = self.spin.wait(channel, Side::Producer, || word.load(Relaxed) == free, deadline)?;
        self.called = wake == Wake::Call;
        Ok(wake != Wake::Deadline)
    }

    /// FREE → WRITING for the next frame; whether it was FREE.
    #[inline]
    fn claim(&mut self) -> Result<bool> {
        let n = self.next;
        let word = &self.channel.words().slots[SlotWord::slot(n)].word;
        // Acquire: pairs with the consumer's Release in release(), so that our writes come after its reads.
        let raw = word.load(order(Bug::RelaxedProducerClaim, Acquire));
        if raw != SlotWord::new(n, State::Free).encode() {
            return match SlotWord::decode(raw) {
                SlotWord { seq, state: State::Ready | State::Reading } if seq + SLOTS as u64 == n => Ok(false),
                _ => Err(self.channel.corrupt("slot word, to the producer,", raw)),
            };
        }
        // A store is enough: a word that is FREE is the producer's to change, and nobody else's (invariant I9).
        // Relaxed: to the consumer, WRITING says no more than FREE.
        let ours = if seeded(Bug::ReadyBeforePayload) { State::Ready } else { State::Writing };
        word.store(SlotWord::new(n, ours).encode(), Relaxed);
        Ok(true)
    }

    /// Says that the stream ends after what was published. May be said again, and taken back by [`Producer::reopen`].
    pub fn finish(&self) {
        // Relaxed: it is a number of frames, so who sees it knows which frames come before it.
        self.channel.words().end.0.store(self.next + 1, Relaxed);
        hit(Step::EndSaid);
        self.channel.filled.post();
        hit(Step::EndRung);
    }

    /// Whether the stream was said to end here.
    pub fn finished(&self) -> bool {
        self.channel.words().end.0.load(Relaxed) == self.next + 1
    }

    /// Takes the end back, before more is published after a seek.
    pub fn reopen(&self) {
        self.channel.words().end.0.store(0, Relaxed);
    }

    /// Says that the stream goes on in the region of `generation`; nothing more is published here.
    pub fn retire(self, generation: u64) {
        // Release: who sees the successor sees every frame before it; pairs with the Acquire in Consumer::after_last.
        let release = order(Bug::RelaxedRetire, Release);
        self.channel.words().successor.0.store(generation + 1, release);
        hit(Step::SuccessorSaid);
        self.channel.filled.post();
        hit(Step::EndRung);
    }
}

/// A slot that is ours to fill (invariant I1: no other process writes it until it is published or abandoned, and no
/// process reads it). Dropped without `publish`, it is given back and nobody ever sees its content.
///
/// It borrows its producer, so a second live slot does not compile:
///
/// ```compile_fail,E0499
/// # use tricine_shared::{channel::{Acquired, Producer}, time::Deadline};
/// fn two_slots(producer: &mut Producer) {
///     let first = producer.acquire(Deadline::NOW);
///     let second = producer.acquire(Deadline::NOW);
///     drop((first, second));
/// }
/// ```
///
/// And it cannot be written after it was published:
///
/// ```compile_fail,E0382
/// # use tricine_shared::{channel::WriteSlot, frame::FrameMeta};
/// fn write_after_publish(mut slot: WriteSlot<'_>, meta: &FrameMeta) {
///     slot.publish(meta).unwrap();
///     slot.payload()[0] = 1;
/// }
/// ```
#[derive(Debug)]
pub struct WriteSlot<'a, D: Doorbell = Semaphore> {
    producer: &'a mut Producer<D>,
    slot: usize,
}

impl<D: Doorbell> WriteSlot<'_, D> {
    /// The number that the frame will have, across generations.
    pub fn seq(&self) -> u64 {
        self.producer.next_seq()
    }

    /// The payload, of the slot's whole capacity. Its old content is that of the frame before last but two.
    #[inline]
    pub fn payload(&mut self) -> &mut [u8] {
        self.producer.channel.bytes_mut(self.slot)
    }

    /// The payload as samples of sound.
    #[inline]
    pub fn samples(&mut self) -> &mut [f32] {
        as_samples_mut(self.payload())
    }

    /// Makes the frame visible and rings for the consumer. `seq`, `published_ns` (unless it is there already) and
    /// `checksum` of the meta are filled in here. The frame's number across generations.
    ///
    /// Errors: the meta says more bytes than the slot has, or what no consumer would accept; the slot is then given back.
    #[inline]
    pub fn publish(mut self, meta: &FrameMeta) -> Result<u64> {
        hit(Step::PayloadWritten);
        let capacity = self.producer.channel.capacity() as u64;
        if meta.len > capacity {
            return Err(Error::TooLarge { len: meta.len, capacity });
        }
        let seq = self.producer.next_seq();
        let sum = match meta.format {
            Format::Bytes => 0,
            Format::I420 | Format::F32 => checksum(&self.payload()[..meta.len as usize]),
        };
        let published_ns = if meta.published_ns == 0 { mono_ns() } else { meta.published_ns };
        let meta = FrameMeta { seq, published_ns, checksum: sum, ..*meta };
        let words = meta.encode();
        if let Err(i) = self.producer.checked.decode(words, capacity) {
            return Err(self.producer.channel.corrupt("meta to be published", words[i]));
        }
        let WriteSlot { producer, slot } = &mut self;
        let (channel, slot) = (&producer.channel, *slot);
        if !seeded(Bug::ReadyBeforeMeta) {
            channel.words().slots[slot].meta.store(words);
        }
        hit(Step::MetaWritten);
        if seeded(Bug::BellBeforeReady) {
            channel.announce(Side::Consumer);
        }
        let due = match channel.mode() {
            Mode::Fifo => {
                // Release: publishes payload and meta; pairs with the Acquire of the consumer's claim.
                let release = order(Bug::RelaxedReady, Release);
                channel.words().slots[slot].word.store(SlotWord::new(producer.next, State::Ready).encode(), release);
                true
            }
            Mode::Mailbox => {
                let overwrote = swap_in(channel, slot)?;
                producer.overwrote += u64::from(overwrote);
                overwrote || !seeded(Bug::BellWhenDirty)
            }
        };
        hit(Step::Published);
        if seeded(Bug::ReadyBeforeMeta) {
            channel.words().slots[slot].meta.store(words);
        }
        if due && !seeded(Bug::BellBeforeReady) {
            channel.announce(Side::Consumer);
        }
        hit(Step::FilledRung);
        producer.next += 1;
        std::mem::forget(self);
        Ok(seq)
    }
}

impl<D: Doorbell> Drop for WriteSlot<'_, D> {
    fn drop(&mut self) {
        let channel = &self.producer.channel;
        if channel.mode() == Mode::Mailbox || dead() {
            return;
        }
        // Relaxed: nobody reads what we leave, and the next to write here is this process or one that starts after it.
        let free = SlotWord::new(self.producer.next, State::Free).encode();
        channel.words().slots[self.slot].word.store(free, Relaxed);
        hit(Step::Abandoned);
    }
}

/// The mailbox's word, raw and checked.
pub(super) fn mail<D>(channel: &Channel<D>) -> Result<(u64, MailWord)> {
    // Acquire: pairs with the Release of the other side's swap, also through a swap of our own since: what we do to a
    // slot comes after what it did. So the swaps themselves need none: they succeed on a word that was loaded here.
    let raw = load_to_change(&channel.words().mail.0, order(Bug::RelaxedMailLoad, Acquire));
    match MailWord::decode(raw) {
        Some(word) => Ok((raw, word)),
        None => Err(channel.corrupt("mailbox word", raw)),
    }
}

/// Swaps the producer's `back` slot with the middle one. Whether the middle was dirty, that is: a frame nobody had taken
/// was overwritten.
fn swap_in<D>(channel: &Channel<D>, back: usize) -> Result<bool> {
    let (mut raw, mut word) = mail(channel)?;
    loop {
        if word.back != back {
            return Err(channel.corrupt("mailbox word, to the producer,", raw));
        }
        // Release: publishes payload and meta to the consumer, which loads the word in mail(), too.
        let release = order(Bug::RelaxedMailPublish, Release);
        match channel.words().mail.0.compare_exchange(raw, word.publish().encode(), release, Relaxed) {
            Ok(_) => return Ok(word.dirty),
            Err(_) => (raw, word) = mail(channel)?,
        }
    }
}
