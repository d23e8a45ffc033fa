//! Starting the processes of a session, and holding on to them by pidfd.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

use crate::error::{Error, Result};

/// The descriptor at which a role finds its control socket (the janitor its pipe).
pub const LINK_FD: RawFd = 3;
/// The descriptor at which the decoder finds its input (the janitor the terminal).
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
                            return Err(io::Error::last_os_error());
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

    /// Reaps it if it is dead. After that it writes nothing any more: the fence that recovery stands on.
    pub fn try_reap(&self) -> Result<Option<WaitStatus>> {
        loop {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
            match waitid(Id::PIDFd(self.pidfd.as_fd()), flags) {
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(status) => return Ok(Some(status)),
                Err(Errno::EINTR) => {}
                Err(e) => return Err(Error::sys("waitid", self.pid.to_string(), e)),
            }
        }
    }
}

impl AsFd for Child {
    /// Readable once the child is dead.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// The processor time in seconds, the peak resident memory in KiB, and the voluntary and involuntary context switches of
/// a process that runs or is a zombie, from /proc; what cannot be read is `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time, in seconds.
    pub cpu_s: Option<f64>,
    /// Peak resident memory, in KiB.
    pub max_rss_kib: Option<u64>,
    /// Context switches because it waited.
    pub voluntary_switches: Option<u64>,
    /// Context switches because its time was up.
    pub involuntary_switches: Option<u64>,
}

impl Usage {
    /// Reads `/proc/PID`.
    pub fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|l| l.starts_with(name))?;
            line[name.len()..].split_whitespace().next()?.parse().ok()
        };
        // Fields 14 and 15, counted after the parenthesised name, which may hold anything.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let ticks = stat.rsplit_once(')').and_then(|(_, rest)| {
            let mut fields = rest.split_whitespace().skip(11).map(|f| f.parse::<u64>().ok());
            Some(fields.next()?? + fields.next()??)
        });
        // SAFETY: no memory is involved.
        let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        // The switches in status are of the main thread alone: add up the threads'.
        let switches = |name: &str| -> Option<u64> {
            let mut sum = 0;
            for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
                let status = std::fs::read_to_string(task.path().join("status")).ok()?;
                let line = status.lines().find(|l| l.starts_with(name))?;
                sum += line[name.len()..].trim().parse::<u64>().ok()?;
            }
            Some(sum)
        };
        Self {
            cpu_s: ticks.map(|t| t as f64 / hz),
            max_rss_kib: field("VmHWM:"),
            voluntary_switches: switches("voluntary_ctxt_switches:"),
            involuntary_switches: switches("nonvoluntary_ctxt_switches:"),
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
