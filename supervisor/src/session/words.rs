//! What the supervision has to say, in words; and what a crash has cost.

use nix::sys::signal::Signal;
use tricine_channel::sys::process::Exit;
use tricine_channel::time::mono_ns;
use tricine_session::control::Role;
use tricine_session::name::Name;
use tricine_session::sandbox;

use super::{KINDS, MS, Post, Session};
use crate::report::Restart;
use crate::supervision::{GaveUp, How, Say};

/// How long after a crash its visible gap is settled.
pub(super) const GAP_NS: u64 = 1_500 * MS;

const OUT_OF_MEMORY: &str = "it was out of memory, of which --memory-limit allows more";

fn cause(how: &How, post: &Post) -> String {
    match how {
        How::Exit(exit) => why(*exit, &post.lines).map_or_else(|| exit.to_string(), |why| format!("{exit}, {why}")),
        How::Hung { ready: true, exit } => format!("it hung, {exit}"),
        How::Stalled { exit } => format!("it did not go on to the region that the decoder waits for, {exit}"),
        How::Hung { ready: false, exit } => format!("it was never ready, {exit}"),
        How::NotStarted => format!("it could not be started: {}", post.why.as_deref().unwrap_or_default()),
    }
}

/// What the last lines of a role's log say of its end.
fn why(exit: Exit, lines: &[String]) -> Option<String> {
    let by = |signal: Signal| exit == Exit::Signal(signal as i32);
    let last = |of: &dyn Fn(&str) -> Option<String>| lines.iter().rev().find_map(|line| of(line));
    if by(Signal::SIGSYS) {
        return last(&sandbox::forbidden);
    }
    // As the standard library says it.
    let memory = |line: &str| line.starts_with("memory allocation of ").then(|| OUT_OF_MEMORY.to_owned());
    by(Signal::SIGABRT).then(|| last(&memory)).flatten()
}

impl Session {
    pub(super) fn word(&mut self, say: &Say) {
        match *say {
            Say::Crashed { role, ref how, poisoned } => {
                let (who, cause) = (Role::ALL[role], cause(how, &self.posts[Role::ALL[role]]));
                let more = if poisoned { "; the frame that it died of twice is left out" } else { "" };
                self.status.notice(&format!("{who} crashed ({cause}); restarting it{more}"));
                for line in self.posts[Role::ALL[role]].lines.iter().filter(|_| self.options.verbose > 0) {
                    self.status.notice(&format!("  {who}: {line}"));
                }
                self.posts[Role::ALL[role]].restarts += 1;
                self.crashes(who, cause);
            }
            Say::Moved { role } => {
                self.posts[Role::ALL[role]].restarts += 1;
                self.crashes(Role::ALL[role], "its region was replaced".into());
            }
            Say::Unplayable => {
                let why = self.posts[Role::Decoder].why.take();
                let nothing = if self.sink.is_some() { "picture or sound" } else { "picture" };
                let why = why.unwrap_or_else(|| format!("it holds no {nothing} that can be played"));
                self.cannot_play(&self.playing(), &why);
            }
            Say::OtherTracks => {
                let name = self.playing();
                self.status.notice(&format!("{name} holds other tracks than before; it plays from its beginning"));
            }
            Say::NoAnswer => {
                let name = self.opening.as_ref().map(|opening| opening.entry.name.clone()).unwrap_or_default();
                self.cannot_play(&name, "it cannot be opened in time; check the disk or network that it is on");
            }
            Say::Failed { role } => {
                let why = self.posts[Role::ALL[role]].why.take().unwrap_or_default();
                let text = match Role::ALL[role] {
                    Role::Renderer if self.options.display == crate::cli::Display::Auto => {
                        format!("no display is left to show the film on: {why}")
                    }
                    role => format!("{role}: {why}"),
                };
                self.status.error(&text);
            }
            Say::NotStarted { role } => {
                let why = self.posts[Role::ALL[role]].why.take().unwrap_or_default();
                self.status.error(&format!("{why}; `ulimit -a` shows this user's limits"));
            }
            Say::LeftBehind { role } => {
                let pid = self.posts[Role::ALL[role]].last_pid.unwrap_or(0);
                let what = "does not end though it was killed; it may wait for a disk or a network";
                self.status.error(&format!("{} (process {pid}) {what}", Role::ALL[role]));
                self.posts[Role::ALL[role]].running = None;
            }
            Say::NoJanitor => self.status.notice(
                "the janitor does not stay alive: should tricine be killed, `tricine clean` removes what it leaves",
            ),
            Say::GaveUp(ref why) => self.gave_up(why),
        }
    }

    pub(super) fn playing(&self) -> Name {
        self.current.as_ref().map(|input| input.name.clone()).unwrap_or_default()
    }

    fn gave_up(&mut self, why: &GaveUp) {
        let (count, period) = self.options.restart_limit;
        let often = format!("more than {count} times in {} s", period.as_secs_f64());
        let page = self.control.renderer();
        let (frame, at_s) = (page.last_seq.get(), page.last_pts_ns.get() as i64 as f64 / 1e9);
        let place = format!("after frame {frame} at {at_s:.3} s");
        let (text, role) = match *why {
            GaveUp::Crashes { role, ref how } => {
                let cause = cause(how, &self.posts[Role::ALL[role]]);
                self.crashes(Role::ALL[role], cause.clone());
                (format!("{} crashed {often}, last by {cause}, {place}", Role::ALL[role]), Some(role))
            }
            GaveUp::Hangs { role } => {
                let who = Role::ALL[role];
                let work = match who {
                    Role::Decoder => Some(self.playing().to_string()),
                    Role::Audio | Role::Renderer => self.posts[who].output.clone(),
                };
                let work = work.map(|work| format!(" at {work}")).unwrap_or_default();
                (format!("{who} hung{work} three times in a row and got nothing done, {place}"), Some(role))
            }
            GaveUp::Regions { kind } => {
                let who = "another program may be writing to it";
                (format!("the {} region was damaged {often}, {place}; {who}", KINDS[kind]), None)
            }
            GaveUp::Inputs => {
                (format!("{} changed what it holds more than {count} times; copy it first", self.playing()), None)
            }
            GaveUp::Unkillable { role } => (format!("{} does not end though it was killed", Role::ALL[role]), None),
        };
        self.status.error(&format!("gave up: {text}"));
        if let Some(role) = role {
            for line in &self.posts[Role::ALL[role]].lines {
                self.status.error(&format!("  {}: {line}", Role::ALL[role]));
            }
        }
    }

    fn crashes(&mut self, role: Role, cause: String) {
        self.restarts.push(Restart {
            role: role.name(),
            cause,
            at_ns: mono_ns(),
            gap_ns: None,
            audible_gap_ns: None,
            settled: false,
        });
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
