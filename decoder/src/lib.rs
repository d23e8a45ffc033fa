//! The decoder role.

pub mod audio;
pub mod media;
pub mod source;
pub mod video;
