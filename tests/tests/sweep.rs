//! The kill sweep in short, on the code that ships: docs/proofs.md has the long one.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use tests::{arg, assert_nothing_left, children, names, wait_for};

const SWEEP: &str = env!("CARGO_BIN_EXE_kill-sweep");

/// Runs a sweep that must find nothing, and gives its report. Nothing of it is left.
fn sweep(args: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("sweep.json");
    let Output { status, stdout, stderr } =
        Command::new(SWEEP).args(args).args(["--report", arg(&report)]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{stdout}\n{stderr}");
    assert_nothing_left(stdout.lines().next().and_then(|l| l.strip_prefix("session ")).expect("the session's name"));
    serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap()
}

#[test]
fn a_reader_that_goes_away_ends_the_sweep_without_a_word() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output =
        Command::new(SWEEP).args(["--fast", "--changes"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(101), ""));
}

#[test]
fn a_side_killed_wherever_the_words_change_costs_no_frame() {
    let report = sweep(&["--fast", "--changes", "--fills", "1,new,held+new"]);
    assert_eq!(report["failures"], 0);
    let cases = report["cases"].as_array().unwrap();
    for (role, mode) in [("producer", "fifo"), ("consumer", "fifo"), ("producer", "mailbox"), ("consumer", "mailbox")] {
        for survivor in ["parked", "holding", "running"] {
            let kills = |c: &&Value| c["role"] == role && c["mode"] == mode && c["survivor"] == survivor;
            let kills: u64 = cases.iter().filter(kills).filter_map(|c| c["kill_points"].as_u64()).sum();
            // A frame is taken, has its effect and is released; or it is begun, described and published: and each may ring.
            assert!(kills >= 8, "{role} {mode} {survivor}: {kills}");
        }
    }
}

#[test]
fn one_hand_over_alone_wakes_who_sleeps_wherever_it_is_held_up() {
    let report = sweep(&["--changes", "--survivors", "asleep"]);
    assert_eq!(report["failures"], 0);
    let kills: Vec<_> = report["cases"].as_array().unwrap().iter().map(|c| c["kill_points"].as_u64()).collect();
    assert_eq!(kills.len(), 3);
    assert!(kills.iter().all(|k| *k >= Some(8)), "{kills:?}");
}

#[test]
fn a_hand_over_is_found_wherever_it_meets_a_side_on_its_way_to_sleep() {
    let report = sweep(&["--fast", "--changes", "--survivors", "serving"]);
    assert_eq!(report["failures"], 0);
    let kills: Vec<_> = report["cases"].as_array().unwrap().iter().map(|c| c["kill_points"].as_u64()).collect();
    assert_eq!(kills.len(), 5);
    // In front of the flag that says it, after it, and in the sleep.
    assert!(kills.iter().all(|k| *k >= Some(4)), "{kills:?}");
}

#[test]
fn a_coarse_sweep_with_the_payload_inside_costs_no_frame() {
    let args = ["--payload", "--stride", "397", "--fills", "2,taken+new", "--operations", "publish,release"];
    let report = sweep(&args);
    assert!(report["kills"].as_u64() >= Some(30), "{report:#}");
}

#[test]
fn two_deaths_in_a_row_cost_no_frame() {
    let args =
        ["--fast", "--deaths", "2", "--stride", "2999", "--modes", "fifo", "--fills", "1", "--operations", "release"];
    let report = sweep(&args);
    let seconds: Vec<_> = report["cases"].as_array().unwrap().iter().map(|c| c["second"].clone()).collect();
    for second in ["successor", "other-side", "recovery"] {
        assert!(seconds.contains(&second.into()), "{seconds:?}");
    }
}

#[test]
fn a_killed_sweep_leaves_no_name_and_no_process() {
    let mut child = Command::new(SWEEP).stdout(Stdio::piped()).spawn().unwrap();
    let (mut line, mut table) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
    table.read_line(&mut line).unwrap();
    let session = line.trim().strip_prefix("session ").expect("the session's name").to_owned();
    let pid = Pid::from_raw(child.id() as i32);
    // In the midst of a run: its channel, and the janitor, victim and survivor.
    let processes = wait_for("a run", || {
        let processes = children(pid);
        (processes.len() >= 3 && names(&session).len() >= 4).then_some(processes)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_nothing_left(&session);
    wait_for("its processes to be gone", || processes.iter().all(|(p, _)| kill(*p, None).is_err()).then_some(()));
}

#[cfg(not(feature = "seeded-bugs"))]
#[test]
fn the_code_that_ships_has_no_bugs_to_choose_from() {
    let output = Command::new(SWEEP).args(["--bug", "skips-front"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--features seeded-bugs"));
}
