//! A picture on its way to the screen: its pixels, in memory of our own or where the display reads them.

use std::ops::{Deref, DerefMut};

use crate::display::Segment;

/// Opaque black.
pub(crate) const BLACK: u32 = 0xff00_0000;

/// Pixels as `0xffRRGGBB`, row by row: what a screen of little-endian B,G,R,X takes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Pixels,
}

/// Where pixels lie.
#[derive(Debug)]
pub(crate) enum Pixels {
    /// In our own memory.
    Own(Vec<u32>),
    /// In memory that the display has mapped.
    Lent(Segment),
}

impl Default for Pixels {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl From<Vec<u32>> for Pixels {
    fn from(pixels: Vec<u32>) -> Self {
        Self::Own(pixels)
    }
}

impl Deref for Pixels {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match self {
            Self::Own(pixels) => pixels,
            Self::Lent(segment) => segment,
        }
    }
}

impl DerefMut for Pixels {
    fn deref_mut(&mut self) -> &mut [u32] {
        match self {
            Self::Own(pixels) => pixels,
            Self::Lent(segment) => segment,
        }
    }
}

impl PartialEq for Pixels {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Canvas {
    /// Takes a size. What it shows is then undefined, and black where it is new. Lent memory is kept if it fits.
    pub(crate) fn resize(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        match &mut self.pixels {
            Pixels::Own(pixels) => pixels.resize(width * height, BLACK),
            Pixels::Lent(segment) if segment.len() == width * height => {}
            Pixels::Lent(_) => self.pixels = vec![BLACK; width * height].into(),
        }
    }

    /// The rows, top to bottom.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [u32]> {
        self.pixels.chunks_exact_mut(self.width.max(1))
    }

    /// Becomes a copy of `other`, in the memory that it has.
    pub(crate) fn copy(&mut self, other: &Self) {
        self.resize(other.width, other.height);
        self.pixels.copy_from_slice(&other.pixels);
    }

    /// Whether its pixels lie where the display reads them.
    pub(crate) fn is_lent(&self) -> bool {
        matches!(self.pixels, Pixels::Lent(_))
    }
}
