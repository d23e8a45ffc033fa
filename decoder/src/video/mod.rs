//! Video codecs behind one small trait, and the player that turns a track's packets into frames in presentation order.

#[cfg(feature = "av1")]
mod av1;
mod bits;
mod codec;
pub mod guard;
#[cfg(feature = "h264")]
mod h264;
#[cfg(feature = "hevc")]
mod hevc;
mod nal;
pub(crate) mod packet;
mod player;
mod sps;
#[cfg(feature = "vp9")]
mod vp9;

pub(crate) use codec::CONVERT;
pub(crate) use player::Player;
