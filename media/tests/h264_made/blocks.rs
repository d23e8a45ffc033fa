//! Writes the macroblocks of a slice.

use super::Maker;
use super::bits::Bits;

impl Maker {
    pub(super) fn blocks(
        &mut self,
        bits: &mut Bits,
        (from, to): (u32, u32),
        kind: u32,
        pairs: bool,
        lengths: [u32; 2],
    ) {
        let each = if pairs { 2 } else { 1 };
        let mut skipped = 0;
        for _ in from..to {
            let (field, mut said) = (pairs && self.one_in(2), false);
            for _ in 0..each {
                if kind != 2 {
                    if self.one_in(3) {
                        skipped += 1;
                        continue;
                    }
                    bits.ue(std::mem::take(&mut skipped));
                }
                if pairs && !std::mem::replace(&mut said, true) {
                    bits.flag(field);
                }
                self.block(bits, kind, lengths.map(|length| if field { 2 * length } else { length }));
            }
        }
        if skipped > 0 {
            bits.ue(skipped);
        }
    }

    fn block(&mut self, bits: &mut Bits, kind: u32, lengths: [u32; 2]) {
        if kind == 2 || self.one_in(5) {
            bits.ue(match kind {
                0 => 30,
                1 => 48,
                _ => 25,
            });
            let samples = 256 + [0, 128, 256][self.form.chroma as usize];
            // Near enough to each other that weights never make zeros of them, which look like what is missing.
            let base = 90 + self.random.below(64) as u32;
            bits.aligned([]);
            for _ in 0..samples {
                let sample = base + self.random.below(16) as u32;
                if self.form.deep { bits.put(10, 4 * sample + sample % 4) } else { bits.put(8, sample) }
            }
            return;
        }
        if self.form.parts && self.one_in(2) {
            return self.quarters(bits, kind, lengths);
        }
        let way = if kind == 1 { self.random.below(4) as u32 } else { 0 };
        bits.ue(way);
        let used = match (kind, way) {
            (0, _) | (_, 1) => [true, false],
            (_, 2) => [false, true],
            (_, 3) => [true, true],
            _ => [false, false],
        };
        for list in (0..2).filter(|&list| used[list]) {
            bits.te(lengths[list] - 1, self.random.below(lengths[list].into()) as u32);
        }
        for _ in used.iter().filter(|used| **used) {
            bits.se(self.random.below(17) as i32 - 8);
            bits.se(self.random.below(17) as i32 - 8);
        }
        bits.ue(0);
    }

    /// A macroblock in four parts, each whole, in four, or without motion of its own.
    fn quarters(&mut self, bits: &mut Bits, kind: u32, lengths: [u32; 2]) {
        // Type, which lists it uses, blocks.
        const P: [(u32, [bool; 2], u32); 2] = [(0, [true, false], 1), (3, [true, false], 4)];
        const B: [(u32, [bool; 2], u32); 7] = [
            (0, [false, false], 0),
            (1, [true, false], 1),
            (2, [false, true], 1),
            (3, [true, true], 1),
            (10, [true, false], 4),
            (11, [false, true], 4),
            (12, [true, true], 4),
        ];
        bits.ue(if kind == 1 { 22 } else { 3 });
        let parts = [(); 4].map(|()| {
            if kind == 1 { B[self.random.below(B.len() as u64) as usize] } else { P[self.random.below(2) as usize] }
        });
        for part in parts {
            bits.ue(part.0);
        }
        for (list, length) in lengths.into_iter().enumerate() {
            for _ in parts.iter().filter(|part| part.1[list]) {
                bits.te(length - 1, self.random.below(length.into()) as u32);
            }
        }
        for list in 0..2 {
            for part in parts.iter().filter(|part| part.1[list]) {
                for _ in 0..2 * part.2 {
                    bits.se(self.random.below(9) as i32 - 4);
                }
            }
        }
        bits.ue(0);
    }
}
