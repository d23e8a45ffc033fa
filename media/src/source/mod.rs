//! Inputs that are no containers: pictures, raw frames, and what the player draws itself.

mod exif;
mod heif;
mod icc;
pub mod image;
pub mod test;
pub mod y4m;

/// Whether a file that begins so is a picture of HEIF.
pub(crate) fn is_heif(head: &[u8]) -> bool {
    heif::name(head).is_some()
}
