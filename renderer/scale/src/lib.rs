//! Scaling, bilinear over all source pixels that a target pixel covers, by `fast_image_resize`.
//!
//! A crate of its own, since the library is generic: whoever calls it compiles it, in each form that the caller is built in.
#![forbid(unsafe_code)]

use fast_image_resize::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x4};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

/// What the library said that went wrong. It is for the log: sizes are checked before.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Scales pictures. Keeps its memory from picture to picture.
#[derive(Default)]
pub struct Scaler {
    resizer: Resizer,
}

// The calls are typed: the untyped one compiles every kind of pixel there is.
impl Scaler {
    /// Scales a picture of four opaque bytes a pixel, `size` pixels across and down, into a part of another.
    /// Errors: a slice is too short for its size, or the part lies outside.
    pub fn pixels(
        &mut self,
        from: &[u8],
        size: (u32, u32),
        to: &mut [u8],
        whole: (u32, u32),
        part: Part,
    ) -> Result<(), Error> {
        let source = TypedImageRef::<U8x4>::from_buffer(size.0, size.1, from).map_err(Error::new)?;
        let whole = TypedImage::<U8x4>::from_buffer(whole.0, whole.1, to).map_err(Error::new)?;
        let Part { x, y, width, height } = part;
        let mut part = TypedCroppedImageMut::new(whole, x, y, width, height).map_err(Error::new)?;
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
        self.resizer.resize_typed(&source, &mut part, &options).map_err(Error::new)
    }

    /// Scales a plane of one byte a sample, of which `shown` samples across and down count, from its upper left corner.
    /// Errors: a slice is too short for its size, or more is shown than there is.
    pub fn plane(
        &mut self,
        from: &[u8],
        size: (u32, u32),
        shown: (f64, f64),
        to: &mut [u8],
        whole: (u32, u32),
    ) -> Result<(), Error> {
        let source = TypedImageRef::<U8>::from_buffer(size.0, size.1, from).map_err(Error::new)?;
        let mut target = TypedImage::<U8>::from_buffer(whole.0, whole.1, to).map_err(Error::new)?;
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(0.0, 0.0, shown.0, shown.1);
        self.resizer.resize_typed(&source, &mut target, &options).map_err(Error::new)
    }

    /// Gives back the memory that scaling needs: the next picture has the right size.
    pub fn rest(&mut self) {
        self.resizer.reset_internal_buffers();
    }
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scaler")
    }
}
