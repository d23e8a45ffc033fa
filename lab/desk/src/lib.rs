//! `tricine lab`: the learner's desk. The engine of the crate `tricine-lab` marks and explains; here the same program is
//! stepped on real processes, and people see it.
//!
//! Read in this order: [`stage`] (a program on real processes), [`stepper`] (model and stage side by side), `command` (for
//! scripts), `screen` (for people), `course` (where lessons come from), `site` (the lab for browsers), `progress` (what a learner has done),
//! `measure` (what lessons measure), `real` (the shipped channel, instruction by instruction), `ways` (a frame, call by call).

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod command;
pub mod course;
pub mod measure;
mod options;
mod progress;
mod real;
mod screen;
mod script;
mod site;
pub mod stage;
pub mod stepper;
mod ways;

use std::io::{IsTerminal, Write};

use course::Course;
pub use options::Options;
use progress::Progress;

/// Why something at the desk cannot be done.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    /// What the user asked for cannot be done; why, and what can be.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Session(#[from] tricine_session::Error),
    /// A process of the stage is not where it has to be.
    #[error("{0}")]
    Lost(String),
    /// The two worlds do not agree: a bug of the lab.
    #[error("model and reality differ after `{schedule}`: {what}; please report it with the program")]
    Differ { schedule: String, what: String },
}

impl From<tricine_channel::Error> for Error {
    fn from(e: tricine_channel::Error) -> Self {
        Self::Session(e.into())
    }
}

/// Shorthand.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The session in which the stage's objects have their names. Its holder removes what is left in it.
pub trait Session {
    /// Its name.
    fn name(&self) -> &str;
    /// The terminal is drawn on from now on: it has to be given back whatever happens.
    fn terminal_is_drawn_on(&mut self);
    /// Called several times per second while the screen is open: whoever cleans up after us is started again if somebody killed it.
    fn look_after(&mut self);
}

/// How a session is begun, once one is needed: marking needs none.
pub type Open<'a> = &'a mut dyn FnMut() -> Result<Box<dyn Session>>;

/// Does what `options` ask for. The exit code: 0, 1 if a program is wrong, 2 if something cannot be read.
pub fn run(options: &Options, sessions: Open<'_>) -> i32 {
    done(options, sessions).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "tricine lab: {}", course::told(&error.to_string()));
        if matches!(error, Error::Usage(_)) { 2 } else { 1 }
    })
}

fn done(options: &Options, sessions: Open<'_>) -> Result<i32> {
    let (course, lesson, schedule) = Course::find(options.what.as_deref(), options.lesson.as_deref())?;
    if options.list {
        let progress = Progress::of(&course);
        return command::list(&course, options.json, &|l| progress.is_done(l));
    }
    if let Some(folder) = &options.web {
        return site::write(&course, lesson, folder);
    }
    if let Some(file) = &options.check {
        return command::mark(lesson.as_ref(), options, file);
    }
    let needed = |what: &str| {
        let first = course.lessons.first().map_or("1", |l| l.id.as_str());
        Error::Usage(format!(
            "{what} needs a lesson, such as `tricine lab {first} {what}`; `tricine lab --list` says which there are"
        ))
    };
    let replay = options.replay.clone().or(schedule);
    if let Some(acts) = replay {
        return command::replay(&lesson.ok_or_else(|| needed("--replay"))?, &acts, options, sessions);
    }
    if let Some(file) = &options.script {
        return command::script(&lesson.ok_or_else(|| needed("--script"))?, file, options, sessions);
    }
    if let Some(steps) = options.walk {
        return command::random(&lesson.ok_or_else(|| needed("--walk"))?, steps, options, sessions);
    }
    if options.measure {
        return command::measure(&lesson.ok_or_else(|| needed("--measure"))?, options, sessions);
    }
    if options.print {
        let print = |l: &tricine_lab::Lesson| l.markdown(options.answers);
        let all: Vec<String> =
            lesson.as_ref().map_or_else(|| course.lessons.iter().map(print).collect(), |l| vec![print(l)]);
        command::out(&all.join("\n"));
        return Ok(0);
    }
    if options.html.is_some() {
        return Err(Error::Usage(
            "--html writes a run: add --replay SCHEDULE, or --check FILE for what is wrong with it".into(),
        ));
    }
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !options.json {
        return screen::run(&course, lesson, sessions);
    }
    let progress = Progress::of(&course);
    match lesson {
        Some(l) => command::out(&l.markdown(false)),
        None => return command::list(&course, options.json, &|l| progress.is_done(l)),
    }
    Ok(0)
}

/// Runs this process as the role of that name. Its exit code; `None` if there is no such role here.
pub fn role_main(name: &str) -> Option<i32> {
    match name {
        stage::ROLE => Some(stage::role_main()),
        measure::ROLE => Some(measure::role_main()),
        _ => None,
    }
}
