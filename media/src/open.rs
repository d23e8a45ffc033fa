//! Opening an input: what it is, by its content, and which of its tracks are played.

use std::sync::Arc;

use crate::container::{self, Container, Contents, Extent, Shifted, Track, TrackKind};
use crate::guard::guarded;
use crate::sniff::{Kind, guess, sniff};
use crate::source::{image, test, y4m};
use crate::subtitle::Subtitles;
use crate::video::Player;
use crate::{
    About, AudioSource, Choice, Input, Media, MediaError, MediaFile, NS, TrackAbout, VideoSource, audio, caps,
    chapters, cover,
};

/// How far apart pictures and sound may begin in a film that declares no length, or a shorter one.
const FARTHEST_NS: i64 = 60 * NS;

/// Opens `input` by its content: a file's name is never trusted.
///
/// Errors: nothing of it can be played. Where only the sound of a film can, [`Media::missing`] says what does not.
pub fn open(input: &Input) -> Result<Media, MediaError> {
    open_at(input, 0, image::PICTURE_NS, &Choice::default())
}

/// As [`open`], for one who will go to `begin_ns` first: then the film's beginning need not be decoded. Where that cannot
/// be, it is opened at its beginning. A picture that does not move is shown for `picture_ns`. Of several tracks those are played that `choice` asks
/// for. Errors: as [`open`], or none of the tracks asked for is there.
pub fn open_at(input: &Input, begin_ns: i64, picture_ns: i64, choice: &Choice) -> Result<Media, MediaError> {
    match input {
        Input::File(file) if begin_ns > 0 => {
            open_file(file, begin_ns, picture_ns, choice).or_else(|_| open_file(file, 0, picture_ns, choice))
        }
        Input::File(file) => open_file(file, 0, picture_ns, choice),
        Input::Pipe(pipe) => y4m::open_pipe(pipe.clone()),
        Input::Images(paths) => image::open_list(paths, picture_ns),
        Input::Test(what) => test::open(what),
    }
}

fn open_file(file: &MediaFile, begin_ns: i64, picture_ns: i64, choice: &Choice) -> Result<Media, MediaError> {
    if file.is_empty() {
        return Err(MediaError::Unknown("the file is empty; copy or download it again".into()));
    }
    let media = by_content(file, begin_ns, picture_ns, choice);
    #[cfg(feature = "ffmpeg")]
    let media = crate::ffmpeg::complete(file, choice, media);
    media
}

fn by_content(file: &MediaFile, begin_ns: i64, picture_ns: i64, choice: &Choice) -> Result<Media, MediaError> {
    let mut head = [0; 4096];
    let have = file.read_at(&mut head, 0)?;
    let kind = sniff(&head[..have]);
    match kind {
        Kind::Y4m => y4m::open_file(file),
        Kind::Image => {
            let frame_ns = Some(picture_ns).filter(|&ns| ns != image::PICTURE_NS);
            match container::jpegs(file, frame_ns)? {
                Some(container) => film(file, container, begin_ns, choice),
                None => image::open_file(file, picture_ns),
            }
        }
        // Some sound and some pictures begin with nothing that tells them; those who read them know better.
        Kind::Unknown => match contained(file, kind).and_then(|container| film(file, container, begin_ns, choice)) {
            Err(error @ MediaError::Unsupported { .. }) => Err(error),
            Err(_) => image::open_file(file, picture_ns).map_err(|_| MediaError::Unknown(guess(&head[..have]))),
            media => media,
        },
        _ => film(file, contained(file, kind)?, begin_ns, choice),
    }
}

/// The sound of a file, on its timeline.
pub(crate) fn sound(file: &MediaFile) -> Result<Option<Box<dyn AudioSource>>, MediaError> {
    match container::open(file)? {
        Some(container) => {
            let sound = Played::choose(&*container, &Choice::default())?.sound(&*container)?;
            Ok(sound.map(|(_, source)| source))
        }
        None => Ok(None),
    }
}

fn contained(file: &MediaFile, kind: Kind) -> Result<Box<dyn Container>, MediaError> {
    container::open_kind(file, kind)?.ok_or_else(|| MediaError::Broken("it is of no known kind".into()))
}

/// Opens a container's video and sound, each on its own; what fails while the other plays becomes a notice.
fn film(file: &MediaFile, container: Box<dyn Container>, begin_ns: i64, choice: &Choice) -> Result<Media, MediaError> {
    let container: Arc<dyn Container> = Arc::from(container);
    let tracks = Played::choose(&*container, choice)?;
    let video = guarded(|| tracks.video(&*container, begin_ns)).unwrap_or_else(|panic| Err(MediaError::Broken(panic)));
    let audio = guarded(|| tracks.sound(&*container)).unwrap_or_else(|panic| Err(MediaError::Broken(panic)));
    match (video, audio) {
        (Err(error), Err(_) | Ok(None)) => Err(error),
        (Ok(None), Err(error)) => Err(error),
        (Ok(None), Ok(None)) => {
            Err(MediaError::unsupported("a file without video and sound", "if it has subtitles alone, play their film"))
        }
        (video, audio) => {
            let mut missing = Vec::new();
            let mut played = [None; 2];
            let video = video.unwrap_or_else(|error| {
                missing.push((TrackKind::Video, format!("video: {error}")));
                None
            });
            let audio = audio.unwrap_or_else(|error| {
                missing.push((TrackKind::Audio, format!("sound: {error}")));
                None
            });
            let mut part = |at: usize, index| played[at] = Some(index);
            let video = video.map(|(index, source)| {
                part(0, index);
                source
            });
            let audio = audio.map(|(index, source)| {
                part(1, index);
                source
            });
            let zero_ns = tracks.video_zero_ns.min(tracks.sound_zero_ns);
            let mut about = about(container.contents(), zero_ns, played);
            let mut video = video;
            if let (true, None, Some(audio)) = (choice.covers, &video, &audio) {
                video = cover::of(file, container.contents(), audio.info().duration_ns);
                about.cover = video.is_some();
            }
            let heard = tracks.sound.first().and_then(|&track| container.contents().tracks[track].language.clone());
            let pictures = video.as_ref().filter(|_| !about.cover).map(|video| video.info().clone());
            let subtitles = Subtitles::of(file, container, tracks.video_zero_ns, played[0], pictures, heard);
            Ok(Media { video, audio, subtitles, about, notices: Vec::new(), missing })
        }
    }
}

pub(crate) fn about(contents: &Contents, zero_ns: i64, played: [Option<usize>; 2]) -> About {
    let tag = |wanted: &str| {
        let found = contents.tags.iter().find(|(name, value)| name.eq_ignore_ascii_case(wanted) && !value.is_empty());
        found.map(|(_, value)| value.chars().take(caps::TITLE).collect())
    };
    let choosable = contents.tracks.iter().enumerate();
    let choosable = choosable.filter(|(_, track)| matches!(track.kind, TrackKind::Video | TrackKind::Audio));
    About {
        container: contents.format.to_owned(),
        title: tag("title"),
        artist: tag("artist"),
        tracks: choosable
            .map(|(index, track)| TrackAbout {
                kind: track.kind,
                title: called(track),
                played: played.contains(&Some(index)),
            })
            .collect(),
        chapters: chapters::of(contents, zero_ns),
        cover: false,
    }
}

/// A track in words.
fn called(track: &Track) -> String {
    let name = track.name.clone().filter(|name| !name.is_empty());
    let words: Vec<String> = [Some(track.codec.clone()), track.language.clone(), name].into_iter().flatten().collect();
    words.join(", ").chars().take(caps::TITLE).collect()
}

/// The tracks that may be played, the wanted ones first, and where the film begins.
pub(crate) struct Played {
    video: Vec<usize>,
    sound: Vec<usize>,
    /// What is subtracted from all times of pictures and of sound. It is the same for both, so that what was cut out of a
    /// longer film does not begin with a wait. Only where the two begin farther apart than the film is long, one of them is
    /// wrong, and both begin at 0.
    pub(crate) video_zero_ns: i64,
    pub(crate) sound_zero_ns: i64,
    interlaced: bool,
    at_once: Option<usize>,
}

impl Played {
    /// Errors: a track that `choice` asks for is not there.
    pub(crate) fn choose(container: &dyn Container, choice: &Choice) -> Result<Self, MediaError> {
        let (video, sound) = (choice.order(container, TrackKind::Video)?, choice.order(container, TrackKind::Audio)?);
        let extent = |tracks: &[usize]| tracks.first().and_then(|&track| container.extent(track));
        let (pictures, heard) = (extent(&video), extent(&sound));
        let longest =
            [pictures, heard].into_iter().flatten().filter_map(|e| Some(e.end_ns?.saturating_sub(e.start_ns))).max();
        let farthest = longest.unwrap_or(0).max(FARTHEST_NS).unsigned_abs();
        let starts = [pictures, heard].map(|extent| extent.map(|extent| extent.start_ns));
        let [video_zero_ns, sound_zero_ns] = match starts {
            [Some(pictures), Some(sound)] if pictures.abs_diff(sound) > farthest => [pictures, sound],
            starts => [starts.into_iter().flatten().min().unwrap_or(0); 2],
        };
        let (interlaced, at_once) = (choice.interlaced, choice.at_once);
        Ok(Self { video, sound, video_zero_ns, sound_zero_ns, interlaced, at_once })
    }

    /// The first track of pictures that can be decoded; `None` if there is none at all.
    fn video(&self, container: &dyn Container, begin_ns: i64) -> Opening<Box<dyn VideoSource>> {
        first(&self.video, |track| self.open_video(container, track, begin_ns))
    }

    /// The first track of sound that can be decoded; `None` if there is none at all.
    fn sound(&self, container: &dyn Container) -> Opening<Box<dyn AudioSource>> {
        first(&self.sound, |track| self.open_sound(container, track))
    }

    /// Opens a track of pictures. Errors: it cannot be decoded.
    pub(crate) fn open_video(
        &self,
        container: &dyn Container,
        track: usize,
        begin_ns: i64,
    ) -> Result<Box<dyn VideoSource>, MediaError> {
        let info = container.contents().tracks[track].video.clone();
        let info = info.ok_or_else(|| MediaError::Broken("a track of pictures that are not described".into()))?;
        let zero_ns = self.video_zero_ns;
        let extent = container.extent(track).unwrap_or_default();
        let extent = Extent {
            start_ns: extent.start_ns.saturating_sub(zero_ns),
            end_ns: extent.end_ns.map(|end| end.saturating_sub(zero_ns)),
            ..extent
        };
        let packets = Box::new(Shifted { packets: container.packets(track)?, zero_ns });
        Ok(Box::new(Player::open(info, packets, extent, begin_ns, (self.interlaced, self.at_once))?))
    }

    /// Opens a track of sound. Errors: it cannot be decoded.
    pub(crate) fn open_sound(
        &self,
        container: &dyn Container,
        track: usize,
    ) -> Result<Box<dyn AudioSource>, MediaError> {
        let params = match &container.contents().tracks[track].audio {
            Some(Ok(params)) => params,
            Some(Err(name)) => return Err(audio::unsupported(name)),
            None => return Err(MediaError::Broken("a track of sound that is not described".into())),
        };
        let zero_ns = self.sound_zero_ns;
        let end_ns = container.extent(track).and_then(|extent| extent.end_ns);
        let packets = Box::new(Shifted { packets: container.packets(track)?, zero_ns });
        audio::play(packets, params, end_ns.map(|end| end.saturating_sub(zero_ns).max(0)))
    }
}

/// A track that is open, and its place in the file.
type Opening<T> = Result<Option<(usize, T)>, MediaError>;

/// The first track that opens, else the first one's error.
fn first<T>(tracks: &[usize], open: impl Fn(usize) -> Result<T, MediaError>) -> Opening<T> {
    let mut refused = None;
    for &track in tracks {
        match open(track) {
            Ok(source) => return Ok(Some((track, source))),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(None), Err)
}
