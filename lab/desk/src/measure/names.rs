//! What is left in /dev/shm of an object whose maker is killed after each of its system calls.

use std::fs::File;
use std::io::Write;

use nix::fcntl::{OFlag, open};
use nix::sys::mman::shm_open;
use nix::sys::signal::{Signal, raise};
use nix::sys::stat::Mode;
use nix::unistd::ftruncate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_channel::sys::process::memory_file;
use tricine_channel::sys::shm;

use super::{Measured, Task, start};
use crate::stage::gone;
use crate::{Error, Result};

const CONTENT: &[u8; 8] = b"content!";
const USUAL: [&str; 4] = ["shm_open(O_CREAT)", "ftruncate", "write", "(the end)"];
const LAST: [&str; 4] = ["open(O_TMPFILE)", "ftruncate", "write", "linkat"];

#[derive(Serialize, Deserialize)]
pub(super) struct Part {
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
    says += "```\nIn the second order the name shows everything or is not there. What the first leaves behind stays until somebody removes it.";
    Ok(Measured { says, figures: json!(rows), ..Measured::default() })
}
