//! H.264 of 4:4:4, RGB among it, and lossless, by `oxideav-h264`, which gives its pictures out in presentation order.

use oxideav_core::{CodecId, Decoder, Error, Frame, Packet, TimeBase, VideoFrame};
use oxideav_h264::h264_decoder::H264CodecDecoder;

use super::super::codec::{CodecError, Decoded, planes};
use super::super::deep::{Deep, Samples, widen};
use super::super::slice::Pps;
use super::super::sps::Sps;
use super::super::thin::{Planar, thinned};
use crate::container::Colour;
use crate::{ColorMatrix, ColorRange, Picture, caps};

/// What the decoder does wrongly, without a word or by chance with one: lists, of which 4:4:4 has more than it reads, and long
/// coefficients of 10 bits without CABAC.
pub(super) fn refused(sps: &Sps, pps: &Pps) -> Option<&'static str> {
    match (pps.lists && sps.chroma_format_idc == 3, sps.bit_depth > 8 && !pps.cabac) {
        (true, _) => Some("4:4:4 with scaling lists"),
        (_, true) => Some("10-bit 4:4:4 without CABAC"),
        _ => None,
    }
}

/// Decodes one stream.
pub(super) struct Full {
    decoder: H264CodecDecoder,
    /// Bytes of parameter sets that came before the pictures.
    sets: Vec<u8>,
}

impl Full {
    /// `sets`: every parameter set so far.
    pub(super) fn new(sets: &[Vec<u8>]) -> Self {
        let sets = sets.iter().flat_map(|set| [&[0, 0, 1], set.as_slice()].concat()).collect();
        Self { decoder: H264CodecDecoder::new(CodecId::new("h264")), sets }
    }

    /// Takes the units of one picture, each behind a start code.
    pub(super) fn decode(
        &mut self,
        units: &[u8],
        tag: i64,
        sps: &Sps,
        out: &mut Vec<Decoded>,
    ) -> Result<(), CodecError> {
        let data = [std::mem::take(&mut self.sets).as_slice(), units].concat();
        let packet = Packet::new(0, TimeBase::new(1, 1), data).with_pts(tag);
        self.decoder.send_packet(&packet).map_err(damaged)?;
        self.give(sps, out)
    }

    /// At the end of the stream.
    pub(super) fn flush(&mut self, sps: &Sps, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        self.decoder.flush().map_err(damaged)?;
        self.give(sps, out)
    }

    fn give(&mut self, sps: &Sps, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        // It goes on after a slice that it cannot decode. It has said that on standard error, and nothing keeps it from that: one line for each
        // slice, of which none follows before this error is told. Of the role, that is a line in its log.
        if self.decoder.decode_error_count() > 0 {
            return Err(CodecError::Damaged("H.264: a slice that cannot be decoded".into()));
        }
        for _ in 0..caps::WAITING_PICTURES {
            let frame = match self.decoder.receive_frame() {
                Ok(Frame::Video(frame)) => frame,
                Ok(_) | Err(Error::NeedMore | Error::Eof) => return Ok(()),
                Err(error) => return Err(damaged(error)),
            };
            let planes = Planes::new(frame, sps).ok_or_else(|| damaged("a picture without planes"))?;
            let (width, height) = (planes.size.0 as u32, planes.size.1 as u32);
            // Green, blue and red become what the player shows: by BT.601, as pictures of JPEG.
            let colour = match planes.colours {
                true => Colour { range: Some(ColorRange::Full), matrix: Some(ColorMatrix::Bt601), ..sps.colour },
                false => sps.colour,
            };
            let (tag, sar) = (planes.frame.pts.unwrap_or(-1), sps.sar);
            let planes = Box::new(planes);
            let samples = if planes.deep { Samples::Deep(planes) } else { Samples::Bytes(planes) };
            out.push(Decoded { tag, width, height, sar, colour, fields: None, samples });
        }
        Ok(())
    }
}

fn damaged(error: impl std::fmt::Display) -> CodecError {
    CodecError::Damaged(format!("H.264: {error}"))
}

struct Planes {
    frame: VideoFrame,
    size: (usize, usize),
    /// Of 10 bits a sample, two bytes each.
    deep: bool,
    /// Each pixel has a colour of its own.
    tall: bool,
    /// Its planes are green, blue and red.
    colours: bool,
}

impl Planes {
    /// `None`: it has not three planes of rows.
    fn new(frame: VideoFrame, sps: &Sps) -> Option<Self> {
        let deep = sps.bit_depth > 8;
        let [luma, blue, red] = frame.planes.as_slice() else { return None };
        let size = (luma.stride / if deep { 2 } else { 1 }, luma.data.len().checked_div(luma.stride)?);
        let tall = (blue.data.len(), red.data.len()) == (luma.data.len(), luma.data.len());
        Some(Self { size, deep, tall, colours: tall && sps.colour.rgb, frame })
    }
}

impl Planar for Planes {
    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn depth(&self) -> u32 {
        if self.deep { 10 } else { 8 }
    }

    fn wide_and_tall(&self) -> (bool, bool) {
        (self.tall, self.tall)
    }

    fn colours(&self) -> Option<bool> {
        // Whatever the stream says of their range, as in FFmpeg.
        self.colours.then_some(true)
    }

    fn raw(&self, plane: usize, y: usize, to: &mut [u16]) {
        let plane = &self.frame.planes[plane];
        let from = plane.data.get(y * plane.stride..).unwrap_or_default();
        if self.deep {
            widen(from, to);
        } else {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from.into());
        }
    }
}

impl Deep for Planes {
    fn depth(&self) -> u32 {
        Planar::depth(self)
    }

    fn row(&self, plane: usize, y: usize, to: &mut [u16]) {
        thinned(self, plane, y, to);
    }
}

impl Picture for Planes {
    fn write_i420(&mut self, out: &mut [u8]) {
        let (width, height) = (self.size.0 as u32, self.size.1 as u32);
        for (index, to) in planes(out, width, height).into_iter().enumerate() {
            if !self.colours && (index == 0 || !self.tall) {
                let from = &self.frame.planes[index].data;
                let len = to.len().min(from.len());
                to[..len].copy_from_slice(&from[..len]);
                continue;
            }
            let width = if index == 0 { self.size.0 } else { self.size.0.div_ceil(2) };
            let mut row = vec![0; width];
            for (y, to) in to.chunks_exact_mut(width).enumerate() {
                thinned(self, index, y, &mut row);
                to.iter_mut().zip(&row).for_each(|(to, &from)| *to = from as u8);
            }
        }
    }
}
