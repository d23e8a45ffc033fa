//! What lessons measure on the learner's own machine, each in processes of its own, so that nothing of it touches the
//! terminal, its signals or its timers.
//!
//! `race` and `hold` are programs at full speed, `walls`, `names` and `cable` ask the kernel; `signals`, `calls` and `channel` step real
//! processes by ptrace, `channel` the shipped channel; `transports` has `tricine stress` measure.

mod cable;
mod calls;
mod channel;
mod hold;
mod names;
mod race;
mod signals;
mod talk;
mod transports;
mod walls;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tricine_channel::sys::process;
use tricine_session::process::{Child, INPUT_FD, LINK_FD, Spawn};

pub(crate) use self::talk::{Answers, Talk};
use crate::stage::gone;
use crate::{Error, Result, real, ways};

/// What the environment calls such a process.
pub(crate) const ROLE: &str = "lab-measure";

/// The names of what can be measured.
pub const NAMES: [&str; 10] =
    ["walls", "counter", "litmus", "hold", "names", "signals", "cable", "channel", "calls", "fastest"];

/// What was measured.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Measured {
    /// For people, in Markdown.
    pub says: String,
    pub figures: Value,
    /// Why the figures cannot be believed.
    pub disturbed: Option<String>,
    /// Questions of the lesson that this machine has answered: the question's index, and the answer.
    pub answers: Vec<(usize, String)>,
}

/// Measures. `session` is one that the caller holds.
///
/// # Errors
/// There is no such measurement, or a system call failed.
pub fn measure(name: &str, session: &str) -> Result<Measured> {
    match name {
        "walls" => walls::measure(),
        "counter" => race::counter(),
        "litmus" => race::litmus(),
        "hold" => hold::measure(session),
        "names" => names::measure(session),
        "signals" => signals::measure(session),
        "cable" => cable::measure(),
        "channel" => channel::measure(session),
        "calls" => transports::calls(session),
        "fastest" => transports::fastest(),
        _ => Err(Error::Usage(format!("there is nothing called {name} to measure; there are {}", NAMES.join(", ")))),
    }
}

/// What a process of a measurement does.
#[derive(Serialize, Deserialize)]
pub(crate) enum Task {
    Race(race::Part),
    Hold(hold::Part),
    Make(names::Part),
    Semaphore(names::Part),
    Walls,
    Signals(signals::Part),
    Calls(ways::Part),
    /// One frame through a mechanism, by question and answer.
    Ways(ways::Part),
    Send(cable::Part),
    Nothing,
    Channel(real::Part),
    /// The shipped channel, by question and answer.
    Real(real::Part),
}

/// Starts a process with a task and a file that it shares with this one.
fn start(task: &Task, shared: &File, cpu: Option<usize>) -> Result<Child> {
    let bytes = serde_json::to_vec(task).map_err(tricine_session::Error::from)?;
    let file = process::memory_file("tricine-lab-task", &bytes)?;
    let title = "tricine: lab measures".to_owned();
    let child =
        Spawn { title, role: ROLE, link: file.as_fd(), input: Some(shared.as_fd()), stdout: false, bound: true }
            .start()?;
    let mut set = CpuSet::new();
    if cpu.is_some_and(|c| set.set(c).is_ok()) {
        // Best effort: on a machine that forbids it, the kernel finds one.
        let _ = sched_setaffinity(Pid::from_raw(child.pid as i32), &set);
    }
    Ok(child)
}

/// A task in a process of its own, and what it wrote.
fn told<T: DeserializeOwned>(task: &Task) -> Result<T> {
    let mut file = process::memory_file("tricine-lab-answer", &[])?;
    let child = start(task, &file, None)?;
    gone(&child)?;
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    read.map_err(|e| tricine_session::Error::sys("read", "an answer", e))?;
    match serde_json::from_str::<Result<T, String>>(&text) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(why)) => Err(Error::Lost(format!("it cannot be measured here: {why}"))),
        Err(_) => Err(Error::Lost("the process that measures ended before it had answered".into())),
    }
}

/// The whole life of such a process. Its exit code.
pub(crate) fn role_main() -> i32 {
    let (Some(link), Some(shared)) = (process::inherited(LINK_FD), process::inherited(INPUT_FD)) else { return 2 };
    let mut text = String::new();
    let mut file = File::from(link);
    let task = file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(|e| e.to_string());
    let Ok(task) = task.and_then(|_| serde_json::from_str::<Task>(&text).map_err(|e| e.to_string())) else { return 2 };
    process::set_comm("tricine:measure");
    match work(task, shared) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn work(task: Task, shared: OwnedFd) -> Result<()> {
    match &task {
        Task::Real(part) => return real::work(part, &mut Answers::new(shared)),
        Task::Ways(part) => return ways::work(part, &mut Answers::new(shared)),
        _ => {}
    }
    let mut answer = File::from(shared);
    match task {
        Task::Race(part) => race::work(&part, &answer),
        Task::Hold(part) => hold::work(&part, &answer),
        Task::Make(part) => names::work(&part),
        Task::Send(part) => cable::work(&part),
        Task::Nothing => Ok(()),
        Task::Semaphore(part) => write(&mut answer, names::semaphore(&part)),
        Task::Walls => write(&mut answer, walls::work()),
        Task::Signals(part) => write(&mut answer, signals::work(&part)),
        Task::Calls(part) => write(&mut answer, calls::work(&part)),
        Task::Channel(part) => write(&mut answer, real::shows(&part)),
        // Answered above.
        Task::Real(_) | Task::Ways(_) => Ok(()),
    }
}

fn write<T: Serialize>(file: &mut File, answer: Result<T>) -> Result<()> {
    let bytes = serde_json::to_vec(&answer.map_err(|e| e.to_string())).map_err(tricine_session::Error::from)?;
    Ok(file.write_all(&bytes).map_err(|e| tricine_session::Error::sys("write", "an answer", e))?)
}

/// The processors that this process may run on.
pub(crate) fn processors() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return vec![] };
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect()
}

/// Two processors, or why it cannot be shown here.
fn two_processors() -> Result<[usize; 2]> {
    match processors()[..] {
        [a, b, ..] => Ok([a, b]),
        _ => Err(Error::Lost(
            "this needs two processors, and this process may use one: they would take turns, and show nothing".into(),
        )),
    }
}

/// Whether others used the machine meanwhile: the load of the last minute is larger than what we made ourselves.
fn load_besides(ours: f64) -> Option<String> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = load.split_whitespace().next()?.parse().ok()?;
    let have = processors().len() as f64;
    (load > ours.max(have) + 0.5).then(|| {
        format!(
            "disturbed: {load:.1} programs wanted {have} processors in the last minute; measure again when it is quiet"
        )
    })
}
