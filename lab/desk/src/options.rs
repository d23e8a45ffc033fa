//! The command line of `tricine lab`.

use std::path::PathBuf;

use clap::Args;

/// Lessons on real processes: you are the scheduler.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  tricine lab                            the lessons, on the screen\n  \
    tricine lab 8                          lesson 8\n  \
    tricine lab 8 --check repair.lab       marks a repair: every schedule, every death\n  \
    tricine lab 8 --replay a4Xarb4         a schedule on real processes (also: tricine lab 8@a4Xarb4)\n  \
    tricine lab 8 --replay a4Xa --html -   the same as a page for a projector\n  \
    tricine lab --web site                 the lab for browsers, as a folder for any server\n  \
    tricine lab ./my-course                your own lessons; docs/lab-lessons.md says how to write one\n\n\
    Schedules: a4Xbrb4 is four steps of the first process, the second one killed, one step of recovery, four steps of the second.\n\
    Exit codes: 0 right, 1 wrong, 2 cannot be read or wrong usage, 3 the search gave up, 128+N ended by signal N.")]
pub struct Options {
    /// A lesson (8, 9b), a folder of lessons, a lesson's file (.md) or a program (.lab).
    #[arg(value_name = "LESSON|FOLDER")]
    pub what: Option<String>,
    /// The lesson, after a folder.
    #[arg(value_name = "LESSON")]
    pub lesson: Option<String>,
    /// Mark a repair: the learner's lines, or the whole program with them; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replay", "script", "print", "list", "walk"])]
    pub check: Option<PathBuf>,
    /// Play a schedule on real processes, and say what each step does.
    #[arg(long, value_name = "SCHEDULE", conflicts_with_all = ["script", "print", "list", "walk"])]
    pub replay: Option<String>,
    /// Play a file of schedules and conditions, such as `filled == 0`, one a line; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["print", "list", "walk"])]
    pub script: Option<PathBuf>,
    /// For --replay, --script and --walk: with this repair instead of the lesson's start.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["check", "print", "list"])]
    pub with: Option<PathBuf>,
    /// Print the lesson as Markdown, for hand-outs.
    #[arg(long, conflicts_with_all = ["list", "walk"])]
    pub print: bool,
    /// For --print: with all answers and repairs, for teachers.
    #[arg(long, requires = "print")]
    pub answers: bool,
    /// Write the run of --replay, or what --check found, as one page; `-` is standard output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["script", "print", "list", "walk"])]
    pub html: Option<PathBuf>,
    /// Write the lab for browsers into FOLDER: all lessons, to step and to repair, without real processes. It needs no server.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["check", "replay", "script", "print", "html", "list", "walk", "json"])]
    pub web: Option<PathBuf>,
    /// List the lessons.
    #[arg(long)]
    pub list: bool,
    /// As JSON (tricine.lab/1).
    #[arg(long, conflicts_with = "print")]
    pub json: bool,
    /// Measure what the lesson measures, on this machine.
    #[arg(long, conflicts_with_all = ["check", "replay", "script", "print", "html", "list", "walk"])]
    pub measure: bool,
    /// Play so many random steps, kills among them, and compare the model with the real processes after each.
    #[arg(long, value_name = "STEPS", conflicts_with = "list")]
    pub walk: Option<usize>,
    /// For --walk: where the random steps begin.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "walk")]
    pub seed: u64,
}
