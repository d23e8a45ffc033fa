//! What this machine can do at best, and what it is: measured and read in the same run as everything else.

use std::fs;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::frame;

/// How long one ceiling is measured.
const SPELL: Duration = Duration::from_millis(25);

/// The limits of one frame size, in bytes a second, of one core that has nothing else to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// The frame size.
    pub bytes: usize,
    /// memcpy from one frame to three in turns.
    pub memcpy: f64,
    /// The same by stores that pass the cache by.
    pub streaming: f64,
    /// Filling three frames in turns.
    pub write: f64,
    /// Summing up three frames in turns.
    pub read: f64,
}

impl Ceiling {
    /// Measures them.
    pub(crate) fn measure(bytes: usize) -> Self {
        let mut source = vec![0u8; bytes.max(frame::STAMP_LEN)];
        frame::fill(&mut source, 1, 1);
        let mut slots = [source.clone(), source.clone(), source.clone()];
        let memcpy = per_second(bytes, |i| black_box(&mut slots[i % 3]).copy_from_slice(black_box(&source)));
        let streaming = per_second(bytes, |i| {
            tricine_shared::sys::copy::streaming(black_box(&mut slots[i % 3]), black_box(&source));
        });
        let write = per_second(bytes, |i| frame::fill(black_box(&mut slots[i % 3]), 1, i as u64));
        let read = per_second(bytes, |i| {
            black_box(frame::sum(black_box(&slots[i % 3])));
        });
        Self { bytes, memcpy, streaming, write, read }
    }

    /// The mean of two measurements, one before and one after the runs.
    pub(crate) fn mean(self, other: Self) -> Self {
        let mean = |a: f64, b: f64| (a + b) / 2.0;
        Self {
            bytes: self.bytes,
            memcpy: mean(self.memcpy, other.memcpy),
            streaming: mean(self.streaming, other.streaming),
            write: mean(self.write, other.write),
            read: mean(self.read, other.read),
        }
    }

    /// The limit of work that copies a frame once: the better way of copying.
    pub fn copy(&self) -> f64 {
        self.memcpy.max(self.streaming)
    }
}

/// Bytes a second of `work`, which treats `bytes` each time: the best tenth of a spell, so that a neighbour counts less.
fn per_second(bytes: usize, mut work: impl FnMut(usize)) -> f64 {
    let batch = (1 << 20) / bytes.max(1) + 1;
    let begun = Instant::now();
    let mut times = Vec::new();
    let mut i = 0;
    while begun.elapsed() < SPELL || times.len() < 4 {
        let start = Instant::now();
        for _ in 0..batch {
            work(i);
            i += 1;
        }
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let typical = times[times.len() / 4];
    (bytes * batch) as f64 / typical
}

/// What was measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of it this process may use.
    pub cores: usize,
    /// Its last-level cache, as the kernel says it.
    pub cache: Option<String>,
    /// The kernel's version.
    pub kernel: String,
    /// The frequency governor; none in most virtual machines.
    pub governor: Option<String>,
    /// Whether the processor says that it is a virtual one.
    pub virtual_machine: bool,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Whether shared memory may have huge pages.
    pub shmem_huge: Option<String>,
    /// The load when the measuring began: of one minute.
    pub load: Option<f64>,
    /// A word sent from core to core and back, in ns: before and after the runs. Below 300 the cores are near each other.
    pub round_trip_ns: Vec<Option<f64>>,
}

impl Machine {
    /// Reads what can be read.
    pub(crate) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let info = read("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = info.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = read("/proc/meminfo").and_then(|text| {
            let kib: u64 = text.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
            Some(kib << 10)
        });
        let chosen = |text: String| Some(text.split_once('[')?.1.split_once(']')?.0.to_owned());
        Self {
            processor: field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get()),
            cache: read("/sys/devices/system/cpu/cpu0/cache/index3/size"),
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
            governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            virtual_machine: field("flags").is_some_and(|flags| flags.split(' ').any(|f| f == "hypervisor")),
            memory,
            shmem_huge: read("/sys/kernel/mm/transparent_hugepage/shmem_enabled").and_then(chosen),
            load: read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
            round_trip_ns: vec![round_trip_ns()],
        }
    }
}

/// A word sent from one core to another and back, in ns, the best of several spells; `None` where there is one core only.
pub(crate) fn round_trip_ns() -> Option<f64> {
    let ours = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let cores: Vec<usize> = (0..CpuSet::count()).filter(|&c| ours.is_set(c).unwrap_or(false)).take(2).collect();
    let &[here, there] = cores.as_slice() else { return None };
    const TRIPS: u64 = 2000;
    const SPELLS: u64 = 8;
    let only = |core| {
        let mut set = CpuSet::new();
        set.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)).is_ok()
    };
    #[repr(align(128))]
    struct Line(AtomicU64);
    let [ping, pong] = [const { Line(AtomicU64::new(0)) }; 2];
    // A neighbour on one of the cores must not keep us: a spell that takes too long ends the measurement.
    let until = Instant::now() + Duration::from_millis(200);
    let best = std::thread::scope(|scope| {
        scope.spawn(|| {
            only(there);
            let mut n = 0;
            while n < SPELLS * TRIPS && Instant::now() < until {
                for _ in 0..1000 {
                    if ping.0.load(Relaxed) > n {
                        n += 1;
                        pong.0.store(n, Relaxed);
                    }
                    std::hint::spin_loop();
                }
            }
        });
        only(here);
        let mut best = f64::INFINITY;
        for spell in 0..SPELLS {
            let start = Instant::now();
            for n in spell * TRIPS + 1..=(spell + 1) * TRIPS {
                ping.0.store(n, Relaxed);
                let mut asked = 0u32;
                while pong.0.load(Relaxed) < n {
                    std::hint::spin_loop();
                    asked += 1;
                    if asked.is_multiple_of(4096) && Instant::now() > until {
                        return best;
                    }
                }
            }
            best = best.min(start.elapsed().as_nanos() as f64 / TRIPS as f64);
        }
        best
    });
    let _ = sched_setaffinity(Pid::from_raw(0), &ours);
    best.is_finite().then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_are_those_of_real_work() {
        let ceiling = Ceiling::measure(1 << 20);
        // Between a slow disk and light speed: what the compiler has removed would be beyond.
        for rate in [ceiling.memcpy, ceiling.streaming, ceiling.write, ceiling.read] {
            assert!((1e7..1e13).contains(&rate), "{ceiling:?}");
        }
    }

    #[test]
    fn the_machine_is_described() {
        let machine = Machine::look();
        assert!(!machine.kernel.is_empty() && machine.cores >= 1);
        assert!(machine.round_trip_ns[0].is_none_or(|ns| ns > 1.0));
    }
}
