//! What is played: one input after another, what each holds, the channels that it needs, and its end.

use nix::sys::signal::Signal;
use tricine_channel::Error as ChannelError;
use tricine_channel::time::mono_ns;
use tricine_session::channel::{Barriers, ChannelName, Kind, Mode, Spec as ChannelSpec, StreamRegion};
use tricine_session::control::Role;
use tricine_session::link::{DisplaySpec, InputSpec, Opened, ToRole};
use tricine_session::{Error, Result};

use super::{Player, index};
use crate::cli::Display;
use crate::input;
use crate::report::Ended;

impl Player {
    /// Goes on to the next input that can be opened, or stops.
    pub(super) fn next_input(&mut self) {
        loop {
            let Some(name) = self.playlist.pop_front() else {
                self.stop(Ended::Played);
                return;
            };
            match if name.is_empty() { input::demo() } else { input::open(&name) } {
                Ok(input) => {
                    if matches!(input.spec, InputSpec::Pipe) && name != "-" {
                        self.status.notice(&format!("{name} is a stream: it plays as YUV4MPEG2 comes through it"));
                    }
                    let first = self.current.is_none();
                    self.current = Some(input);
                    self.opened = None;
                    self.skip_past_ns = None;
                    if first {
                        self.start_all();
                    } else {
                        self.replace_decoder();
                    }
                    return;
                }
                Err(why) => self.cannot_play(&name, &why),
            }
        }
    }

    pub(super) fn cannot_play(&mut self, name: &str, why: &str) {
        self.unplayable = true;
        self.status.error(&format!("cannot play {name}: {why}"));
    }

    /// The next input is for a new decoder; the others stay, and see it as a seek.
    fn replace_decoder(&mut self) {
        self.rounds_left = self.options.repeat.unwrap_or(1).max(if self.state.looping { u64::MAX } else { 1 });
        self.state.serial += 1;
        self.state.target_ns = self.options.start.unwrap_or(0);
        self.state.audible = self.sink.is_some();
        self.broadcast();
        let post = &mut self.posts[index(Role::Decoder)];
        match &mut post.running {
            Some(running) => {
                running.quitting = true;
                running.tell(&ToRole::Quit);
                // Its successor starts when it is reaped; a codec in mid-frame is not waited for.
                let _ = running.child.signal(Signal::SIGKILL);
            }
            None => post.start_at_ns = Some(mono_ns()),
        }
        for post in &mut self.posts {
            post.ended = None;
        }
        if self.sink.is_some() && !self.posts[index(Role::Audio)].manned() {
            self.posts[index(Role::Audio)].start_at_ns = Some(mono_ns());
        }
        if !self.posts[index(Role::Renderer)].manned() {
            self.posts[index(Role::Renderer)].start_at_ns = Some(mono_ns());
        }
    }

    /// The decoder knows what the input holds: roles that have nothing to do go, and those that have come.
    pub(super) fn opened(&mut self, opened: Opened) {
        self.control.session().duration_ns.set(opened.duration_ns.unwrap_or(0).max(0) as u64);
        for why in &opened.missing {
            // Said also to who wants quiet: it is half of what was asked for.
            self.status.error(why);
            self.incomplete = true;
        }
        let first = self.opened.is_none();
        let wanted = [(Role::Audio, opened.audio.is_some()), (Role::Renderer, opened.video.is_some())];
        self.described.get_or_insert_with(|| opened.clone());
        self.status.duration_ns = opened.duration_ns;
        self.status.frames = opened.video.as_ref().and_then(|v| v.frames);
        self.opened = Some(opened);
        if !first {
            return;
        }
        for (role, needed) in wanted {
            let post = &mut self.posts[index(role)];
            match (needed, &mut post.running) {
                (false, Some(running)) => {
                    running.quitting = true;
                    self.tell(role, &ToRole::Quit);
                }
                (false, None) => post.start_at_ns = None,
                _ => {}
            }
        }
        let unseen = self.options.display == Display::Auto && self.display == DisplaySpec::None;
        if unseen && wanted[1].1 && !self.options.unpaced {
            self.status
                .notice("no display server answers and standard output is no terminal: the pictures are not shown");
        }
        let end_ns = self.status.duration_ns.unwrap_or(i64::MAX);
        if self.options.start.is_some_and(|start| start >= end_ns) {
            self.status.notice(&format!("--start is beyond the end, which is at {:.1} s", end_ns as f64 / 1e9));
        }
        self.state.audible = wanted[0].1 && self.sink.is_some();
        self.broadcast();
    }

    pub(super) fn make_channel(&mut self, kind: Kind, capacity: u64, base: u64, pts: i64, serial: u32) -> Result<()> {
        let of_kind = |c: &&StreamRegion| c.name().kind == kind;
        let newest = self.channels.iter().filter(of_kind).map(|c| c.name().generation).max();
        let name = ChannelName { session: self.session.clone(), kind, generation: newest.map_or(0, |g| g + 1) };
        let mode = if kind == Kind::Video { self.options.mode } else { Mode::Fifo };
        let spec =
            ChannelSpec { mode, capacity, base, resume_pts_ns: pts, resume_serial: serial, barriers: Barriers::Both };
        if !self.create_channel(&name, &spec)? {
            return Ok(());
        }
        self.tell(Role::Decoder, &ToRole::Channel(name.clone()));
        // A consumer follows from one generation to the next by itself; only the first is news to it.
        if newest.is_none() {
            let consumer = if kind == Kind::Video { Role::Renderer } else { Role::Audio };
            self.tell(consumer, &ToRole::Channel(name));
        }
        Ok(())
    }

    /// Makes a channel. `false` if there is no room for it, which ends the session.
    pub(super) fn create_channel(&mut self, name: &ChannelName, spec: &ChannelSpec) -> Result<bool> {
        match StreamRegion::create(name, spec) {
            Ok(stream) => self.channels.push(stream),
            Err(error @ Error::Channel(ChannelError::TooLarge { .. } | ChannelError::Sys { .. })) => {
                let (kind, mib) = (name.kind, 3 * spec.capacity / (1 << 20) + 1);
                let hint = format!("{kind} frames need {mib} MiB in /dev/shm: {error}");
                let input = self.current.as_ref().map(|i| i.name.clone()).unwrap_or_default();
                self.cannot_play(&input, &hint);
                self.stop(Ended::Failed);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// A consumer has come to the end: if all have, the input is over.
    pub(super) fn ended(&mut self) {
        if self.stop.is_some() {
            return;
        }
        let Some(opened) = &self.opened else { return };
        let over = |role, there: bool| !there || self.posts[index(role)].ended == Some(self.state.serial);
        let sound = opened.audio.is_some() && self.sink.is_some();
        if !over(Role::Audio, sound) || !over(Role::Renderer, opened.video.is_some()) {
            return;
        }
        self.rounds_left = self.rounds_left.saturating_sub(u64::from(self.rounds_left != u64::MAX));
        if self.rounds_left > 0 && opened.seekable {
            self.seek(self.options.start.unwrap_or(0));
        } else {
            self.next_input();
        }
    }
}
