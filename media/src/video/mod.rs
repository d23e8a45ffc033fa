//! Video codecs behind one small trait, and the player that turns a track's packets into frames in presentation order.
#![cfg_attr(
    not(all(feature = "h264", feature = "av1", feature = "vp9")),
    allow(dead_code, reason = "a codec that is left out leaves its helpers unused")
)]

#[cfg(feature = "av1")]
mod av1;
pub(crate) mod bits;
mod codec;
pub(crate) mod count;
mod cut;
mod deep;
mod deinterlace;
#[cfg(feature = "h264")]
mod h264;
#[cfg(any(feature = "mpeg2", feature = "mpeg4"))]
mod half_samples;
#[cfg(feature = "hevc")]
mod hevc;
#[cfg(any(feature = "mpeg2", feature = "mpeg4"))]
mod idct;
mod light;
#[cfg(feature = "mjpeg")]
mod mjpeg;
#[cfg(feature = "mpeg2")]
mod mpeg12;
#[cfg(feature = "mpeg4")]
mod mpeg4;
pub(crate) mod nal;
mod player;
pub(crate) mod slice;
pub(crate) mod sps;
mod still;
#[cfg(feature = "theora")]
mod theora;
mod thin;
#[cfg(feature = "vp8")]
mod vp8;
#[cfg(feature = "vp9")]
mod vp9;

pub(crate) use codec::CONVERT;
#[cfg(feature = "ffmpeg")]
pub(crate) use codec::copy_plane;
pub(crate) use codec::planes;
pub(crate) use deep::Samples;
#[cfg(feature = "ffmpeg")]
pub(crate) use deep::{Deep, widen};
pub use light::Light;
pub(crate) use light::Screen;
pub(crate) use player::Player;
pub(crate) use still::still;
