//! Sound: from a file of its own or from a film's first audio track.

use crate::media::{AudioSource, MediaError, MediaFile};

/// Opens the (default, else first playable) audio track of `file`; `None` if it has none.
pub fn open(_file: &MediaFile) -> Result<Option<Box<dyn AudioSource>>, MediaError> {
    Ok(None)
}
