//! Writes random frames of AC-3, with all that the standard has: also what FFmpeg's encoder never uses.
//!
//! How many bits the mantissas have, our own decoder says. If it were wrong, another decoder would read all that follows wrongly.

mod side;

use super::block::{Blocks, COUPLING, LOW};
use super::header::{Bits, Header, sum};
use super::tables::{BITS, LEVELS};

/// Random numbers.
pub(super) struct Draw(pub(super) u64);

impl Draw {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize * end) >> 31
    }

    /// Once in `of` times.
    fn once(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

/// What a stream is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// `acmod`.
    pub(super) mode: usize,
    pub(super) low: bool,
    /// `fscod`.
    pub(super) table: usize,
    /// `bsid`: 8, 6 for other fields in the header, 9 and 10 for half and quarter rates.
    pub(super) version: usize,
    /// Noise in place of bins without bits.
    pub(super) noisy: bool,
    /// The greatest coarse offset of signal to noise.
    pub(super) most: usize,
}

/// A stream in the making.
pub(super) struct Maker {
    kind: Kind,
    pub(super) draw: Draw,
    blocks: Blocks,
    bytes: Vec<u8>,
    at: usize,
    /// A frame is made.
    begun: bool,
    coupling: bool,
    coupled: [bool; 5],
    begin: usize,
    end: usize,
    bands: usize,
    phases: bool,
    ends: [usize; 5],
    /// Changes of bit allocation hold, so that they may go on.
    deltas: [bool; 7],
}

impl Maker {
    pub(super) fn new(kind: Kind, seed: u64) -> Self {
        let mut draw = Draw(seed);
        draw.below(2);
        Self {
            kind,
            draw,
            blocks: Blocks::new(),
            bytes: Vec::new(),
            at: 0,
            begun: false,
            coupling: false,
            coupled: [false; 5],
            begin: 0,
            end: 0,
            bands: 0,
            phases: false,
            ends: [0; 5],
            deltas: [false; 7],
        }
    }

    fn put(&mut self, value: usize, count: usize) {
        for bit in (0..count).rev() {
            if self.at.is_multiple_of(8) {
                self.bytes.push(0);
            }
            self.bytes[self.at / 8] |= ((value >> bit & 1) as u8) << (7 - self.at % 8);
            self.at += 1;
        }
    }

    fn flag(&mut self, flag: bool) -> bool {
        self.put(flag.into(), 1);
        flag
    }

    /// `count` random bits.
    fn any(&mut self, count: usize) -> usize {
        let value = self.draw.below(1 << count);
        self.put(value, count);
        value
    }

    /// A flag, and if it is set, random bits.
    fn option(&mut self, count: usize) {
        let set = self.draw.once(3);
        if self.flag(set) {
            self.any(count);
        }
    }

    /// The next frame.
    pub(super) fn frame(&mut self) -> Vec<u8> {
        let mut most = self.kind.most;
        loop {
            // Of the highest rate, 640 kbit/s.
            let code = 36 + self.draw.below(2);
            let words = [1280, 1393 + (code & 1), 1920][self.kind.table];
            self.write(code, most);
            if self.at <= 16 * words - 18 {
                while self.at < 16 * words {
                    self.any(1);
                }
                let mut frame = std::mem::take(&mut self.bytes);
                seal(&mut frame);
                self.begun = true;
                return frame;
            }
            most /= 2;
        }
    }

    fn write(&mut self, code: usize, most: usize) {
        let Kind { mode, low, table, version, .. } = self.kind;
        (self.bytes, self.at) = (Vec::new(), 0);
        self.put(0x0b77, 16);
        self.put(0, 16);
        self.put(table, 2);
        self.put(code, 6);
        self.put(version, 5);
        self.any(3);
        self.put(mode, 3);
        for present in [[3, 5, 7].contains(&mode), mode >= 4, mode == 2] {
            if present {
                let value = self.draw.below(3);
                self.put(value, 2);
            }
        }
        self.flag(low);
        for _ in 0..if mode == 0 { 2 } else { 1 } {
            self.any(5);
            for count in [8, 8, 7] {
                self.option(count);
            }
        }
        self.any(2);
        self.option(14);
        self.option(14);
        let more = self.draw.once(4);
        if self.flag(more) {
            let count = self.draw.below(20);
            self.put(count, 6);
            for _ in 0..=count {
                self.any(8);
            }
        }
        let header = Header {
            rate: 0,
            table,
            slower: version.saturating_sub(8),
            mode,
            full: [2, 1, 2, 3, 3, 4, 4, 5][mode],
            low,
            blocks: 6,
            frame: None,
        };
        self.deltas = [false; 7];
        for number in 0..6 {
            let begin = self.at;
            self.write_side(&header, number == 0, most);
            let mut bits = Bits::new(&self.bytes);
            bits.skip(begin);
            self.blocks.read_side(&mut bits, &header, number).expect("a good block");
            assert_eq!(bits.taken(), self.at, "we read more or less than was written");
            self.write_mantissas(&header);
        }
    }

    /// The channels of a block in the order in which they stand there.
    fn order(&self, header: &Header) -> Vec<usize> {
        let (coupling, low) = (self.coupling.then_some(COUPLING), header.low.then_some(LOW));
        coupling.into_iter().chain(0..header.full).chain(low).collect()
    }

    fn write_mantissas(&mut self, header: &Header) {
        let mut left = [0u32; 16];
        let mut coupling = self.coupling;
        for n in (0..header.full).chain(header.low.then_some(LOW)) {
            self.write_channel(n, &mut left);
            if coupling && self.coupled.get(n) == Some(&true) {
                self.write_channel(COUPLING, &mut left);
                coupling = false;
            }
        }
    }

    fn write_channel(&mut self, n: usize, left: &mut [u32; 16]) {
        let channel = &self.blocks.channels[n];
        let pointers = channel.pointers[channel.start..channel.end].to_vec();
        for pointer in pointers.into_iter().map(usize::from) {
            // Bits, and how many mantissas are in them.
            let (len, each) = match pointer {
                0 => continue,
                1 => (5, 3),
                2 => (7, 3),
                4 => (7, 2),
                pointer => (BITS[pointer].into(), 1),
            };
            if left[pointer] == 0 {
                let codes = LEVELS.get(pointer).map_or(1 << len, |levels| usize::from(*levels).pow(each));
                let code = self.draw.below(codes);
                self.put(code, len);
                left[pointer] = each;
            }
            left[pointer] -= 1;
        }
    }
}

/// Writes a frame's two sums: over its first five eighths, and over all of it.
pub(super) fn seal(frame: &mut [u8]) {
    let (words, len) = (frame.len() / 2, frame.len());
    let part = 2 * (words / 2 + words / 8);
    frame[2..4].fill(0);
    let mut first = sum(&frame[2..part]);
    // What has to stand at the begin so that this comes of it: the sum's steps, backwards.
    for _ in 0..8 * (part - 2) {
        first = if first & 1 == 1 { (first ^ 0x8005) >> 1 | 0x8000 } else { first >> 1 };
    }
    frame[2..4].copy_from_slice(&first.to_be_bytes());
    assert_eq!(sum(&frame[2..part]), 0);
    let last = sum(&frame[2..len - 2]);
    frame[len - 2..].copy_from_slice(&last.to_be_bytes());
}
