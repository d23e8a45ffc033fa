//! What a block says beside its mantissas, and how its bins come of both.

use super::allocation::{Channel, Model};
use super::enhanced::LACKING;
use super::header::{Bits, Header};
use super::mantissas::{Groups, Noise, read, scale};
use super::tables::REMATRIXED;

/// Where in the channels those are that are not of full width: low frequencies, and what coupled ones have in common.
pub(super) const LOW: usize = 5;
pub(super) const COUPLING: usize = 6;

/// Which bands of coupling go on the one before where E-AC-3 does not say.
const JOINED: [bool; 18] = {
    let (mut joined, mut band) = ([false; 18], 0);
    while band < 18 {
        joined[band] = 0b11_1110_1101_0000_0000 >> band & 1 == 1;
        band += 1;
    }
    joined
};

/// All that holds from one block to the next.
pub(super) struct Blocks {
    pub(super) channels: [Channel; 7],
    model: Model,
    noise: Noise,
    /// Coupling is on, and for which channels.
    coupling: bool,
    coupled: [bool; 5],
    /// Where the bands of coupling end, and how loud each is in each channel; whether the right one has it reversed.
    bands: Vec<usize>,
    coordinates: [[f32; 18]; 5],
    /// Which bands of coupling go on the one before.
    joined: [bool; 18],
    /// In E-AC-3, channels whose coordinates must come with their next coupling, and whether its leaks must.
    fresh: [bool; 5],
    fresh_leaks: bool,
    phases: bool,
    reversed: [bool; 18],
    /// Bands in which left and right are sum and difference.
    rematrixed: [bool; 4],
    /// What the channels' samples are multiplied by: of two programmes each has its own.
    gains: [f32; 2],
    /// Channels with two short transforms in this block, and those with noise where there are no bits.
    pub(super) switched: [bool; 5],
    noisy: [bool; 5],
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self {
            channels: std::array::from_fn(|_| Channel::new()),
            model: Model::default(),
            noise: Noise::new(),
            coupling: false,
            coupled: [false; 5],
            bands: Vec::new(),
            coordinates: [[0.0; 18]; 5],
            joined: [false; 18],
            fresh: [true; 5],
            fresh_leaks: true,
            phases: false,
            reversed: [false; 18],
            rematrixed: [false; 4],
            gains: [1.0; 2],
            switched: [false; 5],
            noisy: [false; 5],
        }
    }

    /// What channel `n` of this block is multiplied by.
    pub(super) fn gain(&self, header: &Header, n: usize) -> f32 {
        self.gains[usize::from(header.mode == 0 && n != 0)]
    }

    /// Reads block `number` of a frame; the bins of its channels come into `bins`. Errors: what the block says cannot be, it is cut off, or
    /// has what is not decoded here.
    pub(super) fn read(
        &mut self,
        bits: &mut Bits<'_>,
        header: &Header,
        number: usize,
        bins: &mut [[f32; 256]; 6],
    ) -> Result<(), &'static str> {
        self.read_side(bits, header, number)?;
        let mut groups = Groups::default();
        let mut common = None;
        for n in (0..header.full).chain(header.low.then_some(LOW)) {
            let channel = &self.channels[n];
            bins[n][channel.end..].fill(0.0);
            let noise = self.noisy.get(n).is_some_and(|noisy| *noisy).then_some(&mut self.noise);
            read(bits, channel, &mut groups, noise, &mut bins[n]);
            if common.is_none() && self.coupled.get(n) == Some(&true) {
                let mut bins = [0.0; 256];
                read(bits, &self.channels[COUPLING], &mut groups, None, &mut bins);
                common = Some(bins);
            }
        }
        if bits.ended() {
            return Err("cut off");
        }
        if let Some(common) = common {
            self.uncouple(&common, bins);
        }
        if header.mode == 2 {
            let [left, right, ..] = bins;
            let end = self.channels[0].end.min(self.channels[1].end);
            for (band, _) in self.rematrixed.iter().enumerate().filter(|(_, sums)| **sums) {
                for bin in REMATRIXED[band]..REMATRIXED[band + 1].min(end) {
                    (left[bin], right[bin]) = (left[bin] + right[bin], left[bin] - right[bin]);
                }
            }
        }
        Ok(())
    }

    /// Gives each coupled channel its share of the bins that they have in common.
    fn uncouple(&mut self, common: &[f32; 256], bins: &mut [[f32; 256]; 6]) {
        let coupling = &self.channels[COUPLING];
        for (n, out) in bins[..5].iter_mut().enumerate().filter(|(n, _)| self.coupled[*n]) {
            let mut start = coupling.start;
            for (band, end) in self.bands.iter().enumerate() {
                let back = n == 1 && self.phases && self.reversed[band];
                let share = self.coordinates[n][band] * if back { -1.0 } else { 1.0 };
                for bin in start..*end {
                    let value = match coupling.pointers[bin] {
                        0 if self.noisy[n] => self.noise.next() * scale(coupling.exponents[bin]),
                        _ => common[bin],
                    };
                    out[bin] = value * share;
                }
                start = *end;
            }
            out[start..].fill(0.0);
        }
    }

    /// Everything in front of the mantissas.
    pub(super) fn read_side(
        &mut self,
        bits: &mut Bits<'_>,
        header: &Header,
        number: usize,
    ) -> Result<(), &'static str> {
        let (full, first, frame) = (header.full, number == 0, header.frame.as_ref());
        if first {
            self.channels.iter_mut().for_each(Channel::begin);
            (self.gains, self.rematrixed) = ([1.0; 2], [false; 4]);
            (self.fresh, self.fresh_leaks) = ([true; 5], true);
        }
        self.switched[..full].fill_with(|| frame.is_none_or(|frame| frame.switches) && bits.flag());
        self.noisy[..full].fill_with(|| frame.is_some_and(|frame| !frame.noise) || bits.flag());
        for gain in &mut self.gains[..if header.mode == 0 { 2 } else { 1 }] {
            if bits.flag() {
                let (shift, value) = (bits.take(3) as i32, bits.take(5) + 32);
                *gain = value as f32 / 32.0 * f32::powi(2.0, if shift < 4 { shift } else { shift - 8 });
            }
        }
        if frame.is_some() && (first || bits.flag()) && bits.flag() {
            return Err(LACKING[0]);
        }
        self.read_coupling(bits, header, number)?;
        let coupling = self.coupling;
        if header.mode == 2 && (first && frame.is_some() || bits.flag()) {
            let start = self.channels[COUPLING].start;
            let bands = if !coupling || start > 61 {
                4
            } else if start > 37 {
                3
            } else {
                2
            };
            self.rematrixed = [false; 4];
            self.rematrixed[..bands].fill_with(|| bits.flag());
        }
        self.read_exponents(bits, header, number)?;

        let used = |n: usize| n < full || n == LOW && header.low || n == COUPLING && coupling;
        // In the order in which they stand in the stream.
        let order = [COUPLING, 0, 1, 2, 3, 4, LOW].into_iter().filter(|n| used(*n));
        let missing = |what| if first { Err(what) } else { Ok(()) };
        if frame.is_some_and(|frame| !frame.model) {
            self.model.set([2, 1, 1, 2, 7], header);
        } else if bits.flag() {
            self.model.read(bits, header);
            self.channels.iter_mut().for_each(|channel| channel.changed = true);
        } else {
            missing("no parameters of bit allocation")?;
        }
        if let Some(frame) = frame {
            let channels = &mut self.channels;
            if first {
                channels.iter_mut().for_each(|channel| channel.set_offset(frame.offset));
            }
            frame.read_gains(bits, first, order.clone(), |n, code| channels[n].set_fast_gain(code));
        } else if bits.flag() {
            let coarse = bits.take(6);
            order.clone().for_each(|n| self.channels[n].read_offset(bits, coarse));
        } else {
            missing("no signal-to-noise offsets")?;
        }
        if coupling {
            if frame.is_some() && std::mem::take(&mut self.fresh_leaks) || bits.flag() {
                self.model.leaks = [0; 2].map(|_| ((bits.take(3) << 8) + 768) as i32);
                self.channels[COUPLING].changed = true;
            } else {
                missing("no leaks of coupling")?;
            }
        }
        if frame.is_none_or(|frame| frame.deltas) && bits.flag() {
            let kinds = [COUPLING, 0, 1, 2, 3, 4].map(|n| (n, if n != LOW && used(n) { bits.take(2) } else { 0 }));
            for (n, kind) in kinds {
                let channel = &mut self.channels[n];
                match kind {
                    0 => continue,
                    1 => channel.read_deltas(bits),
                    2 => channel.forget_deltas(),
                    _ => return Err("reserved changes of bit allocation"),
                }
                channel.changed = true;
            }
        }
        if frame.is_none_or(|frame| frame.skips) && bits.flag() {
            let skipped = 8 * bits.take(9);
            bits.skip(skipped);
        }
        for n in order {
            let channel = &mut self.channels[n];
            if channel.changed {
                channel.allocate(&self.model, header, n == LOW);
            }
        }
        Ok(())
    }

    /// Which channels are coupled where, and how.
    fn read_coupling(&mut self, bits: &mut Bits<'_>, header: &Header, number: usize) -> Result<(), &'static str> {
        let (full, first, frame) = (header.full, number == 0, header.frame.as_ref());
        let enhanced = frame.is_some();
        let (new, on) = match frame {
            Some(frame) => frame.coupling[number],
            None => {
                let new = bits.flag();
                (new, new && bits.flag())
            }
        };
        if new {
            (self.coupling, self.coupled, self.phases) = (on, [false; 5], false);
            if !on {
                (self.fresh, self.fresh_leaks) = ([true; 5], true);
            }
            if self.coupling {
                if header.mode < 2 {
                    return Err("one channel is coupled");
                }
                if enhanced && bits.flag() {
                    return Err(LACKING[1]);
                }
                self.coupled[..full].fill_with(|| enhanced && header.mode == 2 || bits.flag());
                self.phases = header.mode == 2 && bits.flag();
                let (begin, end) = (bits.take(4), bits.take(4) + 3);
                if begin >= end {
                    return Err("coupling ends before it begins");
                }
                let bin = |band: usize| 37 + 12 * band;
                let coupling = &mut self.channels[COUPLING];
                (coupling.start, coupling.end, coupling.changed) = (bin(begin), bin(end), true);
                let joined = &mut self.joined[..end - begin - 1];
                if !enhanced || bits.flag() {
                    joined.fill_with(|| bits.flag());
                } else if first {
                    joined.copy_from_slice(&JOINED[begin + 1..end]);
                }
                self.bands.clear();
                // A band that goes on does not end there.
                let ends = (begin + 1..end).zip(&*joined).filter(|(_, joined)| !**joined);
                self.bands.extend(ends.map(|(band, _)| bin(band)));
                self.bands.push(bin(end));
            }
        } else if first && !enhanced {
            return Err("no strategy of coupling");
        }
        let mut new = false;
        for n in 0..full {
            if !self.coupled[n] {
                self.fresh[n] = true;
                continue;
            }
            if !(enhanced && std::mem::take(&mut self.fresh[n]) || bits.flag()) {
                if first {
                    return Err("no coordinates of coupling");
                }
                continue;
            }
            new = true;
            let master = 3 * bits.take(2);
            for coordinate in &mut self.coordinates[n][..self.bands.len()] {
                *coordinate = self::coordinate(bits.take(4), bits.take(4), master);
            }
        }
        if new && self.phases {
            self.reversed[..self.bands.len()].fill_with(|| bits.flag());
        }
        Ok(())
    }

    /// The exponents of all channels, or that they stay.
    fn read_exponents(&mut self, bits: &mut Bits<'_>, header: &Header, number: usize) -> Result<(), &'static str> {
        let (full, coupling) = (header.full, self.coupling);
        let mut strategies = [0; 7];
        if let Some(frame) = &header.frame {
            strategies = frame.strategies[number];
        } else {
            if coupling {
                strategies[COUPLING] = bits.take(2);
            }
            strategies[..full].fill_with(|| bits.take(2));
            strategies[LOW] = if header.low { bits.take(1) } else { 0 };
        }
        if header.low {
            (self.channels[LOW].start, self.channels[LOW].end) = (0, 7);
        }
        for n in (0..full).filter(|n| strategies[*n] != 0) {
            self.channels[n].end = if self.coupled[n] {
                self.channels[COUPLING].start
            } else {
                let width = bits.take(6);
                if width > 60 {
                    return Err("an invalid width");
                }
                73 + 3 * width
            };
        }
        let (used, low) = (coupling.then_some(COUPLING), header.low.then_some(LOW));
        for n in used.into_iter().chain(0..full).chain(low) {
            match strategies[n] {
                0 if !self.channels[n].known => return Err("no exponents"),
                0 => {}
                strategy => self.channels[n].read_exponents(bits, strategy, n == COUPLING)?,
            }
            if n < full && strategies[n] != 0 {
                bits.skip(2);
            }
        }
        Ok(())
    }
}

/// How loud a channel has a band of coupling: a mantissa with a hidden first bit, but for the smallest exponent.
pub(super) fn coordinate(exponent: usize, mantissa: usize, master: usize) -> f32 {
    let (value, shift) = if exponent == 15 { (mantissa, 16) } else { (mantissa + 16, exponent + 2) };
    value as f32 * scale((shift + master) as u8)
}
