//! Pictures of which a container shows less than was coded.

use super::codec::{copy_plane, planes};
use crate::{Picture, VideoFormat};

/// The upper left part of a picture.
pub(crate) struct Cut {
    pub(crate) picture: Box<dyn Picture>,
    /// How the picture comes.
    pub(crate) whole: VideoFormat,
    /// Pixels across and down that are shown.
    pub(crate) size: (u32, u32),
}

impl Picture for Cut {
    fn write_i420(&mut self, out: &mut [u8]) {
        let mut coded = vec![0; self.whole.i420_len()];
        self.picture.write_i420(&mut coded);
        let from = planes(&mut coded, self.whole.width, self.whole.height);
        let to = planes(out, self.size.0, self.size.1);
        for (n, (from, to)) in from.into_iter().zip(to).enumerate() {
            let width = |width: u32| width.div_ceil(if n == 0 { 1 } else { 2 }) as usize;
            copy_plane(from, width(self.whole.width), width(self.size.0), to);
        }
    }
}
