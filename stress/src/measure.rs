//! What this machine can do at best, and what it is: measured and read in the same run as everything else.

use std::fs;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tricine_channel::channel::copy::Way;

use crate::frame;

/// How long one ceiling is measured.
const SPELL: Duration = Duration::from_millis(25);

/// Frames smaller than this are no matter of copying: two cores' limit would be that of a hand-over, which the floor is for.
const LARGE: usize = 1 << 20;

/// The limits of one frame size, in bytes a second, of one core that has nothing else to do, and of two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// The frame size.
    pub bytes: usize,
    /// memcpy from one frame to three in turns.
    pub memcpy: f64,
    /// The same by stores that pass the cache by.
    pub streaming: f64,
    /// The same by the processor's string copy.
    #[serde(default)]
    pub string: f64,
    /// Filling three frames in turns.
    pub write: f64,
    /// Summing up three frames in turns.
    pub read: f64,
    /// One core copying in the best way, while another sums up what it has copied: nothing between them but three slots and
    /// two counters. `null` for small frames, and where there is one core only.
    #[serde(default)]
    pub pair: Option<f64>,
}

impl Ceiling {
    /// Measures them.
    pub(crate) fn measure(bytes: usize) -> Self {
        let mut source = vec![0u8; bytes.max(frame::STAMP_LEN)];
        frame::fill(&mut source, 1, 1);
        let mut slots = [source.clone(), source.clone(), source.clone()];
        let [memcpy, string, streaming] =
            Way::ALL.map(|way| per_second(bytes, |i| way.copy(black_box(&mut slots[i % 3]), black_box(&source))));
        let write = per_second(bytes, |i| frame::fill(black_box(&mut slots[i % 3]), 1, i as u64));
        let read = per_second(bytes, |i| {
            black_box(frame::sum(black_box(&slots[i % 3])));
        });
        let ways: &[Way] = if bytes < LARGE { &[] } else { &Way::ALL };
        let pair = ways.iter().filter_map(|&way| pair(way, &source, &mut slots)).reduce(f64::max);
        Self { bytes, memcpy, streaming, string, write, read, pair }
    }

    /// The mean of two measurements, one before and one after the runs.
    pub(crate) fn mean(self, other: Self) -> Self {
        let mean = |a: f64, b: f64| (a + b) / 2.0;
        Self {
            bytes: self.bytes,
            memcpy: mean(self.memcpy, other.memcpy),
            streaming: mean(self.streaming, other.streaming),
            string: mean(self.string, other.string),
            write: mean(self.write, other.write),
            read: mean(self.read, other.read),
            pair: self.pair.zip(other.pair).map(|(a, b)| mean(a, b)),
        }
    }

    /// The limit of work that copies a frame once: the best way of copying.
    pub fn copy(&self) -> f64 {
        self.memcpy.max(self.streaming).max(self.string)
    }

    /// Its figures in GB/s, for people.
    pub(crate) fn describe(&self) -> String {
        let gb = |b: f64| format!("{:.1}", b / 1e9);
        let pair =
            self.pair.map_or(String::new(), |pair| format!("; two cores', one copying, one reading: {}", gb(pair)));
        let [memcpy, string, past] = [self.memcpy, self.string, self.streaming].map(gb);
        let [write, read] = [self.write, self.read].map(gb);
        format!("memcpy {memcpy}, string copy {string}, past the cache {past}, write {write}, read {read}{pair}")
    }
}

/// Bytes a second of `work`, which treats `bytes` each time: the best tenth of a spell, so that a neighbour counts less.
fn per_second(bytes: usize, mut work: impl FnMut(usize)) -> f64 {
    let batch = (1 << 20) / bytes.max(1) + 1;
    let begun = Instant::now();
    let mut times = Vec::new();
    let mut i = 0;
    while begun.elapsed() < SPELL || times.len() < 16 {
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

/// A word with a cache line to itself.
#[repr(align(128))]
struct Line(AtomicU64);

/// Bytes a second through two cores: this one copies `source` to the slots in turns, the other reads each.
fn pair(way: Way, source: &[u8], slots: &mut [Vec<u8>; 3]) -> Option<f64> {
    let ours = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let [here, there] = two_cores(&ours)?;
    let slots = slots.each_mut().map(Mutex::new);
    // Whose turn it is the counters say: the locks, which nobody ever waits for, only say it to the compiler.
    let [published, released] = [const { Line(AtomicU64::new(0)) }; 2];
    let over = AtomicBool::new(false);
    let rate = std::thread::scope(|scope| {
        scope.spawn(|| {
            only(there);
            for n in 0.. {
                while published.0.load(Acquire) <= n {
                    if over.load(Relaxed) {
                        return;
                    }
                    std::hint::spin_loop();
                }
                if let Ok(slot) = slots[n as usize % 3].lock() {
                    black_box(frame::sum(black_box(&slot)));
                }
                released.0.store(n + 1, Release);
            }
        });
        only(here);
        let rate = per_second(source.len(), |i| {
            while released.0.load(Acquire) + 3 <= i as u64 {
                std::hint::spin_loop();
            }
            if let Ok(mut slot) = slots[i % 3].lock() {
                way.copy(&mut slot, source);
            }
            published.0.store(i as u64 + 1, Release);
        });
        over.store(true, Relaxed);
        rate
    });
    let _ = sched_setaffinity(Pid::from_raw(0), &ours);
    Some(rate)
}

/// Two processors of a set.
fn two_cores(set: &CpuSet) -> Option<[usize; 2]> {
    let mut cores = (0..CpuSet::count()).filter(|&c| set.is_set(c).unwrap_or(false));
    cores.next().zip(cores.next()).map(|(a, b)| [a, b])
}

/// Binds this thread to a processor.
fn only(core: usize) -> bool {
    let mut set = CpuSet::new();
    set.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)).is_ok()
}

/// What was measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of it this process may use.
    pub cores: usize,
    /// How many the machine has, or the virtual machine.
    #[serde(default)]
    pub processors: usize,
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
            processors: read("/proc/stat").map_or(0, |stat| crate::load::processors(&stat)),
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
    let [here, there] = two_cores(&ours)?;
    const TRIPS: u64 = 2000;
    const SPELLS: u64 = 8;
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
        let Ceiling { memcpy, streaming, string, write, read, pair, .. } = ceiling;
        assert!(pair.is_some() || std::thread::available_parallelism().is_ok_and(|n| n.get() == 1));
        for rate in [memcpy, streaming, string, write, read].into_iter().chain(pair) {
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
