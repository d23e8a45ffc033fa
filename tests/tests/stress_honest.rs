//! `tricine stress` says when it cannot be believed, keeps what it measured when it is stopped, ends in time, and writes where
//! it is told to.

use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tests::{children, ticks, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// A quick measurement.
const QUICK: &str = "--size 20000 --frames 300 --warmup 0.01 --no-syscalls";

fn command(args: &str) -> Command {
    tests::heed_signals();
    let mut command = Command::new(PROGRAM);
    command.arg("stress").args(args.split_whitespace()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("COLUMNS");
    command
}

fn stress(args: &str) -> Output {
    let output = command(args).output().expect("the program starts");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", text(bytes)))
}

fn report(folder: &Path) -> Value {
    json(&std::fs::read(folder.join("r.json")).expect("a report"))
}

fn roles(of: Pid) -> Vec<Pid> {
    let some = children(of).into_iter().filter(|c| c.1.starts_with("tricine: stress"));
    some.map(|c| c.0).collect()
}

/// Busy processes, which end with the test.
struct Hogs(Vec<Child>);

impl Hogs {
    fn new() -> Self {
        let cores = std::fs::read_to_string("/proc/stat").unwrap().matches("\ncpu").count();
        let hog = || Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("a shell");
        Self((0..2 * cores + 1).map(|_| hog()).collect())
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}

#[test]
fn beside_busy_programs_it_says_that_it_cannot_be_believed_and_tries_once_more() {
    let _hogs = Hogs::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let args = format!("--size 20000 --seconds 2 --repeat 2 --report {path}/r.json --html {path}/p.html");
    let output = stress(&format!("{args} --no-syscalls"));
    let report = report(folder.path());
    for disturbed in [&report["disturbed"], &report["runs"][0]["disturbed"]] {
        let reasons = disturbed.to_string();
        assert!(
            reasons.contains("of other programs competed for") || reasons.contains("other programs took"),
            "{reasons}"
        );
    }
    assert_eq!(report["runs"][0]["repeated"], true);
    assert_eq!(report["runs"][0]["fps_each"].as_array().map(Vec::len), Some(3), "one repetition more");
    let table = text(&output.stdout);
    assert!(table.starts_with("Take this for a hint only, since the machine was disturbed"), "{table}");
    assert!(table.contains("DISTURBED, do not rely on these figures") && table.contains("    disturbed: "), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    let page = std::fs::read_to_string(folder.path().join("p.html")).unwrap();
    assert!(page.contains("Disturbed, do not rely on these figures:"));
    assert_eq!(output.status.code(), Some(0), "no frame was wrong");
}

#[test]
fn so_many_frames_are_not_made_more_whatever_the_machine_does() {
    let _hogs = Hogs::new();
    let folder = tempfile::tempdir().unwrap();
    stress(&format!("--size 20000 --rate 200 --frames 200 --no-syscalls --report {}/r.json", folder.path().display()));
    assert_eq!(report(folder.path())["runs"][0]["received"], 200);
}

#[test]
fn stopped_it_keeps_what_it_has_measured_and_leaves_nothing() {
    let ways = [(Signal::SIGINT, "shm", 130), (Signal::SIGINT, "pipe,tcp", 130), (Signal::SIGTERM, "floor", 143)];
    for (signal, transport, code) in ways {
        let session = format!("honest-{}-{code}-{}", std::process::id(), transport.len());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let args = format!(
            "--session {session} --transport {transport} --size 20000 --seconds 600 --repeat 1 --report {path}/r.json \
             --html {path}/p.html --samples {path}/s.csv"
        );
        let mut command = command(&args);
        command.process_group(0);
        let child = command.spawn().expect("the program starts");
        let pid = Pid::from_raw(child.id() as i32);
        let processes = wait_for("both roles", || Some(roles(pid)).filter(|r| r.len() == 2));
        // Past its warm-up: the consumer has used time that a start does not take.
        wait_for("some frames", || (ticks(processes[1]) > 30).then_some(()));
        // As a terminal's Ctrl-C: the whole group hears it.
        kill(Pid::from_raw(-pid.as_raw()), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{stdout}{stderr}");
        let report = report(folder.path());
        assert_eq!(report["partial"], true);
        assert_eq!(report["runs"].as_array().map(Vec::len), Some(1), "the first row only: {stdout}");
        assert_eq!(report["planned"], transport.split(',').count());
        let received = report["runs"][0]["received"].as_u64().unwrap();
        assert!(received > 0 && report["runs"][0]["sent"].as_u64() == Some(received), "{}", report["runs"][0]);
        assert_eq!(report["runs"][0]["lost"], 0);
        assert!(
            report["answer"].as_str().unwrap().contains("the measurement was stopped early"),
            "{}",
            report["answer"]
        );
        assert!(
            stdout.contains("Stopped early: 1 of") && stdout.contains(transport.split(',').next().unwrap()),
            "{stdout}"
        );
        assert!(std::fs::read_to_string(folder.path().join("p.html")).unwrap().contains("Stopped early"));
        let samples = std::fs::read_to_string(folder.path().join("s.csv")).unwrap();
        assert_eq!(samples.lines().count() as u64, received + 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "no half-written file stays");
        for process in processes {
            wait_for("the roles to be gone", || kill(process, None).is_err().then_some(()));
        }
        tests::assert_nothing_left(&session);
    }
}

#[test]
fn stopped_before_anything_was_measured_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let child = command(&format!("--size 20000 --warmup 60 --report {path}/r.json")).spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    wait_for("both roles", || Some(roles(pid)).filter(|r| r.len() == 2));
    kill(pid, Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stdout).starts_with("Nothing was measured."), "{}", text(&output.stdout));
    let report = report(folder.path());
    assert_eq!((&report["partial"], &report["runs"]), (&Value::Bool(true), &Value::Array(Vec::new())));
}

#[test]
fn a_slow_pace_ends_when_the_time_is_up() {
    for (args, frames) in [
        ("--rate 0.5 --seconds 2", 1),
        ("--rate 0.1 --seconds 1", 1),
        ("--rate 0.1 --seconds 1 --expect --transport floor,shm,pipe", 1),
        ("--rate 0.1 --seconds 1 --warmup 0", 1),
        ("--rate 0.1 --frames 1", 1),
        ("--rate 0.1 --frames 1 --expect --transport floor,shm --mode fifo", 1),
        ("--rate 0.1 --seconds 0.5 --frames 9 --mode mailbox", 1),
        ("--rate 4 --seconds 1 --repeat 1 --expect", 4),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let child =
            command(&format!("{args} --size 20000 -q --report {}/r.json", folder.path().display())).spawn().unwrap();
        // A guard against hanging only: by frames instead of by time, most of these would take longer.
        let guard = std::thread::spawn(move || child.wait_with_output().unwrap());
        wait_for(args, || guard.is_finished().then_some(()));
        let output = guard.join().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args}: {}{}", text(&output.stdout), text(&output.stderr));
        let report = report(folder.path());
        let row = &report["runs"][0];
        let repetitions = row["fps_each"].as_array().map_or(0, Vec::len) as u64;
        let received = row["received"].as_u64().unwrap();
        // One frame goes however slow the machine is; of several, some may have had no time.
        assert!(received <= frames * repetitions && received >= repetitions, "{args}: {row}");
        let rate: f64 = args.split_whitespace().nth(1).and_then(|r| r.parse().ok()).unwrap();
        let fps = row["fps"].as_f64().unwrap();
        assert!(fps < rate * 1.01 && fps > 0.0, "{args}: a frame has a whole period: {fps}");
    }
}

#[test]
fn standard_output_has_the_report_alone_and_the_table_goes_aside() {
    for name in ["-", "/dev/stdout"] {
        let output = stress(&format!("{QUICK} --report {name}"));
        assert_eq!(json(&output.stdout)["schema"], "tricine.stress/1");
        assert!(text(&output.stderr).contains("frames/s"), "{}", text(&output.stderr));
    }
    // Into the very file that standard output is, which is not replaced.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let file = std::fs::File::create(&path).unwrap();
    let inode = file.metadata().unwrap().ino();
    let status = command(&format!("{QUICK} --report {}", path.display())).stdout(file).status().unwrap();
    assert_eq!((status.code(), std::fs::metadata(&path).unwrap().ino()), (Some(0), inode));
    assert_eq!(json(&std::fs::read(&path).unwrap())["partial"], false);
    let csv = text(&stress(&format!("{QUICK} --samples -")).stdout);
    assert!(csv.starts_with("row,repetition,") && csv.lines().count() == 301, "{csv}");
    assert!(text(&stress(&format!("{QUICK} --html -")).stdout).starts_with("<!doctype html>"));
}

#[test]
fn a_file_keeps_its_mode_a_link_stays_a_link_and_a_device_a_device() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link, fifo) = (folder.path().join("r.json"), folder.path().join("link"), folder.path().join("fifo"));
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("r.json", &link).unwrap();
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let name = fifo.clone();
    let reader = std::thread::spawn(move || {
        let mut page = String::new();
        std::fs::File::open(name).unwrap().read_to_string(&mut page).unwrap();
        page
    });
    let args = format!("{QUICK} --report {} --html {} --samples /dev/null", link.display(), fifo.display());
    let output = stress(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(report(folder.path())["partial"], false);
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(reader.join().unwrap().ends_with("</html>\n"));
    assert!(std::fs::metadata(&fifo).unwrap().file_type().is_fifo());
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else is left there");
}

#[test]
fn what_cannot_be_written_is_said_before_the_measurement_and_a_name_for_two_things_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let old = stress(&format!("{QUICK} --report {path}/old.json"));
    assert_eq!(old.status.code(), Some(0));
    for (args, code, says) in [
        ("--report /nowhere/r.json", 1, "make its folder first"),
        ("--samples /nowhere/s.csv", 1, "make its folder first"),
        ("--html FOLDER", 1, "name a file in it"),
        ("--report - --html -", 2, "--report and --html"),
        ("--report FOLDER/a --samples FOLDER/../x/../a", 1, "make its folder first"),
        ("--html FOLDER/a --samples FOLDER/./a", 2, "--html and --samples"),
        ("--report FOLDER/old.json --compare FOLDER/old.json", 2, "cannot be read and written"),
    ] {
        // Were it not said before, it would take a minute.
        let output = stress(&format!("--seconds 60 {}", args.replace("FOLDER", &path)));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args}: {stderr}");
        assert!(stderr.contains(says) && stderr.lines().count() <= 2, "{args}: {stderr}");
    }
    assert_eq!(
        json(&std::fs::read(folder.path().join("old.json")).unwrap())["schema"],
        "tricine.stress/1",
        "it is whole"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_terminal_of_eighty_columns_has_no_longer_line() {
    let mut command = command(&format!("{QUICK} --transport shm,pipe,floor --guard all --verify"));
    let output = command.env("COLUMNS", "80").output().unwrap();
    let table = text(&output.stdout);
    assert!(table.lines().count() > 10 && table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.contains("an anonymous pipe: each frame is copied"), "each row is explained: {table}");
}
