//! Tables of the standard, ATSC A/52.

/// The first bin of each band of bit allocation, and the end of the last (7.12).
pub(super) const BANDS: [u8; 51] = {
    let (mut bands, mut band) = ([0; 51], 0);
    while band < 50 {
        let width = match band {
            0..28 => 1,
            28..35 => 3,
            35..41 => 6,
            41..45 => 12,
            _ => 24,
        };
        bands[band + 1] = bands[band] + width;
        band += 1;
    }
    bands
};

/// What the power of two sounds is more than that of the louder one, by half of their distance (7.14).
pub(super) const LOUDER: [u8; 211] = {
    // It falls by steps of 1: for each value, from 64 down, how many distances have it.
    const RUNS: &[u8; 64] = b"\
        \x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x02\x01\x01\x01\
        \x01\x02\x01\x01\x02\x01\x01\x02\x01\x01\x02\x01\x02\x02\x01\x02\
        \x02\x01\x02\x02\x02\x02\x02\x02\x02\x02\x02\x03\x02\x03\x03\x03\
        \x03\x03\x03\x04\x04\x04\x05\x05\x06\x06\x08\x08\x0b\x0e\x13\x20";
    let (mut table, mut at, mut run) = ([0; 211], 0, 0);
    while run < RUNS.len() {
        let mut left = RUNS[run];
        while left > 0 {
            table[at] = 64 - run as u8;
            at += 1;
            left -= 1;
        }
        run += 1;
    }
    table
};

/// What is just heard, in 16ths, of each band at 48, 44.1 and 32 kHz (7.15).
pub(super) const HEARD: [[u8; 50]; 3] = [
    [
        0x4d, 0x4d, 0x44, 0x40, 0x3e, 0x3c, 0x3b, 0x3b, 0x3a, 0x3a, 0x3a, 0x3a, 0x3a, 0x39, 0x39, 0x39, 0x38, 0x38,
        0x37, 0x37, 0x36, 0x36, 0x35, 0x35, 0x34, 0x34, 0x33, 0x32, 0x31, 0x30, 0x2f, 0x2f, 0x2f, 0x2f, 0x30, 0x31,
        0x34, 0x39, 0x3e, 0x42, 0x46, 0x49, 0x4a, 0x46, 0x44, 0x44, 0x52, 0x80, 0x84, 0x84,
    ],
    [
        0x4f, 0x4f, 0x46, 0x41, 0x3e, 0x3d, 0x3c, 0x3b, 0x3b, 0x3a, 0x3a, 0x3a, 0x3a, 0x3a, 0x39, 0x39, 0x39, 0x38,
        0x38, 0x38, 0x37, 0x37, 0x36, 0x36, 0x35, 0x35, 0x34, 0x34, 0x32, 0x31, 0x30, 0x2f, 0x2f, 0x2f, 0x2f, 0x30,
        0x32, 0x35, 0x39, 0x3e, 0x42, 0x45, 0x4a, 0x49, 0x46, 0x44, 0x48, 0x63, 0x84, 0x84,
    ],
    [
        0x58, 0x58, 0x4b, 0x45, 0x42, 0x3f, 0x3e, 0x3d, 0x3c, 0x3b, 0x3b, 0x3b, 0x3a, 0x3a, 0x3a, 0x3a, 0x3a, 0x3a,
        0x3a, 0x3a, 0x39, 0x39, 0x39, 0x39, 0x38, 0x38, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 0x30, 0x2f,
        0x2f, 0x2f, 0x30, 0x31, 0x33, 0x35, 0x3c, 0x41, 0x47, 0x4a, 0x46, 0x44, 0x45, 0x4e,
    ],
];

/// How a mantissa is coded, by its distance from what is heard, in 32nds (7.16).
pub(super) const POINTERS: &[u8; 64] = b"\
    \x00\x01\x01\x01\x01\x01\x02\x02\x03\x03\x03\x04\x04\x05\x05\x06\
    \x06\x06\x06\x07\x07\x07\x07\x08\x08\x08\x08\x09\x09\x09\x09\x0a\
    \x0a\x0a\x0a\x0b\x0b\x0b\x0b\x0c\x0c\x0c\x0c\x0d\x0d\x0d\x0d\x0e\
    \x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f";

/// Bits of a mantissa, of those that are coded one by one (7.18).
pub(super) const BITS: [u8; 16] = [0, 0, 0, 3, 0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16];
/// Levels of a mantissa, of those that have few (7.18).
pub(super) const LEVELS: [u8; 6] = [0, 3, 5, 7, 11, 15];

pub(super) const SLOW_DECAY: [u8; 4] = [0x0f, 0x11, 0x13, 0x15];
pub(super) const FAST_DECAY: [u8; 4] = [0x3f, 0x53, 0x67, 0x7b];
pub(super) const SLOW_GAIN: [i16; 4] = [0x540, 0x4d8, 0x478, 0x410];
pub(super) const KNEE: [i16; 4] = [0x000, 0x700, 0x900, 0xb00];
pub(super) const FLOOR: [i16; 8] = [0x2f0, 0x2b0, 0x270, 0x230, 0x1f0, 0x170, 0x0f0, -0x800];

/// Where the bands of rematrixing begin, and the end of the last (7.25).
pub(super) const REMATRIXED: [usize; 5] = [13, 25, 37, 61, 253];
