//! System calls and nothing else: each wrapper is safe, names its object in its error, and handles EINTR once.

#![allow(unsafe_code)]

pub mod process;
pub mod semaphore;
pub mod shm;
pub mod sigbus;
pub mod terminal;
pub mod trace;
