//! The deaths of one run, and what comes after them: who is stepped, woken, killed and recovered, and in which order.

use tricine_channel::channel::{Region, Side, discard, held_by_consumer, recover};
use tricine_channel::sync::Ordering::SeqCst;
use tricine_channel::sys::process::{Exit, Reaped};
use tricine_session::{Error, Result};
use tricine_stress::sys::trace::{Forked, Stepped, Tie, pause, pin};

use super::actor::{Actor, Start};
use super::case::{Case, Operation, Second, Survivor};
use super::ledger::Excused;
use super::look::{at_rest, describe, held, is_there, of_frames};
use super::route::Route;
use super::stage::{Death, Outcome, Reached, Stage, start};

/// Who will ring for a process that falls asleep.
#[derive(Clone, Copy)]
pub(super) enum Bell<'a> {
    /// The survivor, which runs.
    Running,
    /// The survivor, once it is resumed.
    Parked(&'a Forked),
    /// Nobody: it sleeps on.
    Nobody,
}

/// A run under way.
pub(super) struct Scene<'a> {
    stage: &'a Stage<'a>,
    actor: Actor<'a>,
    watch: &'a Region,
    pub(super) deaths: Vec<Death>,
    steps: u64,
    excused: Excused,
    /// A frame that a consumer dies with is discarded.
    poison: bool,
    /// The parked survivor was resumed, since the victim slept.
    pub(super) woke: bool,
    /// After so many of its instructions.
    pub(super) slept_at: u64,
    /// Instructions that the next process to be walked has carried out already.
    ahead: u64,
    /// A process did not keep to its route.
    astray: bool,
    wrongs: Vec<String>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, actor: Actor<'a>, watch: &'a Region) -> Self {
        Self {
            stage,
            actor,
            watch,
            deaths: Vec::new(),
            steps: 0,
            excused: Excused::default(),
            poison: false,
            woke: false,
            slept_at: 0,
            ahead: 0,
            astray: false,
            wrongs: Vec::new(),
        }
    }

    /// Lets a process run at full speed to a place of its route some way before `count` instructions.
    fn follow(&mut self, process: &mut Forked, count: u64, route: &Route) -> Result<()> {
        // Elsewhere the debug registers are other ones: stepping does as well.
        if cfg!(target_arch = "x86_64")
            && let Some(n) = route.landmark(count)
        {
            match process.run_to(route.counters[n as usize])? {
                Stepped::Instruction => self.ahead = n,
                _ => self.astray = true,
            }
        }
        Ok(())
    }

    /// The deaths of `case`, after these numbers of instructions, and what comes after.
    pub(super) fn play(mut self, case: &Case, at: &[u64], route: Option<&Route>) -> Result<Outcome> {
        let (side, peer) = (case.role, case.role.other());
        self.poison = case.operation == Operation::Poison;
        let mut victim = self.traced("the victim", |a| a.victim(case.operation, start(case)))?;
        match case.survivor {
            Survivor::Asleep => return self.hold(victim, case, at[0]),
            Survivor::Serving => return self.serve(victim, case, at[0], route),
            _ => {}
        }
        let second = at.get(1).copied();
        let mut survivor = match case.second {
            Some(Second::OtherSide) => {
                let operation = if peer == Side::Producer { Operation::Publish } else { Operation::Release };
                self.traced("the second victim", |a| a.victim(operation, Start::First))?
            }
            _ => self.survivor(peer, case.survivor)?,
        };
        let bell = match (case.second, case.survivor) {
            (Some(Second::OtherSide), _) => Bell::Nobody,
            (_, Survivor::Parked | Survivor::Holding) => Bell::Parked(&survivor),
            _ => {
                survivor.resume()?;
                Bell::Running
            }
        };
        self.come(&mut victim, at[0], bell, route)?;
        let dead = self.kill(&mut victim, side)?;
        // A survivor that stands still in the midst of its operation: its words must not change.
        let still = (case.survivor == Survivor::Holding && !self.woke).then_some(peer);
        let mut left = Vec::new();
        match (case.second, second) {
            (Some(Second::OtherSide), Some(at)) => {
                self.walk(&mut survivor, at, Bell::Nobody, |_, _| Ok(()))?;
                let other = self.kill(&mut survivor, peer)?;
                self.recover(side, &dead, None)?;
                self.recover(peer, &other, None)?;
                left.push(("the other side's successor", self.successor(peer)?));
            }
            (Some(Second::Recovery), Some(at)) => {
                let poisoned = held_by_consumer(self.watch).filter(|_| self.poison);
                let mut recovering = self.traced("recovery", |a| {
                    let region = Region::open(&a.channel.region())?;
                    pause();
                    if let Some(n) = poisoned {
                        discard(&region, n, &dead)?;
                    }
                    recover(&region, side, &dead)?;
                    pause();
                    Ok(())
                })?;
                self.walk(&mut recovering, at, Bell::Nobody, |_, _| Ok(()))?;
                self.note(&mut recovering)?;
                self.recover(side, &dead, still)?;
            }
            (Some(Second::Successor), Some(at)) => {
                self.recover(side, &dead, still)?;
                let mut successor = self.traced("the successor", |a| a.victim(case.operation, Start::Fresh))?;
                // A survivor that was parked so far is needed if the successor has to sleep.
                self.walk(&mut successor, at, Bell::Parked(&survivor), |_, _| Ok(()))?;
                let dead = self.kill(&mut successor, side)?;
                // By now the survivor may be awake.
                self.recover(side, &dead, None)?;
            }
            _ => self.recover(side, &dead, still)?,
        }
        left.push(("the successor", self.successor(side)?));
        if case.second != Some(Second::OtherSide) {
            survivor.resume()?;
            left.push(("the survivor", survivor));
        }
        self.end(left)
    }

    /// Brings the first victim to where it has carried out `at` instructions, along `route` if there is one.
    fn come(&mut self, victim: &mut Forked, at: u64, bell: Bell<'_>, route: Option<&Route>) -> Result<()> {
        if let Some(route) = route {
            self.follow(victim, at, route)?;
        }
        self.walk(victim, at, bell, |_, _| Ok(()))?;
        if let (Some(route), Some(death)) = (route, self.deaths.last()) {
            let there = route.counters.get(death.instructions as usize).is_none_or(|c| *c == death.counter);
            self.astray |= death.reached == Reached::Instruction && !there;
        }
        Ok(())
    }

    /// A victim that is held after `at` instructions on its way to sleep, or in it, while the other side hands over once. It then
    /// has to end its operation, although the other side stands still from there on.
    fn serve(mut self, mut victim: Forked, case: &Case, at: u64, route: Option<&Route>) -> Result<Outcome> {
        let mut server = self.survivor(case.role.other(), Survivor::Serving)?;
        self.come(&mut victim, at, Bell::Nobody, route)?;
        if let Some(death) = self.deaths.last_mut() {
            death.words = describe(self.watch);
        }
        server.resume()?;
        server.until_paused()?;
        if victim.run_to_pause().is_err() {
            self.wrongs.push("a hand-over was not found by a side on its way to sleep".into());
        }
        let dead = victim.kill()?;
        self.recover(case.role, &dead, None)?;
        let successor = self.successor(case.role)?;
        server.resume()?;
        self.end(vec![("the successor", successor), ("the server", server)])
    }

    /// A victim that is held after `at` instructions while somebody sleeps, then goes on to the end of its operation, and
    /// does another: each of the two alone has to wake the sleeper, also if it was served, and slept again, during the hold.
    fn hold(mut self, mut victim: Forked, case: &Case, at: u64) -> Result<Outcome> {
        let mut sleeper = self.sleeper(case.role.other())?;
        self.walk(&mut victim, at, Bell::Running, |_, _| Ok(()))?;
        // Woken too early, it finds nothing, and sleeps again.
        let early = sleeper.until_settled()?;
        if early {
            self.back_to_sleep(&mut sleeper)?;
        }
        if let Some(death) = self.deaths.last_mut() {
            death.words = describe(self.watch);
            if death.reached == Reached::Instruction {
                victim.run_to_pause()?;
            }
        }
        // An error is the end of its wait, by its deadline.
        let mut served = early || sleeper.until_paused().is_ok();
        if served {
            if !early {
                self.back_to_sleep(&mut sleeper)?;
            }
            victim.run_to_pause()?;
            served = sleeper.until_paused().is_ok();
        }
        if !served {
            self.wrongs.push("nobody rang for the sleeper after the last change".into());
        }
        let dead = victim.kill()?;
        self.recover(case.role, &dead, None)?;
        let successor = self.successor(case.role)?;
        if served {
            sleeper.resume()?;
        }
        self.end(vec![("the successor", successor), ("the sleeper", sleeper)])
    }

    /// `side`, asleep at its doorbell.
    pub(super) fn sleeper(&self, side: Side) -> Result<Forked> {
        let mut sleeper = self.survivor(side, Survivor::Asleep)?;
        self.back_to_sleep(&mut sleeper)?;
        Ok(sleeper)
    }

    /// Lets a process that paused go on to its doorbell.
    fn back_to_sleep(&self, sleeper: &mut Forked) -> Result<()> {
        sleeper.resume()?;
        if sleeper.until_settled()? {
            return Err(Error::sys("sleep", "a process that found something to do", nix::Error::EBUSY));
        }
        Ok(())
    }

    /// A process that is traced and stands in front of what is swept.
    pub(super) fn traced(&self, who: &str, body: impl FnOnce(&Actor<'_>) -> Result<()>) -> Result<Forked> {
        let mut forked = self.stage.tracer.fork_traced(|| self.actor.process(who, body))?;
        forked.run_to_pause()?;
        Ok(forked)
    }

    /// The other side, ready and parked.
    pub(super) fn survivor(&self, side: Side, stance: Survivor) -> Result<Forked> {
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
        let run = || self.actor.process("the successor", |a| a.to_the_end(side, Survivor::Running));
        Ok(self.stage.tracer.fork(Tie::Bound, run)?)
    }

    /// Steps a process over `count` instructions, or to where it sleeps and nobody will wake it. `look` is called in
    /// front of every step.
    pub(super) fn walk(
        &mut self,
        process: &mut Forked,
        count: u64,
        mut bell: Bell<'_>,
        mut look: impl FnMut(&Forked, u64) -> Result<()>,
    ) -> Result<()> {
        let mut reached = Reached::Instruction;
        let mut done = std::mem::take(&mut self.ahead);
        while done < count && reached == Reached::Instruction {
            look(process, done)?;
            match process.step()? {
                Stepped::Instruction => {
                    done += 1;
                    self.steps += 1;
                }
                Stepped::Paused => reached = Reached::End,
                Stepped::Asleep if done + 1 == count => reached = Reached::Asleep,
                Stepped::Asleep => match bell {
                    Bell::Nobody => reached = Reached::Asleep,
                    Bell::Running => {}
                    Bell::Parked(survivor) => {
                        survivor.resume()?;
                        self.woke = true;
                        self.slept_at = done;
                        bell = Bell::Running;
                    }
                },
                Stepped::Signal(signal) => return Err(Error::sys("step", signal.as_str(), nix::Error::EFAULT)),
                Stepped::Gone(_) => {
                    return Err(Error::sys("step", "a process that ended by itself", nix::Error::ESRCH));
                }
            }
        }
        let counter = if reached == Reached::Asleep { 0 } else { process.program_counter()? };
        self.deaths.push(Death { instructions: done, reached, counter, words: String::new() });
        Ok(())
    }

    /// Kills a process, reaps it, and takes down what it left.
    fn note(&mut self, process: &mut Forked) -> Result<Reaped> {
        let dead = process.kill()?;
        if let Some(death) = self.deaths.last_mut() {
            death.words = describe(self.watch);
        }
        Ok(dead)
    }

    /// As [`Scene::note`], for a process on `side`: what it held excuses what comes of it.
    fn kill(&mut self, process: &mut Forked, side: Side) -> Result<Reaped> {
        let dead = self.note(process)?;
        if side == Side::Consumer
            && let Some(seq) = held(self.watch)
        {
            let effects = self.stage.ledger.effects(seq);
            if !is_there(self.watch, seq) {
                self.wrongs.push(format!("it died with frame {seq} in its hands, which was not there yet"));
            }
            if self.poison {
                self.excused.discard(seq, effects);
                self.stage.ledger.discard(seq);
            } else {
                self.excused.held(seq, effects, self.released() > seq);
            }
        }
        Ok(dead)
    }

    fn released(&self) -> u64 {
        self.watch.words().consumer.released.0.load(SeqCst)
    }

    /// Takes away the frame that a dead consumer held; and, if asked for a frame that it did not hold, none.
    fn discard(&mut self, reaped: &Reaped) -> Result<()> {
        let (held, before) = (held_by_consumer(self.watch), self.released());
        discard(self.watch, held.map_or(before, |n| n + 1), reaped)?;
        if self.released() != before {
            self.wrongs
                .push(format!("a frame was discarded that nobody held: {} released, not {before}", self.released()));
        }
        held.map_or(Ok(()), |n| Ok(discard(self.watch, n, reaped)?))
    }

    /// The real recovery. Where `still` says that the survivor does nothing meanwhile, no word of a frame may change.
    fn recover(&mut self, dead: Side, reaped: &Reaped, still: Option<Side>) -> Result<()> {
        if self.poison && dead == Side::Consumer {
            self.discard(reaped)?;
        }
        let before = of_frames(self.watch);
        recover(self.watch, dead, reaped)?;
        let after = of_frames(self.watch);
        if still.is_some() && before != after {
            self.wrongs.push(format!("recovery changed the words of frames: {before:?} became {after:?}"));
        }
        Ok(())
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
        Ok(Outcome {
            deaths: self.deaths,
            steps: self.steps,
            repeated: self.excused.repeated(),
            redelivered,
            wrongs,
            astray: self.astray,
        })
    }
}
