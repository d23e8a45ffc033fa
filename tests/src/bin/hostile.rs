//! `cargo run --release -p tests --bin hostile -- --corruptions N`: a peer that breaks every rule, for each side and mode in turn. Ends
//! with 1 if a victim crashed, hung or believed what it must not.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use serde_json::{Value, json};
use tests::hostile::{Case, attack, be_victim_if_told};

/// Write random values over a channel, beside a victim that runs the player's code.
#[derive(Debug, Parser)]
struct Options {
    /// Values to write, a quarter in each case
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    corruptions: u64,
    /// Makes the same values again
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the table as JSON, too, after each row
    #[arg(long, value_name = "PATH")]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    be_victim_if_told();
    let options = Options::parse();
    tests::say!(
        "{:10} {:8} {:>12} {:>11} {:>10} {:>10} {:>6} {:>6}",
        "victim",
        "mode",
        "corruptions",
        "truncations",
        "frames",
        "errors",
        "ends",
        "s"
    );
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for (case, seed) in Case::ALL.into_iter().zip(options.seed..) {
        let (begun, victim, mode) = (Instant::now(), format!("{:?}", case.victim), format!("{:?}", case.mode));
        match attack(case, options.corruptions / 4, seed) {
            Ok(t) => {
                let seconds = begun.elapsed().as_secs_f64();
                tests::say!(
                    "{victim:10} {mode:8} {:12} {:11} {:10} {:10} {:6} {seconds:6.1}",
                    t.corruptions,
                    t.truncations,
                    t.frames,
                    t.errors,
                    t.ends
                );
                rows.push(json!({ "victim": victim, "mode": mode, "corruptions": t.corruptions, "ends": t.ends,
                    "truncations": t.truncations, "frames": t.frames, "errors": t.errors, "seconds": seconds }));
            }
            Err(why) => {
                tests::say!("FAILED: {why}");
                failures.push(Value::from(why));
            }
        }
        if let Some(path) = &options.report {
            let finished = rows.len() + failures.len() == Case::ALL.len();
            let report = json!({ "schema": "tricine.hostile/1", "seed": options.seed, "finished": finished,
                "cases": rows, "failures": failures });
            tests::save(path, &report).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
    }
    ExitCode::from(u8::from(!failures.is_empty()))
}
