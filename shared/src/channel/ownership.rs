//! Who owns a slot: the pure transitions of the ownership words, without memory, atomics or system calls.
//!
//! FIFO keeps one word a slot, `seq << 2 | state`; frame n lives in slot n mod 3, so a slot's word names the one frame
//! that it is for. Mailbox keeps one word for all three slots. Both words together with the slot's payload are all that
//! a dead process leaves, and all that its successor needs.

use super::bug::{Bug, seeded};

/// Slots of a channel: one being written, one being read, one between.
pub const SLOTS: usize = 3;

/// What a slot is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum State {
    /// The producer may claim it.
    Free = 0,
    /// The producer fills it.
    Writing = 1,
    /// The consumer may claim it.
    Ready = 2,
    /// The consumer uses it.
    Reading = 3,
}

/// A FIFO slot's ownership word: the frame it is for, and what it is doing. Every 64-bit value decodes; whether it can
/// stand in slot i is for [`fifo_words`] to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotWord {
    /// The frame's place in the stream of this region, from 0.
    pub seq: u64,
    /// What the slot is doing.
    pub state: State,
}

impl SlotWord {
    /// The word for frame `seq` in `state`.
    pub const fn new(seq: u64, state: State) -> Self {
        Self { seq, state }
    }

    /// Reads a raw word.
    pub const fn decode(raw: u64) -> Self {
        let state = match raw & 3 {
            0 => State::Free,
            1 => State::Writing,
            2 => State::Ready,
            _ => State::Reading,
        };
        Self { seq: raw >> 2, state }
    }

    /// The raw word.
    pub const fn encode(self) -> u64 {
        self.seq << 2 | self.state as u64
    }

    /// The slot that frame `seq` lives in.
    pub const fn slot(seq: u64) -> usize {
        (seq % SLOTS as u64) as usize
    }
}

/// Reads the three FIFO words and checks that they can stand together: each in its own slot, and no further apart than
/// the peer can have moved while they were being read one after another (it can finish at most the three frames there
/// are). `Err` is the index of a word that cannot be.
pub fn fifo_words(raw: [u64; SLOTS]) -> Result<[SlotWord; SLOTS], usize> {
    let words = raw.map(SlotWord::decode);
    let lowest = words.iter().map(|w| w.seq).min().unwrap_or(0);
    for (i, word) in words.iter().enumerate() {
        if SlotWord::slot(word.seq) != i || word.seq - lowest >= 2 * SLOTS as u64 {
            return Err(i);
        }
    }
    Ok(words)
}

/// The frame a new producer goes on with: one past the highest that was made visible.
pub fn producer_next(words: &[SlotWord; SLOTS]) -> u64 {
    let after = |w: &SlotWord| match w.state {
        State::Ready | State::Reading if seeded(Bug::ProducerNextOffByOne) => w.seq + 2,
        State::Ready | State::Reading => w.seq + 1,
        State::Free | State::Writing => (w.seq + 1).saturating_sub(SLOTS as u64),
    };
    words.iter().map(after).max().unwrap_or(0)
}

/// The frame a new consumer goes on with: one past the highest that was released.
pub fn consumer_next(words: &[SlotWord; SLOTS]) -> u64 {
    let next = words.iter().map(|w| (w.seq + 1).saturating_sub(SLOTS as u64)).max().unwrap_or(0);
    if seeded(Bug::ConsumerNextOffByOne) && next > 0 { next + 1 } else { next }
}

/// Which side of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Writes frames.
    Producer,
    /// Reads frames.
    Consumer,
}

/// What recovery makes of a slot whose owner on `dead`'s side is gone; `None` if that slot was not the dead side's.
/// A half-written frame never was; a half-read one is delivered again.
pub fn recovered(word: SlotWord, dead: Side) -> Option<SlotWord> {
    match (dead, word.state) {
        (Side::Producer, State::Writing) => Some(SlotWord::new(word.seq, State::Free)),
        (Side::Consumer, State::Reading) => Some(SlotWord::new(word.seq, State::Ready)),
        _ => None,
    }
}

/// The mailbox's one ownership word: `seq << 8 | dirty << 6 | front << 4 | middle << 2 | back`. The producer owns the
/// `back` slot, the consumer the `front`; `middle` lies between and is new to the consumer while `dirty`. `seq` counts
/// the frames published, so the newest one is number `seq` (0: none yet).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MailWord {
    /// Frames published so far.
    pub seq: u64,
    /// Whether `middle` holds a frame that the consumer has not taken.
    pub dirty: bool,
    /// The consumer's slot.
    pub front: usize,
    /// The slot between.
    pub middle: usize,
    /// The producer's slot.
    pub back: usize,
}

impl MailWord {
    /// An empty mailbox.
    pub const EMPTY: Self = Self { seq: 0, dirty: false, front: 2, middle: 1, back: 0 };

    /// Reads a raw word; `None` if its three slots are not a permutation or an unused bit is set.
    pub fn decode(raw: u64) -> Option<Self> {
        let slot = |shift: u32| (raw >> shift & 3) as usize;
        let word = Self { seq: raw >> 8, dirty: raw >> 6 & 1 == 1, front: slot(4), middle: slot(2), back: slot(0) };
        let all = 1u8 << word.front | 1 << word.middle | 1 << word.back;
        (all == 0b111 && raw >> 7 & 1 == 0).then_some(word)
    }

    /// The raw word.
    pub const fn encode(self) -> u64 {
        self.seq << 8 | (self.dirty as u64) << 6 | (self.front << 4 | self.middle << 2 | self.back) as u64
    }

    /// The producer hands its back slot over as frame `seq + 1` and gets the middle one.
    pub const fn publish(self) -> Self {
        Self { seq: self.seq + 1, dirty: true, front: self.front, middle: self.back, back: self.middle }
    }

    /// The consumer takes the middle slot and leaves its front one; `None` if there is nothing new.
    pub const fn take(self) -> Option<Self> {
        if !self.dirty {
            return None;
        }
        Some(Self { seq: self.seq, dirty: false, front: self.middle, middle: self.front, back: self.back })
    }
}
