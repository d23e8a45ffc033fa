//! The MPEG program stream of DVDs (VOB) and of old cameras and recorders (MPG), in its two forms: that of MPEG-1 and that of MPEG-2.
//! It says nothing of its tracks that a reader could rely on, so the first packets of each tell. There is no index; a time is found
//! by bisection.

mod spu;
mod walk;

use std::collections::BTreeMap;

use super::frames::{Cutter, Form};
use super::ordered::{Ordered, Times};
use super::pes::{WRAP, ns, unwrap};
use super::stream::{Content, Piece, Reader, Source};
use super::{CodecId, Contents, Extent, Packets, Track, TrackKind, VideoTrack, caps};
use crate::audio::name_of;
use crate::subtitle::{Codec, vobsub};
use crate::{MediaError, MediaFile};
pub(super) use spu::picture;
use walk::Unit;
pub(super) use walk::Walk;

/// A file whose tracks are known.
pub(super) struct Ps {
    file: MediaFile,
    contents: Contents,
    /// In the order of the contents.
    streams: Vec<Stream>,
    /// Columns and rows of its pictures, where its first packet of them tells.
    size: Option<(u32, u32)>,
}

#[derive(Clone, Copy)]
struct Stream {
    id: u16,
    /// The first and the last time in ticks.
    span: (i64, i64),
}

/// What is known of a stream after a look at its first packets.
struct Found {
    track: Track,
    first: Option<i64>,
}

impl Ps {
    /// Finds the tracks. Errors: there are none.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let mut walk = Walk::new(file.clone(), 0);
        let (mut found, mut size) = (BTreeMap::<u16, Found>::new(), None);
        while walk.at < caps::PS_HEAD
            && let Some(unit) = walk.next()?
        {
            if !found.contains_key(&unit.id) && found.len() < caps::TRACKS {
                let Some(track) = track(&mut walk, &unit)? else { continue };
                if track.video.is_some() {
                    size = size.or(walk.body(&unit)?.windows(7).find_map(sequence_size));
                }
                found.insert(unit.id, Found { track, first: None });
            }
            if let Some(found) = found.get_mut(&unit.id)
                && let Some(time) = unit.time
            {
                let first = *found.first.get_or_insert(time);
                // Of pictures, the first in order of decoding need not be the first one shown.
                found.first = Some(first.min(unwrap(time, first)));
            }
        }
        let mut lasts = BTreeMap::<u16, i64>::new();
        walk.go(file.len().saturating_sub(caps::PS_TAIL));
        while let Some(unit) = walk.next()? {
            if let Some(time) = unit.time {
                let latest = lasts.entry(unit.id).or_insert(time);
                *latest = (*latest).max(unwrap(time, *latest));
            }
        }
        if found.is_empty() {
            return Err(MediaError::Broken("MPEG program stream: it has no track in its beginning".into()));
        }
        // Without any time, it begins at 0.
        let anchor = found.values().find_map(|found| found.first);
        if anchor.is_none() {
            found.values_mut().for_each(|found| found.first = Some(0));
        }
        let anchor = anchor.unwrap_or(0);
        late(&mut walk, anchor, &mut found)?;
        let mut ps = Self {
            file: file.clone(),
            contents: Contents { format: "MPEG program stream", ..Contents::default() },
            streams: Vec::new(),
            size,
        };
        for (id, Found { track, first }) in found {
            let Some(first) = first.map(|first| unwrap(first, anchor)) else { continue };
            let last = lasts.get(&id).map_or(first, |&last| first + (last - first).rem_euclid(WRAP));
            ps.streams.push(Stream { id, span: (first, last) });
            ps.contents.tracks.push(track);
        }
        for track in 0..ps.streams.len() {
            ps.describe(track)?;
        }
        Ok(ps)
    }

    /// Finds what only the track's first frame of sound tells.
    fn describe(&mut self, track: usize) -> Result<(), MediaError> {
        let about = &self.contents.tracks[track];
        if about.kind == TrackKind::Subtitle {
            // A disc's colours are in another file of it.
            let head = vobsub::header(vobsub::screen(self.size), None);
            self.contents.tracks[track].text = Some((Codec::VobSub, head));
            return Ok(());
        }
        if about.kind != TrackKind::Audio || about.audio.is_some() {
            return Ok(());
        }
        let mut reader = self.reader(track, caps::PS_HEAD);
        while reader.sound.is_none() {
            match reader.next() {
                Ok(Some(_)) | Err(MediaError::Damaged(_)) => {}
                Ok(None) => break,
                Err(error) => return Err(error),
            }
        }
        let about = &mut self.contents.tracks[track];
        if let Some(params) = &reader.sound {
            about.codec = name_of(params.codec).to_owned();
        }
        about.audio =
            Some(reader.sound.ok_or_else(|| format!("unrecognised {}", about.codec.trim_end_matches(" audio"))));
        Ok(())
    }

    /// A reader of a track, which reads as far as `until`.
    fn reader(&self, track: usize, until: u64) -> Reader<Packs> {
        let Stream { id, span } = self.streams[track];
        let content = match &self.contents.tracks[track].video {
            Some(video) => Content::cut(video.codec.clone()),
            None if (0xbda0..=0xbdaf).contains(&id) => Content::Sound(Box::new(Cutter::new(Form::Dvd))),
            None => Content::Sound(Box::default()),
        };
        Reader::new(Packs { walk: Walk::new(self.file.clone(), 0), id, until }, span, content)
    }
}

/// Adds the subtitles that begin where nothing else does, by a look at some places of the file.
fn late(walk: &mut Walk, anchor: i64, found: &mut BTreeMap<u16, Found>) -> Result<(), MediaError> {
    let rest = walk.len().saturating_sub(caps::PS_HEAD);
    for look in 0..caps::PS_LOOKS {
        let from = caps::PS_HEAD + rest / caps::PS_LOOKS * look;
        walk.go(from);
        while walk.at < from.saturating_add(caps::PS_LOOK)
            && let Some(unit) = walk.next()?
        {
            if let Some(time) = unit.time.filter(|_| spu::is_spu(unit.id) && found.len() < caps::TRACKS)
                && !found.contains_key(&unit.id)
                && let Some(track) = track(walk, &unit)?
            {
                found.insert(unit.id, Found { track, first: Some(unwrap(time, anchor)) });
            }
        }
    }
    Ok(())
}

/// What a stream holds, by its first packet that tells; `None`: another one may.
fn track(walk: &mut Walk, unit: &Unit) -> Result<Option<Track>, MediaError> {
    let sound = |name: &str| Track::new(TrackKind::Audio, name);
    let refused = |name: &str| Track { audio: Some(Err(name.into())), ..sound(name) };
    Ok(match unit.id {
        0xe0..=0xef => walk.body(unit)?.windows(6).find_map(pictures).map(|codec| {
            let name = codec.name().to_owned();
            Track { video: Some(VideoTrack::new(codec, Vec::new())), ..Track::new(TrackKind::Video, name) }
        }),
        0xc0..=0xdf => Some(sound("MPEG audio")),
        0xbd80..=0xbd87 | 0xbdc0..=0xbdcf => Some(sound("AC-3")),
        0xbd88..=0xbd8f => Some(refused("DTS")),
        0xbda0..=0xbdaf => Some(sound("DVD PCM")),
        0xbdb0..=0xbdbf => Some(refused("TrueHD")),
        id if spu::is_spu(id) => Some(Track::new(TrackKind::Subtitle, "VobSub")),
        _ => None,
    })
}

/// The codec that has such a start code.
fn pictures(head: &[u8]) -> Option<CodecId> {
    match *head {
        [0, 0, 1, 0xb3, ..] => Some(CodecId::Mpeg12),
        [0, 0, 1, 0x09 | 0x67 | 0x47 | 0x27, ..] => Some(CodecId::H264),
        [0, 0, 1, 0xb0, ..] | [0, 0, 1, 0x20..=0x2f, ..] => Some(CodecId::Mpeg4),
        [0, 0, 1, 0x40 | 0x42 | 0x46, 1, _] => Some(CodecId::Hevc),
        _ => None,
    }
}

/// Columns and rows, by the beginning of a sequence of MPEG-1 or MPEG-2.
fn sequence_size(head: &[u8]) -> Option<(u32, u32)> {
    let &[0, 0, 1, 0xb3, a, b, c] = head else { return None };
    let (a, b, c) = (u32::from(a), u32::from(b), u32::from(c));
    Some((a << 4 | b >> 4, (b & 15) << 8 | c))
}

/// The packets of one track.
struct Packs {
    walk: Walk,
    id: u16,
    /// Nothing from here on is read.
    until: u64,
}

impl Source for Packs {
    fn next(&mut self) -> Result<Option<Piece>, MediaError> {
        while self.walk.at < self.until
            && let Some(unit) = self.walk.next()?
        {
            if unit.id == self.id {
                let body = self.walk.body(&unit)?.to_vec();
                return Ok(Some(Piece { place: unit.place, time: unit.time, body }));
            }
        }
        Ok(None)
    }

    fn go(&mut self, at: u64) {
        self.walk.go(at);
    }

    fn len(&self) -> u64 {
        self.walk.len()
    }

    fn time_behind(&self, at: u64) -> Result<Option<i64>, MediaError> {
        let mut walk = self.walk.clone();
        walk.go(at);
        while walk.at < at.saturating_add(caps::TS_SPARSE)
            && let Some(unit) = walk.next()?
        {
            if unit.id == self.id && unit.time.is_some() {
                return Ok(unit.time);
            }
        }
        Ok(None)
    }
}

impl super::Container for Ps {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        let (first, last) = self.streams.get(track)?.span;
        Some(Extent { start_ns: ns(first), end_ns: Some(ns(last)), packets: None })
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        match self.streams.get(track) {
            Some(stream) if self.contents.tracks[track].kind == TrackKind::Subtitle => {
                let first = self.streams.iter().map(|stream| stream.span.0).min().unwrap_or(0);
                let last = self.streams.iter().map(|stream| stream.span.1).max().unwrap_or(0);
                Ok(Box::new(spu::Pictures::new(Walk::new(self.file.clone(), 0), stream.id, (first, last))))
            }
            Some(_) => {
                let reader = Box::new(self.reader(track, u64::MAX));
                Ok(match &self.contents.tracks[track].video {
                    // Several pictures in one packet have one time.
                    Some(video) if video.codec != CodecId::Mpeg12 => Box::new(Ordered::new(reader, video, Times::Some)),
                    _ => reader,
                })
            }
            None => Err(MediaError::Broken("MPEG program stream: there is no such track".into())),
        }
    }
}
