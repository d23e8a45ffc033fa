//! What tests measure in the film: a flash at each whole second, and the frame's number as black and white blocks.
//!
//! Positions and thresholds are promised in assets/README.md: change both together.

use crate::{
    film::FPS,
    raster::{Canvas, disc, hex, rounded},
};

/// Side of one block in pixels: one H.264 macroblock.
pub(crate) const BLOCK: usize = 16;
/// Left and top of the first block, which holds the most significant of the [`BITS`] bits.
pub(crate) const BLOCKS_AT: (usize, usize) = (48, 688);
/// Blocks in the row.
pub(crate) const BITS: usize = 16;
/// Middle and radius of the flash disc.
pub(crate) const FLASH: (f32, f32, f32) = (1208.0, 60.0, 24.0);

/// The blocks of a frame's number, most significant bit first; `true` is white.
pub(crate) fn blocks(number: u16) -> [bool; BITS] {
    std::array::from_fn(|i| number >> (BITS - 1 - i) & 1 == 1)
}

/// How bright the flash is in a frame: 1 at a whole second, at most a half in every other frame.
pub(crate) fn flash(frame: u32) -> f32 {
    match frame % FPS {
        0 => 1.0,
        after => 0.62_f32.powi(after as i32 + 1).max(0.002),
    }
}

/// Draws the number's blocks and the flash.
pub(crate) fn draw(canvas: &mut Canvas, frame: u32) {
    let side = BLOCK as f32;
    for (i, white) in blocks(frame as u16).into_iter().enumerate() {
        let x = (BLOCKS_AT.0 + i * BLOCK) as f32;
        canvas.fill(rounded(x, BLOCKS_AT.1 as f32, side, side, 0.0), hex(if white { 0xff_ffff } else { 0 }));
    }
    let (x, y, r) = FLASH;
    let light = flash(frame);
    canvas.glow(disc(x, y, r), 30.0, hex(0xff_ffff).fade(light * 0.5));
    canvas.fill(disc(x, y, r), hex(0x1a_2130).mix(hex(0xff_ffff), light));
    canvas.stroke(disc(x, y, r - 0.5), 1.5, hex(0x3a_4559));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{film, raster::Canvas};

    #[test]
    fn every_number_is_read_back_from_the_luma_of_its_blocks() {
        for number in (0..film::FRAMES).step_by(7).chain([0, 1, film::FRAMES - 1, 0x8001, 0xffff]) {
            let mut canvas = Canvas::new(1280, 720, hex(0x0b_0e14));
            draw(&mut canvas, number);
            let planes = canvas.to_i420();
            let middle = BLOCK / 2;
            let read = (0..BITS).fold(0, |n, i| {
                let (x, y) = (BLOCKS_AT.0 + i * BLOCK + middle, BLOCKS_AT.1 + middle);
                n << 1 | u32::from(planes[y * 1280 + x] >= 128)
            });
            assert_eq!(read, number);
        }
    }

    #[test]
    fn the_flash_passes_its_threshold_in_the_frames_of_whole_seconds_only() {
        for frame in 0..film::FRAMES {
            let mut canvas = Canvas::new(1280, 128, hex(0x0b_0e14));
            draw(&mut canvas, frame);
            let luma = canvas.to_i420()[60 * 1280 + 1208];
            assert_eq!(luma >= 200, frame % FPS == 0, "frame {frame}: {luma}");
        }
    }
}
