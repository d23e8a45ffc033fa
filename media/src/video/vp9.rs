//! VP9 by `rusty_vp9`: 4:2:0 of 8, 10 and 12 bits; more than 8 are narrowed to 8.

use crate::{ColorMatrix, ColorRange, MAX_SIDE};
use rusty_vp9::{BitReader, DecodedFrame, Error, Vp9Decoder, parse_uncompressed_header};

use super::bits::Bits;
use super::codec::{Codec, CodecError, Decoded, copy_plane, planes};
use super::deep::{Deep, Samples, widen};
use crate::Picture;
use crate::container::Colour;

pub(crate) struct Vp9 {
    decoder: Vp9Decoder,
    profile: u32,
    colour: Colour,
}

impl Vp9 {
    /// A decoder; VP9 needs no configuration.
    pub(crate) fn new() -> Self {
        Self { decoder: Vp9Decoder::new(), profile: 0, colour: Colour::default() }
    }

    /// Reads a key frame's colour, and refuses what cannot be decoded before memory is taken for it.
    fn inspect(&mut self, data: &[u8]) -> Result<(), CodecError> {
        let Ok(header) = parse_uncompressed_header(&mut BitReader::new(data), &[(0, 0); 8]) else { return Ok(()) };
        if header.show_existing_frame || !(header.key_frame || header.intra_only) {
            return Ok(());
        }
        self.profile = header.profile;
        if header.width.max(header.height) > MAX_SIDE {
            return Err(CodecError::Damaged("VP9: picture too large".into()));
        }
        let layout = match (header.subsampling_x, header.subsampling_y) {
            (1, 1) => None,
            (1, 0) => Some("4:2:2"),
            (0, 1) => Some("4:4:0"),
            _ => Some("4:4:4"),
        };
        if let Some(layout) = layout {
            return Err(CodecError::Unsupported(format!("{} video ({layout})", self.name())));
        }
        if header.key_frame {
            let matrix = match header.color_space {
                1 | 3 => Some(ColorMatrix::Bt601),
                2 | 4 => Some(ColorMatrix::Bt709),
                5 => Some(ColorMatrix::Bt2020),
                _ => None,
            };
            self.colour = Colour { range: range(data), matrix, ..Colour::default() };
        }
        Ok(())
    }

    fn drain(&mut self, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        // A superframe holds at most eight frames; `Again` is also said for each hidden one.
        for _ in 0..9 {
            match self.decoder.next_frame() {
                Ok(frame) if frame.width.max(frame.height) <= MAX_SIDE => {
                    let (width, height, colour) = (frame.width, frame.height, self.colour);
                    let tag = frame.pts.unwrap_or(tag);
                    let planes = Box::new(Planes(frame));
                    let samples = if planes.0.bit_depth > 8 { Samples::Deep(planes) } else { Samples::Bytes(planes) };
                    out.push(Decoded { tag, width, height, sar: None, colour, fields: None, samples });
                }
                Ok(_) => return Err(CodecError::Damaged("VP9: picture too large".into())),
                Err(Error::Again | Error::Eof) => {}
                Err(Error::Unsupported(what)) => {
                    return Err(CodecError::Unsupported(format!("{} video ({what})", self.name())));
                }
                Err(error) => return Err(CodecError::Damaged(format!("VP9: {error}"))),
            }
        }
        Ok(())
    }
}

/// A key frame's `color_range` bit, which `rusty_vp9` skips.
fn range(data: &[u8]) -> Option<ColorRange> {
    let mut bits = Bits::new(data);
    bits.get(2)?;
    let profile = bits.get(1)? | (bits.get(1)? << 1);
    // The reserved bit of profile 3, four flags, the sync code, and the bit depth above profile 1.
    bits.get(u32::from(profile == 3))?;
    bits.get(4)?;
    bits.get(24)?;
    bits.get(u32::from(profile >= 2))?;
    let rgb = bits.get(3)? == 7;
    Some(if rgb || bits.flag()? { ColorRange::Full } else { ColorRange::Limited })
}

impl Codec for Vp9 {
    fn name(&self) -> String {
        format!("VP9 profile {}", self.profile)
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        self.inspect(&data)?;
        self.decoder.push(&data, Some(tag)).map_err(|error| CodecError::Damaged(format!("VP9: {error}")))?;
        self.drain(tag, out)
    }
}

struct Planes(DecodedFrame);

impl Picture for Planes {
    fn write_i420(&mut self, out: &mut [u8]) {
        let frame = &self.0;
        let widths = [frame.width as usize, (frame.width as usize).div_ceil(2), (frame.width as usize).div_ceil(2)];
        let from = frame.planes.iter().zip(&frame.strides).zip(widths);
        for (to, ((plane, &stride), width)) in planes(out, frame.width, frame.height).into_iter().zip(from) {
            copy_plane(plane, stride, width, to);
        }
    }
}

impl Deep for Planes {
    fn depth(&self) -> u32 {
        self.0.bit_depth
    }

    fn row(&self, plane: usize, y: usize, to: &mut [u16]) {
        widen(self.0.planes[plane].get(y * self.0.strides[plane]..).unwrap_or_default(), to);
    }
}
