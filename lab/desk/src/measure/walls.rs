//! Walls: a parent and its child after `fork`, one address, and what is behind it in each, as the kernel says in /proc/PID/smaps.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_stress::sys::trace::{SharedWords, Tie, Tracer, pause};

use super::{Measured, Task, told};
use crate::{Error, Result};

/// Words of a piece of memory that the allocator maps on its own.
const WORDS: usize = 1 << 16;

/// What one process sees behind an address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct View {
    who: String,
    value: u64,
    /// KiB, of the mapping that the address is in.
    private_dirty: u64,
    shared_dirty: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Wall {
    memory: String,
    address: String,
    views: Vec<View>,
}

fn lost(why: &str) -> Error {
    Error::Lost(why.into())
}

/// Two figures of the mapping that holds an address, in KiB.
fn figures(pid: &str, address: u64) -> Result<(u64, u64)> {
    let path = format!("/proc/{pid}/smaps");
    let text = std::fs::read_to_string(&path).map_err(|e| lost(&format!("{path}: {e}")))?;
    let range = |l: &str| {
        let (from, to) = l.split(' ').next()?.split_once('-')?;
        Some(u64::from_str_radix(from, 16).ok()?..u64::from_str_radix(to, 16).ok()?)
    };
    let mut lines = text.lines().skip_while(|l| !range(l).is_some_and(|r| r.contains(&address))).skip(1);
    let mut found = [None, None];
    for line in lines.by_ref().take_while(|l| range(l).is_none()) {
        let mut words = line.split_whitespace();
        let at = match words.next() {
            Some("Private_Dirty:") => 0,
            Some("Shared_Dirty:") => 1,
            _ => continue,
        };
        found[at] = words.next().and_then(|n| n.parse().ok());
    }
    match found {
        [Some(private), Some(shared)] => Ok((private, shared)),
        _ => Err(lost(&format!("{path} does not say what is behind an address"))),
    }
}

/// The child stores 8 where 7 was; both look.
fn wall(tracer: &Tracer, memory: &str, words: &[AtomicU64], report: &SharedWords) -> Result<Wall> {
    let word = &words[WORDS / 2];
    let address = std::ptr::from_ref(word).addr() as u64;
    word.store(7, SeqCst);
    let mut child = tracer.fork(Tie::Bound, || {
        word.store(8, SeqCst);
        // A page that one process has looked at alone is counted as private to it.
        let sum: u64 = words.iter().map(|w| w.load(SeqCst)).sum();
        std::hint::black_box(sum);
        report[0].store(word.load(SeqCst), SeqCst);
        pause();
        0
    })?;
    child.until_paused()?;
    let view = |who: &str, pid: &str, value| {
        figures(pid, address).map(|(private_dirty, shared_dirty)| View {
            who: who.into(),
            value,
            private_dirty,
            shared_dirty,
        })
    };
    let views = vec![
        view("parent", "self", word.load(SeqCst))?,
        view("child", &child.id().to_string(), report[0].load(SeqCst))?,
    ];
    child.kill()?;
    Ok(Wall { memory: memory.into(), address: format!("{address:#x}"), views })
}

/// In a process of one thread.
pub(super) fn work() -> Result<Vec<Wall>> {
    let tracer = Tracer::new()?;
    let report = SharedWords::new(1)?;
    let private: Vec<AtomicU64> = (0..WORDS).map(|_| AtomicU64::new(1)).collect();
    let shared = SharedWords::new(WORDS)?;
    shared.iter().for_each(|w| w.store(1, SeqCst));
    Ok(vec![wall(&tracer, "private", &private, &report)?, wall(&tracer, "MAP_SHARED", &shared, &report)?])
}

pub(super) fn measure() -> Result<Measured> {
    let walls: Vec<Wall> = told(&Task::Walls)?;
    let mut says =
        String::from("A parent stored 7 and forked; its child stored 8 at the same address. Then both looked:\n```\n");
    let row = |memory: &str, address: &str, who: &str, rest: [&str; 3]| {
        let [sees, private, shared] = rest;
        format!("{memory:<11}{address:<16}{who:<7}{sees:>4}{private:>15}{shared:>14}\n")
    };
    says += &row("memory", "address", "who", ["sees", "Private_Dirty", "Shared_Dirty"]);
    for w in &walls {
        for v in &w.views {
            let figures = [v.value, v.private_dirty, v.shared_dirty].map(|n| n.to_string());
            says += &row(&w.memory, &w.address, &v.who, figures.each_ref().map(String::as_str));
        }
    }
    says += "```\nBoth figures are KiB of /proc/PID/smaps, for the mapping around the address. Private memory: the pages that nobody stored to since the \
             fork are still one page for both (`Shared_Dirty`, copy on write); the page with the 8 became the child's own, and the parent's its own \
             (`Private_Dirty`). `MAP_SHARED`: one page, whoever stores. Which frame of the machine's memory is behind an address, the kernel tells \
             nobody but root (/proc/PID/pagemap).";
    Ok(Measured { says, figures: json!(walls), ..Measured::default() })
}
