//! Chaos on running sessions, films and measurements: their processes are killed and stopped at random, memory, shared
//! memory, display and sound server go and come, while a checker of its own looks on. What it counts must be 0.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser;
use fastrand::Rng;
use nix::unistd::Pid;
use serde_json::{Value, json};

use acts::Act;

mod acts;
mod film;
mod measurement;

/// Kill, stop and starve the processes of running sessions, and count what goes wrong.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Deaths to cause in films.
    #[arg(long, default_value_t = 300)]
    kills: u64,
    /// Films side by side.
    #[arg(long, default_value_t = 2)]
    sessions: u64,
    /// Frames to hand over under stress, afterwards, under the same chaos.
    #[arg(long, default_value_t = 5_000_000)]
    hand_overs: u64,
    /// Length of a film that is played by the clock, in seconds. One that is played as fast as it goes is 30 times as long.
    #[arg(long, default_value_t = 20)]
    film: u64,
    /// Nothing new for so many seconds is a hang: a role that stands still is found after 2.5 s, and a busy machine needs
    /// its time.
    #[arg(long, default_value_t = 20)]
    patience: u64,
    /// Seed of the random choices; printed, so that a run can be repeated in kind.
    #[arg(long)]
    seed: Option<u64>,
    /// Write the counts as JSON, after each session.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Commit this in one session, without chaos, to see that it is counted.
    #[arg(long, value_enum)]
    fault: Option<Fault>,
}

/// Something wrong that is done on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    /// One byte of a frame is wrong.
    Torn,
    /// A frame is left out.
    Lost,
    /// A frame is sent twice.
    Duplicated,
    /// Nobody rings.
    Mute,
    /// One byte of what the undisturbed run wrote is changed.
    Disturbed,
    /// The supervisor stands still.
    Hang,
    /// The supervisor is killed.
    UncleanEnd,
    /// A role dies of its own.
    Crash,
    /// A name is left in /dev/shm.
    LeakedName,
    /// The supervisor starts a process that outlives it.
    LeakedProcess,
    /// The supervisor opens a file every 20 ms.
    LeakedDescriptors,
    /// The supervisor keeps 256 KiB more every 20 ms.
    MemoryGrowth,
}

impl Fault {
    /// How `tricine stress` is told to commit it, if it is its part.
    fn of_measurement(self) -> Option<&'static str> {
        match self {
            Self::Torn => Some("torn"),
            Self::Lost => Some("lost"),
            Self::Duplicated => Some("duplicated"),
            Self::Mute => Some("mute"),
            _ => None,
        }
    }
}

/// Everything that is counted, and must be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    Torn,
    Lost,
    Duplicated,
    /// A picture or a sample is not the one of an undisturbed run.
    NotAsUndisturbed,
    /// A wait that nobody rang for.
    MissedDoorbells,
    Hangs,
    UncleanEnds,
    /// A role died, and nobody had done anything to it: the films are played without a limit of restarts.
    UnprovokedDeaths,
    LeakedNames,
    LeakedProcesses,
    LeakedDescriptors,
    MemoryGrowth,
}

impl Wrong {
    const ALL: [Self; 12] = [
        Self::Torn,
        Self::Lost,
        Self::Duplicated,
        Self::NotAsUndisturbed,
        Self::MissedDoorbells,
        Self::Hangs,
        Self::UncleanEnds,
        Self::UnprovokedDeaths,
        Self::LeakedNames,
        Self::LeakedProcesses,
        Self::LeakedDescriptors,
        Self::MemoryGrowth,
    ];
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Torn => "torn",
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::NotAsUndisturbed => "not as undisturbed",
            Self::MissedDoorbells => "missed doorbells",
            Self::Hangs => "hangs",
            Self::UncleanEnds => "unclean ends",
            Self::UnprovokedDeaths => "unprovoked deaths",
            Self::LeakedNames => "leaked names",
            Self::LeakedProcesses => "leaked processes",
            Self::LeakedDescriptors => "leaked descriptors",
            Self::MemoryGrowth => "memory growth",
        })
    }
}

/// What was played or measured.
#[derive(Debug, Default)]
struct Sum {
    sessions: u64,
    frames: u64,
    deaths: u64,
    seconds: f64,
    /// How much a supervisor grew at most.
    grown_kib: u64,
    grown_descriptors: usize,
}

/// Counts, over all sessions.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    seed: u64,
    acts: BTreeMap<Act, u64>,
    films: Sum,
    measurements: Sum,
    /// What went wrong, with the first case.
    wrong: BTreeMap<Wrong, (u64, String)>,
}

impl Tally {
    fn wrong(&mut self, what: Wrong, case: impl Into<String>) {
        self.wrong.entry(what).or_insert_with(|| (0, case.into())).0 += 1;
    }

    fn acted(&mut self, act: Act) {
        *self.acts.entry(act).or_default() += 1;
    }

    fn count(&self, what: Wrong) -> u64 {
        self.wrong.get(&what).map_or(0, |w| w.0)
    }
}

/// Does all of it; whether nothing was wrong.
pub fn soak(options: &Options) -> bool {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    crate::say!("seed {seed}");
    let tally = Mutex::new(Tally { seed, ..Tally::default() });
    let begun = Instant::now();
    if options.fault.is_none_or(|f| f.of_measurement().is_none()) {
        film::play_all(options, seed, &tally);
        of(&tally).films.seconds = begun.elapsed().as_secs_f64();
    }
    let begun = Instant::now();
    if options.fault.is_none_or(|f| f.of_measurement().is_some()) {
        measurement::measure_all(options, &mut Rng::with_seed(seed), &tally);
        of(&tally).measurements.seconds = begun.elapsed().as_secs_f64();
    }
    let tally = tally.into_inner().expect("no thread panicked");
    print(&tally);
    save(options, &tally, true);
    tally.wrong.is_empty()
}

fn of(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().expect("no thread panicked")
}

/// Writes the report, if there is to be one.
fn save(options: &Options, tally: &Tally, finished: bool) {
    if let Some(path) = &options.report {
        crate::save(path, &report(tally, finished)).expect("the report can be written");
    }
}

fn print(tally: &Tally) {
    crate::say!(
        "{:8} {:>8} {:>13} {:>7} {:>6}  {:>24} {:>16}",
        "",
        "sessions",
        "frames",
        "deaths",
        "s",
        "supervisor grew by, KiB",
        "and descriptors"
    );
    for (what, sum) in [("films", &tally.films), ("stress", &tally.measurements)] {
        crate::say!(
            "{what:8} {:8} {:13} {:7} {:6.0}  {:24} {:16}",
            sum.sessions,
            sum.frames,
            sum.deaths,
            sum.seconds,
            sum.grown_kib,
            sum.grown_descriptors
        );
    }
    let acts: Vec<String> = tally.acts.iter().map(|(act, n)| format!("{n} {act}")).collect();
    crate::say!("done to them: {}", acts.join(", "));
    for kind in Wrong::ALL {
        let case = tally.wrong.get(&kind).map_or("", |w| &w.1);
        crate::say!("{kind:22} {:6}  {case}", tally.count(kind));
    }
}

fn report(tally: &Tally, finished: bool) -> Value {
    let sum = |s: &Sum| {
        json!({ "sessions": s.sessions, "frames": s.frames, "deaths": s.deaths, "seconds": s.seconds,
            "grown_kib": s.grown_kib, "grown_descriptors": s.grown_descriptors })
    };
    let acts: BTreeMap<String, u64> = tally.acts.iter().map(|(act, n)| (act.to_string(), *n)).collect();
    let wrong: BTreeMap<String, u64> = Wrong::ALL.map(|k| (k.to_string(), tally.count(k))).into();
    let cases: BTreeMap<String, &str> =
        tally.wrong.iter().map(|(kind, (_, case))| (kind.to_string(), case.as_str())).collect();
    json!({ "schema": "tricine.soak/2", "seed": tally.seed, "finished": finished, "films": sum(&tally.films),
        "stress": sum(&tally.measurements), "acts": acts, "wrong": wrong, "cases": cases })
}

/// A supervisor may grow by so much over a session: the list of restarts.
const GROWTH_KIB: u64 = 4096;
/// The lowest number of descriptors in so many looks, about a second, is what a supervisor holds
/// when no role is being started: roles that are started hold up to ten more for a moment, as many as
/// are started at once, and a single look may fall into such a moment.
const LOOKS: usize = 8;
/// The lowest may still grow by so much: on a slow machine a role may be being started in each look.
const DESCRIPTORS: usize = 8;

/// How many descriptors and how much memory a process has, against the first looks.
#[derive(Debug, Default)]
struct Growth {
    looks: u64,
    last: Vec<usize>,
    first_descriptors: Option<usize>,
    first_kib: Option<u64>,
    told: bool,
}

impl Growth {
    /// Looks, and tells once if it has grown too much.
    fn look(&mut self, pid: Pid, sum: fn(&mut Tally) -> &mut Sum, tally: &Mutex<Tally>) {
        let (descriptors, kib) = (descriptors(pid), resident_kib(pid));
        if descriptors == 0 || kib == 0 {
            return; // It is gone.
        }
        self.looks += 1;
        let held = self.held(descriptors);
        let first_kib = *self.first_kib.get_or_insert(kib);
        let grown_kib = kib.saturating_sub(first_kib);
        let mut tally = of(tally);
        let sum = sum(&mut tally);
        sum.grown_kib = sum.grown_kib.max(grown_kib);
        if let Some((first, now)) = held {
            sum.grown_descriptors = sum.grown_descriptors.max(now.saturating_sub(first));
            if now > first + DESCRIPTORS && !self.told {
                tally.wrong(Wrong::LeakedDescriptors, format!("{first} at first, then never fewer than {now}"));
                self.told = true;
            }
        }
        if grown_kib > GROWTH_KIB && !self.told {
            tally.wrong(Wrong::MemoryGrowth, format!("{first_kib} KiB at first, then {kib}"));
            self.told = true;
        }
    }

    /// Takes a number of descriptors. With the last of [`LOOKS`]: the lowest of the first looks, and of these.
    fn held(&mut self, descriptors: usize) -> Option<(usize, usize)> {
        self.last.push(descriptors);
        if self.last.len() < LOOKS {
            return None;
        }
        let lowest = self.last.drain(..).min()?;
        Some((*self.first_descriptors.get_or_insert(lowest), lowest))
    }
}

fn descriptors(pid: Pid) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

fn resident_kib(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Whether one of ours that was seen as a child still lives without its parent.
fn orphaned(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
    title.starts_with(b"tricine: ") && parent == Some("1")
}

/// After a session's end: none of its names and none of its processes is left, or a moment later.
fn nothing_left(session: &str, seen: &[Pid], tally: &Mutex<Tally>) {
    let left = || (crate::names(session), seen.iter().filter(|&&pid| orphaned(pid)).count());
    let begun = Instant::now();
    while left() != (Vec::new(), 0) && begun.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (names, processes) = left();
    if !names.is_empty() {
        of(tally).wrong(Wrong::LeakedNames, format!("{names:?}"));
    }
    if processes > 0 {
        of(tally).wrong(Wrong::LeakedProcesses, format!("{processes} of {session}"));
    }
}

/// The environment variable by which a supervisor under test is told to leak.
const LEAK: &str = "TRICINE_SOAK_LEAK";

/// For a process that is to be a supervisor: leaks from now on, if it was told so.
pub fn leak_if_told() {
    let Ok(what) = std::env::var(LEAK) else { return };
    if what == "process" {
        let mut child = Command::new("sleep");
        child.arg0("tricine: leaked").arg("60").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        drop(child.spawn().expect("sleep starts"));
        return;
    }
    std::thread::spawn(move || {
        let (mut files, mut memory) = (Vec::new(), Vec::new());
        loop {
            std::thread::sleep(Duration::from_millis(20));
            match what.as_str() {
                "descriptors" => files.push(std::fs::File::open("/dev/null")),
                _ => memory.push(vec![1u8; 256 << 10]),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growths(looks: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut growth = Growth::default();
        looks.into_iter().filter_map(|look| growth.held(look)).map(|(first, now)| now - first).collect()
    }

    #[test]
    fn descriptors_of_a_moment_are_no_growth_and_one_kept_by_each_death_is() {
        let starting = (0..LOOKS * 3).map(|look| if look % 5 == 4 { 19 } else { 28 });
        assert_eq!(growths(starting), [0, 0, 0]);
        let leaking = (0..LOOKS * 3).map(|look| 19 + look / 2);
        assert_eq!(growths(leaking), [0, LOOKS / 2, LOOKS]);
    }
}
