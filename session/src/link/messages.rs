//! What the supervisor and a role say to each other by their [`Link`](super::Link).

use serde::{Deserialize, Serialize};

use super::Spec;
use crate::channel::{ChannelName, Kind};
use crate::sandbox::Walls;

/// What the supervisor says to a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToRole {
    /// The first message: what the role works on.
    Start(Box<Spec>),
    /// The only message to a process that is to answer with [`Finding`] and to end.
    Probe,
    /// The only message to a process that is to connect to the server that the role plays on, to answer with [`Finding::Line`] and the
    /// connection, and to end.
    Connect {
        /// Whether it goes on until there is a server.
        patient: bool,
    },
    /// To the audio role, the answer to [`FromRole::NeedLine`]: the version of the protocol that is spoken by the connection that comes with
    /// this; or why there is none, in words for the user.
    Line(Result<u16, String>),
    /// What the user wants has changed: look into the control region. Losing one is harmless, there are others.
    State,
    /// This channel exists now. To the decoder: the answer to [`FromRole::NeedChannel`]. To a consumer: frames come here.
    Channel(ChannelName),
    /// To the renderer, while paused: present the next frame.
    Step,
    /// To the renderer: write the shown picture as PNG into the file that comes with this, and say [`FromRole::Pictured`].
    Screenshot,
    /// To the renderer: this input begins; the window's title.
    Title(String),
    /// To the renderer: what lies under the picture all the time, such as a song's title; empty for nothing.
    Caption(String),
    /// To the renderer: where the input's chapters begin, in ns.
    Chapters(Vec<i64>),
    /// To the renderer: show or hide the keys.
    Help,
    /// To the renderer: show these words for a moment.
    Osd(String),
    /// To the renderer: the terminal has answered. Sent once without a question, too: answers are heard.
    Answer,
    /// To the renderer: the terminal was the shell's for a while. Draw everything.
    Retake,
    /// Finish and exit with 0.
    Quit,
}

/// What a role says to the supervisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromRole {
    /// Attached and able to work. Sent once, soon after [`ToRole::Start`].
    Ready,
    /// Decoder: the input is open; this is what it holds.
    Opened(Box<Opened>),
    /// Decoder, before [`FromRole::Opened`]: what the input is made of, a part at a time.
    Listed(Listing),
    /// Decoder: a channel is needed whose slots take `capacity` bytes; frame `base` will be the first in it, and
    /// production goes on at `resume_pts_ns`. Answered with [`ToRole::Channel`].
    NeedChannel {
        /// Pictures or sound.
        kind: Kind,
        /// Bytes of payload a slot must take.
        capacity: u64,
        /// Frames published in the generations before.
        base: u64,
        /// Where production goes on, in ns.
        resume_pts_ns: i64,
        /// The serial that this belongs to.
        resume_serial: u32,
    },
    /// Consumer: it reads from this generation now; those before can go.
    Switched {
        /// Pictures or sound.
        kind: Kind,
        /// The generation it reads from.
        generation: u64,
    },
    /// Audio: a connection to a sound server is needed. Answered with [`ToRole::Line`], once.
    NeedLine {
        /// Whether the answer may wait until there is a server.
        patient: bool,
    },
    /// Renderer: where it shows, such as `window (X11)`. Audio: where it plays, such as `pulse (alsa_output…)`.
    Output(String),
    /// Renderer: the user wants something.
    Key(Key),
    /// Renderer: the picture is in the file that came with [`ToRole::Screenshot`]; or why it is not, in words for the user.
    Pictured(Result<(), String>),
    /// Consumer: it needs nothing more of this serial, and shows or plays the rest by itself.
    Ending {
        /// Which stretch.
        serial: u32,
    },
    /// Consumer: all of this serial has been shown or heard.
    Ended {
        /// Which stretch.
        serial: u32,
    },
    /// A confined role: what keeps it in.
    Confined(Walls),
    /// Something the user should know; the film goes on.
    Notice(String),
    /// The role cannot go on, and says why in words for the user; it exits with 1.
    Failed(String),
}

impl FromRole {
    /// What kind of message it is, for a complaint.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Opened(_) => "Opened",
            Self::Listed(_) => "Listed",
            Self::NeedChannel { .. } => "NeedChannel",
            Self::Switched { .. } => "Switched",
            Self::NeedLine { .. } => "NeedLine",
            Self::Output(_) => "Output",
            Self::Key(_) => "Key",
            Self::Pictured(_) => "Pictured",
            Self::Ending { .. } => "Ending",
            Self::Ended { .. } => "Ended",
            Self::Confined(_) => "Confined",
            Self::Notice(_) => "Notice",
            Self::Failed(_) => "Failed",
        }
    }
}

/// What an input holds, as the decoder found it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Opened {
    /// The container's usual name, such as `Matroska`; empty if it has none.
    #[serde(default)]
    pub container: String,
    /// What the input calls itself, and who made it.
    #[serde(default)]
    pub title: Option<String>,
    /// See `title`.
    #[serde(default)]
    pub artist: Option<String>,
    /// The picture, if it has one.
    pub video: Option<VideoSummary>,
    /// The sound, if it has one.
    pub audio: Option<AudioSummary>,
    /// The longer of both lengths, in ns.
    pub duration_ns: Option<i64>,
    /// Whether one can seek in it.
    pub seekable: bool,
    /// What a successor needs to go on in the middle of a stream that cannot seek: YUV4MPEG2's header line.
    pub stream_header: Option<String>,
    /// Its subtitles, in the order of their numbers.
    #[serde(default)]
    pub subtitles: Vec<SubtitleSummary>,
    /// The number of those that are shown unless the user says otherwise; 0 for none.
    #[serde(default)]
    pub subtitle: u16,
    /// The picture is the cover of what is heard.
    #[serde(default)]
    pub cover: bool,
    /// Pictures or sound that the user wants and that cannot be played, though the rest is: one line each.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// What an input is made of, or a part of that.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Listing {
    /// Tracks, in the order of their numbers.
    pub tracks: Vec<TrackSummary>,
    /// Where each chapter begins, in ns, and its title; in order of time.
    pub chapters: Vec<(i64, String)>,
}

/// What is known of a track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackSummary {
    /// Pictures or sound.
    pub kind: Kind,
    /// Codec, language and name, in words.
    pub title: String,
    /// Whether it is the one that plays.
    pub played: bool,
}

/// What is known of a track of subtitles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleSummary {
    /// The format, the language, the name, in words.
    pub title: String,
    /// Whether it can be shown.
    pub shown: bool,
}

/// What is known of the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoSummary {
    /// Codec and profile.
    pub codec: String,
    /// What of it an ordinary screen does not have, in words; none for most films.
    pub light: Option<String>,
    /// Columns of the first frame.
    pub width: u32,
    /// Rows of the first frame.
    pub height: u32,
    /// Frames per second, if known.
    pub rate: Option<f64>,
    /// Number of frames, if known.
    pub frames: Option<u64>,
}

/// What is known of the sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioSummary {
    /// Codec and profile.
    pub codec: String,
    /// In Hz.
    pub sample_rate: u32,
    /// 1..=8.
    pub channels: u16,
}

/// What the user can want by a key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Key {
    /// Pause, or go on.
    Pause,
    /// Move by so many seconds.
    Seek(i32),
    /// One frame forward, then pause.
    Step,
    /// So many chapters on, or back.
    Chapter(i32),
    /// The next track of sound.
    Sound,
    /// The next track of pictures.
    Pictures,
    /// Slower.
    Slower,
    /// Faster.
    Faster,
    /// Softer.
    VolumeDown,
    /// Louder.
    VolumeUp,
    /// Sound off, or on.
    Mute,
    /// Full screen, or not.
    Fullscreen,
    /// Out of full screen; from a window, or anything else, stop.
    Escape,
    /// Loop, or not.
    Loop,
    /// Save the picture.
    Screenshot,
    /// The pipeline on the screen, or not.
    Osd,
    /// The keys on the screen, or not.
    Help,
    /// The next track of subtitles, or none.
    Subtitles,
    /// The one before.
    SubtitlesBack,
    /// Subtitles out of sight, or back.
    SubtitlesHide,
    /// Subtitles a tenth of a second earlier.
    SubtitlesEarlier,
    /// Subtitles a tenth of a second later.
    SubtitlesLater,
    /// Next input.
    Next,
    /// Stop.
    Quit,
}

/// What a role finds on a machine: the answer to [`ToRole::Probe`], or to [`ToRole::Connect`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Finding {
    /// What it would show or play on, such as `X11 (:0)`; or why there is nothing.
    Outlet(Result<String, String>),
    /// What it reads, by kind.
    Formats(Vec<(String, Vec<String>)>),
    /// The version of the protocol that is spoken by the connection that comes with this; or why there is none.
    Line(Result<u16, String>),
}
