//! Macroblocks that are predicted from whole frames. The crate looks at every sample apart; those of 4:2:0, nearly all there are, are
//! put together here.

use oxideav_mpeg12video::ChromaFormat;
use oxideav_mpeg12video::frame_assembly::{FrameBuffer, Plane};
use oxideav_mpeg12video::inter_reconstruction::{
    FrameMotion, MotionVectorPel, ReferenceFrames, ResidualBlock, reconstruct_inter_macroblock,
};

use super::slices::Points;
use crate::video::half_samples::{Samples, predict};

/// Puts a macroblock into its place: what it is predicted from, and by what its blocks differ from that, whose lines may be those of
/// fields. `None`: it lacks what it refers to.
pub(super) fn place(
    frame: &mut FrameBuffer,
    references: ReferenceFrames<'_>,
    at: (usize, usize),
    fields: bool,
    motion: FrameMotion,
    blocks: &[(u8, Points)],
) -> Option<()> {
    if frame.chroma_format == ChromaFormat::Yuv420 {
        return place_420(frame, references, at, fields, motion, blocks);
    }
    reconstruct_inter_macroblock(frame, references, at.0, at.1, fields, motion, &residuals(blocks)).ok().map(drop)
}

/// Blocks as the crate takes them.
pub(super) fn residuals(blocks: &[(u8, Points)]) -> Vec<ResidualBlock<'_>> {
    blocks.iter().map(|(number, points)| ResidualBlock { block_index: *number, f_pel: points }).collect()
}

fn place_420(
    frame: &mut FrameBuffer,
    references: ReferenceFrames<'_>,
    (column, row): (usize, usize),
    fields: bool,
    motion: FrameMotion,
    blocks: &[(u8, Points)],
) -> Option<()> {
    // What says nothing of its motion has not moved.
    let still = motion.forward.is_none() && motion.backward.is_none();
    let forward = motion.forward.or(still.then_some(MotionVectorPel::new(0, 0)));
    let mut predicted = [[0; 256]; 3];
    let mut halfway = false;
    for (reference, vector) in [(references.forward, forward), (references.backward, motion.backward)] {
        let Some(MotionVectorPel { horizontal, vertical }) = vector else { continue };
        let reference = reference.filter(|reference| same_size(reference, frame))?;
        let [luma, chroma @ ..] = &mut predicted;
        let (by, at) = ((horizontal, vertical), (16 * column, 16 * row));
        predict::<16>((luma, 16), samples(&reference.y), at, by, 0, halfway);
        let (by, at) = ((horizontal / 2, vertical / 2), (8 * column, 8 * row));
        for (to, from) in chroma.iter_mut().zip([&reference.cb, &reference.cr]) {
            predict::<8>((to, 16), samples(from), at, by, 0, halfway);
        }
        halfway = true;
    }
    for (number, points) in blocks {
        let number = usize::from(*number);
        let (plane, begin, stride) = match (number, fields) {
            (0..4, false) => (0, 128 * (number / 2) + 8 * (number % 2), 16),
            (0..4, true) => (0, 16 * (number / 2) + 8 * (number % 2), 32),
            _ => (number - 3, 0, 16),
        };
        for (y, line) in points.iter().enumerate() {
            for (sample, difference) in predicted.get_mut(plane)?[begin + y * stride..].iter_mut().zip(line) {
                *sample = i16::from(*sample).saturating_add(*difference).clamp(0, 255) as u8;
            }
        }
    }
    for ((plane, size), rows) in
        [(&mut frame.y, 16), (&mut frame.cb, 8), (&mut frame.cr, 8)].into_iter().zip(&predicted)
    {
        for (y, line) in rows.chunks_exact(16).take(size).enumerate() {
            for (x, sample) in line[..size].iter().enumerate() {
                plane.put_sample(size * column + x, size * row + y, *sample);
            }
        }
    }
    Some(())
}

fn same_size(one: &FrameBuffer, two: &FrameBuffer) -> bool {
    (one.width, one.height, one.chroma_format) == (two.width, two.height, two.chroma_format)
}

fn samples(plane: &Plane) -> Samples<'_> {
    Samples { samples: plane.samples(), width: plane.width(), height: plane.height() }
}
