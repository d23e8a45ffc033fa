//! `cargo run --release -p tests --bin hostile -- --corruptions N [--seed S]`: a peer that breaks every rule, for each side
//! and mode in turn. Ends with 1 if a victim crashed, hung or believed what it must not.

use std::time::Instant;

use tests::hostile::{Case, attack, be_victim_if_told};

fn main() {
    be_victim_if_told();
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|a| a == name);
        at.and_then(|i| args.get(i + 1)).map_or(default, |v| v.parse().expect("a number"))
    };
    let (corruptions, seed) = (number("--corruptions", 1_000_000), number("--seed", 1));
    println!(
        "{:10} {:8} {:>12} {:>11} {:>10} {:>10} {:>6} {:>6}",
        "victim", "mode", "corruptions", "truncations", "frames", "errors", "ends", "s"
    );
    let mut failed = false;
    for (i, case) in Case::ALL.into_iter().enumerate() {
        let begun = Instant::now();
        match attack(case, corruptions / 4, seed + i as u64) {
            Ok(t) => println!(
                "{:10} {:8} {:12} {:11} {:10} {:10} {:6} {:6.1}",
                format!("{:?}", case.victim),
                format!("{:?}", case.mode),
                t.corruptions,
                t.truncations,
                t.frames,
                t.errors,
                t.ends,
                begun.elapsed().as_secs_f64()
            ),
            Err(why) => {
                println!("FAILED: {why}");
                failed = true;
            }
        }
    }
    std::process::exit(i32::from(failed));
}
