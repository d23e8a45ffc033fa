//! The end of a session.

use std::time::Duration;

use nix::sys::signal::Signal;
use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::Result;
use tricine_session::control::Role;

use super::Session;
use super::words::GAP_NS;
use crate::child::Running;
use crate::out::Out;
use crate::outputs;
use crate::report::{self, Ended};

/// How long the terminal is waited for at the end.
const GIVE_BACK: Duration = Duration::from_millis(500);
/// How long a picture is waited for that is being saved.
const SAVED: Duration = Duration::from_secs(1);
/// How long roles are waited for that were killed because the loop broke.
const GONE: Duration = Duration::from_secs(2);

impl Session {
    pub(super) fn leave_terminal(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let out = Out::new(std::io::stdout());
            out.line(tricine_session::terminal::LEAVE);
            // A terminal that takes nothing, such as one behind a dead connection, is not waited for longer.
            out.drain(GIVE_BACK);
        }
    }

    /// Everybody is gone (or the loop broke): the terminal is given back.
    pub(super) fn close(&mut self) {
        let broke: Vec<Running> = self.posts.iter_mut().filter_map(|post| post.running.take()).collect();
        for running in &broke {
            let _ = running.child.signal(Signal::SIGKILL);
        }
        if let Some(saving) = &self.saving {
            saving.wait(Deadline::after(SAVED));
        }
        self.saved();
        let deadline = Deadline::after(GONE);
        while broke.iter().any(|r| matches!(r.child.try_reap(), Ok(None))) && !deadline.remaining().is_zero() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.tell_pace();
        self.status.clear();
        self.leave_terminal();
        self.keyboard = None;
        self.status.release();
    }

    /// Writes the report. The exit code.
    pub(super) fn report(&mut self, how: Ended) -> Result<i32> {
        let now = mono_ns();
        self.settle_gaps(now + GAP_NS);
        self.outputs.finish(&self.options, how == Ended::Played)?;
        if let Some(output) = self.outputs.report.take() {
            let roles = Role::ALL.map(|role| {
                let post = &self.posts[role];
                let (pid, restarts, usage) = (post.last_pid, post.restarts, post.usage);
                report::RoleReport {
                    name: role.name(),
                    pid,
                    restarts,
                    usage,
                    walls: post.walls.map(|walls| walls.to_string()),
                }
            });
            let report = report::play(&report::Played {
                input: self.current.as_ref().map(|i| &i.name),
                ended: how,
                opened: self.described.as_ref().or(self.opened.as_ref()),
                mode: self.options.mode,
                sink: self.posts[Role::Audio].output.as_deref(),
                display: self.posts[Role::Renderer].output.as_deref(),
                control: &self.control,
                started_ns: self.started_ns,
                now_ns: now,
                roles: &roles,
                restarts: &self.restarts,
                regions_replaced: self.regions_replaced,
            });
            outputs::write(output, &report)?;
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
