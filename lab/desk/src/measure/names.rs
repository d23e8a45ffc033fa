//! What is left in /dev/shm of an object whose maker is killed after each of its system calls, and of a semaphore that the C library makes.

use std::fs::File;
use std::io::Write;

use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::mman::shm_open;
use nix::sys::signal::{Signal, raise};
use nix::sys::stat::Mode;
use nix::unistd::ftruncate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_channel::sys::process::memory_file;
use tricine_channel::sys::shm;
use tricine_stress::sys::named::{self, Borrowed};
use tricine_stress::sys::trace::{Called, Forked, Tracer, pause};

use super::{Measured, Task, start, told};
use crate::stage::gone;
use crate::{Error, Result};

const CONTENT: &[u8; 8] = b"content!";
const USUAL: [&str; 4] = ["shm_open(O_CREAT)", "ftruncate", "write", "(the end)"];
const LAST: [&str; 4] = ["open(O_TMPFILE)", "ftruncate", "write", "linkat"];

#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    name: String,
    name_last: bool,
    /// How many calls it lives for.
    calls: usize,
}

pub(super) fn work(part: &Part) -> Result<()> {
    let sys =
        |call: &'static str| move |e: nix::Error| Error::Session(tricine_session::Error::sys(call, "the object", e));
    let mut left = part.calls;
    let mut called = || {
        left = left.saturating_sub(1);
        if left == 0 {
            // Cannot fail, and nothing comes after it.
            let _ = raise(Signal::SIGKILL);
        }
    };
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let fd = if part.name_last {
        open(shm::DIR, OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC, mode).map_err(sys("open"))?
    } else {
        shm_open(format!("/{}", part.name).as_str(), OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR, mode)
            .map_err(sys("shm_open"))?
    };
    called();
    ftruncate(&fd, CONTENT.len() as i64).map_err(sys("ftruncate"))?;
    called();
    let mut file = File::from(fd);
    file.write_all(CONTENT).map_err(|e| tricine_session::Error::sys("write", "the object", e))?;
    called();
    if part.name_last {
        shm::link(&file, &part.name)?;
    }
    called();
    Ok(())
}

/// What the name shows after a kill.
fn left(session: &str, name_last: bool, calls: usize) -> Result<String> {
    let name = format!("tricine.{session}.lab.the-object");
    shm::unlink(&name)?;
    let file = memory_file("tricine-lab-nothing", &[])?;
    gone(&start(&Task::Make(Part { name: name.clone(), name_last, calls }), &file, None)?)?;
    let found = std::fs::read(format!("{}/{name}", shm::DIR));
    shm::unlink(&name)?;
    Ok(match found {
        Err(_) => "no name".into(),
        Ok(bytes) if bytes.is_empty() => "a name with 0 bytes: who opens it dies".into(),
        Ok(bytes) if bytes == CONTENT => "a name, complete".into(),
        Ok(bytes) => format!("a name with {} zeros: who reads it is misled", bytes.len()),
    })
}

/// A death while `sem_open` makes a semaphore: the call after which it came, and what /dev/shm shows.
#[derive(Serialize, Deserialize)]
pub(super) struct Death {
    killed_after: String,
    /// The name that the program asked for.
    own: bool,
    /// Another name, which it did not ask for.
    other: Option<String>,
}

/// The calls that change something; `sem_open` makes some others, such as one for random bytes.
fn call_name(call: u64) -> Option<&'static str> {
    let call = i64::try_from(call).unwrap_or(-1);
    // aarch64 has the newer ones only.
    #[cfg(target_arch = "x86_64")]
    match call {
        libc::SYS_open => return Some("open"),
        libc::SYS_link => return Some("link"),
        libc::SYS_unlink => return Some("unlink"),
        _ => {}
    }
    Some(match call {
        libc::SYS_openat => "openat",
        libc::SYS_write => "write",
        libc::SYS_mmap => "mmap",
        libc::SYS_linkat => "linkat",
        libc::SYS_unlinkat => "unlinkat",
        _ => return None,
    })
}

/// A maker for each call after which it is killed. In a process of one thread.
pub(super) fn semaphore(part: &Part) -> Result<Vec<Death>> {
    let tracer = Tracer::new()?;
    let own = format!("sem.{}", part.name);
    let mut deaths: Vec<Death> = vec![];
    loop {
        shm::unlink(&own)?;
        let mut maker = tracer.fork_traced(|| {
            pause();
            let made = named::create(&part.name);
            pause();
            i32::from(made.is_err())
        })?;
        maker.run_to_pause()?;
        let (after, other) = calls(&mut maker, deaths.len() + 1, &part.name)?;
        maker.kill()?;
        let there = |name: &str| std::fs::exists(format!("{}/{name}", shm::DIR)).unwrap_or(false);
        let found = other.as_ref().map(|o| o.name().to_owned()).filter(|n| there(n));
        let death = after.map(|call| Death { killed_after: call.into(), own: there(&own), other: found });
        // Nobody else would ever remove it.
        other.map_or(Ok(()), Borrowed::remove)?;
        shm::unlink(&own)?;
        match death {
            Some(death) => deaths.push(death),
            None => return Ok(deaths),
        }
    }
}

/// Lets the maker live for so many calls: the last one's name, unless it was done before, and the other name that it used. That name is
/// noted before it is made, so that it goes with the session if this process is killed now.
fn calls(maker: &mut Forked, count: usize, of: &str) -> Result<(Option<&'static str>, Option<Borrowed>)> {
    let (mut left, mut inside, mut other) = (count, None, None);
    loop {
        match maker.to_call(None)? {
            Called::Entered(call) => {
                inside = call_name(call);
                let path = maker.about_to_open()?;
                let name = path.as_deref().and_then(|p| p.strip_prefix(shm::DIR)?.strip_prefix('/'));
                if let Some(noted) = name.map_or(Ok(None), |name| Borrowed::note(of, maker.id(), name))? {
                    // It tries another one if somebody has the first.
                    other.replace(noted).map_or(Ok(()), Borrowed::remove)?;
                }
            }
            Called::Left(_) => {
                if let Some(call) = inside.take() {
                    left -= 1;
                    if left == 0 {
                        return Ok((Some(call), other));
                    }
                }
            }
            Called::Paused => return Ok((None, other)),
            Called::Asleep => {}
            gone => return Err(Error::Lost(format!("the maker under ptrace: {gone:?}"))),
        }
    }
}

pub(super) fn measure(session: &str) -> Result<Measured> {
    let mut says = String::from(
        "A real maker, killed by SIGKILL after each of its system calls, and what /dev/shm shows then:\n```\n",
    );
    let mut rows = vec![];
    for (calls, name_last) in [(&USUAL, false), (&LAST, true)] {
        says += if name_last { "the name last\n" } else { "the usual order\n" };
        for (i, call) in calls.iter().enumerate() {
            let what = left(session, name_last, i + 1)?;
            says += &format!("  after {call:<18} {what}\n");
            rows.push(json!({ "name_last": name_last, "killed_after": call, "left": what }));
        }
    }
    says += "`sem_open(O_CREAT)` of this machine's C library\n";
    let name = format!("tricine.{session}.lab.the-semaphore");
    let deaths: Vec<Death> = told(&Task::Semaphore(Part { name, name_last: true, calls: 0 }))?;
    for death in &deaths {
        let what = match (death.own, &death.other) {
            (false, None) => "no name".into(),
            (true, None) => "its name, complete".into(),
            (false, Some(other)) => format!("{other}: nobody knows it"),
            (true, Some(other)) => format!("its name, complete, and {other}"),
        };
        says += &format!("  after {:<18} {what}\n", death.killed_after);
        let mut row = json!(death);
        row["sem_open"] = true.into();
        rows.push(row);
    }
    says += "```\n`sem_open` gives its name last, too, but its file has a name from the beginning, and a random one: a death leaves it there for ever. (The lab has removed it; it noted the name before it was made.)\n\nIn the second order the name shows everything or is not there. What the first leaves behind stays until somebody removes it.";
    Ok(Measured { says, figures: json!(rows), ..Measured::default() })
}
