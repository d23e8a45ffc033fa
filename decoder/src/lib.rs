//! The decoder role: the only process that parses what somebody else wrote. It opens the input, decodes pictures and
//! sound a few frames ahead, and publishes both with back-pressure.
//!
//! Parsing and decoding are the crate `tricine-media`'s. Read `feed` for the role, `stream` for what pictures and sound have in
//! common, `pipeline` for the threads.

#![forbid(unsafe_code)]

mod cues;
mod feed;
mod fonts;
mod listing;
mod opening;
mod pipeline;
mod queue;
mod stream;

use std::time::Duration;

use tricine_session::context::{Orders, RoleContext};
use tricine_session::control::{DecoderPage, Writable};

/// How long one call into a codec may take before the role stops its heartbeat and is taken for hung. Far beyond what a
/// seek over ten seconds of large pictures needs.
const PATIENCE: Duration = Duration::from_secs(20);

type Context = RoleContext<DecoderPage<Writable>>;

/// Plays the role, see [`tricine_session::actor::run`]. 1 where the input cannot be played.
pub fn run(orders: Orders) -> i32 {
    tricine_session::actor::run::<feed::Feed>(orders)
}
