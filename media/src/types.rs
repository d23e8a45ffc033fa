//! The types every source and codec of the decoder speaks: what goes in (an [`Input`]), what comes out
//! ([`VideoFrame`], [`AudioBlock`]), the two small traits between, and the one error.
//!
//! A file's video and its audio are opened as two independent sources, each with its own position: no packet of one
//! ever waits for the other, so a badly interleaved file cannot deadlock the pipeline, and a seek needs no rendezvous.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::MediaFile;

/// Nanoseconds in a second.
pub const NS: i64 = 1_000_000_000;

/// What the user asked to play, opened as far as the supervisor can without parsing it.
#[derive(Debug, Clone)]
pub enum Input {
    /// A regular file (or the embedded demo in a memfd).
    File(MediaFile),
    /// A stream that cannot seek, such as standard input: YUV4MPEG2.
    Pipe(Arc<File>),
    /// Still images to be shown one after another, sorted as a person would sort them.
    Images(Vec<PathBuf>),
    /// What follows `test:`, such as `clock?size=1280x720&rate=30`.
    Test(String),
}

/// The span of luma and chroma values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorRange {
    /// 16..=235, chroma 16..=240.
    #[default]
    Limited,
    /// 0..=255.
    Full,
}

/// The matrix from YUV to RGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorMatrix {
    /// ITU-R BT.601, standard definition.
    Bt601,
    /// ITU-R BT.709, high definition.
    #[default]
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

/// Clockwise rotation to be applied when showing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    /// As it is.
    #[default]
    None,
    /// A quarter turn clockwise.
    Cw90,
    /// Upside down.
    Cw180,
    /// A quarter turn counter-clockwise.
    Cw270,
}

impl Rotation {
    /// So many quarter turns clockwise, or against the clock if negative.
    pub(crate) fn of_quarters(quarters: i32) -> Self {
        [Self::None, Self::Cw90, Self::Cw180, Self::Cw270][(quarters & 3) as usize]
    }
}

/// How a picture is to be turned when showing: first rotated, then mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    /// Clockwise rotation.
    pub rotation: Rotation,
    /// Left and right are exchanged, of what was rotated already.
    pub mirrored: bool,
}

impl Orientation {
    /// Whether the picture is to be shown as it is.
    pub fn is_upright(self) -> bool {
        self == Self::default()
    }

    /// What is shown so is turned further, by so many quarters clockwise.
    pub(crate) fn turned(self, quarters: i32) -> Self {
        // Before a mirror, a turn is one the other way round.
        let quarters = if self.mirrored { -quarters } else { quarters };
        Self { rotation: Rotation::of_quarters(self.rotation as i32 + quarters), ..self }
    }

    /// Of what is shown so, left and right are exchanged.
    pub(crate) fn mirrored(self) -> Self {
        Self { mirrored: !self.mirrored, ..self }
    }

    /// By the number that EXIF has for it (1 to 8).
    pub(crate) fn of_exif(number: u8) -> Self {
        let (quarters, mirrored) = match number {
            2 => (0, true),
            3 => (2, false),
            4 => (2, true),
            5 => (1, true),
            6 => (1, false),
            7 => (3, true),
            8 => (3, false),
            _ => (0, false),
        };
        Self { rotation: Rotation::of_quarters(quarters), mirrored }
    }
}

/// How a picture is to be read and shown. Width and height are those of the visible picture, before it is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoFormat {
    /// Visible columns, at least 1.
    pub width: u32,
    /// Visible rows, at least 1.
    pub height: u32,
    /// Whether luma spans 16..=235 or 0..=255.
    pub range: ColorRange,
    /// The matrix from YUV to RGB.
    pub matrix: ColorMatrix,
    /// Pixel aspect (width : height of one sample), never 0; 1:1 where the file says nothing.
    pub sar: (u32, u32),
    /// How it is to be turned when showing.
    pub orientation: Orientation,
}

impl VideoFormat {
    /// Square pixels, upright, limited range, and the matrix that untagged video of this height has by convention:
    /// BT.709 from 720 lines up, BT.601 below.
    pub fn untagged(width: u32, height: u32) -> Self {
        let matrix = if height >= 720 { ColorMatrix::Bt709 } else { ColorMatrix::Bt601 };
        let (range, orientation) = Default::default();
        Self { width, height, range, matrix, sar: (1, 1), orientation }
    }

    /// Bytes of one picture as I420 without padding: Y, then U, then V, chroma halved and rounded up.
    pub fn i420_len(&self) -> usize {
        let (w, h) = (self.width as usize, self.height as usize);
        w * h + 2 * w.div_ceil(2) * h.div_ceil(2)
    }
}

/// A ratio of which both numbers fit into 16 bits: itself where it does in lowest terms, else one very near to it.
pub fn small_ratio((a, b): (u32, u32)) -> (u32, u32) {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    let (a, b) = (a / x.max(1), b / x.max(1));
    let shift = (32 - a.max(b).leading_zeros()).saturating_sub(16);
    ((a >> shift).max(1), (b >> shift).max(1))
}

/// A decoded picture, still where its codec put it.
pub trait Picture: Send {
    /// Writes the picture as I420 without padding. `out` has exactly [`VideoFormat::i420_len`] bytes: usually the
    /// payload of a shared-memory slot, so this is the one copy a frame is given.
    fn write_i420(&mut self, out: &mut [u8]);
}

/// A picture that already is I420 without padding.
impl Picture for Vec<u8> {
    fn write_i420(&mut self, out: &mut [u8]) {
        out.copy_from_slice(self);
    }
}

/// One frame of video, in presentation order.
pub struct VideoFrame {
    /// When it is due, counted from the film's start (the first presented frame of a plain file has 0).
    pub pts_ns: i64,
    /// How long it is shown; 0 where the file does not tell.
    pub duration_ns: i64,
    /// How its samples are to be read.
    pub format: VideoFormat,
    /// Its samples.
    pub picture: Box<dyn Picture>,
}

/// What is known of a video stream once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoInfo {
    /// The codec's usual name with its profile, such as `H.264 High`.
    pub codec: String,
    /// The first frame's format.
    pub format: VideoFormat,
    /// What light its samples stood for before they were made those of an ordinary screen.
    pub light: crate::Light,
    /// Frames per second where the file tells (an average for variable frame rate).
    pub rate: Option<f64>,
    /// The film's length, where the file tells.
    pub duration_ns: Option<i64>,
    /// How many frames it has, where the file tells.
    pub frames: Option<u64>,
    /// Whether [`VideoSource::seek`] works.
    pub seekable: bool,
}

/// A source of decoded video.
pub trait VideoSource: Send {
    /// What is known of the stream.
    fn info(&self) -> &VideoInfo;
    /// The next frame in presentation order; `None` at the end.
    ///
    /// [`MediaError::Damaged`] says that something was skipped: the caller counts it and calls again, and each such
    /// call makes progress, so that a finite file ends. Any other error ends the stream.
    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError>;
    /// Goes to the frame that is shown at `target_ns` (the last whose pts is not after it; the first frame if none is):
    /// the next call of `next_frame` returns exactly that one. Past the end, the last frame.
    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError>;
    /// Goes to the first keyframe after `after_ns`, without decoding what lies before it: that has killed two decoders.
    /// The default, for sources whose every frame stands alone, is one second on.
    fn seek_past(&mut self, after_ns: i64) -> Result<(), MediaError> {
        self.seek(after_ns.saturating_add(NS))
    }
    /// What is shown before `film_ns` comes too late: of that, what no other picture needs may be left out. The default leaves out nothing.
    fn hurry(&mut self, _film_ns: i64) {}
}

/// A stretch of decoded sound: interleaved 32-bit float samples in −1..=1.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioBlock {
    /// When its first sample is due.
    pub pts_ns: i64,
    /// Frames per second.
    pub sample_rate: u32,
    /// Interleaved channels, 1..=8, in the order of the speakers' bits.
    pub channels: u16,
    /// The speakers that the channels are for, one bit a channel as in `dwChannelMask` of WAVEFORMATEXTENSIBLE; 0 where nothing says
    /// which.
    pub speakers: u32,
    /// `channels` values for each sample time.
    pub samples: Vec<f32>,
}

/// What is known of an audio stream once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioInfo {
    /// The codec's usual name, such as `AAC LC`.
    pub codec: String,
    /// Frames per second.
    pub sample_rate: u32,
    /// Channels, 1..=8.
    pub channels: u16,
    /// The sound's length, where the file tells.
    pub duration_ns: Option<i64>,
    /// Whether [`AudioSource::seek`] works.
    pub seekable: bool,
}

/// A source of decoded sound. Priming and padding are trimmed, the container's edit list and start offset applied.
pub trait AudioSource: Send {
    /// What is known of the stream.
    fn info(&self) -> &AudioInfo;
    /// The next block (of any length that the codec has, at least one sample); `None` at the end. Errors as in
    /// [`VideoSource::next_frame`].
    fn next_block(&mut self) -> Result<Option<AudioBlock>, MediaError>;
    /// Goes to `target_ns`: the next block's first sample is the one due then, to within one sample.
    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError>;
}

/// What an input says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// The container's usual name; empty if it has none.
    pub container: String,
    /// What it calls itself.
    pub title: Option<String>,
    /// Who made it.
    pub artist: Option<String>,
    /// Its picture is the cover of what is heard.
    pub cover: bool,
    /// Its tracks of pictures and of sound, in the order of their numbers.
    pub tracks: Vec<TrackAbout>,
    /// Where each chapter begins, in ns, and its title; in order of time.
    pub chapters: Vec<(i64, String)>,
}

/// A track that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackAbout {
    /// Pictures or sound.
    pub kind: crate::TrackKind,
    /// Codec, language and name, in words.
    pub title: String,
    /// Whether it is the one that plays.
    pub played: bool,
}

/// What an input holds: a film has both, a song one, an image the other.
pub struct Media {
    /// Its video, if it has any that can be played.
    pub video: Option<Box<dyn VideoSource>>,
    /// Its sound, if it has any that can be played.
    pub audio: Option<Box<dyn AudioSource>>,
    /// Its subtitles.
    pub subtitles: crate::subtitle::Subtitles,
    /// What it says of itself.
    pub about: About,
    /// What the user should know of how it is played: one line each.
    pub notices: Vec<String>,
    /// Pictures or sound that cannot be played though the rest is: one line each, with what would play them.
    pub missing: Vec<(crate::TrackKind, String)>,
}

/// Why an input, or a part of it, cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// Some of the data was skipped; the rest goes on.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Nothing of it can be played, though its kind is known.
    #[error("broken beyond use: {0}; copy or download it again, or see what `ffmpeg -nostdin -i IN` says of it")]
    Broken(String),
    /// A format, codec or profile that this build does not decode.
    #[error("{what} is not supported; {hint}")]
    Unsupported {
        /// The codec with its profile, or the container.
        what: String,
        /// What would play it, such as `a build with --features hevc plays it`.
        hint: String,
    },
    /// The input is of no kind that this build knows: what it looks like, and what can be done.
    #[error("{0}")]
    Unknown(String),
    /// Reading failed.
    #[error("read failed: {0}")]
    Io(#[from] io::Error),
}

impl MediaError {
    /// Shorthand for [`MediaError::Unsupported`].
    pub fn unsupported(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), hint: hint.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::small_ratio;

    #[test]
    fn a_ratio_becomes_small_and_stays_what_it_was() {
        assert_eq!(small_ratio((70_000, 35_000)), (2, 1));
        assert_eq!(small_ratio((64, 45)), (64, 45));
        assert_eq!(small_ratio((u32::MAX, 1)), (65_535, 1));
        let (a, b) = small_ratio((70_000, 70_001));
        assert!(a <= 65_535 && (f64::from(a) / f64::from(b) - 70_000.0 / 70_001.0).abs() < 1e-4, "{a}:{b}");
    }
}
