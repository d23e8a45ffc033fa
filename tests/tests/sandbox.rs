//! The decoder's walls: whatever it may try, it ends with an error or by SIGSYS; what it needs goes on.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::start;

/// How an attempt ended, and what it said.
fn attempt(what: &str, path: &str) -> (ExitStatus, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_confined")).args([what, path]).output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a wall is there on this kernel; where all are demanded, a missing one fails.
fn has(wall: &str) -> bool {
    attempt("nothing", "").1.lines().next().is_some_and(|walls| walls.split(" (").next().unwrap().contains(wall))
}

#[test]
fn what_a_decoder_never_does_ends_it_and_is_named_by_its_signal() {
    if !has("seccomp") {
        return;
    }
    for what in ["execute", "tcp", "unix", "kill"] {
        let (status, said) = attempt(what, "/run/nowhere");
        assert_eq!(status.signal(), Some(Signal::SIGSYS as i32), "{what}: {status} {said}");
    }
}

#[test]
fn files_are_closed_to_it_but_those_of_the_session_and_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("1.png");
    std::fs::write(&file, "a picture").unwrap();
    let path = file.to_str().unwrap();
    let new = folder.path().join("new");
    if has("Landlock") {
        for (what, path) in [("open", path), ("open", "/etc/passwd"), ("create", new.to_str().unwrap())] {
            let (status, said) = attempt(what, path);
            assert!(status.code() == Some(1) && said.contains("Permission denied"), "{what} {path}: {status} {said}");
        }
        assert!(!new.exists());
    }
    assert_eq!(attempt("picture", path).0.code(), Some(0), "a picture that was named");
    let name = format!("tricine.sandbox-{}.test", std::process::id());
    let object = format!("/dev/shm/{name}");
    std::fs::write(&object, "an object").unwrap();
    let (status, said) = attempt("shm", &name);
    std::fs::remove_file(&object).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn memory_and_files_have_limits_and_threads_are_free() {
    assert_eq!(attempt("threads", "").0.code(), Some(0));
    let (status, said) = attempt("memory", "");
    assert_eq!(status.code(), Some(1), "{said}");
    let (status, said) = attempt("grow", "");
    // SIGXFSZ, as the test's own caller left it, or an error.
    assert!(status.code() == Some(1) || status.signal() == Some(Signal::SIGXFSZ as i32), "{status} {said}");
    assert_eq!(attempt("abort", "").0.signal(), Some(Signal::SIGABRT as i32), "a codec may still abort");
}

#[test]
fn the_report_says_what_keeps_the_decoder_in() {
    let short = ["--display", "none", "--audio", "none", "--unpaced", "test:bars?size=64x48&rate=25&seconds=1"];
    let program = env!("CARGO_BIN_EXE_tricine-under-test");
    let end = start(program, &short).end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    let said =
        end.report["roles"]["decoder"]["sandbox"].as_str().unwrap_or_else(|| panic!("{:#}", end.report)).to_owned();
    assert!(said.starts_with("limits, "), "{said}");
    let open = start(program, &[&["--no-sandbox"], &short[..]].concat()).end();
    assert_eq!(
        (open.status.code(), &open.report["roles"]["decoder"]["sandbox"]),
        (Some(0), &Value::Null),
        "{}",
        open.stderr
    );
}
