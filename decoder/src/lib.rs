//! Skeleton.
pub mod media;
