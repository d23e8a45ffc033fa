//! A short attack on each side in each mode; `cargo run --release -p tests --bin hostile` is the long one.

use std::process::Command;

#[test]
fn a_victim_of_a_hostile_peer_is_told_an_error_or_goes_on() {
    let run = Command::new(env!("CARGO_BIN_EXE_hostile")).args(["--corruptions", "40000"]).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let sum = |column: usize| -> u64 {
        said.lines().skip(1).filter_map(|l| l.split_whitespace().nth(column)?.parse::<u64>().ok()).sum()
    };
    // It did work, it was told errors, and it was told of truncations: else nothing was shown.
    assert!(sum(2) >= 40_000 && sum(3) >= 4 && sum(4) > 1_000 && sum(5) > 100, "{said}");
}
