//! Standard output, written to without ever waiting. What the terminal does not take at once is kept and sent later; its
//! owner adds nothing new meanwhile, so no more than one screen is ever under way.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a descriptor that blocks is given at a time: once it says that it takes bytes, it takes so many.
const PIECE: usize = 256;

/// The terminal's output.
#[derive(Debug)]
pub(super) struct Tty {
    file: File,
    /// Whether a write to it may block.
    blocks: bool,
    pending: Vec<u8>,
    sent: usize,
}

impl Tty {
    /// Standard output. An open file of our own, where that is allowed: O_NONBLOCK belongs to the open file, and the
    /// shell and the supervisor use the inherited one.
    pub(super) fn open() -> io::Result<Self> {
        let flags = (nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY).bits();
        let own = OpenOptions::new().write(true).custom_flags(flags).open("/proc/self/fd/1");
        let blocks = own.is_err();
        let file = own.or_else(|_| io::stdout().as_fd().try_clone_to_owned().map(File::from))?;
        Ok(Self { file, blocks, pending: Vec::new(), sent: 0 })
    }

    /// Whether everything was taken.
    pub(super) fn is_clear(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds bytes; [`Tty::flush`] sends them.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    /// Drops what was not taken yet.
    pub(super) fn drop_pending(&mut self) {
        self.pending.clear();
        self.sent = 0;
    }

    /// Sends what the terminal takes now. Errors: it is gone.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.sent < self.pending.len() {
            let mut piece = &self.pending[self.sent..];
            if self.blocks {
                let mut fds = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
                if poll(&mut fds, PollTimeout::ZERO)? == 0 {
                    return Ok(());
                }
                piece = &piece[..piece.len().min(PIECE)];
            }
            match self.file.write(piece) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        self.drop_pending();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_not_taken_is_kept_and_sent_later_in_order() {
        for blocks in [false, true] {
            let (mut out, into) = io::pipe().unwrap();
            if !blocks {
                let flags = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
                nix::fcntl::fcntl(&into, flags).unwrap();
            }
            let file = File::from(std::os::fd::OwnedFd::from(into));
            let mut tty = Tty { file, blocks, pending: Vec::new(), sent: 0 };
            let bytes: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
            tty.buffer().extend_from_slice(&bytes);
            tty.flush().unwrap();
            assert!(!tty.is_clear(), "a pipe takes no 300,000 bytes at once");
            let mut got = Vec::new();
            while !tty.is_clear() {
                let mut some = vec![0; 50_000];
                let n = out.read(&mut some).unwrap();
                got.extend_from_slice(&some[..n]);
                tty.flush().unwrap();
            }
            drop(tty);
            out.read_to_end(&mut got).unwrap();
            assert!(got == bytes);
        }
    }

    #[test]
    fn a_terminal_that_is_gone_is_an_error() {
        let (out, into) = io::pipe().unwrap();
        drop(out);
        let mut tty =
            Tty { file: File::from(std::os::fd::OwnedFd::from(into)), blocks: false, pending: vec![1], sent: 0 };
        assert!(tty.flush().is_err());
    }
}
