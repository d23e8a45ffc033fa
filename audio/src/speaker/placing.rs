//! Gives the sink its sound, each sample in its place in time: behind the sample before, or where a clock that runs will be by then.

use super::{Joint, MS, Speaker};
use crate::align::{self, Splice};
use crate::backlog::{Chunk, Step};

/// So much silence keeps a sink going meanwhile.
const PRIME_NS: u64 = 40 * MS;
/// The longest piece that is handed to the sink beyond its room.
const PIECE_NS: u64 = 100 * MS;
/// A film starts with so much sound in hand, or after so long a wait for it.
const PRIMED_NS: u64 = 50 * MS;
const PRIMING_NS: u64 = 150 * MS;

impl Speaker {
    /// Gives the sink what it has room for, each sample in its place in time.
    pub(super) fn feed(&mut self, now_ns: u64) {
        while let Some(pts_ns) = self.backlog.pts_ns() {
            let room_ns = self.outlet.sink.room_ns(now_ns);
            if room_ns < MS {
                return;
            }
            let splice = match self.placed_ns {
                Some(expected_ns) => align::follow(pts_ns, expected_ns),
                None => match self.place(pts_ns, now_ns) {
                    Some(splice) => splice,
                    None => return,
                },
            };
            let chunk = match self.backlog.step(splice, room_ns, room_ns + PIECE_NS) {
                Step::Write(chunk) => chunk,
                Step::Skipped => continue,
                Step::Wait => return,
            };
            if std::mem::take(&mut self.joining) {
                self.say_joined(splice, now_ns);
            }
            self.timeline.push(self.written_ns, chunk.pts_ns, chunk.speed);
            self.outlet.sink.write(&chunk.samples, chunk.format, now_ns);
            self.written_ns += chunk.sound_ns();
            (self.placed_ns, self.standing) = (Some(chunk.end_pts_ns()), false);
        }
        if self.joint == Joint::Tail {
            (self.joint, self.placed_ns) = (Joint::Open, None);
        }
    }

    /// The first sample, due at `pts_ns`, goes behind the last one of the serial before; while that is heard, the film is before `pts_ns`.
    fn close_joint(&mut self, pts_ns: i64, now_ns: u64) -> Option<Splice> {
        let heard = self.outlet.sink.heard(now_ns);
        let Some(heard) = heard.filter(|heard| !heard.dry && heard.position_ns < self.written_ns) else {
            // It comes too late for that.
            self.restart_sink(now_ns);
            return self.place(pts_ns, now_ns);
        };
        self.joint = Joint::None;
        let speed = self.state.speed;
        let ahead_ns = (self.written_ns - heard.position_ns) as f64 * speed;
        self.timeline.clear();
        self.timeline.push(heard.position_ns, pts_ns.saturating_sub(ahead_ns as i64), speed);
        Some(Splice::Go)
    }

    /// Where the first sample, due at `pts_ns`, belongs; `None` while that cannot be said.
    fn place(&mut self, pts_ns: i64, now_ns: u64) -> Option<Splice> {
        if self.joint == Joint::Open {
            return if self.state.paused { None } else { self.close_joint(pts_ns, now_ns) };
        }
        let Some(clock) = self.context.control.clock(self.state.serial) else {
            let waited = self.first_block_ns.is_some_and(|first| now_ns > first + PRIMING_NS);
            let ready =
                waited || self.context.spec.unpaced || self.intake.ended || self.backlog.sound_ns() >= PRIMED_NS;
            return ready.then_some(Splice::Go);
        };
        if clock.rate == 0.0 || self.state.paused {
            return (clock.rate == 0.0).then(|| align::meet(pts_ns, clock.pts_ns));
        }
        let heard = self.outlet.sink.heard(now_ns).filter(|h| h.settled)?;
        let heard_at_ns = now_ns + self.written_ns.saturating_sub(heard.position_ns);
        Some(align::meet(pts_ns, clock.pts_at(heard_at_ns)))
    }

    /// Says when sound is heard again after a predecessor's death, and until when its sound was.
    fn say_joined(&mut self, splice: Splice, now_ns: u64) {
        let ahead_ns = self.outlet.sink.heard(now_ns).map_or(0, |h| self.written_ns.saturating_sub(h.position_ns));
        let silence_ns = if let Splice::Silence(ns) = splice { (ns as f64 / self.state.speed) as u64 } else { 0 };
        let page = self.context.page();
        page.inherited_until_ns.set(self.inherited.take().map_or(0, |inherited| inherited.until_ns));
        page.joined_ns.set(now_ns + ahead_ns + silence_ns);
    }

    /// Keeps a sink going with silence while it is not known how long its sound takes to be heard.
    pub(super) fn prime(&mut self, now_ns: u64) {
        let Some(source) = self.intake.source.filter(|_| self.joins() && self.outlet.sink.wants_priming()) else {
            return;
        };
        let ahead_ns = self.written_ns.saturating_sub(self.outlet.sink.heard(now_ns).map_or(0, |h| h.position_ns));
        if ahead_ns < PRIME_NS && self.outlet.sink.room_ns(now_ns) > 0 {
            let format = self.outlet.sink.takes(source);
            let silence = Chunk::silence(PRIME_NS - ahead_ns, format, 0, 1.0);
            self.outlet.sink.write(&silence.samples, format, now_ns);
            self.written_ns += silence.sound_ns();
        }
    }

    /// Whether the next sample has to meet a clock that runs.
    pub(super) fn joins(&self) -> bool {
        let runs = || self.context.control.clock(self.state.serial).is_some_and(|clock| clock.rate > 0.0);
        self.placed_ns.is_none() && !self.state.paused && !self.finished && runs()
    }
}
