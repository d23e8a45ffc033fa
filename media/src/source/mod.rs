//! Inputs that are no containers: pictures, raw frames, and what the player draws itself.

pub mod image;
pub mod test;
pub mod y4m;
