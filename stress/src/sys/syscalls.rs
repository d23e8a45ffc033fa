//! Counting the system calls of a thread: with `perf_event_open`, where the kernel counts and nobody is stopped; where that
//! is not allowed, with `ptrace`, by a process made for it, which anybody may do to himself.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, gettid};

use super::trace::SharedWords;
use tricine_channel::error::{Error, Result};
use tricine_channel::sys::process::exit_now;

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

/// How system calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the kernel. Needs the right to trace: root, or a `perf_event_paranoid` of -1 and a readable tracefs.
    Perf,
    /// By a process that stops the thread at each call, which makes calls several times as dear.
    Ptrace,
}

impl Way {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Ptrace => "ptrace",
        }
    }
}

/// A counter of the system calls that the calling thread makes.
#[derive(Debug)]
pub struct SyscallCounter(Counter);

#[derive(Debug)]
enum Counter {
    Perf { file: fs::File, before: u64 },
    Ptrace(Tracing),
}

impl SyscallCounter {
    /// Begins to count in this thread, the best way that is allowed. The error is that of the last resort.
    pub fn start() -> Result<Self> {
        Self::start_by(Way::Perf).or_else(|_| Self::start_by(Way::Ptrace))
    }

    /// Begins to count in this thread, in this way.
    pub fn start_by(way: Way) -> Result<Self> {
        match way {
            Way::Perf => {
                let mut file = perf_event()?;
                let before = read_count(&mut file)?;
                Ok(Self(Counter::Perf { file, before }))
            }
            Way::Ptrace => Tracing::start().map(|tracing| Self(Counter::Ptrace(tracing))),
        }
    }

    /// How it counts.
    pub fn way(&self) -> Way {
        match self.0 {
            Counter::Perf { .. } => Way::Perf,
            Counter::Ptrace(_) => Way::Ptrace,
        }
    }

    /// Ends it: the system calls since it was started, without its own.
    pub fn finish(self) -> Result<u64> {
        match self.0 {
            // Asking is a call, and is counted before the answer.
            Counter::Perf { mut file, before } => Ok((read_count(&mut file)? - before).saturating_sub(1)),
            // Relaxed: the tracer counts a call before it lets this thread go on, so what we have made is there.
            Counter::Ptrace(tracing) => Ok(tracing.words[CALLS].load(Relaxed) - tracing.before),
        }
    }
}

fn perf_event() -> Result<fs::File> {
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
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }.into())
}

fn read_count(file: &mut fs::File) -> Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes).map_err(|e| Error::sys("read", "raw_syscalls:sys_enter", e))?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The words that a tracer shares with whom it traces: how far they are, and the calls so far.
const STAGE: usize = 0;
const CALLS: usize = 1;
/// Stages: the tracer may attach; it counts; it cannot, and the number above is why.
const ALLOWED: u64 = 1;
const COUNTING: u64 = 2;
const REFUSED: u64 = 1 << 32;

/// A child of this process that stops one of its threads at each system call. It lives no longer than this value, nor than
/// the thread, and holds no descriptor.
#[derive(Debug)]
struct Tracing {
    tracer: Pid,
    words: SharedWords,
    /// Calls of the time before the thread knew that they were counted.
    before: u64,
}

impl Tracing {
    fn start() -> Result<Self> {
        let (words, parent, thread) = (SharedWords::new(2)?, getpid(), gettid());
        // SAFETY: the child calls nothing but system calls and touches nothing but the shared words, whatever locks other
        // threads of this process hold at this moment; and it never returns.
        let tracer = match unsafe { fork() }.map_err(|e| Error::sys("fork", "a tracer", e))? {
            ForkResult::Parent { child } => child,
            ForkResult::Child => trace(parent, thread, &words),
        };
        let mut tracing = Self { tracer, words, before: 0 };
        // A parent may not be traced by its child everywhere, unless it says so (Yama). Where there is no Yama, this fails.
        // SAFETY: takes numbers only.
        unsafe { libc::prctl(libc::PR_SET_PTRACER, tracer.as_raw() as libc::c_ulong, 0, 0, 0) };
        // Release, and Acquire below: each side has done its part when the other sees the stage.
        tracing.words[STAGE].store(ALLOWED, Release);
        loop {
            match tracing.words[STAGE].load(Acquire) {
                ALLOWED => {
                    // Not reaped, so that its number stays its own until it is dropped.
                    let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
                    if waitid(Id::Pid(tracer), ended) != Ok(WaitStatus::StillAlive) {
                        return Err(Error::sys("ptrace", "this process, to count its system calls", Errno::ECHILD));
                    }
                }
                COUNTING => {
                    // No call of ours is under way, so this is exact.
                    tracing.before = tracing.words[CALLS].load(Relaxed);
                    return Ok(tracing);
                }
                refused => {
                    let why = Errno::from_raw((refused - REFUSED) as i32);
                    return Err(Error::sys("ptrace", "this process, to count its system calls", why));
                }
            }
        }
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        // A tracer that is gone lets go of whom it traced.
        let _ = kill(self.tracer, Signal::SIGKILL);
        while waitpid(self.tracer, None) == Err(Errno::EINTR) {}
    }
}

/// The tracer's life. Only system calls: it was forked from a process that may have threads.
fn trace(parent: Pid, thread: Pid, words: &[AtomicU64]) -> ! {
    // The thread may be killed before it is traced, and then nothing else would end us.
    if prctl::set_pdeathsig(Signal::SIGKILL).is_err() || getppid() != parent {
        exit_now(1);
    }
    // Whoever waits for the end of one of our copies should not wait for us.
    // SAFETY: takes numbers only; nothing here uses a descriptor, and nothing of this process is dropped.
    unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
    while words[STAGE].load(Acquire) != ALLOWED {
        std::hint::spin_loop();
    }
    let attached = ptrace::seize(thread, ptrace::Options::PTRACE_O_TRACESYSGOOD)
        .and_then(|()| ptrace::interrupt(thread))
        .and_then(|()| waitpid(thread, Some(WaitPidFlag::__WALL)))
        .and_then(|_| ptrace::syscall(thread, None));
    if let Err(why) = attached {
        words[STAGE].store(REFUSED + why as u64, Release);
        exit_now(1);
    }
    words[STAGE].store(COUNTING, Release);
    loop {
        let signal = match waitpid(thread, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::PtraceSyscall(_)) => {
                // Each call stops twice; the first time it has not begun.
                if ptrace::syscall_info(thread).is_ok_and(|info| info.op == libc::PTRACE_SYSCALL_INFO_ENTRY) {
                    // Relaxed: this is the one writer, and the thread stands still.
                    words[CALLS].store(words[CALLS].load(Relaxed) + 1, Relaxed);
                }
                None
            }
            Ok(WaitStatus::Stopped(_, signal)) => Some(signal),
            Ok(WaitStatus::PtraceEvent(..)) | Err(Errno::EINTR) => None,
            _ => exit_now(0),
        };
        // It may have been killed while it stood still: then the next wait says so.
        let _ = ptrace::syscall(thread, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Is there wherever the kernel has perf.
    const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

    fn ten_calls_by(way: Way) {
        let counter = match SyscallCounter::start_by(way) {
            Ok(counter) => counter,
            // The kernel counts for the superuser alone, and only where it has perf and shows its tracepoints; a tracer may be
            // forbidden in a container.
            Err(why) => {
                let all = std::env::var_os("TRICINE_REQUIRE_ALL").is_some_and(|v| v == "1");
                let shown = [ID, ID_OLD].iter().any(|id| fs::read_to_string(id).is_ok());
                let perf = nix::unistd::geteuid().is_root() && fs::exists(PARANOID).unwrap_or(false) && shown;
                let must = if way == Way::Perf { perf } else { all };
                assert!(!must && (way == Way::Ptrace || why.to_string().contains("raw_syscalls")), "{way:?}: {why}");
                // Around the test runner, which keeps to itself what passing tests print.
                let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("skipped: {way:?}: {why}\n"));
                return;
            }
        };
        for _ in 0..10 {
            nix::unistd::getppid();
        }
        assert_eq!(counter.finish().unwrap(), 10, "{way:?}");
    }

    #[test]
    fn the_kernel_counts_each_call() {
        ten_calls_by(Way::Perf);
    }

    #[test]
    fn a_tracer_counts_each_call() {
        ten_calls_by(Way::Ptrace);
    }
}
