//! MPEG-4 part 2 (DivX, Xvid) by `oxideav-mpeg4video`, in presentation order. What streams usually are made of we walk ourselves, with
//! the crate's pieces ([`stream`]); a stream that uses more, the crate decodes.

mod coefficients;
mod frame;
mod stream;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;

use oxideav_mpeg4video::compat::DecodeOptions;
use oxideav_mpeg4video::decoder::Mpeg4VideoDecoder;
use oxideav_mpeg4video::framestore::DecodedFrame;
use oxideav_mpeg4video::vol::{AspectRatio, VolHeader, parse_video_object_layer, parse_visual_object_sequence_header};

use super::codec::{Codec, CodecError, Decoded, Delivery};
use super::deep::Samples;
use crate::container::Colour;
use crate::{MAX_SIDE, MediaError};
use frame::{Frame, Shown};
use stream::{Stream, Tagged, is_usual};

/// Where encoders and the standard disagree, as the encoders do.
const OPTIONS: DecodeOptions = DecodeOptions { ecosystem_compat: true };

/// The start codes that matter, and the type of a picture that refers to two others.
mod code {
    pub(super) const LAYER: u8 = 0x20;
    pub(super) const LAST_LAYER: u8 = 0x2f;
    pub(super) const SEQUENCE: u8 = 0xb0;
    pub(super) const GROUP: u8 = 0xb3;
    pub(super) const OBJECT: u8 = 0xb5;
    pub(super) const PICTURE: u8 = 0xb6;
}
const B: u8 = 2;

/// A start code and what follows it, the code itself included.
struct Unit<'a> {
    code: u8,
    data: &'a [u8],
}

pub(crate) struct Mpeg4 {
    /// Decodes a stream of the usual kind, once its header is known.
    stream: Option<Stream>,
    /// Decodes all else.
    decoder: Mpeg4VideoDecoder,
    profile: u8,
    /// Pictures so far that others may refer to; up to two are counted.
    anchors: u32,
}

impl Mpeg4 {
    /// Takes the headers in front of the pictures, where the container has them. Errors: they are broken.
    pub(crate) fn open(config: &[u8]) -> Result<Self, MediaError> {
        let decoder = Mpeg4VideoDecoder::with_options(OPTIONS);
        let mut codec = Self { stream: None, decoder, profile: 0, anchors: 0 };
        codec.take(config, -1, &mut Vec::new()).map_err(|error| match error {
            CodecError::Damaged(why) => MediaError::Broken(why.replacen(':', ": its configuration:", 1)),
            CodecError::Unsupported(what) => MediaError::unsupported(what, super::CONVERT),
        })?;
        Ok(codec)
    }

    fn take(&mut self, data: &[u8], tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let units = units(data);
        self.choose(&units, out)?;
        self.go_on(data, &units, tag, out)
    }

    /// Decodes a packet of these units by the decoder that was chosen.
    fn go_on(&mut self, data: &[u8], units: &[Unit<'_>], tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        // A picture between two others, of which the first lies before the place where decoding began, is not to be had.
        let kind = units.iter().find(|unit| unit.code == code::PICTURE).and_then(|unit| unit.data.get(4));
        match kind.map(|byte| byte >> 6) {
            Some(B) if self.anchors < 2 => return Ok(()),
            Some(B) | None => {}
            Some(_) => self.anchors = (self.anchors + 1).min(2),
        }
        let Some(stream) = &mut self.stream else {
            let frames = self.decoder.decode_with_pts(data, Some(tag));
            return self.give(frames.map_err(damaged)?, out);
        };
        let mut frames = Vec::new();
        units.iter().try_for_each(|unit| stream.take(unit, tag, &mut frames)).map_err(damaged)?;
        out.extend(frames.into_iter().map(|frame| decoded(&stream.vol, frame)));
        Ok(())
    }

    /// Changes between the two decoders where a stream's headers say so. What the one before still has is shown first.
    fn choose(&mut self, units: &[Unit<'_>], out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let mut vols = Vec::new();
        for unit in units {
            match unit.code {
                code::SEQUENCE => {
                    self.profile = parse_visual_object_sequence_header(unit.data).unwrap_or(self.profile);
                }
                code::LAYER..=code::LAST_LAYER => vols.extend(parse_video_object_layer(unit.data, self.profile)),
                _ => {}
            }
        }
        let Some(vol) = vols.last() else { return Ok(()) };
        let usual = vols.iter().all(is_usual);
        let goes_on = match &self.stream {
            Some(stream) => usual && (stream.vol.width, stream.vol.height) == (vol.width, vol.height),
            None => !usual,
        };
        if !goes_on {
            self.flush(out)?;
            self.anchors = 0;
            self.decoder = Mpeg4VideoDecoder::with_options(OPTIONS);
            self.stream = usual.then(|| Stream::new(*vol));
        }
        Ok(())
    }

    /// Gives out what the crate has decoded.
    fn give(&self, frames: Vec<DecodedFrame>, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let Some(vol) = self.decoder.vol() else { return Ok(()) };
        let (width, height) = (u32::from(vol.width), u32::from(vol.height));
        if width.max(height) > MAX_SIDE || width == 0 || height == 0 {
            return Err(CodecError::Damaged("MPEG-4: a picture of no size, or too large".into()));
        }
        out.extend(frames.into_iter().map(|frame| {
            let samples = [frame.luma_samples(), frame.cb_samples(), frame.cr_samples()];
            decoded(vol, (Arc::new(Frame::of(frame.width(), samples)), frame.pts().unwrap_or(-1)))
        }));
        Ok(())
    }
}

fn damaged(error: impl std::fmt::Display) -> CodecError {
    CodecError::Damaged(format!("MPEG-4: {error}"))
}

fn decoded(vol: &VolHeader, (frame, tag): Tagged) -> Decoded {
    let (width, height) = (u32::from(vol.width), u32::from(vol.height));
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
    let samples = Samples::Bytes(Box::new(Shown { frame, width, height }));
    Decoded { tag, width, height, sar, colour: Colour::default(), fields: None, samples }
}

/// What a packet is made of. Start codes are found as the crate finds them, none within another.
fn units(data: &[u8]) -> Vec<Unit<'_>> {
    let (mut starts, mut at) = (Vec::new(), 0);
    while let Some([zero, also, one, _]) = data.get(at..at + 4) {
        at += match (zero, also, one) {
            (0, 0, 1) => {
                starts.push(at);
                4
            }
            (_, _, 2..) => 3,
            (_, 1.., _) => 2,
            _ => 1,
        };
    }
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    starts.iter().zip(ends).map(|(start, end)| Unit { code: data[start + 3], data: &data[*start..end] }).collect()
}

impl Codec for Mpeg4 {
    fn name(&self) -> String {
        "MPEG-4 part 2".into()
    }

    fn delivery(&self) -> Delivery {
        Delivery::Late
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        self.take(&data, tag, out)
    }

    fn flush(&mut self, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let frames = self.decoder.flush();
        self.give(frames, out)?;
        if let Some(stream) = &mut self.stream {
            out.extend(stream.flush().map(|frame| decoded(&stream.vol, frame)));
        }
        Ok(())
    }
}
