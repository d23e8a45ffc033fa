//! A short attack on each side in each mode; `cargo run --release -p tests --bin hostile` is the long one.

use std::process::{Command, Stdio};

use tricine_session::NAMESPACE;

#[test]
fn a_victim_of_a_hostile_peer_is_told_an_error_or_goes_on() {
    let mut run = Command::new(env!("CARGO_BIN_EXE_hostile"));
    let run = run.args(["--corruptions", "40000"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = run.spawn().unwrap();
    // Sessions that start meanwhile, and `tricine clean`, leave it alone: it is one that lives.
    while run.try_wait().unwrap().is_none() {
        NAMESPACE.sweep(false, |_| {}).unwrap();
        std::thread::yield_now();
    }
    let run = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let sum = |column: usize| -> u64 {
        said.lines().skip(1).filter_map(|l| l.split_whitespace().nth(column)?.parse::<u64>().ok()).sum()
    };
    // It did work, it was told errors, and it was told of truncations: else nothing was shown.
    assert!(sum(2) >= 40_000 && sum(3) >= 4 && sum(4) > 1_000 && sum(5) > 100, "{said}");
}
