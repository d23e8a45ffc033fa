//! AC-3 and E-AC-3 by our own decoder of the standard (ATSC A/52), in WAVE's channel order. What that lacks of E-AC-3 (spectral extension,
//! adaptive transforms, more than 5.1 channels) `oxideav-ac3` decodes at 48 and 32 kHz.
//!
//! A frame holds six blocks of 256 samples: [`header`] reads what holds for all of them, [`block`] what stands in each,
//! [`allocation`] finds how many bits each mantissa has, [`mantissas`] reads these, [`transform`] makes samples of them.

mod allocation;
mod block;
mod enhanced;
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
    /// What decodes E-AC-3 that has what is not decoded here, and the last packet before it was needed.
    library: Option<Box<Eac3DecoderState>>,
    last: Vec<u8>,
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
            library: None,
            last: Vec::new(),
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
        out.resize(begin + header.blocks * 256 * channels, 0.0);
        for (number, out) in out[begin..].chunks_exact_mut(256 * channels).enumerate() {
            self.blocks.read(&mut bits, &header, number, &mut self.bins)?;
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

    /// Appends the samples of a packet of E-AC-3. Errors: in words.
    fn enhanced(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        let rate = ac3_frame(data).map_or(0, |(_, rate)| rate);
        let (begin, mut rest, mut shape) = (out.len(), data, None);
        while self.library.is_none()
            && let Some((len, _)) = ac3_frame(rest)
        {
            // What adds channels is left to the library; of several programmes, the first is heard.
            let found = match (rest[2] >> 6, rest[2] >> 3 & 7) {
                (1, _) => Err(ADDED),
                (_, 0) => self.frame(rest, out).map(|found| shape = Some(found)),
                _ => Ok(()),
            };
            match found {
                Ok(()) => rest = rest.get(len..).unwrap_or_default(),
                Err(what) if enhanced::LACKING.contains(&what) || what == ADDED => {
                    if !matches!(rate, 48_000 | 32_000) {
                        return Err(format!("E-AC-3 at {rate} Hz with {what} is not supported"));
                    }
                    out.truncate(begin);
                    let mut library = Box::default();
                    // What the packet before leaves for this one.
                    if !self.last.is_empty() {
                        drop(decode_eac3_packet(&mut library, &self.last));
                    }
                    self.library = Some(library);
                }
                Err(what) => return Err(format!("damaged: {what}")),
            }
        }
        if let Some(library) = &mut self.library {
            return by_library(library, data, out);
        }
        self.last = data.to_vec();
        shape.ok_or_else(|| "damaged: no frame".into())
    }
}

/// What adds channels to a frame.
const ADDED: &str = "more than 5.1 channels";

/// Appends a packet's samples, by the library.
fn by_library(library: &mut Eac3DecoderState, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
    let frame = decode_eac3_packet(library, data).map_err(|e| e.to_string())?;
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

/// What no encoder is known to make, so that nobody can say how it is to sound.
pub(super) const UNKNOWN: &str = "E-AC-3 at half the usual rates";

/// Whether E-AC-3 of this rate is [`UNKNOWN`].
pub(super) fn is_unknown(rate: u32) -> bool {
    rate < 32_000
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
        let begin = out.len();
        let found = if data.get(5).is_some_and(|byte| byte >> 3 > 10) {
            self.enhanced(data, out)
        } else {
            self.frame(data, out).map_err(|what| format!("damaged: {what}"))
        };
        found.inspect_err(|_| {
            // Nothing of it is heard, nor does it sound on in the next one.
            out.truncate(begin);
            self.kept = [[0.0; 128]; 6];
            self.last.clear();
        })
    }

    fn reset(&mut self) {
        self.library = None;
        self.last.clear();
        self.kept = [[0.0; 128]; 6];
    }

    fn preroll_ms(&self) -> i64 {
        100
    }

    fn name(&self) -> String {
        self.name.into()
    }
}
