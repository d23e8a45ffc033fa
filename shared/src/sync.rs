//! Where every atomic of the shared pages comes from, so that a model checker's can take their place.

pub use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Tells the processor that this thread spins.
#[inline]
pub fn spin_loop() {
    std::hint::spin_loop();
}
