//! The pictures of the two decoders, as they are handed on.

use rusty_h264_common::YuvFrame;

use super::super::codec::{CodecError, Decoded, Fields, halve_rows, halved, planes};
use super::super::deep::{Deep, Samples, widen};
use super::whole;
use crate::Picture;
use crate::container::Colour;

/// How a picture that was begun is to be shown, by the parameters that it was begun with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    pub(super) sar: Option<(u32, u32)>,
    pub(super) colour: Colour,
    pub(super) fields: Option<Fields>,
    pub(super) inset: (u32, u32),
    /// Its lines may be of two pictures.
    pub(super) woven: bool,
}

/// A picture of the careful decoder, as it is to be shown. Errors: a part of the picture is missing.
pub(super) fn show(look: &Look, frame: rust_h264::decoder::Frame, tag: i64) -> Result<Decoded, CodecError> {
    if whole::has_hole(&frame, look.inset, look.woven) {
        return Err(CodecError::Damaged("H.264: a part of a picture is missing".into()));
    }
    let Look { sar, colour, fields, .. } = *look;
    let (width, height) = (frame.width, frame.height);
    let deep = frame.bit_depth > 8;
    let picture = Box::new(Careful { frame, woven: fields.is_some() });
    let samples = if deep { Samples::Deep(picture) } else { Samples::Bytes(picture) };
    Ok(Decoded { tag, width, height, sar, colour, fields, samples })
}

/// A picture of the fast decoder.
pub(super) struct Fast(pub(super) YuvFrame);

impl Picture for Fast {
    fn write_i420(&mut self, out: &mut [u8]) {
        let frame = &self.0;
        for (to, from) in
            planes(out, frame.width as u32, frame.height as u32).into_iter().zip([&frame.y, &frame.u, &frame.v])
        {
            let len = to.len().min(from.len());
            to[..len].copy_from_slice(&from[..len]);
        }
    }
}

/// A picture of the careful decoder.
struct Careful {
    frame: rust_h264::decoder::Frame,
    /// Its lines are those of two moments.
    woven: bool,
}

impl Careful {
    fn is_tall(&self) -> bool {
        self.frame.chroma_format == rust_h264::decoder::ChromaFormat::Yuv422
    }
}

impl Picture for Careful {
    fn write_i420(&mut self, out: &mut [u8]) {
        let frame = &self.frame;
        let half = (frame.width as usize).div_ceil(2);
        let from = [&frame.y, &frame.u, &frame.v];
        for (index, (to, rows)) in planes(out, frame.width, frame.height).into_iter().zip(from).enumerate() {
            if self.is_tall() && index > 0 {
                halve_rows(rows, half, self.woven, to);
            } else {
                let len = to.len().min(rows.len());
                to[..len].copy_from_slice(&rows[..len]);
            }
        }
    }
}

impl Deep for Careful {
    fn depth(&self) -> u32 {
        self.frame.bit_depth.into()
    }

    fn row(&self, plane: usize, y: usize, to: &mut [u16]) {
        let frame = &self.frame;
        let rows = [&frame.y, &frame.u, &frame.v][plane];
        let bytes = 2 * to.len();
        let line = |n: usize| rows.get(n * bytes..(n + 1) * bytes);
        if plane == 0 || !self.is_tall() {
            return widen(line(y).unwrap_or_default(), to);
        }
        let (one, two) = halved(y, self.woven);
        let Some(one) = line(one).or_else(|| line(2 * y)) else { return };
        widen(one, to);
        let sample = |bytes: &[u8; 2]| u16::from_le_bytes(*bytes);
        for (to, two) in to.iter_mut().zip(line(two).unwrap_or(one).as_chunks::<2>().0) {
            *to = (*to + sample(two)).div_ceil(2);
        }
    }
}
