//! Skeleton.
pub mod frame;
