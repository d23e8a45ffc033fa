//! One role's process, as the supervisor holds it: the process, its control socket, and the last lines of its log.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use tricine_channel::time::mono_ns;
use tricine_session::control::Role;
use tricine_session::link::{FromRole, Link, Spec, ToRole};
use tricine_session::name::shown;
use tricine_session::process::{Child, Spawn};
use tricine_session::{Error, Result};

use crate::admission::Allowance;

/// Lines of a role's log that are kept for its obituary.
const KEPT_LINES: usize = 8;

/// A role that ends hangs up a moment before it is gone.
const GRACE_NS: u64 = 1_000_000_000;

/// Messages that wait for room in a role's socket, which takes many more.
const MOST_WAITING: usize = 64;

/// A running role.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its process.
    pub(crate) child: Child,
    /// Its control socket.
    pub(crate) link: Link,
    /// What there was no room for in its socket.
    waiting: RefCell<VecDeque<(ToRole, Vec<OwnedFd>)>>,
    /// When it had hung up, which an honest role does when it dies and no sooner, in ns on CLOCK_MONOTONIC.
    hung_up_ns: Option<u64>,
    log: std::fs::File,
    /// Nothing comes from there any more.
    log_ended: bool,
    partial: Vec<u8>,
    /// How often it may speak, say something to the user, and log.
    talk: Allowance,
    hints: Allowance,
    log_talk: Allowance,
    /// It has talked without end, and is to die.
    pub(crate) silenced: bool,
    /// The last lines of its log.
    pub(crate) lines: VecDeque<String>,
}

/// Starts `role` on `spec`. `title` is what `ps` shows after its name; `files` go with its orders.
pub(crate) fn start(
    role: Role,
    title: &str,
    spec: &Spec,
    input: Option<BorrowedFd<'_>>,
    files: &[BorrowedFd<'_>],
    stdout: bool,
) -> Result<Running> {
    let (ours, theirs) = Link::pair()?;
    ours.order(&ToRole::Start(Box::new(spec.clone())), files)?;
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
    // A library that logs everything is heard only where that is wanted.
    let loud = if spec.verbosity > 0 { 50 } else { 1 };
    Ok(Running {
        child,
        link: ours,
        waiting: RefCell::default(),
        hung_up_ns: None,
        log: log.into(),
        log_ended: false,
        partial: Vec::new(),
        talk: Allowance::new(10_000, 2_000),
        hints: Allowance::new(20, 2),
        log_talk: Allowance::new(100 * loud, 20 * loud),
        silenced: false,
        lines: VecDeque::new(),
    })
}

/// What a role has said since.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Whether it has said anything.
    pub(crate) any: bool,
    /// What of it was understood.
    pub(crate) messages: Vec<FromRole>,
    /// It has said more than any role that works has to say.
    pub(crate) flood: bool,
}

impl Running {
    /// What it has said; nothing once the other end is gone. A message that is not understood is dropped with a warning.
    pub(crate) fn messages(&mut self) -> Heard {
        let mut heard = Heard::default();
        let now_ns = mono_ns();
        // Bounded, so that a role that talks without end does not keep the supervisor.
        for _ in 0..64 {
            let message = self.link.receive();
            match message {
                Ok(None) => break,
                Err(Error::Disconnected) => {
                    self.hung_up_ns.get_or_insert(now_ns);
                    break;
                }
                _ => {}
            }
            heard.any = true;
            heard.flood |= !self.talk.take(now_ns);
            match message {
                // A hint for the user and no more: one too many is dropped.
                Ok(Some(FromRole::Notice(_))) if !self.hints.take(now_ns) => {}
                Ok(message) => heard.messages.extend(message),
                Err(error) => self.complain(&error.to_string()),
            }
        }
        heard
    }

    /// Says that a message was dropped; not more often than anybody reads.
    pub(crate) fn complain(&mut self, what: &str) {
        if self.hints.take(mono_ns()) {
            tracing::warn!("a message of a role is dropped: {}", shown(what));
        }
    }

    /// The lines that it has logged since, as many as anybody reads; the last ones are kept in any case.
    pub(crate) fn log_lines(&mut self) -> Vec<String> {
        let mut buffer = [0; 4096];
        for _ in 0..16 {
            match self.log.read(&mut buffer) {
                Ok(0) => {
                    self.log_ended = true;
                    break;
                }
                Ok(n) => self.partial.extend_from_slice(&buffer[..n]),
                Err(_) => break,
            }
        }
        let mut lines = Vec::new();
        while let Some(end) = self.partial.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = shown(OsStr::from_bytes(line.trim_ascii()));
            if line.is_empty() {
                continue;
            }
            if self.log_talk.take(mono_ns()) {
                lines.push(line.clone());
            }
            self.lines.push_back(line);
        }
        self.partial.truncate(4096);
        while self.lines.len() > KEPT_LINES {
            self.lines.pop_front();
        }
        lines
    }

    /// Where its messages come from; `None` once it has hung up: that would be heard again and again.
    pub(crate) fn link_fd(&self) -> Option<BorrowedFd<'_>> {
        self.hung_up_ns.is_none().then(|| self.link.as_fd())
    }

    /// Where its log comes from; `None` once that has ended.
    pub(crate) fn log_fd(&self) -> Option<BorrowedFd<'_>> {
        (!self.log_ended).then(|| self.log.as_fd())
    }

    /// Whether it can be told nothing any more and has not died of it, though it had the time.
    pub(crate) fn has_hung_up(&self, now_ns: u64) -> bool {
        self.hung_up_ns.is_some_and(|at_ns| now_ns.saturating_sub(at_ns) > GRACE_NS)
    }

    /// Says something to it, once there is room; a role that is gone or deaf is noticed by other means.
    pub(crate) fn tell(&self, message: &ToRole, files: &[BorrowedFd<'_>]) {
        self.pump();
        let mut waiting = self.waiting.borrow_mut();
        // What came before goes before. That there is something to look at is said by any message.
        if waiting.is_empty() && self.sent(message, files) || *message == ToRole::State {
            return;
        }
        let copies = files.iter().map(BorrowedFd::try_clone_to_owned).collect::<std::io::Result<_>>();
        match copies {
            Ok(copies) if waiting.len() < MOST_WAITING => waiting.push_back((message.clone(), copies)),
            // It has heard none of so many: whoever counts heartbeats ends it.
            Ok(_) => {
                tracing::warn!("{message:?} is not said: a role has heard nothing of {MOST_WAITING} messages before")
            }
            Err(error) => tracing::warn!("{message:?} is not said: {error}"),
        }
    }

    /// Says what had to wait, as far as there is room now.
    pub(crate) fn pump(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some((message, files)) = waiting.front() {
            let files: Vec<BorrowedFd<'_>> = files.iter().map(AsFd::as_fd).collect();
            if !self.sent(message, &files) {
                return;
            }
            waiting.pop_front();
        }
    }

    /// Whether it need not be said again.
    fn sent(&self, message: &ToRole, files: &[BorrowedFd<'_>]) -> bool {
        match self.link.order(message, files) {
            Ok(sent) => sent,
            Err(Error::Disconnected) => true,
            Err(error) => {
                tracing::warn!("{error}");
                true
            }
        }
    }
}
