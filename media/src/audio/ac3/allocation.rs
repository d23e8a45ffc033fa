//! Exponents, and how many bits each mantissa has: a model of what is heard, that the encoder has too.

use super::header::{Bits, Header};
use super::tables::{BANDS, FAST_DECAY, FLOOR, HEARD, KNEE, LOUDER, POINTERS, SLOW_DECAY, SLOW_GAIN};

/// What the model takes from the stream for all channels.
#[derive(Default)]
pub(super) struct Model {
    slow_decay: i32,
    fast_decay: i32,
    slow_gain: i32,
    knee: i32,
    floor: i32,
    /// Where the coupling channel's fast and slow decay begin.
    pub(super) leaks: [i32; 2],
}

impl Model {
    pub(super) fn read(&mut self, bits: &mut Bits<'_>, header: &Header) {
        self.set([2, 2, 2, 2, 3].map(|len| bits.take(len)), header);
    }

    /// Takes the codes of slow and fast decay, slow gain, knee and floor.
    pub(super) fn set(&mut self, [slow, fast, gain, knee, floor]: [usize; 5], header: &Header) {
        self.slow_decay = i32::from(SLOW_DECAY[slow]) >> header.slower;
        self.fast_decay = i32::from(FAST_DECAY[fast]) >> header.slower;
        self.slow_gain = SLOW_GAIN[gain].into();
        self.knee = KNEE[knee].into();
        self.floor = FLOOR[floor].into();
    }
}

/// A channel, or what coupled channels have in common.
pub(super) struct Channel {
    /// Its first bin.
    pub(super) start: usize,
    /// The bin behind its last.
    pub(super) end: usize,
    /// It has exponents of this frame.
    pub(super) known: bool,
    /// What was read since the last allocation may have changed it.
    pub(super) changed: bool,
    /// By how many bits each bin is shifted to the right.
    pub(super) exponents: [u8; 256],
    /// How the mantissa of each bin is coded.
    pub(super) pointers: [u8; 256],
    /// Of signal to noise.
    pub(super) offset: i32,
    pub(super) fast_gain: i32,
    /// Changes to what is heard: bands from the end of the one before (or the first band), how many, and by what.
    deltas: [(u8, u8, i16); 8],
    /// How many of these are in use.
    segments: usize,
}

impl Channel {
    pub(super) fn new() -> Self {
        Self {
            start: 0,
            end: 0,
            known: false,
            changed: true,
            exponents: [0; 256],
            pointers: [0; 256],
            offset: 0,
            fast_gain: 0,
            deltas: [(0, 0, 0); 8],
            segments: 0,
        }
    }

    /// Nothing of the frame before holds any longer.
    pub(super) fn begin(&mut self) {
        (self.known, self.changed, self.segments) = (false, true, 0);
    }

    /// Reads exponents. `strategy`: 1 for each bin one, 2 for two bins, 3 for four. Errors: invalid values.
    pub(super) fn read_exponents(
        &mut self,
        bits: &mut Bits<'_>,
        strategy: usize,
        coupling: bool,
    ) -> Result<(), &'static str> {
        let mut exponent = bits.take(4);
        let mut from = self.start;
        if coupling {
            // It only counts from there.
            exponent *= 2;
        } else {
            self.exponents[from] = exponent as u8;
            from += 1;
        }
        let size = [1, 1, 2, 4][strategy & 3];
        for group in self.exponents[from..self.end].chunks_mut(3 * size) {
            let code = bits.take(7);
            for (bins, step) in group.chunks_mut(size).zip([code / 25, code / 5 % 5, code % 5]) {
                exponent = exponent.wrapping_add(step).wrapping_sub(2);
                if exponent > 24 || code >= 125 {
                    return Err("invalid exponents");
                }
                bins.fill(exponent as u8);
            }
        }
        (self.known, self.changed) = (true, true);
        Ok(())
    }

    /// Reads the offset of signal to noise, and the gain that decays fast.
    pub(super) fn read_offset(&mut self, bits: &mut Bits<'_>, coarse: usize) {
        self.offset = (((coarse as i32 - 15) << 4) + bits.take(4) as i32) << 2;
        self.fast_gain = 128 * (bits.take(3) as i32 + 1);
        self.changed = true;
    }

    /// Sets the offset of signal to noise that a whole frame has.
    pub(super) fn set_offset(&mut self, offset: i32) {
        (self.offset, self.changed) = (offset, true);
    }

    /// Sets the gain that decays fast, by its code.
    pub(super) fn set_fast_gain(&mut self, code: usize) {
        (self.fast_gain, self.changed) = (128 * (code as i32 + 1), true);
    }

    /// Reads changes to what is heard.
    pub(super) fn read_deltas(&mut self, bits: &mut Bits<'_>) {
        self.segments = bits.take(3) + 1;
        for delta in &mut self.deltas[..self.segments] {
            let (bands, count, by) = (bits.take(5), bits.take(4), bits.take(3) as i16);
            *delta = (bands as u8, count as u8, if by < 4 { by - 4 } else { by - 3 } * 128);
        }
    }

    pub(super) fn forget_deltas(&mut self) {
        self.segments = 0;
    }

    /// Finds how each mantissa is coded. `low`: it is the channel of low frequencies.
    pub(super) fn allocate(&mut self, model: &Model, header: &Header, low: bool) {
        self.changed = false;
        if self.offset == -960 || self.end <= self.start {
            self.pointers = [0; 256];
            return;
        }
        let (first, last) = (band_of(self.start), band_of(self.end - 1) + 1);
        let bins = |band: usize| usize::from(BANDS[band]).max(self.start)..usize::from(BANDS[band + 1]).min(self.end);
        let power = |bin: usize| 3072 - (i32::from(self.exponents[bin]) << 7);
        let mut powers = [0; 51];
        for (band, sum) in powers.iter_mut().enumerate().take(last).skip(first) {
            let all = bins(band).map(power);
            *sum = all.reduce(|a, b| a.max(b) + added(a.abs_diff(b))).unwrap_or(0);
        }
        let mut mask = self.excited(model, &powers, first, last, low);
        for band in first..last {
            mask[band] += (model.knee - powers[band]).max(0) >> 2;
            mask[band] = mask[band].max(i32::from(HEARD[header.table][band >> header.slower]) << 4);
        }
        let mut band = first;
        for (bands, count, by) in &self.deltas[..self.segments] {
            band += usize::from(*bands);
            for mask in mask.iter_mut().skip(band).take((*count).into()) {
                *mask += i32::from(*by);
            }
            band += usize::from(*count);
        }
        let mut pointers = [0; 256];
        for band in first..last {
            let mask = ((mask[band] - self.offset - model.floor).max(0) & 0x1fe0) + model.floor;
            for bin in bins(band) {
                pointers[bin] = POINTERS[((power(bin) - mask) >> 5).clamp(0, 63) as usize];
            }
        }
        self.pointers = pointers;
    }

    /// How the sounds of each band spread over the higher ones.
    fn excited(&self, model: &Model, powers: &[i32; 51], first: usize, last: usize, low: bool) -> [i32; 50] {
        let mut excited = [0; 50];
        let (fast_gain, slow_gain) = (self.fast_gain, model.slow_gain);
        let [mut fast, mut slow] = model.leaks;
        let mut begin = first;
        if first == 0 {
            // Low bands, beside a much louder one, get more bits.
            let mut less = 0;
            let mut compensate = |band: usize| {
                let (this, next) = (powers[band], powers[band + 1]);
                less = match band {
                    6 if low => less,
                    20.. => (less - 128).max(0),
                    _ if this + 256 == next => {
                        if band < 7 {
                            384
                        } else {
                            320
                        }
                    }
                    _ if this > next => (less - 64).max(0),
                    _ => less,
                };
                less
            };
            begin = 7;
            for band in 0..7 {
                let less = compensate(band);
                (fast, slow) = (powers[band] - fast_gain, powers[band] - slow_gain);
                excited[band] = fast - less;
                if band >= 2 && powers[band] <= powers[band + 1] && !(low && band == 6) {
                    begin = band + 1;
                    break;
                }
            }
            for band in begin..last.min(22) {
                let less = compensate(band);
                fast = (fast - model.fast_decay).max(powers[band] - fast_gain);
                slow = (slow - model.slow_decay).max(powers[band] - slow_gain);
                excited[band] = (fast - less).max(slow);
            }
            begin = 22;
        }
        for band in begin..last {
            fast = (fast - model.fast_decay).max(powers[band] - fast_gain);
            slow = (slow - model.slow_decay).max(powers[band] - slow_gain);
            excited[band] = fast.max(slow);
        }
        excited
    }
}

/// The band of a bin.
fn band_of(bin: usize) -> usize {
    BANDS.partition_point(|band| usize::from(*band) <= bin) - 1
}

/// What two powers at this distance are more than the greater one.
fn added(distance: u32) -> i32 {
    LOUDER[(distance as usize / 2).min(LOUDER.len() - 1)].into()
}
