#![doc = include_str!("../README.md")]
//!
//! # Where to read on
//!
//! Read [`channel`] first; then [`meta`] (what describes a frame is yours to define), [`namespace`] (names in /dev/shm, the lock
//! that says whose program lives, the sweep of what dead ones left) and [`register`] (a value of a few words with one writer).
//! Unsafe code is confined to [`sys`] (system calls) and `channel::memory` (pointers into the mapping).
//!
//! # Invariants
//!
//! - **I1** A slot whose next frame n satisfies `n < released + 3` (a mailbox's `back`) is written by the one live producer and read
//!   by no consumer.
//! - **I2** A slot whose `seq` is n + 1 while `released` ≤ n (a mailbox's `front`) is read by the one live consumer and written by
//!   nobody.
//! - **I3** A dead side's claim is given back by recovery alone, and only after the dead process was reaped. Nothing else is
//!   repaired: a half-written frame is not published, a half-read one is not released.
//! - **I4** A side that is about to sleep says so, and then checks the word again; a side that changes a word checks, after that,
//!   whether the other one has said so, and posts. Between the two steps of each lies a barrier, so one of them sees the other. If
//!   the process that changed the word died before it posted, recovery posts. So nobody sleeps through a change.
//! - **I5** Payload and meta are complete before `seq` is stored with Release, and read after it was seen with Acquire.
//! - **I6** No index, size or enumeration read from shared memory is used before a copy of it was checked.
//! - **I7** A name in /dev/shm shows a complete object or none; it is gone when its session is, whoever was killed.
//! - **I8** Each word has one writer, and lies on a page that the other side maps read-only; `seq` and `released` only ever rise. There are three
//!   exceptions: a mailbox's word, which both sides swap; the flags that say who sleeps, on which nothing depends but who is woken;
//!   and the claims, which recovery gives back.
//! - **I9** A tap keeps a copy only if, after the copy, the producer had not begun another frame in that slot.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod channel;
pub mod error;
pub mod meta;
#[cfg(not(loom))]
pub mod namespace;
pub mod register;
pub mod sync;
pub mod sys;
pub mod time;

pub use error::{Error, Result};
