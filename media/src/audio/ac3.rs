//! AC-3 and E-AC-3 by `oxideav-ac3`, in WAVE's channel order.

use oxideav_core::{CodecId, CodecParameters, Decoder, Error, Frame, Packet, TimeBase};

use super::codec::{Codec, Shape};
use crate::MediaError;
use crate::container::ac3_frame;

pub(super) struct Ac3 {
    decoder: Box<dyn Decoder>,
    name: &'static str,
}

impl Ac3 {
    /// A decoder; all that it needs to know is in each packet.
    pub(super) fn new(enhanced: bool) -> Result<Self, MediaError> {
        let params = CodecParameters::audio(CodecId::new(if enhanced { "eac3" } else { "ac3" }));
        let decoder = oxideav_ac3::decoder::make_decoder(&params);
        let decoder = decoder.map_err(|e| MediaError::Broken(format!("AC-3: {e}")))?;
        Ok(Self { decoder, name: if enhanced { "E-AC-3" } else { "AC-3" } })
    }
}

impl Codec for Ac3 {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        let (_, rate) = ac3_frame(data).ok_or("a frame of AC-3 without its header")?;
        let packet = Packet::new(0, TimeBase::new(1, rate.into()), data.to_vec());
        self.decoder.send_packet(&packet).map_err(|e| e.to_string())?;
        let mut channels = 0;
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
