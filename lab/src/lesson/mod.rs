//! A lesson: text, a question to answer before anything runs, a program with a region that is the learner's, and what is known about
//! repairs of it. `docs/lab-lessons.md` says how to write one.

mod file;
mod goal;
mod mutants;
mod print;
mod region;
mod rules;

pub use file::LessonError;
pub use goal::{Goal, GoalError};
pub use mutants::{Mutant, mutants};
pub use region::{BEGIN, END, RegionError, Regions};
pub use rules::Refusal;

use serde::Serialize;

use crate::lang::{self, Program};
use crate::model::search::Limits;
use crate::run::{self, Run};
use crate::schedule::{self, ScheduleError};
use crate::verdict::{Verdict, mark_programs};

/// A lesson. As JSON it is what a page shows: without the lines of repairs, which a class is to find.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Lesson {
    /// `8` or `9b`: what people type.
    pub id: String,
    pub title: String,
    /// What it is about, in Markdown.
    pub text: String,
    pub predict: Vec<Question>,
    /// The program; the region between its marks is the learner's.
    pub program: String,
    /// What to do with it.
    pub run: String,
    pub goals: Vec<Goal>,
    /// What was to be seen.
    pub see: String,
    /// What has to be repaired.
    pub task: String,
    pub repairs: Vec<Repair>,
    pub hints: Vec<String>,
    pub proof: String,
    pub why: String,
    pub guide: Vec<Claim>,
    #[serde(skip)]
    pub survivors: Vec<Survivor>,
    /// What is measured on the learner's own machine.
    pub measure: Option<Measure>,
    /// Lines of Tricine itself that do the same.
    pub shipped: Vec<Shipped>,
}

/// Something to measure: its name, and what to do with it.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Measure {
    pub name: String,
    pub text: String,
}

/// Lines of Tricine's own source.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Shipped {
    pub file: String,
    /// Of the first line; 0 if the lines are not part of this build.
    pub line: usize,
    pub says: String,
    pub code: String,
}

/// A question with answers to tick.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Question {
    pub text: String,
    pub answers: Vec<Answer>,
}

/// One answer, and why it is right or wrong.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Answer {
    pub text: String,
    pub right: bool,
    pub why: String,
}

/// A repair that people hand in: what is said about it is known.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Repair {
    pub name: String,
    /// `right`, or a kind of wrong.
    pub verdict: String,
    /// The schedule that shows it, if it is wrong.
    pub schedule: String,
    pub text: String,
    /// The learner's region.
    #[serde(skip)]
    pub region: String,
}

/// A claim that guides to inter-process communication make, and whether it holds.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Claim {
    pub claim: String,
    /// `holds`, `holds in part`, `does not hold`.
    pub holds: String,
    pub why: String,
}

/// A line of the reference that can be left out or swapped with the next, and it is still right.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Survivor {
    pub mutant: String,
    pub reason: String,
}

/// Why a schedule could not be replayed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ReplayError {
    #[error("{0}")]
    Region(#[from] RegionError),
    #[error("{0}")]
    Program(#[from] lang::ParseError),
    #[error("{0}")]
    Schedule(#[from] ScheduleError),
    #[error("there is no instance {wanted}; there are {have}")]
    Instance { wanted: usize, have: usize },
}

impl Lesson {
    /// Reads a lesson's file.
    ///
    /// # Errors
    /// The section that is missing or cannot be read.
    pub fn parse(text: &str) -> Result<Self, LessonError> {
        file::parse(text)
    }

    /// The learner's region as the lesson gives it out.
    pub fn start(&self) -> String {
        Regions::of(&self.program).map_or(String::new(), |r| r.mine.join("\n"))
    }

    /// The whole program with this region in it. `text` is a region, or a whole program whose other lines are as they were.
    ///
    /// # Errors
    /// A line outside of the region was changed.
    pub fn with(&self, text: &str) -> Result<(String, usize), RegionError> {
        region::put(&self.program, text)
    }

    /// Marks what a learner wrote.
    pub fn check(&self, text: &str) -> Verdict {
        check(self, text)
    }

    /// Replays a schedule in one instance of the program, by the number before the schedule (`4:a16b5Xb`) or by `instance`; with neither
    /// it is the largest where everybody works.
    ///
    /// # Errors
    /// The text or the schedule cannot be read.
    pub fn replay(&self, text: &str, acts: &str, instance: Option<usize>) -> Result<Run, ReplayError> {
        let (number, acts) = schedule::numbered(acts);
        let program = self.instance(text, number.or(instance))?;
        let acts = schedule::parse(acts, program.processes.len())?;
        Ok(run::replay(&program, &acts))
    }

    /// One instance of the program with the learner's text in it; `None` is the largest where everybody works.
    ///
    /// # Errors
    /// The text cannot be read.
    pub fn instance(&self, text: &str, instance: Option<usize>) -> Result<Program, ReplayError> {
        let (full, _) = self.with(text)?;
        let mut all = lang::parse(&full)?;
        let works = all.iter().filter(|p| p.scene == all[0].scene).count();
        let (wanted, have) = (instance.unwrap_or(works - 1), all.len());
        if wanted >= have {
            return Err(ReplayError::Instance { wanted, have });
        }
        Ok(all.swap_remove(wanted))
    }

    /// The lesson as Markdown, for hand-outs; `answers` says whether to print what is only told afterwards.
    pub fn markdown(&self, answers: bool) -> String {
        print::markdown(self, answers)
    }
}

/// Marks what a learner wrote for a lesson.
pub fn check(lesson: &Lesson, text: &str) -> Verdict {
    check_within(lesson, text, Limits::default())
}

/// The same with limits of one's own: a phone has less memory.
pub fn check_within(lesson: &Lesson, text: &str, limits: Limits) -> Verdict {
    let (full, offset) = match lesson.with(text) {
        Ok(full) => full,
        Err(e) => return Verdict::Unreadable { error: e.into() },
    };
    let programs = match lang::parse(&full) {
        Ok(programs) => programs,
        Err(mut error) => {
            // Lines are counted in what the learner wrote.
            error.line = error.line.saturating_sub(offset).max(1);
            return Verdict::Unreadable { error };
        }
    };
    if let Err(refusal) = rules::keeps(&lesson.program, &full, &programs[0], offset) {
        return Verdict::Refused { refusal };
    }
    asked_for(lesson, &programs, mark_programs(&programs, limits))
}

/// A right program also has to be able to do what the lesson asks for after the repair.
fn asked_for(lesson: &Lesson, programs: &[Program], verdict: Verdict) -> Verdict {
    let Verdict::Right { bounds } = &verdict else { return verdict };
    let unmet = lesson.goals.iter().filter(|g| g.after).find(|g| {
        let met = |p: &Program| g.reach(p).is_ok_and(|(way, _)| way.is_some());
        !programs.iter().any(met)
    });
    match unmet {
        Some(g) => Verdict::Unmet { goal: g.text.clone(), bounds: bounds.clone() },
        None => verdict,
    }
}

macro_rules! lessons {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!(concat!("../../lessons/", $file)))),*] };
}

/// The files of the lessons that come with the lab, by name.
pub const FILES: &[(&str, &str)] = lessons![
    "01-walls.md",
    "02-a-sum-that-comes-up-short.md",
    "03-a-number-and-a-bed.md",
    "04-the-ring.md",
    "05-what-outlives-whom.md",
    "06-two-locks.md",
    "07-how-long-to-hold-it.md",
    "08-the-dead-give-nothing-back.md",
    "09-the-word-is-the-truth.md",
    "09b-the-latest-wins.md",
    "10-exactly-once.md",
    "11-who-sleeps-says-so.md",
    "11b-store-buffers.md",
    "12-what-enters-the-kernel.md",
    "13-which-is-fastest.md",
    "14-signals-say-little.md",
    "15-beyond-this-machine.md",
    "16-the-real-one.md",
];

/// The lessons that come with the lab.
///
/// # Errors
/// One of the files cannot be read; a test sees to it that they all can.
pub fn all() -> Result<Vec<Lesson>, LessonError> {
    FILES.iter().map(|(_, text)| Lesson::parse(text)).collect()
}
