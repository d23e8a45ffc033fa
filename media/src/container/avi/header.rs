//! What an AVI's header says of its tracks.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::*;

use super::super::wav;
use super::super::{CodecId, Track, TrackKind, VideoTrack, caps, fourcc};
use crate::speakers;
use crate::times::{USUAL, is_rate};

/// How a track's time is counted.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    /// One unit lasts `scale` / `rate` seconds.
    pub(super) scale: u64,
    pub(super) rate: u64,
    /// Units before the track's first.
    pub(super) start: u64,
    /// Bytes of a unit of sound, or 0: then a chunk is one, or as many as it has blocks.
    pub(super) sample: u32,
    pub(super) block: u32,
    /// The codec of pictures.
    pub(super) pictures: Option<CodecId>,
    /// The frames of sound are not those of the chunks.
    pub(super) cut: bool,
}

/// Splits a list into its chunks.
fn chunks(mut data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let ([k0, k1, k2, k3, len @ ..], rest) = data.split_first_chunk::<8>()?;
        let len = u32::from_le_bytes(*len) as usize;
        let (body, after) = rest.split_at(len.min(rest.len()));
        data = after.get(len & 1..).unwrap_or_default();
        Some(([*k0, *k1, *k2, *k3], body))
    })
}

/// The tracks that `hdrl` lists.
pub(super) fn streams(hdrl: &[u8]) -> (Vec<Stream>, Vec<Track>) {
    let lists = chunks(hdrl).filter(|(kind, body)| kind == b"LIST" && body.starts_with(b"strl"));
    lists.take(caps::AVI_TRACKS).map(|(_, strl)| stream(&strl[4..])).unzip()
}

fn stream(strl: &[u8]) -> (Stream, Track) {
    let (mut head, mut format, mut name) = (&[][..], &[][..], None);
    for (kind, body) in chunks(strl) {
        match &kind {
            b"strh" => head = body,
            b"strf" => format = body,
            b"strn" => name = Some(String::from_utf8_lossy(body).trim_end_matches('\0').to_owned()),
            _ => {}
        }
    }
    let word =
        |data: &[u8], at: usize| data.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let kind = TrackKind::of(head.get(..4).unwrap_or_default());
    let mut stream = Stream {
        scale: u64::from(word(head, 20).max(1)),
        rate: u64::from(word(head, 24).max(1)),
        start: u64::from(word(head, 28)),
        sample: word(head, 44),
        block: 0,
        pictures: None,
        cut: false,
    };
    let mut track = match kind {
        TrackKind::Video => {
            if !is_rate(word(head, 24).into(), word(head, 20).into()) {
                (stream.rate, stream.scale) = USUAL;
            }
            let code = format.get(16..20).unwrap_or_default();
            let codec = codec(code);
            let config = format.get(40..).unwrap_or_default().to_vec();
            stream.pictures = Some(codec.clone());
            let mut video = VideoTrack::new(codec, config);
            video.rate = Some(stream.rate as f64 / stream.scale as f64);
            // Of pictures from the top down the height is negative.
            video.stated = Some((word(format, 4), (word(format, 8) as i32).unsigned_abs()));
            Track { codec: video.codec.name().to_owned(), video: Some(video), ..Track::new(kind, "") }
        }
        TrackKind::Audio => {
            stream.block = format.get(12..14).map_or(0, |b| u32::from(u16::from_le_bytes([b[0], b[1]])));
            let params = sound(format);
            let cut = [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_AC3, CODEC_ID_EAC3];
            stream.cut = params.as_ref().is_ok_and(|params| cut.contains(&params.codec));
            // Counted in bytes, whatever the bytes of a unit.
            stream.rate *= u64::from(stream.sample.max(1));
            stream.start *= u64::from(stream.sample.max(1));
            let codec = match &params {
                Ok(params) => crate::audio::name_of(params.codec).to_owned(),
                Err(name) => name.clone(),
            };
            Track { audio: Some(params), ..Track::new(kind, codec) }
        }
        kind => Track::new(kind, String::from_utf8_lossy(head.get(4..8).unwrap_or_default()).into_owned()),
    };
    track.name = name.filter(|name| !name.is_empty());
    (stream, track)
}

/// The codec of pictures by its four letters.
pub(in super::super) fn codec(code: &[u8]) -> CodecId {
    match code.to_ascii_uppercase().as_slice() {
        b"XVID" | b"DIVX" | b"DX50" | b"DIV1" | b"FMP4" | b"MP4V" | b"M4S2" | b"MP4S" | b"3IV2" | b"RMP4" | b"UMP4"
        | b"BLZ0" | b"XVIX" | b"DXGM" | b"SEDG" | b"SMP4" | b"HDX4" | b"\x04\0\0\0" => CodecId::Mpeg4,
        b"MPEG" | b"MPG1" | b"MPG2" | b"MP1V" | b"MP2V" | b"M1V1" | b"MPGV" | b"PIM1" | b"VCR2" | b"EM2V" | b"DVR "
        | b"MMES" | b"LMP2" | b"\x01\0\0\x10" | b"\x02\0\0\x10" => CodecId::Mpeg12,
        b"H264" | b"X264" | b"AVC1" | b"DAVC" | b"VSSH" | b"Q264" | b"V264" | b"GAVC" | b"UMSV" | b"SMV2" => {
            CodecId::H264
        }
        b"HEVC" | b"H265" => CodecId::Hevc,
        b"VP80" => CodecId::Vp8,
        b"VP90" => CodecId::Vp9,
        b"AV01" => CodecId::Av1,
        b"THEO" => CodecId::Theora,
        b"MJPG" | b"AVRN" | b"JPEG" | b"LJPG" | b"DMB1" | b"CJPG" | b"ACDV" | b"QIVG" | b"SLMJ" | b"JPGL" | b"IJLV"
        | b"AVDJ" | b"ADJV" | b"GEPJ" | b"MMJP" => CodecId::Mjpeg,
        b"DIV3" | b"DIV4" | b"MP43" => CodecId::Other("MS-MPEG-4 (DivX 3)".into()),
        b"\0\0\0\0" => CodecId::Other("raw".into()),
        _ => CodecId::Other(fourcc(code)),
    }
}

/// What a WAVEFORMATEX says.
pub(in super::super) fn sound(format: &[u8]) -> Result<AudioCodecParameters, String> {
    let half = |at: usize| format.get(at..at + 2).map_or(0, |b| u32::from(u16::from_le_bytes([b[0], b[1]])));
    let mut params = AudioCodecParameters::new();
    let id = match half(0) {
        0x50 => CODEC_ID_MP2,
        0x55 => CODEC_ID_MP3,
        0x2000 => CODEC_ID_AC3,
        0xff | 0x706d => CODEC_ID_AAC,
        _ => return wav::params(format),
    };
    params.for_codec(id).with_sample_rate(half(4) | half(6) << 16);
    params.with_channels(speakers::channels(half(2), 0));
    if id == CODEC_ID_AAC
        && let Some(config) = format.get(18..).filter(|config| !config.is_empty())
    {
        params.with_extra_data(config.into());
    }
    Ok(params)
}
