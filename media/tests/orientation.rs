//! Pictures that are to be turned or mirrored when they are shown: by the matrix of MP4, by EXIF. FFmpeg shows what is right.

mod video_support;

use std::path::Path;

use tricine_media::{Orientation, Rotation};
use video_support::{Clips, lively, samples, video};

const SIZE: (usize, usize) = (64, 48);

/// The first frame's luma as FFmpeg turns it for showing.
fn upright(path: &Path) -> Vec<u8> {
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(path);
    command.args(["-frames:v", "1", "-vf", "format=yuvj420p,extractplanes=y", "-f", "rawvideo", "-"]);
    command.output().expect("ffmpeg runs").stdout
}

/// Luma of [`SIZE`] as it is to be shown.
fn turned(luma: &[u8], orientation: Orientation) -> Vec<u8> {
    let (w, h) = SIZE;
    let at = |x: usize, y: usize| luma[y * w + x];
    let mut turned: Vec<u8> = match orientation.rotation {
        Rotation::None => luma.to_vec(),
        Rotation::Cw90 => (0..w * h).map(|n| at(n / h, h - 1 - n % h)).collect(),
        Rotation::Cw180 => luma.iter().rev().copied().collect(),
        Rotation::Cw270 => (0..w * h).map(|n| at(w - 1 - n / h, n % h)).collect(),
    };
    if orientation.mirrored {
        let lying = matches!(orientation.rotation, Rotation::Cw90 | Rotation::Cw270);
        turned.chunks_exact_mut(if lying { h } else { w }).for_each(<[u8]>::reverse);
    }
    turned
}

/// What is shown of a file's first picture; its orientation.
fn assert_as_ffmpeg(path: &Path) -> Orientation {
    let mut video = video(path);
    let orientation = video.info().format.orientation;
    let luma = samples(&mut video.next_frame().unwrap().unwrap());
    let (ours, theirs) = (turned(&luma[..SIZE.0 * SIZE.1], orientation), upright(path));
    assert_eq!(ours.len(), theirs.len());
    let off: u64 = ours.iter().zip(&theirs).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(off < 3 * ours.len() as u64, "{}: {orientation:?} is off by {off}", path.display());
    orientation
}

/// All that there are, each once.
fn assert_all(seen: &[Orientation]) {
    assert_eq!(seen.len(), 8);
    assert!(seen.iter().enumerate().all(|(n, one)| !seen[..n].contains(one)), "{seen:?}");
}

#[test]
fn mp4_is_turned_and_mirrored_by_its_matrix() {
    let Some(clips) = Clips::new("matrix") else { return };
    let made = format!("{} -color_range pc -c:v libx264", lively("64x48", "25", "0.2"));
    let Some(path) = clips.make("film.mp4", &made) else { return };
    let mut data = std::fs::read(&path).unwrap();
    let header = data.windows(4).position(|kind| kind == b"tkhd").unwrap() + 4;
    let mut seen = Vec::new();
    for matrix in [
        [1i32, 0, 0, 1],
        [0, 1, -1, 0],
        [-1, 0, 0, -1],
        [0, -1, 1, 0],
        [-1, 0, 0, 1],
        [1, 0, 0, -1],
        [0, 1, 1, 0],
        [0, -1, -1, 0],
    ] {
        for (place, cell) in [0, 1, 3, 4].into_iter().zip(matrix) {
            data[header + 40 + 4 * place..][..4].copy_from_slice(&(cell << 16).to_be_bytes());
        }
        std::fs::write(&path, &data).unwrap();
        seen.push(assert_as_ffmpeg(&path));
    }
    assert_all(&seen);
}

#[test]
fn jpeg_is_turned_by_what_stands_in_exifs_inner_list() {
    let Some(clips) = Clips::new("inner-exif") else { return };
    let made = format!("{} -frames:v 1 -q:v 2", lively("64x48", "25", "0.2"));
    let Some(path) = clips.make("picture.jpg", &made) else { return };
    let jpeg = std::fs::read(&path).unwrap();
    // In either order of bytes: a list of one entry, which says where the inner one is.
    let exifs: [&[u8]; 2] = [
        b"\xff\xe1\x00\x34Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0\
          \0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
        b"\xff\xe1\x00\x34Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0\
          \x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
    ];
    for exif in exifs {
        std::fs::write(&path, [&jpeg[..2], exif, &jpeg[2..]].concat()).unwrap();
        let format = video(&path).info().format;
        assert_eq!(format.orientation.rotation, Rotation::Cw90, "{exif:?}");
    }
}

#[test]
fn jpeg_is_turned_and_mirrored_by_exif() {
    let Some(clips) = Clips::new("exif") else { return };
    let made = format!("{} -frames:v 1 -q:v 2", lively("64x48", "25", "0.2"));
    let Some(path) = clips.make("picture.jpg", &made) else { return };
    let jpeg = std::fs::read(&path).unwrap();
    let mut seen = Vec::new();
    for number in 1..=8 {
        let exif =
            [&b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[number], &[0; 6]];
        std::fs::write(&path, [&jpeg[..2], &exif.concat(), &jpeg[2..]].concat()).unwrap();
        seen.push(assert_as_ffmpeg(&path));
    }
    assert_all(&seen);
}
