//! Pictures as rows of red, green and blue, and FFmpeg's decode of a film to compare them with.

use std::path::PathBuf;

use crate::{arg, tool};

/// A picture: rows of three bytes a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Red, green, blue.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// The part of `width` × `height` pixels at `x`, `y`.
    pub fn part(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let rows = self.bytes.chunks_exact(self.width * 3).skip(y).take(height);
        Self { width, bytes: rows.flat_map(|row| &row[x * 3..(x + width) * 3]).copied().collect() }
    }

    /// The mean difference of their bytes.
    pub fn distance(&self, other: &Self) -> f64 {
        assert_eq!((self.width, self.bytes.len()), (other.width, other.bytes.len()), "pictures of one size");
        let sum: u64 = self.bytes.iter().zip(&other.bytes).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / self.bytes.len() as f64
    }

    /// Whether it is black.
    pub fn is_black(&self) -> bool {
        self.bytes.iter().all(|&b| b < 4)
    }
}

/// The demo film.
pub fn demo() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/demo.mp4"))
}

/// FFmpeg's frame of the demo at `seconds`, scaled.
pub fn demo_frame(seconds: f64, width: usize, height: usize) -> Picture {
    let demo = demo();
    let seek = format!("{:.4}", (seconds - 0.01).max(0.0));
    let scale = format!("scale={width}:{height}:flags=bilinear:in_color_matrix=bt709:in_range=tv,format=rgb24");
    let args = ["-v", "error", "-ss", &seek, "-i", arg(&demo), "-frames:v", "1", "-vf", &scale, "-f", "rawvideo", "-"];
    Picture { width, bytes: tool("ffmpeg", &args).stdout }
}
