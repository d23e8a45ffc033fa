//! Pictures whose index tells no order of showing (`ctts`), as what is made of a raw stream: its times rise in the order of decoding.

use super::super::avi::Unpacker;
use super::super::{CodecId, TrackKind};
use super::track::Track;

/// Notes whether the times of a track, as they are before its edits, rise in the order of decoding although its pictures may be shown in another
/// one. Of a track whose parameters say that none is moved, and of most that have B pictures, nothing is read for that.
pub(super) fn look(track: &mut Track, movie_scale: u32) {
    let Some(codec) = track.entries.first().map(super::entry::Entry::codec) else { return };
    let rises = || track.samples.windows(2).all(|two| two[0].pts_ns <= two[1].pts_ns);
    let moves = matches!(codec, CodecId::H264 | CodecId::Hevc | CodecId::Mpeg4 | CodecId::Mpeg12);
    if track.kind != TrackKind::Video || !moves || track.samples.len() < 2 || !rises() {
        return;
    }
    let same = track.entries.iter().filter(|entry| entry.codec() == codec);
    let moved = |config: &[u8]| {
        let mut unpacker = Unpacker::new(codec.clone());
        unpacker.ahead(config);
        unpacker.reordered()
    };
    let moved: Vec<Option<u32>> = same.map(|entry| moved(&entry.config)).collect();
    track.unordered = moved.iter().any(|moved| *moved != Some(0));
    if track.unordered {
        track.undelay(moved.into_iter().flatten().max().unwrap_or(0), movie_scale);
    }
}
