//! Doorbells to compare the named semaphore with: a count in shared memory, and three ways to sleep until it is not zero.
//!
//! Each is what an expert would make of its mechanism: the count alone tells whether there is a token, so ringing
//! enters the kernel only if somebody has said that it is going to sleep. They serve measurements; a channel that is
//! recovered by name has semaphores.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, fence};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use tricine_channel::channel::Doorbell;
use tricine_channel::error::{Error, Result};
use tricine_channel::sys::{futex, shm};
use tricine_channel::time::Deadline;

/// Bytes of shared memory that a pair of bells takes.
pub const MEMORY_LEN: usize = 4096;

tricine_channel::shared_words! {
    /// One bell's words. The rest of its half page belongs to its sleeper.
    #[derive(Debug)]
    #[repr(C, align(128))]
    struct Words {
        tokens: AtomicU32,
        sleepers: AtomicU32,
    }
}

/// A way to sleep until somebody wakes.
pub trait Sleeper: Sized {
    /// Sleeps while `tokens` is 0, until woken or `deadline`; may return at any time.
    fn sleep(&self, tokens: &AtomicU32, deadline: Deadline) -> Result<()>;
    /// Wakes one who sleeps.
    fn wake(&self, tokens: &AtomicU32);
}

/// A doorbell in shared memory.
#[derive(Debug)]
pub struct Bell<S> {
    // In front of the memory, so that it is dropped first: a RawSync points into that.
    sleeper: S,
    memory: shm::Mapping,
    offset: usize,
}

/// Which bell of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The producer's.
    Empty,
    /// The consumer's.
    Filled,
}

impl Which {
    fn offset(self) -> usize {
        if self == Self::Empty { 0 } else { MEMORY_LEN / 2 }
    }
}

impl<S> Bell<S> {
    fn words(&self) -> &Words {
        shm::page_ref(&self.memory, self.offset)
    }

    fn with(memory: &File, which: Which, sleeper: S) -> Result<Self> {
        let memory = shm::map(memory, 0, MEMORY_LEN, true, "bells")?;
        Ok(Self { sleeper, memory, offset: which.offset() })
    }
}

impl<S: Sleeper> Doorbell for Bell<S> {
    #[inline]
    fn post(&self) {
        let words = self.words();
        // SeqCst: the token comes before our look at the sleepers, and a sleeper's word before its last look at the
        // tokens: one of us sees the other.
        words.tokens.fetch_add(1, SeqCst);
        if words.sleepers.load(SeqCst) != 0 {
            self.sleeper.wake(&words.tokens);
        }
    }

    #[inline]
    fn try_wait(&self) -> bool {
        let tokens = &self.words().tokens;
        let mut count = tokens.load(Relaxed);
        while count > 0 {
            // Acquire: as with a semaphore, who takes a token sees what came before it was given.
            match tokens.compare_exchange_weak(count, count - 1, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    fn wait(&self, deadline: Deadline) -> Result<bool> {
        let words = self.words();
        // One side listens at a bell, so this is a flag. A killed listener leaves it set: then rings enter the kernel
        // for nothing until its successor has slept once.
        words.sleepers.store(1, SeqCst);
        fence(SeqCst);
        let got = loop {
            if self.try_wait() {
                break Ok(true);
            }
            if deadline.passed() {
                break Ok(false);
            }
            if let Err(error) = self.sleeper.sleep(&words.tokens, deadline) {
                break Err(error);
            }
        };
        words.sleepers.store(0, SeqCst);
        got
    }
}

/// Sleeps in `futex`.
#[derive(Debug)]
pub struct Futex;

impl Sleeper for Futex {
    fn sleep(&self, tokens: &AtomicU32, deadline: Deadline) -> Result<()> {
        futex::wait(tokens, 0, deadline);
        Ok(())
    }

    fn wake(&self, tokens: &AtomicU32) {
        futex::wake(tokens, 1);
    }
}

/// Sleeps in `poll` on an eventfd.
#[derive(Debug)]
pub struct EventFd(File);

impl Sleeper for EventFd {
    fn sleep(&self, _: &AtomicU32, deadline: Deadline) -> Result<()> {
        let timeout = PollTimeout::try_from(deadline.remaining()).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(std::os::fd::AsFd::as_fd(&self.0), PollFlags::POLLIN)], timeout) {
            Ok(0) | Err(nix::Error::EINTR) => {}
            Ok(_) => {
                // Empties it; that it is empty already is no error.
                let _ = (&self.0).read(&mut [0; 8]);
            }
            Err(e) => return Err(Error::sys("poll", "eventfd", e)),
        }
        Ok(())
    }

    fn wake(&self, _: &AtomicU32) {
        // A full counter wakes as well.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }
}

/// Never sleeps.
#[derive(Debug)]
pub struct Spinning;

impl Sleeper for Spinning {
    #[inline]
    fn sleep(&self, tokens: &AtomicU32, _: Deadline) -> Result<()> {
        for _ in 0..256 {
            if tokens.load(Relaxed) > 0 {
                break;
            }
            std::hint::spin_loop();
        }
        Ok(())
    }

    #[inline]
    fn wake(&self, _: &AtomicU32) {}
}

/// A new pair's memory, to be given to both sides.
pub fn memory() -> Result<File> {
    shm::create_unnamed(MEMORY_LEN as u64)
}

/// A new eventfd.
pub fn event_fd() -> Result<OwnedFd> {
    use nix::sys::eventfd::{EfdFlags, EventFd};
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    EventFd::from_value_and_flags(0, flags).map(OwnedFd::from).map_err(|e| Error::sys("eventfd", "bell", e))
}

/// A bell whose listener sleeps in `futex`.
pub fn futex_bell(memory: &File, which: Which) -> Result<Bell<Futex>> {
    Bell::with(memory, which, Futex)
}

/// A bell whose listener sleeps on an eventfd.
pub fn eventfd_bell(memory: &File, which: Which, fd: OwnedFd) -> Result<Bell<EventFd>> {
    Bell::with(memory, which, EventFd(fd.into()))
}

/// A bell whose listener never sleeps.
pub fn spinning_bell(memory: &File, which: Which) -> Result<Bell<Spinning>> {
    Bell::with(memory, which, Spinning)
}

pub use raw::{RawSync, raw_sync_bell};

mod raw {
    use super::*;
    use raw_sync::Timeout;
    use raw_sync::events::{Event, EventImpl, EventInit, EventState};
    use std::time::Duration;

    /// Sleeps on raw_sync's Event: a condition variable and a mutex that no killed waiter ever leaves.
    pub struct RawSync(Box<dyn EventImpl>);

    impl std::fmt::Debug for RawSync {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("RawSync")
        }
    }

    fn failed(error: impl std::fmt::Display) -> Error {
        Error::sys("wait", "raw_sync::Event", std::io::Error::other(error.to_string()))
    }

    /// A bell whose listener sleeps on a raw_sync Event. The first to map a pair's memory is its `maker`.
    pub fn raw_sync_bell(memory: &File, which: Which, maker: bool) -> Result<Bell<RawSync>> {
        let map = shm::map(memory, 0, MEMORY_LEN, true, "bells")?;
        let offset = which.offset();
        // The words take the first lines; the Event has room behind them, aligned to a line.
        let at = map.as_mut_ptr().wrapping_add(offset + 256);
        // SAFETY: within the mapping (an Event takes less than the 1,792 bytes left of the half page), aligned; the maker
        // does this before anybody else has the memory, everybody else after. Both sides run the same program, so they
        // agree on the layout. The Bell keeps the mapping for longer than the Event, which stands in front of it.
        let made = unsafe { if maker { Event::new(at, true) } else { Event::from_existing(at) } };
        let (event, used) = made.map_err(failed)?;
        assert!(used <= MEMORY_LEN / 2 - 256);
        Ok(Bell { sleeper: RawSync(event), memory: map, offset })
    }

    impl Sleeper for RawSync {
        fn sleep(&self, _: &AtomicU32, _: Deadline) -> Result<()> {
            // Whole seconds: others end at once, since their nanoseconds are not normalised. Time-outs are errors here.
            let _ = self.0.wait(Timeout::Val(Duration::from_secs(1)));
            Ok(())
        }

        fn wake(&self, _: &AtomicU32) {
            let _ = self.0.set(EventState::Signaled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rings<S: Sleeper + Send>(listener: Bell<S>, ringer: Bell<S>) {
        let soon = Deadline::after(Duration::from_millis(2));
        assert!(!listener.wait(soon).unwrap());
        ringer.post();
        ringer.post();
        assert!(listener.try_wait() && listener.try_wait() && !listener.try_wait());
        let deadline = Deadline::after(Duration::from_secs(60));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..500 {
                    ringer.post();
                    std::thread::yield_now();
                }
            });
            for _ in 0..500 {
                assert!(listener.wait(deadline).unwrap());
            }
            assert!(!listener.try_wait());
        });
    }

    #[test]
    fn no_ring_is_lost_and_none_is_invented() {
        let memory = memory().unwrap();
        rings(futex_bell(&memory, Which::Empty).unwrap(), futex_bell(&memory, Which::Empty).unwrap());
        rings(spinning_bell(&memory, Which::Filled).unwrap(), spinning_bell(&memory, Which::Filled).unwrap());
        let fd = event_fd().unwrap();
        let bell = |fd: OwnedFd| eventfd_bell(&memory, Which::Empty, fd).unwrap();
        rings(bell(fd.try_clone().unwrap()), bell(fd));
    }
}
