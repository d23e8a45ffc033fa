//! The shown picture as PNG, into a file that the supervisor has opened.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::canvas::Canvas;

/// Writes `picture` into `file`, which is empty.
pub(crate) fn write(file: File, picture: &Canvas) -> io::Result<()> {
    let rgb: Vec<u8> = picture
        .pixels
        .iter()
        .flat_map(|p| {
            let [b, g, r, _] = p.to_le_bytes();
            [r, g, b]
        })
        .collect();
    let mut out = BufWriter::new(file);
    // Fast: the film waits.
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
        .write_image(&rgb, picture.width as u32, picture.height as u32, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_comes_back_as_it_was() {
        let path = std::env::temp_dir().join(format!("tricine-screenshot-{}.png", std::process::id()));
        let picture = Canvas { width: 2, height: 1, pixels: vec![0xff12_3456, 0xffff_0080].into() };
        write(File::create(&path).unwrap(), &picture).unwrap();
        let back = image::open(&path).unwrap().to_rgb8();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(back.as_raw().as_slice(), [0x12, 0x34, 0x56, 0xff, 0x00, 0x80]);
    }
}
