//! Animated WebP: its frames, each decoded as a still by the `image` crate, and put upon each other by us. The crate's own canvas keeps
//! what a frame asks to be cleared behind it.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, Rgba, RgbaImage};

use super::{error, limits};
use crate::{MediaError, MediaFile, caps};

/// Bytes of a frame's header.
const HEAD: u64 = 16;

/// A file, read frame by frame.
pub(super) struct Frames {
    file: MediaFile,
    /// Where the next chunk is.
    at: u64,
    canvas: RgbaImage,
    /// What the last frame wants to be cleared: left, top, width, height.
    clear: Option<[u32; 4]>,
}

impl Frames {
    /// Opens a file whose canvas has this size. Errors: that is too large.
    pub(super) fn open(file: &MediaFile, (width, height): (u32, u32)) -> Result<Self, MediaError> {
        if u64::from(width) * u64::from(height) * 4 > caps::STILL_MEMORY {
            return Err(MediaError::Broken(format!("a picture of {width}×{height}")));
        }
        Ok(Self { file: file.clone(), at: 12, canvas: RgbaImage::new(width, height), clear: None })
    }

    /// The next picture, and how long it is shown, in ms; `None` at the end. Errors: it is damaged.
    pub(super) fn next(&mut self) -> Result<Option<(RgbaImage, u32)>, MediaError> {
        let cut = |_| MediaError::Damaged("it ends within a picture".into());
        while self.at + 8 <= self.file.len() {
            let mut chunk = [0; 8];
            self.file.read_exact_at(&mut chunk, self.at)?;
            let [k0, k1, k2, k3, len @ ..] = chunk;
            let (body, len) = (self.at + 8, u64::from(u32::from_le_bytes(len)));
            self.at = body + len + (len & 1);
            if [k0, k1, k2, k3] != *b"ANMF" || !(HEAD..=caps::PACKET).contains(&len) {
                continue;
            }
            let mut frame = vec![0; len as usize];
            self.file.read_exact_at(&mut frame, body).map_err(cut)?;
            return self.show(&frame).map(Some);
        }
        Ok(None)
    }

    fn show(&mut self, frame: &[u8]) -> Result<(RgbaImage, u32), MediaError> {
        let three = |at: usize| u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], 0]);
        let (left, top) = (2 * three(0), 2 * three(3));
        let (width, height) = (three(6) + 1, three(9) + 1);
        let (blended, cleared) = (frame[15] & 2 == 0, frame[15] & 1 == 1);
        if left + width > self.canvas.width() || top + height > self.canvas.height() {
            return Err(MediaError::Damaged("a picture that reaches beyond the others".into()));
        }
        let picture = still(&frame[HEAD as usize..], width, height)?;
        if picture.dimensions() != (width, height) {
            return Err(MediaError::Damaged("a picture of another size than it says".into()));
        }
        if let Some([left, top, width, height]) = self.clear.take() {
            for (x, y) in (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y))) {
                self.canvas.put_pixel(x, y, Rgba([0; 4]));
            }
        }
        for (x, y, pixel) in picture.enumerate_pixels() {
            let below = self.canvas.get_pixel_mut(left + x, top + y);
            *below = if blended { over(*pixel, *below) } else { *pixel };
        }
        self.clear = cleared.then_some([left, top, width, height]);
        Ok((self.canvas.clone(), three(12)))
    }
}

/// A frame's picture, put into a file of its own.
fn still(chunks: &[u8], width: u32, height: u32) -> Result<RgbaImage, MediaError> {
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    if chunks.starts_with(b"ALPH") {
        // It has a picture and, before it, its alpha.
        file.extend_from_slice(b"VP8X\x0a\0\0\0\x10\0\0\0");
        file.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
        file.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
    }
    file.extend_from_slice(chunks);
    let len = (file.len() - 8) as u32;
    file[4..8].copy_from_slice(&len.to_le_bytes());
    let damaged = |e| MediaError::Damaged(error(e).to_string());
    let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(damaged)?;
    decoder.set_limits(limits()).map_err(damaged)?;
    Ok(DynamicImage::from_decoder(decoder).map_err(damaged)?.into_rgba8())
}

/// A pixel upon another one.
pub(super) fn over(Rgba(pixel): Rgba<u8>, Rgba(below): Rgba<u8>) -> Rgba<u8> {
    let (alpha, rest) = (u32::from(pixel[3]), u32::from(below[3]) * (255 - u32::from(pixel[3])) / 255);
    let all = alpha + rest;
    let mix = |n: usize| {
        (u32::from(pixel[n]) * alpha + u32::from(below[n]) * rest + all / 2).checked_div(all).unwrap_or(0) as u8
    };
    Rgba([mix(0), mix(1), mix(2), all as u8])
}
