//! MPEG-4 part 2 (DivX, Xvid) by `oxideav-mpeg4video`, which gives its pictures out in presentation order.

use oxideav_mpeg4video::compat::DecodeOptions;
use oxideav_mpeg4video::decoder::Mpeg4VideoDecoder;
use oxideav_mpeg4video::framestore::DecodedFrame;
use oxideav_mpeg4video::vol::AspectRatio;

use super::codec::{Codec, CodecError, Decoded, Delivery, copy_plane, planes};
use super::deep::Samples;
use crate::container::Colour;
use crate::{MAX_SIDE, MediaError, Picture};

/// What a picture begins with, and the type of one that refers to two others.
const VOP: [u8; 4] = [0, 0, 1, 0xb6];
const B: u8 = 2;

pub(crate) struct Mpeg4 {
    decoder: Mpeg4VideoDecoder,
    /// Pictures so far that others may refer to; up to two are counted.
    anchors: u32,
}

impl Mpeg4 {
    /// Takes the headers in front of the pictures, where the container has them. Errors: they are broken.
    pub(crate) fn open(config: &[u8]) -> Result<Self, MediaError> {
        // Where encoders and the standard disagree, as the encoders do.
        let mut decoder = Mpeg4VideoDecoder::with_options(DecodeOptions { ecosystem_compat: true });
        decoder.decode(config).map_err(|e| MediaError::Broken(format!("MPEG-4: its configuration: {e}")))?;
        Ok(Self { decoder, anchors: 0 })
    }

    fn give(&self, frames: Vec<DecodedFrame>, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let Some(vol) = self.decoder.vol() else { return Ok(()) };
        let (width, height) = (u32::from(vol.width), u32::from(vol.height));
        if width.max(height) > MAX_SIDE || width == 0 || height == 0 {
            return Err(CodecError::Damaged("MPEG-4: a picture of no size, or too large".into()));
        }
        let sar = match vol.aspect_ratio {
            AspectRatio::Square | AspectRatio::Reserved(_) => None,
            AspectRatio::Par12x11 => Some((12, 11)),
            AspectRatio::Par10x11 => Some((10, 11)),
            AspectRatio::Par16x11 => Some((16, 11)),
            AspectRatio::Par40x33 => Some((40, 33)),
            AspectRatio::Extended { par_width, par_height } => {
                Some((par_width.into(), par_height.into())).filter(|&(w, h)| w > 0 && h > 0)
            }
        };
        out.extend(frames.into_iter().map(|frame| Decoded {
            tag: frame.pts().unwrap_or(-1),
            width,
            height,
            sar,
            colour: Colour::default(),
            fields: None,
            samples: Samples::Bytes(Box::new(Padded { frame, width, height })),
        }));
        Ok(())
    }
}

impl Codec for Mpeg4 {
    fn name(&self) -> String {
        "MPEG-4 part 2".into()
    }

    fn delivery(&self) -> Delivery {
        Delivery::Late
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        // A picture between two others, of which the first lies before the place where decoding began, is not to be had.
        match data.windows(5).find(|window| window[..4] == VOP).map(|window| window[4] >> 6) {
            Some(B) if self.anchors < 2 => return Ok(()),
            Some(B) | None => {}
            Some(_) => self.anchors = (self.anchors + 1).min(2),
        }
        let frames = self.decoder.decode_with_pts(&data, Some(tag));
        self.give(frames.map_err(|e| CodecError::Damaged(format!("MPEG-4: {e}")))?, out)
    }

    fn flush(&mut self, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let frames = self.decoder.flush();
        self.give(frames, out)
    }
}

/// A picture of whole macroblocks, of which a part is shown.
struct Padded {
    frame: DecodedFrame,
    width: u32,
    height: u32,
}

impl Picture for Padded {
    fn write_i420(&mut self, out: &mut [u8]) {
        let (frame, half) = (&self.frame, self.width.div_ceil(2) as usize);
        let stride = frame.width();
        let [y, u, v] = planes(out, self.width, self.height);
        copy_plane(frame.luma_samples(), stride, self.width as usize, y);
        copy_plane(frame.cb_samples(), stride / 2, half, u);
        copy_plane(frame.cr_samples(), stride / 2, half, v);
    }
}
