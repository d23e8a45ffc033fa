//! How long to hold a lock: the same jobs with the work inside of the section and outside of it.

use std::fs::File;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_channel::shared_words;
use tricine_channel::sys::process::{Usage, memory_file};
use tricine_channel::sys::semaphore::Semaphore;
use tricine_channel::sys::shm;
use tricine_channel::time::{Deadline, mono_ns};

use super::{Measured, Task, load_besides, start, two_processors};
use crate::Result;
use crate::stage::gone;

const TIME_NS: u64 = 300_000_000;
/// Both are started by then.
const HEAD_START_NS: u64 = 100_000_000;

shared_words! {
    struct Tally {
        jobs: [AtomicU64; 2],
        switches: [AtomicU64; 2],
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    who: usize,
    lock: String,
    work_ns: u64,
    inside: bool,
    begin_ns: u64,
}

pub(super) fn work(part: &Part, file: &File) -> Result<()> {
    let map = shm::map(file, 0, size_of::<Tally>(), true, "the tally")?;
    let tally: &Tally = shm::page_ref(&map, 0);
    let lock = Semaphore::open(&part.lock)?;
    let end = part.begin_ns + TIME_NS;
    while mono_ns() < part.begin_ns {
        std::hint::spin_loop();
    }
    let before = Usage::of_self().voluntary_switches;
    let busy = || {
        let until = mono_ns() + part.work_ns;
        while mono_ns() < until {
            std::hint::spin_loop();
        }
    };
    let mut jobs = 0;
    while mono_ns() < end {
        while !lock.wait(Deadline::after(Duration::from_secs(1)))? {}
        if part.inside {
            busy();
        }
        lock.post();
        if !part.inside {
            busy();
        }
        jobs += 1;
    }
    tally.jobs[part.who].store(jobs, Relaxed);
    tally.switches[part.who].store(Usage::of_self().voluntary_switches - before, SeqCst);
    Ok(())
}

/// Jobs per second, and switches for each job.
fn one(session: &str, workers: usize, work_us: u64, inside: bool) -> Result<(f64, f64)> {
    let cpus = two_processors()?;
    let lock = format!("tricine.{session}.lab.the-lock");
    Semaphore::unlink(&lock)?;
    Semaphore::create(&lock, 1)?;
    let file = memory_file("tricine-lab-tally", &vec![0; size_of::<Tally>()])?;
    let map = shm::map(&file, 0, size_of::<Tally>(), true, "the tally")?;
    let begin_ns = mono_ns() + HEAD_START_NS;
    let part = |who| Part { who, lock: lock.clone(), work_ns: work_us * 1000, inside, begin_ns };
    let children =
        (0..workers).map(|w| start(&Task::Hold(part(w)), &file, Some(cpus[w]))).collect::<Result<Vec<_>>>()?;
    children.iter().try_for_each(gone)?;
    Semaphore::unlink(&lock)?;
    let tally: &Tally = shm::page_ref(&map, 0);
    let sum = |all: &[AtomicU64; 2]| all.iter().map(|n| n.load(SeqCst)).sum::<u64>() as f64;
    let jobs = sum(&tally.jobs).max(1.0);
    Ok((jobs * 1e9 / TIME_NS as f64, sum(&tally.switches) / jobs))
}

pub(super) fn measure(session: &str) -> Result<Measured> {
    let mut says = String::from("Jobs per second, and in brackets how often somebody slept for each job:\n```\n");
    says += &format!("{:<8}{:>12}{:>20}{:>20}\n", "work", "one worker", "two, inside", "two, outside");
    let (mut rows, mut gains) = (vec![], vec![]);
    for us in [1, 10, 100] {
        let (alone, inside, outside) =
            (one(session, 1, us, true)?, one(session, 2, us, true)?, one(session, 2, us, false)?);
        gains.push((inside.0 / alone.0, outside.0 / alone.0));
        let cell = |x: (f64, f64)| format!("{:.0} ({:.2})", x.0, x.1);
        says += &format!("{:<8}{:>12.0}{:>20}{:>20}\n", format!("{us} µs"), alone.0, cell(inside), cell(outside));
        rows.push(json!({ "work_us": us, "one": alone.0, "two_inside": inside.0, "two_outside": outside.0,
                          "sleeps_inside": inside.1, "sleeps_outside": outside.1 }));
    }
    says += "```\n";
    // The longest work says most: everything else is small beside it.
    if let Some((inside, outside)) = gains.last() {
        says += &format!(
            "With 100 µs of work inside, two workers are {inside:.1} times as fast as one; outside, {outside:.1} times. "
        );
        says += match (*inside < 1.2, *outside > 1.5) {
            (true, true) => {
                "Inside, they work one after the other, and pay for sleeping; outside, each works while the other one does."
            }
            (true, false) => {
                "Inside, they work one after the other. Outside they should be nearly twice as fast: here something else used the processors."
            }
            _ => {
                "Inside, they can only work one after the other: what looks faster here is the one worker, who was disturbed."
            }
        };
    }
    let gain = gains.last().map(|g| if g.0 < 1.2 { "Not faster at all, or slower" } else { "Twice as fast" });
    let answers = gain.into_iter().map(|g| (0, g.to_owned())).collect();
    Ok(Measured { says, figures: json!(rows), disturbed: load_besides(2.0), answers })
}
