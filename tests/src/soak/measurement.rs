//! `tricine stress --kill` under chaos: besides its own kills, ours, of either side and of both, and stops.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::acts::{Act, Victims};
use super::{Growth, Options, Tally, Wrong, nothing_left, of, save};
use crate::{arg, children};

/// What is measured, in turns: mostly the smallest frames by the player's own doorbells, which change hands most often.
const TURNS: [&str; 8] = [
    "--size 64",
    "--size 64 --mode mailbox",
    "--size 64",
    "--size 64 --guard futex",
    "--size 64",
    "--size 100000",
    "--size 64",
    "--size 64 --guard eventfd",
];
const SECONDS: u64 = 10;

/// Measures until enough frames were handed over.
pub(super) fn measure_all(options: &Options, rng: &mut Rng, tally: &Mutex<Tally>) {
    for (n, turn) in TURNS.iter().cycle().enumerate() {
        measure(options, n, turn, rng, tally);
        let tally = of(tally);
        let failing = tally.count(Wrong::UncleanEnds) + tally.count(Wrong::Hangs) > 20;
        if options.fault.is_some() || failing || tally.measurements.frames >= options.hand_overs {
            return;
        }
    }
}

fn measure(options: &Options, n: usize, turn: &str, rng: &mut Rng, tally: &Mutex<Tally>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (report, stderr) = (folder.path().join("r.json"), folder.path().join("stderr"));
    let session = format!("soak-{}-{n}", std::process::id());
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args([
        "stress",
        "-q",
        "--verify",
        "--payload",
        "fill",
        "--repeat",
        "1",
        "--warmup",
        "0.01",
        "--no-syscalls",
    ]);
    command.args(["--session", &session, "--report", arg(&report)]).args(turn.split(' '));
    match options.fault.and_then(super::Fault::of_measurement) {
        Some(fault) => command.args(["--frames", "100", "--fault", fault]),
        None => command.args(["--kill", "20", "--seconds", &SECONDS.to_string(), "--seed", &rng.u32(..).to_string()]),
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&stderr).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    let pid = Pid::from_raw(child.id() as i32);
    let mut victims = Victims { supervisor: pid, titles: &["tricine: stress"], servers: None };
    let (begun, mut growth, mut seen) = (Instant::now(), Growth::default(), Vec::new());
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if begun.elapsed() > Duration::from_secs(SECONDS + 3 * options.patience) {
            of(tally).wrong(Wrong::Hangs, format!("stress {turn}"));
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(rng.u64(10..400)));
        seen.extend(children(pid).into_iter().map(|c| c.0));
        // Before there are sides, it measures what memory can do.
        if victims.roles().len() == 2 {
            growth.look(pid, |t| &mut t.measurements, tally);
        }
        if options.fault.is_none() {
            let act = choose(rng);
            victims.suffer(act, rng);
            of(tally).acted(act);
        }
    };
    let said = std::fs::read_to_string(&stderr).unwrap_or_default();
    nothing_left(&session, &seen, tally);
    let report = std::fs::read(&report).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let found = judge(turn, status.code(), &said, &report);
    let mut tally = of(tally);
    found.into_iter().for_each(|(what, case)| tally.wrong(what, case));
    let row = &report["runs"][0];
    tally.measurements.sessions += 1;
    tally.measurements.frames += row["received"].as_u64().unwrap_or(0);
    tally.measurements.deaths += row["kills"].as_u64().unwrap_or(0);
    save(options, &tally, false);
}

fn choose(rng: &mut Rng) -> Act {
    match rng.u32(0..100) {
        0..15 => Act::KillAll,
        15..40 => Act::ShortStop,
        40..42 => Act::LongStop,
        _ => Act::Kill,
    }
}

/// What is wrong with how a measurement ended and what it reported. A fault of a frame is exit code 1.
fn judge(turn: &str, code: Option<i32>, said: &str, report: &Value) -> Vec<(Wrong, String)> {
    let row = &report["runs"][0];
    let number = |field: &str| row[field].as_u64();
    let mut wrong = Vec::new();
    for (kind, field) in [
        (Wrong::Torn, "torn"),
        (Wrong::Lost, "lost"),
        (Wrong::Duplicated, "duplicated"),
        (Wrong::Duplicated, "reordered"),
        (Wrong::MissedDoorbells, "late_wakeups"),
    ] {
        if number(field) != Some(0) && row.is_object() {
            wrong.push((kind, format!("stress {turn}: {field} {}", row[field])));
        }
    }
    if !turn.contains("mailbox") && wrong.is_empty() && number("sent") != number("received") {
        wrong.push((Wrong::Lost, format!("stress {turn}: {} sent, {} received", row["sent"], row["received"])));
    }
    let last = said.lines().last().unwrap_or_default();
    if last.contains("no frame has moved") {
        wrong.push((Wrong::Hangs, format!("stress {turn}: {last}")));
    } else if (code != Some(0) && wrong.is_empty()) || !row.is_object() {
        wrong.push((Wrong::UncleanEnds, format!("stress {turn}: {code:?}: {last}")));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_wrong_figure_is_counted_as_what_it_is() {
        let good = json!({ "torn": 0, "lost": 0, "duplicated": 0, "reordered": 0, "late_wakeups": 0,
            "sent": 9, "received": 9 });
        let judged = |code, said: &str, row: &Value| -> Vec<Wrong> {
            judge("", code, said, &json!({ "runs": [row] })).into_iter().map(|w| w.0).collect()
        };
        assert_eq!(judged(Some(0), "", &good), []);
        for (field, value, kind) in [
            ("torn", 1, Wrong::Torn),
            ("lost", 1, Wrong::Lost),
            ("duplicated", 1, Wrong::Duplicated),
            ("reordered", 1, Wrong::Duplicated),
            ("late_wakeups", 1, Wrong::MissedDoorbells),
            ("received", 8, Wrong::Lost),
        ] {
            let mut row = good.clone();
            row[field] = value.into();
            assert_eq!(judged(Some(1), "", &row), [kind], "{field}");
        }
        assert_eq!(judged(Some(1), "tricine: …", &good), [Wrong::UncleanEnds]);
        assert_eq!(judged(None, "", &Value::Null), [Wrong::UncleanEnds]);
        assert_eq!(judged(Some(1), "no frame has moved for half a minute", &good), [Wrong::Hangs]);
    }
}
