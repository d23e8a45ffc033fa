//! What a Matroska track says of its sound.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::*;

use super::super::avi;
use super::ebml::{child, float, laces, uint};
use crate::speakers;

/// A sound track's codec and what its decoder needs; `Err` names a codec that there is no decoder for.
pub(super) fn parse(name: &str, private: &[u8], audio: &[u8]) -> Result<AudioCodecParameters, String> {
    match name {
        // As AVI describes sound.
        "A_MS/ACM" => avi::sound(private),
        _ => params(name, private, audio).ok_or_else(|| friendly(name)),
    }
}

fn friendly(name: &str) -> String {
    let name = name.strip_prefix("A_").unwrap_or(name);
    match name {
        "TRUEHD" => "TrueHD".into(),
        name if name.starts_with("DTS") => "DTS".into(),
        name => name.escape_debug().to_string(),
    }
}

fn params(name: &str, private: &[u8], audio: &[u8]) -> Option<AudioCodecParameters> {
    let rate = child(audio, 0xb5).and_then(float).unwrap_or(8000.0) as u32;
    let channels = child(audio, 0x9f).and_then(uint).unwrap_or(1) as u32;
    let bits = child(audio, 0x6264).and_then(uint).unwrap_or(16);
    let mut params = AudioCodecParameters::new();
    let mut extra = private.to_vec();
    let id = match name {
        name if name.starts_with("A_AAC") => CODEC_ID_AAC,
        "A_MPEG/L1" => CODEC_ID_MP1,
        "A_MPEG/L2" => CODEC_ID_MP2,
        "A_MPEG/L3" => CODEC_ID_MP3,
        "A_OPUS" => CODEC_ID_OPUS,
        "A_AC3" => CODEC_ID_AC3,
        "A_EAC3" => CODEC_ID_EAC3,
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
    let said = if id == CODEC_ID_FLAC { speakers::of_blocks(private) } else { 0 };
    params.with_channels(speakers::channels(channels, said));
    if !extra.is_empty() {
        params.with_extra_data(extra.into());
    }
    Some(params)
}
