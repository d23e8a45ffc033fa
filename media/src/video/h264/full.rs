//! H.264 of 4:4:4, and lossless, by `oxideav-h264`, which gives its pictures out in presentation order.

use oxideav_core::{CodecId, Decoder, Error, Frame, Packet, TimeBase, VideoFrame};
use oxideav_h264::h264_decoder::H264CodecDecoder;

use super::super::codec::{CodecError, Decoded, planes};
use super::super::deep::Samples;
use super::super::sps::Sps;
use crate::{Picture, caps};

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
            let (width, height, tall) = size(&frame).ok_or_else(|| damaged("a picture without planes"))?;
            let (tag, sar, colour) = (frame.pts.unwrap_or(-1), sps.sar, sps.colour);
            let samples = Samples::Bytes(Box::new(Planes { frame, tall }));
            out.push(Decoded { tag, width, height, sar, colour, fields: None, samples });
        }
        Ok(())
    }
}

fn damaged(error: impl std::fmt::Display) -> CodecError {
    CodecError::Damaged(format!("H.264: {error}"))
}

/// A picture's width and height, and whether its chroma is as large as its luma. `None`: it has not three planes of rows.
fn size(frame: &VideoFrame) -> Option<(u32, u32, bool)> {
    let [luma, blue, red] = frame.planes.as_slice() else { return None };
    let rows = luma.data.len().checked_div(luma.stride)?;
    let full = (blue.data.len(), red.data.len()) == (luma.data.len(), luma.data.len());
    Some((luma.stride.try_into().ok()?, rows.try_into().ok()?, full))
}

struct Planes {
    frame: VideoFrame,
    /// Each pixel has a colour of its own.
    tall: bool,
}

impl Picture for Planes {
    fn write_i420(&mut self, out: &mut [u8]) {
        let Some((width, height, _)) = size(&self.frame) else { return };
        for (index, (to, from)) in planes(out, width, height).into_iter().zip(&self.frame.planes).enumerate() {
            if index == 0 || !self.tall {
                let len = to.len().min(from.data.len());
                to[..len].copy_from_slice(&from.data[..len]);
            } else {
                quarter(&from.data, width as usize, to);
            }
        }
    }
}

/// Makes one sample of each two by two; at the edges of odd sizes of what there is.
fn quarter(from: &[u8], width: usize, to: &mut [u8]) {
    let rows = from.chunks_exact(2 * width).chain(from.chunks_exact(2 * width).remainder().chunks_exact(width));
    for (rows, to) in rows.zip(to.chunks_exact_mut(width.div_ceil(2))) {
        let (one, two) = (&rows[..width], &rows[rows.len() - width..]);
        for ((one, two), to) in one.chunks(2).zip(two.chunks(2)).zip(to) {
            let sum: u32 = [one[0], one[one.len() - 1], two[0], two[two.len() - 1]].map(u32::from).iter().sum();
            *to = ((sum + 2) / 4) as u8;
        }
    }
}
