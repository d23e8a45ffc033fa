//! A track: who it is, how it is turned, and its samples mapped through its edit list.

use crate::Rotation;

use super::boxes::{be16, be32, be64, child, children, descend};
use super::entry::Entry;
use super::ns;
use super::table::{self, Raw};

/// What a track holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Video,
    Audio,
    Other,
}

/// One sample on the movie's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) offset: u64,
    pub(crate) size: u32,
    pub(crate) sync: bool,
    /// Outside the edit: to be decoded but not presented.
    pub(crate) hidden: bool,
    pub(crate) pts_ns: i64,
    pub(crate) duration_ns: i64,
}

/// One entry of an edit list: `duration` in the movie's scale, `media` in the track's (negative: nothing is shown).
#[derive(Debug, Clone, Copy)]
struct Edit {
    duration: u64,
    media: i64,
}

/// A track of the file.
pub(crate) struct Track {
    pub(crate) id: u32,
    pub(crate) kind: Kind,
    pub(crate) entry: Entry,
    pub(crate) rotation: Rotation,
    /// Ticks a second.
    pub(crate) scale: u32,
    /// In decode order.
    pub(crate) samples: Vec<Sample>,
    /// It has an edit list.
    pub(super) edited: bool,
    /// What fragments add to a sample's time: empty edits minus the edit's start.
    pub(super) shift_ns: i64,
    /// Samples whose time or duration in the file cannot be.
    pub(super) misplaced: usize,
}

/// The movie's ticks a second.
pub(super) fn movie_scale(moov: &[u8]) -> u32 {
    let scale = child(moov, b"mvhd").and_then(|mvhd| be32(mvhd, if mvhd.first() == Some(&1) { 20 } else { 12 }));
    scale.unwrap_or(1000).max(1)
}

/// Where the film ends, by the longest that `moov` or one of its tracks declares.
pub(crate) fn declared_ns(moov: &[u8]) -> Option<i64> {
    let tracks = children(moov).filter(|(kind, _)| kind == b"trak");
    let headers = tracks.filter_map(|(_, trak)| descend(trak, &[b"mdia", b"mdhd"])).chain(child(moov, b"mvhd"));
    let length = |header: &[u8]| {
        let (scale, ticks) = match header.first()? {
            1 => (be32(header, 20)?, be64(header, 24)?),
            _ => (be32(header, 12)?, be32(header, 16)?.into()),
        };
        // All bits set say that nobody knows.
        let ticks = i64::try_from(ticks).ok().filter(|&ticks| ticks != i64::from(u32::MAX))?;
        Some(ns(ticks, scale))
    };
    headers.filter_map(length).max()
}

/// Every track of `moov` that can be understood.
pub(super) fn parse_all(moov: &[u8], movie_scale: u32, file_len: u64) -> Vec<Track> {
    let traks = children(moov).filter(|(kind, _)| kind == b"trak");
    traks.filter_map(|(_, trak)| parse(trak, movie_scale, file_len)).collect()
}

fn parse(trak: &[u8], movie_scale: u32, file_len: u64) -> Option<Track> {
    let tkhd = child(trak, b"tkhd")?;
    let long = tkhd.first() == Some(&1);
    let id = be32(tkhd, if long { 20 } else { 12 })?;
    let mdia = child(trak, b"mdia")?;
    let mdhd = child(mdia, b"mdhd")?;
    let scale = be32(mdhd, if mdhd.first() == Some(&1) { 20 } else { 12 })?;
    let kind = match child(mdia, b"hdlr")?.get(8..12)? {
        b"vide" => Kind::Video,
        b"soun" => Kind::Audio,
        _ => Kind::Other,
    };
    let stbl = descend(mdia, &[b"minf", b"stbl"])?;
    let entry = Entry::parse(child(stbl, b"stsd")?, kind == Kind::Video)?;
    let edits = descend(trak, &[b"edts", b"elst"]).and_then(edit_list).unwrap_or_default();
    let clock = Clock { movie: movie_scale, track: scale.max(1) };
    let samples = apply(&table::samples(stbl, file_len), &edits, clock);
    let rotation = if kind == Kind::Video { rotation(tkhd, if long { 52 } else { 40 }) } else { Rotation::None };
    let (edited, shift_ns) = (!edits.is_empty(), shift(&edits, clock));
    Some(Track { id, kind, entry, rotation, scale: clock.track, samples, edited, shift_ns, misplaced: 0 })
}

/// The rotation of a track header's matrix: one of the four right angles, else none.
fn rotation(tkhd: &[u8], at: usize) -> Rotation {
    let cell = |n: usize| be32(tkhd, at + 4 * n).map_or(0, |cell| (cell as i32).signum());
    match [cell(0), cell(1), cell(3), cell(4)] {
        [0, 1, -1, 0] => Rotation::Cw90,
        [-1, 0, 0, -1] => Rotation::Cw180,
        [0, -1, 1, 0] => Rotation::Cw270,
        _ => Rotation::None,
    }
}

fn edit_list(elst: &[u8]) -> Option<Vec<Edit>> {
    let long = elst.first() == Some(&1);
    let count = be32(elst, 4)? as usize;
    let size = if long { 20 } else { 12 };
    let entries = elst.get(8..)?.chunks_exact(size).take(count);
    entries
        .map(|entry| {
            Some(if long {
                Edit { duration: be64(entry, 0)?, media: be64(entry, 8)? as i64 }
            } else {
                Edit { duration: be32(entry, 0)?.into(), media: i64::from(be32(entry, 4)? as i32) }
            })
        })
        .collect()
}

/// The two scales a time may be in.
#[derive(Debug, Clone, Copy)]
struct Clock {
    movie: u32,
    track: u32,
}

/// What an edit list with one entry, perhaps behind empty ones, adds to each sample's time.
fn shift(edits: &[Edit], clock: Clock) -> i64 {
    let empty: u64 = edits.iter().take_while(|edit| edit.media < 0).map(|edit| edit.duration).sum();
    let media = edits.iter().find(|edit| edit.media >= 0).map_or(0, |edit| edit.media);
    ns(i64::try_from(empty).unwrap_or(i64::MAX), clock.movie).saturating_sub(ns(media, clock.track))
}

/// Maps samples through the edit list: each entry presents those whose time lies in it; the ones from the sync sample
/// before it are kept hidden, because the presented ones need them.
fn apply(raw: &[Raw], edits: &[Edit], clock: Clock) -> Vec<Sample> {
    let mut out = Vec::new();
    let place = |raw: &Raw, shift_ns: i64, hidden: bool| Sample {
        offset: raw.offset,
        size: raw.size,
        sync: raw.sync,
        hidden,
        pts_ns: ns(raw.pts, clock.track).saturating_add(shift_ns),
        duration_ns: ns(raw.duration.into(), clock.track),
    };
    if edits.iter().all(|edit| edit.media < 0) {
        let shift_ns = shift(edits, clock);
        return raw.iter().map(|sample| place(sample, shift_ns, false)).collect();
    }
    let mut start_ns = 0i64;
    for edit in edits {
        let duration_ns = ns(i64::try_from(edit.duration).unwrap_or(i64::MAX), clock.movie);
        if edit.media >= 0 {
            let ticks = u128::from(edit.duration) * u128::from(clock.track) + u128::from(clock.movie / 2);
            let ticks = i64::try_from(ticks / u128::from(clock.movie)).unwrap_or(i64::MAX);
            // A duration of 0 means all that fragments will add.
            let end = if edit.duration == 0 { i64::MAX } else { edit.media.saturating_add(ticks) };
            let shift_ns = start_ns.saturating_sub(ns(edit.media, clock.track));
            let within = |sample: &Raw| (edit.media..end).contains(&sample.pts);
            let Some(first) = raw.iter().position(within) else { continue };
            let last = raw.iter().rposition(within).unwrap_or(first);
            let mut from = raw[..=first].iter().rposition(|sample| sample.sync).unwrap_or(0);
            // What the edit cuts in two stays as well: of sound, the rest is heard.
            let cut = |s: &Raw| s.sync && s.pts < edit.media && s.pts.saturating_add(s.duration.into()) > edit.media;
            if from == first && from > 0 && cut(&raw[from - 1]) {
                from -= 1;
            }
            // Many entries could repeat a sample each: no honest file comes near this.
            if out.len() + (last - from) > 2 * raw.len() + 1000 {
                break;
            }
            out.extend(raw[from..=last].iter().map(|sample| place(sample, shift_ns, !within(sample))));
        }
        start_ns = start_ns.saturating_add(duration_ns);
    }
    out
}

/// The language of big-endian halves is needed by [`table`] too.
pub(super) fn half(data: &[u8], at: usize) -> Option<u32> {
    be16(data, at).map(u32::from)
}
