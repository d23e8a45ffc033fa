//! One picture by a codec of films, as HEIF and AVIF have it.

use super::codec::{self, CONVERT, CodecError};
use super::light::{Light, Screen};
use crate::container::{Colour, VideoTrack};
use crate::{ColorMatrix, MediaError, VideoFormat};

/// Decodes `data`, a packet of `track` that depends on no other, to I420, and says what light it stood for. What the container says of colour counts before what the codec
/// says. Errors: it cannot be decoded.
pub(crate) fn still(track: &VideoTrack, data: Vec<u8>) -> Result<(VideoFormat, Light, Vec<u8>), MediaError> {
    let failed = |error| match error {
        CodecError::Damaged(why) => MediaError::Broken(why),
        CodecError::Unsupported(what) => MediaError::unsupported(what, CONVERT),
    };
    let mut codec = codec::open(track, 0, false, Some(1))?;
    let mut out = Vec::new();
    codec.decode(data, 0, &mut out).map_err(failed)?;
    codec.flush(&mut out).map_err(failed)?;
    // Of a picture in layers, the last one is the whole.
    let decoded = out.pop().ok_or_else(|| MediaError::Broken(format!("{} without a picture", codec.name())))?;
    let told = track.colour.or(decoded.colour);
    // Pictures are of BT.601 unless they say something else, whatever their size.
    let colour = Colour { matrix: told.matrix.or(Some(ColorMatrix::Bt601)), ..told };
    let format = track.shown((decoded.width, decoded.height), decoded.sar, colour);
    let light = Screen::light(&format, &colour);
    let (format, mut picture) = Screen::default().show(format, &colour, decoded.samples);
    let mut i420 = vec![0; format.i420_len()];
    picture.write_i420(&mut i420);
    Ok((format, light, i420))
}
