//! `tricine stress`: how many frames a second, how late, at what cost, through every mechanism that Linux has.
//!
//! A [`case::Case`] is one thing to measure. `run` starts its two processes (the same executable, by an environment
//! variable, as the player does), which take up the ends of a `transport`, send and receive, and say what they found;
//! `sweep` puts runs into rows, repeated in turns, between two measurements of what memory can do at best; `report`,
//! `table`, `html` and `compare` say it.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
pub mod case;
mod compare;
mod consumer;
mod frame;
mod gathering;
mod html;
mod kill;
pub mod load;
pub mod measure;
mod options;
mod outcome;
pub mod output;
mod pace;
mod plot;
mod producer;
pub mod report;
mod role;
mod run;
mod shm;
mod sweep;
mod table;
mod transport;
mod trust;
mod width;
mod words;

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tricine_shared::{Error, Result};

use case::Role;
pub use options::Options;

/// What the environment calls a role's process.
const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Producer => "stress-producer",
        Role::Consumer => "stress-consumer",
    }
}

/// Runs this process as the role of that name. Its exit code; `None` if there is no such role here.
pub fn role_main(name: &str) -> Option<i32> {
    let role = [Role::Producer, Role::Consumer].into_iter().find(|&role| role_name(role) == name)?;
    Some(role::main(role))
}

/// Measures what `options` ask for, in a session of this name that the caller holds and whose names it removes afterwards.
/// The exit code: 0, 1 if a frame was torn, lost, duplicated or reordered, 2 for options that cannot be meant, 128 + N
/// if signal N stopped it.
pub fn run(options: &Options, session: &str) -> Result<i32> {
    let plan = match options.plan() {
        Ok(plan) => plan,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "tricine stress: {why}");
            return Ok(2);
        }
    };
    // Before anything takes long: what cannot be read or written is said now.
    let comparison = options.compare.as_deref().map(compare::Comparison::read).transpose()?;
    for path in [&options.report, &options.html].into_iter().flatten() {
        writable(path)?;
    }
    let mut stopping = SigSet::empty();
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().for_each(|s| stopping.add(s));
    stopping.thread_block().map_err(|e| Error::sys("sigprocmask", "signals", e))?;
    let signals = SignalFd::with_flags(&stopping, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(|e| Error::sys("signalfd", "signals", e))?;
    let sweep = sweep::Sweep {
        session,
        stop: Some(signals.as_fd()),
        show: !options.quiet && std::io::stderr().is_terminal(),
        count_syscalls: !options.no_syscalls,
        samples: options.samples.as_deref(),
    };
    let Some(report) = sweep.measure(&plan, std::env::args().skip(1).collect())? else {
        let signal = signals.read_signal().ok().flatten().map_or(Signal::SIGINT as i32, |s| s.ssi_signo as i32);
        return Ok(128 + signal);
    };
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = table::render(&report, comparison.as_ref(), table::Paint { colour });
    // A reader that has gone away is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if let Some(path) = &options.report {
        write_whole(path, &(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    if let Some(path) = &options.html {
        write_whole(path, &html::page(&report, comparison.as_ref()))?;
    }
    Ok(i32::from(report.runs.is_empty() || report.runs.iter().any(|row| !row.faults().is_empty())))
}

/// Why a file of the user's cannot be read or written, and what can be done.
pub(crate) fn refused(call: &'static str, path: &Path, why: &std::io::Error) -> Error {
    use std::io::ErrorKind::{
        IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull,
    };
    let advice = match (call, why.kind()) {
        ("write", NotFound | NotADirectory) => "; make its folder first, or choose another",
        ("write", PermissionDenied | ReadOnlyFilesystem) => "; choose a folder that you may write to",
        (_, NotFound) => "; name a report that an earlier run wrote with --report",
        (_, PermissionDenied) => "; allow yourself to read it, or name another",
        (_, IsADirectory) => "; name a file in it",
        (_, StorageFull) => "; make room there, or choose another folder",
        _ => "",
    };
    Error::sys(call, path.display().to_string(), std::io::Error::new(why.kind(), format!("{why}{advice}")))
}

/// Where a file is written before it takes the place of `path`.
fn beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    name.into()
}

/// Whether `path` can be written, by beginning to.
fn writable(path: &Path) -> Result<()> {
    let sure = match path.is_dir() {
        true => Err(std::io::ErrorKind::IsADirectory.into()),
        false => std::fs::File::create(beside(path)).and_then(|_| std::fs::remove_file(beside(path))),
    };
    sure.map_err(|e| refused("write", path, &e))
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let done = std::fs::write(beside(path), text).and_then(|()| std::fs::rename(beside(path), path));
    done.map_err(|e| {
        let _ = std::fs::remove_file(beside(path));
        refused("write", path, &e)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::case::*;
    use tricine_shared::channel::Mode;

    /// A case for tests to change.
    pub(crate) fn case() -> Case {
        Case {
            transport: Transport::Shm,
            guard: Guard::Semaphore,
            mode: Mode::Fifo,
            bytes: 1000,
            payload: Payload::Fill,
            read: Read::All,
            rate: None,
            frames: None,
            seconds: 1.0,
            warmup: 0.1,
            spin_us: None,
            pin: None,
            verify: true,
            expect: false,
            sessions: 1,
            seed: 1,
            kill: None,
            count_syscalls: false,
            samples: false,
            fault: None,
        }
    }
}
