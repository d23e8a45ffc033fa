//! The three programs of `examples/` together.

use std::process::Command;

#[test]
fn the_film_of_numbers_goes_on_when_its_producer_aborts_in_the_middle_of_a_frame() {
    // cargo builds examples beside the folder of the tests.
    let test = std::env::current_exe().unwrap();
    let boss = test.ancestors().nth(2).unwrap().join("examples/boss");
    assert!(boss.is_file(), "run `cargo test` without naming a target, or `cargo build --examples` first");
    let output = Command::new(boss).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "producer: begins with frame 0\n",
        "boss: the producer died (SIGABRT); the next one goes on\n",
        "producer: begins with frame 500\n",
        "consumer: 1000 frames, none missing, each whole\n",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
}
