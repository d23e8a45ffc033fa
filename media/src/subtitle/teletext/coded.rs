//! How bytes of teletext are protected (EN 300 706, chapter 8): Hamming 8/4 and 24/18, and odd parity. The bit sent first is bit 0.

/// Values of four bits, as they are sent.
const HAMMING: [u8; 16] =
    [0x15, 0x02, 0x49, 0x5e, 0x64, 0x73, 0x38, 0x2f, 0xd0, 0xc7, 0x8c, 0x9b, 0xa1, 0xb6, 0xfd, 0xea];

/// Four bits; one wrong bit is mended. `None`: more are wrong.
pub(super) fn four(byte: u8) -> Option<u8> {
    HAMMING.iter().position(|code| (code ^ byte).count_ones() <= 1).map(|value| value as u8)
}

/// 18 bits; one wrong bit is mended. `None`: more are wrong.
pub(super) fn eighteen(bytes: [u8; 3]) -> Option<u32> {
    let mut word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    // Each of five tests is odd, by the places, counted from 1, of the bits that are set.
    let wrong = (0..23).filter(|bit| word >> bit & 1 != 0).fold(0x1f, |sum, bit| sum ^ (bit + 1));
    if wrong != 0 {
        if word.count_ones() % 2 == 1 || wrong > 23 {
            return None;
        }
        word ^= 1 << (wrong - 1);
    }
    Some(word >> 2 & 1 | word >> 3 & 0xe | word >> 4 & 0x7f0 | word >> 5 & 0x3_f800)
}

/// Seven bits; `None` if one is wrong.
pub(super) fn seven(byte: u8) -> Option<u8> {
    (byte.count_ones() % 2 == 1).then_some(byte & 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a sender makes it.
    fn coded(value: u32) -> u32 {
        let mut word = (value & 1) << 2 | (value & 0xe) << 3 | (value & 0x7f0) << 4 | (value & 0x3_f800) << 5;
        for test in 0..5 {
            let odd = (1..=23_u32).filter(|place| place >> test & 1 != 0 && word >> (place - 1) & 1 != 0).count() % 2;
            word |= u32::from(odd == 0) << ((1 << test) - 1);
        }
        word | u32::from(word.count_ones().is_multiple_of(2)) << 23
    }

    #[test]
    fn one_wrong_bit_is_mended_and_two_are_found() {
        for value in 0..16 {
            let code = HAMMING[usize::from(value)];
            assert_eq!(four(code), Some(value));
            for bit in 0..8 {
                assert_eq!(four(code ^ 1 << bit), Some(value));
                for other in 0..bit {
                    assert_eq!(four(code ^ 1 << bit ^ 1 << other), None);
                }
            }
        }
        let three = |word: u32| word.to_le_bytes().first_chunk().copied().unwrap();
        for value in (0..1 << 18).step_by(4_093).chain([(1 << 18) - 1]) {
            let code = coded(value);
            assert_eq!(eighteen(three(code)), Some(value));
            for bit in 0..24 {
                assert_eq!(eighteen(three(code ^ 1 << bit)), Some(value), "{value:x}, bit {bit}");
                for other in 0..bit {
                    let found = eighteen(three(code ^ 1 << bit ^ 1 << other));
                    assert!(found.is_none(), "{value:x}, bits {bit} and {other}");
                }
            }
        }
        assert_eq!((seven(0x61), seven(0x20), seven(0x80 | 0x41)), (Some(0x61), Some(0x20), Some(0x41)));
        assert_eq!(seven(0x41), None);
    }
}
