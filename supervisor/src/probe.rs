//! What there is on this machine to show pictures and to play sound: a question to the process that would do it. That process may
//! hang where a server accepts a connection and never answers; the supervisor waits for so long and no longer, and ends it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use tricine_channel::sys::fds;
use tricine_channel::time::Deadline;
use tricine_session::control::Role;
use tricine_session::link::{DisplaySpec, Finding, LONGEST, Link, ToRole};
use tricine_session::name::shown;
use tricine_session::process::{Child, Spawn};
use tricine_session::{Error, Result};

use crate::cli::Display;

/// How long a killed process may take to be gone, in ms: longer, and it is stuck in the kernel.
const GONE_MS: u16 = 500;

/// A role's process that was asked.
#[derive(Debug)]
pub(crate) struct Probe {
    role: Role,
    /// `None` once it is left to somebody else to reap.
    child: Option<Child>,
    link: Link,
    /// `None`: it may take as long as it likes.
    deadline: Option<Deadline>,
}

impl Probe {
    /// Asks. Waits for nothing.
    ///
    /// Errors: there is no process to be had.
    pub(crate) fn start(role: Role) -> Result<Self> {
        Self::ask(role, "probe", &ToRole::Probe, false)
    }

    /// Asks for a connection to the server that the role plays on; if it is to be `patient`, as soon as there is one. Waits for nothing.
    ///
    /// Errors: there is no process to be had.
    pub(crate) fn connecting(role: Role, patient: bool) -> Result<Self> {
        Self::ask(role, "connection", &ToRole::Connect { patient }, patient)
    }

    fn ask(role: Role, what: &str, question: &ToRole, patient: bool) -> Result<Self> {
        let (ours, theirs) = Link::pair()?;
        ours.send(question)?;
        let title = format!("tricine: {what} of {role}");
        let child = Spawn { title, role: role.name(), link: theirs.as_fd(), input: None, stdout: false, bound: true };
        let deadline = (!patient).then(|| Deadline::after(role.entry().answers_within));
        Ok(Self { role, child: Some(child.start()?), link: ours, deadline })
    }

    /// Which role's process it is.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The connection that was asked for, and the version of the protocol that is spoken there; or why there is none, in words for the user. Once
    /// it is readable or overdue, this waits for nothing.
    pub(crate) fn connection(&self) -> Result<(u16, OwnedFd), String> {
        let name = self.role.entry().looks_for;
        let gone = || format!("the process that connects to a {name} has ended without an answer");
        let answer = fds::try_receive(&self.link, LONGEST).map_err(|_| gone())?;
        let Some((bytes, files)) = answer else { return Err(format!("no {name} has answered in time")) };
        match serde_json::from_slice(&bytes).map_err(|_| gone())? {
            Finding::Line(Ok(version)) => Ok((version, files.into_iter().next().ok_or_else(gone)?)),
            Finding::Line(Err(why)) => Err(shown(why)),
            Finding::Outlet(_) | Finding::Formats(_) => Err(gone()),
        }
    }

    /// The answer; or why there is none in time, in words for the user.
    pub(crate) fn answer(&self) -> Result<Finding, String> {
        let (name, seconds) = (self.role.entry().looks_for, self.role.entry().answers_within.as_secs());
        match self.link.wait(self.deadline.unwrap_or(Deadline::NOW)).and_then(|_| self.link.receive()) {
            Ok(Some(found)) => Ok(plain(found)),
            Ok(None) => Err(format!("no {name} has answered within {seconds} s; it accepts connections and may hang")),
            Err(Error::Disconnected) => Err(format!("the process that looks for a {name} has ended without an answer")),
            Err(error) => Err(format!("the process that looks for a {name}: {error}")),
        }
    }

    /// Readable once there is an answer.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// Whether there will be no answer in time.
    pub(crate) fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline.remaining().is_zero())
    }

    /// Whether it has found something to show or to play on. Once it is readable or overdue, this waits for nothing.
    pub(crate) fn has_found_outlet(&self) -> bool {
        matches!(self.answer(), Ok(Finding::Outlet(Ok(_))))
    }

    /// Ends the process, and leaves it to be reaped.
    pub(crate) fn end(&mut self) -> Option<Child> {
        let child = self.child.take();
        child.iter().for_each(|child| drop(child.signal(Signal::SIGKILL)));
        child
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let Some(child) = self.end() else { return };
        let _ = poll(&mut [PollFd::new(child.as_fd(), PollFlags::POLLIN)], PollTimeout::from(GONE_MS));
        let _ = child.try_reap();
    }
}

/// What was found, as text that a terminal shows and does not obey: parts of it come from servers.
fn plain(found: Finding) -> Finding {
    match found {
        Finding::Outlet(outcome) => Finding::Outlet(outcome.map(shown).map_err(shown)),
        Finding::Line(line) => Finding::Line(line.map_err(shown)),
        Finding::Formats(kinds) => Finding::Formats(
            kinds.into_iter().map(|(kind, names)| (shown(kind), names.into_iter().map(shown).collect())).collect(),
        ),
    }
}

/// What the user wants, or the first that there is: a window where a display `server` answers, the `terminal`, nothing.
pub(crate) fn choose_display(wanted: &Display, server: bool, terminal: bool) -> DisplaySpec {
    match wanted {
        Display::Is(display) => display.clone(),
        Display::Auto if server => DisplaySpec::Window,
        Display::Auto if terminal => DisplaySpec::Terminal,
        Display::Auto => DisplaySpec::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_comes_before_the_terminal_and_that_before_nothing() {
        for (server, terminal, wanted) in [
            (true, true, DisplaySpec::Window),
            (true, false, DisplaySpec::Window),
            (false, true, DisplaySpec::Terminal),
            (false, false, DisplaySpec::None),
        ] {
            assert_eq!(choose_display(&Display::Auto, server, terminal), wanted);
            assert_eq!(choose_display(&Display::Is(DisplaySpec::Window), server, terminal), DisplaySpec::Window);
        }
    }

    #[test]
    fn what_servers_say_is_shown_and_not_obeyed() {
        let found = plain(Finding::Outlet(Err(format!("\x1b[2Jno\n{}", "x".repeat(1000)))));
        let Finding::Outlet(Err(why)) = found else { panic!("{found:?}") };
        assert!(why.starts_with(r"\u{1b}[2Jno\u{a}xxx") && why.len() < 400, "{why}");
    }
}
