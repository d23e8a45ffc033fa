//! What a sweep needs around it: a session whose names are gone at the end, however the sweep ends.

use std::io::{PipeReader, PipeWriter, Read, pipe};
use std::time::Duration;

use tricine_channel::namespace::{self, SessionLock};
use tricine_channel::sys::shm;
use tricine_session::{Error, Result};
use tricine_stress::sys::trace::{Forked, Tie, Tracer};

/// A live session for a sweep. Its names are removed when it is dropped, and by its janitor if this process is killed.
#[derive(Debug)]
pub struct Theatre {
    /// Its name.
    pub session: String,
    _lock: SessionLock,
    // Dropped before the pipe: there is nothing left for it to do.
    _janitor: Forked,
    _hold: Option<PipeWriter>,
}

impl Theatre {
    /// Opens a session of its own name.
    pub fn open(tracer: &Tracer) -> Result<Self> {
        let session = format!("sweep-{}", namespace::random_name()?);
        let (watch, hold) = pipe().map_err(|e| Error::sys("pipe", "janitor", e))?;
        let mut hold = Some(hold);
        // Before there is a lock, which it must not inherit.
        let janitor = tracer.fork(Tie::Free, || {
            drop(hold.take());
            clean_after_the_end(&session, watch)
        })?;
        let lock = tricine_session::NAMESPACE.lock_and_link(shm::create_unnamed(1)?, &session)?;
        Ok(Self { session, _lock: lock, _janitor: janitor, _hold: hold })
    }
}

impl Drop for Theatre {
    fn drop(&mut self) {
        if let Err(e) = tricine_session::NAMESPACE.unlink_all(&self.session, |_| {}) {
            eprintln!("kill-sweep: {e}; `tricine clean` removes the names of {}", self.session);
        }
    }
}

/// The janitor: once the sweep and all that it forked are gone, so is the last writer of the pipe.
fn clean_after_the_end(session: &str, mut watch: PipeReader) -> i32 {
    let _ = watch.read_to_end(&mut Vec::new());
    // The kernel may close the pipe before it drops the lock.
    for _ in 0..1000 {
        match tricine_session::NAMESPACE.sweep_one(session, |_| {}) {
            Ok(true) => return 0,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    1
}
