//! A traced process from one entry into the kernel to the next, and signals that come exactly where one wants them.

use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use tricine_channel::error::{Error, Result};
use tricine_channel::sys::process::Exit;

use super::Forked;

/// Bytes of a path that [`Forked::about_to_open`] reads.
pub const LONGEST_PATH: usize = 255;

/// Where a process that runs from system call to system call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// It enters the kernel with this call's number.
    Entered(u64),
    /// The call is over; what it gave, or minus the number of an error.
    Left(i64),
    /// It called [`pause`](super::pause).
    Paused,
    /// It sleeps in the call. The next look waits on.
    Asleep,
    /// It is about to get this signal, which the next step has to bring it.
    Signal(Signal),
    /// It is gone, and reaped.
    Gone(Exit),
}

impl Forked {
    /// Lets a traced process run to where it enters the kernel or comes back, with a signal that it is to get now.
    pub fn to_call(&mut self, signal: Option<Signal>) -> Result<Called> {
        if !self.stepping {
            ptrace::syscall(self.pid, signal).map_err(|e| self.error("PTRACE_SYSCALL", e))?;
            self.stepping = true;
        }
        let called = loop {
            match self.wait(WaitPidFlag::empty())? {
                None if self.sleeps() => return Ok(Called::Asleep),
                None => {}
                Some(WaitStatus::PtraceSyscall(_)) => break self.call()?,
                Some(WaitStatus::Stopped(_, Signal::SIGSTOP)) => break Called::Paused,
                Some(WaitStatus::Stopped(_, signal)) => break Called::Signal(signal),
                Some(WaitStatus::Exited(_, code)) => break Called::Gone(Exit::Code(code)),
                Some(WaitStatus::Signaled(_, signal, _)) => break Called::Gone(Exit::Signal(signal as i32)),
                Some(_) => {}
            }
        };
        self.stepping = false;
        Ok(called)
    }

    /// The call at which a stopped process stands. Linux 5.3.
    fn call(&self) -> Result<Called> {
        let info = ptrace::syscall_info(self.pid).map_err(|e| self.error("PTRACE_GET_SYSCALL_INFO", e))?;
        match info.op {
            // SAFETY: `op` says that the kernel filled in this part.
            libc::PTRACE_SYSCALL_INFO_ENTRY => Ok(Called::Entered(unsafe { info.u.entry.nr })),
            // SAFETY: as above.
            libc::PTRACE_SYSCALL_INFO_EXIT => Ok(Called::Left(unsafe { info.u.exit.sval })),
            _ => Err(self.error("PTRACE_GET_SYSCALL_INFO", Errno::EPROTO)),
        }
    }

    /// The path of the file that a process which stands at the entry of `open` or `openat` is about to open. Nothing for
    /// another call, and for a path that is longer than [`LONGEST_PATH`] bytes or no UTF-8.
    pub fn about_to_open(&self) -> Result<Option<String>> {
        let info = ptrace::syscall_info(self.pid).map_err(|e| self.error("PTRACE_GET_SYSCALL_INFO", e))?;
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            return Ok(None);
        }
        // SAFETY: `op` says that the kernel filled in this part.
        let entry = unsafe { info.u.entry };
        let address = match i64::try_from(entry.nr).unwrap_or(-1) {
            libc::SYS_openat => entry.args[1],
            // aarch64 has the newer one only.
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => entry.args[0],
            _ => return Ok(None),
        };
        let memory = std::fs::File::open(format!("/proc/{}/mem", self.pid));
        let mut path = [0; LONGEST_PATH + 1];
        // Less than that may be mapped.
        let read = memory.and_then(|memory| memory.read_at(&mut path, address));
        let read = read.map_err(|e| Error::sys("read", format!("the memory of process {}", self.pid), e))?;
        let path = path[..read].split(|b| *b == 0).next().filter(|p| p.len() < read);
        Ok(path.and_then(|p| String::from_utf8(p.to_vec()).ok()))
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Sends it a signal, wherever it is.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        nix::sys::signal::kill(self.pid, signal).map_err(|e| self.error("kill", e))
    }

    /// Brings a traced, stopped process a signal where it stands, and lets it run to its next [`pause`](super::pause).
    pub fn run_to_pause_with(&mut self, signal: Signal) -> Result<()> {
        ptrace::cont(self.pid, signal).map_err(|e| self.error("PTRACE_CONT", e))?;
        self.until_paused()
    }
}
