//! The lab, one of its processes, or its terminal is killed at a random moment, two hundred times: no process and no name is left.

use std::collections::BTreeSet;
use std::os::unix::fs::DirEntryExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::terminal::Tmux;
use tests::{have, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const KILLS: usize = 210;

/// What runs while somebody is killed.
const WORK: [&[&str]; 6] = [
    &["9", "--walk", "100000000"],
    &["2", "--walk", "100000000", "--seed", "7"],
    &["16", "--measure"],
    &["14", "--measure"],
    &["5", "--measure"],
    &["11b", "--walk", "100000000"],
];
/// Keys on the screen of a lesson: real processes, and in lesson 16 the channel itself under ptrace.
const KEYS: [(&str, &str); 3] = [("8", "3ababab"), ("16", "3aCagtga"), ("12", "3Cbab")];

/// All processes of a run: its marker is in their environment.
fn alive(marker: &str) -> BTreeSet<i32> {
    let all = std::fs::read_dir("/proc").expect("the processes").flatten();
    let pids = all.filter_map(|e| e.file_name().to_string_lossy().parse::<i32>().ok());
    let ours = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        // A zombie has none, and whoever reaps it is not ours to wait for.
        environment.split(|b| *b == 0).any(|v| v == marker.as_bytes())
    };
    pids.filter(ours).collect()
}

/// Sessions that a process has mapped: the `4f2a` of /dev/shm/tricine.4f2a.control. It was mapped before it had a name, so it is known by its inode.
fn sessions(pid: i32) -> BTreeSet<String> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mapped =
        maps.lines().filter(|l| l.contains("/dev/shm/")).filter_map(|l| l.split_whitespace().nth(4)?.parse().ok());
    let mapped: BTreeSet<u64> = mapped.collect();
    let named = std::fs::read_dir("/dev/shm").expect("the folder").flatten().filter(|e| mapped.contains(&e.ino()));
    let names = named.map(|e| e.file_name().to_string_lossy().into_owned());
    names.filter_map(|n| n.strip_prefix("tricine.")?.split_once('.').map(|(session, _)| session.to_owned())).collect()
}

/// Names in /dev/shm of these sessions.
fn names(sessions: &BTreeSet<String>) -> Vec<String> {
    let all = std::fs::read_dir("/dev/shm").expect("the folder").flatten();
    let all = all.map(|e| e.file_name().to_string_lossy().into_owned());
    all.filter(|n| sessions.iter().any(|s| n.contains(&format!("tricine.{s}.")))).collect()
}

/// A note in /dev/shm, and the name that it notes: not the session's, so nobody would know whose it is.
fn noted() -> Option<(String, String)> {
    let all = std::fs::read_dir("/dev/shm").expect("the folder").flatten();
    all.map(|e| e.file_name().to_string_lossy().into_owned()).find_map(|note| {
        let name = note.rsplit_once(".made-by-")?.1.split_once('.')?.1.to_owned();
        Some((note, name))
    })
}

#[test]
fn a_semaphore_that_is_being_made_by_the_c_library_goes_with_a_killed_lab() {
    let there = |name: &str| Path::new("/dev/shm").join(name).exists();
    // Once the lab is killed, and once the process that holds the maker, after which the lab ends by itself.
    for lab_itself in [true, false] {
        let state = tempfile::tempdir().expect("a folder");
        let marker = format!("XDG_STATE_HOME={}", state.path().display());
        let (mut child, note, name) = wait_for("a name that is not the session's", || {
            let mut child = Command::new(PROGRAM)
                .args(["lab", "5", "--measure"])
                .env("XDG_STATE_HOME", state.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it starts");
            while child.try_wait().expect("its end").is_none() {
                let Some((note, name)) = noted() else { continue };
                let lab = child.id() as i32;
                // Everybody stands still now, unless it was over in between.
                let measuring =
                    alive(&marker).into_iter().filter(|pid| *pid != lab && title(*pid).contains("lab measures"));
                let measuring: Vec<i32> = measuring.collect();
                signal(&measuring, Signal::SIGSTOP);
                if there(&note) && there(&name) {
                    let victims = if lab_itself { vec![lab] } else { measuring };
                    signal(&victims, Signal::SIGKILL);
                    return Some((child, note, name));
                }
                signal(&measuring, Signal::SIGCONT);
            }
            None
        });
        child.wait().expect("its end");
        wait_for("every process's end", || alive(&marker).is_empty().then_some(()));
        wait_for("the note and the name to go", || (!there(&note) && !there(&name)).then_some(()));
    }
}

fn signal(pids: &[i32], signal: Signal) {
    for pid in pids {
        // Whoever is gone already needs none.
        let _ = kill(Pid::from_raw(*pid), signal);
    }
}

fn title(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

enum Run {
    /// Without a terminal.
    Piped(Child),
    /// On one, which may be closed.
    Screen(Tmux),
}

impl Run {
    fn start(random: &mut fastrand::Rng, state: &Path) -> Self {
        if random.bool() {
            let mut command = Command::new(PROGRAM);
            command.arg("lab").args(random.choice(WORK).expect("some")).env("XDG_STATE_HOME", state);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            return Self::Piped(child.expect("it starts"));
        }
        let (lesson, keys) = *random.choice(&KEYS).expect("some");
        let command = format!("exec env XDG_STATE_HOME={} {PROGRAM} lab {lesson}", state.display());
        let tmux = Tmux::start(80, 24, &command);
        tmux.run(&["send-keys", "-l", keys]);
        Self::Screen(tmux)
    }

    /// The lab's own process, as long as it lives.
    fn lab(&self) -> Option<i32> {
        match self {
            Self::Piped(child) => Some(child.id() as i32),
            Self::Screen(tmux) => tmux.run(&["display-message", "-p", "#{pane_pid}"]).trim().parse().ok(),
        }
    }
}

#[test]
fn a_killed_janitor_is_replaced_and_cleans_up_after_a_killed_lab() {
    if !have("tmux") {
        return;
    }
    let state = tempfile::tempdir().expect("a folder");
    let marker = format!("XDG_STATE_HOME={}", state.path().display());
    let tmux = Tmux::start(80, 24, &format!("exec env {marker} {PROGRAM} lab 8"));
    tmux.run(&["send-keys", "-l", "3ab"]);
    let janitor = || alive(&marker).into_iter().find(|pid| title(*pid).contains("janitor"));
    let mut before = 0;
    // Twice, since the second one has to be as good as the first.
    for _ in 0..2 {
        let now = wait_for("a janitor", || janitor().filter(|now| *now != before));
        signal(&[now], Signal::SIGKILL);
        before = now;
    }
    wait_for("another janitor", || janitor().filter(|now| *now != before));
    let mut known = BTreeSet::new();
    wait_for("a session", || {
        alive(&marker).into_iter().for_each(|pid| known.extend(sessions(pid)));
        (!known.is_empty() && !names(&known).is_empty()).then_some(())
    });
    let lab: i32 = tmux.run(&["display-message", "-p", "#{pane_pid}"]).trim().parse().expect("a process");
    signal(&[lab], Signal::SIGKILL);
    wait_for("every process's end", || alive(&marker).is_empty().then_some(()));
    assert_eq!(names(&known), Vec::<String>::new());
}

#[test]
fn two_hundred_random_kills_leave_nothing() {
    if !have("tmux") {
        return;
    }
    let seed = std::env::var("TRICINE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(16);
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut seen, mut screens, mut victims) = (0, 0, [0; 3]);
    for round in 0..KILLS {
        let state = tempfile::tempdir().expect("a folder");
        let marker = format!("XDG_STATE_HOME={}", state.path().display());
        let mut run = Run::start(&mut random, state.path());
        // Up to a random moment; what it has made until then is looked at meanwhile.
        let mut known = BTreeSet::new();
        if round % 2 == 0 {
            // Half of them are at work for certain; the others may die while they begin.
            wait_for(&format!("a session in round {round} of seed {seed}"), || {
                alive(&marker).into_iter().for_each(|pid| known.extend(sessions(pid)));
                // A measurement may be over before anybody has looked.
                let over = match &mut run {
                    Run::Piped(child) => child.try_wait().expect("its end").is_some(),
                    Run::Screen(_) => false,
                };
                (over || !known.is_empty()).then_some(())
            });
        }
        let (moment, begun) = (Duration::from_micros(random.u64(..400_000)), Instant::now());
        while begun.elapsed() < moment {
            alive(&marker).into_iter().for_each(|pid| known.extend(sessions(pid)));
            std::thread::yield_now();
        }
        let now: Vec<i32> = alive(&marker).into_iter().collect();
        now.iter().for_each(|pid| known.extend(sessions(*pid)));
        seen += usize::from(!known.is_empty());
        screens += usize::from(!known.is_empty() && matches!(run, Run::Screen(_)));
        let shot = |pid: i32| {
            // Whoever is gone already was killed by nobody.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        };
        let (lab, mut janitor) = (run.lab(), false);
        match (random.usize(..3), &run) {
            (0, Run::Screen(tmux)) => {
                victims[0] += 1;
                tmux.run(&["kill-server"]);
            }
            (1, _) => {
                victims[1] += 1;
                // Any of them, the janitor included. The lab goes on or ends, and is told to.
                let others: Vec<i32> = now.iter().copied().filter(|p| Some(*p) != lab).collect();
                if let Some(pid) = random.choice(&others) {
                    let title = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
                    janitor = title.is_ok_and(|t| t.contains("janitor"));
                    shot(*pid);
                }
                if let Some(lab) = lab {
                    let _ = kill(Pid::from_raw(lab), Signal::SIGTERM);
                }
            }
            _ => {
                victims[2] += 1;
                lab.into_iter().for_each(shot);
            }
        }
        if let Run::Piped(child) = &mut run {
            wait_for(&format!("the lab's end in round {round} of seed {seed}"), || child.try_wait().expect("its end"));
        }
        wait_for(&format!("every process's end in round {round} of seed {seed}"), || {
            alive(&marker).is_empty().then_some(())
        });
        if janitor {
            // Both were killed. Whatever starts next sweeps, or people do.
            let swept = Command::new(PROGRAM).arg("clean").stdout(Stdio::null()).status().expect("it starts");
            assert!(swept.success(), "round {round}: {swept}");
        }
        wait_for(&format!("the names of {known:?} to go in round {round} of seed {seed}"), || {
            names(&known).is_empty().then_some(())
        });
    }
    println!(
        "{KILLS} kills: {} terminals closed, {} processes, {} labs; {seen} had a session, {screens} of them on a screen",
        victims[0], victims[1], victims[2]
    );
    assert!(seen > KILLS / 2 && screens > KILLS / 4 && victims.iter().all(|v| *v > 20), "{seen} {screens} {victims:?}");
}
