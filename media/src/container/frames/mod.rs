//! Sound without a container: frames of MPEG audio (MP3 and its elder layers), AAC or AC-3, one after another, each with a header that
//! says how long it is. Where they end is where the file ends, whatever a header in front counts: files are joined by `cat`.

mod cut;
mod header;
mod latm;
mod units;

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::window::Window;
use super::{Contents, Extent, Packet, Packets, Track, TrackKind, caps, id3};
use crate::audio::name_of;
use crate::times::nearest_ns;
use crate::{MediaError, MediaFile, NS};
use header::{Header, Kind, declared, params, tag_len};

pub(super) use cut::{Cutter, Form};
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

    /// How many frames of a stream follow each other from `at` on, at most three, and where they end.
    fn alike(&mut self, at: u64, stream: &Header) -> Result<(u32, u64), MediaError> {
        let (mut end, mut count) = (at, 0);
        while count < 3
            && let Some(header) = Header::parse(self.file.bytes(end, 8)?).filter(|header| header.same == stream.same)
        {
            (count, end) = (count + 1, end + u64::from(header.len));
        }
        Ok((count, end))
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
            // Files of another rate may be joined, too; of what is none of this stream's, frames in a row are to be believed.
            if let Some(other) = Header::parse(self.file.bytes(self.at, 8)?)
                && self.alike(self.at, &other)?.0 == 3
            {
                self.first = other;
                continue;
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
            let at = walk.at;
            if let Some(first) = Header::parse(walk.file.bytes(at, 8)?) {
                let (alike, mut end) = walk.alike(at, &first)?;
                while let Some(tag) = tag_len(walk.file.bytes(end, 10)?) {
                    end = end.saturating_add(tag);
                }
                if alike == 3 || end >= file.len() {
                    break (at, first);
                }
            }
            walk.at += 1;
        };
        (walk.at, walk.first) = (begin, first);
        let frame = walk.file.bytes(begin, first.len as usize)?;
        let (declared, Some(params)) = (declared(frame, &first), params(&first, frame)) else { return Ok(None) };
        if declared.is_some() {
            walk.at = begin + u64::from(first.len);
        }
        let rest = declared.unwrap_or_default();
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
            && let Some((_, _, samples)) = reader.sound()?
        {
            counted += samples as u64;
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

    /// As the sound of another file, which says what it is.
    pub(super) fn within(self, around: Contents) -> Self {
        Self { contents: Contents { tracks: self.contents.tracks, ..around }, ..self }
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
    /// The first frame, which is at `begin`.
    first: Header,
    priming: i64,
    /// Where the padding begins, in samples from the first frame on.
    heard: i64,
    /// Samples of the frames read so far.
    samples: i64,
    /// Every so many frames, how many samples lie before a place, and what stream is there.
    index: Vec<(i64, u64, Header)>,
    frames: u64,
    /// Samples are counted at the first frame's rate.
    rate: u32,
    /// Rate and channels of the frame that was given out last, and what the next one's decoder needs to know if these have changed.
    shape: (u32, u32),
    changed: Option<AudioCodecParameters>,
}

/// How many frames lie between two entries of the index.
const INDEXED: u64 = 64;

impl Reader {
    fn new(frames: &Frames) -> Self {
        let walk = frames.walk.clone();
        let heard = if frames.padding > 0 { frames.samples as i64 - i64::from(frames.padding) } else { i64::MAX };
        let first @ Header { rate, channels, .. } = walk.first;
        let (begin, shape, priming) = (walk.at, (rate, channels), frames.priming.into());
        let (index, changed) = (Vec::new(), None);
        Self { walk, begin, first, priming, heard, samples: 0, index, frames: 0, rate, shape, changed }
    }

    /// The next frame that has sound, stepped over: where it is, its header, its samples at the first frame's rate.
    fn sound(&mut self) -> Result<Option<(u64, Header, i64)>, MediaError> {
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
                self.index.push((self.samples, at, self.walk.first));
            }
            self.frames += 1;
            let samples = i64::from(header.samples) * i64::from(self.rate) / i64::from(header.rate);
            self.samples += samples;
            return Ok(Some((at, header, samples)));
        }
    }

    fn ns(&self, samples: i64) -> i64 {
        nearest_ns(samples, (1, self.rate))
    }
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let begins = self.samples;
        let Some((at, header, samples)) = self.sound()? else { return Ok(None) };
        let shape = (header.rate, header.channels);
        if std::mem::replace(&mut self.shape, shape) != shape {
            let frame = self.walk.file.bytes(at, header.len as usize)?;
            self.changed = params(&header, frame);
        }
        if u64::from(header.len) > caps::PACKET {
            return Err(MediaError::Damaged("a frame of sound".into()));
        }
        let data = self.walk.file.bytes(at, header.len as usize)?[header.skip as usize..].to_vec();
        let over = (self.samples - self.heard).clamp(0, samples);
        let (trim_ns, duration_ns) = (self.ns(over), self.ns(samples));
        Ok(Some(Packet { trim_ns, duration_ns, ..Packet::new(data, self.ns(begins - self.priming)) }))
    }

    fn changed(&mut self) -> Option<AudioCodecParameters> {
        self.changed.take()
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let rate = i128::from(self.rate);
        let wanted = i128::from(target_ns) * rate / i128::from(NS) + i128::from(self.priming);
        let wanted = i64::try_from(wanted.max(0)).unwrap_or(i64::MAX);
        let before = self.index.partition_point(|(samples, ..)| *samples <= wanted);
        let place = before.checked_sub(1).and_then(|at| self.index.get(at).copied());
        (self.samples, self.walk.at, self.walk.first) = place.unwrap_or((0, self.begin, self.first));
        self.frames = before.saturating_sub(1) as u64 * INDEXED;
        // On to the frame that has the sample.
        loop {
            let (at, first, samples, frames) = (self.walk.at, self.walk.first, self.samples, self.frames);
            match self.sound()? {
                Some((_, _, own)) if samples + own <= wanted => {}
                Some(_) => {
                    (self.walk.at, self.walk.first, self.samples, self.frames) = (at, first, samples, frames);
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }
}
