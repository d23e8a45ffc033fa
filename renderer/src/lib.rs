//! The renderer role: takes frames out of the video channel in place and shows each when it is due.
//!
//! Read in this order: [`schedule`] (pure: when), `player` (the loop that does it), `ledger` (the counts), `display`
//! (where to), `osd` and `paint` (what is drawn over the picture). The role keeps nothing that its successor needs:
//! the shown frame stays in its slot and is delivered again, the counts and the clock are in its page.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod canvas;
mod convert;
mod display;
mod ledger;
mod look;
mod osd;
mod paint;
mod player;
mod probe;
mod schedule;
mod screenshot;

use tricine_session::link::FromRole;
use tricine_session::role::RoleContext;

pub use probe::probe_display;

use player::{Player, Stop};

/// Plays the role until the supervisor says [`tricine_session::link::ToRole::Quit`] or is gone. The process's exit code:
/// 0 after that, 1 where the display cannot be used (said as [`FromRole::Failed`]), 70 or 71 where shared memory is broken (see
/// [`tricine_channel::error`]), which the supervisor treats as a crash.
pub fn run(context: RoleContext) -> i32 {
    match Player::new(&context).play() {
        Stop::Quit => 0,
        Stop::Failed(text) => {
            // Nobody to tell it to is as good as told.
            let _ = context.tell(&FromRole::Failed(text));
            1
        }
        Stop::Broken(error) => {
            tracing::error!("{error}");
            error.exit_code()
        }
    }
}
