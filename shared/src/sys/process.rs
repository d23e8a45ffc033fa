//! Starting processes, holding on to them by pidfd, and reaping them.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::error::{Error, Result};

mod own;

pub use own::{
    block_all_signals, exit_now, heed, inherited, is_ignored, is_packet_socket, memory_file, reset_inherited, set_comm,
};

/// A child process, held by a descriptor: its id cannot come to mean another process.
#[derive(Debug)]
pub struct Child {
    pidfd: OwnedFd,
    /// Its process id.
    pub pid: u32,
    /// What it writes to standard error.
    pub stderr: Option<OwnedFd>,
}

/// How to start this very program again as another process.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// What `ps` shows.
    pub title: String,
    /// An environment variable and its value, by which the process knows what it is.
    pub variable: (&'a str, &'a str),
    /// The descriptors that it inherits besides the standard ones, each with its number there, from 3 on. It takes each over by
    /// [`inherited`].
    pub fds: &'a [(BorrowedFd<'a>, RawFd)],
    /// Whether it inherits standard output (else /dev/null).
    pub stdout: bool,
    /// Whether it dies with its parent and its standard error is piped to it. One that is to outlive its parent does neither, and
    /// is in a session of its own, out of reach of the terminal's signals.
    pub bound: bool,
}

impl Spawn<'_> {
    /// Executes this program, also if its file was replaced meanwhile.
    ///
    /// To be called from the only thread of a process: the parent-death signal comes when the *thread* that forked ends.
    pub fn start(&self) -> Result<Child> {
        let parent = std::process::id();
        let mut fds: Vec<(RawFd, RawFd)> = self.fds.iter().map(|(fd, to)| (fd.as_raw_fd(), *to)).collect();
        let last = fds.iter().map(|&(_, to)| to).max().unwrap_or(libc::STDERR_FILENO);
        if fds.iter().any(|&(_, to)| to <= libc::STDERR_FILENO) {
            return Err(Error::sys("dup2", self.title.as_str(), Errno::EBADF));
        }
        let bound = self.bound;
        // std tells by a pipe of its own whether exec has succeeded. It must not lie where the child's descriptors go.
        let _taken = occupy(last).map_err(|e| Error::sys("open", "/dev/null", e))?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(OsStr::new(&self.title)).env(self.variable.0, self.variable.1).stdin(Stdio::null());
        command.stdout(if self.stdout { Stdio::inherit() } else { Stdio::null() });
        if bound {
            command.stderr(Stdio::piped());
        }
        // SAFETY: the closure runs between fork and exec. It makes system calls only, allocates nothing and takes no lock, whatever
        // other threads held when this one forked. It writes over none of std's descriptors: those that are its targets are
        // taken since before std opened its own.
        unsafe {
            command.pre_exec(move || {
                if bound {
                    if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                        return Err(io::Error::last_os_error());
                    }
                    // The parent may have died before prctl: then nobody would tell us.
                    if libc::getppid() as u32 != parent {
                        libc::_exit(0);
                    }
                    libc::setpgid(0, 0);
                } else {
                    libc::setsid();
                }
                // The terminal's signals are the parent's to interpret. Masks and SIG_IGN survive exec.
                for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGTSTP, libc::SIGTTOU] {
                    libc::signal(signal, libc::SIG_IGN);
                }
                if !bound {
                    libc::signal(libc::SIGTERM, libc::SIG_IGN);
                }
                let mut none: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&mut none);
                libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
                // First out of the way of the targets, then onto them; dup2 clears close-on-exec.
                for (from, _) in &mut fds {
                    *from = libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, (last + 1).max(10));
                    if *from < 0 {
                        // EINVAL: not even the first is allowed. Allocates nothing.
                        return Err(io::Error::from_raw_os_error(libc::EMFILE));
                    }
                }
                for &(from, to) in &fds {
                    if libc::dup2(from, to) < 0 {
                        return Err(io::Error::last_os_error());
                    }
                }
                Ok(())
            });
        }
        let mut child = command.spawn().map_err(|e| Error::sys("fork and exec", self.title.as_str(), e))?;
        let pid = child.id();
        let stderr = child.stderr.take().map(OwnedFd::from);
        Ok(Child { pidfd: pidfd_open(pid)?, pid, stderr })
    }
}

/// Opens descriptors until every number up to `last` is taken.
fn occupy(last: RawFd) -> io::Result<Vec<OwnedFd>> {
    let mut taken = Vec::new();
    loop {
        let fd = OwnedFd::from(std::fs::File::open("/dev/null")?);
        let enough = fd.as_raw_fd() > last;
        taken.push(fd);
        if enough {
            return Ok(taken);
        }
    }
}

fn pidfd_open(pid: u32) -> Result<OwnedFd> {
    // SAFETY: plain integers; the result is checked. The child is not reaped yet, so its id is its own.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    if fd < 0 {
        return Err(Error::sys("pidfd_open", pid.to_string(), io::Error::last_os_error()));
    }
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

impl Child {
    /// Sends a signal; a child that is dead already is no error.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: a valid pidfd of ours, no siginfo.
        let sent = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), signal as libc::c_int, none, 0)
        };
        match Errno::result(sent) {
            Ok(_) | Err(Errno::ESRCH) => Ok(()),
            Err(e) => Err(Error::sys("pidfd_send_signal", self.pid.to_string(), e)),
        }
    }

    /// Reaps it if it is dead.
    pub fn try_reap(&self) -> Result<Option<Reaped>> {
        reap(self.pid, libc::WNOHANG)
    }
}

/// A child of this process that is dead and reaped: it writes nothing any more. That is the fence on which recovery stands, so
/// nothing but reaping makes one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reaped {
    pid: u32,
    exit: Exit,
    usage: Usage,
    /// Somebody else says so.
    assumed: bool,
}

impl Reaped {
    /// Waits for the end of a child, and reaps it.
    pub fn wait(child: std::process::Child) -> Result<Self> {
        match reap(child.id(), 0)? {
            Some(reaped) => Ok(reaped),
            None => Err(Error::sys("wait4", child.id().to_string(), Errno::ECHILD)),
        }
    }

    /// Whether no process has this id, so that what it has left under it is a dead one's. One that was reaped long ago may have been
    /// followed by another.
    pub(crate) fn is_gone(&self) -> bool {
        self.assumed || nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid as i32), None) == Err(Errno::ESRCH)
    }

    /// One that was reaped elsewhere.
    ///
    /// # Safety
    ///
    /// No process writes in the name of `pid` any more, as long as this value lives: it was reaped, and no other has its id.
    pub const unsafe fn assume(pid: u32, exit: Exit) -> Self {
        let usage = Usage { cpu_s: 0.0, max_rss_kib: 0, voluntary_switches: 0, involuntary_switches: 0 };
        Self { pid, exit, usage, assumed: true }
    }

    /// Its process id, which may mean another process by now.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// What it used.
    pub const fn usage(&self) -> Usage {
        self.usage
    }
}

fn reap(pid: u32, options: libc::c_int) -> Result<Option<Reaped>> {
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    loop {
        // SAFETY: both places outlive the call. Whichever child of ours has this id now: if it was reaped, it is the one of which
        // `Reaped` speaks.
        let got = unsafe { libc::wait4(pid as libc::pid_t, &mut status, options, usage.as_mut_ptr()) };
        match Errno::result(got) {
            Ok(0) => return Ok(None),
            // Under ptrace, a child that has stopped is reported as well.
            Ok(_) if libc::WIFSTOPPED(status) || libc::WIFCONTINUED(status) => {}
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(e) => return Err(Error::sys("wait4", pid.to_string(), e)),
        }
    }
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    // SAFETY: zeroed is a valid rusage, and wait4 filled it.
    Ok(Some(Reaped { pid, exit, usage: Usage::from(unsafe { usage.assume_init() }), assumed: false }))
}

impl AsFd for Child {
    /// Readable once the child is dead.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "{signal}"),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

/// What a process has used, all its threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// User and system time, in seconds.
    pub cpu_s: f64,
    /// Peak resident memory, in KiB.
    pub max_rss_kib: u64,
    /// Context switches because it waited.
    pub voluntary_switches: u64,
    /// Context switches because its time was up.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Of this process so far; zero where the kernel will not say, which it always does.
    pub fn of_self() -> Self {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the place is as large as getrusage writes, and zeroed is a valid rusage in any case.
        let usage = unsafe {
            libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
            usage.assume_init()
        };
        usage.into()
    }

    /// Adds what another process in the same place used.
    pub fn add(&mut self, other: Self) {
        self.cpu_s += other.cpu_s;
        self.max_rss_kib = self.max_rss_kib.max(other.max_rss_kib);
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
    }
}

impl From<libc::rusage> for Usage {
    fn from(usage: libc::rusage) -> Self {
        let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
        Self {
            cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            max_rss_kib: usage.ru_maxrss as u64,
            voluntary_switches: usage.ru_nvcsw as u64,
            involuntary_switches: usage.ru_nivcsw as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_reaped_is_gone_and_one_that_has_its_id_is_not() {
        let mut reaped = Reaped::wait(Command::new("true").spawn().unwrap()).unwrap();
        assert_eq!(reaped.exit(), Exit::Code(0));
        assert!(reaped.is_gone());
        reaped.pid = std::process::id();
        assert!(!reaped.is_gone());
    }

    #[test]
    fn the_numbers_that_a_child_gets_are_nobody_s_while_it_is_started() {
        let taken = occupy(40).unwrap();
        assert!(taken.last().unwrap().as_raw_fd() > 40);
        let next = std::fs::File::open("/dev/null").unwrap();
        assert!(next.as_raw_fd() > 40);
    }
}
