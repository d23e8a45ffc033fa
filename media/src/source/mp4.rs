//! MP4, MOV and their fragmented form: the tracks with their samples on the movie's timeline, edit lists applied.
//!
//! Written here rather than taken from a crate because the index of a broken file must neither panic nor ask for
//! memory out of proportion, and because pixel aspect, colour tags and edit lists are needed.

mod boxes;
mod entry;
mod fragments;
mod table;
mod track;

use std::io;

use crate::video::packet::{Demuxed, Packet, Packets, TrackInfo};
use crate::video::timing::Timing;
use crate::{MediaError, MediaFile, NS};

pub(crate) use entry::fourcc;
pub(crate) use fragments::wait_before;
pub(crate) use track::{Kind, Sample, Track, declared_ns};

/// How far apart pictures and sound may begin in a film that declares no length, or a shorter one.
const FARTHEST_NS: i64 = 60 * NS;

/// A parsed file: what `moov` and every `moof` say.
pub(crate) struct Movie {
    pub(crate) tracks: Vec<Track>,
    /// What is to be taken off the sound's times, as it was off those here, so that the film begins at 0.
    sound_start_ns: i64,
}

impl Movie {
    /// Reads the index. Errors: there is none, or it is broken.
    pub(crate) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let mut tracks = Vec::new();
        let mut fragments = fragments::Fragments::default();
        let (mut movie_scale, mut film_ns, mut fragmented) = (0, None, false);
        for part in boxes::top_level(file) {
            let part = part?;
            match &part.kind {
                b"moov" => {
                    let moov = boxes::load(file, &part)?;
                    movie_scale = track::movie_scale(&moov);
                    film_ns = track::declared_ns(&moov);
                    fragments.defaults(&moov);
                    tracks = track::parse_all(&moov, movie_scale, file.len());
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
            if fragmented && track.kind == Kind::Audio && !track.edited {
                let wait_ns = wait_before(track.samples.iter().map(|sample| sample.duration_ns));
                if let Some(first) = track.samples.first_mut() {
                    first.pts_ns = first.pts_ns.saturating_add(wait_ns);
                    first.duration_ns -= wait_ns;
                }
            }
            let mut timing = Timing::new(film_ns);
            for sample in &mut track.samples {
                let (pts_ns, duration_ns, other) = timing.place(sample.pts_ns, sample.duration_ns);
                track.misplaced += usize::from(other);
                (sample.pts_ns, sample.duration_ns) = (pts_ns, duration_ns);
            }
        }
        let mut movie = Self { tracks, sound_start_ns: 0 };
        movie.start_at_zero(film_ns.unwrap_or(0).max(FARTHEST_NS));
        Ok(movie)
    }

    /// The first track of `kind` that has samples.
    pub(crate) fn first(&self, kind: Kind) -> Option<&Track> {
        self.tracks.iter().find(|track| track.kind == kind && !track.samples.is_empty())
    }

    /// Moves the first picture or sound to 0, so that what was cut out of a longer film does not begin with a wait.
    /// Where one begins farther than `farthest_ns` from the other, one of the two times cannot be, and both begin at 0.
    fn start_at_zero(&mut self, farthest_ns: i64) {
        let begins = |kind| {
            let from = |sample: &Sample| {
                // A packet of sound that an edit cuts in two is heard from the cut on.
                let cut = kind == Kind::Audio && sample.pts_ns < 0 && sample.pts_ns + sample.duration_ns > 0;
                if cut { Some(0) } else { (!sample.hidden).then_some(sample.pts_ns) }
            };
            self.first(kind)?.samples.iter().filter_map(from).min()
        };
        let (pictures, sound) = (begins(Kind::Video), begins(Kind::Audio));
        let both = pictures.zip(sound);
        let (pictures_ns, sound_ns) = match both.filter(|(p, s)| p.abs_diff(*s) > farthest_ns.unsigned_abs()) {
            Some(apart) => apart,
            None => {
                let start = pictures.into_iter().chain(sound).min().unwrap_or(0).max(0);
                (start, start)
            }
        };
        self.sound_start_ns = sound_ns;
        for track in &mut self.tracks {
            let start_ns = if track.kind == Kind::Audio { sound_ns } else { pictures_ns };
            for sample in &mut track.samples {
                sample.pts_ns = sample.pts_ns.saturating_sub(start_ns);
            }
        }
    }
}

/// Nanoseconds of `ticks` in a scale of `scale` a second, rounded to the nearest.
pub(crate) fn ns(ticks: i64, scale: u32) -> i64 {
    let scale = i128::from(scale.max(1));
    let exact = i128::from(ticks) * i128::from(NS);
    ((exact + scale / 2).div_euclid(scale)).clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// Opens the first video track that is no attached picture; `None` if there is none.
pub(crate) fn video(file: &MediaFile) -> Result<Option<Demuxed>, MediaError> {
    let movie = Movie::read(file)?;
    let sound_start_ns = movie.sound_start_ns;
    let Some(index) = movie.tracks.iter().position(|t| t.kind == Kind::Video && !t.samples.is_empty()) else {
        return match movie.tracks.iter().find(|track| track.kind == Kind::Video) {
            Some(_) if movie.first(Kind::Audio).is_none() => {
                Err(MediaError::Broken("MP4: its video track has no sample".into()))
            }
            _ => Ok(None),
        };
    };
    let Some(track) = movie.tracks.into_iter().nth(index) else { return Ok(None) };
    let shown = track.samples.iter().filter(|sample| !sample.hidden);
    let (count, end) = shown.clone().fold((0u64, 0i64), |(n, end), s| (n + 1, end.max(s.pts_ns + s.duration_ns)));
    let start = shown.map(|sample| sample.pts_ns).min().unwrap_or(0);
    let info = TrackInfo {
        codec: track.entry.codec(),
        config: track.entry.config.clone(),
        sar: track.entry.sar,
        display: None,
        colour: track.entry.colour,
        rotation: track.rotation,
        rate: (end > start).then(|| count as f64 * NS as f64 / (end - start) as f64),
        duration_ns: (end > 0).then_some(end),
        frames: Some(count),
        sound_start_ns,
    };
    let reader = Reader { file: file.clone(), samples: track.samples, at: 0, misplaced: track.misplaced };
    Ok(Some((info, Box::new(reader))))
}

/// Reads a track's samples.
struct Reader {
    file: MediaFile,
    samples: Vec<Sample>,
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
        let mut data = vec![0; sample.size as usize];
        read_exact(&self.file, &mut data, sample.offset)?;
        let Sample { pts_ns, duration_ns, sync, hidden, .. } = *sample;
        Ok(Some(Packet { data, pts_ns, duration_ns, sync, hidden }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let syncs = || self.samples.iter().enumerate().filter(|(_, sample)| sample.sync);
        let before = syncs().filter(|(_, sample)| sample.pts_ns <= target_ns).max_by_key(|(_, s)| s.pts_ns);
        self.at = before.or_else(|| syncs().next()).map_or(0, |(at, _)| at);
        Ok(())
    }
}

/// Fills `buf` from `offset`. Errors: reading fails or the file ends.
pub(crate) fn read_exact(file: &MediaFile, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match file.read_at(buf, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buf = &mut buf[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
