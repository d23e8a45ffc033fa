//! Mantissas, and the noise where there are none.

use super::allocation::Channel;
use super::header::Bits;
use super::tables::{BITS, LEVELS};

/// Mantissas that are left of codes that hold several, over all channels of a block.
#[derive(Default)]
pub(super) struct Groups([Group; 3]);

#[derive(Default)]
struct Group {
    code: usize,
    /// What the next one counts in the code.
    unit: usize,
}

impl Group {
    /// The next of the mantissas; a code that is none is silence.
    fn next(&mut self, bits: &mut Bits<'_>, len: usize, levels: usize, each: u32) -> f32 {
        if self.unit == 0 {
            let count = levels.pow(each);
            self.code = Some(bits.take(len)).filter(|code| *code < count).unwrap_or(count / 2);
            self.unit = count / levels;
        }
        let value = self.code / self.unit;
        self.code %= self.unit;
        self.unit /= levels;
        level(value, levels)
    }
}

/// A value of as many as `levels`, evenly about 0; the one behind the last is 0.
fn level(value: usize, levels: usize) -> f32 {
    if value >= levels { 0.0 } else { (2 * value as i32 + 1 - levels as i32) as f32 / levels as f32 }
}

/// Noise, by a generator that is good enough for it.
pub(super) struct Noise(u32);

impl Noise {
    pub(super) fn new() -> Self {
        Self(1)
    }

    /// Evenly from -0.7071 to 0.7071.
    pub(super) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 as i32 as f32 * (std::f32::consts::FRAC_1_SQRT_2 / 2_147_483_648.0)
    }
}

/// 2 to the power of -`exponent`.
pub(super) fn scale(exponent: u8) -> f32 {
    f32::from_bits((127 - u32::from(exponent & 63)) << 23)
}

/// Reads a channel's bins. Those without bits are noise, if there is one here, else 0.
pub(super) fn read(
    bits: &mut Bits<'_>,
    channel: &Channel,
    groups: &mut Groups,
    mut noise: Option<&mut Noise>,
    out: &mut [f32; 256],
) {
    let [of_3, of_5, of_11] = &mut groups.0;
    let span = channel.start..channel.end;
    let coded = channel.pointers[span.clone()].iter().zip(&channel.exponents[span.clone()]);
    for (out, (pointer, exponent)) in out[span].iter_mut().zip(coded) {
        let mantissa = match *pointer {
            0 => noise.as_mut().map_or(0.0, |noise| noise.next()),
            1 => of_3.next(bits, 5, 3, 3),
            2 => of_5.next(bits, 7, 5, 3),
            4 => of_11.next(bits, 7, 11, 2),
            pointer => {
                let len = usize::from(BITS[usize::from(pointer & 15)]);
                let value = bits.take(len);
                match LEVELS.get(usize::from(pointer)) {
                    Some(levels) => level(value, (*levels).into()),
                    None => ((value as u32) << (32 - len)) as i32 as f32 * (1.0 / 2_147_483_648.0),
                }
            }
        };
        *out = mantissa * scale(*exponent);
    }
}
