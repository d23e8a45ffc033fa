//! Kills the channel's producer and consumer after every instruction of an operation, and says whether the frames cared.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use tests::sweep::bugs;
use tests::sweep::case::{Case, ModeName, Operation, Role, Second, Survivor};
use tests::sweep::driver::{Failure, Plan, Points, Row, sweep};
use tests::sweep::ledger::{Film, Ledger};
use tests::sweep::stage::Stage;
use tests::sweep::theatre::Theatre;
use tricine_channel::channel::bug::Bug;
use tricine_channel::channel::{Mode, Side};
use tricine_stress::sys::trace::{Tracer, pin, processors};

/// Kills the real producer or consumer of a channel after every instruction of an operation, recovers, and checks
/// every byte of every frame that comes after. Exit code 1 if anything was wrong.
#[derive(Debug, Parser)]
#[command(name = "kill-sweep")]
struct Options {
    /// Which side is killed [default: both]
    #[arg(long, value_delimiter = ',')]
    roles: Vec<Role>,
    /// In which mode of the channel [default: both]
    #[arg(long, value_delimiter = ',')]
    modes: Vec<ModeName>,
    /// In which operation [default: all]
    #[arg(long, value_delimiter = ',')]
    operations: Vec<Operation>,
    /// At which fill levels: 0 to 3 (FIFO), empty, new, taken, taken+new, held, held+new (mailbox) [default: all]
    #[arg(long, value_delimiter = ',')]
    fills: Vec<String>,
    /// What the other side does meanwhile [default: all]
    #[arg(long, value_delimiter = ',')]
    survivors: Vec<Survivor>,
    /// Who dies second, with --deaths 2 [default: all]
    #[arg(long, value_delimiter = ',')]
    seconds: Vec<Second>,
    /// Instructions from one kill point to the next
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    stride: u64,
    /// Only where anything that the processes share changed, instead of by stride (with one death)
    #[arg(long, conflicts_with = "stride")]
    changes: bool,
    /// Deaths in a run: with 2, the first strikes wherever the shared words change, the second after every STRIDE
    /// instructions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    deaths: u32,
    /// Lets a victim run at full speed to a breakpoint near its kill point, and steps the last 16 instructions or more:
    /// the same kill points, much faster. Beside a running survivor every instruction is stepped all the same
    #[arg(long)]
    fast: bool,
    /// Frames of more than a page's half, so that much of what is swept is the copying of the payload
    #[arg(long)]
    payload: bool,
    /// What the frames hold is made from this
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A wait that takes longer means a missed doorbell [default: 10, and 2 with a bug]
    #[arg(long, value_name = "SECONDS")]
    patience: Option<u64>,
    /// A case is given up after so many failures
    #[arg(long, value_name = "N", default_value_t = 5)]
    most_failures: u64,
    /// Builds this bug into the channel, which the sweep has to catch (in a build with --features seeded-bugs)
    #[arg(long, value_name = "NAME", value_parser = bug_by_name)]
    bug: Option<Bug>,
    /// Says of every seeded bug whether the sweep catches it, and by what (in a build with --features seeded-bugs). Exit
    /// code 1 if one gets by
    #[arg(long, conflicts_with = "bug")]
    all_bugs: bool,
    /// One of N sweeps side by side, the I-th counted from 0, which share the cases, or with --all-bugs the bugs
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(usize, usize)>,
    /// Writes the table as JSON, too, after each row
    #[arg(long, value_name = "PATH")]
    report: Option<PathBuf>,
}

impl Options {
    /// For the `i`th case. A coarse sweep meets other instructions in each.
    fn plan(&self, i: u64) -> Plan {
        let points = match self.changes && self.deaths == 1 {
            true => Points::Changes,
            false => Points::Every { offset: i % self.stride, stride: self.stride },
        };
        Plan { deaths: self.deaths, points, fast: self.fast, most_failures: self.most_failures }
    }

    fn cases(&self) -> Vec<Case> {
        fn wanted<T: PartialEq>(list: &[T], value: &T) -> bool {
            list.is_empty() || list.contains(value)
        }
        let mut cases = Case::all(self.deaths);
        cases.retain(|case| {
            let role = if case.role == Side::Producer { Role::Producer } else { Role::Consumer };
            let mode = if case.mode == Mode::Fifo { ModeName::Fifo } else { ModeName::Mailbox };
            wanted(&self.roles, &role)
                && wanted(&self.modes, &mode)
                && wanted(&self.operations, &case.operation)
                && wanted(&self.fills, &case.fill.name.to_owned())
                && wanted(&self.survivors, &case.survivor)
                && case.second.is_none_or(|second| wanted(&self.seconds, &second))
        });
        cases
    }
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(i, n)| i < n).ok_or_else(|| "two numbers such as 0/4, the first less than the second".into())
}

fn bug_by_name(name: &str) -> Result<Bug, String> {
    let names = || Bug::ALL.iter().map(|b| b.name()).collect::<Vec<_>>().join(", ");
    bugs::by_name(name).ok_or_else(|| format!("no such bug; there are {}", names()))
}

fn main() -> ExitCode {
    let options = Options::parse();
    if (options.bug.is_some() || options.all_bugs) && !bugs::AVAILABLE {
        eprintln!(
            "kill-sweep: this is the code that ships, which cannot have bugs built in; use\n  cargo run --release -p tests \
             --no-default-features --features seeded-bugs --target-dir target/seeded-bugs --bin kill-sweep -- ..."
        );
        return ExitCode::from(2);
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("kill-sweep: {e}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was wrong; with --all-bugs, whether every bug was caught.
fn run(options: &Options) -> tricine_session::Result<bool> {
    let tracer = Tracer::new()?;
    let theatre = Theatre::open(&tracer)?;
    tests::say!("session {}", theatre.session);
    let ledger = Ledger::new()?;
    let film = if options.payload { Film::new(options.seed, 48, 32) } else { Film::new(options.seed, 8, 8) };
    // The tracer and what it steps take turns, which is fastest on one processor; the survivor has the next one. Sweeps
    // side by side begin on different ones.
    let (cpus, me) = (processors(), std::process::id() as usize);
    let cpu = |i: usize| cpus.get(i % cpus.len().max(1)).copied().unwrap_or(0);
    let (here, there) = (cpu(me), cpu(me + 1));
    pin(here);
    let patience = if options.all_bugs || options.bug.is_some() { 2 } else { 10 };
    let mut stage = Stage {
        tracer: &tracer,
        session: &theatre.session,
        ledger: &ledger,
        film: &film,
        patience: Duration::from_secs(options.patience.unwrap_or(patience)),
        other_cpu: there,
        channels: 0,
        bug: options.bug,
    };
    if options.all_bugs { hunt(options, &mut stage) } else { sweep_all(options, &mut stage) }
}

fn sweep_all(options: &Options, stage: &mut Stage<'_>) -> tricine_session::Result<bool> {
    let (begun, mut rows) = (Instant::now(), Vec::new());
    tests::say!(
        "{:8} {:7} {:9} {:9} {:8} {:10} {:>6} {:>7} {:>6} {:>11} {:>8} {:>8}",
        "role",
        "mode",
        "operation",
        "fill",
        "survivor",
        "second",
        "kills",
        "window",
        "asleep",
        "redelivered",
        "repeated",
        "failures"
    );
    let (first, step) = options.shard.unwrap_or((0, 1));
    for (i, case) in (0..).zip(options.cases()).skip(first).step_by(step) {
        let row = sweep(stage, &case, &options.plan(i))?;
        print_row(&row);
        rows.push(row);
        report(options, &sums(options, &rows, begun.elapsed(), false));
    }
    Ok(conclude(options, &rows, begun.elapsed()))
}

fn hunt(options: &Options, stage: &mut Stage<'_>) -> tricine_session::Result<bool> {
    let (mut verdicts, mut good, cases) = (Vec::new(), true, options.cases());
    let (first, step) = options.shard.unwrap_or((0, 1));
    let ours = Bug::ALL.iter().copied().filter(|bug| bugs::is_ours(*bug));
    for bug in ours.skip(first).step_by(step) {
        let begun = Instant::now();
        let verdict = bugs::hunt(stage, bug, &cases, &options.plan(0))?;
        let says = verdict.failure.as_ref().map_or("NOT CAUGHT".into(), |failure| failure.wrongs.join("; "));
        tests::say!("{:26} {:6} kills {:4} s  {says}", verdict.bug, verdict.kills, begun.elapsed().as_secs());
        if let (Some(case), Some(failure)) = (&verdict.case, &verdict.failure) {
            tests::say!("    {case}");
            print_deaths(failure);
        }
        good &= verdict.failure.is_some();
        verdicts.push(verdict);
    }
    let caught = verdicts.iter().filter(|v| v.failure.is_some()).count();
    tests::say!("{caught} of {} seeded bugs are caught; those of orderings are loom's", verdicts.len());
    Ok(report(options, &json!({ "bugs": verdicts })) && good)
}

fn print_row(row: &Row) {
    tests::say!(
        "{:8} {:7} {:9} {:9} {:8} {:10} {:6} {:7} {:6} {:11} {:8} {:8}",
        row.role,
        row.mode,
        row.operation,
        row.fill,
        row.survivor,
        row.second.as_deref().unwrap_or("-"),
        row.kill_points,
        row.window,
        row.asleep,
        row.redelivered,
        row.repeated_effects,
        row.failures
    );
    if let Some(failure) = &row.first_failure {
        print_deaths(failure);
        tests::say!("    then: {}", failure.wrongs.join("; "));
    }
}

fn print_deaths(failure: &Failure) {
    for death in &failure.deaths {
        tests::say!("    stopped after {} instructions, before {}", death.after_instructions, death.next_instruction);
        tests::say!("    it left {}", death.words);
    }
}

/// Prints the sums and writes the report. Whether nothing was wrong.
fn conclude(options: &Options, rows: &[Row], took: Duration) -> bool {
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let (kills, steps, failures) = (sum(|r| r.kill_points), sum(|r| r.steps), sum(|r| r.failures));
    let seconds = took.as_secs_f64();
    tests::say!(
        "{} cases, {kills} kills, {steps} steps, {} redelivered, {} effects repeated (each killed between effect and record), \
         {failures} failures, {seconds:.0} s",
        rows.len(),
        sum(|r| r.redelivered),
        sum(|r| r.repeated_effects),
    );
    if rows.is_empty() {
        eprintln!("kill-sweep: no case is left by these options");
    }
    failures == 0 && !rows.is_empty() && report(options, &sums(options, rows, took, true))
}

/// The report: what was swept so far, and whether that is all.
fn sums(options: &Options, rows: &[Row], took: Duration, finished: bool) -> Value {
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    json!({
        "deaths": options.deaths, "stride": options.stride, "changes": options.changes, "payload": options.payload,
        "fast": options.fast, "seed": options.seed, "bug": options.bug.map(Bug::name), "finished": finished,
        "kills": sum(|r| r.kill_points), "steps": sum(|r| r.steps), "redelivered": sum(|r| r.redelivered),
        "repeated_effects": sum(|r| r.repeated_effects), "failures": sum(|r| r.failures), "seconds": took.as_secs_f64(),
        "cases": rows,
    })
}

/// Writes the report, if there is to be one. Whether that went well.
fn report(options: &Options, report: &Value) -> bool {
    let Some(path) = &options.report else { return true };
    let written = tests::save(path, report);
    if let Err(e) = &written {
        eprintln!("kill-sweep: write {path:?}: {e}");
    }
    written.is_ok()
}
