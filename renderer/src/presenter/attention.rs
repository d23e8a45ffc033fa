//! Everything but frames: the supervisor, the user and the window are heard, the picture is drawn again, the clock moves.

use std::fs::File;
use std::time::Duration;

use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::Error;
use tricine_session::clock::PlayState;
use tricine_session::link::{DisplaySpec, FromRole, ToRole};

use super::{MS, Presenter, Stop};
use crate::canvas::Canvas;
use crate::osd::{Overlay, Pipeline};
use crate::schedule;
use crate::screenshot;

/// How long after the user did something the loop stays lively.
const ATTENTION_NS: u64 = 1000 * MS;
/// How soon it is looked whether subtitles are drawn.
pub(super) const DRAWN_SOON_NS: u64 = 4 * MS;
/// How long the end waits for the terminal's last answer.
const LAST_ANSWER: Duration = Duration::from_millis(300);

impl Presenter {
    /// Writes the picture down for the supervisor to save.
    pub(super) fn save(&mut self, file: File, picture: &Canvas) -> Result<(), Stop> {
        let done = screenshot::write(file, picture).map_err(|e| format!("no screenshot: {e}"));
        Ok(self.context.tell(&FromRole::Pictured(done))?)
    }

    /// Everything but frames: takes up the window's events, saves what is to be saved, moves the clock.
    pub(super) fn attend(&mut self, now_ns: u64) -> Result<(), Stop> {
        self.turn_pages(now_ns)?;
        self.pump(now_ns)?;
        if self.screenshot.is_some()
            && let Some(picture) = self.display.as_mut().and_then(|d| d.picture())
            && let Some(file) = self.screenshot.take()
        {
            self.save(file, &picture)?;
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
            self.page().set_clock(&clock);
        }
        Ok(())
    }

    /// Turns to the subtitles that are on now, between two pictures as well.
    fn turn_pages(&mut self, now_ns: u64) -> Result<(), Stop> {
        let Some(shown) = self.shown.filter(|shown| shown.serial == self.state.serial) else { return Ok(()) };
        let clock =
            self.master().map(|master| *master.clock()).filter(|_| !self.state.paused && !self.context.spec.unpaced);
        let film_ns = clock.map_or(shown.pts_ns, |clock| clock.pts_at(now_ns).max(shown.pts_ns));
        let turned = self.subtitles.follow(&self.context, &self.state, film_ns)?;
        let (drawn, complaint) = self.subtitles.take_up();
        if let Some(text) = complaint {
            self.context.notice(text)?;
        }
        if turned && let Some(area) = self.display.as_ref().and_then(|d| d.area()) {
            // Asked for now: what was on stays while it is drawn, and the film's next picture shows what of it is over.
            self.subtitles.drawn(&self.state, area);
        }
        if drawn || turned && (self.state.paused || !self.subtitles.is_waiting()) {
            self.overlay_at_ns = now_ns;
        }
        Ok(())
    }

    pub(super) fn listen(&mut self, message: ToRole) {
        let now_ns = mono_ns();
        match message {
            ToRole::Step => self.steps = self.steps.saturating_add(1),
            ToRole::Screenshot => {
                let came = self.context.files.lock().ok().and_then(|mut files| files.pop());
                self.screenshot = came.map(File::from);
            }
            ToRole::Title(title) => {
                self.display.iter_mut().for_each(|d| d.entitle(&title));
                self.title = title;
            }
            ToRole::Caption(caption) => self.osd.caption = caption,
            ToRole::Chapters(chapters) => self.osd.chapters = chapters,
            ToRole::Help => self.osd.toggle_help(),
            ToRole::Osd(text) => self.osd.message(text, now_ns),
            ToRole::Answer => {
                self.display.iter_mut().for_each(|d| d.answered());
                return;
            }
            ToRole::Retake => self.display.iter_mut().for_each(|d| d.retake()),
            // The loop's, or another role's.
            ToRole::State
            | ToRole::Channel(_)
            | ToRole::Quit
            | ToRole::Start(_)
            | ToRole::Probe
            | ToRole::Connect { .. }
            | ToRole::Line(_) => return,
        }
        self.overlay_at_ns = now_ns;
        self.active_until_ns = now_ns + ATTENTION_NS;
    }

    /// The user wants this now.
    pub(super) fn look(&mut self, state: PlayState, now_ns: u64) {
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
        if state.fullscreen != self.state.fullscreen
            && let Some(display) = &mut self.display
            && !display.fullscreen(state.fullscreen)
        {
            self.osd.message("full screen is not to be had here".into(), now_ns);
        }
        self.osd.state(&state, now_ns);
        self.state = state;
        self.overlay_at_ns = now_ns;
        self.active_until_ns = now_ns + ATTENTION_NS;
    }

    /// Takes up the window's events, passes keys on, and draws again what has changed.
    fn pump(&mut self, now_ns: u64) -> Result<(), Stop> {
        let Some(display) = &mut self.display else { return Ok(()) };
        let pumped = display.pump();
        let window = display.window();
        if let Some(left) = window.filter(|_| window != self.window) {
            self.window = window;
            self.page().set_window(&left);
        }
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
        let mut overlay = self.osd.compose(now_ns, position_ns, duration, always, read);
        if self.context.spec.work.display == DisplaySpec::Terminal {
            overlay.lines = self.subtitles.lines(&self.state);
        } else if let Some(area) = self.display.as_ref().and_then(|d| d.area()) {
            overlay.subtitles = self.subtitles.drawn(&self.state, area);
        }
        overlay
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
