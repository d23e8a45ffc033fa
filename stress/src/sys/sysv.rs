//! System V message queues and shared memory, which have numbers instead of names and descriptors, and outlive everybody
//! unless they are removed.

use std::io;

use tricine_channel::error::{Error, Result};
use tricine_session::NAMESPACE;

/// The name that reminds whoever sweeps `session` of a message queue, which has none: that of an empty object.
pub fn queue_note(session: &str, id: i32) -> String {
    NAMESPACE.object(session, &format!("queue-{id}"))
}

/// Removes the message queue that an object is a note of, if it is one: for [`tricine_channel::namespace::Namespace::sweep`].
pub fn forget(object: &str) {
    if let Some(id) = object.rsplit_once(".queue-").and_then(|(_, id)| id.parse().ok()) {
        MessageQueue::remove(id);
    }
}

/// A message queue. It is removed when its maker drops it; a process that opened it by number does not own it.
#[derive(Debug)]
pub struct MessageQueue {
    id: i32,
    owner: bool,
    /// `struct msgbuf`: a type, which must be positive, then the text.
    buffer: Vec<libc::c_long>,
}

/// Bytes of a message's type, in front of its text.
const TYPE_LEN: usize = size_of::<libc::c_long>();

impl MessageQueue {
    /// Makes a queue that nobody else can find.
    pub fn create(longest: usize) -> Result<Self> {
        // SAFETY: plain integers.
        let id = unsafe { libc::msgget(libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600) };
        if id < 0 {
            return Err(Error::sys("msgget", "a new queue", io::Error::last_os_error()));
        }
        let mut queue = Self::open(id, longest);
        queue.owner = true;
        Ok(queue)
    }

    /// Takes up the queue with this number, for messages of at most `longest` bytes.
    pub fn open(id: i32, longest: usize) -> Self {
        Self { id, owner: false, buffer: vec![1; 1 + longest.div_ceil(TYPE_LEN)] }
    }

    /// Its number.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// How many bytes of messages it holds at most.
    pub fn capacity(&self) -> Result<usize> {
        // SAFETY: zeroed is a valid msqid_ds, and IPC_STAT fills it.
        let (failed, state) = unsafe {
            let mut state: libc::msqid_ds = std::mem::zeroed();
            (libc::msgctl(self.id, libc::IPC_STAT, &mut state), state)
        };
        if failed < 0 {
            return Err(Error::sys("msgctl", self.id.to_string(), io::Error::last_os_error()));
        }
        Ok(state.msg_qbytes as usize)
    }

    /// Sends one message; waits for room if `wait`. Whether it was sent.
    pub fn send(&mut self, text: &[u8], wait: bool) -> Result<bool> {
        assert!(text.len() <= (self.buffer.len() - 1) * TYPE_LEN, "longer than the queue was opened for");
        let flags = if wait { 0 } else { libc::IPC_NOWAIT };
        self.buffer[0] = 1;
        // SAFETY: the text fits behind the type, just checked; the buffer is ours alone; the result is checked.
        let sent = unsafe {
            let at = self.buffer.as_mut_ptr().add(1).cast::<u8>();
            std::ptr::copy_nonoverlapping(text.as_ptr(), at, text.len());
            libc::msgsnd(self.id, self.buffer.as_ptr().cast(), text.len(), flags)
        };
        self.done(sent as isize, "msgsnd").map(|n| n.is_some())
    }

    /// Receives one message into `text`; waits for one if `wait`. Its length, `None` if there was none.
    pub fn receive(&mut self, text: &mut [u8], wait: bool) -> Result<Option<usize>> {
        let flags = if wait { 0 } else { libc::IPC_NOWAIT };
        let room = ((self.buffer.len() - 1) * TYPE_LEN).min(text.len());
        // SAFETY: the kernel writes the type and at most `room` bytes behind it, which the buffer has; then as many as
        // arrived are copied out, and `text` has at least that many.
        let got = unsafe {
            let got = libc::msgrcv(self.id, self.buffer.as_mut_ptr().cast(), room, 0, flags);
            if got > 0 {
                let at = self.buffer.as_ptr().add(1).cast::<u8>();
                std::ptr::copy_nonoverlapping(at, text.as_mut_ptr(), got as usize);
            }
            got
        };
        self.done(got, "msgrcv")
    }

    fn done(&self, result: isize, call: &'static str) -> Result<Option<usize>> {
        if result >= 0 {
            return Ok(Some(result as usize));
        }
        match io::Error::last_os_error() {
            e if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::ENOMSG | libc::EINTR)) => Ok(None),
            e => Err(Error::sys(call, self.id.to_string(), e)),
        }
    }

    /// Removes the queue with this number; one that is gone already is no error.
    pub fn remove(id: i32) {
        // SAFETY: plain integers; IPC_RMID reads no third argument.
        unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

impl Drop for MessageQueue {
    fn drop(&mut self) {
        if self.owner {
            Self::remove(self.id);
        }
    }
}

/// A System V segment, attached.
#[derive(Debug)]
pub struct Segment {
    id: i32,
    start: *mut u8,
    len: usize,
}

// SAFETY: an address range that any thread may use; access is as the users of `start` argue.
unsafe impl Send for Segment {}

impl Segment {
    /// Makes a segment, attaches it and marks it for removal at once: it lives as long as somebody has it attached, and
    /// nothing of it can be left behind.
    pub fn create(len: usize) -> Result<Self> {
        // SAFETY: plain integers.
        let id = unsafe { libc::shmget(libc::IPC_PRIVATE, len, libc::IPC_CREAT | 0o600) };
        if id < 0 {
            return Err(Error::sys("shmget", format!("{len} bytes"), io::Error::last_os_error()));
        }
        let attached = Self::attach(id, len);
        // SAFETY: as above; IPC_RMID reads no third argument.
        unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
        attached
    }

    /// Attaches the segment with this number, which has at least `len` bytes. (Linux allows that also after its removal
    /// was asked for, as long as somebody else has it attached.)
    pub fn attach(id: i32, len: usize) -> Result<Self> {
        // SAFETY: the kernel chooses an unused range; the result is checked.
        let (start, failed, state) = unsafe {
            let mut state: libc::shmid_ds = std::mem::zeroed();
            let start = libc::shmat(id, std::ptr::null(), 0);
            (start, libc::shmctl(id, libc::IPC_STAT, &mut state), state)
        };
        if start as isize == -1 || failed < 0 {
            return Err(Error::sys("shmat", id.to_string(), io::Error::last_os_error()));
        }
        let segment = Self { id, start: start.cast(), len };
        if state.shm_segsz < len {
            let (found, wanted) = (state.shm_segsz as u64, len as u64);
            return Err(Error::Layout { object: id.to_string(), what: "segment size", found, wanted });
        }
        Ok(segment)
    }

    /// Its number.
    pub fn id(&self) -> i32 {
        self.id
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.start
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: attached once, detached once.
        unsafe { libc::shmdt(self.start.cast()) };
    }
}

#[cfg(test)]
mod tests {
    use tricine_channel::sys::shm;

    use super::*;

    #[test]
    fn a_message_arrives_whole_and_an_empty_queue_says_so() {
        let mut queue = MessageQueue::create(64).unwrap();
        let mut other = MessageQueue::open(queue.id(), 64);
        assert!(queue.send(b"a frame's part", true).unwrap());
        let mut text = [0; 64];
        assert_eq!(other.receive(&mut text, true).unwrap(), Some(14));
        assert_eq!(&text[..14], b"a frame's part");
        assert_eq!(other.receive(&mut text, false).unwrap(), None);
        assert!(queue.capacity().unwrap() >= 64);
        let id = queue.id();
        drop(queue);
        assert!(MessageQueue::open(id, 64).send(b"x", false).is_err());
    }

    #[test]
    fn a_segment_is_gone_with_its_last_user() {
        let segment = Segment::create(8192).unwrap();
        let id = segment.id();
        let second = Segment::attach(id, 8192).unwrap();
        assert!(Segment::attach(id, 1 << 30).is_err());
        drop((segment, second));
        assert!(Segment::attach(id, 8192).is_err());
    }

    #[test]
    fn a_message_queue_is_swept_with_its_session() {
        let session = format!("queue-test-{}", std::process::id());
        let queue = MessageQueue::create(64).unwrap();
        let (id, name) = (queue.id(), queue_note(&session, queue.id()));
        shm::link(&shm::create_unnamed(1).unwrap(), &name).unwrap();
        // Its maker is killed.
        std::mem::forget(queue);
        assert!(NAMESPACE.sweep_one(&session, forget).unwrap());
        assert!(MessageQueue::open(id, 64).send(b"x", false).is_err());
        assert_eq!(shm::open_named(&name, false).unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
}
