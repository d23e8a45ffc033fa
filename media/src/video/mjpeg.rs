//! Motion JPEG, as cameras and microscopes record it, by `zune-jpeg`: every picture stands alone. It also knows the tables that
//! AVI's writers leave out.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::codec::{Codec, CodecError, Decoded, planes};
use super::deep::Samples;
use crate::container::Colour;
use crate::{ColorMatrix, ColorRange, MAX_SIDE, Picture};

pub(crate) struct Mjpeg;

impl Codec for Mjpeg {
    fn name(&self) -> String {
        "Motion JPEG".into()
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let damaged = |error: &dyn std::fmt::Display| CodecError::Damaged(format!("Motion JPEG: {error}"));
        let options = DecoderOptions::default()
            .set_max_width(MAX_SIDE as usize)
            .set_max_height(MAX_SIDE as usize)
            .set_strict_mode(false);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&data[..]), options);
        decoder.decode_headers().map_err(|error| damaged(&error))?;
        let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
        let wanted = if grey { ColorSpace::Luma } else { ColorSpace::YCbCr };
        decoder.set_options(options.jpeg_set_out_colorspace(wanted));
        let pixels = decoder.decode().map_err(|error| damaged(&error))?;
        let info = decoder.info().ok_or_else(|| damaged(&"a picture of no size"))?;
        let (width, height) = (u32::from(info.width), u32::from(info.height));
        let bytes = if grey { 1 } else { 3 };
        if width == 0 || height == 0 || pixels.len() < (width * height) as usize * bytes {
            return Err(damaged(&"a picture of no size"));
        }
        let colour = Colour { range: Some(ColorRange::Full), matrix: Some(ColorMatrix::Bt601), ..Colour::default() };
        let samples = Samples::Bytes(Box::new(Packed { pixels, width, height, bytes }));
        out.push(Decoded { tag, width, height, sar: None, colour, fields: None, samples });
        Ok(())
    }
}

/// Pixels of luma and both chromas, or of luma alone.
struct Packed {
    pixels: Vec<u8>,
    width: u32,
    height: u32,
    bytes: usize,
}

impl Picture for Packed {
    fn write_i420(&mut self, out: &mut [u8]) {
        let (width, height) = (self.width as usize, self.height as usize);
        let [y, u, v] = planes(out, self.width, self.height);
        for (to, from) in y.iter_mut().zip(self.pixels.chunks_exact(self.bytes)) {
            *to = from[0];
        }
        if self.bytes == 1 {
            u.fill(128);
            v.fill(128);
            return;
        }
        let half = width.div_ceil(2);
        for (plane, to) in [(1, u), (2, v)] {
            for (row, to) in to.chunks_mut(half).enumerate() {
                let lines = [2 * row, (2 * row + 1).min(height - 1)];
                for (column, to) in to.iter_mut().enumerate() {
                    let columns = [2 * column, (2 * column + 1).min(width - 1)];
                    let sum: u32 = lines
                        .iter()
                        .flat_map(|line| columns.iter().map(move |column| (line * width + column) * 3 + plane))
                        .map(|at| u32::from(self.pixels[at]))
                        .sum();
                    *to = ((sum + 2) / 4) as u8;
                }
            }
        }
    }
}
