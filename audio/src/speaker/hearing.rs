//! Publishes what is heard: the clock, underruns, the end.

use tricine_session::actor::Stop;
use tricine_session::clock::Clock;
use tricine_session::link::FromRole;

use super::{Joint, Speaker};

impl Speaker {
    /// Publishes what is heard, and says when all was.
    pub(super) fn publish(&mut self, now_ns: u64) -> Result<(), Stop> {
        let all_written = self.intake.ended && self.backlog.is_empty();
        let (paused, speed) = (self.state.paused, self.state.speed);
        let heard = self.outlet.sink.heard(now_ns);
        // Until both serials are joined, what is heard is of the one before.
        let joined = self.joint == Joint::None;
        let ours = heard.filter(|_| joined && self.placed_ns.is_some());
        let film = ours.and_then(|h| self.timeline.at(h.position_ns).map(|at| (h, at)));
        let mut done = all_written && self.placed_ns.is_none() && (joined || heard.is_none_or(|h| h.dry));
        if self.intake.ended && joined && !paused && !self.ending {
            self.ending = true;
            self.context.tell(&FromRole::Ending { serial: self.state.serial })?;
        }
        if let Some((heard, (pts_ns, speed))) = film.filter(|_| !self.finished) {
            done = all_written && heard.dry;
            let starving = heard.dry && !done && !paused && !self.context.spec.unpaced;
            self.context.page().underruns.add(u64::from(starving && !self.starving));
            self.starving = starving;
            let late = self.outlet.sink.late();
            self.context.page().underruns.add(late.saturating_sub(self.late));
            self.late = late;
            // A film that was never let go has no clock yet.
            if !self.context.spec.unpaced && (!paused || self.keeper.line().is_some()) {
                // Paused, starved, or not on its way yet.
                let rate = if heard.moving || done && !paused { speed } else { 0.0 };
                let clock = Clock { serial: self.state.serial, pts_ns, at_ns: now_ns, rate };
                let due = self.keeper.heard(clock);
                self.set(due);
                let first = &self.context.page().first_audio_ns;
                if first.get() == 0 {
                    first.set(now_ns);
                }
            }
        } else {
            // Where a predecessor stood still for want of sound, the film waits for sound.
            let due = self.keeper.coast(now_ns, paused || self.standing, speed);
            self.set(due);
        }
        if done && !self.finished {
            self.finished = true;
            if let Some(recorder) = &mut self.recorder {
                recorder.finish(self.context.page()).map_err(Stop::Failed)?;
            }
            self.context.tell(&FromRole::Ended { serial: self.state.serial })?;
        }
        Ok(())
    }

    fn set(&self, clock: Option<Clock>) {
        if let Some(clock) = clock {
            self.context.page().set_clock(&clock);
        }
    }
}
