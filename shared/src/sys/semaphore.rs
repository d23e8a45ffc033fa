//! POSIX named semaphores, the files `sem.NAME` that `sem_open` opens, through libc, since nix has none.
//!
//! Posts and waits are our own, on the semaphore as glibc lays it out (since 2.21: one 64-bit word, the value in its lower
//! half, the number of sleepers in its upper), and mix freely with those of any other program. For glibc's take the flags
//! of their futex calls from the shared memory, and end the process if the kernel does not know them: a hostile peer could
//! have them abort anybody who posts, the supervisor as well. Here the peer's bytes are a count of tokens, and nothing else.
//!
//! A semaphore is made like any other shared object (see [`super::shm`]): unnamed, initialised, then linked.
//! `sem_open(O_CREAT)` would leave its temporary `sem.XXXXXX` behind when killed. It is opened as `sem_open` does it, by mapping
//! the file, but for a look at what was opened: `sem_open` accepts an empty file, and dies of it at the first post.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::shm::{self, Mapping};
use crate::error::{Error, Result};
use crate::time::{Deadline, NS_PER_S};

#[cfg(not(all(target_env = "gnu", target_pointer_width = "64", target_endian = "little")))]
compile_error!("the layout of semaphores is known for 64-bit little-endian glibc alone");

/// One sleeper, in the upper half of the word.
const SLEEPER: u64 = 1 << 32;
/// The value, in the lower half.
const TOKENS: u64 = SLEEPER - 1;

/// More tokens than any channel has slots for are a peer's lie: nobody is to work off four thousand million of them.
const MOST: u64 = 1 << 10;

/// A named semaphore, open in this process. It is a doorbell: it wakes, it owns nothing.
#[derive(Debug)]
pub struct Semaphore {
    map: Mapping,
    name: String,
}

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

    /// Opens the semaphore `name` (without a slash). An empty, foreign or wrongly sized file is refused.
    pub fn open(name: &str) -> Result<Self> {
        Self::on(&shm::open_named(&format!("sem.{name}"), true)?, name)
    }

    /// The semaphore in this file, which somebody has opened by its `name`. Errors as for [`Semaphore::open`].
    pub fn on(file: &std::fs::File, name: &str) -> Result<Self> {
        let len = file.metadata().map_err(|e| Error::sys("fstat", name, e))?.size();
        if len != size_of::<libc::sem_t>() as u64 {
            return Err(Error::Layout {
                object: name.into(),
                what: "semaphore size",
                found: len,
                wanted: size_of::<libc::sem_t>() as u64,
            });
        }
        let map = shm::map(file, 0, size_of::<libc::sem_t>(), true, name)?;
        Ok(Self { map, name: name.into() })
    }

    /// Value and sleepers.
    #[inline]
    fn word(&self) -> &AtomicU64 {
        // A sem_t begins with this word, which every process changes atomically.
        shm::page_ref(&self.map, 0)
    }

    /// Removes the name; processes that have it open keep it.
    pub fn unlink(name: &str) -> Result<()> {
        shm::unlink(&format!("sem.{name}"))
    }

    /// Rings: adds one token, wakes one sleeper if there is one. Enters the kernel only to wake.
    #[inline]
    pub fn post(&self) {
        let mut word = self.word().load(Relaxed);
        loop {
            // The bell has rung two thousand million times unheard: once more would say nothing new.
            if word as u32 >= libc::c_int::MAX as u32 {
                return;
            }
            // Release: who takes the token sees what was done before; pairs with the Acquire of a wait.
            match self.word().compare_exchange_weak(word, word + 1, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        if word >= SLEEPER {
            // Waking can fail only if nobody can sleep there.
            let _ = self.futex(libc::FUTEX_WAKE, 1, std::ptr::null());
        }
    }

    /// Takes a token without waiting. Whether there was one.
    #[inline]
    pub fn try_wait(&self) -> bool {
        self.take(0)
    }

    /// Takes a token, and one from the count of sleepers if `sleeper` says so. Whether there was one.
    #[inline]
    fn take(&self, sleeper: u64) -> bool {
        let mut word = self.word().load(Relaxed);
        while word as u32 != 0 {
            // Who sleeps may have been overwritten meanwhile. A count below none would make every later sleeper invisible.
            let sleepers = (word & !TOKENS).saturating_sub(sleeper);
            let left = ((word & TOKENS) - 1).min(MOST);
            // Acquire: pairs with the Release in post().
            match self.word().compare_exchange_weak(word, sleepers | left, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Waits for a token until `deadline`. Whether there was one. A signal handler's EINTR goes on waiting.
    #[inline]
    pub fn wait(&self, deadline: Deadline) -> Result<bool> {
        if self.try_wait() {
            return Ok(true);
        }
        if deadline == Deadline::NOW { Ok(false) } else { self.sleep(deadline) }
    }

    fn sleep(&self, deadline: Deadline) -> Result<bool> {
        let at = libc::timespec {
            tv_sec: (deadline.ns() / NS_PER_S) as libc::time_t,
            tv_nsec: (deadline.ns() % NS_PER_S) as libc::c_long,
        };
        // From here on a post enters the kernel. Relaxed: the kernel looks at the value again before it lets us sleep.
        self.word().fetch_add(SLEEPER, Relaxed);
        let slept = loop {
            if self.take(SLEEPER) {
                return Ok(true);
            }
            // An absolute time, on CLOCK_MONOTONIC since no flag says otherwise; sleeps only while the value is 0.
            match self.futex(libc::FUTEX_WAIT_BITSET, 0, &at) {
                Ok(()) => {}
                Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => {}
                Err(e) if e.raw_os_error() == Some(libc::ETIMEDOUT) => break Ok(false),
                Err(e) => break Err(Error::sys("futex", self.name.as_str(), e)),
            }
        };
        let awake = |word: u64| Some((word & !TOKENS).saturating_sub(SLEEPER) | word & TOKENS);
        let _ = self.word().fetch_update(Relaxed, Relaxed, awake);
        slept
    }

    /// The futex is the lower half of the word: the value.
    fn futex(&self, operation: libc::c_int, value: u32, until: *const libc::timespec) -> io::Result<()> {
        let (none, any) = (std::ptr::null::<u32>(), u32::MAX);
        let word = self.word().as_ptr().cast::<u32>();
        // SAFETY: an aligned address in a mapping of ours, and a timespec that outlives the call or none.
        let done = unsafe { libc::syscall(libc::SYS_futex, word, operation, value, until, none, any) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// How many tokens it holds; for people to look at, since it is outdated when it is read.
    pub fn value(&self) -> i32 {
        (self.word().load(Relaxed) & TOKENS) as i32
    }
}
