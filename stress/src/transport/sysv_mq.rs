//! A System V message queue. Frames are split into messages of the largest size that the queue takes.

use crate::sys::sysv::{MessageQueue, queue_note};
use tricine_channel::sys::shm;
use tricine_channel::time::Deadline;
use tricine_session::Result;

use super::{Ends, Prepared, Receiver, Sender, Transport, Wiring};
use crate::case::Case;
use crate::consumer::Intake;
use crate::producer::Work;

/// The kernel's default of /proc/sys/kernel/msgmax.
const LONGEST: usize = 8192;

/// See the module.
pub(crate) struct SysvMq;

/// The sending end.
#[derive(Debug)]
pub(crate) struct Splitter(MessageQueue);

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Joiner {
    queue: MessageQueue,
    frame: Vec<u8>,
}

/// A queue and the note by which it is found if we are killed: it has no name, and outlives everybody.
struct Noted {
    queue: MessageQueue,
    note: String,
}

impl Noted {
    fn create(session: &str) -> Result<Self> {
        let queue = MessageQueue::create(LONGEST)?;
        let note = queue_note(session, queue.id());
        shm::link(&shm::create_unnamed(1)?, &note)?;
        Ok(Self { queue, note })
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        MessageQueue::remove(self.queue.id());
        // What cannot be removed now is swept with the session.
        let _ = shm::unlink(&self.note);
    }
}

impl Sender for Splitter {
    fn send(&mut self, work: &mut Work, _: Deadline) -> Result<bool> {
        for part in work.private().chunks(LONGEST) {
            // Without a message only if a signal came.
            while !self.0.send(part, true)? {}
        }
        Ok(true)
    }
}

impl Receiver for Joiner {
    fn receive(&mut self, intake: &mut Intake<'_>, _: Deadline) -> Result<bool> {
        let mut got = 0;
        while got < self.frame.len() {
            got += self.queue.receive(&mut self.frame[got..], true)?.unwrap_or(0);
        }
        intake.arrived(&self.frame);
        Ok(true)
    }
}

impl Transport for SysvMq {
    type Sender = Splitter;
    type Receiver = Joiner;

    fn prepare(_: &Case, session: &str, _: u64) -> Result<Prepared> {
        let queue = Noted::create(session)?;
        let wiring = Wiring { number: queue.queue.id() as u64, ..Wiring::default() };
        Ok(Prepared { wiring, _keep: Some(Box::new(queue)), ..Prepared::default() })
    }

    fn sender(_: &Case, ends: Ends) -> Result<Splitter> {
        Ok(Splitter(MessageQueue::open(ends.wiring.number as i32, LONGEST)))
    }

    fn receiver(case: &Case, ends: Ends) -> Result<Joiner> {
        let queue = MessageQueue::open(ends.wiring.number as i32, LONGEST);
        Ok(Joiner { queue, frame: vec![0; case.bytes] })
    }
}
