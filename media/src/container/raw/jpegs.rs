//! JPEGs one after another, as webcams and converters leave them (`.mjpeg`): a film. A photograph may have more pictures behind it as well, a
//! preview, the brightness that HDR screens add, the other eye's view: it remains one picture.

use super::super::window::Window;
use super::super::{Contents, Track, TrackKind, VideoTrack, caps};
use super::{CodecId, Listed, Picture, Raw};
use crate::times::USUAL;
use crate::{MediaError, MediaFile, NS};

/// Zeros at the most that lie between two pictures of a film: some writers fill them up.
const PADDING: usize = 16;

/// A picture in a file.
struct Jpeg {
    end: u64,
    /// Bits of a sample, rows, columns; `None`: it has no frame.
    size: Option<[u8; 5]>,
    /// It says itself that other pictures belong to it.
    album: bool,
    /// It has its last mark.
    whole: bool,
}

impl Raw {
    /// A film of JPEGs, each shown for `frame_ns`, or else 25 per second. `None`: it begins with no JPEG, or with one that stands alone.
    /// Errors: reading fails.
    pub(in super::super) fn jpegs(file: &MediaFile, frame_ns: Option<i64>) -> Result<Option<Self>, MediaError> {
        let mut window = Window::new(file.clone());
        if !is_film(&mut window)? {
            return Ok(None);
        }
        let (mut pictures, mut at) = (Vec::new(), 0);
        while pictures.len() < caps::SAMPLES
            && let Some(begin) = next(&mut window, at)?
        {
            let jpeg = walk(&mut window, begin)?;
            at = jpeg.end;
            let len = u32::try_from(at - begin).unwrap_or(u32::MAX);
            if jpeg.size.is_some() {
                let due = pictures.len() as u32;
                pictures.push(Picture { at: begin, len, due, fields: 1, sync: true, hidden: false });
            }
        }
        let units = frame_ns.map_or(USUAL, |frame_ns| (NS as u64, frame_ns.max(1).unsigned_abs()));
        let listed = Listed::timed(pictures, units);
        let video = VideoTrack { rate: Some(listed.rate_hz()), ..VideoTrack::new(CodecId::Mjpeg, Vec::new()) };
        let track = Track { video: Some(video), ..Track::new(TrackKind::Video, CodecId::Mjpeg.name()) };
        let contents = Contents { format: "raw video", tracks: vec![track], ..Contents::default() };
        Ok(Some(Self { file: file.clone(), contents, listed: listed.into() }))
    }
}

/// Whether a file begins with two JPEGs of one size that say nothing of each other.
fn is_film(window: &mut Window) -> Result<bool, MediaError> {
    if !begins(window.bytes(0, 3)?) {
        return Ok(false);
    }
    let first = walk(window, 0)?;
    if !first.whole || first.album || first.size.is_none() {
        return Ok(false);
    }
    let behind = window.bytes(first.end, PADDING + 3)?;
    let zeros = behind.iter().take_while(|byte| **byte == 0).count();
    if !begins(&behind[zeros..]) {
        return Ok(false);
    }
    let second = walk(window, first.end + zeros as u64)?;
    Ok(second.size == first.size && !second.album)
}

fn begins(data: &[u8]) -> bool {
    data.starts_with(&[0xff, 0xd8, 0xff])
}

/// Where the next JPEG begins, at `from` or later.
fn next(window: &mut Window, from: u64) -> Result<Option<u64>, MediaError> {
    find(window, from, 3, begins)
}

/// Where the next mark is that does not belong to the lines of a picture, at `from` or later; where the file ends if there is none.
fn mark(window: &mut Window, from: u64) -> Result<u64, MediaError> {
    let is = |two: &[u8]| two[0] == 0xff && !matches!(two[1], 0..=1 | 0xd0..=0xd7 | 0xff);
    Ok(find(window, from, 2, is)?.unwrap_or(window.len()))
}

/// Where `len` bytes are of a kind, at `from` or later.
fn find(window: &mut Window, from: u64, len: usize, is: impl Fn(&[u8]) -> bool) -> Result<Option<u64>, MediaError> {
    let mut at = from;
    loop {
        window.bytes(at, len)?;
        let some = window.some(at)?;
        if some.len() < len {
            return Ok(None);
        }
        at = match some.windows(len).position(&is) {
            Some(skipped) => return Ok(Some(at + skipped as u64)),
            // A hole may follow that is larger than any disk.
            None if some.iter().all(|byte| *byte == 0) => window.behind_zeros(at)?,
            None => at + (some.len() + 1 - len) as u64,
        };
    }
}

/// Walks the picture that begins at `begin`.
fn walk(window: &mut Window, begin: u64) -> Result<Jpeg, MediaError> {
    let mut jpeg = Jpeg { end: window.len(), size: None, album: false, whole: false };
    let mut at = begin + 2;
    loop {
        at = mark(window, at)?;
        let &[_, kind, high, low] = window.bytes(at, 4)?.first_chunk().unwrap_or(&[0xff, 0xd9, 0, 0]);
        let body = at + 4;
        let len = u64::from(u16::from_be_bytes([high, low])).max(2) - 2;
        match kind {
            // The next one, without an end of this one.
            0xd8 => return Ok(Jpeg { end: at, ..jpeg }),
            0xd9 => {
                let end = (at + 2).min(window.len());
                return Ok(Jpeg { end, whole: end == at + 2, ..jpeg });
            }
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                jpeg.size = window.bytes(body, 5)?.first_chunk().copied().or(jpeg.size);
            }
            // An index of the pictures in the file (CIPA DC-007), or what Google writes in its place.
            0xe2 => jpeg.album |= window.bytes(body, 4)? == b"MPF\0",
            0xe1 => {
                let text = window.bytes(body, len as usize)?;
                jpeg.album |= text.starts_with(b"http://ns.adobe.com/xap/")
                    && [&b"photos/1.0/container"[..], b"hdr-gain-map"].iter().any(|word| has(text, word));
            }
            _ => {}
        }
        at = body + len;
    }
}

fn has(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
