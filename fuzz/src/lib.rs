//! What the fuzz targets of containers share. A target's input decides a file: how it is made ([`made`], by structure, with counts and sizes near
//! every limit), which of its bytes are then others, and how much longer it is than what is in it, so that a few hundred bytes of
//! input stand for terabytes; or it is the file itself, byte for byte. A reader may refuse or go on, within its time and memory.

mod coded;
mod draw;
mod made;
mod subtitles;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tricine_channel::sys::process::memory_file;
use tricine_media::{Choice, Input, Media, MediaError, MediaFile, PICTURE_NS, container, guard, open_at, source};

use coded::Coded;
use draw::Draw;

/// Packets that are read of each track after each seek.
const PACKETS: usize = 64;

/// A container, one target each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mp4,
    Matroska,
    Ogg,
    Wav,
    Avi,
    Ts,
    Ps,
    Flv,
    Raw,
    Y4m,
    Mp3,
    Flac,
    Adts,
    /// AIFF and CAF.
    Others,
    /// Pictures of Theora, decoded.
    Theora,
    /// Pictures of HEIF, decoded.
    Heif,
}

/// What is read.
#[derive(Debug, Clone, Copy)]
pub struct Target(What);

#[derive(Debug, Clone, Copy)]
enum What {
    /// A container, or what is shown of one.
    File(Kind),
    /// A codec.
    Coded(&'static Coded),
    Subtitles,
}

impl Target {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        let files = Kind::ALL.into_iter().map(What::File);
        files.chain(coded::ALL.iter().map(What::Coded)).chain([What::Subtitles]).map(Self)
    }

    /// What it is called.
    pub fn name(self) -> String {
        match self.0 {
            What::File(kind) => format!("{kind:?}").to_lowercase(),
            What::Coded(coded) => coded.name.to_owned(),
            What::Subtitles => "subtitles".to_owned(),
        }
    }

    /// Before the first input.
    pub fn begin(self) {
        begin_guard();
        match self.0 {
            What::File(kind) => begin(kind),
            What::Coded(coded) => {
                for (n, film) in coded.films.iter().enumerate() {
                    let read = shown(&MediaFile::from_bytes(*film, "honest"));
                    assert!(read >= 5, "honest {}, film {n}: {read} pictures or pieces of sound", coded.name);
                }
            }
            What::Subtitles => subtitles::begin(),
        }
    }

    /// One input.
    pub fn run(self, bytes: &[u8]) {
        match self.0 {
            What::File(kind) => run(kind, bytes),
            What::Coded(coded) => {
                let mut draw = Draw(bytes);
                // H.264's careful decoder: one picture after another, or several at once.
                let at_once = draw.odd().then_some(3);
                let film = coded.file(&mut draw);
                std::hint::black_box(shown_by(&MediaFile::from_bytes(film, "fuzzed"), at_once));
            }
            What::Subtitles => subtitles::run(bytes),
        }
    }
}

/// The player catches the panics of somebody else's parsers and codecs, and makes errors of them; in ours, each is a bug, also where the player would
/// catch it.
fn begin_guard() {
    guard::install_hook();
    let caught = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // (A place in the standard library may be anybody's.)
        let theirs = |file: &str| ["/registry/", "/rustc/", "/rust/deps/"].iter().any(|place| file.contains(place));
        let ours = panic.location().is_none_or(|place| !theirs(place.file()));
        if ours {
            eprintln!("{panic}");
            std::process::abort();
        }
        caught(panic);
    }));
}

impl Kind {
    const ALL: [Self; 16] = [
        Self::Mp4,
        Self::Matroska,
        Self::Ogg,
        Self::Wav,
        Self::Avi,
        Self::Ts,
        Self::Ps,
        Self::Flv,
        Self::Raw,
        Self::Y4m,
        Self::Mp3,
        Self::Flac,
        Self::Adts,
        Self::Others,
        Self::Theora,
        Self::Heif,
    ];

    /// Its parser or its codec is somebody else's, whose panics the player catches; in ours, each is a bug.
    const fn is_borrowed(self) -> bool {
        matches!(self, Self::Flac | Self::Others | Self::Theora)
    }

    /// Whether what is read is pictures, and not packets.
    const fn is_shown(self) -> bool {
        matches!(self, Self::Theora | Self::Heif)
    }

    /// What the reader calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Mp4 => "MP4/MOV",
            Self::Matroska => "Matroska/WebM",
            Self::Ogg | Self::Theora => "Ogg",
            Self::Heif => "HEIF",
            Self::Flac => "sound",
            Self::Others => "AIFF",
            Self::Wav => "WAV",
            Self::Avi => "AVI",
            Self::Ts => "MPEG-TS",
            Self::Ps => "MPEG program stream",
            Self::Flv => "FLV",
            Self::Raw => "raw video",
            Self::Y4m => "YUV4MPEG2",
            Self::Mp3 => "MPEG audio",
            Self::Adts => "ADTS",
        }
    }

    fn made(self, draw: &mut Draw<'_>) -> Vec<u8> {
        match self {
            Self::Mp4 => made::mp4::file(draw),
            Self::Matroska => made::matroska::file(draw),
            Self::Ogg => made::ogg::file(draw),
            Self::Wav => made::riff::wav(draw),
            Self::Avi => made::riff::avi(draw),
            Self::Ts => made::ts::file(draw),
            Self::Ps => made::ps::file(draw),
            Self::Flv => made::flv::file(draw),
            Self::Raw => made::raw::file(draw),
            Self::Y4m => made::plain::y4m(draw),
            Self::Mp3 => made::plain::mp3(draw),
            Self::Flac => made::flac::file(draw),
            Self::Adts => made::plain::adts(draw),
            Self::Others => made::plain::others(draw),
            Self::Theora => made::theora::file(draw),
            Self::Heif => made::heif::file(draw),
        }
    }
}

/// Before the first input: that the honest file is one, else nothing behind its first bytes would be reached.
fn begin(kind: Kind) {
    let file = MediaFile::from_bytes(kind.made(&mut Draw(&[])), "honest");
    if kind == Kind::Y4m {
        return assert!(frames(&file) > 0, "honest YUV4MPEG2 is not read");
    }
    if kind.is_shown() {
        return assert!(shown(&file) > 0, "the honest {kind:?} file is not shown");
    }
    let container = container::open(&file).expect("an honest file").expect("an honest container");
    assert_eq!(container.contents().format, kind.name());
    assert!(packets(&file) > 0, "the honest {kind:?} file is not read");
}

/// One input.
fn run(kind: Kind, bytes: &[u8]) {
    let mut draw = Draw(bytes);
    let file = if draw.byte() % 4 == 3 {
        MediaFile::from_bytes(draw.rest(), "fuzzed")
    } else {
        let Some(file) = sparse(kind, &mut draw) else { return };
        file
    };
    let read = match kind {
        Kind::Y4m => frames,
        _ if kind.is_shown() => shown,
        _ => packets,
    };
    if kind.is_borrowed() {
        // A panic of somebody else's parser is an error to all who call it.
        let _ = guard::guarded(|| std::hint::black_box(read(&file)));
    } else {
        std::hint::black_box(read(&file));
    }
}

/// A file that is made, changed in places, and mostly holes.
fn sparse(kind: Kind, draw: &mut Draw<'_>) -> Option<MediaFile> {
    let mut made = kind.made(draw);
    for _ in 0..draw.count(0) {
        let at = usize::from(draw.byte()) << 8 | usize::from(draw.byte());
        let len = made.len().max(1);
        let byte = draw.byte();
        made.get_mut(at % len).into_iter().for_each(|to| *to = byte);
    }
    let file = memory_file("sparse", &made).expect("room for a few bytes");
    if draw.odd() {
        // As far as memory files go; a few bytes lie far inside.
        let len = draw.number().clamp(made.len() as u64, 1 << 42);
        file.set_len(len).ok()?;
        let at = draw.number().min(len.saturating_sub(8)).max(made.len() as u64);
        let _ = file.write_all_at(&draw.number().to_be_bytes(), at);
        let _ = file.set_len(len);
    }
    MediaFile::new(file, "sparse").ok()
}

/// Reads packets of each track, also behind seeks. How many there were.
fn packets(file: &MediaFile) -> usize {
    let mut read = 0;
    let Ok(Some(container)) = container::open(file) else { return 0 };
    for track in 0..container.contents().tracks.len().min(8) {
        std::hint::black_box(container.extent(track));
        let Ok(mut packets) = container.packets(track) else { continue };
        for target_ns in [i64::MIN, 0, 500_000_000, i64::MAX] {
            read += taken(PACKETS, || packets.next(), |packet| assert!(packet.data.len() <= 1 << 28));
            if packets.seek(target_ns).is_err() {
                break;
            }
        }
    }
    read
}

/// Takes as many as `most`, passes over damage, and looks at each. How many there were.
fn taken<T>(most: usize, mut next: impl FnMut() -> Result<Option<T>, MediaError>, look: impl Fn(T)) -> usize {
    let mut read = 0;
    for _ in 0..most {
        match next() {
            Ok(Some(one)) => {
                look(one);
                read += 1;
            }
            Err(MediaError::Damaged(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    read
}

/// Shows pictures, also behind seeks. How many there were.
fn shown(file: &MediaFile) -> usize {
    shown_by(file, None)
}

/// See [`Choice::at_once`].
fn shown_by(file: &MediaFile, at_once: Option<usize>) -> usize {
    let choice = Choice { at_once, ..Choice::default() };
    let Ok(media) = open_at(&Input::File(file.clone()), 0, PICTURE_NS, &choice) else { return 0 };
    few(media, &[0, 80_000_000, i64::MAX])
}

/// Shows a few pictures, or plays a few pieces of sound, before each seek. How many there were.
fn few(media: Media, seeks: &[i64]) -> usize {
    let mut read = 0;
    if let Some(mut audio) = media.audio {
        for &target_ns in seeks {
            read += taken(32, || audio.next_block(), |block| drop(std::hint::black_box(block)));
            if audio.seek(target_ns).is_err() {
                break;
            }
        }
    }
    let Some(mut video) = media.video else { return read };
    for &target_ns in seeks {
        read += taken(
            8,
            || video.next_frame(),
            |mut frame| {
                let mut i420 = vec![0; frame.format.i420_len()];
                frame.picture.write_i420(&mut i420);
            },
        );
        if video.seek(target_ns).is_err() {
            break;
        }
    }
    read
}

/// Reads frames of YUV4MPEG2, as a file with seeks and as a pipe from its middle.
fn frames(file: &MediaFile) -> usize {
    let mut head = [0; 8192];
    let have = file.read_at(&mut head, 0).unwrap_or(0);
    if let Ok(pipe) = memory_file("pipe", &head[..have]) {
        let pipe = || pipe.try_clone().ok().and_then(rewound);
        if let Some(Ok((media, line))) = pipe().map(source::y4m::open_pipe_with_header) {
            std::hint::black_box(few(media, &[0]));
            if let Some(Ok(media)) = pipe().map(|pipe| source::y4m::resume_pipe(pipe, &line, 3)) {
                std::hint::black_box(few(media, &[0]));
            }
        }
    }
    source::y4m::open_file(file).map_or(0, |media| few(media, &[i64::MIN, 0, 500_000_000, i64::MAX]))
}

fn rewound(mut file: File) -> Option<Arc<File>> {
    std::io::Seek::rewind(&mut file).ok()?;
    Some(Arc::new(file))
}
