//! The lab: a learner is the scheduler of a small program, and repairs it. The same program is searched exhaustively here,
//! every schedule and every death, and stepped on real processes elsewhere.
//!
//! Everything in this crate is pure: no file, no clock, no process, no unsafe code. It compiles to WebAssembly as it is.
//!
//! Read in this order: [`lang`] (the language), [`machine`] (one step), [`model`] (the whole state, and the search),
//! [`schedule`] and [`run`] (replaying, in words), [`verdict`], [`lesson`], [`html`].

#![forbid(unsafe_code)]

pub mod html;
pub mod lang;
pub mod lesson;
pub mod machine;
pub mod model;
pub mod run;
pub mod schedule;
pub mod verdict;

pub use lesson::{Lesson, check, check_within};
pub use verdict::Verdict;
