//! What a role's death brings with it: its channels are recovered, it is started again or given up, and what was
//! seen of it is measured.

use std::io::IsTerminal;

use nix::sys::signal::Signal;
use tricine_channel::Error as ChannelError;
use tricine_channel::sys::process::{Exit, Reaped};
use tricine_channel::time::mono_ns;
use tricine_session::channel::{Kind, Side, discard, held_by_consumer, recover};
use tricine_session::control::Role;
use tricine_session::link::DisplaySpec;
use tricine_session::{Error, Result};

use super::{MS, Session};
use crate::cli::Display;
use crate::policy::{Action, Limit};
use crate::probe::choose_display;
use crate::report::{Ended, Restart};

/// How long after a crash its visible gap is settled.
pub(super) const GAP_NS: u64 = 1_500 * MS;

/// How a role has died, or that it could not be started.
#[derive(Debug)]
struct Death {
    /// In words.
    cause: String,
    /// Not by its own doing: what it worked on need not be left out.
    shot: bool,
    /// A frame was taken out of circulation that has killed it twice.
    poisoned: bool,
    /// When its process was started, in ns.
    started_ns: u64,
    /// Whether it has handed anything over in its life.
    achieved: bool,
    /// The last lines of its log.
    lines: Vec<String>,
}

impl Session {
    /// Reaps a role if it has died, and does what is to be done about it.
    pub(super) fn bury(&mut self, role: Role) -> Result<()> {
        let Some(running) = &self.posts[role].running else { return Ok(()) };
        let Some(reaped) = running.child.try_reap()? else { return Ok(()) };
        let exit = reaped.exit();
        // What it said last counts.
        self.listen(role)?;
        let post = &mut self.posts[role];
        let Some(running) = post.running.take() else { return Ok(()) };
        post.usage.add(reaped.usage());
        // Who was killed for a region's sake has nothing to say about the next one.
        let mut broken = if running.moving { Vec::new() } else { self.broken(role, exit) };
        let poisoned = self.recover(role, &reaped, &mut broken)?;
        if self.stop.is_some() {
            return Ok(());
        }
        for kind in broken {
            self.replace(kind)?;
        }
        if running.moving {
            self.moved(role);
            return Ok(());
        }
        if running.quitting {
            if role == Role::Decoder {
                self.posts[role].start_at_ns = Some(mono_ns());
            }
            return Ok(());
        }
        match running.failed {
            Some(ref why) => self.role_failed(role, why),
            None => {
                let cause = running.verdict.clone().map_or(exit.to_string(), |v| format!("{v}, {exit}"));
                let lines = Vec::from(running.lines);
                // Whoever was shot from outside did not die of what it had before it.
                let shot = exit == Exit::Signal(Signal::SIGKILL as i32);
                let (started_ns, achieved) = (running.started_ns, self.achieved(role) > running.achieved);
                self.crashed(role, &Death { cause, shot, poisoned, started_ns, achieved, lines });
            }
        }
        Ok(())
    }

    /// Recovers the dead role's channels, but for those that are broken. Whether a frame was taken out of circulation
    /// that has killed it twice. A channel that cannot be recovered is broken as well: its claim is not the dead role's.
    fn recover(&mut self, role: Role, reaped: &Reaped, broken: &mut Vec<Kind>) -> Result<bool> {
        let mut poisoned = false;
        // Whoever was shot from outside was not killed by a frame.
        let by_itself = reaped.exit() != Exit::Signal(Signal::SIGKILL as i32);
        let given_up = broken.clone();
        for channel in self.channels.iter().filter(|c| !given_up.contains(&c.name().kind)) {
            let Some(side) = role.side(channel.name().kind) else { continue };
            let post = &mut self.posts[role];
            if side == Side::Consumer {
                let held = held_by_consumer(channel).map(|seq| seq + channel.base()).filter(|_| by_itself);
                if held.is_some() && held == post.held {
                    poisoned = discard(channel, held.unwrap_or(0) - channel.base(), reaped).is_ok();
                }
                post.held = held;
            }
            match recover(channel, side, reaped) {
                Err(ChannelError::Claimed { .. }) => broken.push(channel.name().kind),
                done => done?,
            }
        }
        Ok(poisoned)
    }

    /// A role's process could not even be made. At the first start that is the session's end; later it is a crash like
    /// any other, since processes, memory and descriptors come and go.
    pub(super) fn not_started(&mut self, role: Role, error: &Error) {
        if self.posts[role].last_pid.is_none() {
            self.unplayable = true;
            self.status.error(&format!("{error}; `ulimit -a` shows this user's limits"));
            self.stop(Ended::Failed);
        } else {
            let (started_ns, cause) = (mono_ns(), format!("it could not be started: {error}"));
            self.crashed(
                role,
                &Death { cause, shot: true, poisoned: false, started_ns, achieved: false, lines: Vec::new() },
            );
        }
    }

    /// A role has ended itself and said why.
    fn role_failed(&mut self, role: Role, why: &str) {
        match role {
            Role::Decoder => {
                let name = self.current.as_ref().map(|i| i.name.clone()).unwrap_or_default();
                self.cannot_play(&name, why);
                if self.playlist.is_empty() {
                    self.stop(Ended::Failed);
                } else {
                    self.posts[role].start_at_ns = Some(mono_ns());
                    self.next_input();
                }
            }
            Role::Renderer if self.options.display == Display::Auto && self.display == DisplaySpec::Window => {
                // It has just said that there is no window to be had: nobody is asked again.
                self.display = choose_display(&Display::Auto, false, std::io::stdout().is_terminal());
                if self.display == DisplaySpec::Terminal {
                    self.status.notice(&format!("{why}; going on in the terminal"));
                    self.posts[role].start_at_ns = Some(mono_ns());
                } else {
                    self.unplayable = true;
                    self.status.error(&format!("no display is left to show the film on: {why}"));
                    self.stop(Ended::Failed);
                }
            }
            _ => {
                self.unplayable = true;
                self.status.error(&format!("{role}: {why}"));
                self.stop(Ended::Failed);
            }
        }
    }

    fn crashed(&mut self, role: Role, death: &Death) {
        let now = mono_ns();
        let &Death { ref cause, shot, poisoned, started_ns, achieved, ref lines } = death;
        let limit = Limit { intensity: self.options.restart_limit.0, period: self.options.restart_limit.1 };
        let published = self.achieved(Role::Decoder);
        let post = &mut self.posts[role];
        let action = post.history.on_crash(limit, started_ns, now, achieved, (now % 1000) as f64 / 1000.0);
        if role == Role::Decoder {
            // Nothing came of its last life: what lies ahead kills it.
            let again = post.crashed_at == Some(published) && !shot;
            post.crashed_at = Some(published);
            let here = self.skip_past_ns.unwrap_or(i64::MIN).max(self.position_ns());
            self.skip_past_ns = again.then_some(here);
        }
        self.restarts.push(Restart {
            role: role.name(),
            cause: cause.clone(),
            at_ns: now,
            gap_ns: None,
            audible_gap_ns: None,
            settled: false,
        });
        match action {
            Action::Restart(wait) => {
                let post = &mut self.posts[role];
                post.restarts += 1;
                post.start_at_ns = Some(now + wait.as_nanos() as u64);
                let more = if poisoned { "; the frame that it died of twice is left out" } else { "" };
                self.status.notice(&format!("{role} crashed ({cause}); restarting it{more}"));
                for line in lines.iter().filter(|_| self.options.verbose > 0) {
                    self.status.notice(&format!("  {role}: {line}"));
                }
            }
            Action::GiveUp => {
                let (count, period) = self.options.restart_limit;
                let at = self.control.renderer();
                self.status.error(&format!(
                    "gave up: {role} crashed more than {count} times in {} s, last by {cause}, after frame {} at {:.3} s",
                    period.as_secs_f64(),
                    at.last_seq.get(),
                    at.last_pts_ns.get() as i64 as f64 / 1e9,
                ));
                for line in lines {
                    self.status.error(&format!("  {role}: {line}"));
                }
                self.stop(Ended::GaveUp);
            }
        }
    }

    /// How long nothing new was seen after a crash is known a while after it.
    pub(super) fn settle_gaps(&mut self, now: u64) {
        let page = self.control.renderer();
        for restart in self.restarts.iter_mut().filter(|r| !r.settled && now >= r.at_ns + GAP_NS) {
            restart.settled = true;
            let shown_since = page.last_present_ns.get() > restart.at_ns;
            let within = restart.at_ns..restart.at_ns + GAP_NS;
            restart.gap_ns = shown_since.then(|| page.gaps.longest(within));
            let sound = self.control.audio();
            let (joined, silent_since) = (sound.joined_ns.get(), sound.inherited_until_ns.get().max(restart.at_ns));
            let heard_since = restart.role == Role::Audio.name() && joined > restart.at_ns;
            restart.audible_gap_ns = heard_since.then(|| joined.saturating_sub(silent_since));
        }
    }
}
