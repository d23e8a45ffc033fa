//! The one error of this crate: it names the operation and the object, and a peer's fault is a variant of its own.

use std::io;

/// Why something in shared memory, or the system call behind it, failed.
#[derive(Debug, thiserror::Error)]
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
    /// A peer wrote a value that cannot be: its process is broken or hostile. The region has to be replaced.
    #[error("{object}: {what} cannot be {raw:#x}")]
    Corrupt {
        /// Which shared object.
        object: String,
        /// Which field.
        what: &'static str,
        /// The value found.
        raw: u64,
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
    /// A frame does not fit into its slot.
    #[error("a frame of {len} bytes does not fit into a slot of {capacity}")]
    TooLarge {
        /// The frame's bytes.
        len: u64,
        /// The slot's bytes.
        capacity: u64,
    },
    /// A session's name that cannot be used.
    #[error("session name {0:?}: use 1 to 64 letters, digits, '-' or '_'")]
    SessionName(String),
    /// A session of that name is running.
    #[error("session {0:?} is running already; choose another --session, or see `tricine sessions`")]
    SessionInUse(String),
    /// The other end of a control socket is gone.
    #[error("the other end of the control socket is gone")]
    Disconnected,
    /// A control message that is not understood.
    #[error("control message: {0}")]
    Message(#[from] serde_json::Error),
}

/// Shorthand.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A role's exit code for a bug or a failed system call: a crash like any other.
pub const EXIT_BROKEN: i32 = 70;
/// A role's exit code for shared memory that holds what cannot be, or is gone: a crash, after which the supervisor makes a
/// new region.
pub const EXIT_CORRUPT: i32 = 71;

impl Error {
    /// The exit code of a role that ends with this.
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::Corrupt { .. } | Self::Layout { .. } => EXIT_CORRUPT,
            _ => EXIT_BROKEN,
        }
    }

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
