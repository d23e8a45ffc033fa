//! How the tools print: into a pipe whose reader may go away, as in `kill-sweep | head`. `println!` would panic aloud.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _, stdout};

/// As `println!`. Where nobody reads any more, the tool ends without a word, with exit code 101; what it had started is cleaned away.
#[macro_export]
macro_rules! say {
    () => { $crate::say::write(format_args!("\n")) };
    ($($part:tt)*) => { $crate::say::write(format_args!("{}\n", format_args!($($part)*))) };
}

/// As [`say!`], without the end of the line.
#[macro_export]
macro_rules! say_part {
    ($($part:tt)*) => { $crate::say::write(format_args!($($part)*)) };
}

/// Writes to standard output. Panics: that fails; in silence, if its reader has gone.
pub fn write(what: Arguments<'_>) {
    match stdout().lock().write_fmt(what) {
        Ok(()) => {}
        // An unwinding, and no exit: whoever is on the stack kills and unlinks what is theirs.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::panic::resume_unwind(Box::new("nobody reads")),
        Err(error) => panic!("standard output: {error}"),
    }
}
