//! The MPEG transport stream of television, cameras and discs, with packets of 188, 192 (M2TS) and 204 bytes: the first programme's
//! tracks. There is no index; a time is found by bisection.

mod joints;
mod reader;
mod sparse;
mod units;

use std::collections::{HashMap, HashSet};

use super::dolby::Dolby;
use super::frames::{Cutter, Form};
use super::ordered::{Ordered, Times};
use super::pes::{WRAP, header, ns, unwrap};
use super::stream::{Content, Piece, Reader, Source};
use super::{CodecId, Contents, Extent, Packets, Track, TrackKind, VideoTrack, caps};
use crate::audio::name_of;
use crate::subtitle::{Codec, Text, region};
use crate::{MediaError, MediaFile};
use joints::Joints;
use units::{Table, Units};

pub(crate) use units::Grid;

/// What a track of sound is called before a frame of it was seen; the second is one of which the map does not say what it is,
/// and some writers list sound so.
const LATM: &str = "AAC in LATM";
const PRIVATE: &str = "private data";
const TELETEXT: &str = "teletext";

/// PES packets of pictures that are looked at.
const LOOKED_AT: usize = 8;

/// A file whose tracks are known.
pub(super) struct Ts {
    file: MediaFile,
    grid: Grid,
    contents: Contents,
    /// In the order of the contents.
    streams: Vec<Stream>,
    joints: Joints,
    /// The track that has the programme's clock.
    clock: u16,
}

#[derive(Clone, Copy)]
struct Stream {
    pid: u16,
    /// The first and the last time in ticks.
    span: Option<(i64, i64)>,
    /// How its sound lies in its packets.
    form: Form,
    /// Its pictures begin anywhere in its PES packets.
    cut: bool,
}

impl Ts {
    /// Finds the tracks. Errors: there are none.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let broken = |why: &str| MediaError::Broken(format!("MPEG-TS: {why}"));
        let mut head = vec![0; 4096];
        let have = file.read_at(&mut head, 0)?;
        let grid = Grid::find(&head[..have]).ok_or_else(|| broken("its packets do not follow each other"))?;
        let mut units = Units::new(file.clone(), grid, 0);
        // A recording of one programme may still list all that were sent, so the first map that is there decides.
        let (mut maps, mut tables) = (Vec::new(), HashMap::<u16, Table>::new());
        let (mut listed, mut clock) = (Vec::new(), 0);
        while units.at < caps::TS_HEAD && listed.is_empty() {
            let Some(unit) = units.next()? else { break };
            if unit.pid != 0 && !maps.contains(&unit.pid) {
                continue;
            }
            let Some(table) = tables.entry(unit.pid).or_default().take(&unit) else { continue };
            match (unit.pid, table.first()) {
                (0, Some(0)) => {
                    let programs = table.get(8..).unwrap_or_default().chunks_exact(4);
                    // Number 0 is the network's.
                    let programs = programs.filter(|program| program[..2] != [0, 0]);
                    maps = programs.map(|program| u16::from_be_bytes([program[2] & 0x1f, program[3]])).collect();
                }
                (1.., Some(2)) => {
                    listed = streams(table);
                    clock = table.get(8..10).map_or(0, |pid| u16::from_be_bytes([pid[0] & 0x1f, pid[1]]));
                    if listed.iter().all(|(_, track, _)| !timed(track.kind)) {
                        listed.clear();
                    }
                }
                _ => {}
            }
        }
        if listed.is_empty() {
            return Err(broken("it lists no tracks in its beginning"));
        }
        let joints = Joints::find(file, grid, clock)?;
        let (firsts, scrambled) = times(file, grid, 0, caps::TS_HEAD, &listed, &joints, false)?;
        let tail = file.len().saturating_sub(caps::TS_TAIL);
        let (lasts, _) = times(file, grid, tail, u64::MAX, &listed, &joints, true)?;
        let mut contents = Contents { format: "MPEG-TS", ..Contents::default() };
        let mut streams = Vec::new();
        // Times may wrap between one track's first and another's.
        let anchor = firsts.values().next().copied().unwrap_or(0);
        for (pid, mut track, form) in listed {
            if scrambled.contains(&pid) && !firsts.contains_key(&pid) {
                track.encrypt();
            }
            let first = firsts.get(&pid).map(|&first| unwrap(first, anchor));
            let span = first.map(|first| {
                let last = lasts.get(&pid).map_or(first, |&last| first + (last - first).rem_euclid(WRAP));
                (first, last)
            });
            // Writers of television put several pictures of MPEG-2, or a part of one, into a PES packet.
            let cut = track.video.as_ref().is_some_and(|video| video.codec == CodecId::Mpeg12);
            streams.push(Stream { pid, span, form, cut });
            contents.tracks.push(track);
        }
        let mut ts = Self { file: file.clone(), grid, contents, streams, joints, clock };
        for track in 0..ts.streams.len() {
            ts.describe(track)?;
            ts.streams[track].cut |= ts.is_cut(track)?;
        }
        Ok(ts)
    }

    /// Finds what only the track's first frame of sound tells.
    fn describe(&mut self, track: usize) -> Result<(), MediaError> {
        let about = &self.contents.tracks[track];
        if about.kind != TrackKind::Audio || about.audio.is_some() {
            return Ok(());
        }
        let mut reader = self.reader(track, caps::TS_HEAD);
        let mut found = Err(format!("unrecognised {}", about.codec.trim_end_matches(" audio")));
        for _ in 0..64 {
            match reader.next() {
                Ok(Some(_)) if reader.sound.is_some() => {
                    found = reader.sound.clone().ok_or_else(String::new);
                    break;
                }
                Ok(Some(_)) | Err(MediaError::Damaged(_)) => {}
                Ok(None) => break,
                Err(error) => return Err(error),
            }
        }
        let about = &mut self.contents.tracks[track];
        match &found {
            Ok(params) => about.codec = name_of(params.codec).to_owned(),
            Err(_) if about.codec == PRIVATE => {
                about.kind = TrackKind::Other;
                return Ok(());
            }
            Err(_) => {}
        }
        about.audio = Some(found);
        Ok(())
    }

    /// Whether a track's pictures begin within its PES packets, behind the rest of those before: Apple wrote films for sending so.
    fn is_cut(&self, track: usize) -> Result<bool, MediaError> {
        if self.contents.tracks[track].video.is_none() {
            return Ok(false);
        }
        let mut source = self.source(track, caps::TS_HEAD);
        for _ in 0..LOOKED_AT {
            match source.next() {
                // Zeros may stand in front of a start code.
                Ok(Some(Piece { body, .. })) => {
                    let zeros = body.iter().take_while(|byte| **byte == 0).count();
                    if zeros < 2 || body.get(zeros) != Some(&1) {
                        return Ok(true);
                    }
                }
                Err(MediaError::Damaged(_)) => {}
                Ok(None) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn is_encrypted(&self, track: usize) -> bool {
        let video = self.contents.tracks[track].video.as_ref();
        video.is_some_and(|video| matches!(video.codec, CodecId::Encrypted(_)))
    }

    /// A reader of a track, which reads as far as `until`.
    fn reader(&self, track: usize, until: u64) -> Reader<reader::Track> {
        let Stream { span, form, cut, .. } = self.streams[track];
        let codec = self.contents.tracks[track].video.as_ref().map(|video| video.codec.clone());
        let content = match codec {
            Some(codec) if cut => Content::cut(codec),
            Some(codec) => Content::Pictures(codec),
            None => Content::Sound(Box::new(Cutter::new(form))),
        };
        Reader::new(self.source(track, until), span.unwrap_or_default(), content)
    }

    /// A track's PES packets, as far as `until`.
    fn source(&self, track: usize, until: u64) -> reader::Track {
        let mut units = Units::new(self.file.clone(), self.grid, 0);
        units.until = until;
        let pictures = self.contents.tracks[track].video.is_some();
        reader::Track::new(units, self.joints.clone(), self.streams[track].pid, pictures)
    }
}

fn timed(kind: TrackKind) -> bool {
    matches!(kind, TrackKind::Video | TrackKind::Audio)
}

/// The first (or last) time of each track between two places of a file, and the tracks of which something is scrambled.
fn times(
    file: &MediaFile,
    grid: Grid,
    from: u64,
    to: u64,
    tracks: &[(u16, Track, Form)],
    joints: &Joints,
    last: bool,
) -> Result<(HashMap<u16, i64>, HashSet<u16>), MediaError> {
    let mut units = Units::new(file.clone(), grid, from);
    let (mut found, mut scrambled) = (HashMap::new(), HashSet::new());
    let wanted = tracks.iter().filter(|(_, track, _)| timed(track.kind)).count();
    while units.at < to && (last || found.len() < wanted) {
        let Some(unit) = units.next()? else { break };
        let known = tracks.iter().any(|(pid, track, _)| *pid == unit.pid && timed(track.kind));
        if known && unit.scrambled {
            scrambled.insert(unit.pid);
        } else if let Some((Some(time), _)) = header(unit.payload).filter(|_| unit.begins && known) {
            let time = time + joints.shift(unit.end - 1);
            if last {
                // Of pictures, the last in order of decoding need not be the last one shown.
                let latest = found.entry(unit.pid).or_insert(time);
                *latest = (*latest).max(unwrap(time, *latest));
            } else {
                let first = found.entry(unit.pid).or_insert(time);
                *first = (*first).min(time);
            }
        }
    }
    Ok((found, scrambled))
}

/// The tracks that a programme map lists.
fn streams(map: &[u8]) -> Vec<(u16, Track, Form)> {
    let half = |at: usize| Some(usize::from(u16::from_be_bytes([*map.get(at)? & 0x0f, *map.get(at + 1)?])));
    let (mut at, mut out, mut texts) = (12 + half(10).unwrap_or(0), Vec::new(), Vec::new());
    while let (Some(&kind), Some(len)) = (map.get(at), half(at + 3))
        && out.len() < caps::TRACKS
    {
        let pid = u16::from_be_bytes([map[at + 1] & 0x1f, map[at + 2]]);
        let descriptors = map.get(at + 5..at + 5 + len).unwrap_or_default();
        let pages = if kind == 6 { teletext(descriptors) } else { Vec::new() };
        if pages.is_empty() {
            let (track, form) = track(kind, descriptors);
            out.push((pid, track, form));
        }
        texts.extend(pages.into_iter().map(|track| (pid, track, Form::Frames)));
        at += 5 + len;
    }
    // Behind those that are as good to look at and have a track of their own.
    out.extend(texts);
    out.truncate(caps::TRACKS);
    out
}

/// A track of descriptors: each is a number and what it says.
fn described(mut descriptors: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [tag, len, rest @ ..] = descriptors else { return None };
        let (body, after) = rest.split_at(usize::from(*len).min(rest.len()));
        descriptors = after;
        Some((*tag, body))
    })
}

/// The pages of subtitles that a track of teletext has, each of which is a track here.
fn teletext(descriptors: &[u8]) -> Vec<Track> {
    let told = described(descriptors).filter(|(tag, _)| matches!(tag, 0x46 | 0x56));
    let pages = told.flat_map(|(_, body)| body.as_chunks::<5>().0);
    let mut tracks = Vec::new();
    for &[a, b, c, kind, page] in pages {
        let deaf = kind >> 3 == 5;
        if !deaf && kind >> 3 != 2 || tracks.len() >= caps::SUBTITLE_TRACKS {
            continue;
        }
        let language = String::from_utf8_lossy(&[a, b, c]).into_owned();
        let magazine = kind & 7;
        let shown = if magazine == 0 { 8 } else { magazine };
        let name = format!("page {shown}{page:02x}{}", if deaf { ", for the hard of hearing" } else { "" });
        let text = Some((Codec::Teletext, vec![magazine, page, region(&language)]));
        // A television shows them once somebody asks for them.
        let track = Track { text, default: false, name: Some(name), ..Track::new(TrackKind::Subtitle, TELETEXT) };
        tracks.push(Track {
            language: Some(language).filter(|code| code.bytes().all(|b| b.is_ascii_graphic())),
            ..track
        });
    }
    tracks
}

fn track(kind: u8, descriptors: &[u8]) -> (Track, Form) {
    let (mut language, mut private, mut marked, mut dolby, mut opus) = (None, 0, [0; 4], None, 2);
    let mut pages = Vec::new();
    for (tag, body) in described(descriptors) {
        match tag {
            0x0a | 0x46 | 0x56 | 0x59 => {
                if tag == 0x59 {
                    pages = body.get(4..8).unwrap_or_default().to_vec();
                }
                language = language.or(body.get(..3).map(|code| String::from_utf8_lossy(code).into_owned()));
                private = if tag == 0x0a { private } else { tag };
            }
            0x05 => marked = body.first_chunk().copied().unwrap_or_default(),
            // An extension of Opus: how many channels there are.
            0x7f if body.first() == Some(&0x80) => opus = body.get(1).copied().unwrap_or(opus),
            0x6a | 0x7a | 0x7b | 0x7c => private = tag,
            0xb0 => dolby = Dolby::descriptor(body),
            _ => {}
        }
    }
    let video = |codec: CodecId| {
        let name = codec.name().to_owned();
        let video = VideoTrack { dolby, ..VideoTrack::new(codec, Vec::new()) };
        Track { video: Some(video), ..Track::new(TrackKind::Video, name) }
    };
    let other = |name: &str| video(CodecId::Other(name.into()));
    let sound = |name: &str| Track::new(TrackKind::Audio, name);
    let written = |name: &str, text: Text| Track { text, ..Track::new(TrackKind::Subtitle, name) };
    let refused = |name: &str| Track { audio: Some(Err(name.into())), ..sound(name) };
    let track = match (kind, private, &marked) {
        (0x01 | 0x02, ..) => video(CodecId::Mpeg12),
        (0x10, ..) => video(CodecId::Mpeg4),
        (0x1b, ..) => video(CodecId::H264),
        (0x24, ..) | (_, _, b"HEVC") => video(CodecId::Hevc),
        (0xea, ..) => other("VC-1"),
        (0x03 | 0x04 | 0x0f, ..) => sound("MPEG audio"),
        (0x81, ..) | (6, 0x6a, _) | (6, _, b"AC-3") => sound("AC-3"),
        (0x87, ..) | (6, 0x7a, _) | (6, _, b"EAC3") => sound("E-AC-3"),
        (0x11, ..) => sound(LATM),
        (0x80, ..) => sound("Blu-ray PCM"),
        (0x82 | 0x85 | 0x86 | 0x8a, ..) | (6, 0x7b, _) => refused("DTS"),
        (0x83, ..) => refused("TrueHD"),
        (6, _, b"Opus") => sound("Opus"),
        (6, 0x59, _) => written("DVB subtitles", Some((Codec::Dvb, pages))),
        // The map lists no page of subtitles: any that is sent as one is shown.
        (6, 0x46 | 0x56, _) => {
            let region = vec![region(language.as_deref().unwrap_or_default())];
            Track { default: false, ..written(TELETEXT, Some((Codec::Teletext, region))) }
        }
        (6, 0, [0, 0, 0, 0]) => sound(PRIVATE),
        (0x90, ..) => written("PGS", Some((Codec::Pgs, Vec::new()))),
        _ => Track::new(TrackKind::Other, format!("type {kind:#x}")),
    };
    let form = match (kind, &marked) {
        (0x11, _) => Form::Latm,
        (0x80, _) => Form::Bluray,
        (6, b"Opus") => Form::Opus(opus),
        _ => Form::Frames,
    };
    (Track { language, ..track }, form)
}

impl super::Container for Ts {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        let (first, last) = self.streams.get(track)?.span?;
        Some(Extent { start_ns: ns(first), end_ns: Some(ns(last)), packets: None })
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        match self.streams.get(track) {
            Some(Stream { pid, .. }) if self.contents.tracks[track].kind == TrackKind::Subtitle => {
                let spans = || self.streams.iter().filter_map(|stream| stream.span);
                let span = (spans().map(|s| s.0).min().unwrap_or(0), spans().map(|s| s.1).max().unwrap_or(0));
                let form = match self.contents.tracks[track].text {
                    Some((Codec::Pgs, _)) => sparse::Form::Sets,
                    Some((Codec::Teletext, _)) => sparse::Form::Clocked(self.clock),
                    _ => sparse::Form::Single,
                };
                let units = Units::new(self.file.clone(), self.grid, 0);
                Ok(Box::new(sparse::Sparse::new(units, self.joints.clone(), *pid, form, span)))
            }
            Some(Stream { span: Some(_), cut, .. }) => {
                let reader = Box::new(self.reader(track, u64::MAX));
                Ok(match &self.contents.tracks[track].video {
                    // Of those that begin in one PES packet, the first one has its time.
                    Some(video) if *cut && video.codec != CodecId::Mpeg12 => {
                        Box::new(Ordered::new(reader, video, Times::Some))
                    }
                    _ => reader,
                })
            }
            // Its codec says why there is nothing.
            Some(_) if self.is_encrypted(track) => Ok(Box::new(self.reader(track, 0))),
            _ => Err(MediaError::Broken("MPEG-TS: nothing of the track is in the file's beginning".into())),
        }
    }
}
