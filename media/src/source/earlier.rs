//! Sound moved to an earlier time: that of a film whose pictures were moved so that it begins at 0.

use crate::{AudioBlock, AudioInfo, AudioSource, MediaError};

/// `sound`, with every time earlier by `by_ns`.
pub(super) struct Earlier {
    sound: Box<dyn AudioSource>,
    by_ns: i64,
    info: AudioInfo,
}

impl Earlier {
    /// Moves `sound`; a source that need not be moved stays as it is. Errors: as [`AudioSource::seek`].
    pub(super) fn boxed(mut sound: Box<dyn AudioSource>, by_ns: i64) -> Result<Box<dyn AudioSource>, MediaError> {
        if by_ns == 0 {
            return Ok(sound);
        }
        // Else it would begin with the silence that the pictures do not wait for.
        sound.seek(by_ns)?;
        let mut info = sound.info().clone();
        info.duration_ns = info.duration_ns.map(|ns| ns.saturating_sub(by_ns).max(0));
        Ok(Box::new(Self { sound, by_ns, info }))
    }
}

impl AudioSource for Earlier {
    fn info(&self) -> &AudioInfo {
        &self.info
    }

    fn next_block(&mut self) -> Result<Option<AudioBlock>, MediaError> {
        let block = self.sound.next_block()?;
        Ok(block.map(|block| AudioBlock { pts_ns: block.pts_ns.saturating_sub(self.by_ns), ..block }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.sound.seek(target_ns.saturating_add(self.by_ns))
    }
}
