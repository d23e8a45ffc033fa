//! Kills the channel's producer and consumer after every instruction of an operation, and says whether the frames cared.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use tests::sweep::case::{Case, ModeName, Operation, Role, Second, Survivor};
use tests::sweep::driver::{Plan, Row, sweep};
use tests::sweep::ledger::{Film, Ledger};
use tests::sweep::stage::Stage;
use tests::sweep::theatre::Theatre;
use tricine_shared::Result;
use tricine_shared::channel::{Mode, Side};
use tricine_shared::sys::trace::{Tracer, pin, processors};

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
    /// What the other side does meanwhile [default: both]
    #[arg(long, value_delimiter = ',')]
    survivors: Vec<Survivor>,
    /// Who dies second, with --deaths 2 [default: all]
    #[arg(long, value_delimiter = ',')]
    seconds: Vec<Second>,
    /// Instructions from one kill point to the next
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    stride: u64,
    /// Deaths in a run: with 2, the first strikes wherever the shared words change, the second after every STRIDE
    /// instructions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    deaths: u32,
    /// Frames of more than a page's half, so that much of what is swept is the copying of the payload
    #[arg(long)]
    payload: bool,
    /// What the frames hold is made from this
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A wait that takes longer means a missed doorbell
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    patience: u64,
    /// A case is given up after so many failures
    #[arg(long, value_name = "N", default_value_t = 5)]
    most_failures: u64,
    /// Writes the table as JSON, too
    #[arg(long, value_name = "PATH")]
    report: Option<PathBuf>,
}

impl Options {
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

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("kill-sweep: {e}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was wrong.
fn run(options: &Options) -> Result<bool> {
    let tracer = Tracer::new()?;
    let theatre = Theatre::open(&tracer)?;
    let ledger = Ledger::new()?;
    let film = if options.payload { Film::new(options.seed, 48, 32) } else { Film::new(options.seed, 8, 8) };
    // The tracer and what it steps take turns, which is fastest on one processor.
    let cpus = processors();
    let (here, there) = (cpus.first().copied().unwrap_or(0), cpus.last().copied().unwrap_or(0));
    pin(here);
    let mut stage = Stage {
        tracer: &tracer,
        session: &theatre.session,
        ledger: &ledger,
        film: &film,
        patience: Duration::from_secs(options.patience),
        other_cpu: there,
        channels: 0,
    };
    let (begun, mut rows) = (Instant::now(), Vec::new());
    print_head();
    for (i, case) in options.cases().iter().enumerate() {
        let plan = Plan {
            deaths: options.deaths,
            stride: options.stride,
            // So that a coarse sweep meets other instructions in each row.
            offset: i as u64 % options.stride,
            most_failures: options.most_failures,
        };
        let row = sweep(&mut stage, case, &plan)?;
        print_row(&row);
        rows.push(row);
    }
    Ok(conclude(options, &rows, begun.elapsed()))
}

fn print_head() {
    println!(
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
}

fn print_row(row: &Row) {
    println!(
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
        for death in &failure.deaths {
            println!("    killed after {} instructions, before {}", death.after_instructions, death.next_instruction);
            println!("    it left {}", death.words);
        }
        println!("    then: {}", failure.wrongs.join("; "));
    }
}

/// Prints the sums and writes the report. Whether nothing was wrong.
fn conclude(options: &Options, rows: &[Row], took: Duration) -> bool {
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let (kills, steps, failures) = (sum(|r| r.kill_points), sum(|r| r.steps), sum(|r| r.failures));
    let seconds = took.as_secs_f64();
    println!(
        "{} cases, {kills} kills, {steps} steps, {} redelivered, {} repeated effects (each killed between effect and record), \
         {failures} failures, {seconds:.0} s",
        rows.len(),
        sum(|r| r.redelivered),
        sum(|r| r.repeated_effects),
    );
    let mut good = failures == 0;
    if rows.is_empty() {
        eprintln!("kill-sweep: no case is left by these options");
        good = false;
    }
    if let Some(path) = &options.report {
        let report = json!({
            "deaths": options.deaths, "stride": options.stride, "payload": options.payload, "seed": options.seed,
            "kills": kills, "steps": steps, "failures": failures, "seconds": seconds, "cases": rows,
        });
        if let Err(e) = std::fs::write(path, format!("{report:#}\n")) {
            eprintln!("kill-sweep: write {:?}: {e}", path);
            good = false;
        }
    }
    good
}
