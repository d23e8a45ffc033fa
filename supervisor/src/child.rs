//! One role's process, as the supervisor holds it: the process, its control socket, and the last lines of its log.

use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

use tricine_channel::time::mono_ns;
use tricine_session::control::Role;
use tricine_session::link::{FromRole, Link, Spec, ToRole};
use tricine_session::process::{Child, Spawn};
use tricine_session::{Error, Result};

/// Lines of a role's log that are kept for its obituary.
const KEPT_LINES: usize = 8;

/// A running role.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its process.
    pub(crate) child: Child,
    /// Its control socket.
    pub(crate) link: Link,
    /// When it was started, in ns on CLOCK_MONOTONIC.
    pub(crate) started_ns: u64,
    /// Frames and blocks that its predecessors had handed over by then.
    pub(crate) achieved: u64,
    /// Whether it has said that it is ready.
    pub(crate) ready: bool,
    /// Whether it was told to quit: its end is no crash.
    pub(crate) quitting: bool,
    /// Whether it was killed because a region of its was replaced: it starts again at once.
    pub(crate) moving: bool,
    /// What it said before it ended itself.
    pub(crate) failed: Option<String>,
    /// When it was asked to abort because it hung, in ns.
    pub(crate) aborted_ns: Option<u64>,
    /// Why the supervisor killed it, if it did.
    pub(crate) verdict: Option<String>,
    log: std::fs::File,
    partial: Vec<u8>,
    /// The last lines of its log.
    pub(crate) lines: VecDeque<String>,
}

/// Starts `role` on `spec`. `title` is what `ps` shows after its name; `achieved` what its predecessors have.
pub(crate) fn start(
    role: Role,
    title: &str,
    spec: &Spec,
    input: Option<BorrowedFd<'_>>,
    stdout: bool,
    achieved: u64,
) -> Result<Running> {
    let (ours, theirs) = Link::pair()?;
    ours.send(&ToRole::Start(Box::new(spec.clone())))?;
    let mut child = Spawn {
        title: format!("tricine: {role} {title}"),
        role: role.name(),
        link: theirs.as_fd(),
        input,
        stdout,
        bound: true,
    }
    .start()?;
    let log = child.stderr.take().ok_or(Error::Disconnected)?;
    nix::fcntl::fcntl(&log, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))
        .map_err(|e| Error::sys("fcntl", "log", e))?;
    Ok(Running {
        child,
        link: ours,
        started_ns: mono_ns(),
        achieved,
        ready: false,
        quitting: false,
        moving: false,
        failed: None,
        aborted_ns: None,
        verdict: None,
        log: log.into(),
        partial: Vec::new(),
        lines: VecDeque::new(),
    })
}

impl Running {
    /// What it has said; nothing once the other end is gone. A message that is not understood is dropped with a warning.
    pub(crate) fn messages(&self) -> Vec<FromRole> {
        let mut messages = Vec::new();
        // Bounded, so that a role that talks without end does not keep the supervisor.
        for _ in 0..64 {
            match self.link.receive() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) | Err(Error::Disconnected) => break,
                Err(error) => tracing::warn!("{error}"),
            }
        }
        messages
    }

    /// The lines that it has logged since.
    pub(crate) fn log_lines(&mut self) -> Vec<String> {
        let mut buffer = [0; 4096];
        for _ in 0..16 {
            match self.log.read(&mut buffer) {
                Ok(n) if n > 0 => self.partial.extend_from_slice(&buffer[..n]),
                _ => break,
            }
        }
        let mut lines = Vec::new();
        while let Some(end) = self.partial.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line).trim().to_owned());
        }
        self.partial.truncate(4096);
        lines.retain(|line| !line.is_empty());
        self.lines.extend(lines.iter().cloned());
        while self.lines.len() > KEPT_LINES {
            self.lines.pop_front();
        }
        lines
    }

    /// The descriptor that its log comes from.
    pub(crate) fn log_fd(&self) -> BorrowedFd<'_> {
        self.log.as_fd()
    }

    /// Says something to it; a role that is gone or deaf is noticed by other means.
    pub(crate) fn tell(&self, message: &ToRole) {
        match self.link.send(message) {
            Ok(_) | Err(Error::Disconnected) => {}
            Err(error) => tracing::warn!("{error}"),
        }
    }
}
