//! POSIX message queues. A queue is a descriptor on Linux, so it loses its name as soon as it is made.

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

use nix::errno::Errno;
use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_close, mq_getattr, mq_open, mq_receive, mq_send, mq_unlink};
use nix::sys::stat::Mode;

use tricine_channel::error::{Error, Result};

/// A message queue, open in this process.
#[derive(Debug)]
pub struct MessageQueue {
    queue: Option<MqdT>,
    longest: usize,
}

/// What the kernel lets a user without privileges have: messages a queue, and bytes a message.
pub fn limits() -> io::Result<(usize, usize)> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/fs/mqueue/{name}"))?;
        text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
    };
    Ok((read("msg_max")?, read("msgsize_max")?))
}

/// Makes a queue of the largest size allowed, and removes its name at once.
pub fn create(name: &str) -> Result<OwnedFd> {
    let path = CString::new(format!("/{name}")).map_err(|_| Error::sys("mq_open", name, Errno::EINVAL))?;
    let (count, len) = limits().map_err(|e| Error::sys("open", "/proc/sys/fs/mqueue", e))?;
    let attributes = MqAttr::new(0, count as i64, len as i64, 0);
    let flags = MQ_OFlag::O_RDWR | MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_CLOEXEC;
    let queue = mq_open(path.as_c_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR, Some(&attributes))
        .map_err(|e| Error::sys("mq_open", name, e))?;
    mq_unlink(path.as_c_str()).map_err(|e| Error::sys("mq_unlink", name, e))?;
    // SAFETY: a Linux mqd_t is a descriptor, and we give up the one owner that it had.
    Ok(unsafe { OwnedFd::from_raw_fd(queue.into_raw_fd()) })
}

impl MessageQueue {
    /// Takes up a queue that was inherited.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        // SAFETY: the descriptor is owned, and ownership goes over to the MqdT. If it is no queue, mq_getattr says so.
        let queue = unsafe { MqdT::from_raw_fd(fd.into_raw_fd()) };
        let attributes = mq_getattr(&queue).map_err(|e| Error::sys("mq_getattr", "queue", e))?;
        Ok(Self { queue: Some(queue), longest: attributes.msgsize() as usize })
    }

    /// Bytes of the longest message.
    pub fn longest(&self) -> usize {
        self.longest
    }

    fn queue(&self) -> Result<&MqdT> {
        self.queue.as_ref().ok_or_else(|| Error::sys("mq_open", "a queue that is closed", nix::Error::EBADF))
    }

    /// Sends one message; waits for room.
    pub fn send(&self, text: &[u8]) -> Result<()> {
        loop {
            match mq_send(self.queue()?, text, 0) {
                Ok(()) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(e) => return Err(Error::sys("mq_send", "queue", e)),
            }
        }
    }

    /// Waits for one message; `text` has to have room for the longest. Its length.
    pub fn receive(&self, text: &mut [u8]) -> Result<usize> {
        let mut priority = 0;
        loop {
            match mq_receive(self.queue()?, text, &mut priority) {
                Ok(len) => return Ok(len),
                Err(Errno::EINTR) => {}
                Err(e) => return Err(Error::sys("mq_receive", "queue", e)),
            }
        }
    }
}

impl Drop for MessageQueue {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            let _ = mq_close(queue);
        }
    }
}
