//! What else the machine had to do while a repetition ran: the time that other programs, and a virtual machine's host, took
//! from the processors that we may use, and how many other tasks wanted one.
//!
//! Two figures, since each misses something. Time misses those who wait: where two others compete with our two sides for two
//! cores, they get one core's time. The number of tasks is the whole machine's, which matters less to who may use a part of it.

use std::fs;

use nix::sched::sched_getaffinity;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tricine_channel::time::mono_ns;

/// Tasks are counted so often.
const EACH_NS: u64 = 20_000_000;
/// Fewer counts than this say nothing of their mean.
const FEWEST_LOOKS: u32 = 10;
/// The kernel counts time by hundredths of a second: in less than this, a few of them look like a lot.
const SHORTEST_S: f64 = 0.2;

/// What others did in the course of a repetition. `null` where it was too short to say or the kernel does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// How many cores' time they took of those that we may use.
    pub cores: Option<f64>,
    /// How many of their tasks ran or wanted to run, on average.
    pub tasks: Option<f64>,
}

/// The processors' time, as the kernel counts it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spent {
    /// Seconds in which some program or the host had a processor of ours.
    busy_s: f64,
}

/// Adds up what `/proc/stat` says of the processors that `ours` names. Interrupts are left out: they are mostly our own.
fn spent(stat: &str, ours: impl Fn(usize) -> bool, ticks_per_s: f64) -> Option<Spent> {
    let mut ticks = None;
    for line in stat.lines() {
        let mut fields = line.split_whitespace();
        let number = fields.next().and_then(|name| name.strip_prefix("cpu")).and_then(|n| n.parse().ok());
        if !number.is_some_and(&ours) {
            continue;
        }
        let fields: Vec<u64> = fields.map_while(|f| f.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal
        let &[user, nice, system, .., steal] = fields.get(..8)? else { return None };
        *ticks.get_or_insert(0) += user + nice + system + steal;
    }
    ticks.map(|ticks| Spent { busy_s: ticks as f64 / ticks_per_s })
}

/// How many tasks run or want to, by `/proc/loadavg`, the one that asks included.
fn running(loadavg: &str) -> Option<u32> {
    loadavg.split(' ').nth(3)?.split_once('/')?.0.parse().ok()
}

/// How many processors the machine has, by `/proc/stat`.
pub(crate) fn processors(stat: &str) -> usize {
    stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count()
}

/// The state of a process, by its `/proc/PID/stat`.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

fn now_spent() -> Option<Spent> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
    spent(&fs::read_to_string("/proc/stat").ok()?, |n| allowed.is_set(n).unwrap_or(false), ticks as f64)
}

/// What this process and those that it has reaped have used.
fn own_s() -> Option<f64> {
    let of = |who| {
        let usage = getrusage(who).ok()?;
        Some((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6)
    };
    Some(of(UsageWho::RUSAGE_SELF)? + of(UsageWho::RUSAGE_CHILDREN)?)
}

/// Our own tasks that run or want to: this one, and children of it.
fn own_running() -> u32 {
    let me = std::process::id();
    let children = fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap_or_default();
    let runs = |pid: &&str| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| state(&stat) == Some('R'));
    1 + children.split_whitespace().filter(runs).count() as u32
}

/// Watches for the course of one repetition.
#[derive(Debug)]
pub(crate) struct Meter {
    begun_ns: u64,
    begun: Option<(Spent, f64)>,
    looked_ns: u64,
    looks: u32,
    tasks: u32,
}

impl Meter {
    /// Begins.
    pub(crate) fn start() -> Self {
        let begun = now_spent().zip(own_s());
        Self { begun_ns: mono_ns(), begun, looked_ns: 0, looks: 0, tasks: 0 }
    }

    /// Counts tasks, if that has not just been done.
    pub(crate) fn look(&mut self) {
        let now_ns = mono_ns();
        if now_ns - self.looked_ns < EACH_NS {
            return;
        }
        self.looked_ns = now_ns;
        if let Some(all) = fs::read_to_string("/proc/loadavg").ok().and_then(|text| running(&text)) {
            self.tasks += all.saturating_sub(own_running());
            self.looks += 1;
        }
    }

    /// Ends, once all our processes were reaped.
    pub(crate) fn finish(self) -> Beside {
        let elapsed_s = (mono_ns() - self.begun_ns) as f64 / 1e9;
        let used = self.begun.zip(now_spent().zip(own_s()));
        let cores = used.map(|((before, ours_before), (after, ours))| {
            taken(after.busy_s - before.busy_s, ours - ours_before, elapsed_s)
        });
        Beside { cores: cores.flatten(), tasks: mean(self.tasks, self.looks) }
    }
}

/// How many cores' time others took of `busy_s`, in which `ours_s` was our own.
fn taken(busy_s: f64, ours_s: f64, elapsed_s: f64) -> Option<f64> {
    (elapsed_s >= SHORTEST_S).then(|| ((busy_s - ours_s) / elapsed_s).max(0.0))
}

fn mean(tasks: u32, looks: u32) -> Option<f64> {
    (looks >= FEWEST_LOOKS).then(|| f64::from(tasks) / f64::from(looks))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  999 9 99 9999 9 9 9 9 0 0\ncpu0 100 20 30 4000 5 6 7 8 0 0\ncpu1 200 0 100 1 1 1 1 0 0 0\n\
                        cpu10 1000 0 0 0 0 0 0 0 0 0\nintr 1 2 3\nctxt 5\n";

    #[test]
    fn time_is_that_of_programs_and_host_on_the_processors_that_we_may_use() {
        let of = |ours: &[usize]| spent(STAT, |n| ours.contains(&n), 100.0).map(|s| s.busy_s);
        assert_eq!(of(&[0]), Some(1.58), "user, nice, system and steal; neither idle nor interrupts");
        assert_eq!((of(&[0, 1]), of(&[10])), (Some(4.58), Some(10.0)));
        assert_eq!((of(&[2]), spent("cpu0 1 2", |_| true, 100.0), processors(STAT)), (None, None, 3));
    }

    #[test]
    fn what_others_took_is_what_we_did_not() {
        assert_eq!(taken(3.0, 1.0, 2.0), Some(1.0));
        assert_eq!(taken(1.0, 1.02, 2.0), Some(0.0), "the kernel's clocks differ a little");
        assert_eq!((taken(1.0, 0.0, 0.1), mean(50, 9), mean(25, 10)), (None, None, Some(2.5)));
    }

    #[test]
    fn tasks_and_states_are_read() {
        assert_eq!(running("0.11 0.14 0.26 5/84 9999\n"), Some(5));
        assert_eq!((running(""), running("1 2 3 x")), (None, None));
        assert_eq!(state("12 (a) b) R 1 2"), Some('R'));
    }

    #[test]
    fn this_very_machine_is_read() {
        let mut meter = Meter::start();
        meter.look();
        meter.look();
        assert!(meter.looks == 1 && meter.begun.is_some(), "{meter:?}");
        assert_eq!(meter.finish().tasks, None, "one look is not enough");
    }
}
