//! From I420 to the pixels of a screen: colour, orientation, aspect, size. The libraries' SIMD does the work; this module
//! says which matrix, which way up and how large.

use tricine_scale::Part;
use tricine_session::frame::{ColorMatrix, ColorRange, FrameMeta, Rotation};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

use crate::canvas::{BLACK, Canvas};
use crate::display::Picture;

/// A rectangle on a canvas, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Bytes of a picture that are copied out of the channel at a time: with the pixels that are made of them they stay in the
/// first-level cache, so that the copy costs no memory traffic.
const BAND: usize = 8 << 10;

/// Converts colours, a band of rows at a time. Sizes come from a checked picture; an error of the library is for the log.
pub(crate) fn to_canvas(picture: &Picture<'_>, canvas: &mut Canvas) {
    let meta = picture.meta;
    let (width, height) = (meta.width as usize, meta.height as usize);
    canvas.resize(width, height);
    let (range, matrix) = color_space(meta);
    // Even, so that chroma rows belong to one band.
    let rows = (BAND / (width * 3)).max(1) * 2;
    let planes = picture.planes();
    let mut band = [const { Vec::new() }; 3];
    for (i, pixels) in canvas.pixels.chunks_mut(rows * width).enumerate() {
        for (plane, (from, to)) in planes.iter().zip(&mut band).enumerate() {
            let rows = if plane == 0 { rows } else { rows / 2 };
            from.copy_rows(i * rows, rows, to);
        }
        let [y_plane, u_plane, v_plane] = band.each_ref().map(Vec::as_slice);
        let image = YuvPlanarImage {
            y_plane,
            y_stride: meta.width,
            u_plane,
            u_stride: meta.width.div_ceil(2),
            v_plane,
            v_stride: meta.width.div_ceil(2),
            width: meta.width,
            height: (pixels.len() / width) as u32,
        };
        let bytes = bytemuck::cast_slice_mut(pixels);
        if let Err(error) = yuv::yuv420_to_bgra(&image, bytes, meta.width * 4, range, matrix) {
            tracing::error!("colour conversion: {error}");
            return;
        }
    }
}

fn color_space(meta: &FrameMeta) -> (YuvRange, YuvStandardMatrix) {
    let range = match meta.range {
        ColorRange::Limited => YuvRange::Limited,
        ColorRange::Full => YuvRange::Full,
    };
    let matrix = match meta.matrix {
        ColorMatrix::Bt601 => YuvStandardMatrix::Bt601,
        ColorMatrix::Bt709 => YuvStandardMatrix::Bt709,
        ColorMatrix::Bt2020 => YuvStandardMatrix::Bt2020,
    };
    (range, matrix)
}

/// Turns a canvas as its picture is meant to be seen.
pub(crate) fn turn(from: &Canvas, meta: &FrameMeta, to: &mut Canvas) {
    let (w, h) = (from.width, from.height);
    match meta.rotation {
        Rotation::None => to.copy(from),
        Rotation::Cw180 => {
            to.copy(from);
            to.pixels.reverse();
        }
        Rotation::Cw90 | Rotation::Cw270 => {
            to.resize(h, w);
            let clockwise = meta.rotation == Rotation::Cw90;
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
    if meta.mirrored {
        to.rows_mut().for_each(<[u32]>::reverse);
    }
}

/// Whether a picture is shown as it is.
pub(crate) fn is_upright(meta: &FrameMeta) -> bool {
    meta.rotation == Rotation::None && !meta.mirrored
}

/// The size to show a picture at: its pixels made square without losing any, then turned.
pub(crate) fn display_size(meta: &FrameMeta) -> (usize, usize) {
    let (w, h) = (u64::from(meta.width), u64::from(meta.height));
    let (num, den) = (u64::from(meta.sar_num.max(1)), u64::from(meta.sar_den.max(1)));
    let stretch = |side: u64, num: u64, den: u64| ((side * num + den / 2) / den).clamp(1, 65_535) as usize;
    let (w, h) = if num >= den { (stretch(w, num, den), h as usize) } else { (w as usize, stretch(h, den, num)) };
    rotated((w, h), meta.rotation)
}

/// The size of a picture that is turned, its pixels as they are.
pub(crate) fn turned_size(meta: &FrameMeta) -> (usize, usize) {
    rotated((meta.width as usize, meta.height as usize), meta.rotation)
}

fn rotated((width, height): (usize, usize), rotation: Rotation) -> (usize, usize) {
    match rotation {
        Rotation::None | Rotation::Cw180 => (width, height),
        Rotation::Cw90 | Rotation::Cw270 => (height, width),
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

/// Scales canvases. Keeps its memory from frame to frame.
#[derive(Debug, Default)]
pub(crate) struct Scaler {
    kernel: tricine_scale::Scaler,
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

    /// Gives back the memory that scaling needs: the next picture has the right size.
    pub(crate) fn rest(&mut self) {
        self.kernel.rest();
    }

    fn resample(&mut self, from: &Canvas, to: &mut Canvas, area: Rect) -> Result<(), tricine_scale::Error> {
        let size = |canvas: &Canvas| (canvas.width as u32, canvas.height as u32);
        let [x, y, width, height] = [area.x, area.y, area.width, area.height].map(|side| side as u32);
        let whole = size(to);
        let bytes = bytemuck::cast_slice_mut(&mut to.pixels);
        self.kernel.pixels(bytemuck::cast_slice(&from.pixels), size(from), bytes, whole, Part { x, y, width, height })
    }
}

/// Scales pictures down before their colours are converted: what a terminal shows is a hundredth of a film's pixels.
#[derive(Debug, Default)]
pub(crate) struct Shrinker {
    kernel: tricine_scale::Scaler,
    whole: Vec<u8>,
    planes: [Vec<u8>; 3],
    lying: Canvas,
}

impl Shrinker {
    /// Draws `picture`, turned as it is meant to be seen, at the size that `canvas` has.
    pub(crate) fn draw(&mut self, picture: &Picture<'_>, canvas: &mut Canvas) {
        let upright = is_upright(picture.meta);
        let (width, height) = rotated((canvas.width, canvas.height), picture.meta.rotation);
        if let Err(error) = self.shrink(picture, width, height) {
            tracing::error!("scaling: {error}");
        }
        let target = if upright { &mut *canvas } else { &mut self.lying };
        target.resize(width, height);
        let [y_plane, u_plane, v_plane] = [0, 1, 2].map(|i| self.planes[i].as_slice());
        let stride = width as u32;
        let image = YuvPlanarImage {
            y_plane,
            y_stride: stride,
            u_plane,
            u_stride: stride,
            v_plane,
            v_stride: stride,
            width: stride,
            height: height as u32,
        };
        let bytes = bytemuck::cast_slice_mut(&mut target.pixels);
        let (range, matrix) = color_space(picture.meta);
        if let Err(error) = yuv::yuv444_to_bgra(&image, bytes, stride * 4, range, matrix) {
            tracing::error!("colour conversion: {error}");
        }
        if !upright {
            turn(&self.lying, picture.meta, canvas);
        }
    }

    fn shrink(&mut self, picture: &Picture<'_>, width: usize, height: usize) -> Result<(), tricine_scale::Error> {
        let (w, h) = (picture.meta.width, picture.meta.height);
        for (i, (from, to)) in picture.planes().into_iter().zip(&mut self.planes).enumerate() {
            // Chroma covers two pixels each way; of an odd side the last one lies half outside.
            let by = if i == 0 { 1 } else { 2 };
            let (side, part) =
                ((w.div_ceil(by), h.div_ceil(by)), (f64::from(w) / f64::from(by), f64::from(h) / f64::from(by)));
            to.resize(width * height, 0);
            // Scaling reads rows again and again, so it gets a plane of its own.
            from.bytes.copy_to_vec(&mut self.whole);
            self.kernel.plane(&self.whole, side, part, to, (width as u32, height as u32))?;
        }
        Ok(())
    }
}

/// A picture as it is meant to be seen: colours converted, turned, pixels square.
pub(crate) fn upright(picture: &Picture<'_>) -> Canvas {
    let (mut converted, mut turned, mut square) = (Canvas::default(), Canvas::default(), Canvas::default());
    to_canvas(picture, &mut converted);
    turn(&converted, picture.meta, &mut turned);
    let (width, height) = display_size(picture.meta);
    square.resize(width, height);
    Scaler::default().draw(&turned, &mut square, Rect { x: 0, y: 0, width, height });
    square
}

#[cfg(test)]
mod tests;
