//! Sound without a container: frames of MPEG audio (MP3 and its elder layers), AAC or AC-3, one after another, each with a header that
//! says how long it is. Where they end is where the file ends, whatever a header in front counts: files are joined by `cat`.

mod cut;
mod header;
mod latm;

use super::window::Window;
use super::{Contents, Extent, Packet, Packets, Track, TrackKind, caps, id3};
use crate::audio::name_of;
use crate::times::nearest_ns;
use crate::{MediaError, MediaFile, NS};
use header::{Header, Kind, declared, params, tag_len};

pub(super) use cut::Cutter;
#[cfg(feature = "ac3")]
pub(crate) use header::ac3_frame;

/// Walks frames.
#[derive(Clone)]
struct Walk {
    file: Window,
    first: Header,
    at: u64,
}

impl Walk {
    fn header(&mut self, at: u64) -> Result<Option<Header>, MediaError> {
        let same = self.first.same;
        Ok(Header::parse(self.file.bytes(at, 8)?).filter(|header| same == 0 || header.same == same))
    }

    /// The next frame and where it is, stepped over. What is no frame (tags between joined files, damage) is passed over to
    /// where two frames follow each other, or one ends the file.
    fn frame(&mut self) -> Result<Option<(u64, Header)>, MediaError> {
        let (len, start) = (self.file.len(), self.at);
        while self.at < len {
            if let Some(tag) = tag_len(self.file.bytes(self.at, 10)?) {
                self.at = self.at.saturating_add(tag);
                continue;
            }
            if let Some(header) = self.header(self.at)? {
                let (at, end) = (self.at, self.at + u64::from(header.len));
                let follows = end >= len || self.at == start || self.header(end)?.is_some();
                if follows && end <= len {
                    self.at = end;
                    return Ok(Some((at, header)));
                }
            }
            // No frame and no tag begins with a zero.
            self.at = self.file.behind_zeros(self.at + 1)?;
        }
        Ok(None)
    }
}

/// A file of frames.
pub(super) struct Frames {
    contents: Contents,
    walk: Walk,
    /// Samples in front of the sound, and behind it.
    priming: u32,
    padding: u32,
    /// Samples of all frames; an estimate where the file is too large to be walked.
    samples: u64,
}

impl Frames {
    /// Opens a file that begins with frames, behind its tags; `None` if it does not.
    pub(super) fn open(file: &MediaFile) -> Result<Option<Self>, MediaError> {
        let none = Header {
            kind: Kind::Mpeg { layer: 0 },
            dependent: false,
            len: 0,
            skip: 0,
            samples: 0,
            rate: 0,
            channels: 0,
            same: 0,
        };
        let mut walk = Walk { file: Window::new(file.clone()), first: none, at: 0 };
        while let Some(tag) = tag_len(walk.file.bytes(walk.at, 10)?) {
            walk.at = walk.at.saturating_add(tag);
        }
        let tagged = walk.at > 0;
        // A few set bits are easily found by chance: three frames in a row are not, nor is a file that is all frames.
        let until = walk.at + if tagged { caps::FRAME_SEARCH } else { 4096 };
        let (begin, first) = loop {
            if walk.at >= until.min(file.len()) {
                return Ok(None);
            }
            let (at, mut end, mut alike) = (walk.at, walk.at, 0);
            let first = Header::parse(walk.file.bytes(at, 8)?);
            while let Some(header) =
                Header::parse(walk.file.bytes(end, 8)?).filter(|h| Some(h.same) == first.map(|f| f.same))
            {
                (alike, end) = (alike + 1, end + u64::from(header.len));
                if alike == 3 {
                    break;
                }
            }
            match first {
                Some(first) if alike == 3 || alike > 0 && end >= file.len() => break (at, first),
                _ => walk.at += 1,
            }
        };
        (walk.at, walk.first) = (begin, first);
        let declared = declared(walk.file.bytes(begin, first.len as usize)?, &first);
        if declared.is_some() {
            walk.at = begin + u64::from(first.len);
        }
        let (params, rest) = (params(&first), declared.unwrap_or_default());
        let track = Track { audio: Some(Ok(params.clone())), ..Track::new(TrackKind::Audio, name_of(params.codec)) };
        let format = match first.kind {
            Kind::Adts { .. } => "ADTS",
            Kind::Ac3 { .. } => name_of(params.codec),
            Kind::Mpeg { .. } => "MPEG audio",
        };
        let id3::Tag { words: tags, pictures, cover, chapters } = id3::read(file);
        let cover = cover.map(Into::into);
        let attachments = pictures.into_iter().map(|(_, picture)| picture).collect();
        let contents = Contents { format, tracks: vec![track], tags, attachments, cover, chapters };
        let mut frames = Self { contents, walk, priming: rest.priming, padding: rest.padding, samples: 0 };
        let mut counted = 0;
        let mut reader = Reader::new(&frames);
        let behind = file.len().saturating_sub(frames.walk.at);
        while reader.walk.at - frames.walk.at < caps::FRAMES_WALKED
            && let Some((_, header)) = reader.sound()?
        {
            counted += u64::from(header.samples);
        }
        let walked = (reader.walk.at - frames.walk.at).max(1);
        frames.samples = (u128::from(counted) * u128::from(behind) / u128::from(walked)) as u64;
        if reader.walk.at >= file.len() {
            frames.samples = counted;
        }
        // More than is declared: something was joined to it, and what ends there is another's padding.
        if rest.frames.is_some_and(|declared| u64::from(declared) * u64::from(first.samples) != frames.samples) {
            frames.padding = 0;
        }
        Ok(Some(frames))
    }

    fn ns(&self, samples: i64) -> i64 {
        nearest_ns(samples, (1, self.walk.first.rate))
    }
}

impl super::Container for Frames {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, _track: usize) -> Option<Extent> {
        let heard = self.samples.saturating_sub(u64::from(self.priming) + u64::from(self.padding));
        Some(Extent { start_ns: 0, end_ns: Some(self.ns(i64::try_from(heard).unwrap_or(i64::MAX))), packets: None })
    }

    fn packets(&self, _track: usize) -> Result<Box<dyn Packets>, MediaError> {
        Ok(Box::new(Reader::new(self)))
    }
}

struct Reader {
    walk: Walk,
    begin: u64,
    priming: i64,
    /// Where the padding begins, in samples from the first frame on.
    heard: i64,
    /// Samples of the frames read so far.
    samples: i64,
    /// Every so many frames, how many samples lie before a place.
    index: Vec<(i64, u64)>,
    frames: u64,
}

/// How many frames lie between two entries of the index.
const INDEXED: u64 = 64;

impl Reader {
    fn new(frames: &Frames) -> Self {
        let walk = frames.walk.clone();
        let heard = if frames.padding > 0 { frames.samples as i64 - i64::from(frames.padding) } else { i64::MAX };
        let begin = walk.at;
        Self { walk, begin, priming: frames.priming.into(), heard, samples: 0, index: Vec::new(), frames: 0 }
    }

    /// The next frame that has sound, stepped over.
    fn sound(&mut self) -> Result<Option<(u64, Header)>, MediaError> {
        loop {
            let Some((at, header)) = self.walk.frame()? else { return Ok(None) };
            if header.dependent {
                continue;
            }
            // Files that were joined have such a frame in their middle, too.
            if header.kind == (Kind::Mpeg { layer: 3 }) {
                let frame = self.walk.file.bytes(at, header.len.min(64) as usize)?;
                if declared(frame, &header).is_some() {
                    continue;
                }
            }
            if self.frames.is_multiple_of(INDEXED) && self.index.last().is_none_or(|last| last.1 < at) {
                self.index.push((self.samples, at));
            }
            self.frames += 1;
            self.samples += i64::from(header.samples);
            return Ok(Some((at, header)));
        }
    }

    fn ns(&self, samples: i64) -> i64 {
        nearest_ns(samples, (1, self.walk.first.rate))
    }
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let begins = self.samples;
        let Some((at, header)) = self.sound()? else { return Ok(None) };
        if u64::from(header.len) > caps::PACKET {
            return Err(MediaError::Damaged("a frame of sound".into()));
        }
        let data = self.walk.file.bytes(at, header.len as usize)?[header.skip as usize..].to_vec();
        let over = (self.samples - self.heard).clamp(0, header.samples.into());
        let (trim_ns, duration_ns) = (self.ns(over), self.ns(header.samples.into()));
        Ok(Some(Packet { trim_ns, duration_ns, ..Packet::new(data, self.ns(begins - self.priming)) }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let rate = i128::from(self.walk.first.rate);
        let wanted = i128::from(target_ns) * rate / i128::from(NS) + i128::from(self.priming);
        let wanted = i64::try_from(wanted.max(0)).unwrap_or(i64::MAX);
        let before = self.index.partition_point(|(samples, _)| *samples <= wanted);
        let place = before.checked_sub(1).and_then(|at| self.index.get(at).copied()).unwrap_or((0, self.begin));
        (self.samples, self.walk.at) = place;
        self.frames = before.saturating_sub(1) as u64 * INDEXED;
        // On to the frame that has the sample.
        loop {
            let (at, samples, frames) = (self.walk.at, self.samples, self.frames);
            match self.sound()? {
                Some((_, header)) if samples + i64::from(header.samples) <= wanted => {}
                Some(_) => {
                    (self.walk.at, self.samples, self.frames) = (at, samples, frames);
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }
}
