//! Marking a program: all its scenes and sizes, and what is said about it.

use serde::Serialize;

use crate::lang::{self, Memory, ParseError, Program};
use crate::lesson::Refusal;
use crate::machine::Fault;
use crate::model::Model;
use crate::model::search::{Failure, Limits, What, search};
use crate::run::{Told, tell};
use crate::schedule;

/// What is said about a program.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// On every schedule, with every death, within the bounds.
    Right {
        /// What was tried.
        bounds: Bounds,
    },
    /// It can go wrong, and this is how.
    Wrong(Box<Wrong>),
    /// Right, but what the lesson asks for besides cannot happen.
    Unmet {
        /// What cannot happen.
        goal: String,
        /// What was tried.
        bounds: Bounds,
    },
    /// The search came to its limit before it found anything.
    GaveUp {
        /// What was tried.
        bounds: Bounds,
        /// Which limit.
        why: String,
    },
    /// It can be read, and does what the lesson does not allow.
    Refused {
        /// Where, and what.
        refusal: Refusal,
    },
    /// It cannot be read.
    Unreadable {
        /// Where and why.
        error: ParseError,
    },
}

/// What a verdict holds for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Bounds {
    /// The constant that has a range, and its largest value.
    pub size: Option<(String, i64)>,
    pub scenes: Vec<String>,
    pub deaths: usize,
    /// Different states, in all scenes and sizes together.
    pub states: usize,
    pub memory: &'static str,
}

/// How a program goes wrong: the shortest way, with the fewest deaths and the fewest changes of who runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Wrong {
    pub kind: WrongKind,
    /// One sentence.
    pub why: String,
    pub scene: String,
    pub size: Option<(String, i64)>,
    /// Of all instances of the program, the one that this is about, counted from 0.
    pub instance: usize,
    pub deaths: usize,
    pub schedule: String,
    /// How it goes on: to where everybody sleeps, or once round the circle.
    pub then: String,
    /// Each step in words, those of `then` included.
    pub trace: Vec<Told>,
    pub bounds: Bounds,
}

/// The kinds of wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum WrongKind {
    Torn,
    Empty,
    Again,
    Lost,
    Crowded,
    Broken,
    Index,
    Division,
    Grows,
    Endless,
    Ending,
    Stuck,
    NoWayOut,
    Burns,
    Circles,
}

impl WrongKind {
    /// Its name in JSON and in lessons.
    pub fn name(self) -> &'static str {
        match self {
            Self::Torn => "torn",
            Self::Empty => "empty",
            Self::Again => "again",
            Self::Lost => "lost",
            Self::Crowded => "crowded",
            Self::Broken => "broken",
            Self::Index => "index",
            Self::Division => "division",
            Self::Grows => "grows",
            Self::Endless => "endless",
            Self::Ending => "ending",
            Self::Stuck => "stuck",
            Self::NoWayOut => "no-way-out",
            Self::Burns => "burns",
            Self::Circles => "circles",
        }
    }
}

/// Marks a program's text.
pub fn mark(text: &str, limits: Limits) -> Verdict {
    match lang::parse(text) {
        Ok(programs) => mark_programs(&programs, limits),
        Err(error) => Verdict::Unreadable { error },
    }
}

/// Marks a program that was read: without deaths first, in all scenes and sizes, then with them. So what is wrong without a
/// death is told first.
pub fn mark_programs(programs: &[Program], limits: Limits) -> Verdict {
    let deaths = programs.iter().map(|p| p.deaths).max().unwrap_or(0);
    let mut bounds = Bounds::of(programs);
    let mut burns: Option<(usize, Failure)> = None;
    let rounds: &[bool] = if deaths > 0 { &[false, true] } else { &[false] };
    for with_deaths in rounds {
        bounds.states = 0;
        for (i, p) in programs.iter().enumerate() {
            let model = Model::new(p);
            let found = search(&model, if *with_deaths { p.deaths } else { 0 }, limits);
            bounds.states += found.states;
            match found.failure {
                None => {}
                Some(Failure { what: What::Limit, .. }) => {
                    let why = format!("more than {} states, or {} MiB, in one size", limits.states, limits.bytes >> 20);
                    return Verdict::GaveUp { bounds, why };
                }
                Some(f) if matches!(f.what, What::Burns | What::Circles) => burns = burns.or(Some((i, f))),
                Some(f) => return wrong(programs, i, f, bounds),
            }
        }
    }
    match burns {
        Some((i, f)) => wrong(programs, i, f, bounds),
        None => Verdict::Right { bounds },
    }
}

fn wrong(programs: &[Program], instance: usize, failure: Failure, bounds: Bounds) -> Verdict {
    let p = &programs[instance];
    let who = who_ran_last(p, &failure);
    let (kind, why) = match &failure.what {
        What::Fault(f) => (of_fault(f), explain(f, &who)),
        What::Ending(why) => (WrongKind::Ending, why.clone()),
        What::Stuck(where_all) if failure.then.is_empty() => (WrongKind::Stuck, format!("stuck for ever: {where_all}")),
        What::Stuck(where_all) => {
            (WrongKind::Stuck, format!("from here on it can only end like this, whatever runs next: {where_all}"))
        }
        What::NoWayOut => (WrongKind::NoWayOut, "from here on nobody can ever finish, whatever runs next".into()),
        What::Burns => {
            let why = "goes round in circles without sleeping: right, but it burns a processor until somebody else does something";
            (WrongKind::Burns, format!("{who} {why}"))
        }
        What::Circles => {
            let why = "they can go round for ever, each undoing what the other did, and never get on";
            (WrongKind::Circles, why.into())
        }
        What::Limit => unreachable_limit(),
    };
    let all: Vec<_> = failure.acts.iter().chain(&failure.then).copied().collect();
    Verdict::Wrong(Box::new(Wrong {
        kind,
        why,
        scene: p.scene.clone(),
        size: p.size.clone(),
        instance,
        deaths: failure.deaths,
        schedule: schedule::print(&failure.acts),
        then: schedule::print(&failure.then),
        trace: tell(p, &all),
        bounds,
    }))
}

/// A limit is no fault of the program; [`mark_programs`] never passes it on.
fn unreachable_limit() -> (WrongKind, String) {
    (WrongKind::NoWayOut, "the search came to its limit".into())
}

fn who_ran_last(p: &Program, failure: &Failure) -> String {
    let last = failure.then.last().or(failure.acts.last());
    match last {
        Some(schedule::Act::Step(i) | schedule::Act::Flush(i) | schedule::Act::Kill(i)) => p.processes[*i].name.clone(),
        Some(schedule::Act::Recover) => "recovery".into(),
        None => match Model::new(p).first() {
            Err((i, _)) => p.processes[i].name.clone(),
            Ok(_) => String::new(),
        },
    }
}

fn of_fault(f: &Fault) -> WrongKind {
    match f {
        Fault::Torn => WrongKind::Torn,
        Fault::Empty => WrongKind::Empty,
        Fault::Again { .. } => WrongKind::Again,
        Fault::Lost { .. } => WrongKind::Lost,
        Fault::Crowded => WrongKind::Crowded,
        Fault::Broken { .. } => WrongKind::Broken,
        Fault::Index { .. } => WrongKind::Index,
        Fault::Division => WrongKind::Division,
        Fault::Grows { .. } | Fault::Overflows { .. } => WrongKind::Grows,
        Fault::Endless { .. } => WrongKind::Endless,
    }
}

fn explain(f: &Fault, who: &str) -> String {
    format!("{who}: {f}")
}

impl Bounds {
    fn of(programs: &[Program]) -> Self {
        let largest = programs.iter().filter_map(|p| p.size.clone()).max_by_key(|s| s.1);
        let mut scenes: Vec<String> = programs.iter().map(|p| p.scene.clone()).collect();
        scenes.dedup();
        let memory = match programs.first().map(|p| p.memory) {
            Some(Memory::Tso) => "with the store buffers of x86",
            _ => "sequentially consistent",
        };
        let deaths = programs.iter().map(|p| p.deaths).max().unwrap_or(0);
        Self { size: largest, scenes, deaths, states: 0, memory }
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "every schedule")?;
        if let Some((name, most)) = &self.size {
            write!(f, ", {name} up to {most}")?;
        }
        match self.deaths {
            0 => {}
            1 => write!(f, ", one death at any step")?,
            n => write!(f, ", {n} deaths at any steps")?,
        }
        if self.scenes.len() > 1 {
            write!(f, ", {} scenes ({})", self.scenes.len(), self.scenes.join("; "))?;
        }
        write!(f, ", {} states, {}", thousands(self.states), self.memory)
    }
}

/// `202,655`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

impl Verdict {
    /// For scripts: 0 right, 1 wrong, 2 cannot be read, 3 gave up.
    pub fn exit_code(&self) -> i32 {
        match self {
            Verdict::Right { .. } => 0,
            Verdict::Wrong(_) | Verdict::Unmet { .. } | Verdict::Refused { .. } => 1,
            Verdict::Unreadable { .. } => 2,
            Verdict::GaveUp { .. } => 3,
        }
    }

    /// One word: `right`, a kind of wrong, `unmet`, `refused`, `unreadable` or `gave-up`.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Right { .. } => "right",
            Verdict::Wrong(w) => w.kind.name(),
            Verdict::Unmet { .. } => "unmet",
            Verdict::Refused { .. } => "refused",
            Verdict::Unreadable { .. } => "unreadable",
            Verdict::GaveUp { .. } => "gave-up",
        }
    }

    /// One line of JSON, `tricine.lab/1`.
    pub fn json(&self, lesson: &str) -> String {
        #[derive(Serialize)]
        struct Marked<'a> {
            schema: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            paste: Option<String>,
            lesson: &'a str,
            exit: i32,
            #[serde(flatten)]
            verdict: &'a Verdict,
        }
        let paste = if let Verdict::Wrong(w) = self { Some(w.paste()) } else { None };
        let marked = Marked { schema: "tricine.lab/1", paste, lesson, exit: self.exit_code(), verdict: self };
        serde_json::to_string(&marked)
            .unwrap_or_else(|e| format!("{{\"schema\":\"tricine.lab/1\",\"error\":{:?}}}", e.to_string()))
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Right { bounds } => writeln!(f, "Right: {bounds}."),
            Verdict::Unmet { goal, bounds } => {
                writeln!(f, "Right, and not what was asked for: {goal} Tried: {bounds}.")
            }
            Verdict::GaveUp { bounds, why } => {
                writeln!(f, "Gave up, and found nothing wrong until then: {why}. Tried: {bounds}.")
            }
            Verdict::Refused { refusal } => writeln!(f, "Not a repair of this lesson: {refusal}."),
            Verdict::Unreadable { error } => writeln!(f, "Cannot be read: {error}."),
            Verdict::Wrong(w) => {
                let (steps, many) = match w.trace.len() - w.told_then() {
                    1 => (1, ""),
                    n => (n, "s"),
                };
                write!(f, "Wrong: {}.\n  Schedule `{}`, {steps} step{many}", w.why, w.schedule)?;
                if let Some((name, value)) = &w.size {
                    write!(f, ", {name} = {value}")?;
                }
                if w.bounds.scenes.len() > 1 {
                    write!(f, ", scene: {}", w.scene)?;
                }
                writeln!(f, ".")?;
                for (i, told) in w.trace.iter().enumerate() {
                    if i + w.told_then() == w.trace.len() && w.told_then() > 0 {
                        writeln!(f, "  And then, `{}`:", w.then)?;
                    }
                    writeln!(f, "  {told}")?;
                }
                writeln!(f, "  To replay it: `{}`.", w.paste())
            }
        }
    }
}

impl Wrong {
    /// What one pastes to replay it: the instance, and the schedule to its end.
    pub fn paste(&self) -> String {
        format!("{}:{}{}", self.instance, self.schedule, self.then)
    }

    /// How many steps of the trace belong to `then`.
    pub fn told_then(&self) -> usize {
        schedule::parse(&self.then, crate::lang::MOST_PROCESSES).map_or(0, |a| a.len())
    }
}
