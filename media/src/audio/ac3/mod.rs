//! AC-3 by our own decoder of the standard (ATSC A/52), and E-AC-3 by `oxideav-ac3`; both in WAVE's channel order.
//!
//! A frame holds six blocks of 256 samples: [`header`] reads what holds for all of them, [`block`] what stands in each,
//! [`allocation`] finds how many bits each mantissa has, [`mantissas`] reads these, [`transform`] makes samples of them.

mod allocation;
mod block;
mod header;
mod mantissas;
mod tables;
mod transform;

#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

use oxideav_ac3::eac3::{Eac3DecoderState, decode_eac3_packet};

use super::codec::{Codec, Shape};
use crate::container::ac3_frame;
use crate::speakers::layout::{BACK, FRONTS, LOW as LOW_ONE, MONO, SIDES, STEREO};
use block::{Blocks, LOW};
use header::Header;
use transform::Transform;

pub(super) struct Ac3 {
    enhanced: Option<Box<Eac3DecoderState>>,
    name: &'static str,
    blocks: Blocks,
    transform: Transform,
    bins: [[f32; 256]; 6],
    /// Of each channel, what the last block left for the next.
    kept: [[f32; 128]; 6],
}

impl Ac3 {
    /// A decoder; all that it needs to know is in each packet.
    pub(super) fn new(enhanced: bool) -> Self {
        Self {
            enhanced: None,
            name: if enhanced { "E-AC-3" } else { "AC-3" },
            blocks: Blocks::new(),
            transform: Transform::new(),
            bins: [[0.0; 256]; 6],
            kept: [[0.0; 128]; 6],
        }
    }

    /// Appends a frame's samples. Errors: the frame is damaged.
    fn frame(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, &'static str> {
        let (header, mut bits) = Header::parse(data)?;
        let channels = header.full + usize::from(header.low);
        let places: Vec<usize> = wave_order(header.mode, header.low).collect();
        let begin = out.len();
        out.resize(begin + 6 * 256 * channels, 0.0);
        for (number, out) in out[begin..].chunks_exact_mut(256 * channels).enumerate() {
            self.blocks.read(&mut bits, &header, number == 0, &mut self.bins)?;
            for (n, place) in (0..header.full).chain(header.low.then_some(LOW)).zip(&places) {
                let switched = self.blocks.switched.get(n) == Some(&true);
                let (bins, gain) = (&self.bins[n], self.blocks.gain(&header, n));
                self.transform.samples(bins, switched, gain, &mut self.kept[n], |at, sample| {
                    out[at * channels + place] = sample.clamp(-1.0, 1.0);
                });
            }
        }
        Ok(Shape { rate: header.rate, channels: channels as u16, speakers: speakers(header.mode, header.low) })
    }

    /// Appends a packet's samples, by the library.
    fn enhanced(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        if is_lacking(ac3_frame(data).map_or(0, |(_, rate)| rate)) {
            return Err(format!("{LACKING} is not supported"));
        }
        let frame = decode_eac3_packet(self.enhanced.get_or_insert_default(), data).map_err(|e| e.to_string())?;
        let channels = usize::from(frame.channels);
        let mut places: Vec<usize> = (0..channels).collect();
        let own = wave_order(frame.acmod.into(), frame.lfeon);
        places.iter_mut().zip(own).for_each(|(place, own)| *place = own);
        let begin = out.len();
        out.resize(begin + frame.pcm_s16le.len() / 2, 0.0);
        let samples = frame.pcm_s16le.as_chunks::<2>().0.chunks_exact(channels.max(1));
        for (samples, out) in samples.zip(out[begin..].chunks_exact_mut(channels.max(1))) {
            for (sample, place) in samples.iter().zip(&places) {
                out[*place] = f32::from(i16::from_le_bytes(*sample)) / 32768.0;
            }
        }
        let speakers = speakers(frame.acmod.into(), frame.lfeon);
        Ok(Shape { rate: frame.sample_rate, channels: frame.channels, speakers })
    }
}

/// What the library has wrong: at 44.1 kHz and its half, a table of bit allocation, so that real films are noise.
pub(super) const LACKING: &str = "E-AC-3 at 44.1 kHz";

/// Whether E-AC-3 of this rate is [`LACKING`].
pub(super) fn is_lacking(rate: u32) -> bool {
    rate == 44_100 || rate == 22_050
}

/// Which speakers a mode's channels are for.
fn speakers(mode: usize, low: bool) -> u32 {
    let fronts = [STEREO, MONO, STEREO, FRONTS, STEREO, FRONTS, STEREO, FRONTS][mode & 7];
    fronts | [0, 0, 0, 0, BACK, BACK, SIDES, SIDES][mode & 7] | if low { LOW_ONE } else { 0 }
}

/// Where in WAVE's order each channel of the stream goes: left, right, centre, low frequencies, surround.
fn wave_order(mode: usize, low: bool) -> impl Iterator<Item = usize> {
    let (front, back) = ([2, 1, 2, 3, 2, 3, 2, 3][mode & 7], [0, 0, 0, 0, 1, 1, 2, 2][mode & 7]);
    let fronts = if front == 3 { [0, 2, 1] } else { [0, 1, 2] };
    let shift = front + usize::from(low);
    fronts.into_iter().take(front).chain(shift..shift + back).chain(low.then_some(front))
}

impl Codec for Ac3 {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        if data.get(5).is_some_and(|byte| byte >> 3 > 10) {
            return self.enhanced(data, out);
        }
        let begin = out.len();
        self.frame(data, out).map_err(|what| {
            // Nothing of it is heard, nor does it sound on in the next one.
            out.truncate(begin);
            self.kept = [[0.0; 128]; 6];
            format!("damaged: {what}")
        })
    }

    fn reset(&mut self) {
        self.enhanced = None;
        self.kept = [[0.0; 128]; 6];
    }

    fn preroll_ms(&self) -> i64 {
        100
    }

    fn name(&self) -> String {
        self.name.into()
    }
}
