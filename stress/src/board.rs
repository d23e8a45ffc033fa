//! The scoreboard of a measurement: a page of memory without a name that its processes write and the one that started
//! them reads. What is counted there outlives whoever counted it.

use std::fs::File;
use std::os::fd::OwnedFd;

use tricine_channel::error::Result;
use tricine_channel::sync::AtomicU64;
use tricine_channel::sync::Ordering::{Acquire, Relaxed, Release};
use tricine_channel::sys::shm;
use tricine_session::control::Writable;
use tricine_session::metrics::Histogram;

tricine_channel::shared_words! {
    /// A number with one writer at a time, on a cache line of its own.
    #[derive(Debug, Default)]
    #[repr(C, align(128))]
    pub struct Cell(AtomicU64);
}

impl Cell {
    /// Now.
    #[inline]
    pub fn get(&self) -> u64 {
        // Acquire: whoever sees a number sees what was counted before it.
        self.0.load(Acquire)
    }

    /// From now on. The caller is its one writer.
    #[inline]
    pub fn set(&self, value: u64) {
        // Release: pairs with the Acquire in get().
        self.0.store(value, Release);
    }

    /// One more. The caller is its one writer.
    #[inline]
    pub fn add(&self, count: u64) {
        self.set(self.0.load(Relaxed) + count);
    }
}

tricine_channel::shared_words! {
    /// The numbers. What they mean is their users' affair; the producer writes the first five, the consumer the rest.
    #[derive(Debug, Default)]
    #[repr(C)]
    pub struct Scores {
        /// 1 + the first frame that counts, or 0 while warming up.
        pub measured_from: Cell,
        /// When the measuring began, in ns on CLOCK_MONOTONIC; 0 while warming up.
        pub started_ns: Cell,
        /// 1 + the last frame, once it is about to be sent; 0 before.
        pub ended: Cell,
        /// Frames sent, warm-up included.
        pub sent: Cell,
        /// Frames that a later one overwrote before anybody took them, where processes are killed.
        pub overwrote: Cell,
        /// 1 + the highest frame that was booked.
        pub next: Cell,
        /// Frames booked that count.
        pub received: Cell,
        /// Frames that never came.
        pub lost: Cell,
        /// Frames with a wrong byte.
        pub torn: Cell,
        /// Frames that came twice.
        pub duplicated: Cell,
        /// Frames that came after a later one.
        pub reordered: Cell,
        /// When the first frame that counts could be received, in ns; 0 before.
        pub begun_ns: Cell,
        /// When the last one was, in ns.
        pub last_ns: Cell,
        /// Latencies in ns.
        pub latency: Histogram<Writable>,
    }
}

/// A mapped scoreboard.
#[derive(Debug)]
pub struct Scoreboard {
    map: shm::Mapping,
}

impl Scoreboard {
    /// A new one, all zero, and the file to give to the processes.
    pub fn create() -> Result<(Self, File)> {
        let file = shm::create_unnamed(size_of::<Scores>() as u64)?;
        Ok((Self::map(&file)?, file))
    }

    /// The one in an inherited file.
    pub fn attach(fd: OwnedFd) -> Result<Self> {
        Self::map(&File::from(fd))
    }

    fn map(file: &File) -> Result<Self> {
        let map = shm::map(file, 0, size_of::<Scores>(), true, "scoreboard")?;
        shm::prefault(&map, true);
        Ok(Self { map })
    }
}

impl std::ops::Deref for Scoreboard {
    type Target = Scores;

    #[inline]
    fn deref(&self) -> &Scores {
        shm::page_ref(&self.map, 0)
    }
}
