//! What is in a file and which of it can be played, found by opening every track.

use crate::container::{self, Container, TrackKind};
use crate::guard::guarded;
use crate::open::Played;
use crate::{AudioInfo, Choice, Input, MediaError, MediaFile, VideoInfo};

/// A file, looked into.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// The container's usual name, or the kind of picture.
    pub format: String,
    /// How long it lasts, in ns, where that is known.
    pub duration_ns: Option<i64>,
    /// Its tracks in the file's order.
    pub tracks: Vec<TrackReport>,
    /// Its chapters: where each begins, in ns, and its title.
    pub chapters: Vec<(i64, String)>,
    /// Its tags as name and value.
    pub tags: Vec<(String, String)>,
    /// The names and kinds of the files within it.
    pub attachments: Vec<(String, String)>,
}

/// A track, looked into.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackReport {
    /// What it holds.
    pub kind: TrackKind,
    /// The codec's usual name, with its profile where it could be opened.
    pub codec: String,
    /// Size and rate of pictures, rate and channels of sound.
    pub detail: String,
    /// Its language and its name, where the file has them.
    pub language: Option<String>,
    /// See `language`.
    pub name: Option<String>,
    /// Whether the file means it to be played unless the user asks for another one.
    pub default: bool,
    /// Whether subtitles are meant to be shown in any case.
    pub forced: bool,
    /// Why it cannot be played, and what would play it.
    pub problem: Option<String>,
}

/// Looks into `file`. Errors: nothing of it can be read.
pub fn inspect(file: &MediaFile) -> Result<Inspection, MediaError> {
    // Some files that no container's parser reads are pictures that begin with nothing that tells them.
    let container = match container::open(file) {
        Ok(Some(container)) => container,
        Ok(None) => return picture(file),
        Err(error) => {
            #[cfg(feature = "ffmpeg")]
            if let Ok((format, duration_ns, tracks)) = crate::ffmpeg::inspect(file) {
                let (chapters, tags, attachments) = Default::default();
                return Ok(Inspection { format, duration_ns, tracks, chapters, tags, attachments });
            }
            return picture(file).map_err(|own| if matches!(own, MediaError::Unknown(_)) { own } else { error });
        }
    };
    let (played, contents) = (Played::choose(&*container, &Choice::default())?, container.contents());
    let zero_ns = played.video_zero_ns.min(played.sound_zero_ns);
    let ends = (0..contents.tracks.len()).filter_map(|track| container.extent(track)?.end_ns);
    let tracks = (0..contents.tracks.len()).map(|track| report(&*container, &played, track)).collect::<Vec<_>>();
    #[cfg(feature = "ffmpeg")]
    let tracks = crate::ffmpeg::mend(file, tracks);
    Ok(Inspection {
        format: contents.format.into(),
        duration_ns: ends.max().map(|end| end.saturating_sub(zero_ns)),
        tracks,
        chapters: crate::chapters::of(contents, zero_ns),
        tags: contents.tags.clone(),
        attachments: contents.attachments.iter().map(|file| (file.name.clone(), file.mime.clone())).collect(),
    })
}

fn report(container: &dyn Container, played: &Played, track: usize) -> TrackReport {
    let about = &container.contents().tracks[track];
    let mut report = TrackReport {
        kind: about.kind,
        codec: about.codec.clone(),
        detail: String::new(),
        language: about.language.clone(),
        name: about.name.clone(),
        default: about.default,
        forced: about.forced,
        problem: None,
    };
    let opened = guarded(|| -> Result<Option<(String, String)>, MediaError> {
        Ok(match about.kind {
            TrackKind::Video => {
                let (codec, detail) = pictures(played.open_video(container, track, 0)?.info());
                Some((codec, detail + &captioned(container, track)))
            }
            TrackKind::Audio => Some(sound(played.open_sound(container, track)?.info())),
            TrackKind::Subtitle if about.text.is_none() => {
                return Err(MediaError::unsupported(format!("{} as subtitles", about.codec), "mpv shows it"));
            }
            TrackKind::Subtitle | TrackKind::Other => None,
        })
    });
    match opened.map_err(MediaError::Broken).and_then(|opened| opened) {
        Ok(Some((codec, detail))) => (report.codec, report.detail) = (codec, detail),
        Ok(None) => {}
        Err(error) => report.problem = Some(error.to_string()),
    }
    report
}

/// The captions that lie within pictures, as American television has them, in words.
fn captioned(container: &dyn Container, track: usize) -> String {
    let found = container::find_captions(container, track);
    let names: Vec<_> = (0..4).filter(|at| found.numbers[*at]).map(|at| format!("CC{}", at + 1)).collect();
    match (names.is_empty(), found.digital) {
        (false, _) => format!(", with closed captions ({}), which are shown if they are asked for", names.join(", ")),
        (true, true) => ", with closed captions (CEA-708), which are not shown".into(),
        (true, false) => String::new(),
    }
}

pub(crate) fn pictures(info: &VideoInfo) -> (String, String) {
    let rate = info.rate.map_or_else(String::new, |rate| format!(", {} per second", (rate * 1000.0).round() / 1000.0));
    let light = info.light.words().map_or_else(String::new, |words| format!(", {words}"));
    (info.codec.clone(), format!("{}×{}{rate}{light}", info.format.width, info.format.height))
}

pub(crate) fn sound(info: &AudioInfo) -> (String, String) {
    let channels = if info.channels == 1 { "1 channel".into() } else { format!("{} channels", info.channels) };
    (info.codec.clone(), format!("{} Hz, {channels}", info.sample_rate))
}

/// A picture, an animation or raw frames.
fn picture(file: &MediaFile) -> Result<Inspection, MediaError> {
    let media = crate::open(&Input::File(file.clone()))?;
    let info = media.video.as_ref().map(|video| video.info().clone());
    let info = info.ok_or_else(|| MediaError::Broken("it has no picture".into()))?;
    let (codec, detail) = pictures(&info);
    let track = TrackReport {
        kind: TrackKind::Video,
        codec: codec.clone(),
        detail,
        language: None,
        name: None,
        default: true,
        forced: false,
        problem: None,
    };
    let (chapters, tags, attachments) = Default::default();
    Ok(Inspection { format: codec, duration_ns: info.duration_ns, tracks: vec![track], chapters, tags, attachments })
}
