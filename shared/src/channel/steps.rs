//! The steps of the protocol on its words, each with the ordering that it needs and why. Producer, consumer and tap are made of
//! these; the probe points and the seeded bugs of the proofs stand here, so that the protocol can be read without them.

use super::bug::{Bug, order, seeded};
use super::doorbell::Doorbell;
use super::layout::META_WORDS;
use super::ownership::{MailWord, SLOTS, Side, slot_of};
use super::probe::{Step, hit};
use super::region::Channel;
use super::tap::begun;
use crate::error::Result;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::load_to_change;

impl<D: Doorbell> Channel<D> {
    /// The producer has begun to write frame `n` into `slot`.
    #[inline]
    pub(super) fn begin(&self, n: u64, slot: usize) {
        begun(self.words(), n);
        if seeded(Bug::ReadyBeforePayload) {
            self.words().producer.slots[slot].seq.store(n + 1, Release);
        }
        hit(Step::ProducerClaimed);
    }

    /// How many frames the consumer is done with.
    #[inline]
    pub(super) fn released(&self) -> u64 {
        // Acquire: pairs with the Release in release(): our writes to the slot come after the consumer's reads.
        let released = self.words().consumer.released.0.load(order(Bug::RelaxedReleased, Acquire));
        // The bug shows only where every slot is full: more than was ever begun nobody could have released.
        let begun = || self.words().producer.begun.0.load(Relaxed);
        if seeded(Bug::OneSlotTooMany) { (released + 1).min(begun()) } else { released }
    }

    /// FIFO: frame `n`, whose payload is in slot `slot`, is there.
    #[inline]
    pub(super) fn publish(&self, n: u64, slot: usize, meta: [u64; META_WORDS]) {
        let slot = &self.words().producer.slots[slot];
        if !seeded(Bug::ReadyBeforeMeta) {
            slot.meta.store(meta);
        }
        hit(Step::MetaWritten);
        if seeded(Bug::BellBeforeReady) {
            self.announce(Side::Consumer);
        }
        // Release: publishes payload and meta; pairs with the Acquire in is_published().
        slot.seq.store(n + 1, order(Bug::RelaxedPublish, Release));
        hit(Step::Published);
        if seeded(Bug::ReadyBeforeMeta) {
            slot.meta.store(meta);
        }
        if !seeded(Bug::BellBeforeReady) {
            self.announce(Side::Consumer);
        }
        hit(Step::FilledRung);
    }

    /// Mailbox: frame `n`, whose payload is in the slot `back`, is the latest. Whether it overwrote one that nobody had taken.
    #[inline]
    pub(super) fn post_mail(&self, n: u64, back: usize, meta: [u64; META_WORDS]) -> Result<bool> {
        let slot = &self.words().producer.slots[back];
        // Relaxed: the swap below publishes both.
        slot.seq.store(n + 1, Relaxed);
        if !seeded(Bug::ReadyBeforeMeta) {
            slot.meta.store(meta);
        }
        hit(Step::MetaWritten);
        if seeded(Bug::BellBeforeReady) {
            self.announce(Side::Consumer);
        }
        let (mut raw, mut word) = self.mail()?;
        while word.back == back {
            // Release: publishes payload and meta; pairs with the Acquire in mail().
            let release = order(Bug::RelaxedMailPublish, Release);
            match self.words().both.mail.0.compare_exchange(raw, word.publish().encode(), release, Relaxed) {
                Ok(_) => {
                    hit(Step::Published);
                    if seeded(Bug::ReadyBeforeMeta) {
                        slot.meta.store(meta);
                    }
                    if !seeded(Bug::BellBeforeReady) && (word.dirty || !seeded(Bug::BellWhenDirty)) {
                        self.announce(Side::Consumer);
                    }
                    hit(Step::FilledRung);
                    return Ok(word.dirty);
                }
                Err(_) => (raw, word) = self.mail()?,
            }
        }
        Err(self.corrupt("mailbox word, to the producer,", raw))
    }

    /// FIFO: `None` if frame `n` is there, and the consumer has begun to read it; else what its slot's `seq` is.
    #[inline]
    pub(super) fn take(&self, n: u64) -> Option<u64> {
        if seeded(Bug::TakenBeforeThere) {
            self.words().consumer.taken.0.store(n + 1, Relaxed);
        }
        // Acquire: pairs with the Release in publish(): payload and meta are there.
        let seq = self.words().producer.slots[slot_of(n)].seq.load(order(Bug::RelaxedPublished, Acquire));
        if seq != n + 1 {
            return Some(seq);
        }
        // Relaxed: to the producer it says nothing.
        self.words().consumer.taken.0.store(n + 1, Relaxed);
        if seeded(Bug::ReleaseBeforeRead) {
            self.release(n);
        }
        hit(Step::ConsumerClaimed);
        None
    }

    /// FIFO: whether a slot's `seq` can be that, where frame `n` is not there yet.
    pub(super) fn check_absent(&self, n: u64, seq: u64) -> Result<()> {
        // What stands there before is the frame three before, or 0.
        let before = (n + 1).saturating_sub(SLOTS as u64);
        if seq == before { Ok(()) } else { Err(self.corrupt("seq of a slot, to the consumer,", seq)) }
    }

    /// Mailbox: the slot and number of the latest frame, if there is a new one; the consumer has begun to read it.
    #[inline]
    pub(super) fn take_mail(&self) -> Result<Option<(usize, u64)>> {
        loop {
            let (raw, word) = self.mail()?;
            let Some(taken) = word.take() else { return Ok(None) };
            // The newest frame is in the middle as long as it is dirty.
            let Some(number) = word.seq.checked_sub(1) else {
                return Err(self.corrupt("mailbox word, to the consumer,", raw));
            };
            // Release: hands our old front back, after all that we read from it, to the producer's next mail().
            let release = order(Bug::RelaxedMailTake, Release);
            if self.words().both.mail.0.compare_exchange(raw, taken.encode(), release, Relaxed).is_ok() {
                self.words().consumer.taken.0.store(word.seq, Relaxed);
                hit(Step::ConsumerClaimed);
                return Ok(Some((taken.front, number)));
            }
        }
    }

    /// Frame `n` is done with. FIFO: its slot is the producer's again.
    #[inline]
    pub(super) fn release(&self, n: u64) {
        if seeded(Bug::BellBeforeFree) {
            self.announce(Side::Producer);
        }
        // Release: our reads come before the producer's next writes; pairs with the Acquire in released().
        self.words().consumer.released.0.store(n + 1, order(Bug::RelaxedRelease, Release));
        hit(Step::Released);
        if !seeded(Bug::BellBeforeFree) {
            self.announce(Side::Producer);
        }
        hit(Step::EmptyRung);
    }

    /// Mailbox: frame `n` had its effect. The slot stays the consumer's, who swaps it for the next frame.
    #[inline]
    pub(super) fn finish_mail(&self, n: u64) {
        // Relaxed: only consumers read it, one after another.
        self.words().consumer.released.0.store(n + u64::from(!seeded(Bug::DoneOffByOne)), Relaxed);
        hit(Step::Released);
    }

    /// The stream ends after `frames` frames.
    pub(super) fn say_end(&self, frames: u64) {
        // Relaxed: it is a number of frames, so who sees it knows which frames come before it.
        self.words().producer.end.0.store(frames + 1, Relaxed);
        hit(Step::EndSaid);
        self.bells.filled.post();
        hit(Step::EndRung);
    }

    /// The stream goes on in the region of `generation`.
    pub(super) fn say_successor(&self, generation: u64) {
        // Release: who sees the successor sees every frame before it; pairs with the Acquire in successor().
        self.words().producer.successor.0.store(generation + 1, order(Bug::RelaxedRetire, Release));
        hit(Step::SuccessorSaid);
        self.bells.filled.post();
        hit(Step::EndRung);
    }
}

impl<D> Channel<D> {
    /// The generation in which the stream goes on, if this one ends.
    pub(super) fn successor(&self) -> Option<u64> {
        // Acquire: pairs with the Release in say_successor(): every frame before it is visible now.
        self.words().producer.successor.0.load(order(Bug::RelaxedSuccessor, Acquire)).checked_sub(1)
    }

    /// The mailbox's slot that is the producer's, if the word is valid.
    #[inline]
    pub(super) fn back(&self) -> Option<usize> {
        // Acquire: as in mail().
        let raw = load_to_change(&self.words().both.mail.0, order(Bug::RelaxedMailLoad, Acquire));
        MailWord::decode(raw).map(|word| word.back)
    }

    /// The mailbox's word, raw and checked.
    #[inline]
    pub(super) fn mail(&self) -> Result<(u64, MailWord)> {
        // Acquire: pairs with the Release of the other side's swap, also through a swap of our own since: what we do to a
        // slot comes after what it did. So the swaps themselves need none: they succeed on a word that was loaded here.
        let raw = load_to_change(&self.words().both.mail.0, order(Bug::RelaxedMailLoad, Acquire));
        match MailWord::decode(raw) {
            Some(word) => Ok((raw, word)),
            None => Err(self.corrupt("mailbox word", raw)),
        }
    }
}
