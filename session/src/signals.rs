//! Signals that a command reads at its leisure, and what it makes of those that its caller ignored.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tricine_channel::sys::process::is_ignored;

use crate::error::{Error, Result};

/// From now on `wanted` are blocked, and read from what this returns, without ever waiting. SIGHUP and SIGINT are left out where
/// the caller ignored them, as `nohup` and the `&` of a shell script do: to block them would hear them all the same.
pub fn take(wanted: &[Signal]) -> Result<SignalFd> {
    let sys = |call| move |e: nix::Error| Error::sys(call, "signals", e);
    let mut mask = SigSet::empty();
    for &signal in wanted {
        if !(matches!(signal, Signal::SIGHUP | Signal::SIGINT) && is_ignored(signal)) {
            mask.add(signal);
        }
    }
    mask.thread_block().map_err(sys("sigprocmask"))?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(sys("signalfd"))
}
