//! What the words say, for whoever shows or explains a channel. Nothing is decided by it.

use super::ownership::{MailWord, SLOTS, State, states};
use super::region::{Channel, Mode};
use crate::sync::Ordering::{Acquire, Relaxed};

/// A channel's words, each read on its own: while a side works, they need not all be of one moment. What a word means is in
/// `docs/layout.md`. Of a mailbox, `seq`, `begun`, `released` and `taken` do not say which
/// slots are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Look {
    /// Of each slot: the number of its complete frame, plus one; 0 if it never held one.
    pub seq: [u64; 3],
    /// How many frames the producer has begun.
    pub begun: u64,
    /// How many frames the consumer is done with.
    pub released: u64,
    /// How many frames the consumer has begun to read.
    pub taken: u64,
    /// Whether the producer sleeps or is about to.
    pub producer_asleep: bool,
    /// Whether the consumer does.
    pub consumer_asleep: bool,
}

impl<D> Channel<D> {
    /// Reads the words.
    pub fn look(&self) -> Look {
        let words = self.words();
        Look {
            seq: words.producer.slots.each_ref().map(|slot| slot.seq.load(Acquire)),
            begun: words.producer.begun.0.load(Acquire),
            released: words.consumer.released.0.load(Acquire),
            taken: words.consumer.taken.0.load(Acquire),
            producer_asleep: words.both.producer_asleep.0.load(Acquire) != 0,
            consumer_asleep: words.both.consumer_asleep.0.load(Acquire) != 0,
        }
    }

    /// What the slots are doing now, for those who look on.
    pub fn states(&self) -> [State; SLOTS] {
        let words = self.words();
        match self.mode() {
            Mode::Fifo => {
                let begun = words.producer.begun.0.load(Relaxed);
                let (seqs, released) = self.fifo_words();
                states(seqs, begun, released, words.consumer.taken.0.load(Relaxed))
            }
            Mode::Mailbox => {
                let mut states = [State::Free; SLOTS];
                if let Some(mail) = MailWord::decode(words.both.mail.0.load(Relaxed)) {
                    states[mail.back] = State::Writing;
                    states[mail.front] = State::Reading;
                    states[mail.middle] = if mail.dirty { State::Ready } else { State::Free };
                }
                states
            }
        }
    }
}
