//! Two handlers of a signal, for the lesson on what a handler may do: one does the work, the other says that there is some.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use tricine_channel::error::{Error, Result};

/// What was done, in two words that are equal while nobody is at work.
static DONE: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
/// Work that a handler told of.
static TOLD: AtomicU64 = AtomicU64::new(0);

/// What a handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// The work itself.
    Works,
    /// It sets a word, and leaves the work to the program.
    Tells,
}

/// One piece of work: as with any structure of more than a word, each word is looked at and stored.
pub fn work() {
    for word in &DONE {
        word.store(word.load(Relaxed) + 1, Relaxed);
    }
}

/// Does the work that was told of meanwhile.
pub fn catch_up() {
    for _ in 0..TOLD.swap(0, Relaxed) {
        work();
    }
}

/// Both words.
pub fn done() -> [u64; 2] {
    DONE.each_ref().map(|word| word.load(Relaxed))
}

impl Handler {
    /// Handles the signal in this process from now on.
    pub fn install(self, signal: Signal) -> Result<()> {
        extern "C" fn works(_: libc::c_int) {
            work();
        }
        extern "C" fn tells(_: libc::c_int) {
            TOLD.store(1, Relaxed);
        }
        let handler = SigHandler::Handler(if self == Self::Works { works } else { tells });
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        // SAFETY: both handlers load and store atomics, and nothing else: no lock, no allocation.
        unsafe { sigaction(signal, &action) }.map_err(|e| Error::sys("sigaction", signal.as_str(), e))?;
        Ok(())
    }
}
