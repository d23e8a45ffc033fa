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
    let mut rows = one_way(block, 1 << 10, 11);
    for down in 0..8 {
        // A row of one tone is that exactly.
        if block[1..].iter().all(|across| across[down] == 0) {
            let tone = block[0][down] << 3;
            rows.iter_mut().for_each(|x| x[down] = tone);
        }
    }
    let mut turned = [[0; 8]; 8];
    for (x, column) in rows.iter().enumerate() {
        for (row, sample) in turned.iter_mut().zip(column) {
            row[x] = *sample;
        }
    }
    one_way(&turned, ALMOST_HALF, 20)
}

/// Eight transforms of eight values beside each other. What only broken data reaches wraps.
#[inline(always)]
fn one_way(from: &Block, half: i32, shift: u32) -> Block {
    let mut to = [[0; 8]; 8];
    for x in 0..4 {
        for beside in 0..8 {
            let (mut even, mut odd) = (half, 0_i32);
            for k in 0..4 {
                even = even.wrapping_add(EVEN[x][k] * i32::from(from[2 * k][beside]));
                odd = odd.wrapping_add(ODD[x][k] * i32::from(from[2 * k + 1][beside]));
            }
            to[x][beside] = (even.wrapping_add(odd) >> shift) as i16;
            to[7 - x][beside] = (even.wrapping_sub(odd) >> shift) as i16;
        }
    }
    to
}
