//! The audio track of an MP4 or MOV file, fragmented or not: its packets with their place on the movie's timeline, edit
//! list applied. Only audio tracks are looked at; tables are bounded by the file's length.

mod boxes;
mod entry;
mod table;

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::opus::{RATE as OPUS_RATE, pre_skip};
use super::{Demux, Packet};
use crate::source::mp4::{ns, wait_before};
use crate::video::timing::Timing;
use crate::{MediaError, MediaFile};
use boxes::{Movie, Track};

pub(super) use boxes::TOP;

/// A stretch of the file that is one packet.
#[derive(Debug, Clone, Copy)]
struct Piece {
    offset: u64,
    size: u32,
    /// In the track's ticks, on the film's timeline.
    start: i64,
    trim_end: u32,
}

/// A track's demuxer with what its codec wants to know.
pub(super) type Opened = Option<(Box<dyn Demux>, AudioCodecParameters)>;

/// Opens the first enabled audio track with a known codec; `None` if the file has no audio track.
pub(super) fn open(file: &MediaFile) -> Result<Opened, MediaError> {
    let movie = boxes::read(file)?;
    let mut tracks: Vec<&Track> = movie.tracks.iter().collect();
    tracks.sort_by_key(|track| !track.enabled);
    let mut refused = None;
    for track in tracks {
        match open_track(file, &movie, track) {
            Ok(opened) => return Ok(Some(opened)),
            Err(e) => refused = refused.or(Some(e)),
        }
    }
    refused.map_or(Ok(None), Err)
}

fn open_track(
    file: &MediaFile,
    movie: &Movie,
    track: &Track,
) -> Result<(Box<dyn Demux>, AudioCodecParameters), MediaError> {
    let params = entry::parse(&track.stsd)?;
    super::codec::make(&params)?;
    let mut samples = table::samples(file, movie, track, &params)?;
    if !movie.fragments.is_empty() && track.edits.is_empty() {
        let wait = wait_before(samples.iter().map(|sample| sample.duration.into()));
        if let Some(first) = samples.first_mut() {
            first.ticks = first.ticks.saturating_add(wait);
            first.duration -= wait as u32;
        }
    }
    // Opus says itself what an edit list would: how much of its beginning is not to be heard.
    let unheard = pre_skip(&params).map_or(0, |skip| skip * i64::from(track.timescale) / i64::from(OPUS_RATE));
    let pieces = table::edited(&samples, movie, track, unheard);
    if pieces.is_empty() {
        return Err(MediaError::Broken("the audio track has no packet".into()));
    }
    // A packet whose time cannot be must not count: the stream ignores times behind this one.
    let mut timing = Timing::new(movie.declared_ns);
    let mut place = |ticks: i64, duration: u32| {
        let (at, lasts, _) = timing.place(ns(ticks, track.timescale), ns(duration.into(), track.timescale));
        at.saturating_add(lasts)
    };
    let last = samples.last().map_or(0, |last| last.duration);
    let duration_ns = Some(pieces.iter().map(|piece| place(piece.start, last)).max().unwrap_or(0).max(0));
    let demux = Mp4 { file: file.clone(), timescale: track.timescale, duration_ns, pieces, next: 0 };
    Ok((Box::new(demux), params))
}

struct Mp4 {
    file: MediaFile,
    timescale: u32,
    duration_ns: Option<i64>,
    pieces: Vec<Piece>,
    next: usize,
}

impl Demux for Mp4 {
    fn time_base(&self) -> (u32, u32) {
        (1, self.timescale)
    }

    fn duration_ns(&self) -> Option<i64> {
        self.duration_ns
    }

    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let Some(piece) = self.pieces.get(self.next).copied() else { return Ok(None) };
        let fits =
            |piece: &Piece| piece.offset.checked_add(piece.size.into()).is_some_and(|end| end <= self.file.len());
        if !fits(&piece) {
            // A file cut short lacks every packet from here on: say so once.
            let missing = self.pieces.iter().skip(self.next).take_while(|piece| !fits(piece)).count();
            self.next += missing;
            return Err(MediaError::Damaged(format!("{missing} audio packets lie beyond the file's end")));
        }
        self.next += 1;
        let mut data = vec![0; piece.size as usize];
        let mut got = 0;
        while let Some(rest) = data.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, piece.offset + got as u64)? {
                0 => return Err(MediaError::Damaged("an audio packet ends early".into())),
                n => got += n,
            }
        }
        Ok(Some(Packet { data, start: piece.start, trim_end: piece.trim_end.into() }))
    }

    fn seek(&mut self, ticks: i64) -> Result<(), MediaError> {
        // One more than needed: transforms overlap with the packet before.
        self.next = self.pieces.partition_point(|piece| piece.start <= ticks).saturating_sub(2);
        Ok(())
    }
}
