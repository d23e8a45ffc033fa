//! FLV: what live streams, recorders of them and old web pages have. Its tags are walked once; each has its time in milliseconds.

use std::sync::Arc;

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::*;

use super::frames::Cutter;
use super::timing::Timing;
use super::window::Window;
use super::{CodecId, Contents, Extent, Packet, Packets, Track, TrackKind, VideoTrack, caps};
use crate::audio::name_of;
use crate::{MediaError, MediaFile, NS, speakers};

/// A picture is not shown further from where it is decoded than this: sixteen pictures at one a second.
const FARTHEST_MS: i64 = 16_000;
/// Bytes in front of a tag's body.
const HEAD: u64 = 11;

/// A file whose tags were walked.
pub(super) struct Flv {
    file: MediaFile,
    contents: Contents,
    /// In the order of the contents.
    tracks: Vec<Arc<Listed>>,
}

/// A track's packets.
#[derive(Default)]
struct Listed {
    entries: Vec<Entry>,
    /// Frames of sound do not end where tags do.
    cut: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: u64,
    len: u32,
    due_ms: i64,
    sync: bool,
    config: usize,
}

/// A tag, and where its body is.
struct Tag {
    kind: u8,
    at: u64,
    len: u32,
    ms: i64,
}

/// What the body of a tag begins with.
enum Body {
    /// A configuration, behind so many bytes.
    Config(usize),
    /// A packet, behind so many bytes; when it is shown, in ms after the tag's time.
    Packet(usize, i64),
    Nothing,
}

impl Flv {
    /// Walks the tags. Errors: there are none of pictures or sound.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let mut walk = Window::new(file.clone());
        let offset = walk.bytes(5, 4)?.first_chunk().map_or(9, |four| u64::from(u32::from_be_bytes(*four)));
        let mut at = offset.max(9) + 4;
        let (mut pictures, mut sound) = (Video::default(), Audio::default());
        while let Some(tag) = next_tag(&mut walk, &mut at)? {
            if pictures.listed.entries.len().max(sound.listed.entries.len()) >= caps::SAMPLES {
                break;
            }
            match tag.kind {
                9 => pictures.take(&mut walk, &tag)?,
                8 => sound.take(&mut walk, &tag)?,
                _ => {}
            }
        }
        let mut flv = Self {
            file: file.clone(),
            contents: Contents { format: "FLV", ..Contents::default() },
            tracks: Vec::new(),
        };
        let Video { codec, configs, listed, .. } = pictures;
        if let Some(codec) = codec {
            let name = codec.name().to_owned();
            let mut video = VideoTrack::new(codec, Vec::new());
            if !configs.is_empty() {
                video.configs = configs;
            }
            flv.contents.tracks.push(Track { video: Some(video), ..Track::new(TrackKind::Video, name) });
            flv.tracks.push(Arc::new(listed));
        }
        let Audio { params, listed, .. } = sound;
        if let Some(params) = params {
            let codec = params.as_ref().map_or_else(String::clone, |params| name_of(params.codec).to_owned());
            flv.contents.tracks.push(Track { audio: Some(params), ..Track::new(TrackKind::Audio, codec) });
            flv.tracks.push(Arc::new(listed));
        }
        if flv.tracks.is_empty() {
            return Err(MediaError::Broken("FLV: it has no tags of pictures or sound".into()));
        }
        Ok(flv)
    }
}

/// Judges the times of one track's packets. What only configures a decoder has none: recorders that join late write 0.
struct Clock(Timing);

impl Default for Clock {
    fn default() -> Self {
        Self(Timing::new(None))
    }
}

impl Clock {
    fn place(&mut self, tag: &Tag) -> i64 {
        self.0.place(tag.ms * (NS / 1000), 0).0 / (NS / 1000)
    }
}

#[derive(Default)]
struct Video {
    codec: Option<CodecId>,
    configs: Vec<Vec<u8>>,
    listed: Listed,
    timing: Clock,
}

impl Video {
    fn take(&mut self, walk: &mut Window, tag: &Tag) -> Result<(), MediaError> {
        let head = walk.bytes(tag.at, (tag.len as usize).min(8))?.to_vec();
        let Some(&first) = head.first() else { return Ok(()) };
        let (codec, body) = video_head(first, &head);
        self.codec.get_or_insert(codec);
        match body {
            Body::Config(skip) => {
                let config = walk.bytes(tag.at, tag.len as usize)?.get(skip..).unwrap_or_default().to_vec();
                if self.configs.last() != Some(&config) && self.configs.len() < caps::SAMPLE_ENTRIES {
                    self.configs.push(config);
                }
            }
            Body::Packet(skip, later_ms) if tag.len as usize > skip => self.listed.entries.push(Entry {
                at: tag.at + skip as u64,
                len: tag.len - skip as u32,
                due_ms: self.timing.place(tag) + later_ms.clamp(-FARTHEST_MS, FARTHEST_MS),
                sync: first >> 4 & 7 == 1,
                config: self.configs.len().saturating_sub(1),
            }),
            Body::Packet(..) | Body::Nothing => {}
        }
        Ok(())
    }
}

/// What the head of a tag of pictures says; its first byte is `first`.
fn video_head(first: u8, head: &[u8]) -> (CodecId, Body) {
    let later = |at: usize| {
        let bytes = head.get(at..at + 3).unwrap_or(&[0; 3]);
        i64::from(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], 0]) >> 8)
    };
    if first & 0x80 != 0 {
        // The form with a codec of four letters.
        let codec = match head.get(1..5) {
            Some(b"avc1") => CodecId::H264,
            Some(b"hvc1") => CodecId::Hevc,
            Some(b"av01") => CodecId::Av1,
            Some(b"vp09") => CodecId::Vp9,
            Some(b"vp08") => CodecId::Vp8,
            other => CodecId::Other(super::fourcc(other.unwrap_or_default())),
        };
        let timed = matches!(codec, CodecId::H264 | CodecId::Hevc);
        return match first & 15 {
            0 => (codec, Body::Config(5)),
            1 if timed => (codec, Body::Packet(8, later(5))),
            1 | 3 => (codec, Body::Packet(5, 0)),
            _ => (codec, Body::Nothing),
        };
    }
    let codec = match first & 15 {
        7 => CodecId::H264,
        12 => CodecId::Hevc,
        2 => return (CodecId::Other("Sorenson H.263".into()), Body::Packet(1, 0)),
        3 | 6 => return (CodecId::Other("Flash screen video".into()), Body::Packet(1, 0)),
        4 | 5 => return (CodecId::Other("VP6".into()), Body::Packet(1, 0)),
        other => return (CodecId::Other(format!("FLV's codec {other}")), Body::Packet(1, 0)),
    };
    match head.get(1) {
        Some(0) => (codec, Body::Config(5)),
        Some(1) => (codec, Body::Packet(5, later(2))),
        _ => (codec, Body::Nothing),
    }
}

#[derive(Default)]
struct Audio {
    params: Option<Result<AudioCodecParameters, String>>,
    listed: Listed,
    timing: Clock,
}

impl Audio {
    fn take(&mut self, walk: &mut Window, tag: &Tag) -> Result<(), MediaError> {
        let body = walk.bytes(tag.at, (tag.len as usize).min(64))?.to_vec();
        let Some(&first) = body.first() else { return Ok(()) };
        let mut skip = 1;
        if first >> 4 == 10 {
            skip = 2;
            if body.get(1) == Some(&0) {
                if !matches!(self.params, Some(Ok(_))) {
                    let mut params = AudioCodecParameters::new();
                    params.for_codec(CODEC_ID_AAC).with_extra_data(body[2..].into());
                    self.params = Some(Ok(params));
                }
                return Ok(());
            }
        }
        self.params.get_or_insert_with(|| sound(first));
        self.listed.cut = matches!(first >> 4, 2 | 14);
        if tag.len as usize > skip {
            let (at, len) = (tag.at + skip as u64, tag.len - skip as u32);
            self.listed.entries.push(Entry { at, len, due_ms: self.timing.place(tag), sync: true, config: 0 });
        }
        Ok(())
    }
}

/// What the first byte of a tag of sound says.
fn sound(first: u8) -> Result<AudioCodecParameters, String> {
    let wide = first & 2 != 0;
    let id = match first >> 4 {
        2 | 14 => CODEC_ID_MP3,
        0 | 3 if wide => CODEC_ID_PCM_S16LE,
        0 | 3 => CODEC_ID_PCM_U8,
        7 => CODEC_ID_PCM_ALAW,
        8 => CODEC_ID_PCM_MULAW,
        1 => return Err("FLV's ADPCM".into()),
        4..=6 => return Err("Nellymoser".into()),
        10 => return Err("AAC without its configuration".into()),
        11 => return Err("Speex".into()),
        other => return Err(format!("FLV's sound {other}")),
    };
    let rate = match first >> 4 {
        7 | 8 | 14 => 8_000,
        _ => [5_512, 11_025, 22_050, 44_100][usize::from(first >> 2 & 3)],
    };
    let mut params = AudioCodecParameters::new();
    params.for_codec(id).with_sample_rate(rate);
    params.with_channels(speakers::channels(u32::from(first & 1) + 1, 0));
    Ok(params)
}

/// The tag at `at`, which is stepped over; of one that the file's end cuts off, nothing. Damage is passed over to where a tag
/// is followed by its own length.
fn next_tag(file: &mut Window, at: &mut u64) -> Result<Option<Tag>, MediaError> {
    let mut lost = false;
    while *at + HEAD <= file.len() {
        let place = *at;
        let [kind, l0, l1, l2, t0, t1, t2, t3, s0, s1, s2] =
            *file.bytes(place, HEAD as usize)?.first_chunk().unwrap_or(&[0; 11]);
        let len = u32::from_be_bytes([0, l0, l1, l2]);
        let end = place + HEAD + u64::from(len);
        // The fifth bit from above says that it is encrypted.
        let known = matches!(kind, 8 | 9 | 18) && [s0, s1, s2] == [0; 3];
        let closed = known && file.bytes(end, 4)?.first_chunk() == Some(&(len + HEAD as u32).to_be_bytes());
        if closed || known && !lost {
            if end > file.len() {
                return Ok(None);
            }
            *at = end + 4;
            let ms = i64::from(i32::from_be_bytes([t3, t0, t1, t2]));
            return Ok(Some(Tag { kind, at: place + HEAD, len, ms }));
        }
        lost = true;
        // No tag begins with a zero.
        *at = file.behind_zeros(place + 1)?;
    }
    Ok(None)
}

impl super::Container for Flv {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        let entries = &self.tracks.get(track)?.entries;
        let (first, last) = (entries.iter().map(|e| e.due_ms).min()?, entries.iter().map(|e| e.due_ms).max()?);
        // The last one is taken to last as long as the others do.
        let (span, gaps) = (last - first, entries.len() as i64 - 1);
        let end = if gaps > 0 { last * 1_000_000 + span * 1_000_000 / gaps } else { last * 1_000_000 };
        let pictures = self.contents.tracks[track].kind == TrackKind::Video;
        Some(Extent {
            start_ns: first * (NS / 1000),
            end_ns: Some(end),
            packets: pictures.then_some(entries.len() as u64),
        })
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        let listed = self.tracks.get(track).filter(|listed| !listed.entries.is_empty());
        let listed = listed.ok_or_else(|| MediaError::Broken("FLV: nothing of the track is in the file".into()))?;
        let (file, listed) = (self.file.clone(), listed.clone());
        Ok(Box::new(Reader { file, listed, at: 0, cutter: Cutter::default(), ready: Vec::new() }))
    }
}

struct Reader {
    file: MediaFile,
    listed: Arc<Listed>,
    at: usize,
    cutter: Cutter,
    /// What is to be handed out, last first.
    ready: Vec<Packet>,
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        loop {
            if let Some(packet) = self.ready.pop() {
                return Ok(Some(packet));
            }
            let Some(&Entry { at, len, due_ms, sync, config }) = self.listed.entries.get(self.at) else {
                return Ok(None);
            };
            self.at += 1;
            let mut data = vec![0; len as usize];
            self.file.read_exact_at(&mut data, at)?;
            let pts_ns = due_ms * (NS / 1000);
            if !self.listed.cut {
                return Ok(Some(Packet { sync, config, ..Packet::new(data, pts_ns) }));
            }
            let mut timed = true;
            for frame in self.cutter.cut(&data) {
                let follows = frame.offset < 0 || !std::mem::take(&mut timed);
                self.ready.push(Packet { follows, ..Packet::new(frame.data, pts_ns) });
            }
            self.ready.reverse();
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.cutter.jump();
        self.ready.clear();
        let target_ms = target_ns.div_euclid(NS / 1000);
        let entries = &self.listed.entries;
        let before = entries.iter().rposition(|entry| entry.sync && entry.due_ms <= target_ms);
        self.at = before.or_else(|| entries.iter().position(|entry| entry.sync)).unwrap_or(0);
        Ok(())
    }

    fn coarse(&self) -> bool {
        true
    }
}
