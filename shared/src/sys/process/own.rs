//! What a process does to itself: descriptors and signals that it inherited, its name, its end.

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::error::{Error, Result};

/// Takes over a descriptor that this process inherited by number; `None` if it has inherited none there, or it was taken over before.
pub fn inherited(fd: RawFd) -> Option<OwnedFd> {
    // The standard descriptors are std's.
    if fd <= libc::STDERR_FILENO {
        return None;
    }
    // SAFETY: fcntl on any number is harmless.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    // What std, nix or this crate opens in a process is closed on exec. So what is not has come over exec, and has no owner yet.
    if flags < 0 || flags & libc::FD_CLOEXEC != 0 {
        return None;
    }
    // SAFETY: as above. From here on it counts as taken, so there is no second owner.
    unsafe {
        if libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) < 0 {
            return None;
        }
        Some(OwnedFd::from_raw_fd(fd))
    }
}

/// Whether a descriptor is a socket that keeps messages apart and in order, as those between the processes of a session are.
pub fn is_packet_socket(fd: &OwnedFd) -> bool {
    use nix::sys::socket::{SockType, getsockopt, sockopt};
    getsockopt(fd, sockopt::SockType) == Ok(SockType::SeqPacket)
}

/// A nameless file in memory that holds `bytes`.
pub fn memory_file(name: &str, bytes: &[u8]) -> Result<std::fs::File> {
    use io::Write;
    let c_name = CString::new(name).map_err(|_| Error::sys("memfd_create", name, Errno::EINVAL))?;
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

/// Has `signals` do what they do by themselves, here and in processes that are started from here on, whatever the caller of this
/// process made of them.
pub fn heed(signals: &[Signal]) {
    for &signal in signals {
        // SAFETY: a disposition without a handler.
        unsafe { libc::signal(signal as libc::c_int, libc::SIG_DFL) };
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

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_descriptor_is_inherited_once_and_what_this_process_opened_never() {
        let opened = std::fs::File::open("/dev/null").unwrap();
        assert!(inherited(opened.as_raw_fd()).is_none());
        assert!(inherited(libc::STDOUT_FILENO).is_none() && inherited(-1).is_none());
        // As exec would leave it.
        let number = nix::fcntl::fcntl(&opened, nix::fcntl::FcntlArg::F_DUPFD(700)).unwrap();
        let taken = inherited(number).unwrap();
        assert_eq!(taken.as_raw_fd(), number);
        assert!(inherited(number).is_none());
    }

    #[test]
    fn no_file_and_no_stream_is_a_packet_socket() {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
        let pair = |kind| socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap().0;
        assert!(is_packet_socket(&pair(SockType::SeqPacket)));
        assert!(!is_packet_socket(&pair(SockType::Stream)));
        assert!(!is_packet_socket(&std::fs::File::open("/dev/null").unwrap().into()));
    }
}
