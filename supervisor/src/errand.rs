//! A process for one thing that may take for ever, such as a disk or a network: it is given orders, answers, and can be killed, so that the
//! supervisor waits for nothing.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tricine_channel::sys::fds;
use tricine_channel::sys::process::{inherited, set_comm};
use tricine_channel::time::Deadline;
use tricine_session::link::Link;
use tricine_session::process::{Child, LINK_FD, Spawn};
use tricine_session::{Error, Result};

/// The longest orders, in bytes: a name, and where it comes from.
const LONGEST: usize = 1 << 17;
/// How long the process waits for its orders.
const PATIENCE: Duration = Duration::from_secs(10);

/// An errand that is being run.
#[derive(Debug)]
pub(crate) struct Errand {
    link: OwnedFd,
    child: Child,
}

impl Errand {
    /// Starts the process `role`, under `title` in the process list, with its orders.
    pub(crate) fn start(role: &'static str, title: String, orders: &[u8], files: &[BorrowedFd<'_>]) -> Result<Self> {
        let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
        let (ours, theirs) = pair.map_err(|e| Error::sys("socketpair", role, e))?;
        fds::send(&ours, orders, files)?;
        let spawn = Spawn { title, role, link: theirs.as_fd(), input: None, stdout: false, bound: true };
        Ok(Self { child: spawn.start()?, link: ours })
    }

    /// Where the answer comes: readable once there is one, or the process has died without it.
    pub(crate) fn link(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// Waits for an answer until `deadline`.
    pub(crate) fn wait(&self, deadline: Deadline) {
        let Ok(copy) = self.link.try_clone() else { return };
        let _ = Link::new(copy).wait(deadline);
    }

    /// Ends the process, if it lives, and leaves it to be reaped.
    pub(crate) fn end(self) -> Child {
        let _ = self.child.signal(Signal::SIGKILL);
        self.child
    }
}

/// In such a process: its orders, and the link for the answer; `None` if there are none.
pub(crate) fn orders(comm: &str) -> Option<(Link, Vec<u8>, Vec<OwnedFd>)> {
    let link = Link::new(inherited(LINK_FD)?);
    set_comm(comm);
    if !link.wait(Deadline::after(PATIENCE)).unwrap_or(false) {
        return None;
    }
    let (orders, files) = fds::receive(&link, LONGEST).ok()?;
    Some((link, orders, files))
}
