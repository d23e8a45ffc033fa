//! IVF, which gives each picture its length and its time, and AV1 as a stream of units (OBU).

use super::super::CodecId;
use super::listed::{Listed, Picture};
use crate::times::{USUAL, is_rate};
use crate::video::bits::Bits;
use crate::{MediaError, MediaFile};

use super::{Window, caps};

/// Bytes of IVF's header, and of what stands in front of each picture.
const IVF_HEADER: u64 = 32;
const IVF_PICTURE: u64 = 12;
/// Bytes of a picture that tell whether decoding can begin with it.
const HEAD: usize = 64;
/// Kinds of units of AV1.
const SEQUENCE: u8 = 1;
const DELIMITER: u8 = 2;

/// What a file is called, the codec of its pictures, their list, and what its decoder needs to know.
type Found = (&'static str, CodecId, Listed, Vec<u8>);

/// Whether a file that begins so is one of the two.
pub(super) fn begins(head: &[u8]) -> bool {
    // A stream of units begins with a delimiter of no bytes, and the description of a sequence.
    head.starts_with(b"DKIF") || head.starts_with(&[0x12, 0, 0x0a])
}

/// Lists the pictures of either. Errors: it is neither, or of an unknown codec.
pub(super) fn list(file: &MediaFile, head: &[u8]) -> Result<Found, MediaError> {
    if head.starts_with(b"DKIF") { ivf(file, head) } else { obu(file) }
}

fn ivf(file: &MediaFile, head: &[u8]) -> Result<Found, MediaError> {
    let head: &[u8; 32] = head.first_chunk().ok_or_else(|| MediaError::Broken("IVF: its header is cut off".into()))?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let codec = match &head[8..12] {
        b"VP80" => CodecId::Vp8,
        b"VP90" => CodecId::Vp9,
        b"AV01" => CodecId::Av1,
        other => CodecId::Other(super::super::fourcc(other)),
    };
    let (mut window, mut pictures) = (Window::new(file.clone()), Vec::<Picture>::new());
    let mut at = u64::from(u16::from_le_bytes([head[6], head[7]])).max(IVF_HEADER);
    while pictures.len() < caps::SAMPLES {
        let Some(&[a, b, c, d, t0, t1, t2, t3, ..]) = window.bytes(at, IVF_PICTURE as usize)?.first_chunk::<12>()
        else {
            break;
        };
        let (len, due) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([t0, t1, t2, t3]));
        let body = at + IVF_PICTURE;
        // A picture that is cut off, and zeros that nothing was written over.
        if len == 0 || body + u64::from(len) > file.len() {
            break;
        }
        let sync = is_key(&codec, window.bytes(body, HEAD.min(len as usize))?);
        if let Some(last) = pictures.last_mut() {
            last.fields = due.saturating_sub(last.due);
        }
        pictures.push(Picture { at: body, len, due, fields: 1, sync, hidden: false });
        at = body + u64::from(len);
    }
    let (rate, per) = (u64::from(number(16)), u64::from(number(20)));
    // It counts in units, of which a picture may last any number: they can be too long, and not too short.
    let units = if is_rate(rate.min(per), per) { (rate, per) } else { USUAL };
    Ok(("IVF", codec, Listed::timed(pictures, units), Vec::new()))
}

/// Whether decoding can begin with a picture that begins so.
fn is_key(codec: &CodecId, head: &[u8]) -> bool {
    match codec {
        CodecId::Vp8 => head.first().is_some_and(|tag| tag & 1 == 0),
        CodecId::Vp9 => is_vp9_key(head).unwrap_or(false),
        CodecId::Av1 => {
            let mut at = 0;
            while let Some((kind, len)) = head.get(at..).and_then(unit) {
                if kind == SEQUENCE {
                    return true;
                }
                at += len;
            }
            false
        }
        _ => true,
    }
}

fn is_vp9_key(head: &[u8]) -> Option<bool> {
    let mut bits = Bits::new(head);
    bits.get(2)?;
    let profile = bits.get(1)? | bits.get(1)? << 1;
    bits.get(u32::from(profile == 3))?;
    Some(!bits.flag()? && !bits.flag()?)
}

/// The kind of a unit of AV1, and how many bytes it takes. `None`: it does not say, or is cut off.
fn unit(data: &[u8]) -> Option<(u8, usize)> {
    let head = *data.first()?;
    // The forbidden bit; the size, which a unit of a stream has.
    if head & 0x80 != 0 || head & 2 == 0 {
        return None;
    }
    let start = if head & 4 != 0 { 2 } else { 1 };
    let mut len = 0usize;
    for (n, byte) in data.get(start..)?.iter().take(5).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((head >> 3 & 15, start + n + 1 + len));
        }
    }
    None
}

/// Lists the pictures of a stream of units: what lies between two delimiters.
fn obu(file: &MediaFile) -> Result<Found, MediaError> {
    let (mut window, mut pictures) = (Window::new(file.clone()), Vec::<Picture>::new());
    let mut at = 0u64;
    while let Some((kind, len)) = unit(window.bytes(at, 8)?) {
        let end = at + len as u64;
        if end > file.len() {
            break;
        }
        if kind == DELIMITER {
            if pictures.len() == caps::SAMPLES {
                break;
            }
            let due = 2 * pictures.len() as u32;
            pictures.push(Picture { at, len: 0, due, fields: 2, sync: false, hidden: false });
        }
        if let Some(last) = pictures.last_mut() {
            last.len = u32::try_from(end - last.at).unwrap_or(u32::MAX);
            last.sync |= kind == SEQUENCE;
        }
        at = end;
    }
    // A delimiter alone is no picture.
    pictures.retain(|picture| picture.len > 2);
    let places = (0..pictures.len()).map(|n| (0, n as i64)).map(|(group, n)| (group, n, 2)).collect();
    Ok(("raw video", CodecId::Av1, Listed::in_order(pictures, places, None), Vec::new()))
}
