//! Track entries: which are audio, of what codec, and how their blocks are stored.

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::*;

use super::ebml::{elements, laces, number};
use crate::source::mkv::scale_ns;

const TRACK_ENTRY: u32 = 0xae;

/// An audio track.
pub(super) struct Track {
    pub(super) number: u64,
    pub(super) default: bool,
    /// What the decoder wants to know, or the name of a codec that there is no decoder for.
    pub(super) params: Result<AudioCodecParameters, String>,
    pub(super) delay_ns: i64,
    /// How long a frame is, where the file tells.
    pub(super) frame_ns: Option<i64>,
    /// Bytes that were taken off the start of every packet.
    pub(super) stripped: Vec<u8>,
}

/// From `Info`: nanoseconds a tick, and the film's length in nanoseconds.
pub(super) fn info(info: &[u8]) -> (i64, Option<i64>) {
    let get = |wanted| elements(info).find(|(id, _)| *id == wanted).map(|(_, body)| body);
    let scale = scale_ns(get(0x2a_d7b1).filter(|body| body.len() <= 8).map(number));
    let duration = get(0x4489).map(float).filter(|ticks| ticks.is_finite() && *ticks > 0.0);
    (scale, duration.map(|ticks| (ticks * scale as f64) as i64))
}

fn float(body: &[u8]) -> f64 {
    match body.len() {
        4 => f32::from_bits(number(body) as u32).into(),
        8 => f64::from_bits(number(body)),
        _ => 0.0,
    }
}

/// How many tracks of any kind there are.
pub(super) fn count(list: &[u8]) -> usize {
    elements(list).filter(|(id, _)| *id == TRACK_ENTRY).count()
}

/// The audio tracks in the list's order.
pub(super) fn parse(list: &[u8]) -> Vec<Track> {
    elements(list).filter(|(id, _)| *id == TRACK_ENTRY).filter_map(|(_, entry)| track(entry)).collect()
}

fn track(entry: &[u8]) -> Option<Track> {
    let get = |wanted| elements(entry).find(|(id, _)| *id == wanted).map(|(_, body)| body);
    if get(0x83).map(number)? != 2 || get(0xb9).map(number) == Some(0) {
        return None;
    }
    let nanoseconds = |body: &[u8]| i64::try_from(number(body)).unwrap_or(0);
    let (stripped, readable) = encoding(get(0x6d80).unwrap_or_default());
    let name = String::from_utf8_lossy(get(0x86).unwrap_or_default()).trim_end_matches('\0').to_owned();
    let audio = get(0xe1).unwrap_or_default();
    let params = if readable { codec(&name, get(0x63a2).unwrap_or_default(), audio) } else { None };
    Some(Track {
        number: get(0xd7).map(number)?,
        default: get(0x88).map(number) != Some(0),
        params: params.ok_or_else(|| friendly(&name)),
        delay_ns: get(0x56aa).map_or(0, nanoseconds),
        frame_ns: get(0x23_e383).map(nanoseconds),
        stripped,
    })
}

/// The bytes stripped from each packet, and whether there is no other encoding (compression, encryption).
fn encoding(encodings: &[u8]) -> (Vec<u8>, bool) {
    let mut stripped = Vec::new();
    for (_, encoding) in elements(encodings).filter(|(id, _)| *id == 0x6240) {
        let compression = elements(encoding).find(|(id, _)| *id == 0x5034).map(|(_, body)| body);
        let Some(compression) = compression else { return (stripped, false) };
        let get = |wanted| elements(compression).find(|(id, _)| *id == wanted).map(|(_, body)| body);
        if get(0x4254).map_or(0, number) != 3 {
            return (stripped, false);
        }
        stripped = get(0x4255).unwrap_or_default().to_vec();
    }
    (stripped, true)
}

fn friendly(name: &str) -> String {
    let name = name.strip_prefix("A_").unwrap_or(name);
    match name {
        "AC3" => "AC-3".into(),
        "EAC3" => "E-AC-3".into(),
        "TRUEHD" => "TrueHD".into(),
        "MPEG/L2" => "MPEG-1 Layer II".into(),
        name if name.starts_with("DTS") => "DTS".into(),
        name => name.escape_debug().to_string(),
    }
}

fn codec(name: &str, private: &[u8], audio: &[u8]) -> Option<AudioCodecParameters> {
    let get = |wanted| elements(audio).find(|(id, _)| *id == wanted).map(|(_, body)| body);
    let rate = get(0xb5).map_or(8000.0, float) as u32;
    let channels = get(0x9f).map_or(1, number) as u32;
    let bits = get(0x6264).map_or(16, number);
    let mut params = AudioCodecParameters::new();
    let mut extra = private.to_vec();
    let id = match name {
        name if name.starts_with("A_AAC") => CODEC_ID_AAC,
        "A_MPEG/L3" => CODEC_ID_MP3,
        "A_OPUS" => CODEC_ID_OPUS,
        "A_VORBIS" => {
            // Three headers, laced; the decoder wants the first and the third.
            let headers = laces(private, 1).filter(|headers| headers.len() == 3)?;
            extra = [*headers.first()?, *headers.last()?].concat();
            CODEC_ID_VORBIS
        }
        "A_FLAC" => {
            extra = private.strip_prefix(b"fLaC")?.get(4..38)?.to_vec();
            CODEC_ID_FLAC
        }
        "A_ALAC" => CODEC_ID_ALAC,
        "A_PCM/INT/LIT" => match bits {
            8 => CODEC_ID_PCM_U8,
            16 => CODEC_ID_PCM_S16LE,
            24 => CODEC_ID_PCM_S24LE,
            32 => CODEC_ID_PCM_S32LE,
            _ => return None,
        },
        "A_PCM/INT/BIG" => match bits {
            8 => CODEC_ID_PCM_U8,
            16 => CODEC_ID_PCM_S16BE,
            24 => CODEC_ID_PCM_S24BE,
            32 => CODEC_ID_PCM_S32BE,
            _ => return None,
        },
        "A_PCM/FLOAT/IEEE" if bits == 64 => CODEC_ID_PCM_F64LE,
        "A_PCM/FLOAT/IEEE" => CODEC_ID_PCM_F32LE,
        _ => return None,
    };
    params.for_codec(id).with_sample_rate(rate);
    if let Some(positions) = Position::from_wave_channel_count(channels) {
        params.with_channels(Channels::Positioned(positions));
    }
    if !extra.is_empty() {
        params.with_extra_data(extra.into());
    }
    Some(params)
}
