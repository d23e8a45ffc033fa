//! Matroska and WebM: the first video track's packets, with an index of key frames for seeking.
//!
//! Written here rather than taken from a crate: reading one track then never loads another's data, damage is skipped
//! to the next cluster, live recordings without sizes work, and the tracks' rotation is read.

mod ebml;
mod reader;
mod tracks;

use crate::source::mp4::fourcc;
use crate::video::packet::{CodecId, Demuxed, TrackInfo};
use crate::{MediaError, MediaFile, NS};

pub(crate) use tracks::{Header, scale_ns};

/// Opens the first (default, else first) video track; `None` if there is none. Errors: the header is broken.
pub(crate) fn video(file: &MediaFile) -> Result<Option<Demuxed>, MediaError> {
    let header = Header::read(file)?;
    let mut candidates = header.tracks.iter().filter(|track| track.video.is_some());
    let Some(track) = candidates.clone().find(|track| track.default).or_else(|| candidates.next()) else {
        return Ok(None);
    };
    let Some(video) = track.video.clone() else { return Ok(None) };
    let info = TrackInfo {
        codec: match &track.refused {
            Some("encrypted") => CodecId::Encrypted(video_codec(&track.codec_id, &track.config).name().into()),
            Some(why) => CodecId::Other(format!("{why} {}", track.codec_id)),
            None => video_codec(&track.codec_id, &track.config),
        },
        config: track.config.clone(),
        sar: None,
        display: video.display,
        colour: video.colour,
        rotation: video.rotation,
        rate: (track.frame_ns > 0).then(|| NS as f64 / track.frame_ns as f64),
        duration_ns: header.duration_ns,
        frames: None,
        sound_start_ns: 0,
    };
    let track = track.clone();
    Ok(Some((info, Box::new(reader::Reader::new(file.clone(), header, track)))))
}

fn video_codec(id: &str, config: &[u8]) -> CodecId {
    match id {
        "V_MPEG4/ISO/AVC" => CodecId::H264,
        "V_MPEGH/ISO/HEVC" => CodecId::Hevc,
        "V_AV1" => CodecId::Av1,
        "V_VP9" => CodecId::Vp9,
        "V_VP8" => CodecId::Other("VP8".into()),
        "V_PRORES" => CodecId::Other("ProRes".into()),
        "V_MPEG2" => CodecId::Other("MPEG-2".into()),
        "V_MPEG1" => CodecId::Other("MPEG-1".into()),
        "V_THEORA" => CodecId::Other("Theora".into()),
        "V_FFV1" => CodecId::Other("FFV1".into()),
        "V_MJPEG" => CodecId::Other("Motion JPEG".into()),
        "V_UNCOMPRESSED" => CodecId::Other("raw".into()),
        // The four-character code of AVI lies in a bitmap header.
        "V_MS/VFW/FOURCC" => CodecId::Other(config.get(16..20).map_or_else(String::new, fourcc)),
        other if other.starts_with("V_MPEG4/") => CodecId::Other("MPEG-4 part 2".into()),
        other => CodecId::Other(format!("`{}`", other.escape_debug())),
    }
}
