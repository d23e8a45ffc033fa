//! Containers: one parser for each kind of file, which says what the file holds and gives out each track's packets.
//!
//! Times are the container's own. Who opens a file subtracts one zero from all of them (`open.rs`); a parser never moves one
//! track against another. Each track has a reader of its own, so that no track waits for another one.

mod avi;
mod captions;
mod colour;
mod dolby;
mod flac;
mod flv;
mod frames;
mod id3;
mod joined;
mod matroska;
mod mp4;
mod ogg;
mod ordered;
mod pes;
mod pictures;
mod plain;
mod probed;
mod ps;
mod raw;
mod riff;
mod shifted;
mod stream;
mod sup;
mod timing;
mod ts;
mod video_track;
mod vobsub;
mod wav;
mod window;

use std::ops::Range;

use symphonia::core::codecs::audio::AudioCodecParameters;

use crate::{MediaError, MediaFile, caps};

pub(crate) use captions::{Captions, find as find_captions};
pub(crate) use colour::{Colour, Peak, Primaries, Transfer};
#[cfg(feature = "ac3")]
pub(crate) use frames::ac3_frame;
pub(crate) use matroska::xiph_laces;
pub(crate) use mp4::{boxes, fourcc};
pub(crate) use raw::is_raw;
pub(crate) use shifted::Shifted;
pub(crate) use sup::{Sup, is_sup};
pub(crate) use ts::Grid;
use video_track::reduce;
pub(crate) use video_track::{CodecId, VideoTrack};
pub(crate) use vobsub::VobSub;
pub(crate) use wav::begins as is_wav;

/// What a track holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Text or pictures that are shown over the film.
    Subtitle,
    /// Time codes, chapters and other data.
    #[default]
    Other,
}

/// A track of a file.
#[derive(Debug, Clone)]
pub struct Track {
    /// What it holds.
    pub kind: TrackKind,
    /// The codec's usual name.
    pub codec: String,
    /// The language as the file has it, such as `eng` or `de`.
    pub language: Option<String>,
    /// The track's name.
    pub name: Option<String>,
    /// Whether it is meant to be played unless the user asks for another one.
    pub default: bool,
    /// Whether a subtitle track is meant to be shown in any case.
    pub forced: bool,
    pub(crate) video: Option<VideoTrack>,
    /// What is needed to show a track of subtitles; `None` if it cannot be.
    pub(crate) text: crate::subtitle::Text,
    /// What the decoder of a sound track needs to know.
    pub(crate) audio: Option<Result<AudioCodecParameters, String>>,
}

impl Track {
    fn new(kind: TrackKind, codec: impl Into<String>) -> Self {
        let codec = codec.into();
        Self {
            kind,
            codec,
            language: None,
            name: None,
            default: true,
            forced: false,
            video: None,
            text: None,
            audio: None,
        }
    }

    /// Says that nobody has the key to it.
    fn encrypt(&mut self) {
        if let Some(video) = &mut self.video {
            video.codec = CodecId::Encrypted(video.codec.name().into());
        }
        if self.kind == TrackKind::Audio {
            self.audio = Some(Err("encrypted".into()));
        }
    }
}

/// A chapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Where it begins, in ns on the container's timeline.
    pub start_ns: i64,
    /// Its title; empty if it has none.
    pub title: String,
}

/// A file within the file: a cover, a font.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its kind, such as `image/jpeg`; empty where the file does not say.
    pub mime: String,
    /// Where it lies in the file.
    pub place: Range<u64>,
}

/// What a file holds.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The container's usual name.
    pub format: &'static str,
    /// Its tracks in the file's order.
    pub tracks: Vec<Track>,
    /// Its chapters in order of time.
    pub chapters: Vec<Chapter>,
    /// Its tags as name and value: `title`, `artist`, `album`, `date` and what else the file has.
    pub tags: Vec<(String, String)>,
    /// Files within the file.
    pub attachments: Vec<Attachment>,
    /// A cover that lies in no one place of the file.
    pub(crate) cover: Option<std::sync::Arc<[u8]>>,
}

/// Brings chapters into the order of time.
pub(crate) fn in_order(chapters: &mut [Chapter]) {
    chapters.sort_by_key(|chapter| chapter.start_ns);
}

/// Where a track lies on its container's timeline.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Extent {
    /// When its first picture or sound is due, in ns.
    pub start_ns: i64,
    /// When its last one ends, in ns, where the file tells.
    pub end_ns: Option<i64>,
    /// How many packets are presented, where the file tells.
    pub packets: Option<u64>,
}

/// A file that was opened: what is in it, and its packets.
pub trait Container: Send + Sync {
    /// What is in it.
    fn contents(&self) -> &Contents;
    /// Where track number `track` of [`Contents::tracks`] lies in time; `None` if it has no packet.
    fn extent(&self, track: usize) -> Option<Extent>;
    /// A reader of that track's packets, at its start. Errors: there is no such track, or it cannot be read.
    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError>;
}

/// One packet of a track: a coded picture (an access unit, a temporal unit), or some coded sound.
#[derive(Debug, Clone)]
pub struct Packet {
    /// What the codec takes.
    pub data: Vec<u8>,
    /// When it is due on the container's timeline, in ns. Priming of sound is due before the track's start.
    pub pts_ns: i64,
    /// How long it lasts, in ns; 0 where the container does not tell.
    pub duration_ns: i64,
    /// How much of the sound's end is not to be heard, in ns.
    pub trim_ns: i64,
    /// Decoding can start here.
    pub sync: bool,
    /// To be decoded but not shown: outside the edit list.
    pub hidden: bool,
    /// It has no time of its own: it follows the packet before it, as the sound in a lace does.
    pub follows: bool,
    /// Which of the track's configurations it is coded with.
    pub config: usize,
}

impl Packet {
    pub(crate) fn new(data: Vec<u8>, pts_ns: i64) -> Self {
        let (duration_ns, trim_ns, config) = (0, 0, 0);
        Self { data, pts_ns, duration_ns, trim_ns, sync: true, hidden: false, follows: false, config }
    }
}

/// What [`Packets::next_before`] has found.
#[derive(Debug)]
pub enum Before {
    /// A packet, which may be due later.
    Packet(Packet),
    /// No packet that is due so early.
    NotYet,
    /// There is none left.
    End,
}

/// Packets of one track in decode order.
pub trait Packets: Send {
    /// The next one; [`MediaError::Damaged`] when some were skipped, each such call making progress.
    fn next(&mut self) -> Result<Option<Packet>, MediaError>;
    /// Goes to the last sync packet that is due at or before `target_ns`, or to the first one; not far before it where
    /// every packet is one.
    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError>;
    /// As [`Packets::next`], for a track that has few packets: gives up once all that is due before `until_ns` was passed.
    fn next_before(&mut self, until_ns: i64) -> Result<Before, MediaError> {
        let _ = until_ns;
        Ok(self.next()?.map_or(Before::End, Before::Packet))
    }
    /// As [`Packets::seek`], and need not find a packet: what is due from `target_ns` on is still to come.
    fn approach(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.seek(target_ns)
    }
    /// What the sound is from the last packet on, if that has changed: another link of a chain begins.
    #[doc(hidden)]
    fn changed(&mut self) -> Option<AudioCodecParameters> {
        None
    }
    /// Whether times are rounded to milliseconds, so that only counting from the start places a sample exactly.
    fn coarse(&self) -> bool {
        false
    }
}

/// Opens a container by its content. `None`: it is a picture or raw frames. Errors: it is of no kind that is read here, or its
/// index is broken.
pub fn open(file: &MediaFile) -> Result<Option<Box<dyn Container>>, MediaError> {
    let mut head = [0; 4096];
    let have = file.read_at(&mut head, 0)?;
    open_kind(file, crate::sniff::sniff(&head[..have]))
}

pub(crate) fn open_kind(file: &MediaFile, kind: crate::sniff::Kind) -> Result<Option<Box<dyn Container>>, MediaError> {
    use crate::sniff::Kind;
    crate::guard::guarded(|| -> Result<Option<Box<dyn Container>>, MediaError> {
        Ok(match kind {
            Kind::Mp4 => Some(Box::new(mp4::Mp4::read(file)?)),
            Kind::Matroska => Some(Box::new(matroska::Matroska::read(file)?)),
            Kind::Avi => Some(Box::new(avi::Avi::read(file)?)),
            Kind::Flv => Some(Box::new(flv::Flv::read(file)?)),
            Kind::Ps => Some(Box::new(ps::Ps::read(file)?)),
            Kind::Ogg => Some(Box::new(ogg::Ogg::read(file)?)),
            Kind::Raw => Some(Box::new(raw::Raw::read(file)?)),
            Kind::Ts => Some(Box::new(ts::Ts::read(file)?)),
            Kind::Audio | Kind::Unknown => Some(song(file)?),
            Kind::Other(what) => return Err(MediaError::unsupported(what, crate::sniff::remedy(what))),
            Kind::NoFilm(what, hint) => return Err(MediaError::unsupported(what, hint)),
            Kind::Image => jpegs(file, None)?,
            Kind::Y4m => None,
        })
    })
    .map_err(MediaError::Broken)?
}

/// JPEGs one after another, each shown for `frame_ns` if that is said. `None`: it is no such film.
pub(crate) fn jpegs(file: &MediaFile, frame_ns: Option<i64>) -> Result<Option<Box<dyn Container>>, MediaError> {
    Ok(raw::Raw::jpegs(file, frame_ns)?.map(|film| Box::new(film) as Box<dyn Container>))
}

/// A file of sound alone.
fn song(file: &MediaFile) -> Result<Box<dyn Container>, MediaError> {
    let mut head = [0; 40];
    let have = file.read_at(&mut head, 0)?;
    if wav::begins(&head[..have]) {
        let wav = wav::Wav::read(file)?;
        return Ok(if let Some(frames) = wav.frames_within()? { Box::new(frames) } else { Box::new(wav) });
    }
    if head.starts_with(b".snd") {
        return Ok(Box::new(plain::au(file)?));
    }
    if head.starts_with(b"FORM") {
        return Ok(Box::new(plain::aiff(file)?));
    }
    if head.starts_with(b"caff")
        && let Some(plain) = plain::caf(file)?
    {
        return Ok(Box::new(plain));
    }
    let parts = flac::joined_parts(file);
    if parts.len() > 1 {
        return Ok(Box::new(joined::Joined::open(file, parts)?));
    }
    // What says what it is, is that: its own bytes may look like frames.
    let says = [b"fLaC", b"caff"].iter().any(|magic| head.starts_with(*magic));
    let frames = if says { None } else { frames::Frames::open(file)? };
    Ok(if let Some(frames) = frames { Box::new(frames) } else { Box::new(probed::Probed::open(file)?) })
}
