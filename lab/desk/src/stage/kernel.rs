//! What the kernel says about a process: whether it sleeps, and at which semaphore.

use std::ops::Range;

use nix::libc;

/// Where a process has mapped its semaphores.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Range<u64>>);

impl Places {
    /// Reads where process `pid` has mapped the semaphores of these names.
    pub(super) fn of(pid: u32, names: &[String]) -> Self {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        // A semaphore is mapped twice: to be used, and to be looked at. A sleeper may be told by either.
        let of = |name: &String| {
            let file = format!("/dev/shm/sem.{name}");
            let lines = maps.lines().filter(|l| l.ends_with(&file));
            let range = |l: &str| {
                let (from, to) = l.split_whitespace().next()?.split_once('-')?;
                Some(u64::from_str_radix(from, 16).ok()?..u64::from_str_radix(to, 16).ok()?)
            };
            lines.filter_map(range).collect::<Vec<_>>()
        };
        Self(
            names
                .iter()
                .flat_map(|n| {
                    let mut all = of(n);
                    all.resize(2, 0..0);
                    all
                })
                .collect(),
        )
    }

    /// Whether they could be read.
    pub(super) fn is_known(&self) -> bool {
        self.0.iter().any(|r| !r.is_empty())
    }

    /// The semaphore at which the process sleeps in futex(2).
    pub(super) fn sleeps_at(&self, pid: u32) -> Option<usize> {
        let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
        let mut words = call.split_whitespace();
        if words.next()?.parse() != Ok(libc::SYS_futex) {
            return None;
        }
        let address = u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok()?;
        self.0.iter().position(|r| r.contains(&address)).map(|i| i / 2)
    }
}

/// Whether the kernel tells this process what another one of the same user sleeps in.
pub(super) fn tells(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/syscall")).is_ok()
}

/// The state letter of /proc/PID/stat.
pub(super) fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// How often a process has given up the processor by itself.
pub(super) fn voluntary_switches(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("voluntary_ctxt_switches"))?;
    line.split_whitespace().last()?.parse().ok()
}
