//! Subtitles that are pictures, and how a sprite is laid over the film.

use tricine_session::cues::Cue;

use super::Sprite;
use super::edge::{over, premultiplied};
use crate::convert::Rect;

/// A picture as discs have them, as large as the film's picture is shown.
pub(super) fn picture(cue: &Cue, area: Rect) -> Option<Sprite> {
    let Cue::Picture { within, x, y, width, height, palette, indices } = cue else { return None };
    let scale = (area.width as f32 / within.0 as f32, area.height as f32 / within.1 as f32);
    let place = |at: u32, scale: f32, corner: usize| (at as f32 * scale) as i32 + corner as i32;
    let wide = ((*width as f32 * scale.0).round() as usize).clamp(1, area.width.max(1));
    let high = ((*height as f32 * scale.1).round() as usize).clamp(1, area.height.max(1));
    let point = |x: usize, y: usize| {
        let at = y.min(*height as usize - 1) * *width as usize + x.min(*width as usize - 1);
        let color = palette[usize::from(indices[at])];
        premultiplied(color & 0xff_ffff, (color >> 24) as u8)
    };
    if indices.is_empty() {
        return None;
    }
    let step = (*width as f32 / wide as f32, *height as f32 / high as f32);
    let mut pixels = Vec::with_capacity(wide * high);
    for row in 0..high {
        for column in 0..wide {
            // The middle of the pixel, between the four points that are nearest.
            let (fx, fy) = ((column as f32 + 0.5) * step.0 - 0.5, (row as f32 + 0.5) * step.1 - 0.5);
            let (fx, fy) = (fx.max(0.0), fy.max(0.0));
            let (x0, y0) = (fx as usize, fy as usize);
            let (dx, dy) = ((fx.fract() * 256.0) as u32, (fy.fract() * 256.0) as u32);
            let four = [point(x0, y0), point(x0 + 1, y0), point(x0, y0 + 1), point(x0 + 1, y0 + 1)];
            let share = [(256 - dx) * (256 - dy), dx * (256 - dy), (256 - dx) * dy, dx * dy];
            let channel = |shift: u32| {
                let sum: u32 = four.iter().zip(share).map(|(pixel, share)| (pixel >> shift & 0xff) * share).sum();
                (sum >> 16) << shift
            };
            pixels.push(channel(24) | channel(16) | channel(8) | channel(0));
        }
    }
    Some(Sprite { x: place(*x, scale.0, area.x), y: place(*y, scale.1, area.y), width: wide, pixels })
}

impl Sprite {
    /// Lays it over a picture of this width.
    pub(crate) fn lay(&self, pixels: &mut [u32], width: usize) {
        for (row, line) in self.pixels.chunks_exact(self.width.max(1)).enumerate() {
            let Ok(y) = usize::try_from(self.y + row as i32) else { continue };
            let Some(below) = pixels.get_mut(y * width..(y + 1) * width) else { continue };
            let (skip, start) = (usize::try_from(-self.x).unwrap_or(0), usize::try_from(self.x).unwrap_or(0));
            for (below, &top) in below.iter_mut().skip(start).zip(line.iter().skip(skip)) {
                if top != 0 {
                    *below = over(top, *below);
                }
            }
        }
    }
}
