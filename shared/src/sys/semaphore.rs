//! POSIX named semaphores: `sem_open` and its family through libc, since nix has none.
//!
//! A semaphore is made like any other shared object (see [`super::shm`]): unnamed, initialised, then linked.
//! `sem_open(O_CREAT)` would leave its temporary `sem.XXXXXX` behind when killed, and accepts an empty file.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::shm;
use crate::error::{Error, Result};
use crate::time::Deadline;

unsafe extern "C" {
    /// glibc ≥ 2.30; the libc crate does not bind it.
    fn sem_clockwait(sem: *mut libc::sem_t, clock: libc::clockid_t, deadline: *const libc::timespec) -> libc::c_int;
}

/// A named semaphore, open in this process. It is a doorbell: it wakes, it owns nothing.
#[derive(Debug)]
pub struct Semaphore {
    raw: *mut libc::sem_t,
    name: String,
}

// SAFETY: a process-shared sem_t is made to be used from any thread of any process; we only ever pass its address.
unsafe impl Send for Semaphore {}
// SAFETY: as above; sem_post, sem_wait and sem_getvalue are thread-safe.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// Makes the semaphore `name` (without a slash) with the given value, mode 0600. Fails if the name exists.
    pub fn create(name: &str, value: u32) -> Result<()> {
        let file = shm::create_unnamed(size_of::<libc::sem_t>() as u64)?;
        let map = shm::map(&file, 0, size_of::<libc::sem_t>(), true, name)?;
        // SAFETY: the mapping is page-aligned, holds a whole sem_t, and nobody else can see it yet.
        if unsafe { libc::sem_init(map.as_mut_ptr().cast(), 1, value) } != 0 {
            return Err(Error::sys("sem_init", name, io::Error::last_os_error()));
        }
        shm::link(&file, &format!("sem.{name}"))
    }

    /// Opens the semaphore `name` (without a slash). An empty, foreign or wrongly sized file is refused, which
    /// `sem_open` alone would accept and then die of.
    pub fn open(name: &str) -> Result<Self> {
        let file = shm::open_named(&format!("sem.{name}"), true)?;
        let len = file.metadata().map_err(|e| Error::sys("fstat", name, e))?.size();
        if len != size_of::<libc::sem_t>() as u64 {
            return Err(Error::Layout {
                object: name.into(),
                what: "semaphore size",
                found: len,
                wanted: size_of::<libc::sem_t>() as u64,
            });
        }
        let path = CString::new(format!("/{name}")).map_err(|_| Error::SessionName(name.into()))?;
        // SAFETY: a valid C string; without O_CREAT no further argument is read.
        let raw = unsafe { libc::sem_open(path.as_ptr(), 0) };
        if raw == libc::SEM_FAILED {
            return Err(Error::sys("sem_open", name, io::Error::last_os_error()));
        }
        Ok(Self { raw, name: name.into() })
    }

    /// Removes the name; processes that have it open keep it.
    pub fn unlink(name: &str) -> Result<()> {
        shm::unlink(&format!("sem.{name}"))
    }

    /// Rings: adds one token, wakes one sleeper if there is one. Enters the kernel only to wake.
    #[inline]
    pub fn post(&self) {
        // SAFETY: `raw` came from sem_open and lives as long as self. The one error a valid semaphore has is EOVERFLOW:
        // the bell has rung two thousand million times unheard, and one more would say nothing new.
        unsafe { libc::sem_post(self.raw) };
    }

    /// Takes a token without waiting. Whether there was one.
    #[inline]
    pub fn try_wait(&self) -> bool {
        // SAFETY: as in post.
        unsafe { libc::sem_trywait(self.raw) == 0 }
    }

    /// Waits for a token until `deadline`. Whether there was one. A signal handler's EINTR goes on waiting.
    #[inline]
    pub fn wait(&self, deadline: Deadline) -> Result<bool> {
        if self.try_wait() {
            return Ok(true);
        }
        let at = libc::timespec {
            tv_sec: (deadline.ns() / crate::time::NS_PER_S) as libc::time_t,
            tv_nsec: (deadline.ns() % crate::time::NS_PER_S) as libc::c_long,
        };
        loop {
            // SAFETY: as in post; `at` is a normalised timespec that outlives the call.
            if unsafe { sem_clockwait(self.raw, libc::CLOCK_MONOTONIC, &at) } == 0 {
                return Ok(true);
            }
            match io::Error::last_os_error() {
                e if e.raw_os_error() == Some(libc::ETIMEDOUT) => return Ok(false),
                e if e.raw_os_error() == Some(libc::EINTR) => {}
                e => return Err(Error::sys("sem_clockwait", self.name.as_str(), e)),
            }
        }
    }

    /// How many tokens it holds; for people to look at, since it is outdated when it is read.
    pub fn value(&self) -> i32 {
        let mut value = 0;
        // SAFETY: as in post; `value` is a valid place for the result.
        unsafe { libc::sem_getvalue(self.raw, &mut value) };
        value
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once.
        unsafe { libc::sem_close(self.raw) };
    }
}
