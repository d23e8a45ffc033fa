//! The pattern itself: frames through shared memory, semaphores as doorbells, and everything that lets a process die at
//! any instruction without the others noticing more than a pause. The one crate of Tricine with unsafe code, which is
//! confined to [`sys`] (system calls) and `channel::memory` (pointers into the mapping).
//!
//! Read [`channel`] first. Then [`session`] (names and the lock), [`control`] (pages that survive a crash), [`clock`]
//! (the register and the media clock), [`link`] (what is said between processes), [`role`] (how a process takes up work).
//!
//! # Invariants
//!
//! - **I1** A slot in state WRITING (a mailbox's `back`) is written by the one live producer and read by nobody.
//! - **I2** A slot in state READING (a mailbox's `front`) is read by the one live consumer and written by nobody.
//! - **I3** A dead side's words are touched by recovery alone, and only after the dead process was reaped.
//! - **I4** Who is about to sleep says so, and then looks at the ownership word once more; who changes one looks, after that, whether
//!   somebody has said so, and rings. Between the two steps of each lies a barrier, so one of them sees the other. If the one who
//!   changed the word died before it rang, recovery rings. So nobody sleeps through a change.
//! - **I5** Payload and meta are complete before READY is stored with Release, and read after it was seen with Acquire.
//! - **I6** No index, size or enumeration read from shared memory is used before a copy of it was checked.
//! - **I7** A name in /dev/shm shows a complete object or none; it is gone when its session is, whoever was killed.
//! - **I8** Each word outside of the ownership words has one writer, but those that say who sleeps, which hold nothing that matters.
//! - **I9** An ownership word is changed by one side alone, by the state that it is in: FREE and WRITING by the producer, READY and
//!   READING by the consumer, or by recovery in the place of a dead one. So a slot is claimed by a load and a store.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(not(loom))]
pub mod board;
pub mod channel;
pub mod clock;
#[cfg(not(loom))]
pub mod control;
pub mod error;
pub mod frame;
#[cfg(not(loom))]
pub mod link;
#[cfg(not(loom))]
pub mod metrics;
#[cfg(not(loom))]
pub mod role;
#[cfg(not(loom))]
pub mod session;
pub mod sync;
pub mod sys;
pub mod time;

pub use error::{Error, Result};
