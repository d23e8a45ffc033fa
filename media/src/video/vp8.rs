//! VP8 by `oxideav-vp8`: one packet, one picture.

use oxideav_vp8::decoder::Vp8DecodedFrame;
use oxideav_vp8::state::Vp8DecoderState;

use super::codec::{Codec, CodecError, Decoded, planes};
use super::deep::Samples;
use crate::container::Colour;
use crate::{ColorMatrix, ColorRange, Picture, caps};

pub(crate) struct Vp8(Vp8DecoderState);

impl Vp8 {
    /// A decoder; VP8 needs no configuration.
    pub(crate) fn new() -> Self {
        Self(Vp8DecoderState::new().with_max_pixels_per_frame(u64::from(caps::PIXELS)))
    }
}

impl Codec for Vp8 {
    fn name(&self) -> String {
        "VP8".into()
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let frame = self.0.decode_frame(&data).map_err(|error| CodecError::Damaged(format!("VP8: {error}")))?;
        // The fifth bit says whether it is more than a reference for others.
        if data.first().is_none_or(|tag| tag & 0x10 == 0) {
            return Ok(());
        }
        let (width, height) = (frame.width, frame.height);
        // What the standard says, whatever the size.
        let colour = Colour { range: Some(ColorRange::Limited), matrix: Some(ColorMatrix::Bt601), ..Colour::default() };
        out.push(Decoded {
            tag,
            width,
            height,
            sar: None,
            colour,
            fields: None,
            samples: Samples::Bytes(Box::new(Planes(frame))),
        });
        Ok(())
    }
}

struct Planes(Vp8DecodedFrame);

impl Picture for Planes {
    fn write_i420(&mut self, out: &mut [u8]) {
        let frame = &self.0;
        for (to, from) in planes(out, frame.width, frame.height).into_iter().zip([&frame.y, &frame.u, &frame.v]) {
            let len = to.len().min(from.len());
            to[..len].copy_from_slice(&from[..len]);
        }
    }
}
