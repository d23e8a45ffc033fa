//! A Unix stream socket.

use std::os::fd::{AsFd, OwnedFd};

use nix::sys::socket::sockopt::{RcvBuf, SndBuf};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair};
use tricine_session::{Error, Result};

use super::stream::{StreamReceiver, StreamSender};
use super::{Ends, Prepared, Transport};
use crate::case::Case;

/// Bytes to ask for on the way; the kernel gives what `wmem_max` allows.
const BUFFER: usize = 1 << 20;

/// See the module.
pub(crate) struct Unix;

/// Makes a socket's buffers large, as far as that is allowed: the default means a switch of processes every 208 KiB.
pub(super) fn widen(socket: impl AsFd) {
    let _ = setsockopt(&socket, SndBuf, &BUFFER);
    let _ = setsockopt(&socket, RcvBuf, &BUFFER);
}

/// A connected pair of Unix sockets.
pub(super) fn pair(kind: SockType) -> Result<[OwnedFd; 2]> {
    let (a, b) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)
        .map_err(|e| Error::sys("socketpair", "socket", e))?;
    widen(&a);
    widen(&b);
    Ok([a, b])
}

impl Transport for Unix {
    type Sender = StreamSender;
    type Receiver = StreamReceiver;

    fn prepare(_: &Case, _: &str, _: u64) -> Result<Prepared> {
        let [a, b] = pair(SockType::Stream)?;
        Ok(Prepared { producer: vec![a], consumer: vec![b], ..Prepared::default() })
    }

    fn sender(_: &Case, ends: Ends) -> Result<StreamSender> {
        Ok(StreamSender::new(ends.fd()?, usize::MAX))
    }

    fn receiver(case: &Case, ends: Ends) -> Result<StreamReceiver> {
        Ok(StreamReceiver::new(ends.fd()?, case.bytes))
    }
}
