//! Why a process of a session cannot go on.

use std::io;

use tricine_channel::Error as ChannelError;

/// Why something that a session's processes share, or the system call behind it, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shared memory, or a system call.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The other end of a control socket is gone.
    #[error("the other end of the control socket is gone")]
    Disconnected,
    /// A session of that name is running.
    #[error("session {0:?} is running already; choose another --session, or see `tricine sessions`")]
    SessionInUse(String),
    /// A control message that cannot be sent or was not heard, since it is too long.
    #[error("a control message of {len} bytes; {most} can be sent")]
    TooLong {
        /// Its length, in bytes.
        len: u64,
        /// The most that there may be.
        most: u64,
    },
    /// The supervisor has not read what was said to it.
    #[error("the supervisor has heard nothing for {0:?}")]
    Unheard(std::time::Duration),
    /// A control message that is not understood.
    #[error("control message: {0}")]
    Message(#[from] serde_json::Error),
}

/// Shorthand.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A role's exit code for a bug or a failed system call: a crash like any other.
pub const EXIT_BROKEN: i32 = 70;
/// A role's exit code for shared memory that holds what is invalid, or is gone: a crash, after which the supervisor makes a
/// new region.
pub const EXIT_CORRUPT: i32 = 71;

impl Error {
    /// The exit code of a role that ends with this.
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::Channel(ChannelError::Corrupt { .. } | ChannelError::Layout { .. } | ChannelError::Kind { .. }) => {
                EXIT_CORRUPT
            }
            _ => EXIT_BROKEN,
        }
    }

    /// A failed system call, with `errno` as the reason.
    pub fn sys(call: &'static str, object: impl Into<String>, source: impl Into<io::Error>) -> Self {
        ChannelError::sys(call, object, source).into()
    }

    /// The operating system's error number, if that is what this is.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Channel(error) => error.raw_os_error(),
            _ => None,
        }
    }
}
