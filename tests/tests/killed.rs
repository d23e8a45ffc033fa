//! What a killed supervisor leaves behind: nothing, and if its janitor was killed as well, nothing for long.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Run, arg, assert_nothing_left, children, names, start, tool, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

fn film(seconds: u32, options: &[&str]) -> Run {
    let input = format!("test:clock?size=160x90&rate=30&seconds={seconds}");
    start(PROGRAM, &[&["--display", "none", "--audio", "null"], options, &[&input]].concat())
}

/// Kills the janitor, and then the supervisor before it gets round to starting another.
fn kill_both(run: &Run) {
    run.signal(Signal::SIGSTOP);
    let janitor = children(run.pid()).into_iter().find(|c| c.1 == "tricine: janitor").unwrap().0;
    kill(janitor, Signal::SIGKILL).unwrap();
    run.signal(Signal::SIGKILL);
}

/// A film whose pictures and sound are written into `folder`.
fn recording(folder: &Path, name: &str, seconds: u32) -> Run {
    let output = |kind: &str| format!("{kind}={}", arg(&folder.join(format!("{name}.{kind}"))));
    let input = format!("test:clock?size=160x90&rate=30&seconds={seconds}");
    start(PROGRAM, &["--display", &output("framemd5"), "--audio", &output("wav"), &input])
}

/// What is in a folder.
fn files(folder: &Path) -> Vec<OsString> {
    let mut found: Vec<OsString> = folder.read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
    found.sort();
    found
}

#[test]
fn a_supervisor_killed_at_any_moment_leaves_nothing() {
    // From before its first system call to well into the film.
    for i in 0..40 {
        let run = film(60, &[]);
        // Any moment will do; this spreads them.
        std::thread::sleep(Duration::from_micros(i * i * 150));
        let roles: Vec<_> = children(run.pid()).into_iter().map(|c| c.0).collect();
        run.signal(Signal::SIGKILL);
        let session = run.session.clone();
        drop(run);
        assert_nothing_left(&session);
        wait_for("the processes to be gone", || roles.iter().all(|&pid| gone(pid)).then_some(()));
    }
}

/// Whether a process is no more, or waits for an init that does not reap.
fn gone(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn what_a_killed_session_left_is_swept_by_the_next_start_and_by_clean() {
    for sweep in ["clean", "play"] {
        let run = film(60, &[]);
        run.presented(5);
        kill_both(&run);
        let session = run.session.clone();
        drop(run);
        assert!(names(&session).len() >= 7, "{:?}", names(&session));
        match sweep {
            "clean" => drop(tool(PROGRAM, &["clean"])),
            _ => drop(film(1, &["--unpaced"]).end()),
        }
        assert_nothing_left(&session);
    }
}

#[test]
fn recordings_of_a_killed_supervisor_are_removed_and_those_of_a_living_one_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let living = recording(folder, "living", 600);
    living.presented(5);
    let theirs = files(folder);
    assert_eq!(theirs.len(), 2, "{theirs:?}");

    // Its janitor does it.
    let killed = recording(folder, "killed", 600);
    killed.presented(5);
    assert_eq!(files(folder).len(), 4);
    killed.signal(Signal::SIGKILL);
    wait_for("the recordings of the dead to be gone", || (files(folder) == theirs).then_some(()));
    drop(killed);

    // Without one, whoever records there next. What only has such a name stays.
    let killed = recording(folder, "killed", 600);
    killed.presented(5);
    kill_both(&killed);
    drop(killed);
    nix::unistd::mkfifo(&folder.join(".tricine-1-1.part"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join(".tricine-1-2.part")).unwrap();
    std::fs::write(folder.join(".tricine-mine.part"), "").unwrap();
    assert_eq!(files(folder).len(), 7);
    assert_eq!(recording(folder, "next", 1).end().status.code(), Some(0));
    let mut wanted = theirs.clone();
    wanted.extend([".tricine-1-1.part", ".tricine-1-2.part", ".tricine-mine.part"].map(OsString::from));
    wanted.extend(["next.framemd5", "next.wav"].map(OsString::from));
    wanted.sort();
    assert_eq!(files(folder), wanted);

    living.signal(Signal::SIGTERM);
    living.end();
    assert!(files(folder).contains(&"living.wav".into()) && files(folder).contains(&"living.framemd5".into()));
}
