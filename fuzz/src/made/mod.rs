//! Files made by structure. Flipped bytes alone seldom make a size or a count that matters: these are where a parser looks for them.

pub mod flac;
pub mod flv;
pub mod heif;
pub mod matroska;
pub mod mp4;
pub mod ogg;
pub mod plain;
pub mod ps;
pub mod raw;
pub mod riff;
pub mod theora;
pub mod ts;
