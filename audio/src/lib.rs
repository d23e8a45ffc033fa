//! The audio role: takes blocks of sound from its channel, hands them to a sink, and publishes the media clock, which is
//! what is *heard* now.
//!
//! Read [`player`](self) top-down: `player` is the loop; `intake` gets blocks in, `clock` says what is heard; `sink` is
//! where sound goes; the rest (`align`, `timeline`, …) decides purely. The role deliberately never changes the film's
//! time by itself: it joins a clock that runs, and starts one where none does.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod align;
mod backlog;
mod chain;
mod gain;
mod intake;
mod mix;
mod outlet;
mod player;
mod publish;
mod sink;
mod stretch;
mod timeline;
mod wav_header;

use tricine_session::Error;
use tricine_session::role::RoleContext;

/// Plays until the supervisor says [`tricine_session::link::ToRole::Quit`] or is gone. The process's exit code: 0 for
/// that, 1 after [`tricine_session::link::FromRole::Failed`], 70 or 71 where shared memory is broken (see
/// [`tricine_channel::error`]).
pub fn run(context: RoleContext) -> i32 {
    match player::run(context) {
        Ok(()) | Err(Stop::Error(Error::Disconnected)) => 0,
        Err(Stop::Failed) => 1,
        Err(Stop::Error(error)) => {
            tracing::error!("{error}");
            error.exit_code()
        }
    }
}

type Result<T> = std::result::Result<T, Stop>;

/// Why it stops before it was told to.
#[derive(Debug)]
enum Stop {
    /// The supervisor has been told in words for the user.
    Failed,
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<tricine_channel::Error> for Stop {
    fn from(error: tricine_channel::Error) -> Self {
        tricine_session::Error::from(error).into()
    }
}

/// Which sound server answers, in words such as `pulseaudio 16.1, default sink auto_null`; or why none does. Opens no
/// device; waits for an answer at most a few seconds.
pub fn probe() -> std::result::Result<String, String> {
    sink::probe()
}
