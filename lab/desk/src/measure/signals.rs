//! Twenty children die at once: how many signals is that?

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use serde_json::json;
use tricine_channel::sys::process::memory_file;

use super::{Measured, Task, start, told};
use crate::Result;
use crate::stage::gone;

const CHILDREN: usize = 20;

/// Lets them die while the signal is blocked, and counts how often it is delivered.
pub(super) fn work() -> Result<usize> {
    let sys = |call: &'static str| move |e: nix::Error| tricine_session::Error::sys(call, "SIGCHLD", e);
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set.thread_block().map_err(sys("sigprocmask"))?;
    let signals =
        SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(sys("signalfd"))?;
    let file = memory_file("tricine-lab-nothing", &[])?;
    let children = (0..CHILDREN).map(|_| start(&Task::Nothing, &file, None)).collect::<Result<Vec<_>>>()?;
    for child in &children {
        // Dead, and not reaped: so each of them has told the kernel to signal.
        waitid(Id::Pid(Pid::from_raw(child.pid as i32)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
            .map_err(sys("waitid"))?;
    }
    let mut delivered = 0;
    while signals.read_signal().map_err(sys("read"))?.is_some() {
        delivered += 1;
    }
    children.iter().try_for_each(gone)?;
    Ok(delivered)
}

pub(super) fn measure() -> Result<Measured> {
    let delivered: usize = told(&Task::Signals)?;
    let says = format!(
        "**{CHILDREN} children died, and SIGCHLD was delivered {delivered} time{}.** It was blocked meanwhile; while it is pending, \
         further ones are the same one. All {CHILDREN} were reaped, by looking at each.",
        if delivered == 1 { "" } else { "s" }
    );
    Ok(Measured { says, figures: json!({ "children": CHILDREN, "signals": delivered }), ..Measured::default() })
}
