//! `tricine stress`: every mechanism carries frames between real processes, what goes wrong is seen, and the figures are
//! those of what happened.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tests::{children, names, ticks, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// What a measurement ended with.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    report: Value,
    folder: tempfile::TempDir,
}

fn command(args: &str) -> Command {
    tests::heed_signals();
    let mut command = Command::new(PROGRAM);
    command.arg("stress").args(args.split_whitespace()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Measures with `args` (in which `FOLDER` stands for a temporary one) and reads the report.
fn stress(args: &str) -> Ended {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("plain letters");
    let args = args.replace("FOLDER", path);
    let output = command(&format!("--report {path}/r.json {args}")).output().expect("the program starts");
    let report = std::fs::read(folder.path().join("r.json"));
    let ended = Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        report: report.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).expect("the report is JSON")),
        folder,
    };
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ended
}

impl Ended {
    fn rows(&self) -> &[Value] {
        self.report["runs"].as_array().map_or(&[], Vec::as_slice)
    }

    /// A figure of the first row.
    fn number(&self, pointer: &str) -> f64 {
        let row = self.rows().first().unwrap_or_else(|| panic!("no row: {}", self.stderr));
        row.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer} in {row}"))
    }

    fn faults(&self) -> [f64; 4] {
        ["/torn", "/lost", "/duplicated", "/reordered"].map(|what| self.number(what))
    }
}

/// A small, quick run whose every byte is checked.
const CHECKED: &str = "--size 20000 --verify --frames 300 --warmup 0.01 --no-syscalls";

#[test]
fn every_transport_carries_whole_frames_between_processes() {
    let names = "shm,pipe,vmsplice,fifo,posix-mq,sysv-mq,unix,seqpacket,tcp,mmap,sysv-shm,floor,textbook";
    // Also frames whose length divides by nothing, and such as vmsplice lends.
    let ended = stress(&format!("--transport {names} {CHECKED} --size 20001,64,70000 --guard all"));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.rows().len(), (12 + 5) * 4);
    for row in ended.rows() {
        assert_eq!((row["sent"].as_u64(), row["received"].as_u64()), (Some(300), Some(300)), "{row}");
        for fault in ["torn", "lost", "duplicated", "reordered"] {
            assert_eq!(row[fault], 0, "{row}");
        }
        assert!(row["latency_ns"]["p50"].as_u64() <= row["latency_ns"]["max"].as_u64(), "{row}");
    }
}

#[test]
fn a_fault_committed_once_is_seen_once_and_ends_with_1() {
    for (fault, seen) in [("torn", 0), ("lost", 1), ("duplicated", 2), ("reordered", 3)] {
        for transport in ["shm", "pipe"] {
            let ended = stress(&format!("{CHECKED} --transport {transport} --payload fill --fault {fault}"));
            let mut wanted = [0.0; 4];
            wanted[seen] = 1.0;
            assert_eq!(ended.faults(), wanted, "{fault} by {transport}: {}", ended.stderr);
            assert_eq!(ended.code, Some(1));
            assert!(ended.stdout.contains(&format!("1 {fault}")), "{}", ended.stdout);
        }
    }
}

#[test]
fn what_is_not_checked_is_not_claimed() {
    let ended = stress(&format!("{} --payload fill --fault torn", CHECKED.replace("--verify", "")));
    assert_eq!((ended.code, ended.faults()), (Some(0), [0.0; 4]));
    assert_eq!(ended.rows()[0]["verify"], false);
    assert!(!ended.stdout.contains("checked"));
}

#[test]
fn a_channel_that_nobody_rings_says_so() {
    // Neither side asks before it sleeps, and frames are due one at a time: so each has to be woken, or to time out.
    let args = "--size 20000 --frames 30 --rate 200 --spin 0 --warmup 0.01 --no-syscalls";
    let ended = stress(&format!("{args} --fault mute"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.number("/late_wakeups") >= 5.0, "{}", ended.rows()[0]);
    let rung = stress(args);
    assert_eq!(rung.number("/late_wakeups"), 0.0);
}

#[test]
fn the_warm_up_is_left_out_and_without_it_the_report_says_so() {
    let ended = stress("--size 20000 --frames 50 --warmup 0.2 --no-syscalls");
    assert_eq!((ended.number("/sent"), ended.number("/received"), ended.number("/warmup_s")), (50.0, 50.0, 0.2));
    let cold = stress("--size 20000 --frames 50 --warmup 0 --no-syscalls --samples FOLDER/s.csv");
    assert_eq!((cold.number("/received"), cold.number("/warmup_s")), (50.0, 0.0));
    let first = std::fs::read_to_string(cold.folder.path().join("s.csv")).unwrap();
    assert_eq!(first.lines().nth(1).and_then(|line| line.split(',').nth(3)), Some("0"), "the very first frame counts");
}

#[test]
fn the_figures_recompute_from_the_raw_samples() {
    for args in ["--transport shm --frames 40000", "--transport pipe --rate 500 --seconds 0.4 --repeat 2"] {
        let ended = stress(&format!("--size 4096 --warmup 0.02 --no-syscalls --samples FOLDER/s.csv {args}"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let text = std::fs::read_to_string(ended.folder.path().join("s.csv")).unwrap();
        let rows: Vec<Vec<u64>> =
            text.lines().skip(1).map(|line| line.split(',').map(|n| n.parse().unwrap()).collect()).collect();
        assert_eq!(ended.number("/received"), rows.len() as f64);
        let mut latency: Vec<u64> = rows.iter().map(|r| r[5] - r[4]).collect();
        latency.sort_unstable();
        assert_eq!(ended.number("/latency_ns/max"), *latency.last().unwrap() as f64);
        for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999)] {
            let exact = latency[((latency.len() as f64 * quantile).ceil() as usize - 1).min(latency.len() - 1)] as f64;
            let said = ended.number(&format!("/latency_ns/{name}"));
            assert!((said - exact).abs() <= exact * 0.002 + 1.0, "{name}: {said} said, {exact} counted");
        }
        let repetitions = rows.iter().map(|r| r[1]).max().unwrap() + 1;
        let seconds: f64 = (0..repetitions)
            .map(|n| {
                let mine = || rows.iter().filter(|r| r[1] == n);
                (mine().map(|r| r[5]).max().unwrap() - mine().next().unwrap()[6]) as f64 / 1e9
            })
            .sum();
        let fps = rows.len() as f64 / seconds;
        assert!((ended.number("/fps") / fps - 1.0).abs() < 1e-6, "{fps}");
        assert!((ended.number("/bytes_per_s") / (fps * 4096.0) - 1.0).abs() < 1e-6);
    }
}

#[test]
fn at_a_fixed_rate_latency_counts_from_when_a_frame_was_due() {
    // Far more than goes: a producer that counted from its own sends would see no delay.
    let ended = stress("--size 4M --rate 100000 --frames 200 --warmup 0.01 --no-syscalls");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let due_s = 200.0 / 100_000.0;
    let late_s = ended.number("/latency_ns/max") / 1e9;
    assert!(late_s > 0.9 * (ended.number("/seconds") - due_s) && late_s > due_s, "{}", ended.rows()[0]);
}

#[test]
fn a_mailbox_overwrites_and_loses_nothing() {
    let ended =
        stress("--mode mailbox --size 500000 --payload fill --verify --frames 2000 --warmup 0.01 --no-syscalls");
    assert_eq!((ended.code, ended.faults()), (Some(0), [0.0; 4]), "{}", ended.stdout);
    let [sent, received, overwrote] = ["/sent", "/received", "/overwrote"].map(|n| ended.number(n));
    assert_eq!(sent, 2000.0);
    // What was overwritten while warming up, or by the last frame, is within the room for each.
    assert!(received > 0.0 && received <= sent && received + overwrote >= sent, "{received} + {overwrote}");
}

#[test]
fn kills_of_either_side_tear_and_lose_nothing() {
    for mode in ["fifo", "mailbox"] {
        for side in ["", ":producer", ":consumer"] {
            let ended =
                stress(&format!("--mode {mode} --kill 25{side} --size 200000 --verify --seconds 1.2 --repeat 1"));
            assert_eq!((ended.code, ended.faults()), (Some(0), [0.0; 4]), "{side}: {}{}", ended.stdout, ended.stderr);
            assert!(ended.number("/kills") >= 3.0, "{side}: {}", ended.rows()[0]);
            assert!(ended.number("/recoveries") >= ended.number("/kills") - 1.0);
            assert!(ended.number("/recovery_ms/p50") > 0.0);
            if mode == "fifo" {
                assert_eq!(ended.number("/sent"), ended.number("/received"));
            }
        }
    }
}

#[test]
fn somebody_else_s_kills_of_a_run_with_kills_are_recovered_as_well() {
    let session = format!("stress-{}-foreign", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    // It is stopped once it has suffered enough.
    let args = format!("--session {session} --kill 0.01 --size 64 --payload fill --verify --seconds 120 --no-syscalls");
    let child = command(&format!("{args} --report {}", path.display())).spawn().expect("the program starts");
    let pid = Pid::from_raw(child.id() as i32);
    let both = || {
        wait_for("both roles", || {
            let roles: Vec<_> = children(pid).into_iter().filter(|c| c.1.starts_with("tricine: stress")).collect();
            (roles.len() == 2).then_some(roles)
        })
    };
    for n in 0..8 {
        // One, the other, and both; also while they start.
        let victims = both();
        for (victim, _) in victims.iter().enumerate().filter(|(i, _)| n % 3 == 2 || *i == n % 3).map(|v| v.1) {
            kill(*victim, Signal::SIGKILL).unwrap();
        }
        // Any moment of their lives will do; this spreads them.
        std::thread::sleep(std::time::Duration::from_millis(n as u64 * 10));
    }
    // Past its warm-up: these have used time that a start does not take.
    wait_for("some frames", || both().iter().all(|(role, _)| ticks(*role) > 30).then_some(()));
    kill(pid, Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(128 + Signal::SIGINT as i32), "{stdout}{stderr}");
    let report: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let row = &report["runs"][0];
    for fault in ["torn", "lost", "duplicated", "reordered"] {
        assert_eq!(row[fault], 0, "{row}");
    }
    // Kills 0 to 7 are of one or of both; those before the first frame was measured count for nobody.
    assert!(row["kills"].as_u64() >= Some(1) && row["received"].as_u64() >= Some(1), "{row}");
    tests::assert_nothing_left(&session);
}

#[test]
fn system_calls_are_counted_in_a_run_of_their_own() {
    let ended = stress("--size 20000 --frames 200 --warmup 0.01 --transport pipe");
    assert!(ended.number("/syscalls_per_frame") >= 2.0, "one write and one read at least");
    match ended.report["syscalls_counted_by"].as_str() {
        Some("perf") => assert!(!ended.stdout.contains("ptrace"), "{}", ended.stdout),
        Some("ptrace") => assert!(ended.stdout.contains("by stopping at each (ptrace)"), "{}", ended.stdout),
        way => panic!("counted by {way:?}: {}", ended.stdout),
    }
}

#[test]
fn the_page_stands_alone_and_the_comparison_is_there() {
    let first = stress(&format!("{CHECKED} --transport shm,pipe --size 20000,64"));
    let old = first.folder.path().join("r.json");
    let second = stress(&format!(
        "{CHECKED} --transport shm,pipe --size 20000,64 --html FOLDER/p.html --compare {}",
        old.to_str().unwrap()
    ));
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert_eq!(second.stdout.matches("against before: frames/s ×").count(), 4, "{}", second.stdout);
    let page = std::fs::read_to_string(second.folder.path().join("p.html")).unwrap();
    let plots = ["<svg class=\"broad\"", "<svg class=\"slim\""].map(|kind| page.matches(kind).count());
    assert_eq!(plots, [5, 5], "latency and cost of two sizes, and frames by size, for wide windows and narrow ones");
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("limit: memory copy"));
}

#[test]
fn wrong_usage_ends_with_2_and_a_line_and_what_cannot_be_done_with_1() {
    for (args, code, says) in [
        ("--kill 5 --transport pipe", 2, "only shm survives"),
        ("--verify --payload stamp", 2, "--payload fill or copy"),
        ("--size 1", 2, "a frame has 64 to"),
        ("--guard padlock", 2, "semaphore, futex, eventfd"),
        ("--compare /proc/self/comm", 1, "tricine.stress/1"),
        ("--report /proc/r.json", 1, "make its folder first"),
        ("--compare /nowhere/r.json", 1, "an earlier run wrote"),
    ] {
        let output = command(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args}: {stderr}");
        assert!(stderr.contains(says) && !stderr.contains("panicked"), "{args}: {stderr}");
    }
}

/// The System V message queues that there are.
fn queues() -> Vec<i32> {
    let text = std::fs::read_to_string("/proc/sysvipc/msg").unwrap_or_default();
    text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect()
}

#[test]
fn whoever_is_killed_or_stopped_nothing_stays() {
    let ways = [(Signal::SIGTERM, None), (Signal::SIGKILL, None), (Signal::SIGKILL, Some("producer"))];
    for (n, (signal, victim)) in ways.into_iter().enumerate() {
        for transport in ["shm", "textbook", "sysv-mq"] {
            let session = format!("stress-{}-{n}-{transport}", std::process::id());
            let args = format!("--session {session} --transport {transport} --size 1M --seconds 60 --repeat 1 -q");
            let child = command(&args).spawn().expect("the program starts");
            let pid = Pid::from_raw(child.id() as i32);
            let roles = wait_for("both roles", || {
                let roles: Vec<_> = children(pid).into_iter().filter(|c| c.1.starts_with("tricine: stress")).collect();
                (roles.len() == 2).then_some(roles)
            });
            let names = names(&session);
            let queue: Option<i32> =
                names.iter().find_map(|name| name.rsplit_once(".queue-").and_then(|(_, id)| id.parse().ok()));
            assert_eq!(queue.is_some(), transport == "sysv-mq", "{names:?}");
            assert!(names.len() >= 2, "{names:?}");
            let target = match victim {
                None => pid,
                Some(role) => roles.iter().find(|c| c.1.contains(role)).expect("the role").0,
            };
            kill(target, signal).unwrap();
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            match (signal, victim) {
                (Signal::SIGTERM, _) => assert_eq!(output.status.code(), Some(128 + 15), "{stderr}"),
                (_, Some(_)) => {
                    assert_eq!(output.status.code(), Some(1), "{stderr}");
                    assert!(stderr.contains("producer") && stderr.contains("SIGKILL"), "{stderr}");
                }
                _ => {}
            }
            tests::assert_nothing_left(&session);
            wait_for("the queue to be gone", || queue.is_none_or(|id| !queues().contains(&id)).then_some(()));
            for (role, _) in roles {
                wait_for("the roles to be gone", || kill(role, None).is_err().then_some(()));
            }
        }
    }
}

#[test]
fn a_side_that_spins_does_not_go_on_without_its_peer_or_its_parent() {
    for transport in ["floor", "mmap", "sysv-shm"] {
        for victim in [None, Some("producer"), Some("consumer")] {
            let session = format!("spin-{}-{transport}-{}", std::process::id(), victim.unwrap_or("parent"));
            let args = format!("--session {session} --transport {transport} --size 4096 --seconds 60 --repeat 1 -q");
            let mut child = command(&args).spawn().expect("the program starts");
            let pid = Pid::from_raw(child.id() as i32);
            let roles = wait_for("both roles", || {
                let roles: Vec<_> = children(pid).into_iter().filter(|c| c.1.starts_with("tricine: stress")).collect();
                (roles.len() == 2).then_some(roles)
            });
            let target = victim.map_or(pid, |role| roles.iter().find(|c| c.1.contains(role)).expect("the role").0);
            kill(target, Signal::SIGKILL).unwrap();
            let status = child.wait().unwrap();
            assert_eq!(status.code(), victim.map(|_| 1), "{transport}, {victim:?} killed");
            for (role, _) in roles {
                wait_for("the roles to be gone", || kill(role, None).is_err().then_some(()));
            }
            tests::assert_nothing_left(&session);
        }
    }
}
