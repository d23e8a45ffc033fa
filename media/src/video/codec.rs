//! The narrow waist between the player and the codecs, and the planes they all write.

use super::deep::Samples;
use crate::MediaError;
use crate::container::{CodecId, Colour, VideoTrack};

/// Why a codec gave no picture.
#[derive(Debug)]
pub(crate) enum CodecError {
    /// The data is not as it should be; the codec is to be thrown away.
    Damaged(String),
    /// The stream uses a tool that this codec lacks: codec, profile and tool by name.
    Unsupported(String),
}

/// A picture as it leaves a codec.
pub(crate) struct Decoded {
    /// What was given with the packet that holds it.
    pub(crate) tag: i64,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) sar: Option<(u32, u32)>,
    pub(crate) colour: Colour,
    /// Its lines are those of two moments.
    pub(crate) fields: Option<Fields>,
    pub(crate) samples: Samples,
}

/// Which lines of an interlaced picture are the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fields {
    /// The first, the third and so on.
    TopFirst,
    /// The second, the fourth and so on.
    BottomFirst,
}

/// When a codec gives its pictures out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Each with the packet that holds it: in decode order, so that the player has to sort them.
    Decoded,
    /// In decode order, but some packets late.
    DecodedLate,
    /// Each with its packet, and the packets are in presentation order.
    Presented,
    /// In presentation order, but some packets late.
    Late,
}

/// A decoder of one codec. After an error it is dropped and a new one opened.
pub(crate) trait Codec: Send {
    /// The codec's usual name with the profile, such as `AV1 Main`, as far as it is known by now.
    fn name(&self) -> String;
    /// When its pictures come out.
    fn delivery(&self) -> Delivery {
        Delivery::Presented
    }
    /// Whether decoding can begin with this packet, which its container marks as one where it can.
    fn begins(&self, _data: &[u8]) -> bool {
        true
    }
    /// Whether no other picture refers to this packet's: on the way to a later one it may be left out.
    fn disposable(&self, _data: &[u8]) -> bool {
        false
    }
    /// Whether its pictures are cut off at their left or top: then it alone knows which part of them is shown.
    fn is_inset(&self) -> bool {
        false
    }
    /// Takes one packet; `out` takes what pictures are ready.
    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError>;
    /// The end: whatever is still inside.
    fn flush(&mut self, _out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        Ok(())
    }
}

/// The commands that play a film all the same: without its sound at once, or with it later.
pub(crate) const CONVERT: &str = "FFmpeg helps: ffmpeg -nostdin -i IN -pix_fmt yuv420p -f yuv4mpegpipe - | tricine - \
     (without sound), or ffmpeg -nostdin -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4";

/// Opens the codec of `track` for one of its configurations. Errors: no codec of this build decodes it.
#[cfg_attr(not(feature = "h264"), allow(unused_variables, reason = "it is of H.264 alone"))]
pub(crate) fn open(
    track: &VideoTrack,
    config: usize,
    from_x264: bool,
    at_once: Option<usize>,
) -> Result<Box<dyn Codec>, MediaError> {
    let config = track.configs.get(config).map_or(&[][..], Vec::as_slice);
    let (what, feature): (&str, &str) = match &track.codec {
        #[cfg(feature = "h264")]
        CodecId::H264 => return Ok(Box::new(super::h264::H264::open(config, from_x264, at_once)?)),
        #[cfg(feature = "hevc")]
        CodecId::Hevc => return Ok(Box::new(super::hevc::Hevc::open(config)?)),
        #[cfg(feature = "av1")]
        CodecId::Av1 => return Ok(Box::new(super::av1::Av1::open()?)),
        #[cfg(feature = "vp9")]
        CodecId::Vp9 => return Ok(Box::new(super::vp9::Vp9::new())),
        #[cfg(feature = "vp8")]
        CodecId::Vp8 => return Ok(Box::new(super::vp8::Vp8::new())),
        #[cfg(feature = "mjpeg")]
        CodecId::Mjpeg => return Ok(Box::new(super::mjpeg::Mjpeg)),
        #[cfg(feature = "mpeg2")]
        CodecId::Mpeg12 => return Ok(Box::new(super::mpeg12::Mpeg12::open(config)?)),
        #[cfg(feature = "mpeg4")]
        CodecId::Mpeg4 => return Ok(Box::new(super::mpeg4::Mpeg4::open(config)?)),
        #[cfg(feature = "theora")]
        CodecId::Theora => return Ok(Box::new(super::theora::Theora::open(config)?)),
        CodecId::Other(name) => return Err(MediaError::unsupported(format!("{name} video"), CONVERT)),
        CodecId::Encrypted(name) => {
            let hint = "only what has its key plays it";
            return Err(MediaError::unsupported(format!("encrypted (DRM) {name} video"), hint));
        }
        #[cfg(not(feature = "h264"))]
        CodecId::H264 => ("H.264 video", "h264"),
        #[cfg(not(feature = "hevc"))]
        CodecId::Hevc => ("HEVC (H.265) video", "hevc"),
        #[cfg(not(feature = "av1"))]
        CodecId::Av1 => ("AV1 video", "av1"),
        #[cfg(not(feature = "vp9"))]
        CodecId::Vp9 => ("VP9 video", "vp9"),
        #[cfg(not(feature = "mjpeg"))]
        CodecId::Mjpeg => ("Motion JPEG video", "mjpeg"),
        #[cfg(not(feature = "mpeg2"))]
        CodecId::Mpeg12 => ("MPEG-2 video", "mpeg2"),
        #[cfg(not(feature = "mpeg4"))]
        CodecId::Mpeg4 => ("MPEG-4 part 2 video", "mpeg4"),
        #[cfg(not(feature = "theora"))]
        CodecId::Theora => ("Theora video", "theora"),
        #[cfg(not(feature = "vp8"))]
        CodecId::Vp8 => ("VP8 video", "vp8"),
    };
    #[allow(unreachable_code, reason = "with every codec built in, nothing is left to refuse")]
    Err(MediaError::unsupported(what, format!("a build with --features {feature} plays it, or {CONVERT}")))
}

/// Copies rows of `width` bytes, `stride` apart, into `out` without padding. What `rows` lacks is left as it is.
pub(crate) fn copy_plane(rows: &[u8], stride: usize, width: usize, out: &mut [u8]) {
    if stride == width {
        let len = rows.len().min(out.len());
        out[..len].copy_from_slice(&rows[..len]);
    } else if stride > width {
        for (to, from) in out.chunks_exact_mut(width).zip(rows.chunks(stride)) {
            if let Some(from) = from.get(..width) {
                to.copy_from_slice(from);
            }
        }
    }
}

/// Cuts the three planes of an unpadded I420 picture out of `out`.
pub(crate) fn planes(out: &mut [u8], width: u32, height: u32) -> [&mut [u8]; 3] {
    let luma = width as usize * height as usize;
    let chroma = (width as usize).div_ceil(2) * (height as usize).div_ceil(2);
    let (y, rest) = out.split_at_mut(luma.min(out.len()));
    let (u, v) = rest.split_at_mut(chroma.min(rest.len()));
    [y, u, v]
}

/// Makes a row of 4:2:0 chroma from `lines` of one that has more of it: twice as many columns if it is `wide`, twice as many rows if
/// the two lines differ.
pub(crate) fn thin_row<T: Copy + Into<u32> + TryFrom<u32>>(lines: [&[T]; 2], wide: bool, to: &mut [T]) {
    for (x, to) in to.iter_mut().enumerate() {
        let (one, two) = if wide { (2 * x, 2 * x + 1) } else { (x, x) };
        let [sum, count] = lines
            .iter()
            .flat_map(|line| [line.get(one), line.get(two)].into_iter().flatten())
            .fold([0u32, 0], |[sum, count], &sample| [sum + sample.into(), count + 1]);
        if let Some(Ok(mean)) = (sum + count / 2).checked_div(count).map(T::try_from) {
            *to = mean;
        }
    }
}

/// Which rows of 4:2:2 chroma become row `n` of 4:2:0: of `woven` rows, which belong to two moments in turn, each with the one
/// after the next.
pub(crate) fn halved(n: usize, woven: bool) -> (usize, usize) {
    if woven { (n / 2 * 4 + n % 2, n / 2 * 4 + n % 2 + 2) } else { (2 * n, 2 * n + 1) }
}

/// Makes one row of two: chroma of 4:2:2 becomes that of 4:2:0.
pub(crate) fn halve_rows(rows: &[u8], width: usize, woven: bool, to: &mut [u8]) {
    let row = |n: usize| rows.get(n * width..(n + 1) * width);
    for (n, to) in to.chunks_mut(width).enumerate() {
        let (one, two) = halved(n, woven);
        let Some(one) = row(one).or_else(|| row(2 * n)) else { return };
        let two = row(two).unwrap_or(one);
        for ((to, one), two) in to.iter_mut().zip(one).zip(two) {
            *to = (u16::from(*one) + u16::from(*two)).div_ceil(2) as u8;
        }
    }
}
