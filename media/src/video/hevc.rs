//! HEVC by `rusty_h265`: Main, Main 10 and Main Still Picture; 10 bits are rounded to 8.

use crate::{ColorRange, MAX_SIDE};
use rusty_h265::ps::parse_sps;
use rusty_h265::{Decoder, Error, Frame};

use super::codec::{CONVERT, Codec, CodecError, Decoded, Delivery, narrow, planes};
use super::nal::{Config, Framing, hvcc, split, unescape};
use crate::container::Colour;
use crate::{MediaError, Picture};

const SPS: u8 = 33;

pub(crate) struct Hevc {
    decoder: Decoder,
    framing: Framing,
    depth: u8,
    sar: Option<(u32, u32)>,
    colour: Colour,
}

impl Hevc {
    /// Takes the track's `hvcC`. Errors: it is broken, or names a profile that cannot be decoded.
    pub(crate) fn open(config: &[u8]) -> Result<Self, MediaError> {
        let Config { framing, sets } =
            hvcc(config).ok_or_else(|| MediaError::Broken("HEVC: broken decoder configuration".into()))?;
        let mut codec = Self { decoder: Decoder::new(), framing, depth: 8, sar: None, colour: Colour::default() };
        for set in sets {
            codec.take(&set, None).map_err(|error| match error {
                CodecError::Unsupported(what) => MediaError::unsupported(what, CONVERT),
                CodecError::Damaged(why) => MediaError::Broken(why),
            })?;
        }
        Ok(codec)
    }

    fn take(&mut self, nal: &[u8], tag: Option<i64>) -> Result<(), CodecError> {
        if nal.len() > 2 && (nal[0] >> 1) & 0x3f == SPS {
            self.inspect(&nal[2..])?;
        }
        self.decoder.push_nal(nal, tag).map_err(error)
    }

    fn inspect(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        let sps = parse_sps(&unescape(payload)).map_err(error)?;
        self.depth = sps.bit_depth_luma.max(sps.bit_depth_chroma);
        let layout = match sps.chroma_format_idc {
            0 | 1 => None,
            2 => Some("4:2:2"),
            _ => Some("4:4:4"),
        };
        if let Some(layout) = layout {
            return Err(CodecError::Unsupported(format!("HEVC video ({layout})")));
        }
        if sps.width.max(sps.height) > MAX_SIDE {
            return Err(CodecError::Damaged("HEVC: picture too large".into()));
        }
        let vui = sps.vui.unwrap_or_default();
        let (w, h) = (u32::from(vui.sar_width), u32::from(vui.sar_height));
        self.sar = (w > 0 && h > 0).then_some((w, h));
        self.colour = Colour {
            range: vui.video_full_range_flag.then_some(ColorRange::Full),
            matrix: Colour::matrix(u32::from(vui.matrix_coeffs)),
        };
        Ok(())
    }

    fn drain(&mut self, out: &mut Vec<Decoded>) {
        while let Ok(frame) = self.decoder.next_frame() {
            let (width, height) = (frame.width as u32, frame.height as u32);
            if width > 0 && height > 0 {
                let tag = frame.pts.unwrap_or(-1);
                let (sar, colour) = (self.sar, self.colour);
                out.push(Decoded { tag, width, height, sar, colour, fields: None, picture: Box::new(Planes(frame)) });
            }
        }
    }
}

fn error(error: Error) -> CodecError {
    match error {
        Error::Unsupported(what) => CodecError::Unsupported(format!("HEVC video ({what})")),
        other => CodecError::Damaged(format!("HEVC: {other}")),
    }
}

impl Codec for Hevc {
    fn name(&self) -> String {
        if self.depth > 8 { format!("HEVC Main {}", self.depth) } else { "HEVC Main".into() }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Late
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let mut tag = Some(tag);
        for nal in split(&data, self.framing) {
            self.take(
                nal.map_err(|()| CodecError::Damaged("HEVC: a unit reaches past its packet".into()))?,
                tag.take(),
            )?;
        }
        self.drain(out);
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        self.decoder.flush();
        self.drain(out);
        Ok(())
    }
}

struct Planes(Frame);

impl Picture for Planes {
    fn write_i420(&mut self, out: &mut [u8]) {
        let (frame, picture) = (&self.0, &self.0.picture);
        let (left, top, width, height) = picture.crop;
        for (index, to) in planes(out, frame.width as u32, frame.height as u32).into_iter().enumerate() {
            if index > 0 && picture.chroma_format_idc == 0 {
                to.fill(128);
                continue;
            }
            let half = |n: usize| if index == 0 { n } else { n.div_ceil(2) };
            let (plane, width, left) = (&picture.planes[index], half(width), half(left));
            let depth = u32::from(if index == 0 { picture.bit_depth_luma } else { picture.bit_depth_chroma });
            let rows = plane.data.chunks(plane.stride.max(1)).skip(half(top)).take(half(height));
            for (to, from) in to.chunks_exact_mut(width).zip(rows) {
                let from = from.get(left..).unwrap_or_default();
                if depth == 8 {
                    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from as u8);
                } else {
                    to.iter_mut().zip(from).for_each(|(to, &from)| *to = narrow(from, depth));
                }
            }
        }
    }
}
