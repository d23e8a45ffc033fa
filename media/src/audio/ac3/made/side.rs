//! Writes everything of a block that stands in front of its mantissas.

use super::Maker;
use crate::audio::ac3::block::{COUPLING, LOW};
use crate::audio::ac3::header::Header;
use crate::audio::ac3::tables::BANDS;

impl Maker {
    pub(super) fn write_side(&mut self, header: &Header, first: bool, most: usize) {
        let (full, mode) = (header.full, header.mode);
        for n in 0..full {
            // FFmpeg, once, mixes up what goes on from the block before where transforms differ: so do that where nothing does.
            let switched = if self.begun || !first { self.draw.once(3) } else { n == 0 };
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
            self.any(11);
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
        // FFmpeg has those of the frame before hold on where coupling was off in the first block.
        self.write_deltas(full, change && self.coupling && (self.deltas[COUPLING] || !first));
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
                    // Where it is about noise, that of coupled channels is to be heard.
                    let exponent = 2 + self.draw.below(if self.kind.noisy { 1 } else { 14 });
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

    /// `moved`: coupling may begin elsewhere than where its changes were for.
    fn write_deltas(&mut self, full: usize, moved: bool) {
        let send = moved || self.draw.once(3);
        if !self.flag(send) {
            return;
        }
        let all: Vec<usize> = self.coupling.then_some(COUPLING).into_iter().chain(0..full).collect();
        let kinds: Vec<usize> = all
            .iter()
            .map(|n| {
                let kept = self.deltas[*n] && !(moved && *n == COUPLING) && self.draw.once(2);
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
}
