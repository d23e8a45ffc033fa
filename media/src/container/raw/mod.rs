//! Pictures without a container, or with one that only counts them: raw H.264, HEVC, MPEG-1, MPEG-2 and MPEG-4 part 2, AV1 as a
//! stream of units (OBU), IVF with VP8, VP9 or AV1, and JPEGs one after another.
//!
//! A raw stream says neither where its pictures lie nor when they are due. So it is walked once, and each picture is listed: its
//! place, and its number in the order in which pictures are shown, which the heads of its slices tell. They follow each other at the
//! rate that the stream tells, or at 25 per second.

mod avc;
mod hevc;
mod jpegs;
mod listed;
mod mpeg;
mod units;

use super::pictures::{Pictures, Unit};
use super::window::Window;
use super::{CodecId, Contents, Extent, Packets, Track, TrackKind, VideoTrack, caps};
use crate::times::is_rate;
use crate::{MediaError, MediaFile};
use listed::{Listed, Picture};

/// Bytes that are cut into pictures at once.
const PIECE: usize = 16 << 10;
/// Bytes of the first picture in which what stands in front of it is looked for.
const FRONT: usize = 64 << 10;

/// A file whose pictures were listed.
pub(super) struct Raw {
    file: MediaFile,
    contents: Contents,
    listed: std::sync::Arc<Listed>,
}

/// Where a picture is shown.
struct Place {
    /// All pictures before it are shown before it, and its order is counted anew.
    new: bool,
    /// Its place among the others since then.
    order: i64,
    /// Decoding can begin with it.
    sync: bool,
    /// It is the other field of the picture before it.
    second: bool,
    /// Others refer to it, but it is not shown.
    hidden: bool,
    /// For how many fields it is shown: half a picture's time.
    fields: u32,
}

/// What tells the order of pictures.
enum Order {
    Avc(avc::Order),
    Hevc(hevc::Order),
    Numbered(mpeg::Numbered),
    Typed(mpeg::Typed),
}

impl Order {
    fn of(codec: &CodecId) -> Self {
        match codec {
            CodecId::H264 => Self::Avc(avc::Order::default()),
            CodecId::Hevc => Self::Hevc(hevc::Order::default()),
            CodecId::Mpeg4 => Self::Typed(mpeg::Typed::default()),
            _ => Self::Numbered(mpeg::Numbered::default()),
        }
    }

    fn place(&mut self, data: &[u8]) -> Option<Place> {
        match self {
            Self::Avc(order) => order.place(data),
            Self::Hevc(order) => order.place(data),
            Self::Numbered(order) => order.place(data),
            Self::Typed(order) => order.place(data),
        }
    }

    fn rate(&self) -> Option<(u64, u64)> {
        match self {
            Self::Avc(order) => order.rate(),
            Self::Hevc(order) => order.rate(),
            Self::Numbered(order) => order.rate(),
            Self::Typed(order) => order.rate(),
        }
    }
}

/// Tells the order of pictures to a container that does not, where their codec counts them: H.264 and HEVC.
pub(super) struct Places {
    order: Order,
    group: u32,
}

impl Places {
    /// `None`: the codec does not count its pictures.
    pub(super) fn of(codec: &CodecId) -> Option<Self> {
        matches!(codec, CodecId::H264 | CodecId::Hevc).then(|| Self { order: Order::of(codec), group: 0 })
    }

    /// Where a picture that begins so is shown: in a later group than others, or in the same one by its place. `None`: no slice of it is there.
    /// Pictures are told in the order of decoding.
    pub(super) fn place(&mut self, data: &[u8]) -> Option<(u32, i64)> {
        let place = match &mut self.order {
            Order::Hevc(order) => order.any(data)?.0,
            order => order.place(data)?,
        };
        self.group += u32::from(place.new);
        Some((self.group, place.order))
    }

    /// Pictures per second as a fraction, where the stream says so.
    pub(super) fn rate(&self) -> Option<(u64, u64)> {
        self.order.rate().filter(|&(rate, per)| is_rate(rate, per))
    }

    /// How many pictures at most are decoded before one that is shown before them, where the stream says so.
    pub(super) fn reordered(&self) -> Option<u32> {
        match &self.order {
            Order::Avc(order) => order.reordered(),
            Order::Hevc(order) => order.reordered(),
            _ => None,
        }
    }
}

/// Whether a file that begins so is one of these.
pub(crate) fn is_raw(head: &[u8]) -> bool {
    units::begins(head) || codec(head).is_some()
}

/// The codec of a stream that begins so with a start code, by the first codes.
fn codec(head: &[u8]) -> Option<CodecId> {
    let zeros = head.iter().take_while(|byte| **byte == 0).count();
    if zeros < 2 || head.get(zeros) != Some(&1) {
        return None;
    }
    let mut codes = head.windows(5).enumerate().filter(|(_, window)| window[..3] == [0, 0, 1]);
    let (at, first) = codes.next()?;
    let next = codes.next();
    match (first[3], first[4]) {
        (0xb3, _) => Some(CodecId::Mpeg12),
        (0xb0, _) => Some(CodecId::Mpeg4),
        // An object of pictures, and its layer at once behind it.
        (0..=0x1f, _) if next.is_some_and(|(place, next)| place == at + 4 && (0x20..=0x2f).contains(&next[3])) => {
            Some(CodecId::Mpeg4)
        }
        // Parameter sets, a delimiter or a message, of the first layer.
        (0x40 | 0x42 | 0x46 | 0x4e, 1) => Some(CodecId::Hevc),
        // A set of parameters, a delimiter or a message that such a set follows.
        (0x27 | 0x47 | 0x67, _) => Some(CodecId::H264),
        (0x09 | 0x06, _) => {
            let mut codes = std::iter::successors(next, |_| codes.next());
            codes.any(|(_, window)| matches!(window[3], 0x27 | 0x47 | 0x67)).then_some(CodecId::H264)
        }
        _ => None,
    }
}

impl Raw {
    /// Lists the pictures. Errors: there are none.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let mut head = vec![0; 4096];
        let have = file.read_at(&mut head, 0)?;
        head.truncate(have);
        let (format, codec, listed, config) = match codec(&head) {
            Some(codec) => {
                let (listed, config) = walk(file, &codec)?;
                ("raw video", codec, listed, config)
            }
            None => units::list(file, &head)?,
        };
        let name = codec.name().to_owned();
        if !listed.pictures.iter().any(|picture| picture.sync) {
            return Err(MediaError::Broken(format!("raw {name}: it has no picture that decoding can begin with")));
        }
        let video = VideoTrack { rate: Some(listed.rate_hz()), ..VideoTrack::new(codec, config) };
        let track = Track { video: Some(video), ..Track::new(TrackKind::Video, name) };
        let contents = Contents { format, tracks: vec![track], ..Contents::default() };
        Ok(Self { file: file.clone(), contents, listed: std::sync::Arc::new(listed) })
    }
}

/// Lists the pictures of a stream with start codes, and finds what stands in front of the first one.
fn walk(file: &MediaFile, codec: &CodecId) -> Result<(Listed, Vec<u8>), MediaError> {
    let mut window = Window::new(file.clone());
    let mut walk = Walk {
        codec,
        order: Order::of(codec),
        pictures: Vec::new(),
        places: Vec::new(),
        group: 0,
        config: None,
        at: 0,
    };
    let mut cutter = Pictures::new(codec.clone());
    let mut at = 0;
    while at < window.len() && walk.pictures.len() < caps::SAMPLES {
        let some = window.some(at)?;
        let piece = &some[..some.len().min(PIECE)];
        let len = piece.len() as u64;
        if piece.iter().all(|&byte| byte == 0) {
            // No picture has so many zeros: what goes on behind them is another one.
            walk.take(cutter.flush());
            at = window.behind_zeros(at)?;
            walk.at = at;
            continue;
        }
        for unit in cutter.push(piece, None, 0) {
            walk.take(Some(unit));
        }
        at += len;
        if cutter.waiting() as u64 > caps::PACKET {
            cutter.jump();
            walk.at = at;
        }
    }
    walk.take(cutter.flush());
    let rate = walk.order.rate();
    let listed = Listed::in_order(walk.pictures, walk.places, rate);
    Ok((listed, walk.config.unwrap_or_default()))
}

/// A walk over a stream.
struct Walk<'a> {
    codec: &'a CodecId,
    order: Order,
    pictures: Vec<Picture>,
    /// Of each picture: how often order was begun anew before it, its place since then, and for how many fields it is shown.
    places: Vec<(u32, i64, u32)>,
    group: u32,
    config: Option<Vec<u8>>,
    /// Where what was not taken yet begins.
    at: u64,
}

impl Walk<'_> {
    fn take(&mut self, unit: Option<Unit>) {
        let Some(unit) = unit else { return };
        let (at, len) = (self.at + unit.lead as u64, unit.data.len() as u32);
        self.at = at + u64::from(len);
        let Some(place) = self.order.place(&unit.data) else { return };
        if self.config.is_none() {
            self.config = Some(front(self.codec, &unit.data).to_vec());
        }
        match self.pictures.last_mut() {
            Some(last) if place.second && last.at + u64::from(last.len) == at => last.len += len,
            _ => {
                self.group += u32::from(place.new);
                let Place { order, sync, hidden, fields, .. } = place;
                self.pictures.push(Picture { at, len, due: 0, fields, sync, hidden });
                self.places.push((self.group, order, fields));
            }
        }
    }
}

/// What stands in front of the first slice of a picture.
fn front<'a>(codec: &CodecId, data: &'a [u8]) -> &'a [u8] {
    let data = &data[..data.len().min(FRONT)];
    let is_slice = |code: u8| match codec {
        CodecId::H264 => matches!(code & 0x1f, 1..=5),
        CodecId::Hevc => code >> 1 & 0x3f < 32,
        CodecId::Mpeg4 => matches!(code, 0xb3 | 0xb6),
        _ => matches!(code, 0 | 0xb8),
    };
    let slice = data.windows(4).position(|window| window[..3] == [0, 0, 1] && is_slice(window[3]));
    &data[..slice.unwrap_or(0)]
}

impl super::Container for Raw {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        (track == 0).then(|| self.listed.extent())
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        match track {
            0 => Ok(Box::new(listed::Reader::new(self.file.clone(), self.listed.clone()))),
            _ => Err(MediaError::Broken("raw video: there is no such track".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_codes_tell_the_codec() {
        let of = |bytes: &[u8]| codec(&[bytes, &[0; 8]].concat());
        assert_eq!(of(b"\0\0\0\x01\x67\x64\0\x0a"), Some(CodecId::H264));
        assert_eq!(of(b"\0\0\0\x01\x09\xf0\0\0\0\x01\x67\x64"), Some(CodecId::H264));
        assert_eq!(of(b"\0\0\0\x01\x40\x01\x0c\x01"), Some(CodecId::Hevc));
        assert_eq!(of(b"\0\0\x01\xb3\x16\0\x90"), Some(CodecId::Mpeg12));
        assert_eq!(of(b"\0\0\x01\xb0\x01\0\0\x01\xb5"), Some(CodecId::Mpeg4));
        assert_eq!(of(b"\0\0\x01\0\0\0\x01\x20\x00"), Some(CodecId::Mpeg4));
        assert_eq!([of(b"\0\0\x01\xba"), of(b"\0\0\0\x20ftyp"), of(b"\0\0\0\x01\x09\xf0")], [None, None, None]);
    }
}
