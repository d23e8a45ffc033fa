//! What describes a frame: geometry, colour, orientation. Plain values, copied out of shared memory once and checked
//! before use.

use tricine_channel::channel::Payload;
use tricine_channel::meta::Meta;
use tricine_channel::time::mono_ns;

/// Whether luma spans 16..=235 ("TV") or 0..=255 ("PC").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum ColorRange {
    /// 16..=235, chroma 16..=240.
    #[default]
    Limited = 0,
    /// 0..=255.
    Full = 1,
}

/// The matrix from YUV to RGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum ColorMatrix {
    /// ITU-R BT.601, standard definition.
    Bt601 = 0,
    /// ITU-R BT.709, high definition.
    #[default]
    Bt709 = 1,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020 = 2,
}

/// What stands with a rotation in its word where left and right are exchanged as well.
const MIRRORED: u32 = 4;

/// Clockwise rotation to be applied when showing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Rotation {
    /// As it is.
    #[default]
    None = 0,
    /// A quarter turn clockwise.
    Cw90 = 1,
    /// Upside down.
    Cw180 = 2,
    /// A quarter turn counter-clockwise.
    Cw270 = 3,
}

/// The longest side of a picture that Tricine plays, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// The most channels a block of sound has.
pub const MAX_CHANNELS: u32 = 8;
/// The highest sample rate, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 768_000;

/// The speakers that so many channels are for where nothing says which, as FFmpeg has it: one, two, 2.1, 4.0, 5.0, 5.1, 6.1 and 7.1.
/// Bits as in [`FrameMeta::speakers`].
pub const fn usual_speakers(channels: u32) -> u32 {
    match channels {
        1 => 0x4,
        2 => 0x3,
        3 => 0xb,
        4 => 0x107,
        5 => 0x37,
        6 => 0x3f,
        7 => 0x70f,
        8 => 0x63f,
        _ => 0,
    }
}

/// Bytes of a `width` × `height` picture as I420 without padding: chroma sides are halved and rounded up.
pub const fn i420_len(width: u32, height: u32) -> usize {
    let (w, h) = (width as usize, height as usize);
    w * h + 2 * w.div_ceil(2) * h.div_ceil(2)
}

/// What a payload holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Format {
    /// Planar YUV, 8 bits, chroma halved both ways; planes Y, U, V without padding.
    I420 = 1,
    /// Interleaved 32-bit float samples; `width` is the number of channels, `height` the number of sample frames.
    F32 = 2,
    /// Bytes that only the two sides understand, without a checksum: for measurements. `width` and `height` are 1.
    Bytes = 3,
}

/// What describes a frame, written into its slot before the frame is visible.
///
/// For [`Format::F32`], `width` counts channels, `height` sample frames, `sample_rate` is in Hz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameMeta {
    /// The frame's number in its channel, across generations, from 0. Filled in by `publish`.
    pub seq: u64,
    /// When it is due in the film, in ns.
    pub pts_ns: i64,
    /// How long it is shown, in ns; 0 if unknown.
    pub duration_ns: i64,
    /// The stretch between two seeks that it belongs to; frames of an older one are dropped.
    pub serial: u32,
    /// What the payload holds.
    pub format: Format,
    /// Visible columns; channels of sound.
    pub width: u32,
    /// Visible rows; sample frames of sound.
    pub height: u32,
    /// Bytes from one row of the first plane to the next.
    pub stride: u32,
    /// Sample rate of sound in Hz, else 0.
    pub sample_rate: u32,
    /// Luma's range.
    pub range: ColorRange,
    /// From YUV to RGB.
    pub matrix: ColorMatrix,
    /// Clockwise, when showing.
    pub rotation: Rotation,
    /// Whether left and right are exchanged when showing, after the rotation.
    pub mirrored: bool,
    /// The speakers that the channels of sound are for, in the order of the bits of `dwChannelMask` in a WAV file, one bit a channel; else 0.
    pub speakers: u32,
    /// Pixel aspect, width.
    pub sar_num: u32,
    /// Pixel aspect, height.
    pub sar_den: u32,
    /// Bytes of payload.
    pub len: u64,
    /// When the producer started to publish it, in ns on CLOCK_MONOTONIC. Filled in by `publish`
    /// unless the producer has done so.
    pub published_ns: u64,
    /// Sampled checksum of the payload, see [`checksum`]. Filled in by `publish`.
    pub checksum: u64,
}

pub use tricine_channel::meta::{META_WORDS, checksum};

impl FrameMeta {
    /// A picture of `width` × `height`, I420 without padding, limited range, square pixels.
    pub const fn i420(width: u32, height: u32) -> Self {
        Self {
            seq: 0,
            pts_ns: 0,
            duration_ns: 0,
            serial: 0,
            format: Format::I420,
            width,
            height,
            stride: width,
            sample_rate: 0,
            range: ColorRange::Limited,
            matrix: ColorMatrix::Bt709,
            rotation: Rotation::None,
            mirrored: false,
            speakers: 0,
            sar_num: 1,
            sar_den: 1,
            len: i420_len(width, height) as u64,
            published_ns: 0,
            checksum: 0,
        }
    }

    /// With its times within the bounds that a channel accepts: a file may say anything, and a producer must not.
    pub fn within_bounds(self) -> Self {
        let pts_ns = self.pts_ns.clamp(-LONGEST_NS, LONGEST_NS);
        Self { pts_ns, duration_ns: self.duration_ns.clamp(0, LONGEST_NS), ..self }
    }

    /// A block of sound: `times` sample frames of `channels` interleaved 32-bit floats, for the [`usual_speakers`].
    pub fn f32(channels: u16, times: u32, sample_rate: u32) -> Self {
        Self {
            format: Format::F32,
            width: channels.into(),
            height: times,
            stride: u32::from(channels) * 4,
            sample_rate,
            speakers: usual_speakers(channels.into()),
            len: u64::from(channels) * u64::from(times) * 4,
            ..Self::i420(1, 1)
        }
    }

    /// `len` bytes that only the two sides understand.
    pub const fn bytes(len: u64) -> Self {
        Self { format: Format::Bytes, len, ..Self::i420(1, 1) }
    }
}

impl Meta for FrameMeta {
    const KIND: u64 = u64::from_le_bytes(*b"FILM\x01\0\0\0");

    const NONE: Self = Self::bytes(0);

    fn payload_len(&self) -> u64 {
        self.len
    }

    fn seal(&mut self, seq: u64, payload: &[u8]) {
        self.seq = seq;
        self.checksum = if self.format == Format::Bytes { 0 } else { checksum(payload) };
        if self.published_ns == 0 {
            self.published_ns = mono_ns();
        }
    }

    fn fits(&self, payload: Payload<'_>) -> bool {
        self.format == Format::Bytes || checksum(payload) == self.checksum
    }

    #[inline]
    fn update(&mut self, words: &[u64; META_WORDS], capacity: u64) -> Result<(), usize> {
        // Number, times and checksum differ from frame to frame; pts and duration have bounds of their own.
        if !bounded(words) {
            *self = Self::decode(words, capacity)?;
        }
        (self.seq, self.pts_ns, self.duration_ns) = (words[0], words[1] as i64, words[2] as i64);
        (self.published_ns, self.checksum) = (words[3], words[4]);
        Ok(())
    }

    /// As words, in the order of the layout: seq, pts, duration, published, checksum, len, serial | format; width | height,
    /// stride | sample rate, range | matrix, rotation and mirroring | speakers, sar. The lower half is named first.
    fn encode(&self) -> [u64; META_WORDS] {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        [
            self.seq,
            self.pts_ns as u64,
            self.duration_ns as u64,
            self.published_ns,
            self.checksum,
            self.len,
            pair(self.serial, self.format as u32),
            pair(self.width, self.height),
            pair(self.stride, self.sample_rate),
            pair(self.range as u32, self.matrix as u32),
            pair(self.rotation as u32 | if self.mirrored { MIRRORED } else { 0 }, self.speakers),
            pair(self.sar_num, self.sar_den),
        ]
    }

    /// Checks and reads words that a peer wrote. `Err` is the index of the invalid word. Every size is checked
    /// against `capacity`, so whoever holds a `FrameMeta` may index the payload by it.
    fn decode(words: &[u64; META_WORDS], capacity: u64) -> Result<Self, usize> {
        let half = |i: usize| (words[i] as u32, (words[i] >> 32) as u32);
        let (serial, format) = half(6);
        let (width, height) = half(7);
        let (stride, sample_rate) = half(8);
        let (range, matrix) = half(9);
        let (orientation, speakers) = half(10);
        let (sar_num, sar_den) = half(11);
        let format = match format {
            1 => Format::I420,
            2 => Format::F32,
            3 => Format::Bytes,
            _ => return Err(6),
        };
        let (fits, row, len) = match format {
            Format::I420 => {
                let fits = (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height);
                (fits, width, if fits { i420_len(width, height) as u64 } else { 0 })
            }
            Format::F32 => {
                let fits = (1..=MAX_CHANNELS).contains(&width) && (1..=MAX_SAMPLE_RATE).contains(&sample_rate);
                let row = if fits { width * 4 } else { 0 };
                (fits, row, u64::from(row) * u64::from(height))
            }
            Format::Bytes => (width == 1 && height == 1, 1, words[5]),
        };
        let matrix = match matrix {
            0 => ColorMatrix::Bt601,
            1 => ColorMatrix::Bt709,
            2 => ColorMatrix::Bt2020,
            _ => return Err(9),
        };
        let rotation = match orientation & !MIRRORED {
            0 => Rotation::None,
            1 => Rotation::Cw90,
            2 => Rotation::Cw180,
            3 => Rotation::Cw270,
            _ => return Err(10),
        };
        let checks = [
            (1, bounded(words)),
            (7, fits),
            (8, stride == row),
            (9, range <= 1),
            (10, speakers.count_ones() == if format == Format::F32 { width } else { 0 }),
            (11, (1..=1 << 16).contains(&sar_num) && (1..=1 << 16).contains(&sar_den)),
            (5, words[5] == len && len <= capacity),
        ];
        if let Some((word, _)) = checks.iter().find(|(_, holds)| !holds) {
            return Err(*word);
        }
        Ok(Self {
            seq: words[0],
            pts_ns: words[1] as i64,
            duration_ns: words[2] as i64,
            serial,
            format,
            width,
            height,
            stride,
            sample_rate,
            range: if range == 1 { ColorRange::Full } else { ColorRange::Limited },
            matrix,
            rotation,
            mirrored: orientation & MIRRORED != 0,
            speakers,
            sar_num,
            sar_den,
            len,
            published_ns: words[3],
            checksum: words[4],
        })
    }
}

/// A pts beyond ±2^53 ns (104 days) is not valid: the bound keeps sums of times from overflowing.
const LONGEST_NS: i64 = 1 << 53;

/// Whether pts and duration are valid.
#[inline]
fn bounded(words: &[u64; META_WORDS]) -> bool {
    (words[1] as i64).unsigned_abs() <= LONGEST_NS as u64 && words[2] <= LONGEST_NS as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_producer_is_told_of_times_is_brought_to_what_a_consumer_accepts() {
        let times = [i64::MIN, -LONGEST_NS - 1, -1, 0, 1, LONGEST_NS, LONGEST_NS + 1, i64::MAX];
        for (pts_ns, duration_ns) in times.into_iter().flat_map(|pts| times.map(|duration| (pts, duration))) {
            let meta = FrameMeta { pts_ns, duration_ns, ..FrameMeta::bytes(1) };
            assert!(bounded(&meta.within_bounds().encode()), "{pts_ns} {duration_ns}");
            let is_valid = bounded(&meta.encode());
            assert_eq!(meta.within_bounds() == meta, is_valid, "{pts_ns} {duration_ns}");
        }
    }
}
