//! What describes a frame: [`META_WORDS`] words beside its payload, whose meaning the user of the channel defines.

use crate::channel::Payload;
pub use crate::channel::layout::META_WORDS;
use crate::channel::layout::MetaWords;

/// What describes a frame, as a user of the channel sees it. The channel carries it as words, and trusts nothing that it
/// reads: whatever [`Meta::decode`] accepts, a payload is never longer than its slot.
pub trait Meta: Sized {
    /// What kind of meta this is. It stands in the region's header, so that two programs which mean different things by
    /// the same words do not take each other for their own. [`Len`] has 0 and [`Summed`] 1; for one of your own, draw 64 bits at random.
    const KIND: u64;

    /// The meta of an empty frame: what a consumer holds before the first one.
    const NONE: Self;

    /// Bytes of payload that the frame has.
    fn payload_len(&self) -> u64;

    /// Fills in what is only known when the frame is published: its number in the stream, and what follows from the payload.
    fn seal(&mut self, seq: u64, payload: &[u8]);

    /// Whether this payload can be the one that [`Meta::seal`] saw.
    fn fits(&self, payload: Payload<'_>) -> bool {
        let _ = payload;
        true
    }

    /// As words. Those that change from frame to frame belong into the first seven, which share a cache line with the
    /// word that publishes the frame.
    fn encode(&self) -> [u64; META_WORDS];

    /// Checks and reads words that a peer wrote, of a slot that takes `capacity` bytes. `Err` is the index of an invalid word.
    fn decode(words: &[u64; META_WORDS], capacity: u64) -> Result<Self, usize>;

    /// As [`Meta::decode`], in place, where all words from the sixth on are those that `self` was read from, so that
    /// checking less is enough.
    fn update(&mut self, words: &[u64; META_WORDS], capacity: u64) -> Result<(), usize> {
        *self = Self::decode(words, capacity)?;
        Ok(())
    }
}

/// The plainest meta: how many bytes of the slot are the frame's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Len(pub u64);

impl Meta for Len {
    const KIND: u64 = 0;
    const NONE: Self = Self(0);

    fn payload_len(&self) -> u64 {
        self.0
    }

    fn seal(&mut self, _seq: u64, _payload: &[u8]) {}

    fn encode(&self) -> [u64; META_WORDS] {
        let mut words = [0; META_WORDS];
        words[0] = self.0;
        words
    }

    fn decode(words: &[u64; META_WORDS], capacity: u64) -> Result<Self, usize> {
        if words[0] <= capacity { Ok(Self(words[0])) } else { Err(0) }
    }
}

/// A meta with the frame's number and a checksum: for tests and examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summed {
    /// Bytes of payload.
    pub len: u64,
    /// The frame's number in its stream. Filled in by `publish`.
    pub seq: u64,
    /// [`checksum`] of the payload. Filled in by `publish`.
    pub checksum: u64,
}

impl Summed {
    /// A frame of `len` bytes.
    pub const fn new(len: u64) -> Self {
        Self { len, seq: 0, checksum: 0 }
    }
}

impl Meta for Summed {
    const KIND: u64 = 1;
    const NONE: Self = Self::new(0);

    fn payload_len(&self) -> u64 {
        self.len
    }

    fn seal(&mut self, seq: u64, payload: &[u8]) {
        (self.seq, self.checksum) = (seq, checksum(payload));
    }

    fn fits(&self, payload: Payload<'_>) -> bool {
        checksum(payload) == self.checksum
    }

    fn encode(&self) -> [u64; META_WORDS] {
        let mut words = [0; META_WORDS];
        words[..3].copy_from_slice(&[self.len, self.seq, self.checksum]);
        words
    }

    fn decode(words: &[u64; META_WORDS], capacity: u64) -> Result<Self, usize> {
        let [len, seq, checksum, ..] = *words;
        if len <= capacity { Ok(Self { len, seq, checksum }) } else { Err(0) }
    }
}

/// A checksum over one 64-bit word of every half page, the last eight bytes and the length: cheap enough for every
/// frame (500 loads in a million bytes), and a frame put together from two shows at any half page. Full sums are for tests.
pub fn checksum<'a>(payload: impl Into<Payload<'a>>) -> u64 {
    const STEP: usize = 2048;
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let payload = payload.into();
    let word = |at: usize| payload.word(at).unwrap_or(0);
    let mix = |sum: u64, value: u64| (sum ^ value).wrapping_mul(ODD).rotate_left(29);
    let sum = (0..payload.len()).step_by(STEP).fold(payload.len() as u64, |sum, at| mix(sum, word(at)));
    mix(sum, word(payload.len().saturating_sub(8)))
}

/// The frame before, of which the next one differs in its first words alone, as a rule: what was checked once and is
/// the same word for word need not be checked again, which is most of the work.
#[derive(Debug, Clone)]
pub(crate) struct Checked<M> {
    /// From [`STEADY`] on, the words that `meta` was read from.
    words: [u64; META_WORDS],
    meta: M,
}

/// The words from here on are the same from frame to frame, as a rule.
const STEADY: usize = 5;

impl<M: Meta> Default for Checked<M> {
    fn default() -> Self {
        Self { words: M::NONE.encode(), meta: M::NONE }
    }
}

impl<M: Meta> Checked<M> {
    /// What was checked last.
    #[inline]
    pub(crate) fn meta(&self) -> &M {
        &self.meta
    }

    /// [`Meta::decode`] of words that a peer may change, where it can be had cheaply: they are valid, and steady where they are so as a
    /// rule. Whether it was; if not, they are to be read by [`Checked::read`]. Each word is copied once. `capacity` has to be the same
    /// each time.
    #[inline]
    pub(crate) fn reread(&mut self, at: &MetaWords, capacity: u64) -> bool {
        // Folded, since comparing slices calls memcmp.
        let differ = (STEADY..META_WORDS).fold(0, |differ, i| differ | (at.word(i) ^ self.words[i]));
        if differ != 0 {
            return false;
        }
        for i in 0..STEADY {
            self.words[i] = at.word(i);
        }
        self.meta.update(&self.words, capacity).is_ok()
    }

    /// [`Meta::decode`] of words that a peer may change, each of which is copied once. `Err` is the index of an invalid word, and its
    /// value.
    #[cold]
    pub(crate) fn read(&mut self, at: &MetaWords, capacity: u64) -> Result<(), (usize, u64)> {
        self.decode(at.load(), capacity)
    }

    /// The words of `meta`, if [`Meta::decode`] accepts them. `capacity` has to be the same each time. `Err` is the index of an
    /// invalid word, and its value.
    #[inline]
    pub(crate) fn check(&mut self, meta: &M, capacity: u64) -> Result<[u64; META_WORDS], (usize, u64)> {
        let words = meta.encode();
        let differ = (STEADY..META_WORDS).fold(0, |differ, i| differ | (words[i] ^ self.words[i]));
        if differ != 0 {
            // Encoded anew, so that the words above need no place in memory.
            self.decode(meta.encode(), capacity)?;
        } else if let Err(i) = self.meta.update(&words, capacity) {
            return Err((i, words[i.min(META_WORDS - 1)]));
        }
        Ok(words)
    }

    #[cold]
    fn decode(&mut self, words: [u64; META_WORDS], capacity: u64) -> Result<(), (usize, u64)> {
        self.meta = M::decode(&words, capacity).map_err(|i| (i, words[i.min(META_WORDS - 1)]))?;
        self.words = words;
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[test]
    fn whatever_changes_is_read_and_checked_as_if_nothing_were_remembered() {
        const CAPACITY: u64 = 100;
        let at = MetaWords([const { AtomicU64::new(0) }; META_WORDS]);
        let mut checked = Checked::<Summed>::default();
        // Each word in turn, by itself and then back, beside others that change.
        for round in 0..200u64 {
            let i = round as usize % META_WORDS;
            at.0[i].store(round * 3 % 150, Relaxed);
            let words = at.load();
            let wanted = Summed::decode(&words, CAPACITY).map_err(|i| (i, words[i]));
            if !checked.reread(&at, CAPACITY) {
                assert_eq!(checked.read(&at, CAPACITY).map(|()| *checked.meta()), wanted, "{round}");
            }
            assert!(wanted.is_err() || *checked.meta() == wanted.unwrap(), "{round}");
        }
    }

    #[test]
    fn a_producer_s_meta_is_checked_as_a_consumer_does_it() {
        const CAPACITY: u64 = 100;
        let mut checked = Checked::<Summed>::default();
        for len in [0, 100, 101, 7, 200, 99] {
            let meta = Summed { len, seq: len + 1, checksum: 3 };
            let wanted = if len <= CAPACITY { Ok(meta.encode()) } else { Err((0, len)) };
            assert_eq!(checked.check(&meta, CAPACITY), wanted);
        }
    }
}
