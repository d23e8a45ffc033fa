//! Audio files whose container symphonia reads: FLAC, compressed CAF, and MP3 that is like no other.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::errors::{Error, SeekErrorKind};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{ChapterGroupItem, MetadataOptions, StandardTag, StandardVisualKey};
use symphonia::core::units::Timestamp;

use super::flac::{Spared, spared};
use super::{Attachment, Chapter, Contents, Extent, Packet, Packets, Track, TrackKind};
use crate::audio::{name_of, pre_skip};
use crate::times::nearest_ns;
use crate::{MediaError, MediaFile, MediaReader, NS, caps, speakers};

/// How many bytes symphonia may still read, for all who ask it: its parsers look for the next frame through all of a file, which may be
/// terabytes of holes.
type Budget = Arc<AtomicU64>;

struct Source {
    reader: MediaReader,
    len: u64,
    left: Budget,
    /// What is read in place of all in front of `frames`, and how far that is.
    head: Vec<u8>,
    frames: u64,
    at: u64,
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let head = usize::try_from(self.at).ok().and_then(|at| self.head.get(at..)).unwrap_or_default();
        let n = if head.is_empty() {
            self.reader.seek(SeekFrom::Start(self.frames + self.at - self.head.len() as u64))?;
            let left = self.len.saturating_sub(self.at);
            let most = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.reader.read(&mut buf[..most])?
        } else {
            let n = head.len().min(buf.len());
            buf[..n].copy_from_slice(&head[..n]);
            n
        };
        self.at += n as u64;
        let left = self.left.load(Relaxed).checked_sub(n as u64);
        self.left.store(left.ok_or(ErrorKind::InvalidData)?, Relaxed);
        Ok(n)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// A file with one track of sound.
pub(super) struct Probed {
    file: MediaFile,
    contents: Contents,
    extent: Extent,
    /// The reader that looked at it, for the first who plays it.
    opened: Mutex<Option<Box<Reader>>>,
}

impl Probed {
    /// Opens the first audio track. Errors: [`MediaError::Broken`] where symphonia finds none.
    pub(super) fn open(file: &MediaFile) -> Result<Self, MediaError> {
        let (mut reader, mut params) = Reader::open(file)?;
        // symphonia counts channels and names speakers in their order, whatever they are.
        let count = params.channels.as_ref().map_or(0, |channels| channels.count()) as u32;
        params.with_channels(speakers::channels(count, reader.speakers()));
        let (num, den) = reader.time_base;
        let end_ns = reader.duration.map(|ticks| nearest_ns(ticks, (num, den)));
        let track = Track { audio: Some(Ok(params.clone())), ..Track::new(TrackKind::Audio, name_of(params.codec)) };
        let cover = reader.cover();
        let attachments = cover.iter().map(|(mime, _)| attached(mime)).collect();
        let cover = cover.map(|(_, bytes)| bytes);
        let (tags, chapters) = (reader.tags(), reader.chapters());
        let contents = Contents { format: "sound", tracks: vec![track], tags, chapters, attachments, cover };
        let extent = Extent { start_ns: 0, end_ns, packets: None };
        Ok(Self { file: file.clone(), contents, extent, opened: Mutex::new(Some(Box::new(reader))) })
    }
}

impl super::Container for Probed {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, _track: usize) -> Option<Extent> {
        Some(self.extent)
    }

    fn packets(&self, _track: usize) -> Result<Box<dyn Packets>, MediaError> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(opened.map_or_else(|| Reader::open(&self.file).map(|(reader, _)| Box::new(reader)), Ok)?)
    }
}

/// Where a file ends but for a tag of ID3v1, which FLAC's parser would take for a part of the last frame.
fn sound_end(file: &MediaFile) -> u64 {
    let mut mark = [0; 3];
    let end = file.len().saturating_sub(128);
    if file.read_exact_at(&mut mark, end).is_ok() && &mark == b"TAG" { end } else { file.len() }
}

fn probe(file: &MediaFile, left: &Budget) -> Result<Box<dyn FormatReader>, MediaError> {
    let whole = Spared { head: Vec::new(), frames: 0 };
    probe_behind(file, left, whole).or_else(|error| {
        let more = spared(file).into_iter().map(|spared| probe_behind(file, left, spared));
        more.into_iter().find_map(Result::ok).ok_or(error)
    })
}

fn probe_behind(file: &MediaFile, left: &Budget, spared: Spared) -> Result<Box<dyn FormatReader>, MediaError> {
    left.store(caps::BORROWED_READ, Relaxed);
    let Spared { head, frames } = spared;
    let len = sound_end(file).saturating_sub(frames) + head.len() as u64;
    let source = Source { reader: file.reader(), len, left: left.clone(), head, frames, at: 0 };
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    if let Some((_, extension)) = file.name.rsplit_once('.') {
        hint.with_extension(extension);
    }
    symphonia::default::get_probe().probe(&hint, stream, FormatOptions::default(), MetadataOptions::default()).map_err(
        |e| match e {
            Error::IoError(e) if e.kind() == ErrorKind::InvalidData => MediaError::Broken(NOTHING.into()),
            Error::IoError(e) if e.kind() != ErrorKind::UnexpectedEof => MediaError::Io(e),
            Error::IoError(_) => MediaError::Broken("it ends where its sound should begin".into()),
            Error::Unsupported(_) => MediaError::Broken("no sound was found in it".into()),
            e => MediaError::Broken(format!("its header: {e}")),
        },
    )
}

const NOTHING: &str = "nothing is found in a long stretch of it";

fn attached(mime: &str) -> Attachment {
    Attachment { name: "cover".into(), mime: mime.to_owned(), place: 0..0 }
}

/// Words that symphonia took for Latin-1, as AIFF's, and that are UTF-8.
fn meant(words: &str) -> String {
    let bytes: Option<Vec<u8>> = words.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| words.to_owned())
}

pub(super) struct Reader {
    file: MediaFile,
    format: Box<dyn FormatReader>,
    left: Budget,
    id: u32,
    time_base: (u32, u32),
    /// In ticks, without priming and padding.
    duration: Option<u64>,
    /// Its packets have no times but those that symphonia counts by a length that the file declares for all of them.
    counted: bool,
    /// The tick that is the film's start: a stream cut from a longer one does not begin at 0.
    origin: i64,
    /// How many ticks of the packet read last are priming.
    last_trim: i64,
    failures: u32,
    done: bool,
}

impl Reader {
    pub(super) fn open(file: &MediaFile) -> Result<(Self, AudioCodecParameters), MediaError> {
        let left = Budget::default();
        let format = probe(file, &left)?;
        let none = || MediaError::Broken("it has no sound that can be played".into());
        let track = format.default_track(TrackType::Audio).ok_or_else(none)?;
        let Some(CodecParameters::Audio(params)) = track.codec_params.clone() else { return Err(none()) };
        let time_base = track.time_base.map(|base| (base.numer.get(), base.denom.get()));
        let time_base = time_base.or(params.sample_rate.map(|rate| (1, rate))).unwrap_or((1, 48_000));
        let duration = track.duration.map(|duration| duration.get());
        let (id, delay) = (track.id, track.delay.unwrap_or(0));
        let mut demux = Self {
            file: file.clone(),
            format,
            left,
            id,
            time_base,
            duration,
            counted: params.codec != CODEC_ID_FLAC,
            origin: 0,
            last_trim: 0,
            failures: 0,
            done: false,
        };
        demux.set_origin(&params, delay.into())?;
        Ok((demux, params))
    }

    /// What the file says of itself.
    fn tags(&mut self) -> Vec<(String, String)> {
        let mut metadata = self.format.metadata();
        let Some(latest) = metadata.skip_to_latest() else { return Vec::new() };
        let all = latest.media.tags.iter().chain(latest.per_track.iter().flat_map(|track| &track.metadata.tags));
        let words = all.filter_map(|tag| match tag.std.as_ref()? {
            StandardTag::TrackTitle(text) => Some(("title", text)),
            StandardTag::Artist(text) => Some(("artist", text)),
            StandardTag::Album(text) => Some(("album", text)),
            _ => None,
        });
        words.map(|(name, text)| (name.to_owned(), meant(text))).collect()
    }

    /// The speakers that a comment names; 0 if there is none.
    fn speakers(&mut self) -> u32 {
        let mut metadata = self.format.metadata();
        let Some(latest) = metadata.skip_to_latest() else { return 0 };
        let mut all = latest.media.tags.iter().chain(latest.per_track.iter().flat_map(|track| &track.metadata.tags));
        let said = all.rfind(|tag| tag.raw.key.eq_ignore_ascii_case(speakers::COMMENT));
        said.map_or(0, |tag| speakers::of_comment(&tag.raw.value.to_string()))
    }

    /// Its chapters: those of FLAC's comments and cue sheets.
    fn chapters(&self) -> Vec<Chapter> {
        let items = self.format.chapters().map_or(&[][..], |group| &group.items);
        let chapters = items.iter().take(caps::ENTRIES).filter_map(|item| {
            let ChapterGroupItem::Chapter(chapter) = item else { return None };
            let title = chapter.tags.iter().find_map(|tag| match tag.std.as_ref()? {
                StandardTag::ChapterTitle(title) | StandardTag::TrackTitle(title) => Some(title.to_string()),
                _ => None,
            });
            let start_ns = i64::try_from(chapter.start_time.as_nanos()).ok()?;
            Some(Chapter { start_ns, title: title.unwrap_or_default() })
        });
        chapters.collect()
    }

    /// The picture that it brings along: its kind and its bytes.
    fn cover(&mut self) -> Option<(String, std::sync::Arc<[u8]>)> {
        let mut metadata = self.format.metadata();
        let latest = metadata.skip_to_latest()?;
        let of_tracks = latest.per_track.iter().flat_map(|track| &track.metadata.visuals);
        let pictures = || latest.media.visuals.iter().chain(of_tracks.clone());
        let front = pictures().find(|picture| picture.usage == Some(StandardVisualKey::FrontCover));
        let picture = front.or_else(|| pictures().next()).filter(|picture| picture.data.len() as u64 <= caps::COVER)?;
        Some((picture.media_type.clone().unwrap_or_default(), picture.data.to_vec().into()))
    }

    /// `delay`: the priming in ticks that the file declares; it may be longer than a packet (MP3 at 24 kHz and below).
    fn set_origin(&mut self, params: &AudioCodecParameters, delay: i64) -> Result<(), MediaError> {
        for _ in 0..16 {
            match self.read() {
                Ok(Some((_, start, _))) => {
                    self.origin = start.saturating_add(pre_skip(params).unwrap_or(self.last_trim.max(delay)));
                    break;
                }
                Ok(None) => break,
                Err(MediaError::Damaged(_)) => {}
                Err(e) => return Err(e),
            }
        }
        self.go_to(i64::MIN)
    }

    /// The next packet with its start and what is to be cut off its end, in ticks.
    fn read(&mut self) -> Result<Option<(Vec<u8>, i64, i64)>, MediaError> {
        while !self.done {
            self.left.store(caps::BORROWED_READ, Relaxed);
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.id => {
                    self.failures = 0;
                    let ticks = |own: u64| i64::try_from(own).unwrap_or(0);
                    let start = packet.pts.get().saturating_sub(self.origin);
                    let trim_end = ticks(packet.trim_end.get());
                    self.last_trim = ticks(packet.trim_start.get());
                    return Ok(Some((packet.data.into_vec(), start, trim_end)));
                }
                Ok(Some(_)) => {}
                Ok(None) => self.done = true,
                Err(Error::IoError(e)) if e.kind() == ErrorKind::UnexpectedEof => self.done = true,
                Err(Error::IoError(e)) if e.kind() == ErrorKind::InvalidData => {
                    self.done = true;
                    return Err(MediaError::Damaged(NOTHING.into()));
                }
                Err(Error::IoError(e)) => return Err(e.into()),
                Err(Error::ResetRequired) => self.done = true,
                Err(e) => {
                    self.failures += 1;
                    self.done = self.failures >= caps::FAILURES;
                    return Err(MediaError::Damaged(e.to_string()));
                }
            }
        }
        Ok(None)
    }

    /// Goes to a packet that begins at or before `ticks`, not far before.
    fn go_to(&mut self, ticks: i64) -> Result<(), MediaError> {
        self.done = false;
        self.failures = 0;
        // A little earlier than asked: the packet before overlaps.
        let back = i64::from(self.time_base.1 / self.time_base.0.max(1) / 4);
        let target = ticks.saturating_sub(back).saturating_add(self.origin);
        if target > self.origin {
            let to = SeekTo::Timestamp { ts: Timestamp::new(target), track_id: self.id };
            self.left.store(caps::BORROWED_READ, Relaxed);
            match self.format.seek(SeekMode::Accurate, to) {
                Ok(_) => return Ok(()),
                Err(Error::SeekError(SeekErrorKind::OutOfRange)) => {
                    self.done = true;
                    return Ok(());
                }
                Err(_) => {}
            }
        }
        // The start, or a file that cannot be sought: read from the start, the timeline drops what is not wanted.
        self.format = probe(&self.file, &self.left)?;
        Ok(())
    }
}

/// `ticks` times a fraction, rounded to the nearest.
fn scaled(ticks: i64, (numer, denom): (i64, i64)) -> i64 {
    if numer == denom {
        return ticks;
    }
    let (numer, denom) = (i128::from(numer), i128::from(denom.max(1)));
    i64::try_from((i128::from(ticks) * numer + denom / 2).div_euclid(denom)).unwrap_or(i64::MAX)
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let Some((data, start, trim_end)) = self.read()? else { return Ok(None) };
        let tick = (self.time_base.0, self.time_base.1);
        let trim_ns = nearest_ns(trim_end, tick);
        Ok(Some(Packet { trim_ns, follows: self.counted, ..Packet::new(data, nearest_ns(start, tick)) }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.go_to(scaled(target_ns, (self.time_base.1.into(), i64::from(self.time_base.0) * NS)))
    }
}
