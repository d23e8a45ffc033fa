//! What the end-to-end tests share: running the real program in a session of a known name, looking at its processes and
//! names, and tools that a test needs and a machine may lack.

pub mod attempt;
pub mod ear;
pub mod hostile;
pub mod pictures;
pub mod terminal;
pub mod xserver;

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tricine_session::control::ControlRegion;

pub mod playlists;
pub mod say;
pub mod soak;
pub mod sweep;

/// No test waits longer for anything: far more than any needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A run of the program, in a session and a temporary folder of its own. Whatever is left of it is killed on drop.
#[derive(Debug)]
pub struct Run {
    child: Child,
    /// The session's name.
    pub session: String,
    /// Its folder: the report is `r.json` in it, what it says `stderr`.
    pub folder: tempfile::TempDir,
}

/// Starts `program` with `args`, a session name and a report.
pub fn start(program: &str, args: &[&str]) -> Run {
    start_with(program, args, |_| {})
}

/// As [`start`]; `change` sees the command first.
pub fn start_with(program: &str, args: &[&str], change: impl FnOnce(&mut Command)) -> Run {
    start_by(&[program], args, |command, _| change(command))
}

/// As [`start`], by way of a command such as `unshare` that ends by executing its last arguments. `change` sees the
/// command and the run's folder first.
pub fn start_by(program: &[&str], args: &[&str], change: impl FnOnce(&mut Command, &Path)) -> Run {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    heed_signals();
    let session = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args(["play", "--session", &session, "--report"]).arg(folder.path().join("r.json"));
    // A pipe that nobody reads would fill up.
    let stderr = std::fs::File::create(folder.path().join("stderr")).expect("a file");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    change(&mut command, folder.path());
    Run { child: command.spawn().expect("the program starts"), session, folder }
}

/// What this process starts from here on hears SIGINT and SIGHUP, also where the tests themselves are run by `nohup` or in the
/// background of a script, which have them ignored.
pub fn heed_signals() {
    tricine_channel::sys::process::heed(&[Signal::SIGINT, Signal::SIGHUP]);
}

impl Run {
    /// The supervisor's process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Whether the supervisor has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Sends the supervisor a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the supervisor is there");
    }

    /// A role's process, once there is one (other than `not`).
    pub fn role(&self, role: &str, not: Option<Pid>) -> Pid {
        let title = format!("tricine: {role}");
        wait_for(&format!("{role} of {}", self.session), || {
            children(self.pid())
                .into_iter()
                .find(|&(pid, ref t)| t.starts_with(&title) && Some(pid) != not)
                .map(|c| c.0)
        })
    }

    /// Kills the renderer, and waits until the one in its place has shown something.
    pub fn replace_renderer(&self) {
        let control = self.control();
        let (victim, shown) = (self.role("renderer", None), control.renderer().presented.get());
        kill(victim, Signal::SIGKILL).expect("it lives");
        self.role("renderer", Some(victim));
        self.presented(shown + 3);
    }

    /// The session's own pages, once there are any.
    pub fn control(&self) -> ControlRegion {
        wait_for(&format!("the pages of {}", self.session), || ControlRegion::attach_onlooker(&self.session).ok())
    }

    /// Waits until `frames` frames were presented, as the session's own pages say.
    pub fn presented(&self, frames: u64) {
        let count = || {
            let control = ControlRegion::attach_onlooker(&self.session).ok()?;
            (control.renderer().presented.get() >= frames).then_some(())
        };
        wait_for(&format!("{frames} frames of {}", self.session), count);
    }

    /// What it has said on standard error so far.
    pub fn stderr(&self) -> String {
        let said = std::fs::read(self.folder.path().join("stderr"));
        String::from_utf8_lossy(&said.unwrap_or_default()).into_owned()
    }

    /// Waits for its end: the exit status, standard error and the report (null if there is none). Asserts that nothing of
    /// it is left, and that nobody panicked.
    pub fn end(self) -> End {
        let session = self.session.clone();
        let end = self.finish();
        assert_nothing_left(&session);
        assert!(!end.stderr.contains("panicked"), "{}", end.stderr);
        end
    }

    /// As [`Run::end`], without asserting anything.
    pub fn finish(mut self) -> End {
        let status = wait_for(&format!("the end of {}", self.session), || self.child.try_wait().expect("a child"));
        let report = std::fs::read(self.folder.path().join("r.json"));
        let report = report.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).expect("the report is JSON"));
        End { status, stderr: self.stderr(), report }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // The roles die with their parent; the janitor cleans.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run ended with.
#[derive(Debug)]
pub struct End {
    /// How.
    pub status: ExitStatus,
    /// What it said.
    pub stderr: String,
    /// What it reported.
    pub report: Value,
}

impl End {
    /// A number in the report, such as `/video/presented`.
    pub fn number(&self, pointer: &str) -> f64 {
        let value = self.report.pointer(pointer).unwrap_or(&Value::Null);
        value.as_f64().unwrap_or_else(|| panic!("{pointer} is {value} in {:#}\n{}", self.report, self.stderr))
    }

    /// Asserts that every frame was handed over whole and once, and accounted for.
    pub fn assert_whole(&self) {
        // A region that nobody harmed is recovered, never replaced: that would hide a recovery that does not work.
        for zero in ["/video/torn", "/video/lost", "/regions_replaced"] {
            assert_eq!(self.number(zero), 0.0, "{zero}: {:#}\n{}", self.report, self.stderr);
        }
        let shown = self.number("/video/presented") + self.number("/video/dropped") + self.number("/video/skipped");
        assert_eq!(shown, self.number("/video/decoded"), "{:#}\n{}", self.report, self.stderr);
    }
}

/// Polls until `what` is there. Panics after [`PATIENCE`].
pub fn wait_for<T>(what: &str, poll: impl FnMut() -> Option<T>) -> T {
    within_patience(poll).unwrap_or_else(|| panic!("waited for {what} in vain"))
}

/// Polls until it gives something, or [`PATIENCE`] is at its end.
pub fn within_patience<T>(mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = poll();
        if found.is_some() || begun.elapsed() >= PATIENCE {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The living children of a process, with their titles; the process has one thread.
pub fn children(parent: Pid) -> Vec<(Pid, String)> {
    let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, rest) = stat.rsplit_once(')')?;
            let title = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let title = String::from_utf8_lossy(&title).trim_end_matches('\0').to_owned();
            (!rest.trim_start().starts_with('Z')).then_some((Pid::from_raw(pid.parse().ok()?), title))
        })
        .collect()
}

/// Processor time of a process, in hundredths of a second.
pub fn ticks(pid: Pid) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |s| s.1).split_whitespace();
    fields.skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum()
}

/// What of a session is in /dev/shm.
pub fn names(session: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/dev/shm").expect("/dev/shm");
    let ours = |n: &String| n.contains(&format!("tricine.{session}."));
    entries.flatten().filter_map(|e| e.file_name().into_string().ok()).filter(ours).collect()
}

/// Asserts that nothing of a session is left, a moment after its end (its janitor may need one).
pub fn assert_nothing_left(session: &str) {
    wait_for(&format!("nothing left of {session}"), || names(session).is_empty().then_some(()));
}

/// Whether a tool can be run. Without it a test may be skipped, but not where `TRICINE_REQUIRE_ALL` is 1. That it is said
/// aloud takes a way around the test runner, which keeps to itself what passing tests print.
pub fn have(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let required = std::env::var_os("TRICINE_REQUIRE_ALL").is_some_and(|v| v == "1");
    assert!(found || !required, "{tool} is not installed, and TRICINE_REQUIRE_ALL=1 forbids to skip");
    if !found {
        let _ = writeln!(std::io::stderr(), "skipped: {tool} is not installed");
    }
    found
}

/// Runs a tool to its end; panics with what it said if it fails.
pub fn tool(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().expect("the tool starts");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Writes a report, in one step: whoever is killed leaves the one before or this one.
pub fn save(path: &Path, report: &Value) -> std::io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, format!("{report:#}\n"))?;
    std::fs::rename(new, path)
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().expect("a path of plain letters")
}
