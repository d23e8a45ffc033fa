//! For proofs on real processes: forking a process that runs a function, stepping it instruction by instruction, killing
//! and reaping it. The player itself uses none of this.
//!
//! A [`Tracer`] is a single-threaded process, so that what it forks may go on as ordinary Rust. Its timer interrupts
//! every blocking wait a thousand times a second: that is how a wait ends at its limit, and how a process that sleeps in
//! a system call is told from one that has not been scheduled yet.

mod calls;

use std::io;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::sys::{prctl, ptrace};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, setsid};

use tricine_channel::error::{Error, Result};
use tricine_channel::sys::process::{Exit, Reaped, exit_now, memory_file};
use tricine_channel::sys::shm;

pub use calls::{Called, LONGEST_PATH};

/// How often a blocking wait looks up, in microseconds.
const TICK_US: libc::suseconds_t = 1000;

/// Words that a process shares with all that it forks; they have no name and end with the last of them.
#[derive(Debug)]
pub struct SharedWords {
    map: tricine_channel::sys::shm::Mapping,
}

impl SharedWords {
    /// `count` words, all zero.
    pub fn new(count: usize) -> Result<Self> {
        let zeros = vec![0; count * size_of::<AtomicU64>()];
        let file = memory_file("tricine-words", &zeros)?;
        Ok(Self { map: shm::map(&file, 0, zeros.len(), true, "shared words")? })
    }
}

impl Deref for SharedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        let start = self.map.as_mut_ptr().cast_const().cast::<AtomicU64>();
        // SAFETY: page-aligned, as long as was mapped, and alive as long as self; an atomic is valid with any content and
        // under concurrent change.
        unsafe { std::slice::from_raw_parts(start, self.map.len() / size_of::<AtomicU64>()) }
    }
}

/// The right to fork: held by the only thread of its process.
#[derive(Debug)]
pub struct Tracer {
    _one: (),
}

/// What becomes of a forked process when the one that forked it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// It is killed.
    Bound,
    /// It stays, in a session of its own.
    Free,
}

impl Tracer {
    /// Starts the timer. Fails in a process of several threads.
    pub fn new() -> Result<Self> {
        single_thread()?;
        extern "C" fn nothing(_: libc::c_int) {}
        // Without SA_RESTART: the point is that waits are interrupted.
        let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing at all, which is safe at any moment.
        unsafe { sigaction(Signal::SIGALRM, &action) }.map_err(|e| Error::sys("sigaction", "SIGALRM", e))?;
        let tick = libc::timeval { tv_sec: 0, tv_usec: TICK_US };
        let timer = libc::itimerval { it_interval: tick, it_value: tick };
        // SAFETY: a valid itimerval in, nothing out.
        if unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) } != 0 {
            return Err(Error::sys("setitimer", "ITIMER_REAL", io::Error::last_os_error()));
        }
        Ok(Self { _one: () })
    }

    /// Forks a process that runs `body` and ends with the code that it returns, 101 if it panics.
    pub fn fork(&self, tie: Tie, body: impl FnOnce() -> i32) -> Result<Forked> {
        single_thread()?;
        let parent = getpid();
        // SAFETY: this process has one thread, just checked, so the child finds no lock held and no structure half
        // changed by another; it never returns from here, so nothing that the caller owns is dropped twice.
        match unsafe { fork() }.map_err(|e| Error::sys("fork", "a process of a proof", e))? {
            ForkResult::Parent { child } => Ok(Forked { pid: child, reaped: false, stepping: false }),
            ForkResult::Child => {
                let tied = match tie {
                    Tie::Bound => prctl::set_pdeathsig(Signal::SIGKILL).is_ok() && getppid() == parent,
                    Tie::Free => setsid().is_ok(),
                };
                let code = if tied { catch_unwind(AssertUnwindSafe(body)).unwrap_or(101) } else { 100 };
                exit_now(code)
            }
        }
    }

    /// As [`Tracer::fork`], under the eyes of this process, which the child does not outlive.
    pub fn fork_traced(&self, body: impl FnOnce() -> i32) -> Result<Forked> {
        let mut forked = self.fork(Tie::Bound, || {
            if ptrace::traceme().is_err() {
                return 100;
            }
            pause();
            body()
        })?;
        forked.until_paused()?;
        let options = ptrace::Options::PTRACE_O_EXITKILL | ptrace::Options::PTRACE_O_TRACESYSGOOD;
        ptrace::setoptions(forked.pid, options).map_err(|e| forked.error("PTRACE_SETOPTIONS", e))?;
        Ok(forked)
    }
}

fn single_thread() -> Result<()> {
    let threads =
        std::fs::read_dir("/proc/self/task").map_err(|e| Error::sys("opendir", "/proc/self/task", e))?.count();
    if threads == 1 { Ok(()) } else { Err(Error::sys("fork", "a process of several threads", Errno::EBUSY)) }
}

/// Stops the calling process until it is told to go on.
pub fn pause() {
    // Cannot fail: the signal and the process exist.
    let _ = raise(Signal::SIGSTOP);
}

/// The processors that this process may run on.
pub fn processors() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect()
}

/// Keeps the calling process on one processor. Best effort: it is for speed only.
pub fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    if set.set(cpu).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// One instruction was carried out.
    Instruction,
    /// The process called [`pause`].
    Paused,
    /// It sleeps in a system call. The next step waits on.
    Asleep,
    /// It was about to get this signal, and has not got it.
    Signal(Signal),
    /// It is gone, and reaped.
    Gone(Exit),
}

/// A process that [`Tracer::fork`] made. Killed and reaped when dropped, if it was not before.
#[derive(Debug)]
pub struct Forked {
    pid: Pid,
    reaped: bool,
    /// A step was begun whose end has not been seen.
    stepping: bool,
}

impl Forked {
    fn error(&self, call: &'static str, e: Errno) -> Error {
        Error::sys(call, format!("process {}", self.pid), e)
    }

    /// One look at what it did; `None` if a tick came first.
    fn wait(&mut self, flags: WaitPidFlag) -> Result<Option<WaitStatus>> {
        match waitpid(self.pid, Some(flags)) {
            Ok(status) => {
                self.reaped |= matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..));
                Ok(Some(status))
            }
            Err(Errno::EINTR) => Ok(None),
            Err(e) => Err(self.error("waitpid", e)),
        }
    }

    /// Waits until it has called [`pause`]. An error if it ended instead.
    pub fn until_paused(&mut self) -> Result<()> {
        loop {
            match self.wait(WaitPidFlag::WUNTRACED)? {
                Some(WaitStatus::Stopped(_, Signal::SIGSTOP)) => return Ok(()),
                Some(ended) if self.reaped => {
                    let what = format!("process {} to pause, which ended instead: {ended:?}", self.pid);
                    return Err(Error::sys("waitpid", what, Errno::ECHILD));
                }
                _ => {}
            }
        }
    }

    /// Waits until it either sleeps in a system call (false) or has called [`pause`] (true). An error if it ended instead.
    pub fn until_settled(&mut self) -> Result<bool> {
        loop {
            match self.wait(WaitPidFlag::WUNTRACED)? {
                Some(WaitStatus::Stopped(_, Signal::SIGSTOP)) => return Ok(true),
                Some(ended) if self.reaped => {
                    let what = format!("process {} to settle, which ended instead: {ended:?}", self.pid);
                    return Err(Error::sys("waitpid", what, Errno::ECHILD));
                }
                None if self.sleeps() => return Ok(false),
                _ => {}
            }
        }
    }

    /// Stops a process that is not traced where it is, in its sleep as well.
    pub fn hold(&mut self) -> Result<()> {
        kill(self.pid, Signal::SIGSTOP).map_err(|e| self.error("kill", e))?;
        self.until_paused()
    }

    /// Lets a paused process that is not traced go on.
    pub fn resume(&self) -> Result<()> {
        kill(self.pid, Signal::SIGCONT).map_err(|e| self.error("kill", e))
    }

    /// Lets a traced process, which stands still or sleeps in the midst of a step or a run, go on to its next [`pause`].
    pub fn run_to_pause(&mut self) -> Result<()> {
        loop {
            if !self.stepping {
                ptrace::cont(self.pid, None).map_err(|e| self.error("PTRACE_CONT", e))?;
                self.stepping = true;
            }
            match self.until_stopped()? {
                Stepped::Paused => return Ok(()),
                // The end of that step; or the breakpoint of a run that slept on its way there.
                Stepped::Instruction => self.disarm()?,
                Stepped::Asleep => {}
                other => {
                    let what = format!("process {} to pause, which came to something else: {other:?}", self.pid);
                    return Err(Error::sys("waitpid", what, Errno::ECHILD));
                }
            }
        }
    }

    /// Lets a traced process carry out one instruction.
    pub fn step(&mut self) -> Result<Stepped> {
        if !self.stepping {
            ptrace::step(self.pid, None).map_err(|e| self.error("PTRACE_SINGLESTEP", e))?;
            self.stepping = true;
        }
        self.until_stopped()
    }

    /// Lets a traced process run at full speed up to the instruction at `address`, by a breakpoint in a debug register:
    /// the code is left alone. [`Stepped::Instruction`] if it came there. From [`Stepped::Asleep`], [`Forked::run_to_pause`]
    /// goes on.
    #[cfg(target_arch = "x86_64")]
    pub fn run_to(&mut self, address: u64) -> Result<Stepped> {
        // Register 0, of one byte, on execution.
        self.debug_register(0, address)?;
        self.debug_register(7, 1)?;
        ptrace::cont(self.pid, None).map_err(|e| self.error("PTRACE_CONT", e))?;
        self.stepping = true;
        let stopped = self.until_stopped()?;
        if matches!(stopped, Stepped::Instruction | Stepped::Paused) {
            self.disarm()?;
        }
        Ok(stopped)
    }

    #[cfg(target_arch = "x86_64")]
    fn debug_register(&self, i: usize, value: u64) -> Result<()> {
        let at = std::mem::offset_of!(libc::user, u_debugreg) + i * size_of::<u64>();
        let at = std::ptr::without_provenance_mut(at);
        ptrace::write_user(self.pid, at, value as libc::c_long).map_err(|e| self.error("PTRACE_POKEUSER", e))
    }

    /// Takes the breakpoint of [`Forked::run_to`] away.
    fn disarm(&self) -> Result<()> {
        #[cfg(target_arch = "x86_64")]
        self.debug_register(7, 0)?;
        Ok(())
    }

    /// Not known for this processor; step instead.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn run_to(&mut self, _address: u64) -> Result<Stepped> {
        Err(self.error("PTRACE_SETREGSET", Errno::EOPNOTSUPP))
    }

    /// What came of a step, or a run, that was begun.
    fn until_stopped(&mut self) -> Result<Stepped> {
        loop {
            let stepped = match self.wait(WaitPidFlag::empty())? {
                None if self.sleeps() => return Ok(Stepped::Asleep),
                None => continue,
                Some(WaitStatus::Stopped(_, Signal::SIGTRAP)) => Stepped::Instruction,
                Some(WaitStatus::Stopped(_, Signal::SIGSTOP)) => Stepped::Paused,
                Some(WaitStatus::Stopped(_, signal)) => Stepped::Signal(signal),
                Some(WaitStatus::Exited(_, code)) => Stepped::Gone(Exit::Code(code)),
                Some(WaitStatus::Signaled(_, signal, _)) => Stepped::Gone(Exit::Signal(signal as i32)),
                Some(_) => continue,
            };
            self.stepping = false;
            return Ok(stepped);
        }
    }

    /// Whether it sleeps until somebody wakes it.
    fn sleeps(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
    }

    /// Whether it stands still under the tracer's eyes, rather than being in the midst of a step.
    pub fn is_stopped(&self) -> bool {
        !self.stepping && !self.reaped
    }

    /// The address of the instruction that a traced, stopped process is to carry out next.
    pub fn program_counter(&self) -> Result<u64> {
        let registers = ptrace::getregs(self.pid).map_err(|e| self.error("PTRACE_GETREGS", e))?;
        #[cfg(target_arch = "x86_64")]
        let counter = registers.rip;
        #[cfg(not(target_arch = "x86_64"))]
        let counter = registers.pc;
        Ok(counter)
    }

    /// Kills and reaps it: once this returns, it writes nothing any more.
    pub fn kill(&mut self) -> Result<Reaped> {
        if !self.reaped {
            kill(self.pid, Signal::SIGKILL).map_err(|e| self.error("kill", e))?;
        }
        while !self.reaped {
            self.wait(WaitPidFlag::empty())?;
        }
        // SAFETY: it was reaped, just now or before, and numbers are given again only after all others were. What it forked itself
        // has nothing of its side of a channel (shm::keep_from_forks).
        Ok(unsafe { Reaped::assume(self.pid.as_raw() as u32, Exit::Signal(libc::SIGKILL)) })
    }

    /// Waits for its end; `None` if it lives on after `limit`.
    pub fn reap(&mut self, limit: Duration) -> Result<Option<Exit>> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            match self.wait(WaitPidFlag::empty())? {
                Some(WaitStatus::Exited(_, code)) => return Ok(Some(Exit::Code(code))),
                Some(WaitStatus::Signaled(_, signal, _)) => return Ok(Some(Exit::Signal(signal as i32))),
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        // Nobody is left to tell of a failure.
        let _ = self.kill();
    }
}
