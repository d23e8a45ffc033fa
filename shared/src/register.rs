//! A value of a few words that no death can leave half-written.

use crate::channel::bug::{Bug, order, seeded};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{AtomicU64, fence, spin_loop};

/// Words of a register's value.
pub const REGISTER_WORDS: usize = 6;

/// A value of a few words with one writer and any number of readers, in shared memory.
///
/// The writer fills the copy that nobody is reading and then names it in `version`; a writer killed anywhere leaves the
/// last whole value in place, and its successor goes on from `version`. (A seqlock would leave an odd count behind, on
/// which every reader spins for ever.)
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Register {
    version: AtomicU64,
    copies: [[AtomicU64; REGISTER_WORDS]; 2],
}

impl Register {
    /// Where the two copies of the value lie, behind the version: for `docs/layout.md`.
    pub const COPIES_OFFSET: usize = std::mem::offset_of!(Register, copies);

    /// Writes a value. The caller is the register's one writer.
    pub fn store(&self, value: [u64; REGISTER_WORDS]) {
        let next = self.version.load(Relaxed).wrapping_add(1);
        // Release fence: pairs with the Acquire fence in load(): a reader that sees one of the words below, which belong
        // to the version after the one it started from, also sees that the version moved on, and tries again.
        if !seeded(Bug::RelaxedRegisterWriteFence) {
            fence(Release);
        }
        for (to, word) in self.copies[(next & 1) as usize].iter().zip(value) {
            to.store(word, Relaxed);
        }
        // Release: publishes the words just written; pairs with the Acquire in load().
        self.version.store(next, order(Bug::RelaxedRegisterStore, Release));
    }

    /// Reads the value and its version; `None` if nothing was ever written, or if a hostile writer changes it faster
    /// than it can be read.
    pub fn load(&self) -> Option<(u64, [u64; REGISTER_WORDS])> {
        for _ in 0..64 {
            let before = self.version.load(order(Bug::RelaxedRegisterLoad, Acquire));
            if before == 0 {
                return None;
            }
            let value = self.copies[(before & 1) as usize].each_ref().map(|w| w.load(Relaxed));
            if !seeded(Bug::RelaxedRegisterReadFence) {
                fence(Acquire);
            }
            // The copy that we read is overwritten only by version + 2, whose writer has stored version + 1 before.
            if self.version.load(Relaxed) == before {
                return Some((before, value));
            }
            spin_loop();
        }
        None
    }
}

#[cfg(not(loom))]
mod shared {
    #![allow(unsafe_code)]

    // SAFETY: made of atomics alone.
    unsafe impl crate::sys::shm::SharedWords for super::Register {}
}
