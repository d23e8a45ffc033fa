//! The lab's engine for a browser: questions and answers as JSON, over the three functions of [`abi`]. `lab/web/build` compiles it to
//! WebAssembly, `tricine lab --web FOLDER` writes the result beside the site's pages.
//!
//! A lesson comes with each question, so this crate knows none: a course of one's own needs no other engine.

#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod abi;

use serde::{Deserialize, Serialize};
use tricine_lab::html::Codes;
use tricine_lab::lang::{self, Memory, Program};
use tricine_lab::lesson::{Goal, Lesson, Regions};
use tricine_lab::model::search::Limits;
use tricine_lab::run::{End, Moment, Replay};
use tricine_lab::verdict::{Verdict, mark};
use tricine_lab::{check_within, schedule};

/// A browser's memory is shared with its other pages, and a phone's is small: with these a search stays below 300 MiB.
const LIMITS: Limits = Limits { states: 2_000_000, bytes: 256 << 20 };

/// What a page asks.
#[derive(Debug, Deserialize)]
#[serde(tag = "want", rename_all = "kebab-case")]
enum Question {
    /// Every schedule, every death.
    Check { program: String, goals: Vec<Goal>, text: String },
    /// One schedule; moments before `from` are known to the page.
    Replay { program: String, goals: Vec<Goal>, text: String, schedule: String, instance: Option<usize>, from: usize },
}

#[derive(Serialize)]
struct Marked<'a> {
    /// One word.
    name: &'a str,
    exit: i32,
    /// The verdict in words, with the trace.
    says: String,
    /// The schedule that shows what is wrong, with its instance.
    paste: Option<String>,
    verdict: &'a Verdict,
}

#[derive(Serialize)]
struct Played<'a> {
    instance: usize,
    /// All sizes and scenes, in words.
    instances: Vec<String>,
    /// Whether the processes have store buffers.
    buffers: bool,
    #[serde(flatten)]
    codes: Codes<'a>,
    schedule: String,
    from: usize,
    moments: &'a [Moment],
    end: &'a End,
    /// Which goals are reached at its end.
    reached: Vec<usize>,
}

/// Answers one question. What cannot be answered is an object with `error`, in words.
pub fn answer(question: &str) -> String {
    let answer = match serde_json::from_str(question) {
        Ok(Question::Check { program, goals, text }) => Ok(check(&lesson(program, goals), &text)),
        Ok(Question::Replay { program, goals, text, schedule, instance, from }) => {
            replay(&lesson(program, goals), &text, &schedule, instance, from)
        }
        Err(e) => Err(format!("the page asked something that the engine does not understand: {e}")),
    };
    answer.unwrap_or_else(|error| serde_json::json!({ "error": error }).to_string())
}

fn lesson(program: String, goals: Vec<Goal>) -> Lesson {
    Lesson { program, goals, ..Lesson::default() }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|e| serde_json::json!({ "error": e.to_string() }).to_string())
}

fn check(lesson: &Lesson, text: &str) -> String {
    // A program without a region is the learner's as a whole.
    let verdict = match Regions::of(&lesson.program) {
        Some(_) => check_within(lesson, text, LIMITS),
        None => mark(text, LIMITS),
    };
    let paste = if let Verdict::Wrong(w) = &verdict { Some(w.paste()) } else { None };
    let (name, exit, says) = (verdict.name(), verdict.exit_code(), verdict.to_string());
    json(&Marked { name, exit, says, paste, verdict: &verdict })
}

fn replay(lesson: &Lesson, text: &str, acts: &str, instance: Option<usize>, from: usize) -> Result<String, String> {
    let (number, acts) = schedule::numbered(acts);
    let full = match Regions::of(&lesson.program) {
        Some(_) => lesson.with(text).map_err(|e| e.to_string())?.0,
        None => text.to_owned(),
    };
    let all = lang::parse(&full).map_err(|e| format!("The program cannot be read: {e}"))?;
    let works = all.iter().filter(|p| p.scene == all[0].scene).count();
    let number = number.or(instance).unwrap_or(works - 1);
    let have = all.len();
    let program =
        all.get(number).ok_or_else(|| format!("there is no instance {number}; there are {have}, counted from 0"))?;
    let acts = schedule::parse(acts, program.processes.len()).map_err(|e| e.to_string())?;
    let mut replay = Replay::new(program);
    acts.iter().for_each(|a| replay.act(*a));
    let here = |g: &Goal| g.possible && !g.after && g.instance.is_none_or(|n| n == number);
    let reached = |g: &Goal| here(g) && g.is_met(program, &replay).unwrap_or(false);
    let reached = (0..lesson.goals.len()).filter(|i| reached(&lesson.goals[*i])).collect();
    let from = from.min(replay.moments.len());
    Ok(json(&Played {
        instance: number,
        instances: all.iter().map(named).collect(),
        buffers: program.memory == Memory::Tso,
        codes: Codes::of(program),
        schedule: schedule::print(&acts),
        from,
        moments: &replay.moments[from..],
        end: &replay.end,
        reached,
    }))
}

fn named(p: &Program) -> String {
    p.size.as_ref().map_or(p.scene.clone(), |(name, value)| format!("{}, {name} = {value}", p.scene))
}
