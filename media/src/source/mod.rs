//! Opening an input: what it is, by its content, and which source plays it.

mod earlier;
pub mod image;
pub(crate) mod mkv;
pub(crate) mod mp4;
mod sniff;
pub mod test;
pub mod y4m;

use crate::audio;
use crate::guard::guarded;
use crate::video::Player;
use crate::video::packet::Demuxed;
use crate::{Input, Media, MediaError, MediaFile, VideoSource};
use earlier::Earlier;
use sniff::{Kind, guess, sniff};

/// Opens `input` by its content: a file's name is never trusted.
///
/// Errors: nothing of it can be played. Where only the sound of a film can, [`Media::notices`] says what is missing.
pub fn open(input: &Input) -> Result<Media, MediaError> {
    open_at(input, 0)
}

/// As [`open`], for one who will go to `begin_ns` first: then the film's beginning need not be decoded. Where that cannot
/// be, it is opened at its beginning.
pub fn open_at(input: &Input, begin_ns: i64) -> Result<Media, MediaError> {
    match input {
        Input::File(file) if begin_ns > 0 => open_file(file, begin_ns).or_else(|_| open_file(file, 0)),
        Input::File(file) => open_file(file, 0),
        Input::Pipe(pipe) => y4m::open_pipe(pipe.clone()),
        Input::Images(paths) => image::open_list(paths),
        Input::Test(what) => test::open(what),
    }
}

fn open_file(file: &MediaFile, begin_ns: i64) -> Result<Media, MediaError> {
    if file.is_empty() {
        return Err(MediaError::Unknown("the file is empty; copy or download it again".into()));
    }
    let mut head = [0; 4096];
    let have = file.read_at(&mut head, 0)?;
    match sniff(&head[..have]) {
        Kind::Mp4 => film(file, mp4::video, begin_ns),
        Kind::Matroska => film(file, mkv::video, begin_ns),
        Kind::Y4m => y4m::open_file(file),
        Kind::Image => image::open_file(file),
        Kind::Audio => song(file),
        Kind::Other(what) => Err(MediaError::unsupported(what, sniff::remedy(what))),
        Kind::NoFilm(what, hint) => Err(MediaError::unsupported(what, hint)),
        // Some sound and some pictures begin with nothing that tells them; those who read them know better.
        Kind::Unknown => match song(file) {
            Err(error @ MediaError::Unsupported { .. }) => Err(error),
            Err(_) => image::open_file(file).map_err(|_| MediaError::Unknown(guess(&head[..have]))),
            media => media,
        },
    }
}

fn song(file: &MediaFile) -> Result<Media, MediaError> {
    let audio = guarded(|| audio::open(file)).map_err(MediaError::Broken)??;
    match audio {
        Some(audio) => Ok(Media { video: None, audio: Some(audio), notices: Vec::new() }),
        None => Err(MediaError::Broken("it has no sound that can be played".into())),
    }
}

/// Opens a container's first video track, if it has one.
type Demuxer = fn(&MediaFile) -> Result<Option<Demuxed>, MediaError>;

/// Opens a container's video and sound, each on its own; what fails while the other plays becomes a notice.
fn film(file: &MediaFile, demux: Demuxer, begin_ns: i64) -> Result<Media, MediaError> {
    let mut start_ns = 0;
    let open = || match demux(file)? {
        Some((track, packets)) => {
            start_ns = track.sound_start_ns;
            Ok(Some(Box::new(Player::open(track, packets, begin_ns)?) as Box<dyn VideoSource>))
        }
        None => Ok(None),
    };
    let video = guarded(open).unwrap_or_else(|panic| Err(MediaError::Broken(panic)));
    let audio = guarded(|| audio::open(file)).unwrap_or_else(|panic| Err(MediaError::Broken(panic)));
    let audio = audio.and_then(|sound| sound.map(|sound| Earlier::boxed(sound, start_ns)).transpose());
    let mut notices = Vec::new();
    match (video, audio) {
        (Err(error), Err(_) | Ok(None)) => Err(error),
        (Ok(None), Err(error)) => Err(error),
        (Ok(None), Ok(None)) => {
            Err(MediaError::unsupported("a file without video and sound", "if it has subtitles alone, play their film"))
        }
        (video, audio) => {
            let video = video.unwrap_or_else(|error| {
                notices.push(format!("video: {error}"));
                None
            });
            let audio = audio.unwrap_or_else(|error| {
                notices.push(format!("sound: {error}"));
                None
            });
            Ok(Media { video, audio, notices })
        }
    }
}
