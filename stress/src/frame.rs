//! What travels: a stamp, then a payload that says of every byte which frame it belongs to.

/// Bytes of the stamp at the start of each frame.
pub(crate) const STAMP_LEN: usize = 32;

/// Where in a run a frame belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Phase {
    /// Before the measuring.
    WarmUp = 0,
    /// It counts.
    Measured = 1,
    /// It only says that nothing follows.
    Last = 2,
}

/// The first bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its number, from 0.
    pub(crate) seq: u64,
    /// What its latency counts from, in ns: when it was due or, without a rate, when it was complete.
    pub(crate) since_ns: u64,
    /// Where it belongs.
    pub(crate) phase: Phase,
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Stamp {
    /// Writes it to the start of `frame`, with a check of its own.
    #[inline]
    pub(crate) fn write(&self, frame: &mut [u8], seed: u64) {
        let words = [self.seq, self.since_ns, self.phase as u64, self.check(seed)];
        for (to, word) in frame.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    }

    /// Reads one; `None` if it was not written whole.
    #[inline]
    pub(crate) fn read(frame: &[u8], seed: u64) -> Option<Self> {
        let word = |i: usize| Some(u64::from_le_bytes(frame.get(8 * i..8 * i + 8)?.try_into().ok()?));
        let phase = match word(2)? {
            0 => Phase::WarmUp,
            1 => Phase::Measured,
            2 => Phase::Last,
            _ => return None,
        };
        let stamp = Self { seq: word(0)?, since_ns: word(1)?, phase };
        (word(3)? == stamp.check(seed)).then_some(stamp)
    }

    fn check(&self, seed: u64) -> u64 {
        (self.seq ^ seed).wrapping_mul(ODD) ^ self.since_ns.rotate_left(17) ^ self.phase as u64
    }
}

/// Fills what follows the stamp. No two frames of one seed have a word in common at the same place, so a frame that is put
/// together from two shows wherever it is cut.
pub(crate) fn fill(frame: &mut [u8], seed: u64, seq: u64) {
    let base = mix(seed ^ seq.wrapping_mul(ODD));
    let mut words = frame[STAMP_LEN..].chunks_exact_mut(8);
    for (i, word) in words.by_ref().enumerate() {
        word.copy_from_slice(&base.wrapping_add((i as u64).wrapping_mul(ODD)).to_le_bytes());
    }
    let rest = words.into_remainder();
    let len = rest.len();
    rest.copy_from_slice(&base.to_le_bytes()[..len]);
}

/// Whether every byte after the stamp is the one that [`fill`] wrote.
pub(crate) fn whole(frame: &[u8], seed: u64, seq: u64) -> bool {
    let base = mix(seed ^ seq.wrapping_mul(ODD));
    let (words, rest) = frame[STAMP_LEN..].as_chunks::<8>();
    // Without an early end, so that the loop is wide; nearly every frame is whole.
    let wrong = words.iter().enumerate().fold(0, |wrong, (i, word)| {
        wrong | (u64::from_le_bytes(*word) ^ base.wrapping_add((i as u64).wrapping_mul(ODD)))
    });
    wrong == 0 && rest == &base.to_le_bytes()[..rest.len()]
}

/// Reads every byte and makes a number of them, which the caller has to use. Sixteen sums side by side, so that no addition
/// waits for the one before: the memory is to be the limit, not the adding.
#[inline]
pub(crate) fn sum(frame: &[u8]) -> u64 {
    let (blocks, rest) = frame.as_chunks::<128>();
    let mut sums = [0u64; 16];
    for block in blocks {
        for (sum, word) in sums.iter_mut().zip(block.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    let words = sums.into_iter().fold(0, u64::wrapping_add);
    rest.iter().fold(words, |sum, &byte| sum.wrapping_add(byte.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_bit_anywhere_is_seen() {
        for len in [STAMP_LEN + 1, 64, 100, 1000] {
            let mut frame = vec![0; len];
            let stamp = Stamp { seq: 7, since_ns: 123, phase: Phase::Measured };
            stamp.write(&mut frame, 5);
            fill(&mut frame, 5, 7);
            assert_eq!(Stamp::read(&frame, 5), Some(stamp));
            assert!(whole(&frame, 5, 7));
            for bit in 0..len * 8 {
                frame[bit / 8] ^= 1 << (bit % 8);
                let seen = Stamp::read(&frame, 5) != Some(stamp) || !whole(&frame, 5, 7);
                assert!(seen, "bit {bit} of {len} bytes");
                frame[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn two_frames_differ_in_every_word() {
        let [mut a, mut b] = [const { [0u8; 4096] }; 2];
        fill(&mut a, 1, 10);
        fill(&mut b, 1, 11);
        let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
        assert!(a[4..].iter().zip(&b[4..]).all(|(a, b)| a != b));
    }

    #[test]
    fn the_sum_depends_on_every_byte() {
        let mut frame = vec![0u8; 77];
        for i in 0..77 {
            frame[i] = 1;
            assert_ne!(sum(&frame), 0, "{i}");
            frame[i] = 0;
        }
    }
}
