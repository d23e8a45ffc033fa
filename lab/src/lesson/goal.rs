//! Goals: states that a learner is asked to reach, or that nobody can. `reach end and count = 2`, `never end and count = 1`.

use serde::{Deserialize, Serialize};

use crate::lang::Program;
use crate::model::search::{Limits, reach};
use crate::model::{Life, Model};
use crate::run::Replay;
use crate::schedule::Act;

/// A goal, in words and as conditions that all have to hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Goal {
    /// Whether it can be reached.
    pub possible: bool,
    /// It is about the repaired program, not about the one that is given out.
    pub after: bool,
    pub condition: String,
    pub text: String,
    /// The schedule that the lesson gives for it.
    pub schedule: String,
    /// The instance that it is about: `0:` before the schedule is the smallest. Without one, the largest where everybody works.
    pub instance: Option<usize>,
}

/// A goal that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("goal `{0}`: expected `end`, `stuck`, `NAME sleeps`, `NAME dead`, `shows N` or `NAME = N`, joined by `and`")]
pub struct GoalError(pub String);

#[derive(Debug, Clone)]
enum Condition {
    End,
    Stuck,
    Sleeps(usize),
    Dead(usize),
    Shows(i64),
    Word(usize, i64),
    Tokens(usize, i64),
}

impl Goal {
    fn conditions(&self, p: &Program) -> Result<Vec<Condition>, GoalError> {
        let error = || GoalError(self.condition.clone());
        let process = |name: &str| p.processes.iter().position(|q| q.name == name).ok_or_else(error);
        let one = |part: &str| {
            let words: Vec<&str> = part.split_whitespace().collect();
            match words[..] {
                ["end"] => Ok(Condition::End),
                ["stuck"] => Ok(Condition::Stuck),
                [name, "sleeps"] => process(name).map(Condition::Sleeps),
                [name, "dead"] => process(name).map(Condition::Dead),
                ["shows", n] => n.parse().map(Condition::Shows).map_err(|_| error()),
                [name, "=", n] => {
                    let n = n.parse().map_err(|_| error())?;
                    let word = p.words.iter().position(|w| w.0 == name).map(|k| Condition::Word(k, n));
                    let tokens = || p.semaphores.iter().position(|s| s.0 == name).map(|k| Condition::Tokens(k, n));
                    word.or_else(tokens).ok_or_else(error)
                }
                _ => Err(error()),
            }
        };
        self.condition.split(" and ").map(one).collect()
    }

    /// Whether a run has come to it. A process that would sleep if it ran does not sleep yet.
    ///
    /// # Errors
    /// The goal cannot be read.
    pub fn is_met(&self, p: &Program, run: &Replay<'_>) -> Result<bool, GoalError> {
        let conditions = self.conditions(p)?;
        let model = Model::new(p);
        let asleep = |i: usize| run.moments.last().is_some_and(|m| m.processes[i].asleep_at.is_some());
        let met = |c: &Condition| match c {
            Condition::Sleeps(i) => asleep(*i),
            c => holds(&model, run.state(), c),
        };
        Ok(conditions.iter().all(met))
    }

    /// The easiest schedule to it, with as many deaths as the program allows, and how many states were met.
    ///
    /// # Errors
    /// The goal cannot be read.
    pub fn reach(&self, p: &Program) -> Result<(Option<Vec<Act>>, usize), GoalError> {
        let conditions = self.conditions(p)?;
        let model = Model::new(p);
        let met = |s: &[i16]| conditions.iter().all(|c| holds(&model, s, c));
        Ok(reach(&model, p.deaths, Limits::default(), &met))
    }
}

fn holds(model: &Model<'_>, s: &[i16], condition: &Condition) -> bool {
    let sleeps = |i: usize| model.sleeps(s, i);
    match *condition {
        Condition::End => model.is_over(s),
        Condition::Stuck => {
            let all = 0..model.program.processes.len();
            model.recovering(s).is_none()
                && all.clone().any(sleeps)
                && all.clone().all(|i| sleeps(i) || matches!(model.life(s, i), Life::Done | Life::Rests))
        }
        Condition::Sleeps(i) => sleeps(i),
        Condition::Dead(i) => model.life(s, i) == Life::Dead,
        Condition::Shows(n) => model.shown(s) == n,
        Condition::Word(k, n) => model.word(s, k) == n,
        Condition::Tokens(k, n) => model.tokens(s, k) == n,
    }
}
