//! Opening an input: what it is, by its content, and which source plays it.

pub mod image;
pub(crate) mod mkv;
pub(crate) mod mp4;
pub mod test;
pub mod y4m;

use crate::audio;
use crate::media::{Input, Media, MediaError, MediaFile, VideoSource};
use crate::video::Player;
use crate::video::guard::guarded;
use crate::video::packet::Demuxed;

/// Opens `input` by its content: a file's name is never trusted.
///
/// Errors: nothing of it can be played. Where only the sound of a film can, [`Media::notices`] says what is missing.
pub fn open(input: &Input) -> Result<Media, MediaError> {
    match input {
        Input::File(file) => open_file(file),
        Input::Pipe(pipe) => y4m::open_pipe(pipe.clone()),
        Input::Images(paths) => image::open_list(paths),
        Input::Test(what) => test::open(what),
    }
}

/// The kinds of file that are told apart here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mp4,
    Matroska,
    Y4m,
    Image,
    Audio,
    Other(&'static str),
    Unknown,
}

fn open_file(file: &MediaFile) -> Result<Media, MediaError> {
    if file.is_empty() {
        return Err(MediaError::Unknown("the file is empty".into()));
    }
    let mut head = [0; 4096];
    let have = file.read_at(&mut head, 0)?;
    match sniff(&head[..have]) {
        Kind::Mp4 => film(file, mp4::video),
        Kind::Matroska => film(file, mkv::video),
        Kind::Y4m => y4m::open_file(file),
        Kind::Image => image::open_file(file),
        Kind::Audio => song(file),
        Kind::Other(what) => Err(MediaError::unsupported(what, crate::video::CONVERT)),
        // Some sound and some pictures begin with nothing that tells them; those who read them know better.
        Kind::Unknown => {
            song(file).or_else(|_| image::open_file(file)).map_err(|_| MediaError::Unknown(guess(&head[..have])))
        }
    }
}

/// Tells a file's kind by its first bytes.
fn sniff(head: &[u8]) -> Kind {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let top = |kind: &[u8; 4]| at(4, kind);
    match head {
        _ if top(b"ftyp") && (at(8, b"avif") || at(8, b"avis") || at(8, b"heic") || at(8, b"mif1")) => {
            Kind::Other("HEIF or AVIF pictures")
        }
        _ if [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof", b"sidx"]
            .into_iter()
            .any(top) =>
        {
            Kind::Mp4
        }
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Kind::Matroska,
        _ if at(0, b"YUV4MPEG2") => Kind::Y4m,
        _ if at(0, b"\x89PNG\r\n\x1a\n") || at(0, b"GIF8") || at(0, b"qoif") || at(0, b"II*\0") || at(0, b"MM\0*") => {
            Kind::Image
        }
        [0xff, 0xd8, 0xff, ..] => Kind::Image,
        [b'P', b'1'..=b'7', b'\n' | b'\r' | b' ' | b'\t', ..] => Kind::Image,
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Kind::Image,
        _ if at(0, b"RIFF") && at(8, b"WEBP") => Kind::Image,
        _ if (at(0, b"RIFF") || at(0, b"RF64")) && at(8, b"WAVE") => Kind::Audio,
        _ if at(0, b"RIFF") && at(8, b"AVI ") => Kind::Other("the AVI container"),
        _ if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => Kind::Audio,
        _ if at(0, b"ID3") || at(0, b"fLaC") || at(0, b"OggS") || at(0, b"caff") => Kind::Audio,
        _ if at(0, b"FLV\x01") => Kind::Other("the FLV container"),
        _ if at(0, &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11]) => Kind::Other("the ASF (WMV, WMA) container"),
        _ if at(0, &[0, 0, 1, 0xba]) => Kind::Other("the MPEG program stream"),
        _ if at(0, &[0, 0, 0, 1]) || at(0, &[0, 0, 1]) => Kind::Other("a raw video stream without a container"),
        _ if at(0, b"DKIF") => Kind::Other("the IVF container"),
        [0x47, ..] if at(188, &[0x47]) && at(376, &[0x47]) => Kind::Other("the MPEG transport stream"),
        // MPEG audio and ADTS begin with eleven or twelve set bits; that is tried, not trusted.
        _ => Kind::Unknown,
    }
}

/// Names what an unknown file looks like.
fn guess(head: &[u8]) -> String {
    let text =
        std::str::from_utf8(head).is_ok() || head.iter().all(|&b| b.is_ascii_graphic() || b.is_ascii_whitespace());
    if text { "it looks like text".into() } else { "no format that this build knows begins like this".into() }
}

fn song(file: &MediaFile) -> Result<Media, MediaError> {
    let audio = guarded(|| audio::open(file)).map_err(MediaError::Broken)??;
    match audio {
        Some(audio) => Ok(Media { video: None, audio: Some(audio), notices: Vec::new() }),
        None => Err(MediaError::Broken("it has no sound that can be played".into())),
    }
}

/// Opens a container's video and sound, each on its own; what fails while the other plays becomes a notice.
fn film(file: &MediaFile, demux: fn(&MediaFile) -> Result<Option<Demuxed>, MediaError>) -> Result<Media, MediaError> {
    let open = || match demux(file)? {
        Some((track, packets)) => Ok(Some(Box::new(Player::open(track, packets)?) as Box<dyn VideoSource>)),
        None => Ok(None),
    };
    let video = guarded(open).unwrap_or_else(|panic| Err(MediaError::Broken(panic)));
    let audio = guarded(|| audio::open(file)).unwrap_or_else(|panic| Err(MediaError::Broken(panic)));
    let mut notices = Vec::new();
    match (video, audio) {
        (Err(error), Err(_) | Ok(None)) => Err(error),
        (Ok(None), Err(error)) => Err(error),
        (Ok(None), Ok(None)) => Err(MediaError::Broken("it has neither video nor sound".into())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_the_kind() {
        assert_eq!(sniff(b"\0\0\0\x20ftypisom\0\0\x02\0"), Kind::Mp4);
        assert_eq!(sniff(b"\0\0\0\x08wide\0\0\0\0mdat"), Kind::Mp4);
        assert_eq!(sniff(b"\x1a\x45\xdf\xa3\x01"), Kind::Matroska);
        assert_eq!(sniff(b"YUV4MPEG2 W2 H2\n"), Kind::Y4m);
        assert_eq!(sniff(b"RIFF\0\0\0\0WEBPVP8 "), Kind::Image);
        assert_eq!(sniff(b"RIFF\0\0\0\0WAVEfmt "), Kind::Audio);
        assert_eq!(sniff(b"RIFF\0\0\0\0AVI LIST"), Kind::Other("the AVI container"));
        assert_eq!(sniff(b"hello, world"), Kind::Unknown);
        assert_eq!(sniff(b""), Kind::Unknown);
    }
}
