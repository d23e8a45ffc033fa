//! From I420 to the pixels of a screen: colour, orientation, aspect, size. The libraries' SIMD does the work; this module
//! says which matrix, which way up and how large.

use fast_image_resize::images::{CroppedImageMut, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use tricine_shared::frame::{ColorMatrix, ColorRange, FrameMeta, Rotation};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

use crate::display::Picture;

/// Opaque black.
pub(crate) const BLACK: u32 = 0xff00_0000;

/// Pixels as `0xffRRGGBB`, row by row: what a screen of little-endian B,G,R,X takes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u32>,
}

impl Canvas {
    /// Takes a size. What it shows is then undefined, and black where it is new.
    pub(crate) fn resize(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        self.pixels.resize(width * height, BLACK);
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
}

/// A rectangle on a canvas, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Converts colours. Sizes come from a checked picture; an error of the library is for the log.
pub(crate) fn to_canvas(picture: &Picture<'_>, canvas: &mut Canvas) {
    let meta = picture.meta;
    canvas.resize(meta.width as usize, meta.height as usize);
    let [y_plane, u_plane, v_plane] = picture.planes();
    let image = YuvPlanarImage {
        y_plane,
        y_stride: meta.width,
        u_plane,
        u_stride: meta.width.div_ceil(2),
        v_plane,
        v_stride: meta.width.div_ceil(2),
        width: meta.width,
        height: meta.height,
    };
    let range = match meta.range {
        ColorRange::Limited => YuvRange::Limited,
        ColorRange::Full => YuvRange::Full,
    };
    let matrix = match meta.matrix {
        ColorMatrix::Bt601 => YuvStandardMatrix::Bt601,
        ColorMatrix::Bt709 => YuvStandardMatrix::Bt709,
        ColorMatrix::Bt2020 => YuvStandardMatrix::Bt2020,
    };
    let bytes = bytemuck::cast_slice_mut(&mut canvas.pixels);
    if let Err(error) = yuv::yuv420_to_bgra(&image, bytes, meta.width * 4, range, matrix) {
        tracing::error!("colour conversion: {error}");
    }
}

/// Turns a canvas clockwise.
pub(crate) fn rotate(from: &Canvas, rotation: Rotation, to: &mut Canvas) {
    let (w, h) = (from.width, from.height);
    match rotation {
        Rotation::None => to.copy(from),
        Rotation::Cw180 => {
            to.copy(from);
            to.pixels.reverse();
        }
        Rotation::Cw90 | Rotation::Cw270 => {
            to.resize(h, w);
            let clockwise = rotation == Rotation::Cw90;
            for (row, out) in to.rows_mut().enumerate() {
                let column = if clockwise { row } else { w - 1 - row };
                let source = from.pixels.iter().skip(column).step_by(w.max(1));
                if clockwise {
                    out.iter_mut().rev().zip(source).for_each(|(to, &pixel)| *to = pixel);
                } else {
                    out.iter_mut().zip(source).for_each(|(to, &pixel)| *to = pixel);
                }
            }
        }
    }
}

/// The size to show a picture at: its pixels made square without losing any, then turned.
pub(crate) fn display_size(meta: &FrameMeta) -> (usize, usize) {
    let (w, h) = (u64::from(meta.width), u64::from(meta.height));
    let (num, den) = (u64::from(meta.sar_num.max(1)), u64::from(meta.sar_den.max(1)));
    let stretch = |side: u64, num: u64, den: u64| ((side * num + den / 2) / den).clamp(1, 65_535) as usize;
    let (w, h) = if num >= den { (stretch(w, num, den), h as usize) } else { (w as usize, stretch(h, den, num)) };
    match meta.rotation {
        Rotation::None | Rotation::Cw180 => (w, h),
        Rotation::Cw90 | Rotation::Cw270 => (h, w),
    }
}

/// The largest rectangle of that shape in the middle of a `width` × `height` one.
pub(crate) fn fit(shape: (usize, usize), width: usize, height: usize) -> Rect {
    let (w, h) = (shape.0.max(1) as u64, shape.1.max(1) as u64);
    let (tw, th) = (width as u64, height as u64);
    let (fw, fh) = if tw * h <= th * w { (tw, (tw * h + w / 2) / w) } else { ((th * w + h / 2) / h, th) };
    let (fw, fh) = (fw.clamp(1, tw.max(1)) as usize, fh.clamp(1, th.max(1)) as usize);
    Rect { x: width.saturating_sub(fw) / 2, y: height.saturating_sub(fh) / 2, width: fw, height: fh }
}

/// Scales canvases. Keeps its tables from frame to frame.
#[derive(Default)]
pub(crate) struct Scaler {
    resizer: Resizer,
}

impl Scaler {
    /// Draws `from` into `area` of `to` and makes the rest of `to` black. `to` has its size already.
    pub(crate) fn draw(&mut self, from: &Canvas, to: &mut Canvas, area: Rect) {
        for (y, row) in to.rows_mut().enumerate() {
            if y < area.y || y >= area.y + area.height {
                row.fill(BLACK);
            } else {
                row.iter_mut().take(area.x).for_each(|p| *p = BLACK);
                row.iter_mut().skip(area.x + area.width).for_each(|p| *p = BLACK);
            }
        }
        if (area.width, area.height) == (from.width, from.height) {
            let rows = to.rows_mut().skip(area.y).zip(from.pixels.chunks_exact(from.width.max(1)));
            for (out, row) in rows {
                out.iter_mut().skip(area.x).zip(row).for_each(|(to, &pixel)| *to = pixel);
            }
        } else if let Err(error) = self.resample(from, to, area) {
            tracing::error!("scaling: {error}");
        }
    }

    fn resample(&mut self, from: &Canvas, to: &mut Canvas, area: Rect) -> Result<(), Box<dyn std::error::Error>> {
        let bytes = bytemuck::cast_slice(&from.pixels);
        let source = ImageRef::new(from.width as u32, from.height as u32, bytes, PixelType::U8x4)?;
        let (width, height) = (to.width as u32, to.height as u32);
        let bytes = bytemuck::cast_slice_mut(&mut to.pixels);
        let mut whole = Image::from_slice_u8(width, height, bytes, PixelType::U8x4)?;
        let [x, y, w, h] = [area.x, area.y, area.width, area.height].map(|side| side as u32);
        let mut part = CroppedImageMut::new(&mut whole, x, y, w, h)?;
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
        Ok(self.resizer.resize(&source, &mut part, &options)?)
    }
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scaler")
    }
}

/// A picture as it is meant to be seen: colours converted, turned, pixels square.
pub(crate) fn upright(picture: &Picture<'_>) -> Canvas {
    let (mut converted, mut turned, mut square) = (Canvas::default(), Canvas::default(), Canvas::default());
    to_canvas(picture, &mut converted);
    rotate(&converted, picture.meta.rotation, &mut turned);
    let (width, height) = display_size(picture.meta);
    square.resize(width, height);
    Scaler::default().draw(&turned, &mut square, Rect { x: 0, y: 0, width, height });
    square
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formulas of the recommendations, in floating point.
    fn formula(y: u8, u: u8, v: u8, range: ColorRange, matrix: ColorMatrix) -> [f64; 3] {
        let (kr, kb) = match matrix {
            ColorMatrix::Bt601 => (0.299, 0.114),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
            ColorMatrix::Bt2020 => (0.2627, 0.0593),
        };
        let (y, u, v) = (f64::from(y), f64::from(u) - 128.0, f64::from(v) - 128.0);
        let (y, pb, pr) = match range {
            ColorRange::Limited => ((y - 16.0) / 219.0, u / 224.0, v / 224.0),
            ColorRange::Full => (y / 255.0, u / 255.0, v / 255.0),
        };
        let r = y + 2.0 * (1.0 - kr) * pr;
        let b = y + 2.0 * (1.0 - kb) * pb;
        [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b].map(|c| (c * 255.0).clamp(0.0, 255.0))
    }

    #[test]
    fn colours_are_those_of_the_recommendations() {
        for range in [ColorRange::Limited, ColorRange::Full] {
            for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020] {
                for (y, u, v) in (0..17 * 9 * 9).map(|i| (i / 81 * 15, i / 9 % 9 * 28 + 16, i % 9 * 28 + 16)) {
                    let (y, u, v) = (y as u8, u as u8, v as u8);
                    // Below black and above white there is nothing to be right about.
                    if range == ColorRange::Limited && !(16..=235).contains(&y) {
                        continue;
                    }
                    let meta = FrameMeta { range, matrix, ..FrameMeta::i420(34, 6) };
                    let luma = 34 * 6;
                    let bytes = [vec![y; luma], vec![u; 17 * 3], vec![v; 17 * 3]].concat();
                    let mut canvas = Canvas::default();
                    to_canvas(&Picture::new(&meta, &bytes).unwrap(), &mut canvas);
                    let wanted = formula(y, u, v, range, matrix);
                    for &pixel in &canvas.pixels {
                        let [b, g, r, x] = pixel.to_le_bytes();
                        assert_eq!(x, 255);
                        for (got, want) in [r, g, b].into_iter().zip(wanted) {
                            assert!(
                                (f64::from(got) - want).abs() <= 2.0,
                                "{range:?} {matrix:?} {y},{u},{v}: {got} {want}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_smallest_and_odd_sizes_convert_whole() {
        for (w, h) in [(1, 1), (1, 7), (7, 1), (3, 3), (33, 17)] {
            let meta = FrameMeta { range: ColorRange::Full, ..FrameMeta::i420(w, h) };
            let luma = (w * h) as usize;
            let bytes = [vec![200; luma], vec![128; meta.len as usize - luma]].concat();
            let mut canvas = Canvas::default();
            to_canvas(&Picture::new(&meta, &bytes).unwrap(), &mut canvas);
            assert_eq!(canvas.pixels, vec![0xffc8_c8c8; luma], "{w}x{h}");
        }
    }

    #[test]
    fn four_quarter_turns_are_none_and_one_is_clockwise() {
        let picture = Canvas { width: 3, height: 2, pixels: vec![1, 2, 3, 4, 5, 6] };
        let turn = |from: &Canvas, by| {
            let mut to = Canvas::default();
            rotate(from, by, &mut to);
            to
        };
        let once = turn(&picture, Rotation::Cw90);
        assert_eq!((once.width, once.height, once.pixels.as_slice()), (2, 3, [4, 1, 5, 2, 6, 3].as_slice()));
        let twice = turn(&once, Rotation::Cw90);
        assert_eq!(twice, turn(&picture, Rotation::Cw180));
        assert_eq!(turn(&twice, Rotation::Cw90), turn(&picture, Rotation::Cw270));
        assert_eq!(turn(&twice, Rotation::Cw180), picture);
    }

    #[test]
    fn the_shape_is_kept_in_any_window() {
        let rect = |x, y, width, height| Rect { x, y, width, height };
        for (shape, width, height, wanted) in [
            ((1280, 720), 1280, 720, rect(0, 0, 1280, 720)),
            ((1280, 720), 1280, 1024, rect(0, 152, 1280, 720)),
            ((720, 1280), 1280, 720, rect(437, 0, 405, 720)),
            ((1, 1), 3, 9, rect(0, 3, 3, 3)),
            ((10_000, 1), 100, 100, rect(0, 49, 100, 1)),
            ((4, 3), 0, 0, rect(0, 0, 1, 1)),
        ] {
            assert_eq!(fit(shape, width, height), wanted, "{shape:?} in {width}x{height}");
        }
        let meta = FrameMeta { sar_num: 64, sar_den: 45, ..FrameMeta::i420(720, 576) };
        assert_eq!(display_size(&meta), (1024, 576));
        assert_eq!(display_size(&FrameMeta { rotation: Rotation::Cw90, ..meta }), (576, 1024));
        assert_eq!(display_size(&FrameMeta { sar_num: 1, sar_den: 2, ..meta }), (720, 1152));
    }

    #[test]
    fn scaling_keeps_within_its_rectangle() {
        let from = Canvas { width: 2, height: 2, pixels: vec![0xffff_ffff; 4] };
        let mut to = Canvas::default();
        to.resize(10, 6);
        Scaler::default().draw(&from, &mut to, Rect { x: 2, y: 0, width: 6, height: 6 });
        for (y, row) in to.rows_mut().enumerate() {
            for (x, &pixel) in row.iter().enumerate() {
                assert_eq!(pixel, if (2..8).contains(&x) { 0xffff_ffff } else { BLACK }, "{x},{y}");
            }
        }
    }
}
