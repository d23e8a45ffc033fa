//! `tricine stress`: how many frames a second, how late, at what cost, through every mechanism that Linux has.
//!
//! A [`case::Case`] is one thing to measure. `run` starts its two processes (the same executable, by an environment
//! variable, as the player does), which take up the ends of a `transport`, send and receive, and say what they found;
//! `sweep` puts runs into rows, repeated in turns, between two measurements of what memory can do at best; `trust` says
//! whether they can be believed and `answer` what they come to; `report`, `table`, `html` and `compare` say it all.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
pub mod board;
pub mod case;
mod columns;
mod compare;
mod consumer;
mod files;
mod frame;
mod gathering;
mod html;
mod kill;
pub mod load;
pub mod measure;
mod options;
mod outcome;
mod pace;
mod parse;
mod plot;
mod producer;
pub mod report;
mod role;
mod run;
mod shm;
mod sweep;
pub mod sys;
mod table;
mod transport;
mod trust;
mod width;
mod words;

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use nix::sys::signal::Signal;
use tricine_session::output::{Output, refused};
use tricine_session::{Result, signals};

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
/// if signal N stopped it; what was measured until then is written all the same.
pub fn run(options: &Options, session: &str) -> Result<i32> {
    let plan = options.plan().and_then(|plan| files::clash(options).map_or(Ok(plan), Err));
    let plan = match plan {
        Ok(plan) => plan,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "tricine stress: {why}");
            return Ok(2);
        }
    };
    // Before anything takes long: what cannot be read or written is said now.
    let comparison = options.compare.as_deref().map(compare::Comparison::read).transpose()?;
    let files = files::Files::open(options)?;
    let take_stdout = files.take_stdout();
    let samples = files.samples.map(begin).transpose()?;
    let signals = signals::take(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP])?;
    let sweep = sweep::Sweep {
        session,
        stop: Some(signals.as_fd()),
        show: !options.quiet && std::io::stderr().is_terminal(),
        count_syscalls: !options.no_syscalls,
        samples,
    };
    let report = sweep.measure(&plan, std::env::args().skip(1).collect())?;
    say(&report, comparison.as_ref(), take_stdout);
    if let Some(output) = files.report {
        files::write(output, (serde_json::to_string_pretty(&report)? + "\n").as_bytes())?;
    }
    if let Some(output) = files.html {
        files::write(output, html::page(&report, comparison.as_ref()).as_bytes())?;
    }
    if report.partial {
        let signal = signals.read_signal().ok().flatten().map_or(Signal::SIGINT as i32, |s| s.ssi_signo as i32);
        return Ok(128 + signal);
    }
    Ok(i32::from(report.runs.is_empty() || report.runs.iter().any(|row| !row.faults().is_empty())))
}

/// Begins the file of each frame's times.
fn begin(output: Output) -> Result<sweep::Samples> {
    let name = output.name().to_owned();
    let writer = output.begin().map_err(|e| refused("write", &name, &e))?;
    sweep::Samples::begin(writer)
}

/// Says the table: on standard output, unless that is a file's.
fn say(report: &report::Report, comparison: Option<&compare::Comparison>, take_stdout: bool) {
    let colour = |terminal: bool| terminal && std::env::var_os("NO_COLOR").is_none();
    // A reader that has gone away is no error.
    if take_stdout {
        let mut out = std::io::stderr();
        let paint = table::Paint { colour: colour(out.is_terminal()), columns: width::of(&out) };
        let _ = out.write_all(table::render(report, comparison, paint).as_bytes());
    } else {
        let mut out = std::io::stdout();
        let paint = table::Paint { colour: colour(out.is_terminal()), columns: width::of(&out) };
        let _ = out.write_all(table::render(report, comparison, paint).as_bytes());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::case::*;
    use tricine_channel::channel::Mode;

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
