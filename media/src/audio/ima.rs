//! IMA's ADPCM as QuickTime, AIFF-C and CAF have it: of each channel in turn 34 bytes, which are 64 samples. (symphonia 0.6.1 begins each block
//! with the nine bits of the sample that stand in its head, where decoders go on with all sixteen.)

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::codec::{Codec, Shape};
use crate::{MediaError, speakers};

/// Bytes of a block of one channel, and its samples.
pub(crate) const UNIT: (u64, u64) = (34, 64);

const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107,
    118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963,
    1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894,
    6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794,
    32767,
];

/// What the last sample of a channel leaves for the next one.
#[derive(Clone, Copy, Default)]
struct State {
    sample: i32,
    step: i32,
}

impl State {
    fn next(&mut self, code: i32) -> i32 {
        let step = STEPS[self.step as usize];
        let parts = [(4, step), (2, step >> 1), (1, step >> 2)];
        let by = (step >> 3) + parts.iter().filter(|(bit, _)| code & bit != 0).map(|(_, part)| part).sum::<i32>();
        self.sample = (self.sample + if code & 8 == 0 { by } else { -by }).clamp(-32_768, 32_767);
        self.step = (self.step + [-1, -1, -1, -1, 2, 4, 6, 8][(code & 7) as usize]).clamp(0, 88);
        self.sample
    }
}

pub(super) struct Ima {
    shape: Shape,
    states: Vec<State>,
}

impl Ima {
    /// Errors: rate or channels cannot be.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, MediaError> {
        let (speakers, _) = speakers::of(params.channels.as_ref());
        let channels = params.channels.as_ref().map_or(0, |channels| channels.count());
        let shape = Shape { rate: params.sample_rate.unwrap_or(0), channels: channels as u16, speakers };
        if !(1..=8).contains(&channels) || shape.rate == 0 {
            return Err(MediaError::Broken("ADPCM without rate or channels".into()));
        }
        Ok(Self { shape, states: vec![State::default(); channels] })
    }
}

impl Codec for Ima {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        let (bytes, samples) = (UNIT.0 as usize, UNIT.1 as usize);
        let channels = self.states.len();
        for blocks in data.chunks_exact(bytes * channels) {
            let begin = out.len();
            out.resize(begin + samples * channels, 0.0);
            for (channel, (block, state)) in blocks.chunks_exact(bytes).zip(&mut self.states).enumerate() {
                let head = i16::from_be_bytes([block[0], block[1]]);
                let (sample, step) = (i32::from(head & !0x7f), i32::from(head & 0x7f).min(88));
                // The head has a sample without its lower bits: that of the block before is more exact, unless this one is another's.
                if step != state.step || (sample - state.sample).abs() > 0x7f {
                    *state = State { sample, step };
                }
                let codes = block[2..].iter().flat_map(|byte| [byte & 15, byte >> 4]);
                for (at, code) in codes.enumerate() {
                    out[begin + at * channels + channel] = state.next(code.into()) as f32 / 32_768.0;
                }
            }
        }
        Ok(self.shape)
    }

    fn reset(&mut self) {
        self.states.fill(State::default());
    }

    fn preroll_ms(&self) -> i64 {
        0
    }

    fn name(&self) -> String {
        "ADPCM IMA QT".into()
    }
}
