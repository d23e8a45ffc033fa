//! What containers say of a track of pictures, whichever they are.

use super::colour::{Colour, Transfer};
use super::dolby;
use crate::{Orientation, VideoFormat};

/// The video codecs that containers name; the ones that no feature decodes carry their usual name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodecId {
    H264,
    Hevc,
    Av1,
    Vp9,
    Vp8,
    /// Motion JPEG.
    Mjpeg,
    /// MPEG-1 and MPEG-2.
    Mpeg12,
    /// MPEG-4 part 2, as DivX and Xvid make it.
    Mpeg4,
    Theora,
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
            Self::Vp8 => "VP8",
            Self::Mjpeg => "Motion JPEG",
            Self::Mpeg12 => "MPEG-2",
            Self::Mpeg4 => "MPEG-4 part 2",
            Self::Theora => "Theora",
            Self::Other(name) | Self::Encrypted(name) => name,
        }
    }
}

/// What a container says of its pictures.
#[derive(Debug, Clone)]
pub(crate) struct VideoTrack {
    pub(crate) codec: CodecId,
    /// `avcC`, `hvcC`, `av1C` or CodecPrivate, one for each configuration; empty where there is none.
    pub(crate) configs: Vec<Vec<u8>>,
    /// Pixel aspect where the container tells.
    pub(crate) sar: Option<(u32, u32)>,
    /// Size to be shown at, where the container gives that instead of a pixel aspect.
    pub(crate) display: Option<(u32, u32)>,
    /// Size of its pictures, where the container gives it.
    pub(crate) stated: Option<(u32, u32)>,
    pub(crate) colour: Colour,
    pub(crate) orientation: Orientation,
    /// What it says of Dolby Vision.
    pub(crate) dolby: Option<dolby::Dolby>,
    /// Pictures a second where the container says so itself.
    pub(crate) rate: Option<f64>,
}

impl VideoTrack {
    pub(crate) fn new(codec: CodecId, config: Vec<u8>) -> Self {
        Self {
            codec,
            configs: vec![config],
            sar: None,
            display: None,
            stated: None,
            colour: Colour::default(),
            orientation: Orientation::default(),
            dolby: None,
            rate: None,
        }
    }

    /// The size at which a picture is shown that was coded `coded` large. Of the last blocks of H.264 a container may show less than the
    /// codec can say, such as an odd number of rows; as in FFmpeg.
    pub(crate) fn cut(&self, coded: (u32, u32)) -> (u32, u32) {
        let fits = |stated: u32, coded: u32| stated <= coded && stated.div_ceil(16) == coded.div_ceil(16);
        let stated = self.stated.filter(|_| self.codec == CodecId::H264);
        stated.filter(|stated| fits(stated.0, coded.0) && fits(stated.1, coded.1)).unwrap_or(coded)
    }

    /// What the colour of a picture is whose codec says `coded`. The codec overrules the container, as in FFmpeg; of Dolby Vision's own
    /// colours codecs know nothing.
    pub(crate) fn colour(&self, coded: Colour) -> Colour {
        let colour = coded.or(self.colour);
        let own = self.dolby.is_some_and(dolby::Dolby::has_own_colours);
        if own { Colour { transfer: Some(Transfer::Ipt), primaries: None, ..colour } } else { colour }
    }

    /// The codec's name with what the container says of Dolby Vision.
    pub(crate) fn named(&self, codec: String) -> String {
        self.dolby.map_or(codec.clone(), |dolby| format!("{codec}, {}", dolby.words()))
    }

    /// How a picture is to be shown whose codec says this aspect of it, and whose colour is `colour`. The container overrules the
    /// codec on pixel aspect, as in FFmpeg.
    pub(crate) fn shown(&self, (width, height): (u32, u32), sar: Option<(u32, u32)>, colour: Colour) -> VideoFormat {
        let plain = VideoFormat::untagged(width, height);
        let from_display =
            self.display.and_then(|(w, h)| reduce(u64::from(w) * u64::from(height), u64::from(h) * u64::from(width)));
        VideoFormat {
            range: colour.range.unwrap_or(plain.range),
            matrix: colour.matrix.unwrap_or(plain.matrix),
            sar: self.sar.or(from_display).or(sar).unwrap_or((1, 1)),
            orientation: self.orientation,
            ..plain
        }
    }
}

/// `a : b` in lowest terms, if both fit; `None` for a zero.
pub(super) fn reduce(a: u64, b: u64) -> Option<(u32, u32)> {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    let ratio = (u32::try_from(a.checked_div(x)?).ok()?, u32::try_from(b.checked_div(x)?).ok()?);
    (ratio.0 > 0 && ratio.1 > 0).then_some(ratio)
}
