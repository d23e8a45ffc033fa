//! What E-AC-3 (ATSC A/52, annex E) says for a whole frame: how its blocks are read, and what does not stand in them.

use super::block::{COUPLING, LOW};
use super::header::{Bits, Header};

/// What is not decoded here.
pub(super) const LACKING: [&str; 4] = [
    "spectral extension",
    "enhanced coupling",
    "an adaptive hybrid transform",
    "signal-to-noise offsets of each block",
];

/// What holds for all blocks of a frame.
#[derive(Default)]
pub(super) struct Frame {
    /// It is no addition to another one.
    independent: bool,
    /// Of each block, whether it says anew how channels are coupled, and whether they are.
    pub(super) coupling: [(bool, bool); 6],
    /// Of each block, how the exponents of each channel are coded.
    pub(super) strategies: [[usize; 7]; 6],
    /// Of signal to noise, in all channels.
    pub(super) offset: i32,
    /// Whether blocks say which channels have short transforms, and which have noise.
    pub(super) switches: bool,
    pub(super) noise: bool,
    /// Whether they have parameters of bit allocation, fast gains, changes to what is heard, and bytes to skip.
    pub(super) model: bool,
    gains: bool,
    pub(super) deltas: bool,
    pub(super) skips: bool,
}

/// How the exponents of a channel are coded in the six blocks of a frame, by a number of five bits (E.2.3.2.18): 0 that they stay, else for
/// how many bins one stands.
const STRATEGIES: [&[u8; 6]; 32] = [
    b"100000", b"100003", b"100020", b"100033", b"200200", b"200203", b"200320", b"200333", b"201000", b"202003",
    b"202020", b"202033", b"203200", b"203203", b"203320", b"203333", b"310000", b"310003", b"320020", b"320033",
    b"320200", b"320203", b"320320", b"320333", b"331000", b"332003", b"332020", b"332033", b"333200", b"333203",
    b"333320", b"333333",
];

impl Header {
    /// The header of a frame of E-AC-3 behind the word that begins it, whose sum is right. Errors: something is not decoded here, which is one of
    /// [`LACKING`], or cannot be.
    pub(super) fn enhanced(rate: u32, len: usize, bits: &mut Bits<'_>) -> Result<Self, &'static str> {
        let independent = bits.take(2) != 1;
        bits.skip(14);
        let table = bits.take(2);
        if table == 3 {
            return Err("a half rate");
        }
        let blocks = [1, 2, 3, 6][bits.take(2)];
        let (mode, low) = (bits.take(3), bits.flag());
        bits.skip(5);
        let programmes = if mode == 0 { 2 } else { 1 };
        // Dialogue's level and compression.
        for _ in 0..programmes {
            bits.skip(5);
            bits.option(8);
        }
        if !independent {
            bits.option(16);
        }
        if bits.flag() {
            mixing(bits, (mode, low), blocks, independent);
        }
        if bits.flag() {
            bits.skip(5 + if mode == 2 { 4 } else { 0 } + if mode >= 6 { 2 } else { 0 });
            for _ in 0..programmes {
                bits.option(8);
            }
            bits.skip(1);
        }
        if independent && blocks != 6 {
            bits.skip(1);
        }
        if bits.flag() {
            let more = 8 * (bits.take(6) + 1);
            bits.skip(more);
        }
        let full = [2, 1, 2, 3, 3, 4, 4, 5][mode];
        let mut header = Self { rate, table, slower: 0, mode, full, low, blocks, frame: None };
        header.frame = Some(Frame::read(bits, &header, len, independent)?);
        Ok(header)
    }
}

/// Steps over what is said of mixing it with others.
fn mixing(bits: &mut Bits<'_>, (mode, low): (usize, bool), blocks: usize, independent: bool) {
    let (centre, surround) = (mode > 2 && mode & 1 == 1, mode & 4 != 0);
    bits.skip(if mode > 2 { 2 } else { 0 } + if centre { 6 } else { 0 } + if surround { 6 } else { 0 });
    if low {
        bits.option(5);
    }
    if !independent {
        return;
    }
    for _ in 0..if mode == 0 { 3 } else { 2 } {
        bits.option(6);
    }
    match bits.take(2) {
        1 => bits.skip(5),
        2 => bits.skip(12),
        3 => {
            let more = 8 * (bits.take(5) + 2);
            bits.skip(more);
        }
        _ => {}
    }
    // Where in the room one channel is.
    for _ in 0..[2, 1].get(mode).copied().unwrap_or(0) {
        bits.option(14);
    }
    if bits.flag() {
        for _ in 0..blocks {
            if blocks == 1 {
                bits.skip(5);
            } else {
                bits.option(5);
            }
        }
    }
}

impl Frame {
    fn read(bits: &mut Bits<'_>, header: &Header, len: usize, independent: bool) -> Result<Self, &'static str> {
        let Header { blocks, full, low, mode, .. } = *header;
        let mut frame = Self { independent, ..Self::default() };
        let (each, adaptive) = if blocks == 6 { (bits.flag(), bits.flag()) } else { (true, false) };
        let offsets = bits.take(2);
        let transients = bits.flag();
        (frame.switches, frame.noise, frame.model) = (bits.flag(), bits.flag(), bits.flag());
        (frame.gains, frame.deltas, frame.skips) = (bits.flag(), bits.flag(), bits.flag());
        let attenuated = bits.flag();
        if mode > 1 {
            let mut on = false;
            for (block, coupling) in frame.coupling[..blocks].iter_mut().enumerate() {
                let new = block == 0 || bits.flag();
                on = if new { bits.flag() } else { on };
                *coupling = (new, on);
            }
        }
        if each {
            for (strategies, (_, coupled)) in frame.strategies.iter_mut().zip(frame.coupling).take(blocks) {
                if coupled {
                    strategies[COUPLING] = bits.take(2);
                }
                strategies[..full].fill_with(|| bits.take(2));
            }
        } else {
            let common = frame.coupling.iter().any(|(_, on)| *on);
            for n in common.then_some(COUPLING).into_iter().chain(0..full) {
                let row = STRATEGIES[bits.take(5)];
                frame.strategies.iter_mut().zip(row).for_each(|(all, code)| all[n] = usize::from(code - b'0'));
            }
        }
        if low {
            frame.strategies[..blocks].iter_mut().for_each(|all| all[LOW] = bits.take(1));
        }
        // What the exponents were in AC-3, which it may be made of.
        if independent && (blocks == 6 || bits.flag()) {
            bits.skip(5 * full);
        }
        if adaptive {
            return Err(LACKING[2]);
        }
        if offsets != 0 {
            return Err(LACKING[3]);
        }
        frame.offset = (((bits.take(6) as i32 - 15) << 4) + bits.take(4) as i32) << 2;
        for (there, len) in [(transients, 18), (attenuated, 5)] {
            for _ in 0..if there { full } else { 0 } {
                bits.option(len);
            }
        }
        if blocks > 1 && bits.flag() {
            let words = len / 2;
            bits.skip((blocks - 1) * (4 + words.next_power_of_two().trailing_zeros() as usize));
        }
        Ok(frame)
    }

    /// Reads the fast gains of a block, and what AC-3 would have as its offset.
    pub(super) fn read_gains(
        &self,
        bits: &mut Bits<'_>,
        first: bool,
        order: impl Iterator<Item = usize>,
        mut set: impl FnMut(usize, usize),
    ) {
        if self.gains && bits.flag() {
            order.for_each(|n| set(n, bits.take(3)));
        } else if first {
            (0..7).for_each(|n| set(n, 4));
        }
        if self.independent {
            bits.option(10);
        }
    }
}
