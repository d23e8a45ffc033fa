//! What wakes a side. It owns nothing: a token too many is a spurious wake-up, so anything will do that does not lose a
//! ring. Named semaphores are the rule; models and comparisons bring their own.

use crate::error::Result;
use crate::sys::semaphore::Semaphore;
use crate::time::Deadline;

/// A counting doorbell, shared by both sides.
pub trait Doorbell {
    /// Rings: adds one token, wakes one sleeper if there is one.
    fn post(&self);

    /// Takes a token without waiting. Whether there was one.
    fn try_wait(&self) -> bool;

    /// Waits for a token until `deadline`. Whether there was one.
    fn wait(&self, deadline: Deadline) -> Result<bool>;
}

impl Doorbell for Semaphore {
    #[inline]
    fn post(&self) {
        Self::post(self);
    }

    #[inline]
    fn try_wait(&self) -> bool {
        Self::try_wait(self)
    }

    #[inline]
    fn wait(&self, deadline: Deadline) -> Result<bool> {
        Self::wait(self, deadline)
    }
}

/// Both sides of a test in one process share their bells.
impl<D: Doorbell + ?Sized> Doorbell for std::sync::Arc<D> {
    #[inline]
    fn post(&self) {
        (**self).post();
    }

    #[inline]
    fn try_wait(&self) -> bool {
        (**self).try_wait()
    }

    #[inline]
    fn wait(&self, deadline: Deadline) -> Result<bool> {
        (**self).wait(deadline)
    }
}
