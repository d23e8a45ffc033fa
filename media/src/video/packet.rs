//! What a demuxer hands to a codec: a track's description and its packets.

use crate::{ColorMatrix, ColorRange, Rotation};

use crate::MediaError;

/// The video codecs that containers name; the ones that no feature decodes carry their usual name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodecId {
    H264,
    Hevc,
    Av1,
    Vp9,
    /// Named for the user, such as `ProRes 422 HQ`.
    Other(String),
    /// Of whatever codec, but nobody has the key; the codec's name.
    Encrypted(String),
}

impl CodecId {
    /// The usual name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::H264 => "H.264",
            Self::Hevc => "HEVC",
            Self::Av1 => "AV1",
            Self::Vp9 => "VP9",
            Self::Other(name) | Self::Encrypted(name) => name,
        }
    }
}

/// What colour tags say; `None` where they say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Colour {
    pub(crate) range: Option<ColorRange>,
    pub(crate) matrix: Option<ColorMatrix>,
}

impl Colour {
    /// The matrix that ISO/IEC 23091's MatrixCoefficients mean, as near as Tricine shows it.
    pub(crate) fn matrix(code: u32) -> Option<ColorMatrix> {
        match code {
            1 | 7 => Some(ColorMatrix::Bt709),
            4..=6 => Some(ColorMatrix::Bt601),
            9 | 10 => Some(ColorMatrix::Bt2020),
            _ => None,
        }
    }

    /// Fills what is unknown here from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { range: self.range.or(other.range), matrix: self.matrix.or(other.matrix) }
    }
}

/// A video track as its container describes it.
#[derive(Debug, Clone)]
pub(crate) struct TrackInfo {
    pub(crate) codec: CodecId,
    /// `avcC`, `hvcC`, `av1C` or CodecPrivate; empty where there is none.
    pub(crate) config: Vec<u8>,
    /// Pixel aspect where the container tells.
    pub(crate) sar: Option<(u32, u32)>,
    /// Size to be shown at, where the container gives that instead of a pixel aspect.
    pub(crate) display: Option<(u32, u32)>,
    pub(crate) colour: Colour,
    pub(crate) rotation: Rotation,
    pub(crate) rate: Option<f64>,
    pub(crate) duration_ns: Option<i64>,
    pub(crate) frames: Option<u64>,
    /// What is to be taken off the times of the sound, which is read on its own and has to follow.
    pub(crate) sound_start_ns: i64,
}

/// One coded picture (an access unit, a temporal unit).
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) data: Vec<u8>,
    pub(crate) pts_ns: i64,
    /// 0 where the container does not tell.
    pub(crate) duration_ns: i64,
    /// Decoding can start here.
    pub(crate) sync: bool,
    /// To be decoded but not shown: outside the edit list.
    pub(crate) hidden: bool,
}

/// A track and where its packets come from.
pub(crate) type Demuxed = (TrackInfo, Box<dyn Packets>);

/// Packets of one track in decode order.
pub(crate) trait Packets: Send {
    /// The next one; [`MediaError::Damaged`] when some were skipped, each such call making progress.
    fn next(&mut self) -> Result<Option<Packet>, MediaError>;
    /// Goes to the last sync packet that is due at or before `target_ns`, or to the first one.
    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError>;
}
