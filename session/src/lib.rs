//! What the processes of one player agree on: what a frame of film is ([`frame`]), the pages that survive a crash ([`control`]), the
//! media clock and the user's wishes ([`clock`]), what is said between processes ([`link`]), which roles there are ([`role`]), what
//! each begins with ([`context`]), and the event loop that every role runs ([`actor`]).
//! And what all commands share: where they write ([`output`]), and how they show a name ([`name`]).

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod actor;
pub mod channel;
pub mod clock;
pub mod context;
pub mod control;
pub mod cues;
pub mod error;
pub mod frame;
pub mod link;
pub mod metrics;
pub mod misuse;
pub mod name;
pub mod output;
pub mod patient;
pub mod process;
pub mod role;
pub mod sandbox;
pub mod signals;
pub mod terminal;
pub mod window;

pub use error::{Error, Result};

/// The player's names in /dev/shm: `tricine.SESSION.*`.
pub const NAMESPACE: tricine_channel::namespace::Namespace = tricine_channel::namespace::Namespace::new("tricine");
