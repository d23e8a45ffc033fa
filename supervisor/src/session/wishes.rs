//! What the user wants: signals, keys, and how every role learns of it.

use std::os::fd::BorrowedFd;

use std::time::Duration;

use nix::sys::signal::Signal;
use tricine_channel::time::mono_ns;
use tricine_session::channel::Kind;
use tricine_session::clock::{MAX_SPEED, MIN_SPEED};
use tricine_session::control::Role;
use tricine_session::link::{DisplaySpec, Key, ToRole};
use tricine_session::{Error, Result};

use super::{MS, Session};
use crate::keys::{self, Keyboard};
use crate::report::Ended;
use crate::status::clock_text;
use crate::supervision::Event;

/// How long an escape may be the beginning of a longer sequence.
const ESCAPE_NS: u64 = 30 * MS;
const SPEEDS: [f64; 11] = [0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 4.0];

impl Session {
    pub(super) fn signals(&mut self) -> Result<()> {
        while let Ok(Some(info)) = self.signals.read_signal() {
            match Signal::try_from(info.ssi_signo as i32) {
                Ok(Signal::SIGTSTP) => self.suspend()?,
                Ok(Signal::SIGCONT) => {
                    self.tell(Event::Rebased)?;
                    // Perhaps from the background, where the keyboard was the shell's.
                    if self.keyboard.is_none() {
                        self.keyboard = Keyboard::take();
                    }
                }
                Ok(signal) => self.tell(Event::Stop(Ended::Signal(signal as i32)))?,
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Ctrl-Z: the film and its processes stand still, the terminal is as it was; and back again.
    fn suspend(&mut self) -> Result<()> {
        let was_paused = std::mem::replace(&mut self.state.paused, true);
        self.broadcast();
        // Time for the sound to be held at the device and for the clock to be published; nobody waits for us here.
        std::thread::sleep(Duration::from_millis(60));
        for running in self.posts.iter().filter_map(|p| p.running.as_ref()) {
            running.child.signal(Signal::SIGSTOP)?;
        }
        self.status.clear();
        // What was typed or answered until now is ours, not the shell's.
        self.typed()?;
        let drawn = self.drawn;
        self.leave_terminal();
        let had_keyboard = self.keyboard.take().is_some();
        loop {
            nix::sys::signal::raise(Signal::SIGSTOP).map_err(|e| Error::sys("raise", "SIGSTOP", e))?;
            // Here we are again; in the background there is nothing to draw on.
            if self.display != DisplaySpec::Terminal || keys::in_front(std::io::stdout()) {
                break;
            }
        }
        self.tell(Event::Rebased)?;
        if had_keyboard {
            self.keyboard = Keyboard::take();
        }
        self.drawn = drawn;
        self.status.renew();
        self.say(Role::Renderer, &ToRole::Retake);
        for running in self.posts.iter().filter_map(|p| p.running.as_ref()) {
            running.child.signal(Signal::SIGCONT)?;
        }
        self.state.paused = was_paused;
        self.broadcast();
        Ok(())
    }

    pub(super) fn typed(&mut self) -> Result<()> {
        let Some(keyboard) = &mut self.keyboard else { return Ok(()) };
        let mut keys = keyboard.read();
        let now = mono_ns();
        match self.escape_at_ns {
            Some(at) if now >= at => {
                keys.extend(keyboard.flush());
                self.escape_at_ns = None;
            }
            Some(_) if !keyboard.pending() => self.escape_at_ns = None,
            None if keyboard.pending() => self.escape_at_ns = Some(now + ESCAPE_NS),
            _ => {}
        }
        let answers = self.keyboard.as_mut().map_or(0, Keyboard::answers);
        for _ in 0..answers {
            self.say(Role::Renderer, &ToRole::Answer);
        }
        keys.into_iter().try_for_each(|key| self.key(key))
    }

    /// Film time now, in ns.
    pub(super) fn position_ns(&self) -> i64 {
        let now = match self.control.clock(self.state.serial) {
            // Single steps move the picture and no clock.
            _ if self.stepped => self.control.renderer().last_pts_ns.get() as i64,
            Some(clock) => clock.pts_at(mono_ns()),
            None => return self.state.target_ns,
        };
        now.clamp(0, self.last_ns())
    }

    pub(super) fn key(&mut self, key: Key) -> Result<()> {
        if self.supervision.is_ending() {
            return Ok(());
        }
        self.tell_more(|| format!("the user: {key:?}"));
        match key {
            Key::Pause => {
                self.state.paused = !self.state.paused;
                // Single steps have moved the picture alone: sound joins it where it stands.
                if !self.state.paused && std::mem::take(&mut self.stepped) && self.seekable() {
                    return self.seek(self.control.renderer().last_pts_ns.get() as i64);
                }
            }
            Key::Seek(seconds) if self.seekable() => {
                return self.seek(self.position_ns().saturating_add(i64::from(seconds) * 1_000_000_000));
            }
            Key::Seek(_) => self.osd("this input cannot seek"),
            Key::Chapter(by) => return self.go_by_chapters(by),
            Key::Sound => return self.switch_track(Kind::Audio),
            Key::Pictures => return self.switch_track(Kind::Video),
            Key::Step => {
                let moving = !std::mem::replace(&mut self.state.paused, true);
                if moving {
                    self.broadcast();
                }
                self.stepped = true;
                self.say(Role::Renderer, &ToRole::Step);
            }
            Key::Slower | Key::Faster => {
                let speed = self.state.speed;
                let next = match key {
                    Key::Faster => SPEEDS.into_iter().find(|s| *s > speed + 1e-9),
                    _ => SPEEDS.into_iter().rev().find(|s| *s < speed - 1e-9),
                };
                self.state.speed = next.unwrap_or(speed).clamp(MIN_SPEED, MAX_SPEED);
            }
            Key::VolumeDown => self.state.volume = self.state.volume.saturating_sub(5),
            Key::VolumeUp => self.state.volume = (self.state.volume + 5).min(100),
            Key::Mute => self.state.muted = !self.state.muted,
            Key::Loop => {
                self.state.looping = !self.state.looping;
                self.tell(Event::Looping(self.state.looping))?;
            }
            Key::Subtitles | Key::SubtitlesBack => self.next_subtitles(key == Key::Subtitles),
            Key::SubtitlesHide => self.hide_subtitles(),
            Key::SubtitlesEarlier => self.delay_subtitles(-100),
            Key::SubtitlesLater => self.delay_subtitles(100),
            Key::Osd => self.state.osd = 1 - self.state.osd.min(1),
            Key::Fullscreen if self.has_window() => self.state.fullscreen = !self.state.fullscreen,
            Key::Fullscreen => self.osd("full screen is not to be had here"),
            Key::Escape if self.has_window() && self.state.fullscreen => self.state.fullscreen = false,
            Key::Help => {
                self.say(Role::Renderer, &ToRole::Help);
                if self.running(Role::Renderer).is_none() {
                    self.status
                        .notice("space pause, arrows seek, ! @ chapters, # sound, [ ] speed, 9 0 volume, m mute, l loop, n next, q quit");
                }
            }
            Key::Screenshot => self.take_picture(),
            Key::Next if self.playlist.is_empty() && !self.supervision.has_following() => {
                self.osd("there is no next input");
            }
            Key::Next => return self.tell(Event::Next),
            Key::Quit | Key::Escape => return self.tell(Event::Stop(Ended::Quit)),
        }
        self.broadcast();
        Ok(())
    }

    /// Whether there is a window, which may fill the screen.
    fn has_window(&self) -> bool {
        self.display == DisplaySpec::Window && self.running(Role::Renderer).is_some()
    }

    /// Where the film ends, in ns, as far as is known.
    fn last_ns(&self) -> i64 {
        self.opened.as_ref().and_then(|o| o.duration_ns).map_or(i64::MAX, |ns| ns.max(0))
    }

    pub(super) fn seekable(&self) -> bool {
        self.opened.as_ref().is_some_and(|o| o.seekable)
    }

    pub(super) fn seek(&mut self, target_ns: i64) -> Result<()> {
        if self.supervision.is_playing() {
            self.tell(Event::Sought)?;
            self.state.follows = false;
            self.go_to(self.supervision.serial(), target_ns);
            let to = clock_text(self.state.target_ns);
            self.tell_some(|| format!("goes to {to}"));
        }
        Ok(())
    }

    /// A new serial from `target_ns`.
    pub(super) fn go_to(&mut self, serial: u32, target_ns: i64) {
        self.state.target_ns = target_ns.clamp(0, self.last_ns());
        self.state.serial = serial;
        self.state.subtitles.serial = self.state.subtitles.serial.wrapping_add(1);
        self.stepped = false;
        self.skip_past_ns = None;
        self.broadcast();
    }

    pub(super) fn osd(&mut self, text: &str) {
        self.say(Role::Renderer, &ToRole::Osd(text.to_owned()));
        if self.running(Role::Renderer).is_none() {
            self.status.notice(text);
        }
    }

    /// Says something to a role, if there is one.
    pub(super) fn say(&self, role: Role, message: &ToRole) {
        self.order(role, message, &[]);
    }

    /// As [`Session::say`], with descriptors.
    pub(super) fn order(&self, role: Role, message: &ToRole, files: &[BorrowedFd<'_>]) {
        if let Some(running) = self.running(role) {
            running.tell(message, files);
            self.ring(role);
        }
    }

    /// Wakes a role from waiting at a channel.
    fn ring(&self, role: Role) {
        for channel in &self.channels {
            if let Some(side) = role.side(channel.name().kind) {
                channel.ring(side);
            }
        }
    }

    /// Lets every role know what the user wants.
    pub(super) fn broadcast(&self) {
        self.control.own().set_state(&self.state);
        for role in Role::ALL {
            self.say(role, &ToRole::State);
        }
    }
}
