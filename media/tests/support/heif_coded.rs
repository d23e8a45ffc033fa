//! Pictures for files of HEIF, coded by FFmpeg.
#![allow(dead_code, reason = "each test file uses a part")]

use tricine_media::{Input, MediaFile, VideoFormat, open};

use crate::heif::{Item, boxed};
use crate::video_support::{Clips, filtered, samples};

pub(crate) type Picture = (VideoFormat, Vec<u8>);

/// What is shown of a file.
pub(crate) fn shown(bytes: &[u8]) -> Result<Picture, String> {
    let file = MediaFile::from_bytes(bytes.to_vec(), "picture");
    let media = open(&Input::File(file)).map_err(|error| error.to_string())?;
    let mut frame = media.video.unwrap().next_frame().unwrap().unwrap();
    Ok((frame.format, samples(&mut frame)))
}

/// A coded picture: the box of its configuration, its bytes, and FFmpeg's decode as I420.
#[derive(Clone)]
pub(crate) struct Coded {
    pub(crate) kind: [u8; 4],
    pub(crate) config: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) size: (u32, u32),
    pub(crate) i420: Vec<u8>,
}

pub(crate) fn find(bytes: &[u8], kind: &[u8; 4]) -> (usize, usize) {
    let at = bytes.windows(4).position(|window| window == kind).unwrap() - 4;
    (at, u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()) as usize)
}

/// Makes a picture in a film, and takes it out.
pub(crate) fn coded(
    clips: &Clips,
    name: &str,
    size: (u32, u32),
    from: &str,
    settings: &str,
    filter: &str,
) -> Option<Coded> {
    let source = format!("-f lavfi -i {from}=size={}x{}:rate=1 -frames:v 1", size.0, size.1);
    let path = clips.make(&format!("{name}.mp4"), &format!("{source} {settings}"))?;
    let film = std::fs::read(&path).unwrap();
    let (kind, config) =
        if settings.contains("265") { (*b"hvc1", find(&film, b"hvcC")) } else { (*b"av01", find(&film, b"av1C")) };
    let mdat = find(&film, b"mdat");
    let i420 = filtered(&path, (size.0 * size.1 + 2 * size.0.div_ceil(2) * size.1.div_ceil(2)) as usize, filter);
    Some(Coded {
        kind,
        config: film[config.0..config.0 + config.1].to_vec(),
        data: film[mdat.0 + 8..mdat.0 + mdat.1].to_vec(),
        size,
        i420: i420[0].clone(),
    })
}

pub(crate) const AOM: &str = "-c:v libaom-av1 -cpu-used 8 -crf 20 -pix_fmt";

impl Item {
    pub(crate) fn of(coded: &Coded, more: &[Vec<u8>]) -> Self {
        let size = [[0; 4], coded.size.0.to_be_bytes(), coded.size.1.to_be_bytes()].concat();
        let properties = [vec![coded.config.clone(), boxed(b"ispe", &size)], more.to_vec()].concat();
        Self { kind: coded.kind, data: coded.data.clone(), properties }
    }
}

/// How far luma and chroma are from each other at most and on average.
pub(crate) fn apart(size: (u32, u32), a: &[u8], b: &[u8]) -> (u8, f64) {
    let (luma, chroma) = ((size.0 * size.1) as usize, |all: &[u8]| all[(size.0 * size.1) as usize..].to_vec());
    let most = a[..luma].iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    let (a, b) = (chroma(a), chroma(b));
    (most, a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64)
}
