//! The part of a Matroska file before its first cluster: time scale, duration, tracks, and where the cues are.

use crate::{ColorRange, Rotation};

use super::ebml::{Element, child, children, element, float, uint};
use crate::source::mp4::read_exact;
use crate::video::packet::Colour;
use crate::{MediaError, MediaFile};

pub(super) const SEGMENT: u32 = 0x1853_8067;
pub(super) const CLUSTER: u32 = 0x1f43_b675;
pub(super) const CUES: u32 = 0x1c53_bb6b;
const SEEK_HEAD: u32 = 0x114d_9b74;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
/// The largest header element that is loaded into memory.
const MAX_HEADER: u64 = 64 << 20;

/// What precedes the clusters.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    /// Nanoseconds a tick of the blocks' timestamps.
    pub(crate) scale_ns: i64,
    pub(crate) duration_ns: Option<i64>,
    pub(crate) tracks: Vec<Track>,
    /// Where the segment's data begins: cues count from here.
    pub(super) segment: u64,
    /// Where the first cluster begins.
    pub(super) clusters: u64,
    /// The element that holds the cues.
    pub(super) cues: Option<Element>,
}

/// A track.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) number: u64,
    pub(crate) audio: bool,
    pub(crate) default: bool,
    pub(crate) codec_id: String,
    pub(crate) config: Vec<u8>,
    /// Nanoseconds a frame; 0 where the file does not tell.
    pub(crate) frame_ns: i64,
    /// Bytes that were cut off the front of each frame.
    pub(crate) prefix: Vec<u8>,
    /// Why its frames cannot be read, such as `encrypted`.
    pub(crate) refused: Option<&'static str>,
    pub(crate) video: Option<Video>,
}

/// How a video track is to be shown.
#[derive(Debug, Clone)]
pub(crate) struct Video {
    pub(crate) display: Option<(u32, u32)>,
    pub(crate) colour: Colour,
    pub(crate) rotation: Rotation,
}

impl Header {
    /// Reads up to the first cluster. Errors: there is no segment or no track.
    pub(crate) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let broken = |why: &str| MediaError::Broken(format!("Matroska: {why}"));
        let mut at = 0;
        let segment = loop {
            let part = element(file, at)?.ok_or_else(|| broken("it has no segment"))?;
            if part.id == SEGMENT {
                break part;
            }
            at = part.end(file);
        };
        let mut header = Self {
            scale_ns: scale_ns(None),
            duration_ns: None,
            tracks: Vec::new(),
            segment: segment.body,
            clusters: file.len(),
            cues: None,
        };
        let (mut at, mut ticks, mut cues_at) = (segment.body, None, None);
        while let Some(part) = element(file, at)? {
            match part.id {
                CLUSTER => {
                    header.clusters = at;
                    break;
                }
                INFO => {
                    let info = load(file, &part)?;
                    header.scale_ns = scale_ns(child(&info, 0x2a_d7b1).and_then(uint));
                    ticks = child(&info, 0x4489).and_then(float).filter(|ticks| ticks.is_finite() && *ticks > 0.0);
                }
                TRACKS => {
                    let tracks = load(file, &part)?;
                    let entries = children(&tracks).filter(|(id, _)| *id == 0xae);
                    header.tracks = entries.filter_map(|(_, entry)| track(entry)).collect();
                }
                SEEK_HEAD => cues_at = seek_head(&load(file, &part)?),
                CUES => header.cues = Some(part),
                _ => {}
            }
            let end = part.end(file);
            if end <= at {
                break;
            }
            at = end;
        }
        if header.tracks.is_empty() {
            return Err(broken("it has no track"));
        }
        if let (None, Some(offset)) = (header.cues, cues_at) {
            let at = header.segment.saturating_add(offset);
            if at < file.len() {
                header.cues = element(file, at)?.filter(|part| part.id == CUES);
            }
        }
        header.duration_ns = ticks.map(|ticks| (ticks * header.scale_ns as f64) as i64);
        Ok(header)
    }
}

/// Nanoseconds a tick as the file tells; a millisecond where it does not, or tells what no film can have.
pub(crate) fn scale_ns(told: Option<u64>) -> i64 {
    told.filter(|ns| (1..=100_000_000).contains(ns)).map_or(1_000_000, |ns| ns as i64)
}

/// Loads an element's data. Errors: it is absurdly large or cannot be read.
pub(super) fn load(file: &MediaFile, part: &Element) -> Result<Vec<u8>, MediaError> {
    let len = part.end(file).saturating_sub(part.body);
    if len > MAX_HEADER {
        return Err(MediaError::Broken("Matroska: its header is absurdly large".into()));
    }
    let mut data = vec![0; len as usize];
    read_exact(file, &mut data, part.body)?;
    Ok(data)
}

/// Where the cues are, counted from the segment's data.
fn seek_head(data: &[u8]) -> Option<u64> {
    let seeks = children(data).filter(|(id, _)| *id == 0x4dbb);
    let cues = seeks.map(|(_, seek)| seek).find(|seek| child(seek, 0x53ab).and_then(uint) == Some(CUES.into()));
    cues.and_then(|seek| child(seek, 0x53ac)).and_then(uint)
}

fn track(entry: &[u8]) -> Option<Track> {
    let number = |id: u32| child(entry, id).and_then(uint);
    let mut track = Track {
        number: number(0xd7)?,
        audio: number(0x83) == Some(2),
        default: number(0x88) != Some(0),
        codec_id: String::from_utf8_lossy(child(entry, 0x86)?).trim_end_matches('\0').to_owned(),
        config: child(entry, 0x63a2).unwrap_or_default().to_vec(),
        frame_ns: number(0x23_e383).and_then(|ns| i64::try_from(ns).ok()).unwrap_or(0),
        prefix: Vec::new(),
        refused: None,
        video: None,
    };
    if number(0x83) == Some(1) {
        track.video = Some(video(child(entry, 0xe0).unwrap_or_default()));
    }
    for (_, encoding) in child(entry, 0x6d80).into_iter().flat_map(children) {
        match child(encoding, 0x5034) {
            _ if child(encoding, 0x5035).is_some() => track.refused = Some("encrypted"),
            Some(compression) if child(compression, 0x4254).and_then(uint) == Some(3) => {
                track.prefix = child(compression, 0x4255).unwrap_or_default().to_vec();
            }
            _ => track.refused = Some("compressed"),
        }
    }
    Some(track)
}

fn video(data: &[u8]) -> Video {
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
    let matrix = code(0x55b1).and_then(|code| Colour::matrix(code as u32));
    let roll = child(data, 0x7670).and_then(|projection| child(projection, 0x7675)).and_then(float).unwrap_or(0.0);
    // The roll counts counter-clockwise.
    let rotation = match roll.round() as i64 {
        90 | -270 => Rotation::Cw270,
        180 | -180 => Rotation::Cw180,
        -90 | 270 => Rotation::Cw90,
        _ => Rotation::None,
    };
    Video { display, colour: Colour { range, matrix }, rotation }
}
