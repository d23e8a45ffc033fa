//! APNG of 16 bits, which the `image` crate's animations do not take: by the crate that it reads PNG with itself, narrowed to 8 bits, and put
//! upon each other by us.

use std::io::BufReader;

use image::{Rgba, RgbaImage};
use png::{BlendOp, ColorType, Decoder, DisposeOp, Reader, Transformations};

use super::webp::over;
use crate::{MediaError, MediaFile, MediaReader, caps};

/// A file, read frame by frame.
pub(super) struct Frames {
    reader: Reader<BufReader<MediaReader>>,
    left: u32,
    canvas: RgbaImage,
    /// What the canvas is to be before the next frame.
    after: Option<RgbaImage>,
}

impl Frames {
    /// Opens a file. Errors: it is broken, or too large.
    pub(super) fn open(file: &MediaFile) -> Result<Self, MediaError> {
        let limits = png::Limits { bytes: caps::STILL_MEMORY as usize };
        let mut decoder = Decoder::new_with_limits(BufReader::new(file.reader()), limits);
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16 | Transformations::ALPHA);
        let reader = decoder.read_info().map_err(broken)?;
        let (width, height) = reader.info().size();
        if u64::from(width) * u64::from(height) * 4 > caps::STILL_MEMORY {
            return Err(MediaError::Broken(format!("a picture of {width}×{height}")));
        }
        let left = reader.info().animation_control().map_or(0, |control| control.num_frames);
        let mut frames = Self { reader, left, canvas: RgbaImage::new(width, height), after: None };
        // A picture for those that know no animations may come first.
        if frames.reader.info().frame_control().is_none() {
            frames.read()?;
        }
        Ok(frames)
    }

    /// The bytes of the next frame, four a pixel, and its width.
    fn read(&mut self) -> Result<(Vec<u8>, u32), MediaError> {
        let size = self.reader.output_buffer_size().ok_or_else(|| broken("too large"))?;
        let mut bytes = vec![0; size];
        let info = self.reader.next_frame(&mut bytes).map_err(broken)?;
        bytes.truncate(info.buffer_size());
        if info.color_type == ColorType::GrayscaleAlpha {
            bytes = bytes.as_chunks::<2>().0.iter().flat_map(|[grey, alpha]| [*grey, *grey, *grey, *alpha]).collect();
        }
        Ok((bytes, info.width))
    }

    /// The next picture, and how long it is shown, as a fraction of a second; `None` at the end. Errors: it is damaged.
    pub(super) fn next(&mut self) -> Result<Option<(RgbaImage, u32, u32)>, MediaError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let (bytes, width) = self.read()?;
        let control = *self.reader.info().frame_control().ok_or_else(|| broken("a frame without its place"))?;
        if let Some(canvas) = self.after.take() {
            self.canvas = canvas;
        }
        let mut after = (control.dispose_op != DisposeOp::None).then(|| self.canvas.clone());
        for (at, pixel) in (0..).zip(bytes.as_chunks::<4>().0) {
            let (x, y) = (control.x_offset + at % width, control.y_offset + at / width);
            let Some(below) = self.canvas.get_pixel_mut_checked(x, y) else { continue };
            *below = if control.blend_op == BlendOp::Over { over(Rgba(*pixel), *below) } else { Rgba(*pixel) };
            if control.dispose_op == DisposeOp::Background
                && let Some(after) = &mut after
            {
                after.put_pixel(x, y, Rgba([0; 4]));
            }
        }
        self.after = after;
        let den = if control.delay_den == 0 { 100 } else { u32::from(control.delay_den) };
        Ok(Some((self.canvas.clone(), control.delay_num.into(), den)))
    }
}

fn broken(why: impl std::fmt::Display) -> MediaError {
    MediaError::Damaged(format!("PNG: {why}"))
}
