//! A frame on the screen: made ready, shown when it is due, booked, and kept there until the next one is about to be due.

use tricine_channel::time::mono_ns;
use tricine_session::actor::{BEAT, Stop};
use tricine_session::clock::Clock;
use tricine_session::control::Role;
use tricine_session::frame::FrameMeta;
use tricine_session::link::{DisplaySpec, FromRole};
use tricine_session::sandbox;

use super::{LONGEST_LEAD_NS, Presenter, Rounds};
use crate::convert;
use crate::display::{self, Begin, Outcome, Picture};
use crate::ledger::Delivery;
use crate::schedule::{self, Decision, Master, Pending, Shown};

impl Presenter {
    /// Waits until the frame is due and shows it. Whether it is on the screen now.
    pub(super) fn present(
        &mut self,
        rounds: &mut Rounds,
        picture: &Picture<'_>,
        pending: &Pending,
        delivery: Delivery,
    ) -> Result<bool, Stop> {
        let mut prepared = false;
        let decision = loop {
            rounds.turn(self)?;
            let seen = delivery == Delivery::Seen && pending.serial == self.state.serial;
            let decision = if seen { Decision::Present } else { schedule::decide(pending, &self.moment(mono_ns())) };
            if decision == Decision::Drop {
                match delivery {
                    Delivery::Seen => {}
                    _ if pending.serial == self.state.serial => self.ledger().drop_open(),
                    _ => self.ledger().skip_open(),
                }
                return Ok(false);
            }
            if !std::mem::replace(&mut prepared, true) {
                self.prepare(picture)?;
                continue;
            }
            match decision {
                Decision::Until(at) => self.sleep(rounds, at.min(mono_ns() + BEAT.as_nanos() as u64))?,
                Decision::Hold => self.sleep(rounds, self.slice())?,
                other => break other,
            }
        };
        self.show(picture.meta, decision, delivery)
    }

    /// Keeps the frame on the screen, and its slot, until the next one is about to be due.
    pub(super) fn keep(&mut self, rounds: &mut Rounds, picture: &Picture<'_>) -> Result<(), Stop> {
        loop {
            rounds.turn(self)?;
            if let Some(file) = self.screenshot.take() {
                self.save(file, &convert::upright(picture))?;
            }
            if self.display.as_ref().is_some_and(|d| d.is_outdated()) {
                self.prepare(picture)?;
                let overlay = self.overlay(mono_ns(), picture.meta.pts_ns);
                self.display.as_mut().map_or(Ok(Outcome::Skipped), |d| d.show(&overlay))?;
            }
            match schedule::give_way(&self.moment(mono_ns())) {
                Decision::Until(at) => self.sleep(rounds, at.min(mono_ns() + BEAT.as_nanos() as u64))?,
                Decision::Hold => self.sleep(rounds, self.slice())?,
                _ => return Ok(()),
            }
        }
    }

    fn prepare(&mut self, picture: &Picture<'_>) -> Result<(), Stop> {
        if self.display.is_none() {
            let begin = Begin {
                title: &self.title,
                fullscreen: self.state.fullscreen,
                left: self.context.control.window(),
                file: self.file.take(),
                begun: self.page().presented.get() > 0,
                beat: {
                    let context = self.context.clone();
                    Box::new(move || context.beat())
                },
            };
            let display = display::open(&self.context.spec, begin, picture)?;
            if let Some(left) = display.window() {
                self.window = Some(left);
                self.page().set_window(&left);
            }
            self.context.tell(&FromRole::Output(display.describe()))?;
            self.display = Some(display);
            if !sandbox::begins_confined(Role::Renderer, &self.context.spec) {
                sandbox::enter(Role::Renderer, &self.context.link, &self.context.spec)?;
            }
            if self.context.spec.work.display == DisplaySpec::Window {
                // A thread, so not before the walls are up.
                self.subtitles.prepare();
            }
        }
        if let Some(display) = &mut self.display {
            display.prepare(picture)?;
        }
        Ok(())
    }

    /// Shows the prepared frame and books it. Whether anybody could see it.
    fn show(&mut self, meta: &FrameMeta, decision: Decision, delivery: Delivery) -> Result<bool, Stop> {
        let begun_ns = mono_ns();
        if meta.serial == self.state.serial {
            self.subtitles.follow(&self.context, &self.state, meta.pts_ns)?;
        }
        let overlay = self.overlay(begun_ns, meta.pts_ns);
        let Some(display) = &mut self.display else { return Ok(false) };
        let outcome = display.show(&overlay)?;
        let now_ns = mono_ns();
        let master = self.master();
        let first = self.shown.is_none_or(|s| s.serial != meta.serial);
        self.shown =
            Some(Shown { serial: meta.serial, pts_ns: meta.pts_ns, duration_ns: meta.duration_ns, at_ns: now_ns });
        // Only now is it known where the picture lies, and so where subtitles do.
        self.overlay_at_ns = if first { now_ns } else { self.osd.next_change(now_ns).unwrap_or(u64::MAX) };
        if !first {
            let took = now_ns.saturating_sub(begun_ns).min(LONGEST_LEAD_NS);
            self.lead_ns = if self.lead_ns == 0 { took } else { (self.lead_ns * 7 + took) / 8 };
        }
        let step = std::mem::take(&mut self.steps);
        self.steps = step.saturating_sub(1);
        let anchored = decision == Decision::Resume || (step > 0 && self.state.paused);
        if anchored && !self.context.spec.unpaced && matches!(master, Some(Master::Own(_))) {
            self.page().set_clock(&Clock {
                serial: meta.serial,
                pts_ns: meta.pts_ns,
                at_ns: now_ns,
                rate: if self.state.paused { 0.0 } else { self.state.speed },
            });
        }
        if delivery == Delivery::Seen {
            return Ok(true);
        }
        if outcome == Outcome::Skipped {
            self.ledger().drop_open();
            return Ok(true);
        }
        let paced = !self.context.spec.unpaced && !self.state.paused;
        let stands_ns = if paced { (meta.duration_ns.max(0) as f64 / self.state.speed) as u64 } else { 0 };
        self.ledger().present(meta, now_ns, self.turned_ns, stands_ns);
        let page = self.page();
        if let Some(due) =
            master.filter(|_| !anchored && !self.context.spec.unpaced).and_then(|m| m.clock().when(meta.pts_ns))
        {
            page.present_late_ns.record(now_ns.saturating_sub(due));
        }
        if let Some(Master::Audio(clock)) = master
            && clock.rate > 0.0
            && !self.context.spec.unpaced
        {
            let offset = meta.pts_ns.saturating_sub(clock.pts_at(now_ns));
            page.av_offset_ns.record(offset.unsigned_abs());
            page.last_av_offset_ns.set(offset as u64);
        }
        Ok(true)
    }
}
