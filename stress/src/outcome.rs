//! What one side of a run found out, and what it had used.

use crate::sys::syscalls::{SyscallCounter, Way};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tricine_channel::sys::process::Usage;
use tricine_channel::time::NS_PER_S;
use tricine_session::{Error, Result};

/// One side's figures, of the measured frames alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Frames sent, or received.
    pub(crate) frames: u64,
    /// Processor time. The producer's is without the spinning that paces it.
    pub(crate) cpu_ns: u64,
    /// Context switches because it waited.
    pub(crate) voluntary: u64,
    /// Context switches because its time was up.
    pub(crate) involuntary: u64,
    /// System calls, if they were to be counted.
    pub(crate) syscalls: Option<u64>,
    /// Frames put in the place of one that nobody had taken.
    pub(crate) overwrote: u64,
    /// Wake-ups for nothing.
    pub(crate) spurious: u64,
    /// Frames or slots found although no wake-up had come.
    pub(crate) late: u64,
    /// The processor that it ran on at the end.
    pub(crate) processor: Option<usize>,
    /// Latencies: value in ns, and how many of it.
    pub(crate) latency: Vec<(u64, u64)>,
    /// Each frame's number, the moment that its latency counts from, and when it was there.
    pub(crate) samples: Vec<[u64; 3]>,
}

/// What this process had used at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    cpu_ns: u64,
    usage: Usage,
    syscalls: Option<SyscallCounter>,
}

fn cpu_ns() -> u64 {
    // Always there on Linux.
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(0, |t| t.tv_sec() as u64 * NS_PER_S + t.tv_nsec() as u64)
}

impl Snapshot {
    /// Now. `count` begins to count system calls.
    pub(crate) fn take(count: bool) -> Result<Self> {
        let (usage, cpu_ns) = (Usage::of_self(), cpu_ns());
        let syscalls = count.then(SyscallCounter::start).transpose()?;
        Ok(Self { cpu_ns, usage, syscalls })
    }

    /// What was used since.
    pub(crate) fn since(self) -> Result<Outcome> {
        let syscalls = self.syscalls.map(SyscallCounter::finish).transpose()?;
        let (usage, cpu_ns) = (Usage::of_self(), cpu_ns());
        Ok(Outcome {
            cpu_ns: cpu_ns - self.cpu_ns,
            voluntary: usage.voluntary_switches - self.usage.voluntary_switches,
            involuntary: usage.involuntary_switches - self.usage.involuntary_switches,
            syscalls,
            processor: nix::sched::sched_getcpu().ok(),
            ..Outcome::default()
        })
    }
}

/// How system calls are counted here, or why they cannot be.
pub(crate) fn countable() -> std::result::Result<Way, Error> {
    Ok(SyscallCounter::start().map(|counter| counter.way())?)
}
