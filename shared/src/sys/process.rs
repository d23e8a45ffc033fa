//! Starting the processes of a session, and holding on to them by pidfd.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::error::{Error, Result};

/// The descriptor at which a role finds its control socket (the janitor its pipe).
pub const LINK_FD: RawFd = 3;
/// The descriptor at which the decoder finds its input, the audio role its socket (the janitor the terminal).
pub const INPUT_FD: RawFd = 4;
/// The environment variable that says which process of a session this is.
pub const ROLE_ENV: &str = "TRICINE_ROLE";

/// A child process, held by a descriptor: its id cannot come to mean another process.
#[derive(Debug)]
pub struct Child {
    pidfd: OwnedFd,
    /// Its process id.
    pub pid: u32,
    /// What it writes to standard error.
    pub stderr: Option<OwnedFd>,
}

/// How to start a process of the session.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// What `ps` shows, such as `tricine: decoder film.mp4`.
    pub title: String,
    /// The value of [`ROLE_ENV`].
    pub role: &'a str,
    /// What it inherits at [`LINK_FD`].
    pub link: BorrowedFd<'a>,
    /// What it inherits at [`INPUT_FD`].
    pub input: Option<BorrowedFd<'a>>,
    /// Whether it inherits standard output (else /dev/null).
    pub stdout: bool,
    /// Whether it dies with its parent and its standard error is piped to it. The janitor does neither, and is in a
    /// session of its own, out of reach of the terminal's signals.
    pub bound: bool,
}

impl Spawn<'_> {
    /// Executes this very program (also if its file was replaced meanwhile) as another process of the session.
    ///
    /// To be called from the supervisor's only thread: the parent-death signal comes when the *thread* that forked ends.
    pub fn start(&self) -> Result<Child> {
        let parent = std::process::id();
        let fds = [(self.link.as_raw_fd(), LINK_FD), (self.input.map_or(-1, |f| f.as_raw_fd()), INPUT_FD)];
        let bound = self.bound;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(OsStr::new(&self.title)).env(ROLE_ENV, self.role).stdin(Stdio::null());
        command.stdout(if self.stdout { Stdio::inherit() } else { Stdio::null() });
        if bound {
            command.stderr(Stdio::piped());
        }
        // SAFETY: the closure runs between fork and exec in a copy of a single-threaded process; it makes system calls
        // only, allocates nothing and takes no lock.
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
                // The terminal's signals are the supervisor's to interpret. Masks and SIG_IGN survive exec.
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
                let mut high = [-1; 2];
                for (to, (from, _)) in high.iter_mut().zip(fds) {
                    if from >= 0 {
                        *to = libc::fcntl(from, libc::F_DUPFD_CLOEXEC, 10);
                        if *to < 0 {
                            // EINVAL: not even the tenth is allowed. Allocates nothing.
                            return Err(io::Error::from_raw_os_error(libc::EMFILE));
                        }
                    }
                }
                for (from, (_, to)) in high.into_iter().zip(fds) {
                    if from >= 0 && libc::dup2(from, to) < 0 {
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
}

impl Reaped {
    /// Waits for the end of a child, and reaps it.
    pub fn wait(child: std::process::Child) -> Result<Self> {
        match reap(child.id(), 0)? {
            Some(reaped) => Ok(reaped),
            None => Err(Error::sys("wait4", child.id().to_string(), Errno::ECHILD)),
        }
    }

    /// One that was reaped elsewhere.
    ///
    /// # Safety
    ///
    /// No process writes in the name of `pid` any more: it was reaped, and none of its threads or children holds what it had
    /// mapped.
    pub const unsafe fn assume(pid: u32, exit: Exit) -> Self {
        let usage = Usage { cpu_s: 0.0, max_rss_kib: 0, voluntary_switches: 0, involuntary_switches: 0 };
        Self { pid, exit, usage }
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
        // SAFETY: both places outlive the call. The id is that of our child as long as it is not reaped, and the caller keeps
        // no handle of one that was.
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
    Ok(Some(Reaped { pid, exit, usage: Usage::from(unsafe { usage.assume_init() }) }))
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

    /// Adds what another incarnation of the same role used.
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

/// Takes over a descriptor that this process inherited by number. Call it once for each, before anything else is opened.
pub fn inherited(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: fcntl on any number is harmless; the descriptor, if it is open, was put there for us by Spawn::start, and
    // nothing else in this process knows of it.
    unsafe {
        if libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) < 0 {
            return None;
        }
        Some(OwnedFd::from_raw_fd(fd))
    }
}

/// A nameless file in memory that holds `bytes`.
pub fn memory_file(name: &str, bytes: &[u8]) -> Result<std::fs::File> {
    use io::Write;
    let c_name = CString::new(name).map_err(|_| Error::SessionName(name.into()))?;
    // SAFETY: a valid C string; the result is checked and owned by nobody else.
    let fd = unsafe { libc::memfd_create(c_name.as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(Error::sys("memfd_create", name, io::Error::last_os_error()));
    }
    // SAFETY: as above.
    let mut file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(bytes).map_err(|e| Error::sys("write", name, e))?;
    Ok(file)
}

/// Names this process in `top` and in /proc/PID/comm (15 bytes are kept).
pub fn set_comm(name: &str) {
    if let Ok(name) = CString::new(name) {
        // SAFETY: a valid C string, of which the kernel copies 15 bytes.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
}

/// Undoes what a caller's signal settings would spoil: the ends of children are reported whatever it did with those of its own,
/// and a file that would grow beyond the limit on files is an error of the write, not the silent end of the process. Processes that are
/// started from here on inherit both. To be called before any is.
pub fn reset_inherited() {
    // SAFETY: dispositions without a handler; no process was started yet that could end in between.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Whether this process ignores `signal`: so did whoever executed it, if nobody here has set that.
pub fn is_ignored(signal: Signal) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is set; the place is as large as sigaction writes, and zeroed is a valid one in any case.
    let now = unsafe {
        libc::sigaction(signal as libc::c_int, std::ptr::null(), now.as_mut_ptr());
        now.assume_init()
    };
    now.sa_sigaction == libc::SIG_IGN
}

/// Blocks every signal in this thread and those it starts; for clients of libraries that do not handle EINTR. Whoever
/// wants this process to end sends SIGKILL or a message.
pub fn block_all_signals() {
    let all = nix::sys::signal::SigSet::all();
    // Cannot fail with a valid set.
    let _ = all.thread_set_mask();
}

/// Makes this process be gone at once, with `code`, running nothing on the way out.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: never returns, touches nothing.
    unsafe { libc::_exit(code) }
}
