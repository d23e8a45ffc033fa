//! The renderer role: takes frames out of the video channel in place and shows each when it is due.
//!
//! Read in this order: [`schedule`] (pure: when), `presenter` (the role that does it), `ledger` (the counts), `display`
//! (where to), `osd` and `paint` (what is drawn over the picture), `subtitle`. The role keeps nothing that its successor needs:
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
mod presenter;
mod probe;
mod schedule;
mod screenshot;
mod subtitle;

use tricine_session::context::{Orders, RoleContext};
use tricine_session::control::{RendererPage, Writable};

type Context = RoleContext<RendererPage<Writable>>;

/// For which scripts this machine has fonts, in words; else for which it has none. Takes a moment.
pub fn fonts() -> Result<String, String> {
    subtitle::found_fonts()
}

/// Plays the role, see [`tricine_session::actor::run`]. 1 where the display cannot be used.
pub fn run(orders: Orders) -> i32 {
    tricine_session::actor::run::<presenter::Presenter>(orders)
}
