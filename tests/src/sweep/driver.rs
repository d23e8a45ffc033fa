//! Does a case, instruction by instruction: one row of the table.

use serde::Serialize;
use tricine_session::Result;

use super::case::{Case, Survivor, name};
use super::place;
use super::route::Route;
use super::stage::{Death, Outcome, Reached, Stage};

/// Where a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Points {
    /// After this many instructions, and every `stride` more.
    Every {
        /// The first.
        offset: u64,
        /// From one to the next.
        stride: u64,
    },
    /// Wherever anything changed that the processes share, and at the end: in between, one death is like another.
    Changes,
}

/// How far apart the kill points of a case are, and when to give it up.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// One death or two.
    pub deaths: u32,
    /// Where the last of them strikes.
    pub points: Points,
    /// Beside a survivor that stands still, the victim runs to a breakpoint near its kill point, instead of being stepped
    /// all the way.
    pub fast: bool,
    /// A case is given up after so many failures.
    pub most_failures: u64,
}

/// What came of a case.
#[derive(Debug, Serialize)]
pub struct Row {
    /// `producer` or `consumer`.
    pub role: &'static str,
    /// `fifo` or `mailbox`.
    pub mode: &'static str,
    /// What the victim did.
    pub operation: String,
    /// What it found.
    pub fill: &'static str,
    /// What the other side did meanwhile.
    pub survivor: String,
    /// Who died second.
    pub second: Option<String>,
    /// Runs, each with its death or deaths.
    pub kill_points: u64,
    /// Instructions from the first to the end of what was swept; with two deaths, of the second.
    pub window: u64,
    /// Instructions stepped in all.
    pub steps: u64,
    /// Runs at full speed that did not keep to the way that was stepped; each was done again, step by step.
    pub astray: u64,
    /// Kills of a process that slept.
    pub asleep: u64,
    /// Frames that came again and were known to be done.
    pub redelivered: u64,
    /// Effects that came again, each explained by a death between effect and record.
    pub repeated_effects: u64,
    /// Runs in which anything at all was wrong.
    pub failures: u64,
    /// The first of them.
    pub first_failure: Option<Failure>,
}

/// A run that went wrong.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// Its deaths.
    pub deaths: Vec<DeathNote>,
    /// What was wrong.
    pub wrongs: Vec<String>,
}

/// One death, as it is reported.
#[derive(Debug, Serialize)]
pub struct DeathNote {
    /// After so many instructions.
    pub after_instructions: u64,
    /// The one that it did not come to.
    pub next_instruction: String,
    /// The words that it left.
    pub words: String,
}

impl From<&Death> for DeathNote {
    fn from(death: &Death) -> Self {
        let next_instruction = match death.reached {
            Reached::Asleep => "asleep in its wait".into(),
            Reached::Instruction | Reached::End => place::describe(death.counter),
        };
        Self { after_instructions: death.instructions, next_instruction, words: death.words.clone() }
    }
}

impl Row {
    fn new(case: &Case) -> Self {
        Self {
            role: case.role_name(),
            mode: case.mode_name(),
            operation: name(case.operation),
            fill: case.fill.name,
            survivor: name(case.survivor),
            second: case.second.map(name),
            kill_points: 0,
            window: 0,
            steps: 0,
            astray: 0,
            asleep: 0,
            redelivered: 0,
            repeated_effects: 0,
            failures: 0,
            first_failure: None,
        }
    }

    /// Enters a run that killed after `at` instructions, and says whether it reached the end of what is swept.
    fn enter(&mut self, at: &[u64], run: Result<Outcome>, stage: &Stage<'_>) -> bool {
        self.kill_points += 1;
        let outcome = match run {
            Ok(outcome) => outcome,
            // A process of the run ended by itself or could not start: that is a failure of the channel, too.
            Err(e) => {
                let wrongs = [Some(e.to_string()), stage.ledger.complaint()].into_iter().flatten().collect();
                Outcome { deaths: Vec::new(), steps: 0, repeated: 0, redelivered: 0, wrongs, astray: false }
            }
        };
        let ended = match (outcome.deaths.last(), at.last()) {
            (Some(death), Some(&at)) => match death.reached {
                Reached::Instruction => false,
                Reached::Asleep => death.instructions + 1 < at,
                Reached::End => true,
            },
            _ => false,
        };
        self.steps += outcome.steps;
        self.asleep += outcome.deaths.iter().filter(|d| d.reached == Reached::Asleep).count() as u64;
        self.redelivered += outcome.redelivered;
        self.repeated_effects += outcome.repeated;
        self.window = self.window.max(outcome.deaths.last().map_or(0, |d| d.instructions));
        if !outcome.wrongs.is_empty() {
            self.failures += 1;
            self.first_failure.get_or_insert_with(|| Failure {
                deaths: outcome.deaths.iter().map(DeathNote::from).collect(),
                wrongs: outcome.wrongs,
            });
        }
        ended
    }
}

/// Does a case.
pub fn sweep(stage: &mut Stage<'_>, case: &Case, plan: &Plan) -> Result<Row> {
    let mut row = Row::new(case);
    let route = match stage.survey(case) {
        Ok(route) => route,
        // So broken that the victim does not even come to its operation.
        Err(e) => {
            row.enter(&[0], Err(e), stage);
            return Ok(row);
        }
    };
    // Beside a survivor that runs, or is woken, no two ways are the same.
    let still = matches!(case.survivor, Survivor::Parked | Survivor::Holding | Survivor::Serving);
    let shortcut = (plan.fast && still).then_some(&route);
    let mut sweep = Sweep { stage, case, plan, row: &mut row, shortcut };
    match (plan.deaths, plan.points) {
        (1, Points::Changes) => {
            for &at in &route.changes {
                if sweep.row.failures < plan.most_failures {
                    sweep.kill(&[at]);
                }
            }
        }
        (1, Points::Every { offset, stride }) => sweep.along(&[], offset, stride),
        // The first death: wherever the words change.
        (_, points) => {
            let (offset, stride) = match points {
                Points::Every { offset, stride } => (offset, stride),
                Points::Changes => (0, 1),
            };
            for (i, &first) in (0..).zip(&route.changes) {
                sweep.along(&[first], (offset + i) % stride, stride);
            }
        }
    }
    Ok(row)
}

/// A case under way.
struct Sweep<'a, 'b> {
    stage: &'a mut Stage<'b>,
    case: &'a Case,
    plan: &'a Plan,
    row: &'a mut Row,
    shortcut: Option<&'a Route>,
}

impl Sweep<'_, '_> {
    /// One run, entered into the row. Whether it reached the end of what is swept.
    fn kill(&mut self, deaths: &[u64]) -> bool {
        let mut run = self.stage.run(self.case, deaths, self.shortcut);
        if run.as_ref().is_ok_and(|outcome| outcome.astray && outcome.wrongs.is_empty()) {
            self.row.astray += 1;
            run = self.stage.run(self.case, deaths, None);
        }
        self.row.enter(deaths, run, self.stage)
    }

    /// Kills after every `stride` instructions, up to the end. A running survivor makes the way longer or shorter from
    /// run to run, so with one death the end must have been reached three times in a row.
    fn along(&mut self, first: &[u64], offset: u64, stride: u64) {
        let (mut ends, mut at) = (0, offset);
        let enough = if first.is_empty() { 3 } else { 1 };
        while ends < enough && self.row.failures < self.plan.most_failures {
            let ended = self.kill(&[first, &[at]].concat());
            ends = if ended { ends + 1 } else { 0 };
            at += stride;
        }
    }
}
