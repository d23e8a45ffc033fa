//! The inverse cosine transform of MPEG-2 and MPEG-4 in whole numbers. Where an encoder's and a decoder's differ, so does every
//! picture until the next whole one; this one rounds where FFmpeg's does, so that its pictures are FFmpeg's.

/// Frequencies by column and row, or samples by row and column.
pub(crate) type Block = [[i16; 8]; 8];

/// What is added before the second half of a transform is rounded: FFmpeg's, a little less than one half.
const ALMOST_HALF: i32 = 32 * C4;

/// cos(n·π/16)·√2·2¹⁴. The fourth is one less than it should be, so that it fits into 15 bits with what it is added to.
const C1: i32 = 22725;
const C2: i32 = 21407;
const C3: i32 = 19266;
const C4: i32 = 16383;
const C5: i32 = 12873;
const C6: i32 = 8867;
const C7: i32 = 4520;

/// What the even and the odd frequencies bring to the first four samples; to the last four they bring the same and the opposite.
const EVEN: [[i32; 4]; 4] = [[C4, C2, C4, C6], [C4, C6, -C4, -C2], [C4, -C6, -C4, C2], [C4, -C2, C4, -C6]];
const ODD: [[i32; 4]; 4] = [[C1, C3, C5, C7], [C3, -C7, -C1, -C5], [C5, -C1, C7, C3], [C7, -C5, C3, -C1]];

/// Turns frequencies (`block[across][down]`) into samples (`block[y][x]`).
pub(crate) fn inverse(block: &Block) -> Block {
    let [first, others @ ..] = block;
    let mut rows = one_way(block, 1 << 10, 11);
    // A row of one tone is that exactly.
    let is_tone = |down: usize| -i16::from(others.iter().fold(0, |sum, across| sum | across[down]) == 0);
    let is_tone: [i16; 8] = std::array::from_fn(is_tone);
    for column in &mut rows {
        *column = std::array::from_fn(|down| column[down] & !is_tone[down] | first[down] << 3 & is_tone[down]);
    }
    let turned = std::array::from_fn(|down| std::array::from_fn(|x| rows[x][down]));
    one_way(&turned, ALMOST_HALF, 20)
}

/// Eight transforms of eight values beside each other. What only broken data reaches wraps.
#[inline(always)]
fn one_way(from: &Block, half: i32, shift: u32) -> Block {
    let mut to = [[0; 8]; 8];
    // The compiler makes one transform of vectors out of eight of numbers if what is repeated is all of a transform.
    for beside in 0..8 {
        let value = |k: usize| i32::from(from[k][beside]);
        let sum = |of: [i32; 4], [a, b, c, d]: [i32; 4]| {
            (of[0] * a).wrapping_add(of[1] * b).wrapping_add((of[2] * c).wrapping_add(of[3] * d))
        };
        let (even, odd) = ([0, 2, 4, 6].map(value), [1, 3, 5, 7].map(value));
        let even = EVEN.map(|times| sum(even, times).wrapping_add(half));
        let odd = ODD.map(|times| sum(odd, times));
        for x in 0..4 {
            to[x][beside] = (even[x].wrapping_add(odd[x]) >> shift) as i16;
            to[7 - x][beside] = (even[x].wrapping_sub(odd[x]) >> shift) as i16;
        }
    }
    to
}
