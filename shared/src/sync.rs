//! Where every atomic that carries an ordering comes from. Built with `--cfg loom`, they are those of the model checker
//! loom, and the channel's own code is what it explores.

#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicU64, Ordering, fence};

pub use std::sync::atomic::compiler_fence;

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU64, Ordering, fence};

/// Tells the processor that this thread spins.
#[inline]
pub fn spin_loop() {
    #[cfg(not(loom))]
    std::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
}

/// A load whose value a compare-and-swap will start from.
#[inline]
pub fn load_to_change(word: &AtomicU64, order: Ordering) -> u64 {
    #[cfg(not(loom))]
    return word.load(order);
    // loom 0.7.3 explores nothing of a load followed by a compare-and-swap of the same word; a read-modify-write that
    // changes nothing has the orderings of the load and is explored.
    #[cfg(loom)]
    return word.fetch_or(0, order);
}
