//! Time on CLOCK_MONOTONIC, the one clock that every process of a session shares and nobody sets.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// Now, in nanoseconds on CLOCK_MONOTONIC. A vDSO call, not a system call.
pub fn mono_ns() -> u64 {
    // CLOCK_MONOTONIC always exists on Linux, so the fallback is never taken; it keeps this function total.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |t| t.tv_sec() as u64 * NS_PER_S + t.tv_nsec() as u64)
}

/// A moment on CLOCK_MONOTONIC until which somebody is willing to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    /// Already over: try once, never sleep.
    pub const NOW: Self = Self(0);

    /// `wait` from now; so long that nobody can count it is for ever.
    pub fn after(wait: Duration) -> Self {
        Self(mono_ns().saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// At `ns` on CLOCK_MONOTONIC.
    pub const fn at_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// In nanoseconds on CLOCK_MONOTONIC.
    pub const fn ns(self) -> u64 {
        self.0
    }

    /// What is left of it, zero if it has passed.
    pub fn remaining(self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(mono_ns()))
    }

    /// Whether it has passed.
    pub fn passed(self) -> bool {
        mono_ns() >= self.0
    }
}
