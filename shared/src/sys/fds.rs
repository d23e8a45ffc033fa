//! Passing open descriptors from process to process, with a message, over a `SOCK_SEQPACKET` socket.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use crate::error::{Error, Result};

/// The most descriptors that go with one message.
pub const MAX: usize = 8;

/// Sends one message and copies of `fds` with it; at most [`MAX`] of them.
pub fn send(socket: impl AsFd, message: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let control = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &control[..] };
    loop {
        let socket = socket.as_fd().as_raw_fd();
        match sendmsg::<()>(socket, &[IoSlice::new(message)], control, MsgFlags::MSG_NOSIGNAL, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(Error::sys("sendmsg", "control socket", e)),
        }
    }
}

/// Receives one message of at most `limit` bytes, and the descriptors that came with it, closed on exec. An empty message
/// without descriptors means that the other end is gone.
pub fn receive(socket: impl AsFd, limit: usize) -> Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; limit];
    let mut space = nix::cmsg_space!([RawFd; MAX]);
    let mut fds = Vec::new();
    let len = loop {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let socket = socket.as_fd().as_raw_fd();
        match recvmsg::<()>(socket, &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC) {
            Ok(got) => {
                let control = got.cmsgs().map_err(|e| Error::sys("recvmsg", "control socket", e))?;
                for message in control {
                    if let ControlMessageOwned::ScmRights(raw) = message {
                        // SAFETY: the kernel has just made these descriptors for us; nobody else knows of them.
                        fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                    }
                }
                break got.bytes;
            }
            // It died without having read what we sent.
            Err(Errno::ECONNRESET) => break 0,
            Err(Errno::EINTR) => {}
            Err(e) => return Err(Error::sys("recvmsg", "control socket", e)),
        }
    };
    bytes.truncate(len);
    Ok((bytes, fds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use std::io::{Read, Seek, Write};

    #[test]
    fn a_file_arrives_with_its_message() {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let mut file = tempfile_in_memory();
        file.write_all(b"frame").unwrap();
        send(&a, b"here", &[file.as_fd()]).unwrap();
        send(&a, b"alone", &[]).unwrap();
        let (bytes, mut fds) = receive(&b, 64).unwrap();
        assert_eq!((bytes.as_slice(), fds.len()), (&b"here"[..], 1));
        let mut copy = std::fs::File::from(fds.remove(0));
        copy.rewind().unwrap();
        let mut text = String::new();
        copy.read_to_string(&mut text).unwrap();
        assert_eq!(text, "frame");
        assert_eq!(receive(&b, 64).unwrap().0, b"alone");
        drop(a);
        assert!(receive(&b, 64).unwrap().0.is_empty());
    }

    #[test]
    fn an_end_that_died_before_it_read_is_gone_and_no_error() {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        send(&a, b"orders", &[]).unwrap();
        drop(b);
        assert!(receive(&a, 64).unwrap().0.is_empty());
    }

    fn tempfile_in_memory() -> std::fs::File {
        super::super::process::memory_file("fds-test", b"").unwrap()
    }
}
