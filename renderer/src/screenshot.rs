//! Saves the shown picture as PNG under the next free name. Nothing is ever overwritten.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::canvas::Canvas;

/// Writes `picture` into `folder`; its path.
pub(crate) fn save(folder: &Path, picture: &Canvas) -> io::Result<PathBuf> {
    let (path, file) = create(folder)?;
    write(file, picture).inspect_err(|_| {
        // Half a picture is none.
        let _ = std::fs::remove_file(&path);
    })?;
    Ok(path)
}

/// The first `tricine-NNNN.png` that does not exist yet, made now.
fn create(folder: &Path) -> io::Result<(PathBuf, File)> {
    for number in 1..=99_999 {
        let path = folder.join(format!("tricine-{number:04}.png"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return Ok((path, opened?)),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name up to tricine-99999.png is taken"))
}

fn write(file: File, picture: &Canvas) -> io::Result<()> {
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
    fn pictures_get_the_next_free_name_and_come_back_as_they_were() {
        let folder = std::env::temp_dir().join(format!("tricine-screenshot-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("tricine-0002.png"), b"not ours").unwrap();
        let picture = Canvas { width: 2, height: 1, pixels: vec![0xff12_3456, 0xffff_0080].into() };
        let names = [1, 2, 3].map(|_| save(&folder, &picture).unwrap().file_name().unwrap().to_owned());
        let back = image::open(folder.join("tricine-0001.png")).unwrap().to_rgb8();
        let kept = std::fs::read(folder.join("tricine-0002.png")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(names, ["tricine-0001.png", "tricine-0003.png", "tricine-0004.png"]);
        assert_eq!(back.as_raw().as_slice(), [0x12, 0x34, 0x56, 0xff, 0x00, 0x80]);
        assert_eq!(kept, b"not ours");
    }
}
