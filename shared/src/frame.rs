//! What describes a frame: geometry, colour, orientation. Plain values, copied out of shared memory once and checked
//! before use.

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

/// Bytes of a `width` × `height` picture as I420 without padding: chroma sides are halved and rounded up.
pub fn i420_len(width: u32, height: u32) -> usize {
    let (w, h) = (width as usize, height as usize);
    w * h + 2 * w.div_ceil(2) * h.div_ceil(2)
}
