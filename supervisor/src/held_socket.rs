//! A socket by which a role talks to a server, held here as well: the role's death does not end the connection, so a sound server plays on
//! what it has and a display server keeps the window, and the successor takes it up. Nothing is read or written here.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Holds the socket, over all incarnations of the role.
#[derive(Debug, Default)]
pub(crate) struct HeldSocket(Option<OwnedFd>);

impl HeldSocket {
    /// The socket for a role that is to be started: the one in use, or a new one where there is none or the
    /// server is gone. `None` if none can be had: the role does without.
    pub(crate) fn lend(&mut self) -> Option<BorrowedFd<'_>> {
        if self.0.as_ref().is_none_or(hung_up) {
            self.0 = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).ok();
        }
        self.0.as_ref().map(AsFd::as_fd)
    }

    /// The connection, if somebody is at its other end.
    pub(crate) fn connection(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().filter(|socket| !hung_up(socket)).map(AsFd::as_fd)
    }

    /// Holds this connection in the place of the one before.
    pub(crate) fn hold(&mut self, connection: OwnedFd) {
        self.0 = Some(connection);
    }

    /// What the role has there ends with the role.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }
}

/// Whether nobody is at the other end. Never connected is as good.
fn hung_up(socket: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO).is_err()
        || fds[0].revents().is_some_and(|r| r.intersects(PollFlags::POLLHUP | PollFlags::POLLERR))
}
