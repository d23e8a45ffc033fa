//! A window on a file, for readers that look at pieces which lie behind each other.

use super::caps;
use crate::{MediaError, MediaFile};

/// Bytes read at once.
const WINDOW: usize = 1 << 16;

/// A file, and what was read of it last.
#[derive(Clone)]
pub(super) struct Window {
    file: MediaFile,
    held: Vec<u8>,
    at: u64,
}

impl Window {
    pub(super) fn new(file: MediaFile) -> Self {
        Self { file, held: Vec::new(), at: 0 }
    }

    /// The file.
    pub(super) fn file(&self) -> &MediaFile {
        &self.file
    }

    /// The file's length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.file.len()
    }

    /// Up to `len` bytes at `at`: fewer where the file ends.
    pub(super) fn bytes(&mut self, at: u64, len: usize) -> Result<&[u8], MediaError> {
        let left = usize::try_from(self.file.len().saturating_sub(at)).unwrap_or(usize::MAX);
        let len = len.min(left);
        if at < self.at || at + len as u64 > self.at + self.held.len() as u64 {
            // Nothing is held while it is being read: it may fail.
            let mut held = std::mem::take(&mut self.held);
            held.resize(WINDOW.max(len).min(left), 0);
            self.file.read_exact_at(&mut held, at)?;
            (self.held, self.at) = (held, at);
        }
        let from = usize::try_from(at - self.at).unwrap_or(usize::MAX).min(self.held.len());
        Ok(&self.held[from..from + len])
    }

    /// As many bytes at `at` as are held: at least one, unless the file ends there.
    pub(super) fn some(&mut self, at: u64) -> Result<&[u8], MediaError> {
        self.bytes(at, 1)?;
        let from = usize::try_from(at - self.at).unwrap_or(usize::MAX).min(self.held.len());
        Ok(&self.held[from..])
    }

    /// Where the first byte lies that is not zero, at `from` or later; the file's end where there is none for [`caps::RESYNC`] bytes
    /// of zeros that are stored.
    pub(super) fn behind_zeros(&mut self, from: u64) -> Result<u64, MediaError> {
        let (mut at, mut looked) = (self.file.behind_hole(from), 0);
        while at < self.len() && looked < caps::RESYNC {
            let some = self.some(at)?;
            let (zeros, len) = (some.iter().position(|&byte| byte != 0), some.len() as u64);
            if let Some(zeros) = zeros {
                return Ok(at + zeros as u64);
            }
            looked += len;
            at = self.file.behind_hole(at + len);
        }
        Ok(self.len())
    }
}
