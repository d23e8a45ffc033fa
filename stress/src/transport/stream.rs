//! What all byte streams have in common: a frame is written whole and read whole, by as many calls as it takes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use tricine_channel::time::Deadline;
use tricine_session::{Error, Result};

use super::{Receiver, Sender};
use crate::consumer::Intake;
use crate::producer::Work;

/// Writes frames to a descriptor, straight from where they are.
#[derive(Debug)]
pub(crate) struct StreamSender {
    file: File,
    /// The longest piece to be written at once: all of it, or what makes a message.
    piece: usize,
}

/// Reads frames from a descriptor into a buffer of its own.
#[derive(Debug)]
pub(crate) struct StreamReceiver {
    file: File,
    frame: Vec<u8>,
}

impl StreamSender {
    pub(crate) fn new(fd: OwnedFd, piece: usize) -> Self {
        // A File only for its read and write: the descriptor may be a socket just as well.
        Self { file: fd.into(), piece }
    }
}

impl Sender for StreamSender {
    fn send(&mut self, work: &mut Work, _: Deadline) -> Result<bool> {
        for piece in work.private().chunks(self.piece) {
            self.file.write_all(piece).map_err(|e| Error::sys("write", "stream", e))?;
        }
        Ok(true)
    }
}

impl StreamReceiver {
    pub(crate) fn new(fd: OwnedFd, bytes: usize) -> Self {
        Self { file: fd.into(), frame: vec![0; bytes] }
    }
}

impl Receiver for StreamReceiver {
    fn receive(&mut self, intake: &mut Intake<'_>, _: Deadline) -> Result<bool> {
        self.file.read_exact(&mut self.frame).map_err(|e| Error::sys("read", "stream", e))?;
        intake.arrived(&self.frame);
        Ok(true)
    }
}
