//! The plainest triple buffer, on any kind of shared memory: what our channel is compared with.
//!
//! Two counters (frames published, frames released) and three slots. It is as fast as such a thing gets and trusts its
//! peer in everything: nobody recovers it, since a dead process's half-done step cannot be told from a finished one.
//! Three ways of waiting: [`Wake::Spin`] (the floor: nobody ever sleeps), [`Wake::Futex`] (spin for a moment, then
//! sleep on a flag that the peer looks at), [`Wake::Textbook`] (two counting semaphores and no counters: what books teach).

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};
use std::time::Duration;

use super::sysv::Segment;
use tricine_channel::channel::layout::{PAYLOAD_OFFSET, stride};
use tricine_channel::channel::ownership::SLOTS;
use tricine_channel::error::{Error, Result};
use tricine_channel::sys::semaphore::Semaphore;
use tricine_channel::sys::{futex, shm};
use tricine_channel::time::{Deadline, mono_ns};

/// Bytes of memory that a ring of frames of `len` bytes takes.
pub fn memory_len(len: usize) -> usize {
    PAYLOAD_OFFSET + SLOTS * stride(len as u64) as usize
}

/// Shared memory of any kind.
#[derive(Debug)]
pub enum Memory {
    /// A mapped file.
    File(shm::Mapping),
    /// A System V segment.
    SystemV(Segment),
}

impl Memory {
    /// Maps `len` bytes of a file that has them, and makes every page present.
    pub fn of_file(file: &std::fs::File, len: usize) -> Result<Self> {
        let map = shm::map(file, 0, len, true, "ring")?;
        shm::prefault(&map, true);
        Ok(Self::File(map))
    }

    fn range(&self) -> (*mut u8, usize) {
        match self {
            Self::File(map) => (map.as_mut_ptr(), map.len()),
            Self::SystemV(segment) => (segment.start(), segment.len()),
        }
    }
}

/// How a side of a ring waits.
#[derive(Debug)]
pub enum Wake {
    /// It asks again and again.
    Spin,
    /// It asks for this long, then sleeps.
    Futex(Duration),
    /// It sleeps on `empty` (the producer) or `filled` (the consumer), and the counters are not used.
    Textbook {
        /// Counts free slots, from 3.
        empty: Semaphore,
        /// Counts frames, from 0.
        filled: Semaphore,
    },
}

#[repr(C, align(128))]
struct Line<T>(T);

/// The first page. Only atomics: the peer changes them at any time.
#[repr(C)]
struct Counters {
    published: Line<AtomicU64>,
    released: Line<AtomicU64>,
    consumer_sleeps: Line<AtomicU32>,
    producer_sleeps: Line<AtomicU32>,
}

const _: () = assert!(size_of::<Counters>() <= PAYLOAD_OFFSET);

/// One side of a ring. Which side is what its owner makes of it: one process calls [`Ring::write`], one other
/// [`Ring::read`].
#[derive(Debug)]
pub struct Ring {
    memory: Memory,
    frame_len: usize,
    wake: Wake,
    /// The next frame.
    next: u64,
    /// What is known of the peer's counter: it is asked only when this does not do.
    peer: u64,
}

impl Ring {
    /// Takes up one side of a ring whose memory begins as zeros. `frame_len` has to be the same on both sides.
    pub fn new(memory: Memory, frame_len: usize, wake: Wake) -> Result<Self> {
        let (found, wanted) = (memory.range().1, memory_len(frame_len));
        if found < wanted {
            let (found, wanted) = (found as u64, wanted as u64);
            return Err(Error::Layout { object: "ring".into(), what: "length", found, wanted });
        }
        Ok(Self { memory, frame_len, wake, next: 0, peer: 0 })
    }

    fn counters(&self) -> &Counters {
        // SAFETY: the memory has at least PAYLOAD_OFFSET bytes (checked in new) and starts on a page; Counters is made of
        // atomics, valid with any content; the borrow keeps the memory alive.
        unsafe { &*self.memory.range().0.cast::<Counters>() }
    }

    fn slot(&self) -> *mut u8 {
        let slot = (self.next % SLOTS as u64) as usize;
        // Within the memory: `new` checked that it has SLOTS strides.
        self.memory.range().0.wrapping_add(PAYLOAD_OFFSET + slot * stride(self.frame_len as u64) as usize)
    }

    /// Waits for a free slot, has it filled, and makes it visible. False if there was none until `deadline`.
    #[inline]
    pub fn write(&mut self, deadline: Deadline, fill: impl FnOnce(&mut [u8])) -> Result<bool> {
        let room = match &self.wake {
            Wake::Textbook { empty, .. } => empty.wait(deadline)?,
            _ => {
                let (next, words) = (self.next, self.counters());
                let counter = &words.released.0;
                let enough = |released: u64| released + SLOTS as u64 > next;
                match self.until(counter, &words.producer_sleeps.0, enough, deadline) {
                    Some(released) => {
                        self.peer = released;
                        true
                    }
                    None => false,
                }
            }
        };
        if !room {
            return Ok(false);
        }
        // SAFETY: frame `next` has a slot that the consumer released (its counter or token said so, with Acquire), and
        // touches again only after we publish. This side is the only producer, since `transport/rings.rs` gives each side of a pair
        // to one role, and makes one view at a time. The peer is trusted: both are processes of one measurement.
        fill(unsafe { std::slice::from_raw_parts_mut(self.slot(), self.frame_len) });
        self.next += 1;
        match &self.wake {
            Wake::Textbook { filled, .. } => filled.post(),
            _ => self.advance(&self.counters().published.0, &self.counters().consumer_sleeps.0),
        }
        Ok(true)
    }

    /// Waits for a frame, has it looked at in place, and gives its slot back. False if there was none until `deadline`.
    #[inline]
    pub fn read(&mut self, deadline: Deadline, look: impl FnOnce(&[u8])) -> Result<bool> {
        let there = match &self.wake {
            Wake::Textbook { filled, .. } => filled.wait(deadline)?,
            _ => {
                let (next, words) = (self.next, self.counters());
                let counter = &words.published.0;
                match self.until(counter, &words.consumer_sleeps.0, |published| published > next, deadline) {
                    Some(published) => {
                        self.peer = published;
                        true
                    }
                    None => false,
                }
            }
        };
        if !there {
            return Ok(false);
        }
        // SAFETY: as in write, the other way round.
        look(unsafe { std::slice::from_raw_parts(self.slot().cast_const(), self.frame_len) });
        self.next += 1;
        match &self.wake {
            Wake::Textbook { empty, .. } => empty.post(),
            _ => self.advance(&self.counters().released.0, &self.counters().producer_sleeps.0),
        }
        Ok(true)
    }

    /// Waits until the peer's `counter` is `enough`; its value.
    #[inline]
    fn until(
        &self,
        counter: &AtomicU64,
        sleeps: &AtomicU32,
        enough: impl Fn(u64) -> bool,
        deadline: Deadline,
    ) -> Option<u64> {
        if enough(self.peer) {
            return Some(self.peer);
        }
        let spin_ns = match self.wake {
            Wake::Futex(spin) => spin.as_nanos() as u64,
            _ => u64::MAX,
        };
        let (mut tries, mut begun_ns) = (0u32, 0);
        loop {
            // Acquire: pairs with the peer's Release in advance(): what it did to the slot comes before our use.
            let value = counter.load(Acquire);
            if enough(value) {
                return Some(value);
            }
            std::hint::spin_loop();
            tries += 1;
            if tries.is_multiple_of(64) {
                let now = mono_ns();
                if now >= deadline.ns() {
                    return None;
                }
                begun_ns = if begun_ns == 0 { now } else { begun_ns };
                if now - begun_ns >= spin_ns {
                    // Say that we are going to sleep, then look again: the peer looks at the flag after it has moved
                    // its counter, so one of us sees the other (both fences are SeqCst).
                    sleeps.store(1, Relaxed);
                    fence(SeqCst);
                    if !enough(counter.load(Acquire)) {
                        futex::wait(sleeps, 1, deadline);
                    }
                    sleeps.store(0, Relaxed);
                }
            }
        }
    }

    /// Moves our counter, and wakes the peer if it sleeps.
    #[inline]
    fn advance(&self, counter: &AtomicU64, sleeps: &AtomicU32) {
        // Release: what we did to the slot comes before the peer's use; pairs with the Acquire in until().
        counter.store(self.next, Release);
        if matches!(self.wake, Wake::Futex(_)) {
            fence(SeqCst);
            if sleeps.load(Relaxed) != 0 {
                sleeps.store(0, Relaxed);
                futex::wake(sleeps, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(len: usize, wake: impl Fn() -> Wake) -> (Ring, Ring) {
        let file = shm::create_unnamed(memory_len(len) as u64).unwrap();
        let side = || Ring::new(Memory::of_file(&file, memory_len(len)).unwrap(), len, wake()).unwrap();
        (side(), side())
    }

    #[test]
    fn frames_arrive_whole_and_in_order_however_the_sides_wait() {
        let name = format!("tricine.ring-{}.textbook", std::process::id());
        let (empty, filled) = (format!("{name}.empty"), format!("{name}.filled"));
        Semaphore::create(&empty, SLOTS as u32).unwrap();
        Semaphore::create(&filled, 0).unwrap();
        let textbook =
            || Wake::Textbook { empty: Semaphore::open(&empty).unwrap(), filled: Semaphore::open(&filled).unwrap() };
        let futex = |us: u64| move || Wake::Futex(Duration::from_micros(us));
        let all = [sides(5000, || Wake::Spin), sides(5000, futex(20)), sides(5000, futex(0)), sides(5000, textbook)];
        Semaphore::unlink(&empty).unwrap();
        Semaphore::unlink(&filled).unwrap();
        for (mut producer, mut consumer) in all {
            let deadline = Deadline::after(Duration::from_secs(60));
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    for n in 0..2000u32 {
                        assert!(producer.write(deadline, |slot| slot.fill(n as u8)).unwrap());
                    }
                });
                for n in 0..2000u32 {
                    assert!(consumer.read(deadline, |frame| assert!(frame.iter().all(|&b| b == n as u8))).unwrap());
                }
            });
        }
    }

    #[test]
    fn a_full_ring_and_an_empty_one_end_at_the_deadline() {
        let soon = || Deadline::after(Duration::from_millis(2));
        let (mut producer, mut consumer) = sides(64, || Wake::Futex(Duration::ZERO));
        assert!(!consumer.read(soon(), |_| ()).unwrap());
        for _ in 0..SLOTS {
            assert!(producer.write(soon(), |_| ()).unwrap());
        }
        assert!(!producer.write(soon(), |_| ()).unwrap());
    }
}
