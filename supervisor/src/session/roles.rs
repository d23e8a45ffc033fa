//! The roles at work: started, heard, watched.

use std::os::fd::AsFd;

use nix::sys::signal::Signal;
use tricine_channel::time::mono_ns;
use tricine_session::Result;
use tricine_session::channel::StreamRegion;
use tricine_session::control::Role;
use tricine_session::link::{DisplaySpec, FromRole, SinkSpec, Spec, ToRole, Work};
use tricine_session::role::Inherits;

use super::{MS, Session};
use crate::child;
use crate::janitor::Janitor;

/// How long a hung role has between SIGABRT and SIGKILL.
const ABORT_NS: u64 = 500 * MS;

impl Session {
    pub(super) fn start_all(&mut self) {
        let now = mono_ns();
        for role in Role::ALL {
            if role != Role::Audio || self.sink.is_some() {
                self.posts[role].start_at_ns = Some(now);
            }
        }
    }

    pub(super) fn start(&mut self, role: Role) -> Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        let mine = |c: &&StreamRegion| role.side(c.name().kind).is_some();
        let spec = Spec {
            session: self.name.clone(),
            channels: self.channels.iter().filter(mine).map(|c| c.name().clone()).collect(),
            unpaced: self.options.unpaced,
            restarts: self.posts[role].restarts,
            verbosity: self.options.verbose,
            work: Work {
                input: current.spec.clone(),
                mode: self.options.mode,
                skip_past_ns: self.skip_past_ns,
                stream_header: self.opened.as_ref().and_then(|o| o.stream_header.clone()),
                sink: self.sink.clone(),
                display: self.display.clone(),
                title: format!("{} — Tricine", current.title),
                fullscreen: self.options.fullscreen,
            },
        };
        let achieved = self.achieved(role);
        let input = match role.entry().inherits {
            Inherits::Input => current.file.as_ref().map(|f| f.as_fd()),
            Inherits::SoundSocket if matches!(self.sink, Some(SinkSpec::Auto | SinkSpec::Pulse)) => {
                self.sound_socket.lend()
            }
            Inherits::SoundSocket | Inherits::Nothing => None,
        };
        let stdout = role.entry().draws && self.display == DisplaySpec::Terminal;
        if stdout {
            self.status.hold();
            self.janitor.iter_mut().for_each(Janitor::terminal_is_drawn_on);
        }
        let running = child::start(role, &current.title, &spec, input, stdout, achieved)?;
        let post = &mut self.posts[role];
        post.last_pid = Some(running.child.pid);
        post.start_at_ns = None;
        post.running = Some(running);
        Ok(())
    }

    pub(super) fn listen(&mut self, role: Role) -> Result<()> {
        let Some(running) = &mut self.posts[role].running else { return Ok(()) };
        let messages = running.messages();
        for line in running.log_lines() {
            self.status.log(role, &line, self.options.quiet, self.options.verbose);
        }
        for message in messages {
            self.heard(role, message)?;
        }
        Ok(())
    }

    fn heard(&mut self, role: Role, message: FromRole) -> Result<()> {
        let post = &mut self.posts[role];
        match message {
            FromRole::Ready => {
                if let Some(running) = &mut post.running {
                    running.ready = true;
                }
            }
            FromRole::Opened(opened) if role == Role::Decoder => self.opened(opened),
            FromRole::NeedChannel { kind, capacity, base, resume_pts_ns, resume_serial } if role == Role::Decoder => {
                self.make_channel(kind, capacity, base, resume_pts_ns, resume_serial)?;
            }
            FromRole::Switched { kind, generation } => {
                // A word that names a region which nobody made led it there.
                if !self.channels.iter().any(|c| c.name().kind == kind && c.name().generation == generation) {
                    return self.replace(kind);
                }
                for channel in
                    self.channels.extract_if(.., |c| c.name().kind == kind && c.name().generation < generation)
                {
                    channel.name().unlink()?;
                }
            }
            FromRole::Output(output) => {
                tracing::info!("{role}: {output}");
                post.output = Some(output);
                if role == Role::Renderer && self.display == DisplaySpec::Terminal {
                    self.drawn = true;
                    if self.keyboard.is_some() {
                        self.tell(Role::Renderer, &ToRole::Answer);
                    }
                }
            }
            FromRole::Key(key) => self.key(key),
            FromRole::Ended { serial } => {
                post.ended = Some(serial);
                self.ended();
            }
            FromRole::Notice(text) => self.status.notice(&text),
            FromRole::Failed(why) => {
                if let Some(running) = &mut post.running {
                    running.failed = Some(why);
                }
            }
            FromRole::Opened(_) | FromRole::NeedChannel { .. } => {
                tracing::warn!("{role} said what only the decoder may say");
            }
        }
        Ok(())
    }

    /// A role whose heart has stopped is first asked for a core, then killed.
    pub(super) fn watch(&mut self, role: Role, now: u64) -> Result<()> {
        let rebased = self.rebased_ns;
        let beat = self.control.pulse(role).heartbeat_ns.get();
        let Some(running) = &mut self.posts[role].running else { return Ok(()) };
        let entry = role.entry();
        let patience = if running.ready { entry.beats_within } else { entry.ready_within }.as_nanos() as u64;
        let last = beat.min(now).max(running.started_ns).max(rebased);
        match running.aborted_ns {
            Some(at) if now >= at + ABORT_NS => running.child.signal(Signal::SIGKILL)?,
            Some(_) => {}
            None if now.saturating_sub(last) > patience => {
                running.verdict = Some(if running.ready { "it hung".into() } else { "it was never ready".into() });
                running.aborted_ns = Some(now);
                running.child.signal(Signal::SIGABRT)?;
            }
            None => {}
        }
        Ok(())
    }

    /// Frames and blocks that a role has handed over, over all its incarnations.
    pub(super) fn achieved(&self, role: Role) -> u64 {
        (role.entry().achieved)(&self.control)
    }
}
