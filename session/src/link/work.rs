//! What a session plays, and where: what a role is given to begin with.

use serde::{Deserialize, Serialize};

use crate::channel::{ChannelName, Mode};
use crate::name::Name;
use crate::sandbox::Confine;

/// What a role is to work on. Start and restart are given the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The session.
    pub session: String,
    /// What its channels are, oldest first. Empty until the decoder has asked for one. The consumer begins with the first
    /// and follows [`tricine_channel::channel::Acquired::Successor`]; the producer writes to the last.
    pub channels: Vec<ChannelName>,
    /// No clock: every frame as soon as it is there, none dropped.
    pub unpaced: bool,
    /// How often the role was started before in this session.
    pub restarts: u32,
    /// Logs: 0 warnings, 1 more, 2 all.
    pub verbosity: u8,
    /// What is played, and where. The same for all: each role takes what concerns it.
    pub work: Work,
}

/// What a session plays, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// The input. A file or pipe itself is inherited by the role that reads it.
    pub input: InputSpec,
    /// FIFO or mailbox, for the video channel.
    #[serde(with = "crate::channel::mode_serde")]
    pub mode: Mode,
    /// Its predecessors died here twice: the decoder goes on at the next keyframe after this time, in ns.
    pub skip_past_ns: Option<i64>,
    /// The [`Opened::stream_header`](super::Opened::stream_header) of the decoder before.
    pub stream_header: Option<String>,
    /// Where sound goes; `None` if nobody wants any.
    pub sink: Option<SinkSpec>,
    /// Where pictures go.
    pub display: DisplaySpec,
    /// The window's title.
    pub title: String,
    /// How long a picture that does not move is shown, in ns.
    pub picture_ns: i64,
    /// Whether the roles are confined (see [`crate::sandbox`]).
    pub confine: Option<Confine>,
    /// Which of the input's tracks.
    pub tracks: TracksSpec,
    /// What lies under the picture all the time; empty for nothing.
    pub caption: String,
    /// Where its chapters begin, in ns, as far as is known.
    pub chapters: Vec<i64>,
}

/// Which of an input's tracks are played; those that it means itself, where nothing is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracksSpec {
    /// Number of the track of pictures, from 1.
    pub video: Option<usize>,
    /// Number of the track of sound, from 1.
    pub sound: Option<usize>,
    /// Languages of sound, the most wanted first.
    pub languages: Vec<String>,
    /// The cover of a song is its picture.
    pub covers: bool,
    /// A track of a number that cannot be played is not replaced by another one.
    pub strict: bool,
    /// Interlaced pictures stay as they are.
    pub interlaced: bool,
    /// Languages of subtitles, the most wanted first.
    #[serde(default)]
    pub subtitle_languages: Vec<String>,
    /// Files of subtitles, in the order of the descriptors that come with the orders.
    #[serde(default)]
    pub subtitle_files: Vec<SubtitleFile>,
}

/// A file of subtitles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleFile {
    /// Its name.
    pub name: Name,
    /// Whether the user named it; else it lies beside the film.
    pub given: bool,
}

impl Default for Work {
    /// A test film for nobody.
    fn default() -> Self {
        Self {
            input: InputSpec::Test(String::new()),
            mode: Mode::Fifo,
            skip_past_ns: None,
            stream_header: None,
            sink: None,
            display: DisplaySpec::None,
            title: String::new(),
            picture_ns: 5_000_000_000,
            confine: None,
            tracks: TracksSpec::default(),
            caption: String::new(),
            chapters: Vec::new(),
        }
    }
}

/// What to play.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum InputSpec {
    /// The inherited descriptor is a file (or the demo in memory) of this name.
    File(Name),
    /// The inherited descriptor is a stream of YUV4MPEG2.
    Pipe,
    /// Images, in this order.
    Images(Vec<Name>),
    /// What follows `test:`.
    Test(String),
}

/// Where sound goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SinkSpec {
    /// A sound server; while none answers, a silent timed sink, and a look for the server every few seconds.
    Auto,
    /// As `Auto`, asked for by name: its absence is a notice.
    Pulse,
    /// A timed sink that discards.
    Null,
    /// A WAV file, 16 bits.
    Wav(Name),
}

/// Where pictures go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DisplaySpec {
    /// A window, on X11 or Wayland.
    Window,
    /// Half blocks on the terminal (the role's standard output).
    Terminal,
    /// Nowhere; frames are timed as if they were shown.
    None,
    /// A file in the format of FFmpeg's framemd5.
    FrameMd5(Name),
}
