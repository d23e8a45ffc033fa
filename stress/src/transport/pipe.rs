//! An anonymous pipe. Each frame is copied twice: into the kernel's pages and out of them.

use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tricine_session::{Error, Result};

use super::stream::{StreamReceiver, StreamSender};
use super::{Ends, Prepared, Transport};
use crate::case::Case;

/// The size of pipe to ask for: what a user without privileges may have. The default, 64 KiB, means a switch of
/// processes for every 64 KiB.
pub(super) const WANTED: i32 = 1 << 20;

/// See the module.
pub(crate) struct Pipe;

/// Makes a pipe as large as it may be; what can be had is had.
pub(super) fn widened() -> Result<[OwnedFd; 2]> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|e| Error::sys("pipe2", "pipe", e))?;
    let _ = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(WANTED));
    Ok([reader, writer])
}

impl Transport for Pipe {
    type Sender = StreamSender;
    type Receiver = StreamReceiver;

    fn prepare(_: &Case, _: &str, _: u64) -> Result<Prepared> {
        let [reader, writer] = widened()?;
        Ok(Prepared { producer: vec![writer], consumer: vec![reader], ..Prepared::default() })
    }

    fn sender(_: &Case, ends: Ends) -> Result<StreamSender> {
        Ok(StreamSender::new(ends.fd()?, usize::MAX))
    }

    fn receiver(case: &Case, ends: Ends) -> Result<StreamReceiver> {
        Ok(StreamReceiver::new(ends.fd()?, case.bytes))
    }
}
