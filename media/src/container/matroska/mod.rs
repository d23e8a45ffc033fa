//! Matroska and WebM. Written here rather than taken from a crate: reading one track never loads another's data, damage is
//! skipped to the next cluster, live recordings without sizes work, laces and the tracks' rotation are read.

mod about;
mod blocks;
mod clusters;
mod ebml;
mod header;
mod sound;

use std::collections::HashMap;
use std::sync::Arc;

use super::ordered::{Ordered, Times};
use super::{Contents, Extent, Packets, Track};
use crate::{MediaError, MediaFile};
use blocks::Blocks;
use header::Header;

/// A file whose header was read.
pub(super) struct Matroska {
    file: MediaFile,
    header: Arc<Header>,
    contents: Contents,
    /// When each track's first block is due, in ns, by track number.
    starts: HashMap<u64, i64>,
}

impl Matroska {
    /// Reads the header. Errors: it has no track, or is broken.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let mut header = Header::read(file)?;
        let describe = |track: &header::Track| Track {
            language: track.language.clone(),
            name: track.name.clone(),
            default: track.default,
            forced: track.forced,
            video: track.video.clone(),
            audio: track.audio.clone(),
            text: track.text.clone(),
            ..Track::new(track.kind, codec_name(track))
        };
        let contents = Contents {
            format: "Matroska/WebM",
            tracks: header.tracks.iter().map(describe).collect(),
            chapters: std::mem::take(&mut header.chapters),
            tags: std::mem::take(&mut header.tags),
            attachments: std::mem::take(&mut header.attachments),
            cover: None,
        };
        let starts = Blocks::new(file.clone(), header.clusters).starts(&header);
        Ok(Self { file: file.clone(), header: Arc::new(header), contents, starts })
    }
}

/// What is laced as the headers of a codec are, in Xiph's way.
pub(crate) fn xiph_laces(laced: &[u8]) -> Option<Vec<&[u8]>> {
    ebml::laces(laced, 1)
}

fn codec_name(track: &header::Track) -> String {
    match (&track.video, &track.audio) {
        (Some(video), _) => video.codec.name().to_owned(),
        (None, Some(Ok(params))) => crate::audio::name_of(params.codec).to_owned(),
        (None, Some(Err(name))) => name.clone(),
        (None, None) => match track.codec_id.as_str() {
            "S_TEXT/UTF8" => "SRT".into(),
            "S_TEXT/ASS" | "S_ASS" => "ASS".into(),
            "S_TEXT/SSA" | "S_SSA" => "SSA".into(),
            "S_TEXT/WEBVTT" | "D_WEBVTT/SUBTITLES" => "WebVTT".into(),
            "S_VOBSUB" => "VobSub".into(),
            "S_HDMV/PGS" => "PGS".into(),
            "S_DVBSUB" => "DVB subtitles".into(),
            other => other.escape_debug().to_string(),
        },
    }
}

impl super::Container for Matroska {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        let start_ns = *self.starts.get(&self.header.tracks.get(track)?.number)?;
        // The declared length counts from the film's start.
        let first_ns = self.starts.values().min().copied().unwrap_or(0);
        let end_ns = self.header.duration_ns.map(|length| first_ns.saturating_add(length));
        Some(Extent { start_ns, end_ns, packets: None })
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        if track >= self.header.tracks.len() {
            return Err(MediaError::Broken("Matroska: it has no such track".into()));
        }
        let reader = blocks::Reader::new(self.file.clone(), self.header.clone(), track);
        let described = &self.header.tracks[track];
        Ok(match &described.video {
            Some(video) if described.codec_id == header::VFW => {
                Box::new(Ordered::new(Box::new(reader), video, Times::Decoding))
            }
            _ => Box::new(reader),
        })
    }
}
