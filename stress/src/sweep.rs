//! All rows of a measurement: repeated in turns, so that a machine that changes its mind does so to all of them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::BorrowedFd;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use tricine_channel::time::mono_ns;
use tricine_session::{Error, Result};

use crate::case::{Case, kebab};
use crate::measure::{Ceiling, Machine, round_trip_ns};
use crate::options::Plan;
use crate::outcome::countable;
use crate::report::{Absent, Gathering, Report, SCHEMA};
use crate::run::{Measured, Watch, run};

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
    pub(crate) samples: Option<&'a Path>,
}

/// The times of each frame, as lines.
struct Samples(BufWriter<File>);

impl Samples {
    fn create(path: &Path) -> Result<Self> {
        let failed = |e| Error::sys("open", path.display().to_string(), e);
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        writeln!(file, "row,repetition,session,seq,since_ns,there_ns,window_begins_ns").map_err(failed)?;
        Ok(Self(file))
    }

    fn add(&mut self, row: usize, repetition: u32, sessions: &[Measured]) -> Result<()> {
        for (session, measured) in sessions.iter().enumerate() {
            let begins = measured.window_ns[0];
            for [seq, since, there] in &measured.consumer.samples {
                writeln!(self.0, "{row},{repetition},{session},{seq},{since},{there},{begins}")
                    .map_err(|e| Error::sys("write", "samples", e))?;
            }
        }
        Ok(())
    }
}

/// A row, or why there is none.
struct Entry {
    gathering: Gathering,
    failed: Option<String>,
}

impl Sweep<'_> {
    /// Measures everything in `plan`; `None` if the user stopped it.
    pub(crate) fn measure(&self, plan: &Plan, command: Vec<String>) -> Result<Option<Report>> {
        let begun = mono_ns();
        let mut machine = Machine::look();
        let mut sizes: Vec<usize> = plan.cases.iter().map(|c| c.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let before: Vec<Ceiling> = sizes.iter().map(|&bytes| Ceiling::measure(bytes)).collect();
        let mut entries: Vec<Entry> =
            plan.cases.iter().map(|c| Entry { gathering: Gathering::new(c.clone()), failed: None }).collect();
        let mut samples = self.samples.map(Samples::create).transpose()?;
        let (counted_by, uncounted) = match self.count_syscalls.then(countable) {
            None => (None, Some("not asked for".to_owned())),
            Some(Ok(way)) => (Some(way.name().to_owned()), None),
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let mut runs = 0;
        let bar = self.bar(plan);
        // The repetitions, and then the run of its own in which system calls are counted.
        for repetition in 0..=plan.repeat {
            let counting = repetition == plan.repeat;
            if counting && uncounted.is_some() {
                break;
            }
            for (i, entry) in entries.iter_mut().enumerate() {
                let case = &plan.cases[i];
                let point = plan.is_point(case);
                if entry.failed.is_some() || (point && repetition > 0) || (counting && case.kill.is_some()) {
                    continue;
                }
                let case = if counting { counted(case) } else { case.clone() };
                bar.set_message(format!("{} {}", case.label(), crate::table::size(case.bytes)));
                // The rate is that since the first frame that counted: neither the start nor the warm-up is in it.
                let mut first: Option<(u64, u64)> = None;
                let mut progress = |frames: u64| {
                    let now_ns = mono_ns();
                    if frames == 0 {
                        bar.tick();
                        return;
                    }
                    let (of, since_ns) = *first.get_or_insert((frames, now_ns));
                    if now_ns == since_ns {
                        return;
                    }
                    let rate = crate::table::count((frames - of) as f64 * 1e9 / (now_ns - since_ns) as f64);
                    bar.set_message(format!("{} {}: {rate} frames/s", case.label(), crate::table::size(case.bytes)));
                    bar.tick();
                };
                let mut watch = Watch { progress: &mut progress, stop: self.stop };
                match run(&case, self.session, &mut runs, &mut watch) {
                    Ok(None) => {
                        bar.finish_and_clear();
                        return Ok(None);
                    }
                    Ok(Some(measured)) if counting => entry.gathering.add_syscalls(&measured),
                    Ok(Some(measured)) => {
                        entry.gathering.add(&measured);
                        if let Some(samples) = &mut samples {
                            samples.add(i, repetition, &measured)?;
                        }
                    }
                    Err(error) if plan.tolerant => entry.failed = Some(error.to_string()),
                    Err(error) => {
                        bar.finish_and_clear();
                        return Err(error);
                    }
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        if let Some(Samples(mut file)) = samples {
            file.flush().map_err(|e| Error::sys("write", "samples", e))?;
        }
        let ceilings: Vec<Ceiling> = before.into_iter().map(|c| c.mean(Ceiling::measure(c.bytes))).collect();
        machine.round_trip_ns.push(round_trip_ns());
        let mut absent: Vec<Absent> = Vec::new();
        let mut rows = Vec::new();
        for Entry { gathering, failed } in entries {
            match failed {
                None => {
                    let ceiling = ceilings.iter().find(|c| c.bytes == gathering.case.bytes);
                    rows.push(gathering.finish(ceiling));
                }
                Some(why) => {
                    let transport = kebab(&gathering.case.transport);
                    if !absent.iter().any(|a| a.transport == transport) {
                        absent.push(Absent { transport, why });
                    }
                }
            }
        }
        Ok(Some(Report {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command,
            wall_s: (mono_ns() - begun) as f64 / 1e9,
            machine,
            ceilings,
            runs: rows,
            absent,
            syscalls_counted_by: counted_by,
            syscalls_uncounted: uncounted,
        }))
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

/// The run in which system calls are counted: short, since counts do not scatter as times do.
fn counted(case: &Case) -> Case {
    let frames = case.frames.map(|frames| frames.clamp(1, 10_000));
    // At a slow pace it has to last for some frames.
    let least = case.rate.map_or(0.0, |rate| 20.0 / rate);
    let seconds = (case.seconds / 3.0).clamp(0.05, 1.0).max(least);
    Case { count_syscalls: true, samples: false, frames, seconds, ..case.clone() }
}
