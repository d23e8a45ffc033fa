//! What `tricine lab` does for scripts, CI and teachers: everything but the screen.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use tricine_lab::lang::{self, Program};
use tricine_lab::lesson::{Lesson, Regions};
use tricine_lab::model::search::Limits;
use tricine_lab::run::{End, Moment, Run};
use tricine_lab::verdict::{self, Verdict};
use tricine_lab::{check, html, schedule};
use tricine_session::output::Output;

use crate::course::{Course, read};
use crate::options::Options;
use crate::script::{self, Line, said};
use crate::stage::Stage;
use crate::stepper::{Stepper, walk};
use crate::{Error, Open, Result, real};

const SCHEMA: &str = "tricine.lab/1";

/// Writes to standard output; a reader that has gone away is no error.
pub(crate) fn out(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(tricine_session::Error::from)?;
    out(&(text + "\n"));
    Ok(())
}

/// The lessons, and which of them were marked right.
pub(crate) fn list(course: &Course, as_json: bool, done: &dyn Fn(&Lesson) -> bool) -> Result<i32> {
    #[derive(Serialize)]
    struct Item<'a> {
        id: &'a str,
        title: &'a str,
        done: bool,
    }
    #[derive(Serialize)]
    struct All<'a> {
        schema: &'static str,
        lessons: Vec<Item<'a>>,
    }
    let item = |l: &'_ Lesson| -> (String, String, bool) { (l.id.clone(), l.title.clone(), done(l)) };
    let all: Vec<_> = course.lessons.iter().map(item).collect();
    if as_json {
        let lessons = all.iter().map(|(id, title, done)| Item { id, title, done: *done }).collect();
        json(&All { schema: SCHEMA, lessons })?;
        return Ok(0);
    }
    let mut text = String::new();
    for (id, title, done) in &all {
        text += &format!("{} {id:<4} {title}\n", if *done { "+" } else { " " });
    }
    out(&text);
    Ok(0)
}

/// Marks a repair.
pub(crate) fn mark(lesson: Option<&Lesson>, options: &Options, file: &Path) -> Result<i32> {
    let text = read(file)?;
    let page = options.html.as_deref().map(open).transpose()?;
    let bare = Lesson { program: text.clone(), ..Lesson::default() };
    let (id, lesson) = match lesson {
        Some(l) if Regions::of(&l.program).is_some() => (l.id.clone(), l),
        _ => (file.display().to_string(), &bare),
    };
    let verdict = marked(lesson, &text);
    if options.json {
        out(&(verdict.json(&id) + "\n"));
    } else if !page.as_ref().is_some_and(Output::is_stdout) {
        out(&verdict.to_string());
    }
    match (page, &verdict) {
        (Some(page), Verdict::Wrong(w)) => {
            let (program, run) = replayed(lesson, &text, &w.paste())?;
            write(page, &html::page(&program, &run, &id, &format!("{}: {}", title(lesson, &id), w.why)))?;
        }
        (Some(_), other) => {
            let _ = writeln!(
                std::io::stderr(),
                "tricine lab: no page was written, since there is no run to show: {}",
                other.name()
            );
        }
        _ => {}
    }
    Ok(verdict.exit_code())
}

fn title(lesson: &Lesson, id: &str) -> String {
    if lesson.title.is_empty() { id.to_owned() } else { format!("{}. {}", lesson.id, lesson.title) }
}

fn replayed(lesson: &Lesson, text: &str, acts: &str) -> Result<(Program, Run)> {
    let (number, acts) = schedule::numbered(acts);
    let (program, _) = instance(lesson, text, number)?;
    let acts = schedule::parse(acts, program.processes.len()).map_err(|e| Error::Usage(e.to_string()))?;
    let run = tricine_lab::run::replay(&program, &acts);
    Ok((program, run))
}

/// The whole program with the learner's text in it. A bare program has no region: the text is the program.
pub(crate) fn full(lesson: &Lesson, text: &str) -> Result<String> {
    match Regions::of(&lesson.program) {
        Some(_) => lesson.with(text).map(|f| f.0).map_err(|e| Error::Usage(e.to_string())),
        None if text.trim().is_empty() => Ok(lesson.program.clone()),
        None => Ok(text.to_owned()),
    }
}

/// What is given out.
pub(crate) fn given(lesson: &Lesson) -> String {
    if Regions::of(&lesson.program).is_some() { lesson.start() } else { lesson.program.clone() }
}

/// Marks a text for a lesson, or as a program of its own.
pub(crate) fn marked(lesson: &Lesson, text: &str) -> Verdict {
    match Regions::of(&lesson.program) {
        Some(_) => check(lesson, text),
        None => verdict::mark(text, Limits::default()),
    }
}

/// One instance of a program, and its number; without one it is the largest size where everybody works.
pub(crate) fn instance(lesson: &Lesson, text: &str, number: Option<usize>) -> Result<(Program, usize)> {
    let full = full(lesson, text)?;
    let mut all = lang::parse(&full).map_err(|e| Error::Usage(format!("the program cannot be read: {e}")))?;
    let works = all.iter().filter(|p| p.scene == all[0].scene).count();
    let (wanted, have) = (number.unwrap_or(works - 1), all.len());
    if wanted >= have {
        return Err(Error::Usage(format!("there is no instance {wanted}; there are {have}, counted from 0")));
    }
    Ok((all.swap_remove(wanted), wanted))
}

fn open(path: &Path) -> Result<Output> {
    let waits = || {
        let _ = writeln!(std::io::stderr(), "tricine lab: waiting for somebody to read {}", path.display());
    };
    Output::open(path, waits).map_err(|e| Error::Usage(format!("cannot write {}: {e}", path.display())))
}

fn write(output: Output, text: &str) -> Result<()> {
    let name = output.name().display().to_string();
    match output.write(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Usage(format!("cannot write {name}: {e}"))),
        _ => Ok(()),
    }
}

/// The text to play with: the repair, or what the lesson gives out.
fn text_of(lesson: &Lesson, options: &Options) -> Result<String> {
    if lesson.program.is_empty() {
        return Err(Error::Usage(format!("lesson {} has no program; --measure is what it does", lesson.id)));
    }
    options.with.as_deref().map_or_else(|| Ok(given(lesson)), read)
}

/// Real processes for a lesson's program. The session has to outlive them.
pub(crate) fn stage(lesson: &Lesson, text: &str, program: &Program, number: usize, session: &str) -> Result<Stage> {
    Stage::start(session, &full(lesson, text)?, number, program)
}

#[derive(Serialize)]
struct Replayed<'a> {
    schema: &'static str,
    lesson: &'a str,
    instance: usize,
    exit: i32,
    /// Real processes that took part, in the order of their letters.
    processes: Vec<(String, Option<u32>)>,
    /// How often each entered the kernel for a semaphore.
    kernel_entries: Vec<u64>,
    #[serde(flatten)]
    run: &'a Run,
}

fn exit_of(end: &End) -> i32 {
    i32::from(matches!(end, End::Fault(_) | End::WrongEnd(_) | End::Stuck(_)))
}

/// A schedule on real processes.
pub(crate) fn replay(lesson: &Lesson, acts: &str, options: &Options, sessions: Open<'_>) -> Result<i32> {
    let text = text_of(lesson, options)?;
    let (number, short) = schedule::numbered(acts);
    let (program, number) = instance(lesson, &text, number)?;
    let acts = schedule::parse(short, program.processes.len()).map_err(|e| Error::Usage(e.to_string()))?;
    let page = options.html.as_deref().map(open).transpose()?;
    let session = sessions()?;
    let stage = stage(lesson, &text, &program, number, session.name())?;
    let pids: Vec<_> = program.processes.iter().enumerate().map(|(i, p)| (p.name.clone(), stage.pid(i))).collect();
    let mut stepper = Stepper::new(&program, stage)?;
    acts.iter().try_for_each(|a| stepper.act(*a))?;
    let entries = (0..program.processes.len()).map(|i| stepper.stage.entries(i)).collect::<Vec<_>>();
    let run = Run {
        schedule: schedule::print(&acts),
        moments: stepper.replay.moments.clone(),
        end: stepper.replay.end.clone(),
    };
    let exit = exit_of(&run.end);
    if options.json {
        json(&Replayed {
            schema: SCHEMA,
            lesson: &lesson.id,
            instance: number,
            exit,
            processes: pids,
            kernel_entries: entries,
            run: &run,
        })?;
    } else if !page.as_ref().is_some_and(Output::is_stdout) {
        out(&told(&program, &pids, &run, &entries));
    }
    if let Some(page) = page {
        write(page, &html::page(&program, &run, &lesson.id, &title(lesson, &lesson.id)))?;
    }
    Ok(exit)
}

fn told(program: &Program, pids: &[(String, Option<u32>)], run: &Run, entries: &[u64]) -> String {
    let size = program.size.as_ref().map_or(String::new(), |(name, value)| format!(", {name} = {value}"));
    let who: Vec<String> = pids
        .iter()
        .enumerate()
        .map(|(i, (name, pid))| {
            let letter = char::from(b'a' + i as u8);
            format!("{letter} {name} ({})", pid.map_or("over at once".into(), |p| format!("process {p}")))
        })
        .collect();
    let mut text = format!("{}; {}{size}\n", who.join(", "), program.scene);
    for moment in &run.moments {
        if let Some(t) = &moment.told {
            text += &format!("{t}\n");
        }
    }
    if let Some(last) = run.moments.last() {
        text += &standing(last);
    }
    text += &format!("{}.\n", capital(&said(&run.end)));
    let entries: Vec<String> = pids.iter().zip(entries).map(|(p, n)| format!("{} {n}", p.0)).collect();
    text + &format!(
        "Real processes and the model agreed after every step. Kernel entered for semaphores: {}.\n",
        entries.join(", ")
    )
}

fn standing(moment: &Moment) -> String {
    let words = moment.words.iter().map(|(n, v)| format!("{n} = {v}"));
    let semaphores = moment.semaphores.iter().map(|s| {
        let asleep =
            if s.sleepers.is_empty() { String::new() } else { format!(", {} asleep", s.sleepers.join(" and ")) };
        let ghosts = if s.ghosts > 0 { format!(", {} counted and not there", s.ghosts) } else { String::new() };
        format!("{} = {}{asleep}{ghosts}", s.name, s.tokens)
    });
    format!("Then: {}.\n", words.chain(semaphores).collect::<Vec<_>>().join("; "))
}

pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

/// A script on real processes: 0 if every condition holds.
pub(crate) fn script(lesson: &Lesson, file: &Path, options: &Options, sessions: Open<'_>) -> Result<i32> {
    #[derive(Serialize)]
    struct Checked<'a> {
        line: usize,
        text: &'a str,
        holds: bool,
        is: String,
    }
    #[derive(Serialize)]
    struct All<'a> {
        schema: &'static str,
        lesson: &'a str,
        exit: i32,
        conditions: &'a [Checked<'a>],
        end: &'a End,
    }
    let script = read(file)?;
    if real::script::is_for(&script) {
        return match &lesson.measure {
            Some(m) if m.name == "channel" => real::script::run(&script, options.json, sessions),
            _ => Err(Error::Usage(format!("lesson {} does not have the shipped channel; lesson 16 has", lesson.id))),
        };
    }
    let text = text_of(lesson, options)?;
    let (program, number) = instance(lesson, &text, None)?;
    let names: Vec<String> = program.processes.iter().map(|p| p.name.clone()).collect();
    let values: Vec<String> = program.words.iter().chain(&program.semaphores).map(|w| w.0.clone()).collect();
    let lines = script::parse(&script, &names, &values)?;
    let session = sessions()?;
    let mut stepper = Stepper::new(&program, stage(lesson, &text, &program, number, session.name())?)?;
    let mut checked = vec![];
    for (line, text, found) in &lines {
        match found {
            Line::Play(acts) => acts.iter().try_for_each(|a| stepper.act(*a))?,
            Line::Check(condition) => {
                let Some(moment) = stepper.replay.moments.last() else { continue };
                let held = script::holds(condition, moment, &stepper.replay.end);
                checked.push(Checked { line: *line, text, holds: held.is_ok(), is: held.err().unwrap_or_default() });
            }
        }
    }
    let exit = i32::from(checked.iter().any(|c| !c.holds));
    if options.json {
        json(&All { schema: SCHEMA, lesson: &lesson.id, exit, conditions: &checked, end: &stepper.replay.end })?;
        return Ok(exit);
    }
    let mut text = String::new();
    for c in &checked {
        let how = if c.holds { "holds".into() } else { format!("does not hold: {}", c.is) };
        text += &format!("line {:<3} {:<30} {how}\n", c.line, c.text);
    }
    out(&(text + &format!("{}.\n", capital(&said(&stepper.replay.end)))));
    Ok(exit)
}

/// What a lesson measures.
pub(crate) fn measure(lesson: &Lesson, options: &Options, sessions: Open<'_>) -> Result<i32> {
    #[derive(Serialize)]
    struct All<'a> {
        schema: &'static str,
        lesson: &'a str,
        measured: &'a str,
        exit: i32,
        #[serde(flatten)]
        what: &'a crate::measure::Measured,
    }
    let Some(m) = &lesson.measure else {
        return Err(Error::Usage(format!("lesson {} measures nothing; `--replay` plays a schedule", lesson.id)));
    };
    let session = sessions()?;
    let what = crate::measure::measure(&m.name, session.name())?;
    if options.json {
        json(&All { schema: SCHEMA, lesson: &lesson.id, measured: &m.name, exit: 0, what: &what })?;
    } else {
        out(&format!("{}\n", what.says.replace("```\n", "").replace("**", "")));
        if let Some(why) = &what.disturbed {
            out(&format!("\n{}\n", capital(why)));
        }
    }
    Ok(0)
}

/// Random steps in both worlds.
pub(crate) fn random(lesson: &Lesson, steps: usize, options: &Options, sessions: Open<'_>) -> Result<i32> {
    let text = text_of(lesson, options)?;
    let (program, number) = instance(lesson, &text, None)?;
    let session = sessions()?;
    let mut stepper = Stepper::new(&program, stage(lesson, &text, &program, number, session.name())?)?;
    let mut x = options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut numbers = move |below: usize| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x % below.max(1) as u64) as usize
    };
    let begun = Instant::now();
    let walked = walk(&mut stepper, steps, program.deaths.max(1), &mut numbers)?;
    let us = begun.elapsed().as_secs_f64() * 1e6 / walked.steps.max(1) as f64;
    if options.json {
        #[derive(Serialize)]
        struct All<'a> {
            schema: &'static str,
            lesson: &'a str,
            exit: i32,
            microseconds_per_step: f64,
            #[serde(flatten)]
            walked: crate::stepper::Walked,
        }
        json(&All { schema: SCHEMA, lesson: &lesson.id, exit: 0, microseconds_per_step: us, walked })?;
    } else {
        let w = walked;
        out(&format!(
            "{} random steps in {} runs, {} kills, {} sleeps, {} runs that went wrong, the same in both: model and real \
             processes agreed after every step ({us:.0} µs a step).\n",
            w.steps, w.runs, w.kills, w.sleeps, w.faults
        ));
    }
    Ok(0)
}
