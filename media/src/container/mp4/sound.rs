//! A sample description: which codec, and what it wants to know.

use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use super::super::{avi, xiph_laces};
use super::boxes::{Fields, descend};
use crate::speakers;

/// Reads a sample description. `Err` names a codec that there is no decoder for.
pub(super) fn parse(kind: [u8; 4], entry: &[u8]) -> Result<AudioCodecParameters, String> {
    let mut params = AudioCodecParameters::new();
    fill(&mut params, kind, entry).ok_or("incompletely described")??;
    if params.codec != AudioCodecParameters::new().codec {
        return Ok(params);
    }
    Err(match &kind {
        b"ac-4" => "AC-4".into(),
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => "DTS".into(),
        b"mlpa" => "TrueHD".into(),
        b"samr" | b"sawb" => "AMR".into(),
        b"enca" => "encrypted".into(),
        b"mp4a" => "an unknown kind of MPEG-4".into(),
        kind => format!("\"{}\"", String::from_utf8_lossy(kind).escape_debug()),
    })
}

fn fill(params: &mut AudioCodecParameters, kind: [u8; 4], entry: &[u8]) -> Option<Result<(), String>> {
    let mut fields = Fields(entry);
    fields.skip(8)?;
    let version = fields.u16()?;
    fields.skip(6)?;
    let (mut channels, mut bits) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
    fields.skip(4)?;
    let mut rate = fields.u32()? >> 16;
    let mut lpcm = 0;
    match version {
        1 => fields.skip(16)?,
        2 => {
            fields.skip(4)?;
            rate = f64::from_bits(fields.u64()?) as u32;
            channels = fields.u32()?;
            fields.skip(4)?;
            bits = fields.u32()?;
            lpcm = fields.u32()?;
            fields.skip(8)?;
        }
        _ => {}
    }
    let extensions = fields.0;
    // QuickTime hides the codec's own boxes in `wave`.
    let wave = descend(extensions, &[b"wave"]).unwrap_or_default();
    let child = |kind| descend(extensions, &[kind]).or_else(|| descend(wave, &[kind]));
    let little = child(b"enda").and_then(|body| body.get(..2)) == Some(&[0, 1]);
    let pcm = |kind: u8, bits: u32, big: bool| match (kind, bits, big) {
        (b'f', 32, true) => CODEC_ID_PCM_F32BE,
        (b'f', 32, false) => CODEC_ID_PCM_F32LE,
        (b'f', 64, true) => CODEC_ID_PCM_F64BE,
        (b'f', 64, false) => CODEC_ID_PCM_F64LE,
        (b'u', 8, _) => CODEC_ID_PCM_U8,
        (b's', 8, _) => CODEC_ID_PCM_S8,
        (b's', 16, true) => CODEC_ID_PCM_S16BE,
        (b's', 16, false) => CODEC_ID_PCM_S16LE,
        (b's', 24, true) => CODEC_ID_PCM_S24BE,
        (b's', 24, false) => CODEC_ID_PCM_S24LE,
        (b's', 32, true) => CODEC_ID_PCM_S32BE,
        (b's', 32, false) => CODEC_ID_PCM_S32LE,
        _ => AudioCodecParameters::new().codec,
    };
    // QuickTime's form of what WAV and AVI call by a number, with the header that they have.
    if kind.starts_with(b"ms")
        && let Some(format) = child(&kind)
    {
        return Some(avi::sound(format).map(|described| *params = described));
    }
    let mut extra: Option<Vec<u8>> = None;
    let codec = match &kind {
        b"mp4a" => {
            let (codec, config) = esds(child(b"esds")?)?;
            extra = config;
            codec
        }
        b".mp3" | b"ms\0\x55" => CODEC_ID_MP3,
        b".mp2" | b"ms\0\x50" => CODEC_ID_MP2,
        b"alac" => {
            extra = Some(child(b"alac")?.get(4..)?.to_vec());
            CODEC_ID_ALAC
        }
        b"fLaC" => {
            extra = Some(child(b"dfLa")?.get(8..42)?.to_vec());
            CODEC_ID_FLAC
        }
        b"Opus" => {
            rate = 48_000;
            extra = Some(opus_head(child(b"dOps")?)?);
            CODEC_ID_OPUS
        }
        b"ac-3" | b"sac3" | b"ms \0" => CODEC_ID_AC3,
        b"ec-3" => CODEC_ID_EAC3,
        b"raw " => pcm(b'u', 8, false),
        b"sowt" => pcm(b's', bits, false),
        b"twos" => pcm(b's', bits, true),
        b"in24" => pcm(b's', 24, !little),
        b"in32" => pcm(b's', 32, !little),
        b"fl32" => pcm(b'f', 32, !little),
        b"fl64" => pcm(b'f', 64, !little),
        b"ipcm" | b"fpcm" => {
            let config = child(b"pcmC")?;
            pcm(if &kind == b"ipcm" { b's' } else { b'f' }, (*config.get(5)?).into(), config.get(4)? & 1 == 0)
        }
        b"lpcm" => {
            let kind = if lpcm & 1 != 0 {
                b'f'
            } else if lpcm & 4 != 0 {
                b's'
            } else {
                b'u'
            };
            pcm(kind, bits, lpcm & 2 != 0)
        }
        b"ulaw" => CODEC_ID_PCM_MULAW,
        b"alaw" => CODEC_ID_PCM_ALAW,
        b"ima4" => CODEC_ID_ADPCM_IMA_QT,
        _ => return Some(Ok(())),
    };
    params.for_codec(codec).with_sample_rate(rate).with_max_frames_per_packet(65_536);
    let said = child(b"chan").and_then(|body| speakers::of_apple(body.get(4..)?, channels));
    let said = said.or_else(|| speakers::of_iso(child(b"chnl")?, channels));
    params.with_channels(said.unwrap_or_else(|| speakers::channels(channels, 0)));
    if let Some(extra) = extra {
        params.with_extra_data(extra.into());
    }
    Some(Ok(()))
}

/// `dOps` is `OpusHead` with its numbers the other way round and no magic.
fn opus_head(dops: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(dops);
    let (_, channels, skip, rate, gain) = (fields.u8()?, fields.u8()?, fields.u16()?, fields.u32()?, fields.u16()?);
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend(skip.to_le_bytes());
    head.extend(rate.to_le_bytes());
    head.extend(gain.to_le_bytes());
    head.extend(fields.0);
    Some(head)
}

/// The codec and its configuration from an elementary stream descriptor.
fn esds(body: &[u8]) -> Option<(AudioCodecId, Option<Vec<u8>>)> {
    let (tag, mut es) = descriptor(&mut Fields(body.get(4..)?))?;
    (tag == 3).then_some(())?;
    es.skip(2)?;
    let flags = es.u8()?;
    if flags & 0x80 != 0 {
        es.skip(2)?;
    }
    if flags & 0x40 != 0 {
        let url = es.u8()?;
        es.skip(url.into())?;
    }
    if flags & 0x20 != 0 {
        es.skip(2)?;
    }
    let (tag, mut config) = descriptor(&mut es)?;
    (tag == 4).then_some(())?;
    let object = config.u8()?;
    config.skip(12)?;
    let codec = match object {
        0x40 | 0x66..=0x68 => CODEC_ID_AAC,
        0x69 | 0x6b => CODEC_ID_MP3,
        0xa5 => CODEC_ID_AC3,
        0xa6 => CODEC_ID_EAC3,
        0xa9 => CODEC_ID_DCA,
        0xdd => CODEC_ID_VORBIS,
        _ => AudioCodecParameters::new().codec,
    };
    let specific = descriptor(&mut config).filter(|(tag, _)| *tag == 5).map(|(_, data)| data.0.to_vec());
    if codec == CODEC_ID_VORBIS {
        return Some((codec, Some(vorbis_headers(&specific?)?)));
    }
    Some((codec, specific))
}

/// The first and the third header of Vorbis, of which each of the three stands behind its length of 16 bits, or laced as in Matroska.
fn vorbis_headers(specific: &[u8]) -> Option<Vec<u8>> {
    if specific.first() == Some(&2) {
        let headers = xiph_laces(specific).filter(|headers| headers.len() == 3)?;
        return Some([headers[0], headers[2]].concat());
    }
    let mut fields = Fields(specific);
    let mut header = || {
        let len = fields.u16()?;
        let (header, rest) = fields.0.split_at_checked(len.into())?;
        fields.0 = rest;
        Some(header)
    };
    let (first, _, third) = (header()?, header()?, header()?);
    Some([first, third].concat())
}

fn descriptor<'a>(fields: &mut Fields<'a>) -> Option<(u8, Fields<'a>)> {
    let tag = fields.u8()?;
    let mut size = 0usize;
    for _ in 0..4 {
        let byte = fields.u8()?;
        size = size << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (body, rest) = fields.0.split_at(size.min(fields.0.len()));
    fields.0 = rest;
    Some((tag, Fields(body)))
}
