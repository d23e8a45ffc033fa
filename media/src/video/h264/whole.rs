//! Whether every part of a picture was decoded. The careful decoder goes on after a slice that is lost or that it cannot read, and
//! says nothing of it. But it begins each picture with zeros, and what no slice has reached stays so: luma and both chromas 0,
//! a green that lies outside what colours can be.

use rust_h264::decoder::{ChromaFormat, Frame};

/// Pixels of a side of a macroblock.
const BLOCK: usize = 16;
/// Lines in a row that are all zeros: the filter between macroblocks reaches three lines into each.
const LINES: usize = 8;

/// Whether a part of `frame` was never decoded. `inset`: what is cut off its left and its top. `fields`: its lines may belong to
/// two pictures, of which one may be missing.
pub(super) fn has_hole(frame: &Frame, inset: (u32, u32), fields: bool) -> bool {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let half = width.div_ceil(2);
    let bytes = frame.bytes_per_sample();
    let tall = frame.chroma_format == ChromaFormat::Yuv422;
    let zero = |plane: &[u8], at: usize| {
        plane.get(at * bytes..(at + 1) * bytes).is_none_or(|sample| sample.iter().all(|&byte| byte == 0))
    };
    let empty = |x: usize, y: usize| {
        let chroma = if tall { y } else { y / 2 } * half + x / 2;
        zero(&frame.y, y * width + x) && zero(&frame.u, chroma) && zero(&frame.v, chroma)
    };
    // The neighbours tell a dark pixel from a hole.
    let gone = |x: usize, y: usize| empty(x, y) && (x.saturating_sub(4)..width.min(x + 4)).all(|x| empty(x, y));
    // The middle of each column of macroblocks.
    let first = (BLOCK / 2 + BLOCK - inset.0 as usize % BLOCK) % BLOCK;
    let step = if fields { 2 } else { 1 };
    let enough = LINES.min(height.div_ceil(step));
    (0..step).any(|parity| {
        let lines = height.saturating_sub(parity).div_ceil(step);
        let gone = |x: usize, line: usize| gone(x, line * step + parity);
        // So many lines in a row have one of these among them.
        let looked_at = (enough.saturating_sub(1)..lines).step_by(enough.max(1));
        looked_at.flat_map(|line| (first..width).step_by(BLOCK).map(move |x| (x, line))).any(|(x, line)| {
            let above = (0..line).rev().take(enough).take_while(|&line| gone(x, line));
            let below = (line + 1..lines).take(enough).take_while(|&line| gone(x, line));
            gone(x, line) && 1 + above.count() + below.count() >= enough
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: u32, height: u32) -> Frame {
        let (luma, chroma) = ((width * height) as usize, (width.div_ceil(2) * height.div_ceil(2)) as usize);
        let (y, u, v) = (vec![16; luma], vec![128; chroma], vec![128; chroma]);
        Frame { width, height, y, u, v, pic_order_cnt: 0, chroma_format: ChromaFormat::Yuv420, bit_depth: 8 }
    }

    /// Empties a macroblock that begins at `(left, top)`, every `step`th line.
    fn empty(frame: &mut Frame, left: usize, top: usize, step: usize) {
        let width = frame.width as usize;
        for (line, x) in (0..16).flat_map(|line| (0..16).map(move |x| (line * step, x))) {
            frame.y[(top + line) * width + left + x] = 0;
            let chroma = (top + line) / 2 * (width / 2) + (left + x) / 2;
            (frame.u[chroma], frame.v[chroma]) = (0, 0);
        }
    }

    #[test]
    fn a_macroblock_that_is_missing_is_seen_and_black_is_none() {
        let mut black = frame(64, 48);
        assert!(!has_hole(&black, (0, 0), false));
        black.y.fill(0);
        assert!(!has_hole(&black, (0, 0), true), "black of full range");
        let mut hole = frame(64, 48);
        empty(&mut hole, 16, 32, 1);
        assert!(has_hole(&hole, (0, 0), false));
        let mut shifted = frame(64, 48);
        empty(&mut shifted, 10, 6, 1);
        assert!(has_hole(&shifted, (6, 10), false));
    }

    #[test]
    fn so_many_empty_lines_are_a_hole_wherever_they_begin_and_fewer_are_none() {
        for (top, lines, wanted) in (0..=48 - LINES).flat_map(|top| [(top, LINES, true), (top, LINES - 1, false)]) {
            let mut frame = frame(64, 48);
            frame.u.fill(0);
            frame.v.fill(0);
            frame.y[top * 64..(top + lines) * 64].fill(0);
            assert_eq!(has_hole(&frame, (0, 0), false), wanted, "{lines} lines from {top} on");
        }
    }

    #[test]
    fn a_field_that_is_missing_is_seen() {
        let mut field = frame(64, 64);
        field.u.fill(0);
        field.v.fill(0);
        empty(&mut field, 32, 1, 2);
        assert!(has_hole(&field, (0, 0), true));
    }
}
