//! Two processes at full speed on two processors: the line `count = count + 1`, and the store buffers.

use std::fs::File;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU64, fence};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_channel::shared_words;
use tricine_channel::sys::process::memory_file;
use tricine_channel::sys::shm::{self, Mapping};
use tricine_channel::time::{Deadline, mono_ns};

use super::{Measured, Task, load_besides, start, two_processors};
use crate::stage::{gone, kill};
use crate::{Error, Result};

/// Additions of each of the two in one run.
const ADDITIONS: u64 = 5_000_000;
const RUNS: usize = 10;
const ROUNDS: u64 = 200_000;
/// From the word to begin to the beginning: both are awake by then.
const HEAD_START_NS: u64 = 2_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

shared_words! {
    struct Track {
        ready: AtomicU64,
        start_ns: AtomicU64,
        finished: AtomicU64,
        /// How often both looked too early.
        early: AtomicU64,
        apart: [AtomicU64; 12],
        count: AtomicU64,
        apart_too: [AtomicU64; 15],
        /// For each process a line of its own: its word, what it saw, the round that it is in.
        lanes: [[AtomicU64; 16]; 2],
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    who: usize,
    what: What,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum What {
    Count,
    Buffers { fence: bool },
}

fn map(file: &File) -> Result<Mapping> {
    Ok(shm::map(file, 0, size_of::<Track>(), true, "the track")?)
}

/// One race, from the start to the finish.
fn race<T>(what: What, result: impl Fn(&Track) -> T) -> Result<T> {
    let cpus = two_processors()?;
    let file = memory_file("tricine-lab-track", &vec![0; size_of::<Track>()])?;
    let map = map(&file)?;
    let track: &Track = shm::page_ref(&map, 0);
    let children =
        (0..2).map(|who| start(&Task::Race(Part { who, what }), &file, Some(cpus[who]))).collect::<Result<Vec<_>>>()?;
    let deadline = Deadline::after(PATIENCE);
    while track.ready.load(SeqCst) < 2 && !deadline.passed() {
        std::thread::sleep(Duration::from_micros(200));
    }
    track.start_ns.store(mono_ns() + HEAD_START_NS, SeqCst);
    while track.finished.load(SeqCst) < 2 && !deadline.passed() {
        std::thread::sleep(Duration::from_millis(1));
    }
    if track.finished.load(SeqCst) < 2 {
        children.iter().try_for_each(kill)?;
        return Err(Error::Lost("one of the two did not come to the end within a minute".into()));
    }
    children.iter().try_for_each(gone)?;
    Ok(result(track))
}

/// The work of one of the two.
pub(super) fn work(part: &Part, file: &File) -> Result<()> {
    let map = map(file)?;
    let track: &Track = shm::page_ref(&map, 0);
    track.ready.fetch_add(1, SeqCst);
    let begin = loop {
        match track.start_ns.load(SeqCst) {
            0 => std::hint::spin_loop(),
            ns => break ns,
        }
    };
    while mono_ns() < begin {
        std::hint::spin_loop();
    }
    match part.what {
        What::Count => {
            for _ in 0..ADDITIONS {
                // Relaxed, a load and a store: what `count = count + 1` is on every processor.
                track.count.store(track.count.load(Relaxed) + 1, Relaxed);
            }
        }
        What::Buffers { fence } => buffers(track, part.who, fence),
    }
    track.finished.fetch_add(1, SeqCst);
    Ok(())
}

/// Each round: both store their word, and look at the other's.
fn buffers(track: &Track, who: usize, with_fence: bool) {
    let (mine, other) = (&track.lanes[who], &track.lanes[1 - who]);
    let (word, seen, round_of) = (0, 4, 8);
    for round in 1..=ROUNDS {
        // Both begin the round together.
        mine[round_of].store(2 * round - 1, SeqCst);
        while other[round_of].load(SeqCst) < 2 * round - 1 {
            std::hint::spin_loop();
        }
        mine[word].store(round, Relaxed);
        if with_fence {
            fence(SeqCst);
        }
        let saw = other[word].load(Relaxed);
        mine[seen].store(saw, SeqCst);
        mine[round_of].store(2 * round, SeqCst);
        while other[round_of].load(SeqCst) < 2 * round {
            std::hint::spin_loop();
        }
        if who == 0 && saw < round && other[seen].load(SeqCst) < round {
            track.early.fetch_add(1, Relaxed);
        }
    }
}

pub(super) fn counter() -> Result<Measured> {
    let counts = (0..RUNS).map(|_| race(What::Count, |t| t.count.load(SeqCst))).collect::<Result<Vec<_>>>()?;
    let right = 2 * ADDITIONS;
    let wrong = counts.iter().filter(|c| **c != right).count();
    let mut says = format!(
        "**Wrong in {wrong} of {RUNS} runs on this machine.** Two processes, five million additions each: {right} would be right.\n"
    );
    for (i, c) in counts.iter().enumerate() {
        says += &format!("- run {}: {c}{}\n", i + 1, if *c == right { "" } else { ", wrong" });
    }
    says += "\nA run that came out right was lucky: the scheduler was kind. It is on nobody's side.";
    Ok(Measured {
        says,
        figures: json!({ "right": right, "counts": counts, "wrong": wrong, "runs": RUNS }),
        disturbed: None,
        answers: vec![],
    })
}

pub(super) fn litmus() -> Result<Measured> {
    let early = |fence| race(What::Buffers { fence }, |t| t.early.load(SeqCst));
    let (without, with) = (early(false)?, early(true)?);
    let says = format!(
        "Both looked too early, so that neither saw the other's store:\n- **without a fence in {without} of {ROUNDS} rounds**\n\
         - **with a fence in {with} of {ROUNDS} rounds**\n\nWithout one, each processor keeps its store in a buffer for a moment, and its \
         look overtakes it. If the first number is 0 here, the two did not meet: measure again."
    );
    let figures = json!({ "rounds": ROUNDS, "without_fence": without, "with_fence": with });
    Ok(Measured { says, figures, disturbed: load_besides(2.0), answers: vec![] })
}
