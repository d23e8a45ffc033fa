//! Starting the processes of a session: the same program again, told by its environment which process it is.

use std::os::fd::{BorrowedFd, RawFd};

use tricine_channel::sys::process as sys;
pub use tricine_channel::sys::process::Child;

use crate::error::Result;

/// The descriptor at which a role finds its control socket (the janitor its pipe).
pub const LINK_FD: RawFd = 3;
/// The descriptor at which the decoder finds its input, the audio role and the renderer a socket or a file (the janitor the terminal).
pub const INPUT_FD: RawFd = 4;
/// The environment variable that says which process of a session this is.
pub const ROLE_ENV: &str = "TRICINE_ROLE";

/// How to start a process of the session.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// What `ps` shows, such as `tricine: decoder film.mp4`.
    pub title: String,
    /// The value of [`ROLE_ENV`].
    pub role: &'a str,
    /// What it inherits at [`LINK_FD`].
    pub link: BorrowedFd<'a>,
    /// What it inherits at [`INPUT_FD`].
    pub input: Option<BorrowedFd<'a>>,
    /// Whether it inherits standard output (else /dev/null).
    pub stdout: bool,
    /// Whether it dies with its parent and its standard error is piped to it. The janitor does neither, and is in a
    /// session of its own, out of reach of the terminal's signals.
    pub bound: bool,
}

impl Spawn<'_> {
    /// Executes this very program as another process of the session, see [`sys::Spawn::start`].
    pub fn start(self) -> Result<Child> {
        let link = (self.link, LINK_FD);
        let both = [link, (self.input.unwrap_or(self.link), INPUT_FD)];
        let fds = if self.input.is_some() { &both[..] } else { &both[..1] };
        let (title, variable) = (self.title, (ROLE_ENV, self.role));
        Ok(sys::Spawn { title, variable, fds, stdout: self.stdout, bound: self.bound }.start()?)
    }
}
