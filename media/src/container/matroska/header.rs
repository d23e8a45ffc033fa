//! What a Matroska file says outside of its clusters: time scale, duration, tracks, cues, chapters, tags, attachments.
//! These elements may stand in any order, also behind the clusters, where the seek head or a walk finds them.

use std::collections::HashMap;

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::super::dolby::Dolby;
use super::super::{Attachment, CodecId, Colour, Peak, TrackKind, VideoTrack, avi, caps};
use super::about;
use super::ebml::{Element, child, children, element, float, string, uint};
use super::sound;
use crate::audio::pre_skip;
use crate::{ColorRange, MediaError, MediaFile, NS, Orientation};

pub(super) const SEGMENT: u32 = 0x1853_8067;
pub(super) const CLUSTER: u32 = 0x1f43_b675;
const CUES: u32 = 0x1c53_bb6b;
const SEEK_HEAD: u32 = 0x114d_9b74;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CHAPTERS: u32 = 0x1043_a770;
const TAGS: u32 = 0x1254_c367;
const ATTACHMENTS: u32 = 0x1941_a469;
/// Pictures as they lie in an AVI.
pub(super) const VFW: &str = "V_MS/VFW/FOURCC";
/// What is looked for.
const PARTS: [u32; 6] = [INFO, TRACKS, CUES, CHAPTERS, TAGS, ATTACHMENTS];

/// All of it.
pub(super) struct Header {
    /// Nanoseconds a tick of the blocks' timestamps.
    pub(super) scale_ns: i64,
    pub(super) duration_ns: Option<i64>,
    pub(super) tracks: Vec<Track>,
    /// Where the first cluster begins.
    pub(super) clusters: u64,
    /// Times and places of clusters, by the cues.
    pub(super) cues: Vec<(i64, u64)>,
    pub(super) chapters: Vec<super::super::Chapter>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) attachments: Vec<Attachment>,
}

/// A track.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub(super) number: u64,
    pub(super) kind: TrackKind,
    pub(super) default: bool,
    pub(super) forced: bool,
    pub(super) codec_id: String,
    /// Nanoseconds a frame; 0 where the file does not tell.
    pub(super) frame_ns: i64,
    /// How much of the sound's start is priming.
    pub(super) delay_ns: i64,
    pub(super) packing: Packing,
    pub(super) language: Option<String>,
    pub(super) name: Option<String>,
    pub(super) video: Option<VideoTrack>,
    pub(super) audio: Option<Result<AudioCodecParameters, String>>,
    pub(super) text: crate::subtitle::Text,
}

/// What was done to a track's frames before they were stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Packing {
    /// These bytes, often none, were cut off the front of each frame.
    Stripped(Vec<u8>),
    Zlib,
    /// It cannot be undone: `encrypted`, `compressed`.
    Other(&'static str),
}

impl Header {
    /// Reads it. Errors: there is no segment or no track.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let broken = |why: &str| MediaError::Broken(format!("Matroska: {why}"));
        let mut at = 0;
        let segment = loop {
            let part = element(file, at)?.ok_or_else(|| broken("it has no segment"))?;
            if part.id == SEGMENT {
                break part.body;
            }
            at = part.end(file);
        };
        let (parts, clusters) = find(file, segment)?;
        let get = |id: u32| parts.get(&id).map(|part| load(file, part)).transpose();
        let tracks = get(TRACKS)?.ok_or_else(|| broken("it has no list of tracks"))?;
        let info = get(INFO)?.unwrap_or_default();
        let scale_ns = scale_ns(child(&info, 0x2a_d7b1).and_then(uint));
        let ticks = child(&info, 0x4489).and_then(float).filter(|ticks| ticks.is_finite() && *ticks > 0.0);
        let entries = children(&tracks).filter(|(id, _)| *id == 0xae).take(caps::TRACKS);
        let tracks: Vec<Track> = entries.filter_map(|(_, entry)| track(entry)).collect();
        if tracks.is_empty() {
            return Err(broken("it has no track"));
        }
        // What is of no use for playing may be broken without being missed.
        let extra = |id: u32| get(id).ok().flatten().unwrap_or_default();
        let mut tags = about::tags(&extra(TAGS));
        if let Some(title) = child(&info, 0x7ba9).map(string).filter(|title| !title.is_empty()) {
            tags.insert(0, ("title".into(), title));
        }
        Ok(Self {
            scale_ns,
            duration_ns: ticks.map(|ticks| (ticks * scale_ns as f64) as i64),
            tracks,
            clusters,
            cues: cues(&extra(CUES), segment),
            chapters: about::chapters(&extra(CHAPTERS)),
            tags,
            attachments: match parts.get(&ATTACHMENTS) {
                Some(part) => about::attachments(file, part).unwrap_or_default(),
                None => Vec::new(),
            },
        })
    }
}

/// The segment's elements by their ids, and where the first cluster is.
fn find(file: &MediaFile, segment: u64) -> Result<(HashMap<u32, Element>, u64), MediaError> {
    let (mut parts, mut clusters) = (HashMap::new(), None);
    let mut elsewhere: Vec<(u32, u64)> = Vec::new();
    let mut at = segment;
    while let Some(part) = element(file, at)? {
        match part.id {
            CLUSTER => {
                clusters = clusters.or(Some(at));
                // Beyond here, only what cannot be done without is walked to, and only by lengths that are known.
                elsewhere.retain(|(id, _)| !parts.contains_key(id));
                for (id, place) in elsewhere.drain(..) {
                    if let Some(part) = element(file, place)?.filter(|part| part.id == id) {
                        parts.insert(id, part);
                    }
                }
                if parts.contains_key(&TRACKS) || part.len.is_none() {
                    break;
                }
            }
            SEEK_HEAD => {
                let data = load(file, &part)?;
                for (_, seek) in children(&data).filter(|(id, _)| *id == 0x4dbb).take(caps::SEEK_ENTRIES) {
                    let id = child(seek, 0x53ab).and_then(uint).and_then(|id| u32::try_from(id).ok());
                    let place = child(seek, 0x53ac).and_then(uint).map(|offset| segment.saturating_add(offset));
                    elsewhere.extend(id.zip(place).filter(|(id, place)| PARTS.contains(id) && *place < file.len()));
                }
            }
            id if PARTS.contains(&id) => drop(parts.entry(id).or_insert(part)),
            _ => {}
        }
        let end = part.end(file);
        if end <= at {
            break;
        }
        at = end;
    }
    Ok((parts, clusters.unwrap_or(file.len())))
}

/// Nanoseconds a tick as the file tells; a millisecond where it does not, or tells what no film can have.
fn scale_ns(told: Option<u64>) -> i64 {
    told.filter(|ns| (1..=100_000_000).contains(ns)).map_or(1_000_000, |ns| ns as i64)
}

/// Loads an element's data. Errors: it is absurdly large or cannot be read.
fn load(file: &MediaFile, part: &Element) -> Result<Vec<u8>, MediaError> {
    let len = part.end(file).saturating_sub(part.body);
    if len > caps::INDEX {
        return Err(MediaError::Broken("Matroska: its header is absurdly large".into()));
    }
    let mut data = vec![0; len as usize];
    file.read_exact_at(&mut data, part.body)?;
    Ok(data)
}

/// The clusters that the cues name, in order of time.
fn cues(data: &[u8], segment: u64) -> Vec<(i64, u64)> {
    let mut out = Vec::new();
    for (_, point) in children(data).filter(|(id, _)| *id == 0xbb) {
        let ticks = child(point, 0xb3).and_then(uint).and_then(|ticks| i64::try_from(ticks).ok());
        let offset = child(point, 0xb7).and_then(|place| child(place, 0xf1)).and_then(uint);
        out.extend(ticks.zip(offset.map(|offset| segment.saturating_add(offset))));
    }
    out.sort_unstable();
    out.dedup();
    out
}

fn track(entry: &[u8]) -> Option<Track> {
    let number = |id: u32| child(entry, id).and_then(uint);
    let codec_id = string(child(entry, 0x86)?);
    let config = child(entry, 0x63a2).unwrap_or_default();
    let kind = match number(0x83)? {
        1 => TrackKind::Video,
        2 => TrackKind::Audio,
        0x11 => TrackKind::Subtitle,
        _ => TrackKind::Other,
    };
    let time = |id: u32| number(id).and_then(|ns| i64::try_from(ns).ok()).filter(|&ns| ns < 60 * NS).unwrap_or(0);
    let frame_ns = time(0x23_e383);
    let packing = packing(child(entry, 0x6d80).unwrap_or_default());
    let video = (kind == TrackKind::Video).then(|| {
        let codec = match packing {
            Packing::Other("encrypted") => CodecId::Encrypted(video_codec(&codec_id, config).name().into()),
            Packing::Other(why) => CodecId::Other(format!("{why} {codec_id}")),
            _ => video_codec(&codec_id, config),
        };
        let rate = (frame_ns > 0).then(|| NS as f64 / frame_ns as f64);
        // What the codec is told stands behind the bitmap's header.
        let config = if codec_id == VFW { config.get(40..).unwrap_or_default() } else { config };
        VideoTrack { rate, dolby: dolby(entry), ..video(child(entry, 0xe0).unwrap_or_default(), codec, config) }
    });
    let audio = (kind == TrackKind::Audio).then(|| match packing {
        Packing::Other(why) => Err(format!("{why} {codec_id}")),
        _ => sound::parse(&codec_id, config, child(entry, 0xe1).unwrap_or_default()),
    });
    // Early writers did not say what Opus says itself.
    let opus_ns = audio.as_ref().and_then(|audio| pre_skip(audio.as_ref().ok()?)).map_or(0, |skip| skip * NS / 48_000);
    let delay_ns = Some(time(0x56aa)).filter(|delay| *delay > 0).unwrap_or(opus_ns);
    let text = crate::subtitle::Codec::matroska(&codec_id).filter(|_| !matches!(packing, Packing::Other(_)));
    let text = text.map(|codec| (codec, private(config, child(entry, 0x6d80).unwrap_or_default())));
    // English unless it says otherwise, says the standard; that is a guess of nobody, so it counts as nothing said.
    let language = child(entry, 0x22_b59d).or_else(|| child(entry, 0x22_b59c)).map(string).filter(|l| l != "und");
    Some(Track {
        number: number(0xd7)?,
        kind,
        default: number(0x88) != Some(0) && number(0xb9) != Some(0),
        forced: number(0x55aa) == Some(1),
        codec_id,
        frame_ns,
        delay_ns,
        packing,
        language,
        name: child(entry, 0x536e).map(string),
        video,
        audio,
        text,
    })
}

/// What Dolby Vision's record says, which is told as what may stand beside blocks.
fn dolby(entry: &[u8]) -> Option<Dolby> {
    let named = |map: &[u8]| child(map, 0x41e7).and_then(uint).and_then(|kind| u32::try_from(kind).ok());
    let mut maps = children(entry).filter(|(id, _)| *id == 0x41e4).map(|(_, map)| map);
    let record =
        maps.find(|map| named(map).is_some_and(|kind| matches!(&kind.to_be_bytes(), b"dvcC" | b"dvvC" | b"dvwC")))?;
    Dolby::record(child(record, 0x41ed)?)
}

/// What the codec is told, which may be compressed as the frames are.
fn private(config: &[u8], encodings: &[u8]) -> Vec<u8> {
    let scope =
        children(encodings).find(|(id, _)| *id == 0x6240).and_then(|(_, one)| child(one, 0x5032)).and_then(uint);
    match packing(encodings) {
        Packing::Zlib if scope.is_some_and(|scope| scope & 2 != 0) => {
            let plain = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(config, caps::SUBTITLE_FILE as usize);
            plain.unwrap_or_else(|_| config.to_vec())
        }
        _ => config.to_vec(),
    }
}

fn packing(encodings: &[u8]) -> Packing {
    let mut packing = Packing::Stripped(Vec::new());
    for (_, encoding) in children(encodings).filter(|(id, _)| *id == 0x6240) {
        packing = match child(encoding, 0x5034) {
            _ if child(encoding, 0x5035).is_some() => return Packing::Other("encrypted"),
            Some(compression) => match child(compression, 0x4254).and_then(uint).unwrap_or(0) {
                0 => Packing::Zlib,
                3 => Packing::Stripped(child(compression, 0x4255).unwrap_or_default().to_vec()),
                _ => return Packing::Other("compressed"),
            },
            None => return Packing::Other("compressed"),
        };
    }
    packing
}

fn video_codec(id: &str, config: &[u8]) -> CodecId {
    match id {
        "V_MPEG4/ISO/AVC" => CodecId::H264,
        "V_MPEGH/ISO/HEVC" => CodecId::Hevc,
        "V_AV1" => CodecId::Av1,
        "V_VP9" => CodecId::Vp9,
        "V_VP8" => CodecId::Vp8,
        "V_PRORES" => CodecId::Other("ProRes".into()),
        "V_MPEG1" | "V_MPEG2" => CodecId::Mpeg12,
        "V_THEORA" => CodecId::Theora,
        "V_FFV1" => CodecId::Other("FFV1".into()),
        "V_MJPEG" => CodecId::Mjpeg,
        "V_UNCOMPRESSED" => CodecId::Other("raw".into()),
        // The four-character code of AVI lies in a bitmap header.
        VFW => avi::codec(config.get(16..20).unwrap_or_default()),
        "V_MPEG4/ISO/SP" | "V_MPEG4/ISO/ASP" | "V_MPEG4/ISO/AP" => CodecId::Mpeg4,
        other => CodecId::Other(format!("`{}`", other.escape_debug())),
    }
}

fn video(data: &[u8], codec: CodecId, config: &[u8]) -> VideoTrack {
    let number = |id: u32| child(data, id).and_then(uint).and_then(|value| u32::try_from(value).ok());
    let display = number(0x54b0).zip(number(0x54ba)).filter(|&(w, h)| w > 0 && h > 0);
    // Display units 0 (pixels) to 3 (aspect ratio) all give the ratio; 4 is unknown.
    let display = display.filter(|_| number(0x54b2).unwrap_or(0) != 4);
    let colour = child(data, 0x55b0).unwrap_or_default();
    let code = |id: u32| child(colour, id).and_then(uint);
    let range = match code(0x55b9) {
        Some(1) => Some(ColorRange::Limited),
        Some(2) => Some(ColorRange::Full),
        _ => None,
    };
    let [primaries, transfer, matrix] = [0x55bb, 0x55ba, 0x55b1].map(|id| code(id).unwrap_or(2) as u32);
    let screen = child(colour, 0x55d0).and_then(|screen| child(screen, 0x55d9)).and_then(float).unwrap_or(0.0);
    let screen = Peak::of_screen((screen * 10_000.0) as u32);
    let peak = Peak::of_pixel(code(0x55bc).unwrap_or(0) as u32).or(screen);
    let colour = Colour { range, peak, ..Colour::coded(primaries, transfer, matrix) };
    let roll = child(data, 0x7670).and_then(|projection| child(projection, 0x7675)).and_then(float).unwrap_or(0.0);
    // The roll counts counter-clockwise.
    let orientation = match roll.round() as i32 {
        roll @ (-270 | -180 | -90 | 90 | 180 | 270) => Orientation::default().turned(-roll / 90),
        _ => Orientation::default(),
    };
    let stated = number(0xb0).zip(number(0xba));
    VideoTrack { display, stated, colour, orientation, ..VideoTrack::new(codec, config.to_vec()) }
}
