//! What a channel is called.

use std::fmt;

#[cfg(not(loom))]
use crate::error::{Error, Result};
#[cfg(not(loom))]
use crate::sys::{semaphore::Semaphore, shm};

/// Which channel: `/dev/shm/STREAM.GENERATION`, and the two semaphores beside it, `sem.STREAM.GENERATION.empty` and `.filled`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// The stream, such as `prefix.session.numbers`: a name in the namespace of a program, see [`crate::namespace`].
    pub stream: String,
    /// Counts the regions that this stream has had, from 0.
    pub generation: u64,
}

impl Name {
    /// The region of `stream` in this generation.
    pub fn new(stream: impl Into<String>, generation: u64) -> Self {
        Self { stream: stream.into(), generation }
    }

    /// The same stream in another generation.
    pub fn generation(&self, generation: u64) -> Self {
        Self { stream: self.stream.clone(), generation }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stream, self.generation)
    }
}

/// Bytes of a stream's name at most: with the largest generation, `sem.` and `.filled` it is still a file's name.
pub const MOST_NAME: usize = 255 - "sem.".len() - ".18446744073709551615".len() - ".filled".len();

#[cfg(not(loom))]
impl Name {
    /// Whether a channel can be called that.
    pub(super) fn check(&self) -> Result<()> {
        let bytes = self.stream.as_bytes();
        let plain =
            !bytes.contains(&b'/') && !bytes.contains(&0) && !bytes.starts_with(b".") && !bytes.starts_with(b"sem.");
        if plain && matches!(bytes.len(), 1..=MOST_NAME) { Ok(()) } else { Err(Error::StreamName(self.stream.clone())) }
    }

    /// The producer's doorbell.
    pub fn empty(&self) -> String {
        format!("{self}.empty")
    }

    /// The consumer's doorbell.
    pub fn filled(&self) -> String {
        format!("{self}.filled")
    }

    /// Opens the channel's three objects: the region, the producer's doorbell, the consumer's. For a process that may not open them by
    /// itself, see [`Region::on`](super::Region::on).
    pub fn files(&self) -> Result<[std::fs::File; 3]> {
        let bell = |name| shm::open_named(&format!("sem.{name}"), true);
        Ok([shm::open_named(&self.to_string(), true)?, bell(self.empty())?, bell(self.filled())?])
    }

    /// Removes the channel's three names. A process that has mapped the region keeps its mapping.
    pub fn unlink(&self) -> Result<()> {
        shm::unlink(&self.to_string())?;
        Semaphore::unlink(&self.empty())?;
        Semaphore::unlink(&self.filled())
    }
}
