//! One run: a channel, its two sides, one or two deaths at chosen instructions, recovery, and the film's end.

use std::time::Duration;

use tricine_shared::channel::bug::Bug;
use tricine_shared::channel::ownership::{MailWord, SLOTS, SlotWord, State};
use tricine_shared::channel::{Channel, ChannelName, Kind, Mode, Side, Spec, held_by_consumer, recover};
use tricine_shared::frame::FrameMeta;
use tricine_shared::sync::Ordering::SeqCst;
use tricine_shared::sys::process::Exit;
use tricine_shared::sys::trace::{Forked, Stepped, Tie, Tracer, pause, pin};
use tricine_shared::{Error, Result};

use super::actor::{Actor, Start};
use super::bugs;
use super::case::{Case, Operation, Past, Second, Survivor};
use super::ledger::{Excused, Film, Ledger, MOST_FRAMES};

/// Frames that come after those of the fill level: the victim's, and once around the ring.
const FRAMES_AFTER: usize = 5;

/// How far a process got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// It was killed after that instruction.
    Instruction,
    /// It was killed in its sleep.
    Asleep,
    /// It was killed after the end of what is swept.
    End,
}

/// A death.
#[derive(Debug, Clone)]
pub struct Death {
    /// After this many instructions.
    pub instructions: u64,
    /// Where that was.
    pub reached: Reached,
    /// The address of the instruction that it did not come to.
    pub counter: u64,
    /// The words that it left.
    pub words: String,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The first death, and the second if there was to be one.
    pub deaths: Vec<Death>,
    /// Instructions stepped.
    pub steps: u64,
    /// Frames whose effect came again, each explained by a death between effect and record.
    pub repeated: u64,
    /// Frames that came again and were known to be done.
    pub redelivered: u64,
    /// All that is wrong; nothing if all is well.
    pub wrongs: Vec<String>,
}

/// Where runs take place, one after another, each in a channel of its own.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Forks the processes.
    pub tracer: &'a Tracer,
    /// The session that the channels belong to.
    pub session: &'a str,
    /// What the processes share.
    pub ledger: &'a Ledger,
    /// What they hand over.
    pub film: &'a Film,
    /// How long a wait may take.
    pub patience: Duration,
    /// Where the survivor runs.
    pub other_cpu: usize,
    /// Channels so far.
    pub channels: u64,
    /// What is wrong with the channel's code, once it has come to the fill level.
    pub bug: Option<Bug>,
}

/// The other side.
fn other(side: Side) -> Side {
    match side {
        Side::Producer => Side::Consumer,
        Side::Consumer => Side::Producer,
    }
}

/// From where on the victim of a case is swept.
fn start(case: &Case) -> Start {
    let settled = case.role == Side::Consumer && case.fill.past.contains(&Past::Released);
    if settled { Start::Settled } else { Start::First }
}

impl Stage<'_> {
    /// Runs `case` with a death after each of these numbers of instructions.
    pub fn run(&mut self, case: &Case, at: &[u64]) -> Result<Outcome> {
        self.with_channel(case, |stage, actor, watch| stage.scene(case, at, actor, watch))
    }

    /// The instructions of the victim's operation after which anything that the processes share differs from before
    /// (payloads apart), the first of all and the last.
    pub fn changes(&mut self, case: &Case) -> Result<Vec<u64>> {
        self.with_channel(case, |stage, actor, watch| {
            let mut scene = Scene::new(stage, actor, watch);
            let mut victim = scene.traced("the victim", |a| a.victim(case.operation, start(case)))?;
            let survivor = scene.survivor(other(case.role), Survivor::Parked)?;
            let bell = if case.second == Some(Second::OtherSide) { Bell::Nobody } else { Bell::Parked(&survivor) };
            let (mut changes, mut before) = (vec![0], Vec::new());
            scene.walk(&mut victim, u64::MAX, bell, |n| {
                let now = picture(watch, stage.ledger);
                if !before.is_empty() && now != before {
                    changes.push(n);
                }
                before = now;
            })?;
            let last = scene.deaths.last().map_or(0, |d| d.instructions);
            // One more is its sleep, or what comes after its end.
            changes.push(last + 1);
            changes.dedup();
            Ok(changes)
        })
    }

    fn with_channel<T>(
        &mut self,
        case: &Case,
        body: impl FnOnce(&Self, Actor<'_>, &Channel) -> Result<T>,
    ) -> Result<T> {
        let name = ChannelName { session: self.session.into(), kind: Kind::Video, generation: self.channels };
        self.channels += 1;
        let capacity = self.film.len() as u64;
        Channel::create(&name, &Spec { mode: case.mode, capacity, base: 0, resume_pts_ns: 0, resume_serial: 0 })?;
        let result = (|| {
            self.ledger.clear();
            let watch = Channel::attach(&name, None)?;
            let total = (case.fill.published() + FRAMES_AFTER) as u64;
            let actor = Actor { channel: &name, ledger: self.ledger, film: self.film, total, patience: self.patience };
            bugs::seed(None);
            actor.live_through(case.fill.past)?;
            bugs::seed(self.bug);
            body(self, actor, &watch)
        })();
        name.unlink()?;
        result
    }

    fn scene(&self, case: &Case, at: &[u64], actor: Actor<'_>, watch: &Channel) -> Result<Outcome> {
        let mut scene = Scene::new(self, actor, watch);
        let (side, peer) = (case.role, other(case.role));
        let mut victim = scene.traced("the victim", |a| a.victim(case.operation, start(case)))?;
        let second = at.get(1).copied();
        let mut survivor = match case.second {
            Some(Second::OtherSide) => {
                let operation = if peer == Side::Producer { Operation::Publish } else { Operation::Release };
                scene.traced("the second victim", |a| a.victim(operation, Start::First))?
            }
            _ => scene.survivor(peer, case.survivor)?,
        };
        let bell = match (case.second, case.survivor) {
            (Some(Second::OtherSide), _) => Bell::Nobody,
            (_, Survivor::Parked | Survivor::Holding) => Bell::Parked(&survivor),
            (_, Survivor::Running) => {
                survivor.resume()?;
                Bell::Running
            }
        };
        scene.walk(&mut victim, at[0], bell, |_| {})?;
        scene.kill(&mut victim, side)?;
        // A survivor that stands still in the midst of its operation: its words must not change.
        let still = (case.survivor == Survivor::Holding && !scene.woke).then_some(peer);
        let mut left = Vec::new();
        match (case.second, second) {
            (Some(Second::OtherSide), Some(at)) => {
                scene.walk(&mut survivor, at, Bell::Nobody, |_| {})?;
                scene.kill(&mut survivor, peer)?;
                scene.recover(side, None);
                scene.recover(peer, None);
                left.push(("the other side's successor", scene.successor(peer)?));
            }
            (Some(Second::Recovery), Some(at)) => {
                let mut recovering = self.tracer.fork_traced(|| {
                    actor.process("recovery", |a| {
                        let channel = Channel::attach(a.channel, None)?;
                        pause();
                        recover(&channel, side);
                        pause();
                        Ok(())
                    })
                })?;
                recovering.run_to_pause()?;
                scene.walk(&mut recovering, at, Bell::Nobody, |_| {})?;
                scene.note(&mut recovering)?;
                scene.recover(side, still);
            }
            (Some(Second::Successor), Some(at)) => {
                scene.recover(side, still);
                let mut successor = scene.traced("the successor", |a| a.victim(case.operation, Start::Fresh))?;
                // A survivor that was parked so far is needed if the successor has to sleep.
                scene.walk(&mut successor, at, Bell::Parked(&survivor), |_| {})?;
                scene.kill(&mut successor, side)?;
                // By now the survivor may be awake.
                scene.recover(side, None);
            }
            _ => scene.recover(side, still),
        }
        left.push(("the successor", scene.successor(side)?));
        if case.second != Some(Second::OtherSide) {
            survivor.resume()?;
            left.push(("the survivor", survivor));
        }
        scene.end(left)
    }
}

/// Who will ring for a process that falls asleep.
#[derive(Clone, Copy)]
enum Bell<'a> {
    /// The survivor, which runs.
    Running,
    /// The survivor, once it is resumed.
    Parked(&'a Forked),
    /// Nobody: it sleeps on.
    Nobody,
}

/// A run under way.
struct Scene<'a> {
    stage: &'a Stage<'a>,
    actor: Actor<'a>,
    watch: &'a Channel,
    deaths: Vec<Death>,
    steps: u64,
    excused: Excused,
    /// The parked survivor was resumed, since the victim slept.
    woke: bool,
    wrongs: Vec<String>,
}

impl<'a> Scene<'a> {
    fn new(stage: &'a Stage<'a>, actor: Actor<'a>, watch: &'a Channel) -> Self {
        Self {
            stage,
            actor,
            watch,
            deaths: Vec::new(),
            steps: 0,
            excused: Excused::default(),
            woke: false,
            wrongs: Vec::new(),
        }
    }

    /// A process that is traced and stands in front of what is swept.
    fn traced(&self, who: &str, body: impl FnOnce(&Actor<'_>) -> Result<()>) -> Result<Forked> {
        let mut forked = self.stage.tracer.fork_traced(|| self.actor.process(who, body))?;
        forked.run_to_pause()?;
        Ok(forked)
    }

    /// The other side, ready and parked.
    fn survivor(&self, side: Side, stance: Survivor) -> Result<Forked> {
        // One that is to run stands still at first, too: until everybody is there.
        let stance = if stance == Survivor::Running { Survivor::Parked } else { stance };
        let mut forked = self.stage.tracer.fork(Tie::Bound, || {
            pin(self.stage.other_cpu);
            self.actor.process("the survivor", |a| a.to_the_end(side, stance))
        })?;
        forked.until_paused()?;
        Ok(forked)
    }

    /// The next incarnation of `side`, running to the end.
    fn successor(&self, side: Side) -> Result<Forked> {
        self.stage
            .tracer
            .fork(Tie::Bound, || self.actor.process("the successor", |a| a.to_the_end(side, Survivor::Running)))
    }

    /// Steps a process over `count` instructions, or to where it sleeps and nobody will wake it. `look` is called in
    /// front of every step.
    fn walk(&mut self, process: &mut Forked, count: u64, mut bell: Bell<'_>, mut look: impl FnMut(u64)) -> Result<()> {
        let mut reached = Reached::Instruction;
        let mut done = 0;
        while done < count && reached == Reached::Instruction {
            look(done);
            match process.step()? {
                Stepped::Instruction => done += 1,
                Stepped::Paused => reached = Reached::End,
                Stepped::Asleep if done + 1 == count => reached = Reached::Asleep,
                Stepped::Asleep => match bell {
                    Bell::Nobody => reached = Reached::Asleep,
                    Bell::Running => {}
                    Bell::Parked(survivor) => {
                        survivor.resume()?;
                        self.woke = true;
                        bell = Bell::Running;
                    }
                },
                Stepped::Signal(signal) => return Err(Error::sys("step", signal.as_str(), nix::Error::EFAULT)),
                Stepped::Gone(_) => {
                    return Err(Error::sys("step", "a process that ended by itself", nix::Error::ESRCH));
                }
            }
        }
        self.steps += done;
        let counter = if reached == Reached::Asleep { 0 } else { process.program_counter()? };
        self.deaths.push(Death { instructions: done, reached, counter, words: String::new() });
        Ok(())
    }

    /// Kills a process, reaps it, and takes down what it left.
    fn note(&mut self, process: &mut Forked) -> Result<()> {
        process.kill()?;
        if let Some(death) = self.deaths.last_mut() {
            death.words = describe(self.watch);
        }
        Ok(())
    }

    /// As [`Scene::note`], for a process on `side`: what it held excuses what comes of it.
    fn kill(&mut self, process: &mut Forked, side: Side) -> Result<()> {
        self.note(process)?;
        if side == Side::Consumer
            && let Some(seq) = held(self.watch)
        {
            let recorded = self.watch.words().done.0.load(SeqCst) > seq;
            self.excused.held(seq, self.stage.ledger.effects(seq), recorded);
        }
        Ok(())
    }

    /// The real recovery. `still` is a living side that does nothing meanwhile: what is its own must stay.
    fn recover(&mut self, dead: Side, still: Option<Side>) {
        let before = slot_words(self.watch);
        recover(self.watch, dead);
        let theirs = match still {
            Some(Side::Producer) => State::Writing,
            Some(Side::Consumer) => State::Reading,
            None => return,
        };
        for (before, after) in before.into_iter().zip(slot_words(self.watch)) {
            if before.state == theirs && before != after {
                self.wrongs.push(format!("recovery took the survivor's slot: {before:?} became {after:?}"));
            }
        }
    }

    /// Waits for the film's end and looks at everything.
    fn end(self, left: Vec<(&str, Forked)>) -> Result<Outcome> {
        let mut wrongs = self.wrongs;
        for (who, mut process) in left {
            match process.reap(self.stage.patience * 2)? {
                Some(Exit::Code(0)) => {}
                Some(exit) => wrongs.push(format!("{who} ended with {exit}")),
                None => wrongs.push(format!("{who} hangs")),
            }
        }
        let (mode, total) = (self.watch.mode(), self.actor.total);
        wrongs.extend(self.stage.ledger.wrongs(mode, total, &self.excused));
        if wrongs.is_empty() && !at_rest(self.watch, total) {
            wrongs.push(format!("in the end: {}", describe(self.watch)));
        }
        let redelivered = self.stage.ledger.redelivered();
        Ok(Outcome { deaths: self.deaths, steps: self.steps, repeated: self.excused.repeated(), redelivered, wrongs })
    }
}

/// The frame that a dead consumer held, in either mode.
fn held(channel: &Channel) -> Option<u64> {
    match channel.mode() {
        Mode::Fifo => held_by_consumer(channel),
        Mode::Mailbox => {
            let front = MailWord::decode(channel.words().mail.0.load(SeqCst))?.front;
            let words = channel.words().meta[front].load();
            FrameMeta::decode(words, channel.capacity() as u64).ok().map(|meta| meta.seq)
        }
    }
}

/// Whether every slot has come to rest after `total` frames.
fn at_rest(channel: &Channel, total: u64) -> bool {
    let words = channel.words();
    let said = words.done.0.load(SeqCst) == total && words.end.0.load(SeqCst) == total + 1;
    said && match channel.mode() {
        Mode::Fifo => {
            let free = slot_words(channel).into_iter().enumerate().all(|(i, word)| {
                let next = (total..total + SLOTS as u64).contains(&word.seq) && SlotWord::slot(word.seq) == i;
                word.state == State::Free && next
            });
            // A free slot without a token is one that the producer would not come to know of.
            free && channel.empty.value() >= SLOTS as i32
        }
        Mode::Mailbox => {
            MailWord::decode(words.mail.0.load(SeqCst)).is_some_and(|word| word.seq == total && !word.dirty)
        }
    }
}

fn slot_words(channel: &Channel) -> [SlotWord; SLOTS] {
    channel.words().slots.each_ref().map(|w| SlotWord::decode(w.0.load(SeqCst)))
}

/// Everything that the processes share except for payloads.
fn picture(channel: &Channel, ledger: &Ledger) -> Vec<u64> {
    let words = channel.words();
    let single = [&words.mail, &words.end, &words.done];
    let owners = words.slots.iter().chain(single).map(|w| w.0.load(SeqCst));
    let metas = words.meta.iter().flat_map(|m| m.load());
    let bells = [&channel.empty, &channel.filled].map(|s| s.value() as u64);
    let effects = (0..MOST_FRAMES as u64).map(|n| ledger.effects(n));
    owners.chain(metas).chain(bells).chain(effects).collect()
}

/// The ownership words and the doorbells, for people.
fn describe(channel: &Channel) -> String {
    let words = channel.words();
    let owners = match channel.mode() {
        Mode::Fifo => slot_words(channel).map(|w| format!("{} {:?}", w.seq, w.state).to_uppercase()).join(", "),
        Mode::Mailbox => match MailWord::decode(words.mail.0.load(SeqCst)) {
            Some(w) => format!("{w:?}"),
            None => format!("mailbox word {:#x}", words.mail.0.load(SeqCst)),
        },
    };
    let (done, end) = (words.done.0.load(SeqCst), words.end.0.load(SeqCst));
    let (empty, filled) = (channel.empty.value(), channel.filled.value());
    format!("{owners}; done {done}, end {end}, empty {empty}, filled {filled}")
}
