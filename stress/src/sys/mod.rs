//! System calls of what is only measured, and of proofs on real processes: the player uses none of it. Each wrapper is safe, names
//! its object in its error, and handles EINTR once.

#![allow(unsafe_code)]

pub mod bells;
pub mod handler;
#[cfg(feature = "iceoryx2")]
pub mod loan;
pub mod mq;
pub mod named;
pub mod ring;
pub mod syscalls;
pub mod sysv;
pub mod trace;
pub mod view;

/// What a session's object stands for elsewhere goes with it: a message queue of System V's, a name that is not the session's. For whoever sweeps.
pub fn forget(object: &str) {
    sysv::forget(object);
    named::forget(object);
}
