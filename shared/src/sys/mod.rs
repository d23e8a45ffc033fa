//! System calls, and what else needs unsafe code beside the channel: each wrapper is safe, names its object in its error, and
//! handles EINTR once.

#![allow(unsafe_code)]

pub mod capability;
pub mod fds;
pub mod futex;
pub mod membarrier;
pub mod process;
pub mod processor;
pub mod sealed;
pub mod semaphore;
pub mod shm;
pub mod sigbus;
pub mod sigsys;
