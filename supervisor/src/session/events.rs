//! Where events come from. To add a source is a line in [`Session::sources`] and one in [`Session::take_up`].

use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::{TimeSpec, TimeValLike};
use tricine_channel::time::mono_ns;
use tricine_session::control::Role;
use tricine_session::{Error, Result};

use super::{KINDS, MS, Session, index};
use crate::out::Out;
use crate::probe::Probe;
use crate::report::Ended;
use crate::supervision::Event;

/// How often the loop looks round though nothing happened.
const TICK_NS: u64 = 250 * MS;
/// The loop woke so much later than it wanted to: the whole machine stood still.
const STALL_NS: u64 = 500 * MS;

/// What a descriptor that is ready means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// A signal has come.
    Signals,
    /// Somebody has typed.
    Keyboard,
    /// There is room for what waits to be written.
    Room,
    /// The janitor is dead.
    Janitor,
    /// It is known whether there is a display.
    Display,
    /// There is a connection for a role, or none to be had.
    Connected,
    /// An input is open, or cannot be opened.
    Opening,
    /// A picture is saved, or cannot be.
    Saved,
    /// A role has said something.
    Said(Role),
    /// A role has logged something.
    Logged(Role),
    /// A role is dead.
    Died(Role),
}

impl Session {
    fn sources(&self) -> Vec<(Source, BorrowedFd<'_>, PollFlags)> {
        let read = |source, fd| Some((source, fd, PollFlags::POLLIN));
        let mut sources = vec![
            read(Source::Signals, self.signals.as_fd()),
            self.keyboard.as_ref().and_then(|keyboard| read(Source::Keyboard, keyboard.as_fd())),
            Out::stderr().waiting().map(|fd| (Source::Room, fd, PollFlags::POLLOUT)),
            self.janitor.as_ref().and_then(|janitor| read(Source::Janitor, janitor.as_fd())),
            self.probe.as_ref().and_then(|probe| read(Source::Display, probe.as_fd())),
            self.connecting.as_ref().and_then(|probe| read(Source::Connected, probe.as_fd())),
            self.opening.as_ref().and_then(|opening| read(Source::Opening, opening.as_fd())),
            self.saving.as_ref().and_then(|saving| read(Source::Saved, saving.as_fd())),
        ];
        for role in Role::ALL {
            let running = self.running(role);
            sources.push(running.and_then(|r| read(Source::Said(role), r.link_fd()?)));
            sources.push(running.and_then(|r| read(Source::Logged(role), r.log_fd()?)));
            sources.push(running.and_then(|r| read(Source::Died(role), r.child.as_fd())));
        }
        sources.into_iter().flatten().collect()
    }

    pub(super) fn take_up(&mut self, source: Source) -> Result<()> {
        match source {
            Source::Signals => self.signals(),
            Source::Keyboard => self.typed(),
            Source::Room => {
                Out::stderr().pump();
                Ok(())
            }
            Source::Janitor => self.janitor_died(),
            Source::Display => self.display_found(),
            Source::Connected => {
                self.connected();
                Ok(())
            }
            Source::Opening => self.answered(),
            Source::Saved => {
                self.saved();
                Ok(())
            }
            Source::Said(role) => self.listen(role).map(drop),
            Source::Logged(role) => {
                self.log(role);
                Ok(())
            }
            Source::Died(role) => self.bury(role),
        }
    }

    /// Sleeps until something happens or is due. What is ready.
    pub(super) fn wait(&mut self) -> Result<Vec<Source>> {
        let now = mono_ns();
        let due = [self.escape_at_ns, self.supervision.due_ns(), Some(now + TICK_NS)].into_iter().flatten().min();
        let due = due.unwrap_or(now);
        let timeout = TimeSpec::nanoseconds(due.saturating_sub(now) as i64);
        let sources = self.sources();
        let mut fds: Vec<_> = sources.iter().map(|&(_, fd, flags)| PollFd::new(fd, flags)).collect();
        let polled = ppoll(&mut fds, Some(timeout), None);
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|flags| !flags.is_empty());
        let ready = sources.iter().zip(&fds).filter(|(_, fd)| ready(fd)).map(|((source, ..), _)| *source).collect();
        // Who was kept from waking in time was not alone in that: a machine that stood still is no role that hangs.
        if mono_ns().saturating_sub(due) > STALL_NS {
            self.tell(Event::Rebased)?;
        }
        match polled {
            Ok(_) => Ok(ready),
            Err(nix::Error::EINTR) => Ok(Vec::new()),
            Err(e) => Err(Error::sys("ppoll", "supervisor", e)),
        }
    }

    /// What is due.
    pub(super) fn timers(&mut self) -> Result<()> {
        if self.escape_at_ns.is_some_and(|at| mono_ns() >= at) {
            self.typed()?;
        }
        if self.probe.as_ref().is_some_and(Probe::is_overdue) {
            self.display_found()?;
        }
        if self.connecting.as_ref().is_some_and(Probe::is_overdue) {
            self.connected();
        }
        if !self.supervision.is_ending()
            && let Some(how) = self.harmed()
        {
            self.status.error(&format!("the control region was {how} by another program: this session cannot go on"));
            self.tell(Event::Stop(Ended::Failed))?;
        }
        for role in Role::ALL {
            self.end_who_hung_up(role)?;
            if let Some(running) = self.running(role) {
                running.pump();
                let at_ns = self.control.pulse(role).heartbeat_ns.get();
                self.tell(Event::Beat { role: index(role), at_ns })?;
            }
        }
        for kind in 0..KINDS.len() {
            if self.awaited_lawfully(kind) {
                self.tell(Event::Waits { kind })?;
            }
        }
        self.tell(Event::Tick)?;
        self.leaving.retain(|child| matches!(child.try_reap(), Ok(None)));
        self.settle_gaps(mono_ns());
        self.tell_too_slow();
        let place = if self.status.is_due() { self.place() } else { Vec::new() };
        self.status.tick(&self.control, &self.state, self.position_ns(), place);
        Ok(())
    }

    /// What has become of the control region that the session cannot go on with. Roles may have obeyed what another
    /// program has written over what we said: a serial that is none cannot be taken back.
    fn harmed(&self) -> Option<&'static str> {
        // Read first: that is how a loss is met.
        let overwritten = self.control.state().is_none_or(|(_, read)| read.encode() != self.state.encode());
        if self.control.lost() { Some("truncated") } else { overwritten.then_some("overwritten") }
    }

    fn janitor_died(&mut self) -> Result<()> {
        if self.janitor.as_ref().is_some_and(crate::janitor::Janitor::is_gone) {
            self.janitor = None;
            return self.tell(Event::NoJanitor);
        }
        Ok(())
    }
}
