//! The channel's own code under loom: every interleaving (up to a bound of preemptions) and every value that a weak memory
//! may show, with a death at each step of the protocol, recovery beside the survivor, and a new incarnation.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p tricine-channel --test loom --release --target-dir target/loom`
//!
//! What a thread does from its death on is what recovery and the successor do: the fence between them, that the dead
//! write nothing any more, is the kernel's (invariant I3) and taken for granted here.

#![cfg(loom)]

mod claim;
mod fifo;
mod mailbox;
mod register;
mod seeded;
mod tap;
mod world;
