//! MP4, MOV and their fragmented form: the tracks with their samples on the movie's timeline, edit lists applied.
//!
//! Written here rather than taken from a crate because the index of a broken file must neither panic nor ask for
//! memory out of proportion, and because pixel aspect, colour tags and edit lists are needed.

mod about;
pub(crate) mod boxes;
mod entry;
mod fragments;
mod order;
mod sound;
mod table;
mod track;

use std::sync::Arc;

use super::ordered::{Ordered, Times};
use super::timing::Timing;
use super::{Contents, Extent, Packet, Packets, TrackKind, VideoTrack, caps};
use crate::times::nearest_ns;
use crate::{MediaError, MediaFile};
use table::Sample;
use track::Track;

pub(crate) use entry::fourcc;

/// What `moov` and every `moof` say.
pub(super) struct Mp4 {
    file: MediaFile,
    contents: Contents,
    /// In the order of the contents.
    tracks: Vec<Listed>,
}

/// A track that is ready to be read.
struct Listed {
    samples: Arc<[Sample]>,
    begins_ns: i64,
    misplaced: usize,
    refused: Option<String>,
    /// Its times rise in the order of decoding, and its pictures may be shown in another one.
    unordered: bool,
}

impl Mp4 {
    /// Reads the index. Errors: there is none, or it is broken.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let mut tracks = Vec::new();
        let mut fragments = fragments::Fragments::new(caps::SAMPLES);
        let (mut movie_scale, mut film_ns, mut fragmented, mut about) = (0, None, false, about::About::default());
        for part in boxes::top_level(file) {
            let part = part?;
            match &part.kind {
                b"moov" if movie_scale == 0 => {
                    let moov = boxes::whole(boxes::load(file, &part)?);
                    movie_scale = track::movie_scale(&moov);
                    film_ns = track::declared_ns(&moov);
                    fragments.defaults(&moov);
                    for (_, trak) in boxes::children(&moov).filter(|(kind, _)| kind == b"trak").take(caps::TRACKS) {
                        if let Some(track) = track::parse(trak, file.len(), fragments.left) {
                            fragments.left -= track.samples.len();
                            tracks.push(track);
                        }
                    }
                    about = about::About::read(&moov, part.body);
                    if part.cut && tracks.is_empty() {
                        return Err(MediaError::Broken("MP4: it ends within its index (moov)".into()));
                    }
                }
                b"moof" => match boxes::load(file, &part) {
                    Ok(moof) => {
                        fragmented = true;
                        fragments.add(&moof, part.start, &mut tracks, file.len());
                    }
                    Err(_) => break,
                },
                _ => {}
            }
        }
        if movie_scale == 0 {
            let why = "its index (moov) is missing: it was cut off, or is still being written";
            return Err(MediaError::Broken(format!("MP4: {why}")));
        }
        // What `moov` says of itself does not hold for fragments, which are written after it.
        let film_ns = if fragmented { fragments.film_ns } else { film_ns };
        for track in &mut tracks {
            if let Some(gapless) = about.gapless.filter(|_| !fragmented) {
                track.leave_out(gapless);
            }
            place(track, film_ns, movie_scale, fragmented);
        }
        let mut contents = Contents { format: "MP4/MOV", ..Contents::default() };
        about.fill(&mut contents, file, &tracks);
        contents.tracks = tracks.iter().map(|track| describe(track, &tracks)).collect();
        let listed = |track: Track| Listed {
            samples: track.samples.into(),
            begins_ns: track.begins_ns,
            misplaced: track.misplaced,
            refused: track.refused,
            unordered: track.unordered,
        };
        Ok(Self { file: file.clone(), contents, tracks: tracks.into_iter().map(listed).collect() })
    }
}

/// Puts a track's samples onto the film's timeline.
fn place(track: &mut Track, film_ns: Option<i64>, movie_scale: u32, fragmented: bool) {
    if fragmented && track.kind == TrackKind::Audio && !track.edited() {
        let wait_ns = fragments::wait_before(track.samples.iter().map(|sample| sample.duration_ns));
        if let Some(first) = track.samples.first_mut() {
            first.pts_ns = first.pts_ns.saturating_add(wait_ns);
            first.duration_ns -= wait_ns;
        }
    }
    // A description that is not there is the first one. Those of another codec are no configurations (`describe`), and are not counted.
    let first = track.entries.first().map(entry::Entry::codec);
    let same: Vec<bool> = track.entries.iter().map(|entry| Some(entry.codec()) == first).collect();
    for sample in &mut track.samples {
        let at = Some(usize::from(sample.entry)).filter(|&at| at < same.len()).unwrap_or(0);
        let before = same[..at].iter().filter(|same| **same).count();
        sample.entry = if same.get(at) == Some(&true) { before as u8 } else { u8::MAX };
    }
    // Where no picture is said to be one to begin with, the first one is.
    if track.samples.iter().all(|sample| !sample.sync)
        && let Some(first) = track.samples.first_mut()
    {
        first.sync = true;
    }
    let mut timing = Timing::new(film_ns);
    for sample in &mut track.samples {
        let (pts_ns, duration_ns, other) = timing.place(sample.pts_ns, sample.duration_ns);
        track.misplaced += usize::from(other);
        (sample.pts_ns, sample.duration_ns) = (pts_ns, duration_ns);
        // Of sound, every packet is one; what flags say otherwise is not believed.
        sample.sync |= track.kind == TrackKind::Audio;
    }
    order::look(track, movie_scale);
    let edited = track.edited();
    track.edit(movie_scale, fragmented);
    if edited && !fragmented {
        track.begin_with_edit();
    }
    track.trim_padding();
}

/// A track for the user.
fn describe(track: &Track, all: &[Track]) -> super::Track {
    let entry = track.entries.first().cloned().unwrap_or_default();
    let video = (track.kind == TrackKind::Video).then(|| VideoTrack {
        // Entries of another codec are no configuration of this one.
        configs: track.entries.iter().filter(|e| e.codec() == entry.codec()).map(|e| e.config.clone()).collect(),
        sar: entry.sar,
        stated: Some(entry.size),
        dolby: entry.dolby,
        colour: entry.colour,
        orientation: track.orientation,
        ..VideoTrack::new(entry.codec(), Vec::new())
    });
    let codec = match (&video, &entry.audio) {
        (Some(video), _) => video.codec.name().to_owned(),
        (None, Some(Ok(params))) => crate::audio::name_of(params.codec).to_owned(),
        (None, Some(Err(name))) => name.clone(),
        (None, None) => entry.text(),
    };
    let chapters = all.iter().any(|other| other.chapters.contains(&track.id));
    let film =
        all.iter().filter(|other| other.kind == TrackKind::Video).find_map(|other| Some(other.entries.first()?.size));
    let within = track.size.unwrap_or_else(|| crate::subtitle::vobsub::screen(film));
    let text = if track.kind == TrackKind::Subtitle { entry.subtitles(within) } else { None };
    // Captions are for those who ask for them.
    let captions = matches!(text, Some((crate::subtitle::Codec::Line21 { .. }, _)));
    super::Track {
        language: track.language.clone(),
        name: track.name.clone(),
        default: track.enabled && !captions,
        text,
        video,
        audio: entry.audio,
        ..super::Track::new(if chapters { TrackKind::Other } else { track.kind }, codec)
    }
}

/// Nanoseconds of `ticks` in a scale of `scale` a second, rounded to the nearest.
fn ns(ticks: i64, scale: u32) -> i64 {
    nearest_ns(ticks, (1, scale))
}

impl super::Container for Mp4 {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        let listed = self.tracks.get(track)?;
        let sound = self.contents.tracks.get(track)?.kind == TrackKind::Audio;
        let shown = || listed.samples.iter().filter(|sample| !sample.hidden);
        let start_ns = shown().map(|sample| sample.pts_ns).min()?;
        let end_ns = shown().map(|sample| sample.pts_ns.saturating_add(sample.duration_ns)).max();
        // A packet of sound that an edit cuts in two is heard from the cut on.
        let start_ns = if sound { start_ns.max(listed.begins_ns) } else { start_ns };
        Some(Extent { start_ns, end_ns: end_ns.filter(|&end| end > 0), packets: Some(shown().count() as u64) })
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        let broken = |why: &str| MediaError::Broken(format!("MP4: {why}"));
        let listed = self.tracks.get(track).ok_or_else(|| broken("it has no such track"))?;
        if let Some(why) = &listed.refused {
            return Err(broken(why));
        }
        if listed.samples.is_empty() {
            return Err(broken("the track has no sample"));
        }
        let (samples, misplaced) = (listed.samples.clone(), listed.misplaced);
        let reader = Box::new(Reader { file: self.file.clone(), samples, at: 0, misplaced });
        Ok(match &self.contents.tracks[track].video {
            Some(video) if listed.unordered => Box::new(Ordered::new(reader, video, Times::Showing)),
            _ => reader,
        })
    }
}

/// Reads a track's samples.
struct Reader {
    file: MediaFile,
    samples: Arc<[Sample]>,
    at: usize,
    /// Samples whose time in the file cannot be, until that was said.
    misplaced: usize,
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        if let misplaced @ 1.. = std::mem::take(&mut self.misplaced) {
            return Err(MediaError::Damaged(format!("{misplaced} samples have times that cannot be")));
        }
        let Some(sample) = self.samples.get(self.at) else { return Ok(None) };
        if sample.offset.saturating_add(sample.size.into()) > self.file.len() {
            // Everything behind the end of a truncated file is one stretch of damage.
            let gone = |s: &Sample| s.offset.saturating_add(s.size.into()) > self.file.len();
            let skipped = self.samples[self.at..].iter().take_while(|sample| gone(sample)).count();
            self.at += skipped;
            return Err(MediaError::Damaged(format!("{skipped} samples lie behind the file's end")));
        }
        self.at += 1;
        if u64::from(sample.size) > caps::PACKET {
            return Err(MediaError::Damaged(format!("a sample of {} bytes", sample.size)));
        }
        let mut data = vec![0; sample.size as usize];
        self.file.read_exact_at(&mut data, sample.offset)?;
        let Sample { pts_ns, duration_ns, sync, hidden, .. } = *sample;
        let (trim_ns, config) = (sample.trim_ns.into(), sample.entry.into());
        Ok(Some(Packet { duration_ns, trim_ns, sync, hidden, config, ..Packet::new(data, pts_ns) }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let syncs = || self.samples.iter().enumerate().filter(|(_, sample)| sample.sync);
        let before = syncs().filter(|(_, sample)| sample.pts_ns <= target_ns).max_by_key(|(_, s)| s.pts_ns);
        self.at = before.or_else(|| syncs().next()).map_or(0, |(at, _)| at);
        Ok(())
    }
}
