//! TIFF that the `image` crate refuses: with a palette, as screenshots and scans of few colours have it, and grey of 2 or 4 bits. The crate
//! behind it reads both, if the palette is not mentioned.

use std::io::BufReader;

use image::{Rgba, RgbaImage};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;

use crate::{MAX_SIDE, MediaError, MediaFile, Orientation, caps};

/// The tag of what samples mean, and what it says of grey and of a palette.
const MEANING: u16 = 262;
const GREY: u16 = 1;
const PALETTE: u16 = 3;

/// Decodes such a picture, and says how it is turned; `None`: it is none. Errors: it is broken.
pub(super) fn decode(file: &MediaFile) -> Result<Option<(RgbaImage, Orientation)>, MediaError> {
    let broken = |error: &dyn std::fmt::Display| MediaError::Broken(format!("TIFF: {error}"));
    let Some((at, meaning, grey)) = meaning(file) else { return Ok(None) };
    let palette = meaning == PALETTE;
    if file.len() > caps::PACKET || meaning > GREY && !palette {
        return Ok(None);
    }
    let file = if palette {
        let mut bytes = vec![0; file.len() as usize];
        file.read_exact_at(&mut bytes, 0)?;
        bytes[at..at + 2].copy_from_slice(&grey);
        MediaFile::from_bytes(bytes, file.name.clone())
    } else {
        file.clone()
    };
    let mut decoder = Decoder::new(BufReader::new(file.reader())).map_err(|error| broken(&error))?;
    let Ok(ColorType::Gray(bits @ (1 | 2 | 4 | 8))) = decoder.colortype() else { return Ok(None) };
    let (width, height) = decoder.dimensions().map_err(|error| broken(&error))?;
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Ok(None);
    }
    let turned = decoder.find_tag_unsigned(Tag::Orientation).ok().flatten().unwrap_or(1);
    let colours: Option<Vec<u16>> = decoder.find_tag_unsigned_vec(Tag::ColorMap).ok().flatten();
    let count = 1usize << bits;
    let table: Vec<Rgba<u8>> = match colours.filter(|_| palette) {
        Some(colours) => {
            // Some writers have numbers of 8 bits, as libtiff knows.
            let shift = if colours.iter().any(|&colour| colour > 255) { 8 } else { 0 };
            let colour = |n: usize| colours.get(n).map_or(0, |colour| (colour >> shift) as u8);
            (0..count).map(|n| Rgba([colour(n), colour(count + n), colour(2 * count + n), 255])).collect()
        }
        None => (0..count).map(|n| [(n * 255 / (count - 1)) as u8; 3]).map(|[r, g, b]| Rgba([r, g, b, 255])).collect(),
    };
    let DecodingResult::U8(samples) = decoder.read_image().map_err(|error| broken(&error))? else { return Ok(None) };
    // Rows begin with a byte each.
    let (bits, mask) = (usize::from(bits), count - 1);
    let row = (width as usize * bits).div_ceil(8);
    let picture = RgbaImage::from_fn(width, height, |x, y| {
        let first = x as usize * bits;
        let byte = samples.get(y as usize * row + first / 8).copied().unwrap_or(0);
        table[usize::from(byte) >> (8 - bits - first % 8) & mask]
    });
    Ok(Some((picture, Orientation::of_exif(turned))))
}

/// Where the first picture's meaning stands, what it is, and the bytes of grey in its place.
fn meaning(file: &MediaFile) -> Option<(usize, u16, [u8; 2])> {
    let mut head = [0; 8];
    file.read_exact_at(&mut head, 0).ok()?;
    let little = head.starts_with(b"II*\0");
    let short = |bytes: [u8; 2]| if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
    let offset = [head[4], head[5], head[6], head[7]];
    let directory = u64::from(if little { u32::from_le_bytes(offset) } else { u32::from_be_bytes(offset) });
    let mut count = [0; 2];
    file.read_exact_at(&mut count, directory).ok()?;
    for n in 0..u64::from(short(count)) {
        let (at, mut entry) = (directory + 2 + 12 * n, [0; 12]);
        file.read_exact_at(&mut entry, at).ok()?;
        if short([entry[0], entry[1]]) == MEANING {
            let grey = if little { GREY.to_le_bytes() } else { GREY.to_be_bytes() };
            return Some((usize::try_from(at + 8).ok()?, short([entry[8], entry[9]]), grey));
        }
    }
    None
}
