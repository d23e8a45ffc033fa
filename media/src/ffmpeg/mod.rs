//! What nothing else here plays, by FFmpeg's libraries (feature `ffmpeg`): their demuxers and decoders behind this crate's own two
//! traits. They are asked last: only for a file, or a track, that has no reader here.
//!
//! `ac-ffmpeg` is a safe layer over libavformat and libavcodec which reads through any `Read` and `Seek`, so a decoder in its sandbox
//! opens no name. It does not tell a picture's pixel aspect and colour matrix: where a container of this crate reads the file,
//! that container's word is taken, else square pixels and what untagged video has by convention.

mod demux;
mod pictures;
mod sound;

use ac_ffmpeg::codec::CodecParameters;

use self::demux::Reader;
use crate::container::{self, Container, TrackKind, VideoTrack};
use crate::guard::guarded;
use crate::open::Played;
use crate::subtitle::Subtitles;
use crate::{About, Choice, Media, MediaError, MediaFile, NS, TrackReport};

/// What FFmpeg finds in a file.
struct Found {
    format: String,
    tracks: Vec<Foreign>,
}

/// A track that FFmpeg has a decoder for.
#[derive(Clone)]
struct Foreign {
    /// Its number among the streams of FFmpeg's demuxer.
    stream: usize,
    kind: TrackKind,
    /// FFmpeg's name for the codec's decoder.
    codec: &'static str,
    start_ns: i64,
    end_ns: Option<i64>,
    frames: Option<u64>,
    params: CodecParameters,
}

/// Looks into `file`. Errors: FFmpeg knows no such file.
fn look(file: &MediaFile) -> Result<Found, MediaError> {
    let reader = Reader::open(file, usize::MAX)?;
    let format = reader.format();
    // Pictures one by one, of which each would be shown for a moment.
    if format.ends_with("_pipe") {
        return Err(MediaError::unsupported("a picture", "FFmpeg converts it: ffmpeg -nostdin -i IN OUT.png"));
    }
    let mut tracks = reader.tracks();
    for track in tracks.iter_mut().filter(|track| track.end_ns.is_none()) {
        track.end_ns = demux::measured_end(file, track.stream);
    }
    Ok(Found { format, tracks })
}

impl Found {
    fn of(&self, kind: TrackKind) -> Vec<&Foreign> {
        self.tracks.iter().filter(|track| track.kind == kind).collect()
    }
}

/// Takes FFmpeg's help for what `media` lacks, or for all of it where it is an error that other code may mend.
pub(crate) fn complete(
    file: &MediaFile,
    choice: &Choice,
    media: Result<Media, MediaError>,
) -> Result<Media, MediaError> {
    match media {
        Err(MediaError::Io(error)) => Err(MediaError::Io(error)),
        Err(error) => guarded(|| whole(file, choice)).ok().and_then(Result::ok).ok_or(error),
        Ok(mut media) if !media.missing.is_empty() => {
            let _ = guarded(|| missing(file, choice, &mut media));
            Ok(media)
        }
        media => media,
    }
}

/// All of a file that no container of ours reads, or nothing of which plays.
fn whole(file: &MediaFile, choice: &Choice) -> Result<Media, MediaError> {
    let found = look(file)?;
    let own = container::open(file).ok().flatten();
    let [video, audio] = [TrackKind::Video, TrackKind::Audio].map(|kind| chosen(&found, own.as_deref(), choice, kind));
    let zero_ns = video.iter().chain(&audio).map(|track| track.start_ns).min().unwrap_or(0);
    let video = video.map(|track| pictures::open(file, track, own_video(own.as_deref(), &found, track), zero_ns));
    let audio = audio.map(|track| sound::open(file, track, zero_ns));
    let (video, audio) = (video.transpose(), audio.transpose());
    match (video, audio) {
        (Ok(None) | Err(_), Ok(None) | Err(_)) => {
            Err(MediaError::unsupported(format!("{} without a track that decodes", found.format), "no hint"))
        }
        (video, audio) => {
            let mut missing = Vec::new();
            let video = video.unwrap_or_else(|error| {
                missing.push((TrackKind::Video, format!("video: {error}")));
                None
            });
            let audio = audio.unwrap_or_else(|error| {
                missing.push((TrackKind::Audio, format!("sound: {error}")));
                None
            });
            let about = own.map_or_else(
                || About { container: format!("{} (by FFmpeg)", found.format), ..About::default() },
                |own| crate::open::about(own.contents(), 0, [None; 2]),
            );
            Ok(Media { video, audio, subtitles: Subtitles::default(), about, notices: Vec::new(), missing })
        }
    }
}

/// The pictures or the sound that could not be played, beside what can.
fn missing(file: &MediaFile, choice: &Choice, media: &mut Media) -> Result<(), MediaError> {
    let Some(own) = container::open(file)? else { return Ok(()) };
    let (found, played) = (look(file)?, Played::choose(&*own, choice)?);
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let wanted = media.missing.iter().any(|(lacks, _)| *lacks == kind);
        let Some(track) = chosen(&found, Some(&*own), choice, kind).filter(|_| wanted) else { continue };
        match kind {
            TrackKind::Video => {
                let about = own_video(Some(&*own), &found, track);
                media.video = Some(pictures::open(file, track, about, played.video_zero_ns)?);
            }
            _ => media.audio = Some(sound::open(file, track, played.sound_zero_ns)?),
        }
        media.missing.retain(|(lacks, _)| *lacks != kind);
    }
    Ok(())
}

/// The track of `kind` that `choice` asks for: the same as with our own container, if that reads the file.
fn chosen<'a>(found: &'a Found, own: Option<&dyn Container>, choice: &Choice, kind: TrackKind) -> Option<&'a Foreign> {
    let tracks = found.of(kind);
    let nth = match own {
        Some(own) => {
            let wanted = *choice.order(own, kind).ok()?.first()?;
            own.contents().tracks[..wanted].iter().filter(|track| track.kind == kind).count()
        }
        None => choice.number(kind).map_or(0, |number| number - 1),
    };
    tracks.get(nth).copied()
}

/// What our own container says of the same pictures.
fn own_video(own: Option<&dyn Container>, found: &Found, track: &Foreign) -> Option<VideoTrack> {
    let nth = found.of(TrackKind::Video).iter().position(|other| other.stream == track.stream)?;
    let tracks = own?.contents().tracks.iter().filter(|track| track.kind == TrackKind::Video);
    tracks.filter_map(|track| track.video.clone()).nth(nth)
}

/// Clears the problem of each track that FFmpeg plays.
pub(crate) fn mend(file: &MediaFile, mut reports: Vec<TrackReport>) -> Vec<TrackReport> {
    if reports.iter().all(|report| report.problem.is_none()) {
        return reports;
    }
    let Ok(Ok(found)) = guarded(|| look(file)) else { return reports };
    for kind in [TrackKind::Video, TrackKind::Audio] {
        for (report, track) in reports.iter_mut().filter(|report| report.kind == kind).zip(found.of(kind)) {
            if report.problem.is_none() {
                continue;
            }
            let opened = guarded(|| described(file, track));
            if let Ok(Ok((codec, detail))) = opened {
                (report.codec, report.detail, report.problem) = (codec, detail, None);
            }
        }
    }
    reports
}

/// The tracks of a file that FFmpeg alone reads, its container's name and how long it lasts, in ns.
pub(crate) fn inspect(file: &MediaFile) -> Result<(String, Option<i64>, Vec<TrackReport>), MediaError> {
    let found = guarded(|| look(file)).map_err(MediaError::Broken)??;
    let mut reports = Vec::new();
    for track in &found.tracks {
        let opened = guarded(|| described(file, track)).map_err(MediaError::Broken).and_then(|opened| opened);
        let (codec, detail, problem) = match opened {
            Ok((codec, detail)) => (codec, detail, None),
            Err(error) => (name(track.codec), String::new(), Some(error.to_string())),
        };
        reports.push(TrackReport { kind: track.kind, codec, detail, problem, ..TrackReport::default() });
    }
    if reports.iter().all(|report| report.problem.is_some()) {
        return Err(MediaError::unsupported(found.format, "no hint"));
    }
    let end_ns = found.tracks.iter().filter_map(|track| track.end_ns).max();
    let start_ns = found.tracks.iter().map(|track| track.start_ns).min().unwrap_or(0);
    Ok((format!("{} (by FFmpeg)", found.format), end_ns.map(|end| end - start_ns), reports))
}

fn described(file: &MediaFile, track: &Foreign) -> Result<(String, String), MediaError> {
    Ok(match track.kind {
        TrackKind::Video => crate::inspect::pictures(pictures::open(file, track, None, 0)?.info()),
        _ => crate::inspect::sound(sound::open(file, track, 0)?.info()),
    })
}

/// A codec's usual name, and by whom it is decoded.
fn name(decoder: &str) -> String {
    let usual = match decoder {
        "mpeg1video" => "MPEG-1 video",
        "mpeg2video" => "MPEG-2 video",
        "prores" => "ProRes",
        "dnxhd" => "DNxHD",
        "dvvideo" => "DV",
        "mjpeg" => "Motion JPEG",
        "theora" => "Theora",
        "ffv1" => "FFV1",
        "vc1" => "VC-1",
        "wmv3" => "WMV 9",
        "dca" => "DTS",
        "truehd" => "TrueHD",
        "wavpack" => "WavPack",
        "wmav1" => "WMA 1",
        "wmav2" => "WMA 2",
        "wmapro" => "WMA Pro",
        "ape" => "Monkey's audio",
        "tta" => "TTA",
        other => return format!("{other} (by FFmpeg)"),
    };
    format!("{usual} (by FFmpeg)")
}

fn broken(what: &str) -> impl Fn(ac_ffmpeg::Error) -> MediaError {
    move |error| MediaError::Broken(format!("{what}: {error}"))
}

/// In ns; `None` for a time that is not there, or cannot be: a year from the film's beginning.
fn ns(time: ac_ffmpeg::time::Timestamp) -> Option<i64> {
    let ns = if time.is_null() { None } else { time.as_nanos() };
    ns.filter(|ns| ns.unsigned_abs() < 365 * 24 * 3600 * NS as u64)
}
