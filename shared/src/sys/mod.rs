//! System calls, and what else needs unsafe code beside the channel: each wrapper is safe, names its object in its error, and
//! handles EINTR once.

#![allow(unsafe_code)]

#[cfg(not(loom))]
pub mod bells;
pub mod copy;
pub mod fds;
pub mod futex;
#[cfg(feature = "iceoryx2")]
pub mod loan;
pub mod membarrier;
pub mod mq;
pub mod pixels;
pub mod process;
pub mod ring;
pub mod semaphore;
pub mod shm;
pub mod sigbus;
pub mod syscalls;
pub mod sysv;
pub mod terminal;
pub mod trace;
