//! The one error of this crate: it names the operation and the object, and a peer's fault is a variant of its own.

use std::io;

use crate::channel::Side;

/// Why something in shared memory, or the system call behind it, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("{call} {object:?}: {source}")]
    Sys {
        /// The call, as its manual page names it.
        call: &'static str,
        /// What it was applied to.
        object: String,
        /// The reason.
        source: io::Error,
    },
    /// A peer wrote an invalid value: its process is broken or hostile. The region has to be replaced.
    #[error("{object}: {what} has the invalid value {raw:#x}")]
    Corrupt {
        /// Which shared object.
        object: String,
        /// Which field.
        what: &'static str,
        /// The value found.
        raw: u64,
    },
    /// The region's frames are described by another kind of meta than this program asks for.
    #[error("{object}: its frames are of kind {found:#x}, and this program's of kind {wanted:#x}")]
    Kind {
        /// Which shared object.
        object: String,
        /// The kind of meta that the region was made for.
        found: u64,
        /// The kind that was asked for.
        wanted: u64,
    },
    /// The region was laid out by another version, or is none of ours.
    #[error("{object}: {what} is {found:#x}, this build needs {wanted:#x}; both sides must be of one version")]
    Layout {
        /// Which shared object.
        object: String,
        /// Which field.
        what: &'static str,
        /// The value found.
        found: u64,
        /// The value that this build writes.
        wanted: u64,
    },
    /// Another process has this side of the channel, or had it, died, and was not recovered.
    #[error("{object}: process {pid} is its {side} already")]
    Claimed {
        /// Which channel.
        object: String,
        /// Which side.
        side: Side,
        /// The process that has it.
        pid: u64,
    },
    /// A stream was to go on in a region that is no later one.
    #[error("{object}: the stream cannot go on in generation {generation}, which is no later one")]
    Generation {
        /// The region that was to be left.
        object: String,
        /// Where the stream was to go on.
        generation: u64,
    },
    /// A region was to have slots of a size that there cannot be.
    #[error("{object}: a slot of {capacity} bytes; it takes 1 to {most}")]
    Capacity {
        /// Which region.
        object: String,
        /// The slot's bytes.
        capacity: u64,
        /// The most that it can have.
        most: u64,
    },
    /// A stream's name that cannot be one.
    #[error("stream name {0:?}: use 1 to {most} bytes without '/', which begin neither with '.' nor with \"sem.\"", most = crate::channel::MOST_NAME)]
    StreamName(String),
    /// A frame does not fit into its slot.
    #[error("a frame of {len} bytes does not fit into a slot of {capacity}")]
    TooLarge {
        /// The frame's bytes.
        len: u64,
        /// The slot's bytes.
        capacity: u64,
    },
    /// What was to be published describes no valid frame.
    #[error("a frame's description is invalid: word {word} is {raw:#x}")]
    Meta {
        /// Which word of the meta.
        word: usize,
        /// Its value.
        raw: u64,
    },
    /// A session's name that cannot be used.
    #[error("session name {0:?}: use 1 to 64 letters, digits, '-' or '_'")]
    SessionName(String),
    /// A session of that name is running.
    #[error("session {0:?} is running already; choose another name")]
    SessionInUse(String),
}

/// Shorthand.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failed system call, with `errno` as the reason.
    pub fn sys(call: &'static str, object: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Sys { call, object: object.into(), source: source.into() }
    }

    /// The operating system's error number, if that is what this is.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Sys { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}
