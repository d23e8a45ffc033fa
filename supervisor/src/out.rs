//! Writing where perhaps nobody reads: a terminal that was stopped with Ctrl-S, a pipe that is full, a connection that is
//! dead. Nothing here waits. What finds no room is queued, and dropped where the queue is full.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use tricine_channel::time::Deadline;

/// So many bytes wait for room at most.
const MOST: usize = 1 << 16;
/// What is written at once where a write might wait: no more than there is room for when `poll` says that there is some.
const PIECE: usize = 256;

/// How a descriptor is kept from waiting.
#[derive(Debug)]
enum Way {
    /// By itself: a file, or an open file description of our own that does not wait. The one that we inherited is the
    /// shell's as well, and must not be changed.
    Plain(File),
    Socket(OwnedFd),
    /// Another user's terminal cannot be opened anew: asked for room first, and written to in pieces.
    Asked(File),
    /// Nobody will ever read it.
    Gone,
}

/// What waits for room.
#[derive(Debug, Default)]
struct Queue {
    bytes: VecDeque<u8>,
    /// Lines that found no room.
    lost: u64,
}

/// An end to write to.
#[derive(Debug)]
pub(crate) struct Out {
    way: Way,
    queue: Mutex<Queue>,
}

impl Out {
    /// Writes to where `fd` leads.
    pub(crate) fn new(fd: impl AsFd) -> Self {
        Self { way: Way::of(fd.as_fd()).unwrap_or(Way::Gone), queue: Mutex::default() }
    }

    /// Standard error, for all of the program.
    pub(crate) fn stderr() -> &'static Self {
        static STDERR: OnceLock<Out> = OnceLock::new();
        STDERR.get_or_init(|| Self::new(io::stderr()))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes it whole, now or later, or drops it whole.
    pub(crate) fn line(&self, text: &str) {
        let mut queue = self.queue();
        queue.pump(&self.way);
        if queue.lost > 0 && queue.bytes.is_empty() {
            let lost = std::mem::take(&mut queue.lost);
            queue.bytes.extend(format!("tricine: {lost} lines were dropped, as nobody read them\n").into_bytes());
        }
        if queue.bytes.len() + text.len() > MOST {
            queue.lost += 1;
        } else {
            queue.bytes.extend(text.as_bytes());
            queue.pump(&self.way);
        }
    }

    /// Writes it if nothing waits: what is drawn is of no interest later.
    pub(crate) fn draw(&self, bytes: &[u8]) {
        let mut queue = self.queue();
        queue.pump(&self.way);
        if queue.bytes.is_empty() {
            queue.bytes.extend(bytes);
            queue.pump(&self.way);
        }
    }

    /// Writes what waits, as far as there is room.
    pub(crate) fn pump(&self) {
        self.queue().pump(&self.way);
    }

    /// What to ask for room, while something waits for it.
    pub(crate) fn waiting(&self) -> Option<BorrowedFd<'_>> {
        let waits = !self.queue().bytes.is_empty();
        self.way.fd().filter(|_| waits)
    }

    /// Waits for room until all is written, or until a deadline, and forgets the rest.
    pub(crate) fn drain(&self, patience: Duration) {
        let deadline = Deadline::after(patience);
        while let Some(fd) = self.waiting() {
            let left = deadline.remaining();
            if left.is_zero() {
                break;
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], timeout);
            self.pump();
        }
        self.queue().bytes.clear();
    }
}

impl Write for &Out {
    /// A line of a log.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Way {
    fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let copy = fd.try_clone_to_owned()?;
        let file = File::from(copy);
        let kind = file.metadata()?.file_type();
        if kind.is_socket() {
            return Ok(Self::Socket(file.into()));
        }
        if !kind.is_char_device() && !kind.is_fifo() {
            return Ok(Self::Plain(file));
        }
        let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let again =
            OpenOptions::new().write(true).custom_flags(flags).open(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        Ok(again.map_or(Self::Asked(file), Self::Plain))
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Plain(file) | Self::Asked(file) => Some(file.as_fd()),
            Self::Socket(socket) => Some(socket.as_fd()),
            Self::Gone => None,
        }
    }

    /// Writes some of it, or says that there is no room.
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self {
            Self::Plain(file) => nix::unistd::write(file, bytes),
            Self::Socket(socket) => send(socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL),
            Self::Asked(file) => {
                let mut room = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
                match poll(&mut room, PollTimeout::ZERO)? {
                    0 => Err(Errno::EAGAIN),
                    _ => nix::unistd::write(file, &bytes[..bytes.len().min(PIECE)]),
                }
            }
            Self::Gone => Err(Errno::EPIPE),
        }
    }
}

impl Queue {
    fn pump(&mut self, way: &Way) {
        while !self.bytes.is_empty() {
            let (first, _) = self.bytes.as_slices();
            match way.write(first) {
                Ok(written) => drop(self.bytes.drain(..written)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                // Gone, closed, or full for good.
                Err(_) => self.bytes.clear(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use nix::fcntl::{FcntlArg, fcntl};
    use nix::pty::openpty;

    use super::*;

    /// More lines than any of them has room for, then a reader.
    fn never_waits(end: OwnedFd, mut reader: impl Read) {
        let before = fcntl(&end, FcntlArg::F_GETFL).unwrap();
        let out = Out::new(&end);
        let line = format!("{}\n", "x".repeat(99));
        for _ in 0..10_000 {
            out.line(&line);
        }
        out.draw(b"drawn");
        assert!(out.waiting().is_some());
        assert_eq!(fcntl(&end, FcntlArg::F_GETFL).unwrap(), before, "the end is others' as well");
        let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
        while out.waiting().is_some() {
            let read = reader.read(&mut buffer).unwrap();
            seen.extend_from_slice(&buffer[..read]);
            out.pump();
        }
        out.line("last\n");
        while !seen.ends_with(b"last\n") && !seen.ends_with(b"last\r\n") {
            out.pump();
            let read = reader.read(&mut buffer).unwrap();
            seen.extend_from_slice(&buffer[..read]);
        }
        let seen = String::from_utf8(seen).unwrap();
        let whole = seen.lines().filter(|l| l.len() == 99).count();
        let lost: usize =
            seen.lines().find_map(|l| l.strip_prefix("tricine: ")?.split(' ').next()?.parse().ok()).unwrap();
        assert_eq!(whole + lost, 10_000, "each line is there whole, or counted");
        assert_eq!(seen.lines().count(), whole + 2);
    }

    #[test]
    fn a_terminal_that_nobody_reads_takes_what_it_can() {
        let pty = openpty(None, None).unwrap();
        never_waits(pty.slave, File::from(pty.master));
    }

    #[test]
    fn a_full_pipe_takes_what_it_can() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        never_waits(writer, File::from(reader));
    }

    #[test]
    fn a_full_socket_takes_what_it_can() {
        let (reader, writer) = UnixStream::pair().unwrap();
        never_waits(writer.into(), reader);
    }

    #[test]
    fn a_file_is_written_at_its_end_and_a_closed_pipe_is_nobody() {
        let mut file = tempfile();
        file.write_all(b"before\n").unwrap();
        Out::new(&file).line("after\n");
        let text = std::fs::read_to_string(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
        assert_eq!(text, "before\nafter\n");
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let out = Out::new(&writer);
        drop(reader);
        out.line("nobody\n");
        assert!(out.waiting().is_none());
    }

    fn tempfile() -> File {
        tricine_channel::sys::process::memory_file("out-test", b"").unwrap()
    }
}
