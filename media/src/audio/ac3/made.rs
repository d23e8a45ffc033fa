//! Writes random frames of AC-3, with all that the standard has: also what FFmpeg's encoder never uses.
//!
//! How many bits the mantissas have, our own decoder says. If it were wrong, another decoder would read all that follows wrongly.

use super::block::{Blocks, COUPLING, LOW};
use super::header::{Bits, Header, sum};
use super::tables::{BANDS, BITS, LEVELS};

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
            [8, 8, 7].map(|count| self.option(count));
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
        };
        self.deltas = [false; 7];
        for number in 0..6 {
            let begin = self.at;
            self.write_side(&header, number == 0, most);
            let mut bits = Bits::new(&self.bytes);
            bits.skip(begin);
            self.blocks.read_side(&mut bits, &header, number == 0).expect("a good block");
            assert_eq!(bits.taken(), self.at, "we read more or less than was written");
            self.write_mantissas(&header);
        }
    }

    fn write_side(&mut self, header: &Header, first: bool, most: usize) {
        let (full, mode) = (header.full, header.mode);
        for _ in 0..full {
            let switched = self.draw.once(3);
            self.flag(switched);
        }
        for _ in 0..full {
            self.flag(self.kind.noisy);
        }
        for _ in 0..if mode == 0 { 2 } else { 1 } {
            let set = self.draw.once(3);
            if self.flag(set) {
                // Never louder than it is, where an error would be louder, too.
                let shift = [0, 7, 6, 5][self.draw.below(4)];
                self.put(shift, 3);
                self.any(5);
            }
        }
        let (was, before, from) = (self.coupling, self.coupled, self.begin);
        let change = first || self.draw.once(3);
        self.flag(change);
        if change {
            self.write_strategy(full, mode);
        }
        let starts = self.coupling && (first || !was);
        if self.coupling {
            self.write_coordinates(full, change);
        }
        let send = first || self.draw.once(3);
        if mode == 2 && self.flag(send) {
            let bands = if !self.coupling { 4 } else { [2, 3, 3].get(self.begin).copied().unwrap_or(4) };
            self.any(bands);
        }
        self.write_exponents(header, |n, coupled, begin| {
            first || change && (n == COUPLING || n < 5 && (coupled[n] != before[n] || coupled[n] && begin != from))
        });
        let send = first || self.draw.once(3);
        if self.flag(send) {
            [2, 2, 2, 2, 3].map(|count| self.any(count));
        }
        let send = starts || first || self.draw.once(3);
        if self.flag(send) {
            // Nothing at all, now and then.
            let silent = self.draw.once(10);
            let coarse = if silent { 0 } else { self.draw.below(most + 1) };
            self.put(coarse, 6);
            for _ in 0..full + usize::from(self.coupling) + usize::from(header.low) {
                if silent {
                    self.put(0, 4);
                } else {
                    self.any(4);
                }
                self.any(3);
            }
        }
        let send = starts || self.draw.once(3);
        if self.coupling && self.flag(send) {
            self.any(6);
        }
        self.write_deltas(full);
        let skips = self.draw.once(4);
        if self.flag(skips) {
            let count = self.draw.below(12);
            self.put(count, 9);
            for _ in 0..count {
                self.any(8);
            }
        }
    }

    fn write_strategy(&mut self, full: usize, mode: usize) {
        let on = mode >= 2 && !self.draw.once(3);
        self.coupling = self.flag(on);
        (self.coupled, self.phases) = ([false; 5], false);
        if on {
            self.coupled[..full].fill_with(|| !self.draw.once(3));
            let one = self.draw.below(full);
            self.coupled[one] = true;
            for n in 0..full {
                self.flag(self.coupled[n]);
            }
            if mode == 2 {
                self.phases = self.any(1) == 1;
            }
            (self.begin, self.end) = loop {
                let (begin, end) = (self.draw.below(16), self.draw.below(16));
                if begin < end + 3 {
                    break (begin, end);
                }
            };
            self.put(self.begin, 4);
            self.put(self.end, 4);
            self.bands = 1;
            for _ in self.begin + 1..self.end + 3 {
                self.bands += 1 - self.any(1);
            }
        }
    }

    fn write_coordinates(&mut self, full: usize, change: bool) {
        let mut any = false;
        for n in 0..full {
            let send = change || self.draw.once(3);
            if self.coupled[n] && self.flag(send) {
                any = true;
                self.any(2);
                for _ in 0..self.bands {
                    let exponent = 2 + self.draw.below(14);
                    self.put(exponent, 4);
                    self.any(4);
                }
            }
        }
        if any && self.phases {
            for _ in 0..self.bands {
                self.any(1);
            }
        }
    }

    /// `must(channel, coupled, begin)`: it may not keep its exponents.
    fn write_exponents(&mut self, header: &Header, must: impl Fn(usize, &[bool; 5], usize) -> bool) {
        let full = header.full;
        let mut strategies = [0; 7];
        for n in self.order(header) {
            if must(n, &self.coupled, self.begin) || self.draw.once(3) {
                strategies[n] = if n == LOW { 1 } else { 1 + self.draw.below(3) };
            }
            self.put(strategies[n], if n == LOW { 1 } else { 2 });
        }
        for n in (0..full).filter(|n| strategies[*n] != 0) {
            self.ends[n] = if self.coupled[n] {
                37 + 12 * self.begin
            } else {
                let width = self.draw.below(61);
                self.put(width, 6);
                73 + 3 * width
            };
        }
        for n in self.order(header).into_iter().filter(|n| strategies[*n] != 0) {
            let size = [0, 1, 2, 4][strategies[n]];
            let bins = match n {
                COUPLING => 12 * (self.end + 3 - self.begin),
                LOW => 6,
                n => self.ends[n] - 1,
            };
            // As loud as this, about.
            let level = 8 + self.draw.below(13);
            let mut exponent = if n == COUPLING { level / 2 } else { level.min(15) };
            self.put(exponent, 4);
            exponent *= if n == COUPLING { 2 } else { 1 };
            for _ in 0..bins.div_ceil(3 * size) {
                let steps = [0; 3].map(|_| {
                    let towards = if exponent < level { 2 } else { 0 };
                    let next = (exponent + self.draw.below(3) + towards).clamp(7, 26) - 2;
                    let step = next + 2 - exponent;
                    exponent = next;
                    step
                });
                self.put(25 * steps[0] + 5 * steps[1] + steps[2], 7);
            }
            if n < full {
                self.any(2);
            }
        }
    }

    fn write_deltas(&mut self, full: usize) {
        let send = self.draw.once(3);
        if !self.flag(send) {
            return;
        }
        let all: Vec<usize> = self.coupling.then_some(COUPLING).into_iter().chain(0..full).collect();
        let kinds: Vec<usize> = all
            .iter()
            .map(|n| {
                let kept = self.deltas[*n] && self.draw.once(2);
                let kind = if kept { 0 } else { 1 + self.draw.below(2) };
                self.put(kind, 2);
                kind
            })
            .collect();
        for (n, kind) in all.into_iter().zip(kinds) {
            if kind != 0 {
                self.deltas[n] = kind == 1;
            }
            if kind == 1 {
                let count = 1 + self.draw.below(8);
                self.put(count - 1, 3);
                // FFmpeg refuses what goes beyond the last band.
                let start = if n == COUPLING { 37 + 12 * self.begin } else { 0 };
                let mut left = BANDS.iter().filter(|band| usize::from(**band) > start).count() - 1;
                for _ in 0..count {
                    let offset = self.draw.below(left.min(8) + 1);
                    left -= offset;
                    let len = self.draw.below(left.min(15) + 1);
                    left -= len;
                    self.put(offset, 5);
                    self.put(len, 4);
                    self.any(3);
                }
            }
        }
    }

    /// The channels of a block in the order in which they stand there.
    fn order(&self, header: &Header) -> Vec<usize> {
        let (coupling, low) = (self.coupling.then_some(COUPLING), header.low.then_some(LOW));
        coupling.into_iter().chain(0..header.full).chain(low).collect()
    }

    fn write_mantissas(&mut self, header: &Header) {
        let mut left = [0; 16];
        let mut coupling = self.coupling;
        for n in (0..header.full).chain(header.low.then_some(LOW)) {
            self.write_channel(n, &mut left);
            if coupling && self.coupled.get(n) == Some(&true) {
                self.write_channel(COUPLING, &mut left);
                coupling = false;
            }
        }
    }

    fn write_channel(&mut self, n: usize, left: &mut [usize; 16]) {
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
