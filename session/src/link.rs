//! The control socket between the supervisor and one role, and what is said on it: small, rare messages as JSON, one to
//! a packet of a `SOCK_SEQPACKET` pair. What is long goes in a sealed file beside its packet; what cannot be sent or read whole is an error on
//! either side, never a part. What must survive a crash is not here but in the control region.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::time::TimeSpec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use tricine_channel::sys::fds;
use tricine_channel::sys::sealed::{read_sealed, sealed_file};
use tricine_channel::time::Deadline;

mod messages;
mod work;

pub use messages::*;
pub use work::*;

/// The longest message in a packet, in bytes: what goes into the buffer of a socket many times over.
pub const LONGEST: usize = 1 << 14;
/// The longest message by a file in memory that nobody can change any more, in bytes.
pub const LONGEST_SEALED: u64 = 64 << 20;
/// The packet that goes with such a file: no JSON begins so.
const SEALED: &[u8] = b"#";

/// One end of a control socket.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
}

impl Link {
    /// Both ends of a new one, closed on exec.
    pub fn pair() -> Result<(Self, Self)> {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .map_err(|e| Error::sys("socketpair", "control", e))?;
        Ok((Self { socket: a }, Self { socket: b }))
    }

    /// Takes an inherited end.
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// Sends without ever blocking. Whether there was room; errors: [`Error::Disconnected`], [`Error::TooLong`].
    pub fn send(&self, message: &impl Serialize) -> Result<bool> {
        let bytes = serde_json::to_vec(message)?;
        if bytes.len() > LONGEST {
            return Err(Error::TooLong { len: bytes.len() as u64, most: LONGEST as u64 });
        }
        loop {
            match send(self.socket.as_raw_fd(), &bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Ok(_) => return Ok(true),
                Err(Errno::EAGAIN) => return Ok(false),
                Err(Errno::EINTR) => {}
                Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(Error::Disconnected),
                Err(e) => return Err(Error::sys("send", "control", e)),
            }
        }
    }

    /// As [`Link::send`], of a message of any length up to [`LONGEST_SEALED`], with descriptors: for what a supervisor says. To be heard by
    /// [`Link::hear`].
    pub fn order(&self, message: &impl Serialize, files: &[BorrowedFd<'_>]) -> Result<bool> {
        let mut bytes = serde_json::to_vec(message)?;
        let mut all = files.to_vec();
        let sealed;
        if bytes.len() > LONGEST {
            if bytes.len() as u64 > LONGEST_SEALED {
                return Err(Error::TooLong { len: bytes.len() as u64, most: LONGEST_SEALED });
            }
            sealed = sealed_file("message", &bytes)?;
            all.insert(0, sealed.as_fd());
            bytes = SEALED.to_vec();
        }
        match fds::try_send(&self.socket, &bytes, &all) {
            Err(e) if [Errno::EPIPE, Errno::ECONNRESET].iter().any(|&gone| e.raw_os_error() == Some(gone as i32)) => {
                Err(Error::Disconnected)
            }
            sent => Ok(sent?),
        }
    }

    /// The next message, if one has come; descriptors that came with it are closed. Errors: [`Error::Disconnected`] once the other end is
    /// gone and every message is read; [`Error::Message`] for one that is not understood; [`Error::TooLong`], of which nothing is heard.
    pub fn receive<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let mut buffer = [0u8; LONGEST];
        loop {
            // The length is that of the message, also where it is longer than the buffer.
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC) {
                Ok(0) => return Err(Error::Disconnected),
                Ok(n) if n > LONGEST => return Err(Error::TooLong { len: n as u64, most: LONGEST as u64 }),
                Ok(n) => return Ok(Some(serde_json::from_slice(&buffer[..n])?)),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(Errno::ECONNRESET) => return Err(Error::Disconnected),
                Err(e) => return Err(Error::sys("recv", "control", e)),
            }
        }
    }

    /// As [`Link::receive`], with the descriptors: for what a supervisor has said by [`Link::order`].
    pub fn hear<T: DeserializeOwned>(&self) -> Result<Option<(T, Vec<OwnedFd>)>> {
        let Some((bytes, mut files)) = fds::try_receive(&self.socket, LONGEST)? else { return Ok(None) };
        if bytes.is_empty() {
            return Err(Error::Disconnected);
        }
        if bytes != SEALED {
            return Ok(Some((serde_json::from_slice(&bytes)?, files)));
        }
        if files.is_empty() {
            return Err(Error::Disconnected);
        }
        let sealed = read_sealed(&files.remove(0).into(), LONGEST_SEALED)?;
        Ok(Some((serde_json::from_slice(&sealed)?, files)))
    }

    /// Sleeps until a message may be there, or `deadline`. Whether one may be there.
    pub fn wait(&self, deadline: Deadline) -> Result<bool> {
        self.await_flags(PollFlags::POLLIN, deadline)
    }

    /// Sends, and waits for room until `deadline`. Whether there was room; errors: [`Error::Disconnected`].
    pub fn send_by(&self, message: &impl Serialize, deadline: Deadline) -> Result<bool> {
        while !self.send(message)? {
            if !self.await_flags(PollFlags::POLLOUT, deadline)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn await_flags(&self, flags: PollFlags, deadline: Deadline) -> Result<bool> {
        loop {
            let mut fds = [PollFd::new(self.socket.as_fd(), flags)];
            match ppoll(&mut fds, Some(TimeSpec::from_duration(deadline.remaining())), None) {
                Ok(n) => return Ok(n > 0),
                Err(Errno::EINTR) => {}
                Err(e) => return Err(Error::sys("ppoll", "control", e)),
            }
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<Link> for OwnedFd {
    fn from(link: Link) -> Self {
        link.socket
    }
}
