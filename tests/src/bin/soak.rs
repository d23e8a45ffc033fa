//! Chaos on the running player: roles are killed and stopped at random, memory and shared memory run out, while a checker
//! of its own looks on. Prints what was done and what went wrong; anything wrong is exit code 1.
//!
//! `cargo run --release -p tests --bin soak -- --kills 10000 --sessions 4`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clap::Parser;
use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::json;
use tests::{End, Run, arg, children, names, start_by};
use tricine_shared::control::{ControlRegion, Role};
use tricine_shared::session::control_name;

/// Kill, stop and starve the roles of running players, and count what goes wrong.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Deaths to cause in all.
    #[arg(long, default_value_t = 300)]
    kills: u64,
    /// Sessions side by side.
    #[arg(long, default_value_t = 2)]
    sessions: u64,
    /// Seed of the random choices; printed, so that a run can be repeated in kind.
    #[arg(long)]
    seed: Option<u64>,
    /// Write the counts as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// What is done to a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Kill,
    KillTwo,
    KillAll,
    ShortStop,
    LongStop,
    MemoryLimit,
    FullShm,
}

/// How a session is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// As fast as it goes; each picture's MD5 and each sample is compared with those of an undisturbed run.
    Exact,
    /// In real time: every frame is presented or dropped, none lost, none twice.
    Paced,
    /// In real time through a mailbox: never backwards, never torn.
    Mailbox,
}

/// Counts, over all sessions.
#[derive(Debug, Default)]
struct Tally {
    acts: BTreeMap<Act, u64>,
    deaths: u64,
    frames: u64,
    sessions: u64,
    /// What went wrong, by kind, with the first case.
    wrong: BTreeMap<&'static str, (u64, String)>,
}

impl Tally {
    fn wrong(&mut self, what: &'static str, case: impl Into<String>) {
        self.wrong.entry(what).or_insert_with(|| (0, case.into())).0 += 1;
    }
}

const EXACT: &str = "test:clock?size=320x180&rate=60&seconds=600";
const PACED: &str = "test:clock?size=320x180&rate=60&seconds=20";
const RATE: u64 = 60;
/// So long may nothing new be shown before it is a hang: a role that stands still is found after 2.5 s, and a busy
/// machine needs its time.
const HANG: Duration = Duration::from_secs(20);
/// The supervisor may grow by so much over a session: the list of restarts.
const GROWTH_KIB: u64 = 4096;

fn main() {
    // The same executable is the player: its roles, and the player itself where the first argument says so.
    if std::env::var_os(tricine_shared::sys::process::ROLE_ENV).is_some()
        || std::env::args().nth(1).is_some_and(|a| a == "play")
    {
        std::process::exit(tricine::main());
    }
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}: {} deaths over {} sessions side by side", options.kills, options.sessions);
    let (tally, done) = (Mutex::new(Tally::default()), AtomicU64::new(0));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let reference = reference(folder.path());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for i in 0..options.sessions {
            let (tally, done, reference, mut rng) = (&tally, &done, &reference, Rng::with_seed(seed.wrapping_add(i)));
            scope.spawn(move || {
                let mut round = i;
                while done.load(Relaxed) < options.kills {
                    let watch = [Watch::Exact, Watch::Paced, Watch::Mailbox][round as usize % 3];
                    session(watch, options.kills, reference, &mut rng, done, tally);
                    round += 1;
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no thread panicked");
    let wrong: u64 = tally.wrong.values().map(|w| w.0).sum();
    let acts: BTreeMap<String, u64> = tally.acts.iter().map(|(act, n)| (format!("{act:?}"), *n)).collect();
    println!(
        "{} sessions, {} frames, {} deaths in {:.0?}",
        tally.sessions,
        tally.frames,
        tally.deaths,
        begun.elapsed()
    );
    println!("done to them: {acts:?}");
    for kind in KINDS {
        let (count, case) = tally.wrong.get(kind).cloned().unwrap_or_default();
        println!("{kind:22} {count:6}  {case}");
    }
    if let Some(path) = &options.report {
        let counts: BTreeMap<_, _> = KINDS.map(|k| (k, tally.wrong.get(k).map_or(0, |w| w.0))).into();
        let report = json!({
            "schema": "tricine.soak/1", "seed": seed, "seconds": begun.elapsed().as_secs_f64(), "acts": acts,
            "sessions": tally.sessions, "frames": tally.frames, "deaths": tally.deaths, "wrong": counts,
        });
        std::fs::write(path, format!("{report:#}\n")).expect("the report can be written");
    }
    std::process::exit(i32::from(wrong > 0));
}

/// Everything that is counted, and must be 0.
const KINDS: [&str; 9] = [
    "torn",
    "lost",
    "duplicated",
    "not as undisturbed",
    "hangs",
    "unclean ends",
    "leaked names",
    "leaked descriptors",
    "memory growth",
];

/// The MD5s and the sound of an undisturbed run.
fn reference(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let (md5, wav) = (folder.join("frames"), folder.join("sound.wav"));
    let end = play(Watch::Exact, &md5, &wav).end();
    assert!(end.status.success(), "the undisturbed run: {}", end.stderr);
    (std::fs::read(md5).expect("frames"), std::fs::read(wav).expect("sound"))
}

fn play(watch: Watch, md5: &Path, wav: &Path) -> Run {
    let own = std::env::current_exe().expect("this program has a path");
    let (display, sound) = (format!("framemd5={}", arg(md5)), format!("wav={}", arg(wav)));
    let limit = ["--restart-limit", "1000000/1"];
    let args: Vec<&str> = match watch {
        Watch::Exact => vec!["--unpaced", "--display", &display, "--audio", &sound, EXACT],
        Watch::Paced => vec!["--display", "none", "--audio", "null", PACED],
        Watch::Mailbox => vec!["--display", "none", "--audio", "null", "--mode", "mailbox", PACED],
    };
    let args = [&limit[..], &args].concat();
    if watch == Watch::Paced && geteuid().is_root() {
        // A /dev/shm of its own, that can be filled without harming others.
        let script = r#"mount -t tmpfs -o size=8m none /dev/shm && exec "$0" "$@""#;
        start_by(&["unshare", "-m", "sh", "-c", script, arg(&own)], &args, |_, _| {})
    } else {
        start_by(&[arg(&own)], &args, |_, _| {})
    }
}

/// One session from its start to its end, under chaos until enough were killed or the film is over.
fn session(
    watch: Watch,
    kills: u64,
    reference: &(Vec<u8>, Vec<u8>),
    rng: &mut Rng,
    done: &AtomicU64,
    tally: &Mutex<Tally>,
) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (md5, wav) = (folder.path().join("frames"), folder.path().join("sound.wav"));
    let mut run = play(watch, &md5, &wav);
    let name = run.session.clone();
    let wrong = |what, case: String| tally.lock().expect("no thread panicked").wrong(what, case);
    let mut before = None;
    let mut limited = false;
    let mut shown = (0, Instant::now());
    while !run.is_over() {
        let pid = run.pid();
        let progress = progress(pid, &name);
        if progress > shown.0 {
            shown = (progress, Instant::now());
        } else if shown.1.elapsed() > HANG {
            wrong("hangs", format!("{watch:?} at frame {}", shown.0));
            run.signal(Signal::SIGKILL);
        }
        if progress > 30 {
            before.get_or_insert_with(|| (descriptors(pid), resident_kib(pid)));
        }
        std::thread::sleep(Duration::from_millis(rng.u64(10..250)));
        if done.load(Relaxed) < kills {
            let act = choose(rng, watch);
            let deaths = perform(act, pid, rng);
            limited |= act == Act::MemoryLimit;
            done.fetch_add(deaths, Relaxed);
            *tally.lock().expect("no thread panicked").acts.entry(act).or_default() += 1;
        } else if watch == Watch::Exact && shown.0 < 30_000 {
            // Undisturbed, it is soon over.
            std::thread::sleep(Duration::from_millis(50));
        }
        if let (Some((fds, kib)), true) = (before, children(pid).len() >= 4) {
            let now = (descriptors(pid), resident_kib(pid));
            // A role that is being started or buried holds a few for a moment.
            if now.0 > fds + 8 {
                wrong("leaked descriptors", format!("{fds} at first, then {}", now.0));
                before = None;
            } else if now.1 > kib + GROWTH_KIB {
                wrong("memory growth", format!("{kib} KiB at first, then {}", now.1));
                before = None;
            }
        }
    }
    let end = run.finish();
    if !names(&name).is_empty() {
        wrong("leaked names", format!("{:?}", names(&name)));
    }
    judge(watch, &end, limited, reference, (&md5, &wav), &wrong);
    let mut tally = tally.lock().expect("no thread panicked");
    tally.sessions += 1;
    tally.frames += number(&end, "/video/received");
    tally.deaths += end.report["restarts"].as_array().map_or(0, |r| r.len() as u64);
}

fn number(end: &End, pointer: &str) -> u64 {
    end.report.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// Compares what a session reports and wrote with what it should have.
fn judge(
    watch: Watch,
    end: &End,
    limited: bool,
    reference: &(Vec<u8>, Vec<u8>),
    written: (&Path, &Path),
    wrong: &dyn Fn(&'static str, String),
) {
    if end.status.code() != Some(0) || end.stderr.contains("internal error") {
        wrong(
            "unclean ends",
            format!("{watch:?}: {:?}: {}", end.status, end.stderr.lines().last().unwrap_or_default()),
        );
        return;
    }
    for (kind, pointers) in [("torn", ["/video/torn", "/audio/torn"]), ("lost", ["/video/lost", "/audio/lost"])] {
        for pointer in pointers {
            if number(end, pointer) > 0 && (watch != Watch::Mailbox || pointer != "/video/lost") {
                wrong(kind, format!("{watch:?} {pointer}: {}", number(end, pointer)));
            }
        }
    }
    let of = |field| number(end, &format!("/video/{field}"));
    let (decoded, published, received) = (of("decoded"), of("published"), of("received"));
    let counts = format!("{watch:?}: {decoded} decoded, {published} published, {received} received");
    if watch == Watch::Mailbox {
        if received > published {
            wrong("duplicated", counts);
        }
        return;
    }
    let shown = of("presented") + of("dropped");
    if received > published || shown > received {
        wrong("duplicated", format!("{counts}, {shown} shown or dropped"));
    } else if received < published || shown < received {
        wrong("lost", format!("{counts}, {shown} shown or dropped"));
    }
    // A decoder that dies of its own twice at one place is to leave that place out; then there is less to compare.
    let skipped = limited && end.stderr.contains("SIGABRT");
    if watch == Watch::Paced && decoded != 20 * RATE && !skipped {
        wrong("not as undisturbed", counts);
    }
    if watch == Watch::Exact && !skipped {
        for (path, wanted) in [(written.0, &reference.0), (written.1, &reference.1)] {
            let found = std::fs::read(path).unwrap_or_default();
            if found != *wanted {
                let at = found.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(found.len().min(wanted.len()));
                let what = format!("{} differs at byte {at} of {}", path.display(), wanted.len());
                wrong("not as undisturbed", what);
            }
        }
    }
}

fn choose(rng: &mut Rng, watch: Watch) -> Act {
    match rng.u32(0..100) {
        0..5 => Act::KillTwo,
        5..8 => Act::KillAll,
        8..20 => Act::ShortStop,
        20..22 if watch != Watch::Exact => Act::LongStop,
        22..24 => Act::MemoryLimit,
        24..28 if watch == Watch::Paced && geteuid().is_root() => Act::FullShm,
        _ => Act::Kill,
    }
}

/// Does it. How many deaths it will have caused.
fn perform(act: Act, supervisor: Pid, rng: &mut Rng) -> u64 {
    let mut roles = roles(supervisor);
    rng.shuffle(&mut roles);
    let signal = |signal, roles: &[Pid]| roles.iter().filter(|&&pid| kill(pid, signal).is_ok()).count() as u64;
    match act {
        Act::Kill => signal(Signal::SIGKILL, &roles[..roles.len().min(1)]),
        Act::KillTwo => signal(Signal::SIGKILL, &roles[..roles.len().min(2)]),
        Act::KillAll => signal(Signal::SIGKILL, &roles),
        Act::ShortStop => {
            let victim = &roles[..roles.len().min(1)];
            signal(Signal::SIGSTOP, victim);
            std::thread::sleep(Duration::from_millis(rng.u64(1..300)));
            signal(Signal::SIGCONT, victim);
            0
        }
        // The supervisor finds that it hangs.
        Act::LongStop => signal(Signal::SIGSTOP, &roles[..roles.len().min(1)]),
        Act::MemoryLimit => {
            let Some(pid) = roles.first() else { return 0 };
            // Not another byte: the next larger allocation fails, and with it the role.
            let status = Command::new("prlimit").args(["--pid", &pid.to_string(), "--as=1"]).status();
            u64::from(status.is_ok_and(|s| s.success()))
        }
        Act::FullShm => {
            let path = format!("/proc/{supervisor}/root/dev/shm/ballast");
            // Until it is full, or a hundred times what it holds.
            let _ = std::fs::write(&path, vec![0; 64 << 20]);
            let deaths = signal(Signal::SIGKILL, &roles[..roles.len().min(1)]);
            std::thread::sleep(Duration::from_millis(rng.u64(1..300)));
            let _ = std::fs::remove_file(&path);
            deaths
        }
    }
}

/// The processes of the roles, not the janitor.
fn roles(supervisor: Pid) -> Vec<Pid> {
    let is_role = |title: &str| Role::ALL.iter().any(|role| title.starts_with(&format!("tricine: {role}")));
    children(supervisor).into_iter().filter(|(_, title)| is_role(title)).map(|c| c.0).collect()
}

/// Frames shown, as the session's own pages say; they may lie in a /dev/shm of its own.
fn progress(supervisor: Pid, session: &str) -> u64 {
    let path = format!("/proc/{supervisor}/root/dev/shm/{}", control_name(session));
    ControlRegion::look_at(Path::new(&path))
        .map_or(0, |control| control.renderer().presented.get() + control.renderer().dropped.get())
}

fn descriptors(pid: Pid) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

fn resident_kib(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
