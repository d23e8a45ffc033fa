//! One role's process, as the supervisor holds it: the process, its control socket, and the last lines of its log.

use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

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
    log: std::fs::File,
    partial: Vec<u8>,
    /// The last lines of its log.
    pub(crate) lines: VecDeque<String>,
}

/// Starts `role` on `spec`. `title` is what `ps` shows after its name.
pub(crate) fn start(
    role: Role,
    title: &str,
    spec: &Spec,
    input: Option<BorrowedFd<'_>>,
    stdout: bool,
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
    Ok(Running { child, link: ours, log: log.into(), partial: Vec::new(), lines: VecDeque::new() })
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
