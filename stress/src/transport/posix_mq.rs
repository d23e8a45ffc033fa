//! A POSIX message queue. Frames are split into messages of the largest size that a user may have.

use crate::sys::mq::{self, MessageQueue};
use tricine_channel::time::Deadline;
use tricine_session::Result;

use super::{Ends, Prepared, Receiver, Sender, Transport};
use crate::case::Case;
use crate::consumer::Intake;
use crate::producer::Work;

/// See the module.
pub(crate) struct PosixMq;

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Joiner {
    queue: MessageQueue,
    /// A frame, and room behind it: the kernel wants room for the longest message each time.
    frame: Vec<u8>,
    bytes: usize,
}

impl Sender for MessageQueue {
    fn send(&mut self, work: &mut Work, _: Deadline) -> Result<bool> {
        let longest = self.longest();
        for part in work.private().chunks(longest) {
            MessageQueue::send(self, part)?;
        }
        Ok(true)
    }
}

impl Receiver for Joiner {
    fn receive(&mut self, intake: &mut Intake<'_>, _: Deadline) -> Result<bool> {
        let mut got = 0;
        while got < self.bytes {
            got += self.queue.receive(&mut self.frame[got..])?;
        }
        intake.arrived(&self.frame[..self.bytes]);
        Ok(true)
    }
}

impl Transport for PosixMq {
    type Sender = MessageQueue;
    type Receiver = Joiner;

    fn prepare(_: &Case, session: &str, run: u64) -> Result<Prepared> {
        let queue = mq::create(&tricine_session::NAMESPACE.object(session, &format!("mq.{run}")))?;
        let other = queue.try_clone().map_err(|e| tricine_session::Error::sys("dup", "queue", e))?;
        Ok(Prepared { producer: vec![queue], consumer: vec![other], ..Prepared::default() })
    }

    fn sender(_: &Case, ends: Ends) -> Result<MessageQueue> {
        Ok(MessageQueue::from_fd(ends.fd()?)?)
    }

    fn receiver(case: &Case, ends: Ends) -> Result<Joiner> {
        let queue = MessageQueue::from_fd(ends.fd()?)?;
        let frame = vec![0; case.bytes + queue.longest()];
        Ok(Joiner { queue, frame, bytes: case.bytes })
    }
}
