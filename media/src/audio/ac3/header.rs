//! Bits, and the header of a frame.

use super::enhanced::Frame;
use crate::container::ac3_frame;

/// Bits of a frame, the first one first. Behind the last one there are zeros. (Those of `video::bits` go bit by bit and ask each time whether
/// there is one: for mantissas, too slow.)
#[derive(Clone)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next `count` bits, 1 to 16.
    pub(super) fn take(&mut self, count: usize) -> usize {
        let rest = self.data.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk() {
            Some(bytes) => u32::from_be_bytes(*bytes),
            None => (0..4).fold(0, |word, n| word << 8 | u32::from(rest.get(n).copied().unwrap_or(0))),
        };
        let bits = word << (self.at % 8) >> (32 - count);
        self.at += count;
        bits as usize
    }

    pub(super) fn flag(&mut self) -> bool {
        self.take(1) != 0
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// How many bits were taken.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.at
    }

    /// More was taken than there is.
    pub(super) fn ended(&self) -> bool {
        self.at > 8 * self.data.len()
    }
}

/// What a frame's header says.
pub(super) struct Header {
    /// In Hz.
    pub(super) rate: u32,
    /// Which of the tables of 48, 44.1 and 32 kHz.
    pub(super) table: usize,
    /// 1 at half of these rates, 2 at a quarter.
    pub(super) slower: usize,
    /// `acmod`, 0 to 7.
    pub(super) mode: usize,
    /// Channels without the one of low frequencies.
    pub(super) full: usize,
    pub(super) low: bool,
    /// Blocks of 256 samples.
    pub(super) blocks: usize,
    /// What E-AC-3 says of all blocks.
    pub(super) frame: Option<Frame>,
}

impl Header {
    /// The header of the frame that begins here, and the bits behind it. Errors: it is no frame, is cut, or its sum is wrong.
    pub(super) fn parse(data: &[u8]) -> Result<(Self, Bits<'_>), &'static str> {
        let (len, rate) = ac3_frame(data).ok_or("no header")?;
        let frame = data.get(..len).ok_or("cut off")?;
        if sum(&frame[2..]) != 0 {
            return Err("its sum is wrong");
        }
        let mut bits = Bits::new(&frame[..len - 2]);
        if frame[5] >> 3 > 10 {
            bits.skip(16);
            return Ok((Self::enhanced(rate, len, &mut bits)?, bits));
        }
        bits.skip(32);
        let table = bits.take(2);
        bits.skip(6);
        let slower = bits.take(5).saturating_sub(8);
        bits.skip(3);
        let mode = bits.take(3);
        // How loud the centre and the surround are in fewer channels; Dolby Surround.
        for present in [mode & 1 == 1 && mode != 1, mode & 4 != 0, mode == 2] {
            bits.skip(if present { 2 } else { 0 });
        }
        let low = bits.flag();
        // Dialogue's level; then compression, language and the studio's loudness; all twice for two programmes.
        for _ in 0..if mode == 0 { 2 } else { 1 } {
            bits.skip(5);
            for len in [8, 8, 7] {
                bits.option(len);
            }
        }
        // Copyright; times, or what stands in their place; more.
        bits.skip(2);
        bits.option(14);
        bits.option(14);
        if bits.flag() {
            let more = 8 * (bits.take(6) + 1);
            bits.skip(more);
        }
        let full = [2, 1, 2, 3, 3, 4, 4, 5][mode];
        Ok((Self { rate, table, slower, mode, full, low, blocks: 6, frame: None }, bits))
    }
}

impl Bits<'_> {
    /// Skips a field that a flag announces.
    pub(super) fn option(&mut self, len: usize) {
        if self.flag() {
            self.skip(len);
        }
    }
}

/// The sum over a frame behind its first two bytes: 0 of an undamaged one. By the polynomial 0x8005.
pub(super) fn sum(data: &[u8]) -> u16 {
    const STEPS: [u16; 16] = {
        let (mut steps, mut n) = ([0; 16], 0);
        while n < 16 {
            let (mut step, mut bit) = ((n as u16) << 12, 0);
            while bit < 4 {
                step = step << 1 ^ if step >> 15 == 1 { 0x8005 } else { 0 };
                bit += 1;
            }
            steps[n] = step;
            n += 1;
        }
        steps
    };
    data.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .fold(0, |sum, half| sum << 4 ^ STEPS[usize::from(sum >> 12 ^ u16::from(half))])
}
