//! Everything but frames: the supervisor, the user and the window are heard, the picture is drawn again, the clock moves.

use std::path::Path;
use std::time::Duration;

use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::Error;
use tricine_session::channel::ChannelName;
use tricine_session::link::{FromRole, ToRole};

use super::{MS, Player, Stop};
use crate::canvas::Canvas;
use crate::osd::{Overlay, Pipeline};
use crate::schedule;
use crate::screenshot;

/// How long the control socket is not asked while nothing says that there is a message.
const UNHEARD_NS: u64 = 20 * MS;
/// How long after the user did something the loop stays lively.
const ATTENTION_NS: u64 = 1000 * MS;
/// How long the end waits for the terminal's last answer.
const LAST_ANSWER: Duration = Duration::from_millis(300);

impl Player<'_> {
    /// Saves the picture; says where, or why not.
    pub(super) fn save(&mut self, folder: &Path, picture: &Canvas) -> Result<(), Stop> {
        let text = match screenshot::save(folder, picture) {
            Ok(path) => format!("saved {}", path.display()),
            Err(e) => format!("no screenshot in {}: {e}", folder.display()),
        };
        self.osd.message(text.clone(), mono_ns());
        self.overlay_at_ns = 0;
        Ok(self.context.notice(text)?)
    }

    /// Everything but frames: shows that it lives, hears the supervisor, the user and the window, moves the clock. A
    /// channel's name, if the supervisor sent one.
    pub(super) fn tend(&mut self) -> Result<Option<ChannelName>, Stop> {
        self.context.beat();
        let mut channel = None;
        // A message wakes us wherever we sleep. A loop that never has to sleep asks now and then.
        if std::mem::take(&mut self.called) || mono_ns() - self.heard_ns >= UNHEARD_NS {
            self.heard_ns = mono_ns();
            self.listen(&mut channel)?;
        }
        let now_ns = mono_ns();
        self.look(now_ns);
        self.pump(now_ns)?;
        if self.screenshot.is_some()
            && let Some(picture) = self.display.as_mut().and_then(|d| d.picture())
            && let Some(folder) = self.screenshot.take()
        {
            self.save(&folder, &picture)?;
        }
        let expect = self.state.audible && !self.no_sound();
        let next = schedule::steer(
            &self.clocks(),
            &self.state,
            self.shown.as_ref(),
            expect,
            self.running_since_ns.max(self.shown.map_or(0, |s| s.at_ns)),
            now_ns,
        );
        if let Some(clock) = next.filter(|_| !self.context.spec.unpaced) {
            self.context.control.set_clock(&clock);
        }
        Ok(channel)
    }

    fn listen(&mut self, channel: &mut Option<ChannelName>) -> Result<(), Stop> {
        loop {
            match self.context.link.receive::<ToRole>() {
                Ok(None) => return Ok(()),
                Ok(Some(message)) => self.hear(message, channel)?,
                Err(Error::Message(error)) => tracing::warn!("control message: {error}"),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn hear(&mut self, message: ToRole, channel: &mut Option<ChannelName>) -> Result<(), Stop> {
        let now_ns = mono_ns();
        match message {
            ToRole::Quit => return Err(Stop::Quit),
            ToRole::Channel(name) => *channel = Some(name),
            ToRole::Step => self.steps = self.steps.saturating_add(1),
            ToRole::Screenshot(folder) => self.screenshot = Some(folder.as_path().to_owned()),
            ToRole::Fullscreen => {
                if self.display.as_mut().is_some_and(|d| d.is_seen() && !d.fullscreen()) {
                    self.osd.message("full screen is not to be had here".into(), now_ns);
                }
            }
            ToRole::Help => self.osd.toggle_help(),
            ToRole::Osd(text) => self.osd.message(text, now_ns),
            ToRole::Answer => {
                self.display.iter_mut().for_each(|d| d.answered());
                return Ok(());
            }
            ToRole::Retake => self.display.iter_mut().for_each(|d| d.retake()),
            ToRole::State | ToRole::Start(_) => {}
        }
        self.overlay_at_ns = now_ns;
        self.active_until_ns = now_ns + ATTENTION_NS;
        Ok(())
    }

    /// Reads what the user wants.
    fn look(&mut self, now_ns: u64) {
        let Some((version, state)) = self.context.control.state() else { return };
        if version == self.state_version {
            return;
        }
        if state.serial != self.state.serial {
            self.steps = 0;
        }
        if state.serial != self.state.serial || state.paused != self.state.paused || state.audible != self.state.audible
        {
            self.running_since_ns = now_ns;
        }
        if (state.serial, state.paused) != (self.state.serial, self.state.paused) || state.speed != self.state.speed {
            self.turned_ns = now_ns;
        }
        if !state.paused {
            self.steps = 0;
        }
        self.osd.state(&state, now_ns);
        (self.state_version, self.state) = (version, state);
        self.overlay_at_ns = now_ns;
    }

    /// Takes up the window's events, passes keys on, and draws again what has changed.
    fn pump(&mut self, now_ns: u64) -> Result<(), Stop> {
        let Some(display) = &mut self.display else { return Ok(()) };
        let pumped = display.pump();
        self.pumped_ns = now_ns;
        for key in pumped.keys {
            self.context.tell(&FromRole::Key(key))?;
        }
        if pumped.active {
            self.active_until_ns = now_ns + ATTENTION_NS;
        }
        if self.shown.is_none() || !self.display.as_ref().is_some_and(|d| d.is_seen()) {
            return Ok(());
        }
        if pumped.redraw || now_ns >= self.overlay_at_ns {
            let position_ns = self.shown.map_or(0, |s| s.pts_ns);
            let overlay = self.overlay(now_ns, position_ns);
            self.overlay_at_ns = self.osd.next_change(now_ns).unwrap_or(u64::MAX);
            if let Some(display) = &mut self.display {
                display.redraw(&overlay)?;
            }
        }
        Ok(())
    }

    pub(super) fn overlay(&mut self, now_ns: u64, position_ns: i64) -> Overlay {
        let control = &self.context.control;
        let duration = Some(control.session().duration_ns.get() as i64).filter(|&d| d > 0);
        let master = self.clocks().master(&self.state);
        let onlooker = self.onlooker.as_ref().map(|region| &***region);
        let always = self.display.as_ref().is_some_and(|d| d.has_line());
        let read = || Pipeline::read(control, onlooker, master.as_ref());
        self.osd.compose(now_ns, position_ns, duration, always, read)
    }

    /// Waits a moment for the terminal's last answer, which else would go to the shell.
    pub(super) fn hear_out(&mut self) {
        let deadline = Deadline::after(LAST_ANSWER);
        while self.display.as_ref().is_some_and(|d| d.is_unanswered()) {
            match self.context.link.receive::<ToRole>() {
                Ok(Some(ToRole::Answer)) => self.display.iter_mut().for_each(|d| d.answered()),
                Ok(Some(_)) | Err(Error::Message(_)) => {}
                Ok(None) if self.context.link.wait(deadline).is_ok_and(|there| there) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}
