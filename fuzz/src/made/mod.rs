//! Files made by structure. Flipped bytes alone seldom make a size or a count that matters: these are where a parser looks for them.

pub(crate) mod flac;
pub(crate) mod flv;
pub(crate) mod heif;
pub(crate) mod matroska;
pub(crate) mod mp4;
pub(crate) mod ogg;
pub(crate) mod plain;
pub(crate) mod ps;
pub(crate) mod raw;
pub(crate) mod riff;
pub(crate) mod theora;
pub(crate) mod ts;
