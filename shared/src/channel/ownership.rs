//! Who may use a slot: pure, without memory, atomics or system calls.
//!
//! **FIFO.** Frame n lives in slot n mod 3. The producer says which frames are complete, by `seq` of each slot; the consumer says
//! how many frames are done with, by `released`. Each only ever raises its own words. A slot is the producer's to fill with frame
//! n while `n < released + 3`, and the consumer's to read while `seq == n + 1`; both cannot hold at once.
//!
//! **Mailbox.** One word says for all three slots who has which; each side swaps its slot for the middle one.
//!
//! These words are all that a dead process leaves, and all that its successor needs: [`produced`] and [`consumed`] say where it
//! goes on.

use super::bug::{Bug, seeded};

/// Slots of a channel: one being written, one being read, one between.
pub const SLOTS: usize = 3;

/// More frames than a region ever sees: at a billion a second it takes two years. So no number that is accepted here overflows
/// when it is counted on.
pub const MOST_FRAMES: u64 = 1 << 56;

/// The slot that frame `n` lives in.
pub const fn slot_of(n: u64) -> usize {
    (n % SLOTS as u64) as usize
}

/// `seq` of slot `slot` once `published` frames have been: the highest up to there that belongs into it, or 0.
pub const fn seq_after(published: u64, slot: usize) -> u64 {
    let ahead = (published % SLOTS as u64 + 2 * SLOTS as u64 - 1 - slot as u64) % SLOTS as u64;
    published.saturating_sub(ahead)
}

/// Where a new producer goes on: the number of frames published. `seqs` are its predecessor's words, which nobody changes;
/// `released` may grow meanwhile. `Err` is the index of an invalid word, [`SLOTS`] for `released`.
pub fn produced(seqs: [u64; SLOTS], released: u64) -> Result<u64, usize> {
    let published = seqs.into_iter().max().unwrap_or(0);
    for (i, seq) in seqs.into_iter().enumerate() {
        if seq != seq_after(published, i) || published > MOST_FRAMES {
            return Err(i);
        }
    }
    if released > published || published - released > SLOTS as u64 {
        return Err(SLOTS);
    }
    Ok(if seeded(Bug::ProducerNextOffByOne) && published > 0 { published + 1 } else { published })
}

/// Where a new consumer goes on: the number of frames released, its predecessor's word, which nobody changes; `seqs` may grow
/// meanwhile, by what the producer may publish without it. `Err` is as for [`produced`].
pub fn consumed(seqs: [u64; SLOTS], released: u64) -> Result<u64, usize> {
    between(seqs, released, released)?;
    Ok(if seeded(Bug::ConsumerNextOffByOne) && released > 0 { released + 1 } else { released })
}

/// Whether words can be that were read while both sides were at work: `before` is `released` as it was read before the `seqs`,
/// one after another, and `after` as it was read after them. `Err` is as for [`produced`].
pub fn between(seqs: [u64; SLOTS], before: u64, after: u64) -> Result<(), usize> {
    // As few frames as can have been published when each word was read: what was released, and what was read so far.
    let mut published = before;
    for (i, seq) in seqs.into_iter().enumerate() {
        published = published.max(seq);
        let most = after.saturating_add(SLOTS as u64).min(MOST_FRAMES);
        if seq != seq_after(published, i) || published > most {
            return Err(i);
        }
    }
    if after < before { Err(SLOTS) } else { Ok(()) }
}

/// What a slot is doing, for those who look on: the protocol itself needs no such states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The producer may fill it.
    Free,
    /// The producer fills it.
    Writing,
    /// The consumer may read it.
    Ready,
    /// The consumer reads it.
    Reading,
}

/// The states of a FIFO's slots, as far as its words tell.
pub fn states(seqs: [u64; SLOTS], begun: u64, released: u64, taken: u64) -> [State; SLOTS] {
    let published = seqs.into_iter().max().unwrap_or(0);
    std::array::from_fn(|i| match seqs[i] {
        _ if begun > published && slot_of(begun - 1) == i => State::Writing,
        seq if seq <= released => State::Free,
        seq if seq == taken => State::Reading,
        _ => State::Ready,
    })
}

/// Which side of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Writes frames.
    Producer,
    /// Reads frames.
    Consumer,
}

impl Side {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Producer => Self::Consumer,
            Self::Consumer => Self::Producer,
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        })
    }
}

/// The mailbox's one ownership word: `seq << 8 | dirty << 6 | front << 4 | middle << 2 | back`. The producer owns the
/// `back` slot, the consumer the `front`; `middle` lies between and is new to the consumer while `dirty`. `seq` counts
/// the frames published, so the newest one is number `seq` − 1 (0: none yet).
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

/// Which lower bytes of a mailbox's word are valid, a bit for each: three slots that are a permutation, and bit 7 unset.
const VALID: [u64; 4] = {
    let (mut valid, mut low) = ([0; 4], 0);
    while low < 128 {
        let all = 1u8 << (low >> 4 & 3) | 1 << (low >> 2 & 3) | 1 << (low & 3);
        if all == 0b111 {
            valid[low >> 6] |= 1 << (low & 63);
        }
        low += 1;
    }
    valid
};

impl MailWord {
    /// An empty mailbox.
    pub const EMPTY: Self = Self { seq: 0, dirty: false, front: 2, middle: 1, back: 0 };

    /// Reads a raw word; `None` if its three slots are not a permutation or an unused bit is set.
    #[inline]
    pub fn decode(raw: u64) -> Option<Self> {
        if VALID[(raw >> 6 & 3) as usize] >> (raw & 63) & 1 == 0 {
            return None;
        }
        let slot = |shift: u32| (raw >> shift & 3) as usize;
        Some(Self { seq: raw >> 8, dirty: raw >> 6 & 1 == 1, front: slot(4), middle: slot(2), back: slot(0) })
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
