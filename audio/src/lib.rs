//! The audio role: takes blocks of sound from its channel, hands them to a sink, and publishes the media clock, which is
//! what is *heard* now.
//!
//! Read `speaker` first, which is the role; `intake` gets blocks in, `publish` says what is heard; `sink` is where sound goes; the rest (`align`, `timeline`, …) decides purely. The role deliberately never changes the film's
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
mod publish;
mod sink;
mod speaker;
mod stretch;
mod timeline;
mod wav_header;

use tricine_session::context::{Orders, RoleContext};
use tricine_session::control::{AudioPage, Writable};

type Context = RoleContext<AudioPage<Writable>>;

/// Plays the role, see [`tricine_session::actor::run`]. 1 where the WAV file cannot be written.
pub fn run(orders: Orders) -> i32 {
    tricine_session::actor::run::<speaker::Speaker>(orders)
}
