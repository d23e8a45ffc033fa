//! The role at work: takes blocks, feeds the sink, publishes what is heard.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tricine_channel::time::mono_ns;
use tricine_session::actor::{Actor, BEAT, Next, Rounds, Stop};
use tricine_session::channel::ReadSlot;
use tricine_session::clock::{Clock, PlayState};
use tricine_session::control::{AudioPage, Writable};
use tricine_session::link::{Finding, FromRole, SinkSpec, ToRole};

use crate::Context;
use crate::align::{self, Splice};
use crate::backlog::{Backlog, Chunk, Step};
use crate::gain;
use crate::intake::Intake;
use crate::outlet::{Change, Outlet};
use crate::publish::Keeper;
use crate::sink::{self, Health, Inherited, Line, Recorder};
use crate::timeline::Timeline;

const MS: u64 = 1_000_000;
/// How often it looks after a sink that plays: a block's time.
const TICK_NS: u64 = 40 * MS;
/// The same while the sound has to join a clock that runs: every moment is silence.
const JOIN_TICK_NS: u64 = 4 * MS;
/// So much silence keeps a sink going meanwhile.
const PRIME_NS: u64 = 40 * MS;
/// So much sound is gathered before the first sample has its place in time.
const GATHER_NS: u64 = 100 * MS;
/// From then on a block is taken when the sink has so much room, and goes there whole: what waits here dies with us.
const ROOM_NS: u64 = 15 * MS;
/// The longest piece that is handed to the sink beyond its room.
const PIECE_NS: u64 = 100 * MS;
/// A film starts with so much sound in hand, or after so long a wait for it.
const PRIMED_NS: u64 = 50 * MS;
const PRIMING_NS: u64 = 150 * MS;

/// How a serial that follows the end of the one before is joined to that without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// Not at all, or it has been.
    None,
    /// What is left of the one before is in the backlog: its own blocks wait in the channel.
    Tail,
    /// All of the one before is in the sink: the first sample goes there behind it.
    Open,
}

/// The audio role at work.
pub(crate) struct Speaker {
    context: Arc<Context>,
    state: PlayState,
    outlet: Outlet,
    recorder: Option<Recorder>,
    /// What the supervisor was told of where sound goes.
    output: String,
    /// A predecessor's sound, until ours follows it.
    inherited: Option<Inherited>,
    /// The clock ran when this process began, and nothing of ours was heard yet.
    joining: bool,
    /// The sink's own faults that are counted already.
    late: u64,
    intake: Intake,
    backlog: Backlog,
    timeline: Timeline,
    keeper: Keeper,
    /// Sound written to the sink since its last flush, in ns.
    written_ns: u64,
    /// Film time after what was written; `None` until the first sample has its place in time.
    placed_ns: Option<i64>,
    /// When the first block of this serial came.
    first_block_ns: Option<u64>,
    /// The sink ran dry in mid-film.
    starving: bool,
    /// The film stood still, unpaused, when a predecessor died: it waits for sound.
    standing: bool,
    joint: Joint,
    /// The supervisor knows that all that is left of the serial is in our hands; and that all of it was heard.
    ending: bool,
    finished: bool,
}

impl Actor for Speaker {
    type Page = AudioPage<Writable>;

    fn probe() -> Finding {
        Finding::Outlet(sink::probe())
    }

    fn connect() -> Result<(OwnedFd, u16), String> {
        sink::connection()
    }

    fn begin(context: &Arc<Context>, input: Option<OwnedFd>, state: PlayState) -> Result<Self, Stop> {
        let (spec, page) = (&context.spec, context.page());
        let wanted = spec.work.sink.as_ref().unwrap_or(&SinkSpec::Null);
        let mut input = input;
        let recorder = match wanted {
            SinkSpec::Wav(path) => {
                let file =
                    input.take().ok_or_else(|| Stop::Failed("the supervisor handed no open file over".into()))?;
                Some(Recorder::open(file.into(), path.as_path(), page.wav_seq.get() > 0).map_err(Stop::Failed)?)
            }
            _ => None,
        };
        let gain = gain::factor(state.volume, state.muted);
        let line = input.and_then(|socket| Line::inherited(socket, page.stream.get()));
        let mut this = Self {
            outlet: Outlet::new(wanted, line, spec.unpaced, state.paused, gain, mono_ns()),
            context: context.clone(),
            state,
            recorder,
            output: String::new(),
            inherited: None,
            joining: false,
            late: 0,
            intake: Intake::default(),
            backlog: Backlog::default(),
            timeline: Timeline::default(),
            keeper: Keeper::default(),
            written_ns: 0,
            placed_ns: None,
            first_block_ns: None,
            starving: false,
            standing: false,
            joint: Joint::None,
            ending: false,
            finished: false,
        };
        // What a predecessor has written goes on only where the film does.
        this.joining = this.joins() && context.control.audio_clock().is_some_and(|c| c.serial == state.serial);
        if !this.joining {
            this.outlet.sink.flush(mono_ns());
        }
        this.enter_serial();
        Ok(this)
    }

    fn hear(&mut self, message: ToRole) -> Result<(), Stop> {
        let ToRole::Line(answer) = message else { return Ok(()) };
        let socket = self.context.files.lock().ok().and_then(|mut files| files.pop());
        let line = answer.and_then(|version| {
            let socket = socket.ok_or("the connection to the sound server got lost on its way")?;
            Line::fresh(socket, version)
        });
        let (paused, gain) = (self.state.paused, gain::factor(self.state.volume, self.state.muted));
        self.outlet.answered(line, mono_ns(), paused, gain, self.intake.source);
        Ok(())
    }

    fn follow(&mut self, state: PlayState) {
        let before = std::mem::replace(&mut self.state, state);
        let now_ns = mono_ns();
        if state.serial != before.serial {
            let heard_later = self.placed_ns.is_some() || self.joint == Joint::Open;
            if state.follows && self.intake.ended && !self.finished && heard_later {
                self.joint = if self.joint == Joint::None { Joint::Tail } else { self.joint };
                self.enter_serial();
            } else {
                self.begin_serial();
            }
        }
        if state.paused != before.paused {
            if self.placed_ns.is_none() && self.joint == Joint::None {
                self.restart_sink(now_ns);
            }
            self.outlet.sink.pause(state.paused, now_ns);
        }
        if (state.volume, state.muted) != (before.volume, before.muted) {
            self.outlet.sink.set_gain(gain::factor(state.volume, state.muted));
        }
    }

    fn tend(&mut self) -> Result<(), Stop> {
        self.tend_sink()?;
        self.feed(mono_ns());
        self.prime(mono_ns());
        self.publish(mono_ns())
    }

    /// Whoever has enough waits for no sound: what is ready stays where it is, for a successor.
    fn next(&mut self) -> Next {
        let enough = self.has_enough();
        let playing = !self.state.paused && !self.finished && self.placed_ns.is_some() && !self.starving;
        let waiting = self.joins() || (!self.backlog.is_empty() && self.placed_ns.is_none() && !self.state.paused);
        let pause_ns = match playing || waiting {
            true if self.joins() => JOIN_TICK_NS,
            true => TICK_NS,
            false => BEAT.as_nanos() as u64,
        };
        let until_ns = mono_ns() + pause_ns;
        if enough { Next::Rest(until_ns) } else { Next::Frame(until_ns) }
    }

    fn frame(&mut self, _: &mut Rounds<Self::Page>, slot: ReadSlot<'_>) -> Result<(), Stop> {
        // The serial began while this block was waited for. It is delivered again when the end of the one before is in the sink.
        if self.joint == Joint::Tail {
            return Ok(());
        }
        let (sink, recorder) = (self.outlet.sink.as_mut(), self.recorder.as_mut());
        let page = self.context.page();
        let changed = self.intake.accept(&slot, page, &self.state, sink, recorder, &mut self.backlog);
        if changed.map_err(Stop::Failed)? {
            self.context.notice("the sound changes its format; the WAV file keeps its first one")?;
        }
        slot.release();
        if !self.backlog.is_empty() {
            self.first_block_ns.get_or_insert_with(mono_ns);
            if self.finished {
                // It had ended and goes on after all.
                (self.finished, self.placed_ns) = (false, None);
            }
        }
        Ok(())
    }

    fn at_end(&mut self, _: &mut Rounds<Self::Page>, _: u64) -> Result<bool, Stop> {
        if self.is_our_end() {
            self.intake.end(&mut self.backlog);
        }
        Ok(false)
    }
}

impl Speaker {
    /// Looks after the sink: goes on by another where it is gone, and tells.
    fn tend_sink(&mut self) -> Result<(), Stop> {
        let (now_ns, gain) = (mono_ns(), gain::factor(self.state.volume, self.state.muted));
        let change = self.outlet.tend(now_ns, self.state.paused, gain);
        if let Some(patient) = self.outlet.question() {
            self.context.tell(&FromRole::NeedLine { patient })?;
        }
        match change {
            Some(Change::ToNull(why)) => {
                let after = "the film plays without sound until a sound server answers";
                self.context.notice(format!("{why}; {after}"))?;
                self.restart_sink(now_ns);
            }
            Some(Change::ToPulse) => {
                // What is ready was made ready for another sink.
                self.intake.restart(&mut self.backlog);
                self.backlog.clear();
                self.restart_sink(now_ns);
            }
            None => {}
        }
        let output = match &self.context.spec.work.sink {
            Some(SinkSpec::Wav(path)) => format!("wav ({path})"),
            _ => self.outlet.sink.describe().unwrap_or_default(),
        };
        let ready = *self.outlet.sink.health(now_ns) == Health::Ready;
        if ready && !output.is_empty() && output != self.output {
            self.output.clone_from(&output);
            self.context.tell(&FromRole::Output(output))?;
        }
        self.context.page().stream.set(self.outlet.sink.legacy());
        if let Some(inherited) = self.outlet.sink.inherited() {
            (self.inherited, self.written_ns) = (Some(inherited), inherited.written_ns);
        }
        Ok(())
    }

    fn begin_serial(&mut self) {
        self.restart_sink(mono_ns());
        self.backlog.clear();
        self.enter_serial();
    }

    fn enter_serial(&mut self) {
        let serial = self.state.serial;
        self.intake = Intake::default();
        self.keeper = Keeper::new(self.context.control.audio_clock().filter(|c| c.serial == serial));
        self.standing = !self.state.paused && self.keeper.line().is_some_and(|line| line.rate == 0.0);
        (self.first_block_ns, self.ending, self.finished) = (None, false, false);
    }

    /// Empties the sink; what comes next has to find its place in time anew.
    fn restart_sink(&mut self, now_ns: u64) {
        self.outlet.sink.flush(now_ns);
        self.timeline.clear();
        if std::mem::replace(&mut self.joint, Joint::None) == Joint::Tail {
            self.backlog.clear();
        }
        (self.written_ns, self.placed_ns, self.starving, self.inherited) = (0, None, false, None);
    }

    /// Whether enough sound waits for the sink.
    fn has_enough(&mut self) -> bool {
        if self.joint == Joint::Tail {
            return true;
        }
        if self.placed_ns.is_none() || self.recorder.is_some() {
            return self.backlog.sound_ns() > GATHER_NS;
        }
        !self.backlog.is_empty() || self.outlet.sink.room_ns(mono_ns()) < ROOM_NS
    }

    /// Whether an end of the stream is that of this serial, not of one that a seek has left.
    fn is_our_end(&self) -> bool {
        let (control, ours) = (&self.context.control, u64::from(self.state.serial) + 1);
        control.audio().in_serial.get() == ours || control.decoder().no_audio_in.get() == ours
    }

    /// Gives the sink what it has room for, each sample in its place in time.
    fn feed(&mut self, now_ns: u64) {
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
    fn prime(&mut self, now_ns: u64) {
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
    fn joins(&self) -> bool {
        let runs = || self.context.control.clock(self.state.serial).is_some_and(|clock| clock.rate > 0.0);
        self.placed_ns.is_none() && !self.state.paused && !self.finished && runs()
    }

    /// Publishes what is heard, and says when all was.
    fn publish(&mut self, now_ns: u64) -> Result<(), Stop> {
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
