//! Passing open descriptors from process to process, with a message, over a `SOCK_SEQPACKET` socket; and named pipes that
//! nobody writes to yet.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use crate::error::{Error, Result};

/// The most descriptors that go with one message.
pub const MAX: usize = 32;

/// Sends one message and copies of `fds` with it; at most [`MAX`] of them.
pub fn send(socket: impl AsFd, message: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    transmit(socket, message, fds, MsgFlags::empty()).map_err(|e| Error::sys("sendmsg", "control socket", e))
}

/// As [`send`], without ever waiting for room. Whether there was room.
pub fn try_send(socket: impl AsFd, message: &[u8], fds: &[BorrowedFd<'_>]) -> Result<bool> {
    match transmit(socket, message, fds, MsgFlags::MSG_DONTWAIT) {
        Ok(()) => Ok(true),
        Err(Errno::EAGAIN) => Ok(false),
        Err(e) => Err(Error::sys("sendmsg", "control socket", e)),
    }
}

fn transmit(socket: impl AsFd, message: &[u8], fds: &[BorrowedFd<'_>], flags: MsgFlags) -> nix::Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let control = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &control[..] };
    loop {
        let socket = socket.as_fd().as_raw_fd();
        match sendmsg::<()>(socket, &[IoSlice::new(message)], control, MsgFlags::MSG_NOSIGNAL | flags, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e),
        }
    }
}

/// Receives one message of at most `limit` bytes, and the descriptors that came with it, closed on exec. An empty message
/// without descriptors means that the other end is gone.
pub fn receive(socket: impl AsFd, limit: usize) -> Result<(Vec<u8>, Vec<OwnedFd>)> {
    take(socket, limit, MsgFlags::empty()).map_err(|e| Error::sys("recvmsg", "control socket", e))
}

/// As [`receive`], without waiting: `None` if nothing has come. A message that was cut, of its bytes or of its descriptors, is an error
/// (EMSGSIZE).
pub fn try_receive(socket: impl AsFd, limit: usize) -> Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    match take(socket, limit, MsgFlags::MSG_DONTWAIT) {
        Ok(got) => Ok(Some(got)),
        Err(Errno::EAGAIN) => Ok(None),
        Err(e) => Err(Error::sys("recvmsg", "control socket", e)),
    }
}

fn take(socket: impl AsFd, limit: usize, flags: MsgFlags) -> nix::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; limit];
    let mut space = nix::cmsg_space!([RawFd; MAX]);
    let mut fds = Vec::new();
    let len = loop {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let socket = socket.as_fd().as_raw_fd();
        match recvmsg::<()>(socket, &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC | flags) {
            Ok(got) => {
                let cut = got.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC);
                // None where it was cut: then there is nothing to be had but the error.
                let control = got.cmsgs().map(|control| control.collect::<Vec<_>>()).unwrap_or_default();
                for message in control {
                    if let ControlMessageOwned::ScmRights(raw) = message {
                        // SAFETY: the kernel has just made these descriptors for us; nobody else knows of them.
                        fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                    }
                }
                if cut {
                    return Err(Errno::EMSGSIZE);
                }
                break got.bytes;
            }
            // It died without having read what we sent.
            Err(Errno::ECONNRESET) => break 0,
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e),
        }
    };
    bytes.truncate(len);
    Ok((bytes, fds))
}

/// Opens a named pipe or a device for reading, without waiting for somebody to write to it; reading does wait, once
/// [`await_writer`] has.
pub fn open_stream(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(file)
}

/// Waits until there is something to read, or an end: a named pipe that was opened without a writer would otherwise be
/// at its end before it has begun.
pub fn await_writer(stream: impl AsFd) -> std::io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
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
