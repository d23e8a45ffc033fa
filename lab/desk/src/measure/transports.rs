//! Mechanisms compared, by `tricine stress` of this very executable.

use std::process::{Command, Stdio};

use serde_json::json;
use tricine_stress::report::{Report, Row};

use super::{Measured, Task, calls, told};
use crate::ways::Part;
use crate::{Error, Result};

const SMALL: usize = 64;
/// One picture of 1080p in 24 bits.
const LARGE: usize = 6_220_800;
/// A difference that is smaller than the spread is none. A spread beyond this says that the row was disturbed, not that all are equal.
const SPREAD: std::ops::RangeInclusive<f64> = 0.02..=0.2;

fn stress(transports: &str) -> Result<Report> {
    let args = [
        "stress",
        "--transport",
        transports,
        "--size",
        &format!("{SMALL},{LARGE}"),
        "--seconds",
        "0.3",
        "-q",
        "--report",
        "-",
    ];
    let output = Command::new("/proc/self/exe").args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|e| tricine_session::Error::sys("fork and exec", "tricine stress", e))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        let why = said.lines().next().unwrap_or("it said nothing");
        Error::Lost(format!("`tricine stress` did not measure: {why}"))
    })
}

fn p50_us(row: &Row) -> Option<f64> {
    row.latency_ns.as_ref().map(|l| l.p50 as f64 / 1e3)
}

fn disturbed(report: &Report) -> Option<String> {
    report.disturbed.as_ref().map(|why| format!("disturbed: {}", why.join("; ")))
}

fn of_size(report: &Report, bytes: usize) -> Vec<&Row> {
    report.runs.iter().filter(|r| r.bytes == bytes && r.received > 0).collect()
}

fn table(report: &Report) -> String {
    let mut text = String::new();
    for (bytes, title) in [(SMALL, "64 bytes"), (LARGE, "6.2 MB")] {
        text += &format!("```\n{title:<22}{:>12}{:>12}{:>10}{:>10}\n", "frames/s", "p50 µs", "calls", "switches");
        for row in of_size(report, bytes) {
            let calls = row.syscalls_per_frame.map_or("-".into(), |c| format!("{c:.2}"));
            let p50 = p50_us(row).map_or("-".into(), |p| format!("{p:.1}"));
            let switches = row.switches_per_frame.voluntary + row.switches_per_frame.involuntary;
            text += &format!("{:<22}{:>12.0}{p50:>12}{calls:>10}{switches:>10.2}\n", row.label, row.fps);
        }
        text += "```\n";
    }
    text
}

pub(super) fn calls(session: &str) -> Result<Measured> {
    let ways: Vec<calls::Way> = told(&Task::Calls(Part::new(session)))?;
    let report = stress("shm,pipe,posix-mq,unix,tcp,mmap")?;
    let mut says = calls::table(&ways) + "And at full speed, many frames:\n" + &table(&report);
    if let Some(why) = &report.syscalls_uncounted {
        says += &format!("System calls were not counted: {why}\n");
    }
    says += "`p50`: half of the frames were at most so old when they arrived. Calls and switches are for one frame, both sides together. Each call that carries bytes copies them once.";
    let figures = json!({ "stops": ways, "rows": figures(&report) });
    // What one frame of 64 bytes costs, and what a picture costs a queue: as the lesson's answers say it.
    let done = |name: &str| ways.iter().find(|w| w.mechanism == name).map(calls::Way::finished);
    let large = of_size(&report, LARGE).into_iter().find(|r| r.label.starts_with("posix-mq"));
    let mut answers = vec![];
    if let Some(n) = done("pipe") {
        answers.push((
            0,
            ["None: the kernel does it by itself", "One: the reader sleeps in it", "Two: one write, one read"]
                [n.min(2)]
            .to_owned(),
        ));
    }
    if let Some(n) = done("shared memory, nobody asleep") {
        answers.push((1, if n == 0 { "None" } else { "Two: one post, one wait" }.to_owned()));
    }
    if let Some(calls) = large.and_then(|r| r.syscalls_per_frame) {
        let said = match calls {
            c if c < 10.0 => "Two",
            c if c < 800.0 => "About 200",
            _ => "About 1,500 and more",
        };
        answers.push((2, said.to_owned()));
    }
    Ok(Measured { says, figures, disturbed: disturbed(&report), answers })
}

fn figures(report: &Report) -> serde_json::Value {
    let row = |r: &Row| {
        json!({ "label": r.label, "transport": r.transport, "bytes": r.bytes, "fps": r.fps, "p50_us": p50_us(r),
                "syscalls_per_frame": r.syscalls_per_frame, "spread": r.spread })
    };
    json!(report.runs.iter().map(row).collect::<Vec<_>>())
}

/// The best of some rows; more than one if they differ by less than their spread.
fn best<'r>(rows: &[&'r Row], value: impl Fn(&Row) -> f64) -> Vec<&'r Row> {
    let most = rows.iter().map(|r| value(r)).fold(0.0, f64::max);
    let near = |r: &&&Row| value(r) >= most * (1.0 - r.spread.clamp(*SPREAD.start(), *SPREAD.end()));
    let mut all: Vec<&Row> = rows.iter().filter(near).copied().collect();
    all.sort_by(|a, b| value(b).total_cmp(&value(a)));
    all
}

pub(super) fn fastest() -> Result<Measured> {
    let report = stress("shm,pipe,posix-mq,unix,tcp")?;
    let name = |r: &Row| {
        serde_json::to_value(r.transport).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let age = |r: &Row| p50_us(r).map_or(0.0, |p| 1.0 / p.max(1e-3));
    let (small, large) = (of_size(&report, SMALL), of_size(&report, LARGE));
    let lists = [
        ("64 bytes, frames per second", best(&small, |r| r.fps)),
        ("64 bytes, age at arrival", best(&small, age)),
        ("6.2 MB, frames per second", best(&large, |r| r.fps)),
        ("6.2 MB, age at arrival", best(&large, age)),
    ];
    let mut says = table(&report) + "First on this machine:\n";
    let mut answers = vec![];
    for (i, (what, first)) in lists.iter().enumerate() {
        let names: Vec<String> = first.iter().map(|r| name(r)).collect();
        says += &format!("- {what}: **{}**\n", names.join(" and "));
        answers.extend(names.into_iter().map(|n| (i, n)));
    }
    says += "\nThe four jobs, by these figures:\n";
    for (i, (job, fits, why)) in jobs(&small, &large, &name).into_iter().enumerate() {
        says += &format!(
            "- {job}: **{}**. {why}\n",
            if fits.is_empty() { "nothing that was measured".into() } else { fits.join(" or ") }
        );
        answers.extend(fits.into_iter().map(|n| (lists.len() + i, n)));
    }
    Ok(Measured { says, figures: figures(&report), disturbed: disturbed(&report), answers })
}

/// A figure for a sentence: `880,995`.
fn thousands(figure: f64) -> String {
    tricine_lab::verdict::thousands(figure.max(0.0) as usize)
}

/// Pictures per second that a film has at most.
const FILM: f64 = 60.0;

/// What to say of the mechanism that comes second for pictures.
fn other(fps: f64) -> &'static str {
    if fps >= 2.0 * FILM {
        "So a stream would do here as well, and it needs no recovery of your own. It costs the time in which the difference is copied. Larger \
         pictures, or more than one film, would leave shared memory alone."
    } else {
        "So a stream would not do here. On a faster machine it might, and it needs no recovery of your own."
    }
}

/// The lesson's jobs: what fits on this machine, and the figure that says so.
fn jobs(small: &[&Row], large: &[&Row], name: &dyn Fn(&Row) -> String) -> Vec<(&'static str, Vec<String>, String)> {
    let fps = |rows: &[&Row], which: &str| rows.iter().find(|r| name(r) == which).map_or(0.0, |r| r.fps);
    let pictures: Vec<String> = best(large, |r| r.fps).into_iter().map(name).collect();
    let second = large.iter().filter(|r| !pictures.contains(&name(r))).map(|r| r.fps).fold(0.0, f64::max);
    let most = large.iter().map(|r| r.fps).fold(0.0, f64::max);
    // An end of its own for each child, closed when the child dies; a queue and shared memory have no such end.
    let mut logs: Vec<String> = small.iter().map(|r| name(r)).filter(|n| n == "pipe" || n == "unix").collect();
    logs.sort_by(|a, b| fps(small, b).total_cmp(&fps(small, a)));
    let (faster, lines) = logs.first().map_or(("none", 0.0), |n| (n.as_str(), fps(small, n)));
    let (queue, cable) = (fps(small, "posix-mq"), fps(large, "tcp"));
    vec![
        (
            "1080p pictures, decoder to renderer",
            pictures,
            format!(
                "It carries {} per second here, and the next one {}. A film has {FILM:.0} at most. {}",
                thousands(most),
                thousands(second),
                other(second)
            ),
        ),
        (
            "log lines of four children",
            logs.clone(),
            format!(
                "Each child has an end of its own, which closes when it dies. The faster one here is {faster}, and its {} lines per second are \
                 more than anybody reads. If a line must not wait for a slow reader, it is another mechanism's job.",
                thousands(lines)
            ),
        ),
        (
            "jobs for a worker that may be restarted",
            if queue > 0.0 { vec!["posix-mq".into()] } else { vec![] },
            format!(
                "The queue outlives the worker and keeps order, and takes {} per second. If jobs were larger than a message, or if more of them \
                 had to wait than the queue holds, it would not be enough.",
                thousands(queue)
            ),
        ),
        (
            "a player on another machine",
            if cable > 0.0 { vec!["tcp".into()] } else { vec![] },
            format!(
                "The only one with a cable. On loopback, {} pictures of 6.2 MB per second: {} for a film, uncompressed. Over a cable, it is the \
                 cable's speed that decides.",
                thousands(cable),
                if cable >= FILM { "enough" } else { "not enough" }
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::{other, thousands};

    #[test]
    fn a_stream_is_said_to_do_where_it_does() {
        assert!(other(464.0).contains("would do here") && other(61.0).contains("would not do"));
        assert_eq!((thousands(880_994.7), thousands(0.0)), ("880,994".into(), "0".into()));
    }
}
