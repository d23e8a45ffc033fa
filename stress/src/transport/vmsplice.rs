//! A pipe to which the producer lends its pages instead of copying them: one copy, the reader's.
//!
//! A lent page must not be written before it was read. Nobody says when; but once a whole later frame is in the pipe, only
//! as much as a pipe holds can still be unread. So the producer takes turns with as many buffers as cover that.
//! Small frames are written: a page each would have to be lent, which costs more than the copy.

use std::fs::File;
use std::io::{IoSlice, Write};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SpliceFFlags, fcntl, vmsplice};
use tricine_shared::time::Deadline;
use tricine_shared::{Error, Result};

use super::pipe::widened;
use super::stream::StreamReceiver;
use super::{Ends, Prepared, Sender, Transport};
use crate::case::Case;
use crate::producer::Work;

/// The smallest frame whose pages are lent.
const PAYS: usize = 64 << 10;

/// See the module.
pub(crate) struct Vmsplice;

/// The lending end.
#[derive(Debug)]
pub(crate) struct Lender {
    pipe: File,
    buffers: usize,
}

impl Lender {
    fn new(fd: OwnedFd, bytes: usize) -> Result<Self> {
        let holds = fcntl(&fd, FcntlArg::F_GETPIPE_SZ).map_err(|e| Error::sys("fcntl", "pipe", e))?;
        Ok(Self { pipe: fd.into(), buffers: 2 + holds as usize / bytes })
    }
}

impl Sender for Lender {
    fn send(&mut self, work: &mut Work, _: Deadline) -> Result<bool> {
        let frame = work.one_of(self.buffers);
        if frame.len() < PAYS {
            self.pipe.write_all(frame).map_err(|e| Error::sys("write", "pipe", e))?;
            return Ok(true);
        }
        let mut rest = frame;
        while !rest.is_empty() {
            match vmsplice(&self.pipe, &[IoSlice::new(rest)], SpliceFFlags::empty()) {
                Ok(sent) => rest = &rest[sent..],
                Err(Errno::EINTR) => {}
                Err(e) => return Err(Error::sys("vmsplice", "pipe", e)),
            }
        }
        Ok(true)
    }
}

impl Transport for Vmsplice {
    type Sender = Lender;
    type Receiver = StreamReceiver;

    fn prepare(_: &Case, _: &str, _: u64) -> Result<Prepared> {
        let [reader, writer] = widened()?;
        Ok(Prepared { producer: vec![writer], consumer: vec![reader], ..Prepared::default() })
    }

    fn sender(case: &Case, ends: Ends) -> Result<Lender> {
        Lender::new(ends.fd()?, case.bytes)
    }

    fn receiver(case: &Case, ends: Ends) -> Result<StreamReceiver> {
        Ok(StreamReceiver::new(ends.fd()?, case.bytes))
    }
}
