//! Counting this process's system calls with `perf_event_open`: the kernel counts, nobody is stopped.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use crate::error::{Error, Result};

/// Where the kernel says what number its tracepoint has.
const ID: &str = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";
const ID_OLD: &str = "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id";

/// `struct perf_event_attr`, its first version.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    breakpoint_address: u64,
}

const TRACEPOINT: u32 = 2;

/// A counter of the system calls that the calling thread makes.
#[derive(Debug)]
pub struct SyscallCounter {
    file: fs::File,
}

impl SyscallCounter {
    /// Begins to count in this thread. Needs the right to trace: root, or `perf_event_paranoid` of -1 and a readable tracefs.
    pub fn start() -> Result<Self> {
        let text = fs::read_to_string(ID).or_else(|_| fs::read_to_string(ID_OLD));
        let text = text.map_err(|e| Error::sys("open", ID, e))?;
        let config = text.trim().parse().map_err(|_| Error::sys("read", ID, io::ErrorKind::InvalidData))?;
        let size = size_of::<Attributes>() as u32;
        let attributes = Attributes { kind: TRACEPOINT, size, config, ..Attributes::default() };
        // This thread, any processor, no group; 8 is PERF_FLAG_FD_CLOEXEC.
        // SAFETY: the attributes outlive the call and say their own size; the result is checked.
        let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const attributes, 0, -1, -1, 8) };
        if fd < 0 {
            return Err(Error::sys("perf_event_open", "raw_syscalls:sys_enter", io::Error::last_os_error()));
        }
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Self { file: unsafe { OwnedFd::from_raw_fd(fd as RawFd) }.into() })
    }

    /// System calls since it was started. Asking is one, and is counted before the answer.
    pub fn count(&mut self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact(&mut bytes).map_err(|e| Error::sys("read", "raw_syscalls:sys_enter", e))?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_counted() {
        // Not everybody may trace.
        let Ok(mut counter) = SyscallCounter::start() else { return };
        let before = counter.count().unwrap();
        for _ in 0..10 {
            nix::unistd::getppid();
        }
        assert_eq!(counter.count().unwrap() - before, 11, "ten calls and the second read");
    }
}
