//! Sound: a [`Codec`](codec::Codec) turns a packet into samples, and [`timeline`] puts the samples onto the film's timeline:
//! priming is cut off, gaps are filled with silence, a seek is exact to the sample.

#[cfg(feature = "ac3")]
mod ac3;
mod codec;
mod ima;
mod layer2;
mod opus;
mod pcm;
mod timeline;
mod vorbis;

use symphonia::core::codecs::audio::AudioCodecParameters;

use crate::container::Packets;
use crate::{AudioSource, MediaError, MediaFile};

#[cfg(feature = "ffmpeg")]
pub(crate) use codec::CONVERT;
pub(crate) use codec::{name_of, unsupported};
pub(crate) use ima::UNIT as IMA;
pub(crate) use opus::pre_skip;
pub(crate) use pcm::pcm_bytes;

/// Opens the sound of `file` alone; `None` if it has none. Errors: the track is of a codec that is not supported (which
/// names it), the file is of no known kind, is broken, or cannot be read.
pub fn open(file: &MediaFile) -> Result<Option<Box<dyn AudioSource>>, MediaError> {
    crate::open::sound(file)
}

/// Plays a track. Errors: its codec is not supported, or no packet decodes.
pub(crate) fn play(
    packets: Box<dyn Packets>,
    params: &AudioCodecParameters,
    duration_ns: Option<i64>,
) -> Result<Box<dyn AudioSource>, MediaError> {
    guarded("audio", || Ok(Box::new(timeline::Stream::open(packets, params, duration_ns)?) as Box<dyn AudioSource>))?
}

/// Runs code of a demuxer or codec; its panic becomes an error.
fn guarded<T>(what: &str, work: impl FnOnce() -> T) -> Result<T, MediaError> {
    crate::guard::guarded(work).map_err(|e| MediaError::Broken(format!("the {what} decoder failed on it: {e}")))
}
