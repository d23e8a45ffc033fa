//! A run in two worlds at once: the model, which says each step in words, and the stage, where it happens. They have to
//! agree after every step.

use std::time::Duration;

use tricine_lab::lang::Program;
use tricine_lab::model::{Effect, Life, Model};
use tricine_lab::run::{End, Replay};
use tricine_lab::schedule::{self, Act};

use crate::stage::{Did, Freely, Stage};
use crate::{Error, Result};

/// Both worlds, after the same acts.
pub struct Stepper<'p> {
    program: &'p Program,
    /// The model's run, for people.
    pub replay: Replay<'p>,
    /// The processes.
    pub stage: Stage,
    /// Everything that was asked for so far.
    pub acts: Vec<Act>,
}

impl<'p> Stepper<'p> {
    /// Both at the beginning.
    ///
    /// # Errors
    /// They differ there already.
    pub fn new(program: &'p Program, stage: Stage) -> Result<Self> {
        let me = Self { program, replay: Replay::new(program), stage, acts: vec![] };
        me.compare()?;
        Ok(me)
    }

    /// What is played.
    pub fn program(&self) -> &'p Program {
        self.program
    }

    /// One act in both.
    ///
    /// # Errors
    /// A process was lost, or the two worlds differ.
    pub fn act(&mut self, act: Act) -> Result<()> {
        if matches!(self.replay.end, End::Fault(_)) {
            return Ok(());
        }
        self.acts.push(act);
        self.replay.act(act);
        let did = self.stage.act(act)?;
        let told = self.replay.moments.last().and_then(|m| m.told.as_ref());
        let model_fault = told.filter(|t| t.wrong).map(|t| t.says.clone());
        match (&did, model_fault) {
            (Did::Fault(real), Some(model)) if *real == model => Ok(()),
            (Did::Fault(real), _) => Err(self.differ(format!("a fault in the real world alone: {real}"))),
            (_, Some(model)) => Err(self.differ(format!("a fault in the model alone: {model}"))),
            _ => self.compare(),
        }
    }

    /// Takes the last act back: everything is played again from the beginning, up to it.
    ///
    /// # Errors
    /// As [`Self::act`].
    pub fn undo(&mut self) -> Result<()> {
        let keep = self.acts.len().saturating_sub(1);
        let acts: Vec<Act> = self.acts.drain(..).take(keep).collect();
        self.restart()?;
        acts.into_iter().try_for_each(|a| self.act(a))
    }

    /// Back to the beginning.
    ///
    /// # Errors
    /// A system call failed.
    pub fn restart(&mut self) -> Result<()> {
        self.acts.clear();
        self.replay = Replay::new(self.program);
        self.stage.reset()?;
        self.compare()
    }

    /// Runs freely; both are at the beginning afterwards.
    ///
    /// # Errors
    /// A process was lost.
    pub fn freely(&mut self, most: usize, time: Duration) -> Result<Freely> {
        let freely = self.stage.freely(most, time)?;
        self.acts.clear();
        self.replay = Replay::new(self.program);
        self.compare()?;
        Ok(freely)
    }

    fn compare(&self) -> Result<()> {
        // A program that goes wrong before its first step has no state to compare.
        if matches!(self.replay.end, End::Fault(_)) {
            return Ok(());
        }
        let model = Model::keeping(self.program);
        match self.stage.difference(&model, self.replay.state()) {
            None => Ok(()),
            Some(what) => Err(self.differ(what)),
        }
    }

    fn differ(&self, what: String) -> Error {
        Error::Differ { schedule: schedule::print(&self.acts), what }
    }
}

/// What a random walk did.
#[derive(Debug, Default, Clone, Copy, serde::Serialize)]
#[allow(missing_docs)]
pub struct Walked {
    pub runs: usize,
    pub steps: usize,
    pub kills: usize,
    pub sleeps: usize,
    /// Runs that ended with a fault, the same in both worlds.
    pub faults: usize,
}

impl std::ops::AddAssign for Walked {
    fn add_assign(&mut self, o: Self) {
        self.runs += o.runs;
        self.steps += o.steps;
        self.kills += o.kills;
        self.sleeps += o.sleeps;
        self.faults += o.faults;
    }
}

/// Random acts, with kills, from the beginning again and again, until so many steps were compared. `random` gives a number
/// below its argument.
///
/// # Errors
/// The first difference.
pub fn walk(
    stepper: &mut Stepper<'_>,
    steps: usize,
    deaths: usize,
    random: &mut dyn FnMut(usize) -> usize,
) -> Result<Walked> {
    let mut walked = Walked::default();
    let model = Model::keeping(stepper.program);
    let acts = model.acts();
    let n = stepper.program.processes.len();
    while walked.steps < steps && walked.runs < steps {
        stepper.restart()?;
        walked.runs += 1;
        let mut left = deaths;
        for _ in 0..120 {
            // Where everybody is stuck, they can still fall asleep and be killed.
            let over = match stepper.replay.end {
                End::Fault(_) | End::Over | End::WrongEnd(_) => true,
                End::Stuck(_) => random(4) == 0,
                End::Open => false,
            };
            if over {
                break;
            }
            let state = stepper.replay.state();
            // Steps three times as often as anything else; a sleeper is asked, too.
            let mut can: Vec<Act> = vec![];
            for act in &acts {
                let possible = !matches!(model.act(&mut state.to_vec(), *act), Effect::Impossible);
                match act {
                    Act::Step(i) if possible || model.sleeps(state, *i) => can.extend([*act; 3]),
                    Act::Kill(i)
                        if left > 0 && random(4 * n) == 0 && model.life(state, *i) != Life::Dead && possible =>
                    {
                        can.push(*act);
                    }
                    Act::Recover | Act::Flush(_) if possible => can.push(*act),
                    _ => {}
                }
            }
            let Some(act) = can.get(random(can.len().max(1))).copied() else { break };
            if let Act::Kill(_) = act {
                left -= 1;
                walked.kills += 1;
            }
            let slept = matches!(act, Act::Step(i) if model.sleeps(state, i));
            walked.sleeps += usize::from(slept);
            stepper.act(act)?;
            walked.steps += 1;
        }
        walked.faults += usize::from(matches!(stepper.replay.end, End::Fault(_)));
    }
    Ok(walked)
}
