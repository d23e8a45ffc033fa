//! All rows of a measurement: repeated in turns, so that a machine that changes its mind does so to all of them.

use std::io::{BufWriter, Write};
use std::os::fd::BorrowedFd;

use indicatif::{ProgressBar, ProgressStyle};
use tricine_channel::time::mono_ns;
use tricine_session::output::Writer;
use tricine_session::{Error, Result};

use crate::case::{Case, kebab};
use crate::gathering::Gathering;
use crate::load::Meter;
use crate::measure::{Ceiling, Machine, round_trip_ns};
use crate::options::Plan;
use crate::outcome::countable;
use crate::report::{Absent, Report, Row, SCHEMA};
use crate::run::{Measured, Ran, Watch, run};
use crate::{answer, trust};

/// How a measurement is made.
pub(crate) struct Sweep<'a> {
    /// The session that every name begins with.
    pub(crate) session: &'a str,
    /// Readable when the user wants to stop.
    pub(crate) stop: Option<BorrowedFd<'a>>,
    /// Whether to show progress.
    pub(crate) show: bool,
    /// Whether to count system calls, where that can be done.
    pub(crate) count_syscalls: bool,
    /// Where to write each frame's times.
    pub(crate) samples: Option<Samples>,
}

/// The times of each frame, as lines.
pub(crate) struct Samples(BufWriter<Writer>);

impl Samples {
    pub(crate) fn begin(writer: Writer) -> Result<Self> {
        let mut file = BufWriter::new(writer);
        writeln!(file, "row,repetition,session,seq,since_ns,there_ns,window_begins_ns").map_err(Self::failed)?;
        Ok(Self(file))
    }

    fn failed(why: std::io::Error) -> Error {
        Error::sys("write", "samples", why)
    }

    fn add(&mut self, row: usize, repetition: usize, sessions: &[Measured]) -> Result<()> {
        for (session, measured) in sessions.iter().enumerate() {
            let begins = measured.window_ns[0];
            for [seq, since, there] in &measured.consumer.samples {
                writeln!(self.0, "{row},{repetition},{session},{seq},{since},{there},{begins}")
                    .map_err(Self::failed)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.0.into_inner().map_err(|e| e.into_error()).and_then(Writer::finish).map_err(Self::failed)
    }
}

/// A row, or why there is none.
struct Entry {
    gathering: Gathering,
    failed: Option<String>,
    /// How many repetitions are in it.
    repetitions: usize,
}

/// What is measured of a row at its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// A repetition; the number says which.
    Repetition(u32),
    /// One more, of a row that was disturbed.
    Again,
    /// A run of its own in which system calls are counted.
    Counting,
}

/// A measurement on its way.
struct Course<'a, 'b> {
    sweep: &'b mut Sweep<'a>,
    plan: &'b Plan,
    machine: Machine,
    entries: Vec<Entry>,
    bar: ProgressBar,
    /// Runs so far, which tells their names apart.
    runs: u64,
    stopped: bool,
}

impl Sweep<'_> {
    /// Measures everything in `plan`, or, if the user stops it, as much of it as there was time for.
    pub(crate) fn measure(mut self, plan: &Plan, command: Vec<String>) -> Result<Report> {
        let begun = mono_ns();
        let mut sizes: Vec<usize> = plan.cases.iter().map(|c| c.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let machine = Machine::look();
        let before: Vec<Ceiling> = sizes.iter().map(|&bytes| Ceiling::measure(bytes)).collect();
        let (counted_by, uncounted) = match self.count_syscalls.then(countable) {
            None => (None, Some("not asked for".to_owned())),
            Some(Ok(way)) => (Some(way.name().to_owned()), None),
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let entry = |c: &Case| Entry { gathering: Gathering::new(c.clone()), failed: None, repetitions: 0 };
        let entries = plan.cases.iter().map(entry).collect();
        let bar = self.bar(plan);
        let mut course = Course { sweep: &mut self, plan, machine, entries, bar, runs: 0, stopped: false };
        let done = course.take(uncounted.is_none());
        course.bar.finish_and_clear();
        let Course { mut machine, entries, stopped, .. } = course;
        // What was written of each frame is kept as well, however it ended.
        let written = self.samples.map_or(Ok(()), Samples::finish);
        done.and(written)?;
        // Whoever stops it wants it to end.
        let after = |c: Ceiling| if stopped { c } else { c.mean(Ceiling::measure(c.bytes)) };
        let ceilings: Vec<Ceiling> = before.into_iter().map(after).collect();
        machine.round_trip_ns.push(if stopped { None } else { round_trip_ns() });
        let (mut rows, absent) = rows(entries, &ceilings);
        let disturbed = trust::judge(&mut rows, (&machine).into());
        let mut report = Report {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command,
            answer: String::new(),
            partial: stopped,
            planned: plan.cases.len(),
            disturbed,
            wall_s: (mono_ns() - begun) as f64 / 1e9,
            machine,
            ceilings,
            runs: rows,
            absent,
            syscalls_counted_by: counted_by,
            syscalls_uncounted: uncounted,
        };
        report.answer = answer::sentence(&report);
        Ok(report)
    }

    fn bar(&self, plan: &Plan) -> ProgressBar {
        if !self.show {
            return ProgressBar::hidden();
        }
        let points = plan.cases.iter().filter(|c| plan.is_point(c)).count() as u64;
        let full = plan.cases.len() as u64 - points;
        let bar = ProgressBar::new(points + full * u64::from(plan.repeat + u32::from(self.count_syscalls)));
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len}  {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar
    }
}

/// The rows that there are, and what could not be measured.
fn rows(entries: Vec<Entry>, ceilings: &[Ceiling]) -> (Vec<Row>, Vec<Absent>) {
    let (mut rows, mut absent) = (Vec::new(), Vec::<Absent>::new());
    for Entry { gathering, failed, .. } in entries {
        match failed {
            // Not reached before it was stopped.
            None if gathering.is_empty() => {}
            None => rows.push(gathering.row(ceilings.iter().find(|c| c.bytes == gathering.case.bytes))),
            Some(why) => {
                let transport = kebab(&gathering.case.transport);
                if !absent.iter().any(|a| a.transport == transport) {
                    absent.push(Absent { transport, why });
                }
            }
        }
    }
    (rows, absent)
}

impl Course<'_, '_> {
    /// All turns, until the user wants to stop: the repetitions, one more of what was disturbed, and then the run of its own in
    /// which system calls are counted.
    fn take(&mut self, counting: bool) -> Result<()> {
        for repetition in 0..self.plan.repeat {
            self.round(Turn::Repetition(repetition), &vec![true; self.entries.len()])?;
        }
        if self.plan.again {
            let disturbed = self.disturbed();
            self.bar.inc_length(disturbed.iter().filter(|d| **d).count() as u64);
            self.round(Turn::Again, &disturbed)?;
        }
        if counting {
            self.round(Turn::Counting, &vec![true; self.entries.len()])?;
        }
        Ok(())
    }

    /// Which rows cannot be believed as they are.
    fn disturbed(&self) -> Vec<bool> {
        let mut rows: Vec<Row> = self.entries.iter().map(|e| e.gathering.row(None)).collect();
        trust::judge(&mut rows, (&self.machine).into());
        rows.iter().map(|row| row.disturbed.is_some()).collect()
    }

    /// A turn of each row that is `chosen`.
    fn round(&mut self, turn: Turn, chosen: &[bool]) -> Result<()> {
        for i in (0..chosen.len()).filter(|&i| chosen[i]) {
            let case = &self.plan.cases[i];
            let point = self.plan.is_point(case);
            let skipped = match turn {
                Turn::Repetition(n) => point && n > 0,
                Turn::Again => false,
                Turn::Counting => point || case.kill.is_some(),
            };
            if self.stopped {
                return Ok(());
            }
            if skipped || self.entries[i].failed.is_some() {
                continue;
            }
            match self.one(i, turn) {
                Ok(()) => {}
                Err(error) if self.plan.tolerant => self.entries[i].failed = Some(error.to_string()),
                Err(error) => return Err(error),
            }
            self.bar.inc(1);
        }
        Ok(())
    }

    /// One run of a row.
    fn one(&mut self, i: usize, turn: Turn) -> Result<()> {
        let case = &self.plan.cases[i];
        let case = if turn == Turn::Counting { counted(case) } else { case.clone() };
        let (bar, entry) = (&self.bar, &mut self.entries[i]);
        let label = format!("{} {}", case.label(), crate::table::size(case.bytes));
        bar.set_message(label.clone());
        // The rate is that since the first frame that counted: neither the start nor the warm-up is in it.
        let mut first: Option<(u64, u64)> = None;
        let mut progress = |frames: u64| {
            let now_ns = mono_ns();
            if frames > 0 {
                let (of, since_ns) = *first.get_or_insert((frames, now_ns));
                if now_ns > since_ns {
                    let rate = crate::table::count((frames - of) as f64 * 1e9 / (now_ns - since_ns) as f64);
                    bar.set_message(format!("{label}: {rate} frames/s"));
                }
            }
            bar.tick();
        };
        let mut meter = Meter::start();
        let mut watch = Watch { progress: &mut progress, stop: self.sweep.stop, meter: &mut meter };
        match run(&case, self.sweep.session, &mut self.runs, &mut watch)? {
            Ran::Stopped => self.stopped = true,
            Ran::Measured(measured, stopped) => {
                self.stopped = stopped;
                if turn == Turn::Counting {
                    entry.gathering.add_syscalls(&measured);
                    return Ok(());
                }
                if turn == Turn::Again {
                    entry.gathering.repeat();
                }
                entry.gathering.add(&measured, meter.finish());
                if let Some(samples) = &mut self.sweep.samples {
                    samples.add(i, entry.repetitions, &measured)?;
                }
                entry.repetitions += 1;
            }
        }
        Ok(())
    }
}

/// The run in which system calls are counted: short, since counts do not scatter as times do.
fn counted(case: &Case) -> Case {
    let frames = case.frames.map(|frames| frames.clamp(1, 10_000));
    // At a slow pace it lasts for some frames, but never longer than what it belongs to.
    let least = case.rate.map_or(0.0, |rate| 20.0 / rate).min(case.seconds);
    let seconds = (case.seconds / 3.0).clamp(0.05, 1.0).max(least);
    Case { count_syscalls: true, samples: false, frames, seconds, ..case.clone() }
}
