//! What a process of a run does: takes its orders, takes up its end, waits for the start, works, says what it found.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use crate::board::Scoreboard;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tricine_channel::sys::fds;
use tricine_channel::sys::process;
use tricine_session::process::LINK_FD;
use tricine_session::{Error, Result};

use crate::case::{Case, Role};
use crate::outcome::Outcome;
use crate::transport::{Ends, Transport, Wiring, with_transport};
use crate::{consumer, producer};

/// Bytes of the longest message: orders and errors. Outcomes come as a file.
pub(crate) const LONGEST: usize = 16 << 10;

/// What the coordinator says first. The descriptors that come with it: the scoreboard's, then the transport's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// What to measure.
    pub(crate) case: Case,
    /// What the transport needs besides descriptors.
    pub(crate) wiring: Wiring,
}

/// What a role says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// It has taken up its end and waits for the start.
    Ready,
    /// It is done; the outcome is in the descriptor that comes with this.
    Done,
    /// It cannot go on.
    Failed(String),
}

/// What the coordinator says once both sides are ready.
pub(crate) const GO: &[u8] = b"go";

fn say(link: &OwnedFd, said: &Said, fds: &[std::os::fd::BorrowedFd<'_>]) -> Result<()> {
    Ok(fds::send(link, &serde_json::to_vec(said)?, fds)?)
}

/// The whole life of a role's process. Its exit code.
pub(crate) fn main(role: Role) -> i32 {
    let Some(link) = process::inherited(LINK_FD) else { return 2 };
    process::set_comm(&format!("tricine:{}", role.name()));
    match work(role, &link) {
        Ok(()) => 0,
        Err(error) => {
            // Where nobody can hear it, nobody has started this process either.
            if say(&link, &Said::Failed(error.to_string()), &[]).is_ok() { 1 } else { 2 }
        }
    }
}

fn work(role: Role, link: &OwnedFd) -> Result<()> {
    let (bytes, mut fds) = fds::receive(link, LONGEST)?;
    if bytes.is_empty() {
        return Err(Error::Disconnected);
    }
    let Orders { case, wiring } = serde_json::from_slice(&bytes)?;
    if let Some(pin) = case.pin {
        pin_to(pin[role as usize])?;
    }
    // A sleep for pacing ends when it is asked to, not up to 50 µs later.
    let _ = nix::sys::prctl::set_timerslack(1);
    let board = Scoreboard::attach(if fds.is_empty() { return Err(Error::Disconnected) } else { fds.remove(0) })?;
    let ends = Ends { wiring, fds };
    let outcome = with_transport!(case, T => match role {
        Role::Producer => {
            let sender = <T as Transport>::sender(&case, ends)?;
            begin(link)?;
            producer::produce(&case, sender, &board)
        }
        Role::Consumer => {
            let receiver = <T as Transport>::receiver(&case, ends)?;
            begin(link)?;
            consumer::consume(&case, receiver, &board)
        }
    })?;
    let file = process::memory_file("outcome", &serde_json::to_vec(&outcome)?)?;
    say(link, &Said::Done, &[file.as_fd()])
}

/// Says that it is ready, and waits for the start.
fn begin(link: &OwnedFd) -> Result<()> {
    say(link, &Said::Ready, &[])?;
    let (go, _) = fds::receive(link, LONGEST)?;
    if go == GO { Ok(()) } else { Err(Error::Disconnected) }
}

fn pin_to(processor: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(processor)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(|e| Error::sys("sched_setaffinity", format!("processor {processor}"), e))
}

/// Reads what a role left in the file that came with [`Said::Done`].
pub(crate) fn read_outcome(fd: OwnedFd) -> Result<Outcome> {
    use std::io::Seek;
    let mut file = std::fs::File::from(fd);
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(|e| Error::sys("read", "outcome", e))?;
    Ok(serde_json::from_slice(&bytes)?)
}
