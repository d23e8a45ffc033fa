//! Theora by `oxideav-theora`: one packet, one picture; an empty packet is the picture before once more.

use std::sync::Arc;

use oxideav_theora::{
    FrameDecoder, PixelFormat, ReconstructedFrame, TheoraIdentHeader, decode_identification_header, decode_setup_header,
};

use super::codec::{CONVERT, Codec, CodecError, Decoded, planes, thin_row};
use super::deep::Samples;
use crate::container::{Colour, xiph_laces};
use crate::{ColorMatrix, ColorRange, MAX_SIDE, MediaError, Picture, caps};

/// What a packet begins with: the bit of those that hold no picture, and the one of pictures that refer to others.
const HEADER: u8 = 0x80;
const INTER: u8 = 0x40;

pub(crate) struct Theora {
    decoder: FrameDecoder,
    /// The picture before.
    last: Option<Arc<ReconstructedFrame>>,
}

impl Theora {
    /// Takes the three headers: laced as Matroska has them, or each behind its length, as FFmpeg writes them into AVI and MOV. Errors: they are broken, or their pictures too large.
    pub(crate) fn open(config: &[u8]) -> Result<Self, MediaError> {
        let broken = |why: String| MediaError::Broken(format!("Theora: its headers: {why}"));
        let headers = counted(config).or_else(|| xiph_laces(config)).filter(|headers| headers.len() == 3);
        let headers = headers.ok_or_else(|| broken("there are not three".into()))?;
        let ident = decode_identification_header(headers[0]).map_err(|error| broken(error.to_string()))?;
        let (width, height) = (ident.coded_width(), ident.coded_height());
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > MAX_SIDE || pixels > caps::THEORA_PIXELS.into() {
            return Err(MediaError::unsupported(format!("Theora video of {width}×{height}"), CONVERT));
        }
        if ident.picw == 0 || ident.pich == 0 {
            return Err(broken("pictures of no size".into()));
        }
        let setup = decode_setup_header(headers[2]).map_err(|error| broken(error.to_string()))?;
        let decoder = FrameDecoder::new(ident, setup).map_err(|error| broken(error.to_string()))?;
        Ok(Self { decoder, last: None })
    }
}

/// The headers behind their lengths, in 16 bits each. `None`: they are told in another way.
fn counted(mut config: &[u8]) -> Option<Vec<&[u8]>> {
    config.get(2..)?.strip_prefix(b"\x80theora")?;
    let mut headers = Vec::new();
    for _ in 0..3 {
        let (len, rest) = config.split_first_chunk()?;
        let (header, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        headers.push(header);
        config = rest;
    }
    Some(headers)
}

impl Codec for Theora {
    fn name(&self) -> String {
        match self.decoder.ident().pf {
            PixelFormat::Yuv420 => "Theora".into(),
            PixelFormat::Yuv422 => "Theora 4:2:2".into(),
            PixelFormat::Yuv444 => "Theora 4:4:4".into(),
        }
    }

    fn begins(&self, data: &[u8]) -> bool {
        data.first().is_some_and(|first| first & (HEADER | INTER) == 0)
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        if data.first().is_some_and(|first| first & HEADER != 0) {
            return Ok(());
        }
        if !data.is_empty() {
            let decoded = self.decoder.decode_frame(&data);
            self.last = Some(Arc::new(decoded.map_err(|e| CodecError::Damaged(format!("Theora: {e}")))?.frame));
        }
        let frame = self.last.clone().ok_or_else(|| CodecError::Damaged("Theora: it repeats no picture".into()))?;
        let ident = self.decoder.ident();
        // The standard has one matrix and one range, whatever the size.
        let colour = Colour { range: Some(ColorRange::Limited), matrix: Some(ColorMatrix::Bt601), ..Colour::default() };
        out.push(Decoded {
            tag,
            width: ident.picw,
            height: ident.pich,
            sar: Some((ident.parn, ident.pard)).filter(|&(w, h)| w > 0 && h > 0),
            colour,
            fields: None,
            samples: Samples::Bytes(Box::new(Cropped { frame, ident: ident.clone() })),
        });
        Ok(())
    }
}

/// A picture of whole macroblocks, lowest line first, of which a part is shown.
struct Cropped {
    frame: Arc<ReconstructedFrame>,
    ident: TheoraIdentHeader,
}

impl Picture for Cropped {
    fn write_i420(&mut self, out: &mut [u8]) {
        let (frame, ident) = (&*self.frame, &self.ident);
        let top = ident.coded_height() - ident.pich - u32::from(ident.picy);
        let (left, top) = (usize::from(ident.picx), top as usize);
        // Whether a line of chroma is half as long as one of luma, and whether there are half as many.
        let (narrow, short) = match ident.pf {
            PixelFormat::Yuv420 => (1, 1),
            PixelFormat::Yuv422 => (1, 0),
            PixelFormat::Yuv444 => (0, 0),
        };
        let from = [
            (&frame.samples_y, frame.dims_y, 0, 0),
            (&frame.samples_cb, frame.dims_cb, narrow, short),
            (&frame.samples_cr, frame.dims_cr, narrow, short),
        ];
        for (plane, (to, (samples, dims, narrow, short))) in
            planes(out, ident.picw, ident.pich).into_iter().zip(from).enumerate()
        {
            let (width, height) = (dims.width as usize, dims.height as usize);
            let shown = if narrow == 1 { ident.picw.div_ceil(2) } else { ident.picw } as usize;
            let lines = if short == 1 { ident.pich.div_ceil(2) } else { ident.pich } as usize;
            let line = |n: usize| {
                let row = height.checked_sub(1 + (top >> short) + n.min(lines - 1))?;
                samples.get(row * width..(row + 1) * width)?.get(left >> narrow..)?.get(..shown)
            };
            let (wide, tall) = (plane > 0 && narrow == 0, plane > 0 && short == 0);
            let out_width = if wide { shown.div_ceil(2) } else { shown };
            for (y, to) in to.chunks_exact_mut(out_width).enumerate() {
                let (one, two) = if tall { (line(2 * y), line(2 * y + 1)) } else { (line(y), None) };
                match (one, two) {
                    (Some(one), None) if !wide => to.copy_from_slice(one),
                    (Some(one), two) => thin_row([one, two.unwrap_or(one)], wide, to),
                    (None, _) => {}
                }
            }
        }
    }
}
