//! The end of a session.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use tricine_channel::time::mono_ns;
use tricine_session::Result;
use tricine_session::control::Role;
use tricine_session::link::ToRole;

use super::deaths::GAP_NS;
use super::{MS, Player, Stop, index};
use crate::report::{self, Ended};

/// How long a role may take to stop before it is killed.
const GRACE_NS: u64 = 1_000 * MS;
/// How long the terminal is waited for at the end, in ms.
const GIVE_BACK_MS: u16 = 500;

impl Player {
    pub(super) fn stop(&mut self, how: Ended) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(Stop { how, deadline_ns: mono_ns() + GRACE_NS });
        for post in &mut self.posts {
            post.start_at_ns = None;
            if let Some(running) = &mut post.running {
                running.quitting = true;
                // A stopped process cannot quit.
                let _ = running.child.signal(Signal::SIGCONT);
            }
        }
        for role in Role::ALL {
            self.tell(role, &ToRole::Quit);
        }
    }

    pub(super) fn kill_all(&mut self) {
        for running in self.posts.iter().filter_map(|p| p.running.as_ref()) {
            let _ = running.child.signal(Signal::SIGKILL);
        }
    }

    pub(super) fn leave_terminal(&mut self) {
        if std::mem::take(&mut self.drawn) {
            use std::io::Write;
            let mut out = std::io::stdout();
            // A terminal that takes nothing, such as one behind a dead connection, is not waited for longer.
            let mut room = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
            if !matches!(poll(&mut room, PollTimeout::from(GIVE_BACK_MS)), Ok(n) if n > 0) {
                return;
            }
            let _ = out.write_all(tricine_session::terminal::LEAVE.as_bytes()).and_then(|()| out.flush());
        }
    }

    /// Everybody is gone (or the loop broke): the terminal, the report, the exit code.
    pub(super) fn finish(&mut self, ran: Result<()>) -> Result<i32> {
        self.kill_all();
        for role in Role::ALL {
            while let Some(running) = &self.posts[index(role)].running {
                if let Some(reaped) = running.child.try_reap()? {
                    self.posts[index(role)].usage.add(reaped.usage());
                    self.posts[index(role)].running = None;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.status.clear();
        self.leave_terminal();
        self.keyboard = None;
        self.status.release();
        ran?;
        let how = self.stop.as_ref().map_or(Ended::Failed, |s| s.how);
        let how = if how == Ended::Played && self.unplayable { Ended::Failed } else { how };
        let now = mono_ns();
        self.settle_gaps(now + GAP_NS);
        if let Some(path) = &self.options.report {
            let roles = Role::ALL.map(|role| {
                let post = &self.posts[index(role)];
                report::RoleReport { name: role.name(), pid: post.last_pid, restarts: post.restarts, usage: post.usage }
            });
            let report = report::play(&report::Session {
                input: self.current.as_ref().map_or("", |i| &i.name),
                ended: how,
                opened: self.described.as_ref().or(self.opened.as_ref()),
                mode: self.options.mode,
                sink: self.posts[index(Role::Audio)].output.as_deref(),
                display: self.posts[index(Role::Renderer)].output.as_deref(),
                control: &self.control,
                started_ns: self.started_ns,
                now_ns: now,
                roles: &roles,
                restarts: &self.restarts,
                regions_replaced: self.regions_replaced,
            });
            if let Err(why) = report::write(path, &report) {
                self.status.error(&format!(
                    "cannot write the report {}: {why}; choose another path for --report",
                    path.display()
                ));
                return Ok(1);
            }
        }
        Ok(match how {
            Ended::Played if self.incomplete => 4,
            Ended::Played | Ended::Quit => 0,
            Ended::Failed => 1,
            Ended::GaveUp => 3,
            Ended::Signal(signal) => 128 + signal,
        })
    }
}
