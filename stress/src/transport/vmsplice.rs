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
use tricine_channel::time::Deadline;
use tricine_session::{Error, Result};

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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use crate::board::Scoreboard;

    use super::*;
    use crate::frame::{self, Stamp};
    use crate::producer::produce;

    #[test]
    fn what_was_lent_is_whole_after_the_producer_has_ended() {
        let (board, _file) = Scoreboard::create().unwrap();
        let case = Case { bytes: 70_000, frames: Some(3), warmup: 0.0, ..crate::tests::case() };
        let [reader, writer] = widened().unwrap();
        let sender = Lender::new(writer, case.bytes).unwrap();
        assert!(sender.buffers > 4, "a pipe that holds all of it is needed");
        produce(&case, sender, &board).unwrap();
        let mut reader = File::from(reader);
        let mut frame = vec![0; case.bytes];
        for seq in 0..3 {
            reader.read_exact(&mut frame).unwrap();
            assert_eq!(Stamp::read(&frame, case.seed).map(|stamp| stamp.seq), Some(seq));
            assert!(frame::whole(&frame, case.seed, seq));
        }
    }
}
