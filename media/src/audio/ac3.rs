//! AC-3 and E-AC-3 by `oxideav-ac3`, in WAVE's channel order.

use oxideav_core::{CodecId, CodecParameters, Decoder, Error, Frame, Packet, TimeBase};

use super::codec::{CONVERT, Codec, Shape};
use crate::MediaError;
use crate::container::ac3_frame;
use crate::video::bits::Bits;

pub(super) struct Ac3 {
    decoder: Box<dyn Decoder>,
    name: &'static str,
}

impl Ac3 {
    /// A decoder; all that it needs to know is in each packet. Errors: sound of `rate` is not supported.
    pub(super) fn new(enhanced: bool, rate: Option<u32>) -> Result<Self, MediaError> {
        if let Some(name) = rate.and_then(wrong) {
            return Err(MediaError::unsupported(name, CONVERT));
        }
        let params = CodecParameters::audio(CodecId::new(if enhanced { "eac3" } else { "ac3" }));
        let decoder = oxideav_ac3::decoder::make_decoder(&params);
        let decoder = decoder.map_err(|e| MediaError::Broken(format!("AC-3: {e}")))?;
        Ok(Self { decoder, name: if enhanced { "E-AC-3" } else { "AC-3" } })
    }
}

/// What is not decoded rightly: at 44.1 kHz and half of it, `oxideav-ac3` 0.0.11 has three wrong figures in its table of what can be
/// heard (Table 7.15 of A/52, bands 25, 28 and 34). Where a channel is silent, it loses its place in the frame and makes loud noise.
fn wrong(rate: u32) -> Option<String> {
    matches!(rate, 44_100 | 22_050).then(|| format!("AC-3 at {} kHz", f64::from(rate) / 1000.0))
}

/// Which channels a frame has (acmod of Table 5.8), and whether one for deep tones is among them.
fn mode(frame: &[u8]) -> Option<(u32, bool)> {
    let enhanced = frame.get(5)? >> 3 > 10;
    let mut bits = Bits::new(frame.get(if enhanced { 4 } else { 6 }..)?);
    if enhanced {
        bits.get(4)?;
        return Some((bits.get(3)?, bits.flag()?));
    }
    let channels = bits.get(3)?;
    // How much of the middle and of what is behind belongs into two channels.
    let mix = 2 * u32::from(channels & 1 != 0 && channels != 1) + 2 * u32::from(channels & 4 != 0);
    bits.get(mix + 2 * u32::from(channels == 2))?;
    Some((channels, bits.flag()?))
}

impl Codec for Ac3 {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        let (_, rate) = ac3_frame(data).ok_or("a frame of AC-3 without its header")?;
        if let Some(name) = wrong(rate) {
            return Err(format!("{name} is not supported"));
        }
        let packet = Packet::new(0, TimeBase::new(1, rate.into()), data.to_vec());
        self.decoder.send_packet(&packet).map_err(|e| e.to_string())?;
        let (mut channels, begin) = (0, out.len());
        loop {
            match self.decoder.receive_frame() {
                Ok(Frame::Audio(frame)) => {
                    let samples = frame.data.first().map_or(&[][..], Vec::as_slice);
                    channels = samples.len() / 2 / frame.samples.max(1) as usize;
                    out.extend(samples.as_chunks::<2>().0.iter().map(|s| f32::from(i16::from_le_bytes(*s)) / 32768.0));
                }
                Ok(_) => {}
                Err(Error::NeedMore | Error::Eof) => break,
                Err(e) => return Err(e.to_string()),
            }
        }
        // With these channels behind the listener, the crate leaves the deep tones last, as the stream has them.
        let behind = match mode(data) {
            Some((4 | 5, true)) => 1,
            Some((6, true)) => 2,
            _ => 0,
        };
        if behind > 0 && channels > behind {
            out[begin..].chunks_exact_mut(channels).for_each(|frame| frame[channels - 1 - behind..].rotate_right(1));
        }
        Ok(Shape { rate, channels: u16::try_from(channels).unwrap_or(0) })
    }

    fn reset(&mut self) {
        // What failed to be reset fails to decode, too, and says so.
        let _ = self.decoder.reset();
    }

    fn preroll_ms(&self) -> i64 {
        100
    }

    fn name(&self) -> String {
        self.name.into()
    }
}
