//! The role at work: takes blocks, feeds the sink (`placing`), publishes what is heard (`hearing`).

mod hearing;
mod placing;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tricine_channel::time::mono_ns;
use tricine_session::actor::{Actor, BEAT, Next, Rounds, Stop};
use tricine_session::channel::ReadSlot;
use tricine_session::clock::PlayState;
use tricine_session::control::{AudioPage, Writable};
use tricine_session::link::{Finding, FromRole, SinkSpec, ToRole};

use crate::Context;
use crate::backlog::Backlog;
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
/// So much sound is gathered before the first sample has its place in time.
const GATHER_NS: u64 = 100 * MS;
/// From then on a block is taken when the sink has so much room, and goes there whole: what waits here dies with us.
const ROOM_NS: u64 = 15 * MS;

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
}
