//! Subtitles that are pictures, and how a sprite is laid over the film.

use tricine_session::cues::{Body, Cue, Fade, Place};

use super::Sprite;
use super::edge::{over, premultiplied};
use super::turn::mixed;
use crate::convert::Rect;

/// A picture as discs have them, as large as the film's picture is shown.
pub(super) fn picture(cue: &Cue, area: Rect) -> Option<Sprite> {
    let Body::Picture { within, x, y, width, height, palette, indices } = &cue.body else { return None };
    let scale = (area.width as f32 / within.0 as f32, area.height as f32 / within.1 as f32);
    let place = |at: u32, scale: f32, corner: usize| (at as f32 * scale) as i32 + corner as i32;
    let wide = ((*width as f32 * scale.0).round() as usize).clamp(1, area.width.max(1));
    let high = ((*height as f32 * scale.1).round() as usize).clamp(1, area.height.max(1));
    let point = |x: usize, y: usize| {
        let at = y.min(*height as usize - 1) * *width as usize + x.min(*width as usize - 1);
        premultiplied(palette[usize::from(indices[at])], 255)
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
            pixels.push(mixed(four, dx, dy));
        }
    }
    let (x, y) = (place(*x, scale.0, area.x), place(*y, scale.1, area.y));
    let times_ns = (cue.start_ns, cue.end_ns);
    Some(Sprite { x, y, width: wide, pixels, times_ns, ..Sprite::default() })
}

impl Sprite {
    /// As the cue says that it comes, moves and goes, in a picture that lies in `area`.
    pub(super) fn of(self, cue: &Cue, place: &Place, area: Rect) -> Self {
        let (width, height) = (area.width as f32, area.height as f32);
        let motion = place.motion.zip(place.at).map(|(motion, from)| {
            let by = ((motion.to.0 - from.0) * width, (motion.to.1 - from.1) * height);
            (by, motion.times_ns)
        });
        let clip = place.clip.map(|[left, top, right, bottom]| {
            let across = |part: f32| (part * width).round() as i32 + area.x as i32;
            let down = |part: f32| (part * height).round() as i32 + area.y as i32;
            [across(left), down(top), across(right), down(bottom)]
        });
        Self { times_ns: (cue.start_ns, cue.end_ns), fade: place.fade, motion, clip, ..self }
    }

    /// How much of it is seen at a time, of 255.
    fn level(&self, at_ns: i64) -> u8 {
        let fade = self.fade.filter(|_| at_ns < self.times_ns.1);
        fade.map_or(255, |fade| faded(&fade, at_ns.saturating_sub(self.times_ns.0)))
    }

    /// Where its corner is at a time.
    fn corner(&self, at_ns: i64) -> (i32, i32) {
        let Some((by, times_ns)) = self.motion else { return (self.x, self.y) };
        let part = part(at_ns.saturating_sub(self.times_ns.0), times_ns.0, times_ns.1);
        (self.x + (by.0 * part).round() as i32, self.y + (by.1 * part).round() as i32)
    }

    /// Lays it over a picture of this width, as it is at a time; not before it comes, nor when it is gone.
    pub(crate) fn lay(&self, pixels: &mut [u32], width: usize, at_ns: i64) {
        let level = self.level(at_ns);
        if !(self.times_ns.0..self.times_ns.1).contains(&at_ns) || level == 0 {
            return;
        }
        let ((x, y), end) = (self.corner(at_ns), width as i32);
        let [left, top, right, bottom] = self.clip.unwrap_or([0, 0, end, i32::MAX]);
        let (from, to) = (x.max(left).max(0), (x + self.width as i32).min(right).min(end));
        if from >= to {
            return;
        }
        for (row, line) in self.pixels.chunks_exact(self.width.max(1)).enumerate() {
            let line_y = y + row as i32;
            let Ok(start) = usize::try_from(line_y) else { continue };
            let Some(below) = pixels.get_mut(start * width..(start + 1) * width) else { continue };
            if !(top..bottom).contains(&line_y) {
                continue;
            }
            let line = &line[(from - x) as usize..(to - x) as usize];
            for (below, &top) in below[from as usize..to as usize].iter_mut().zip(line) {
                if top != 0 {
                    *below = over(if level == 255 { top } else { dimmed(top, level) }, *below);
                }
            }
        }
    }
}

/// How far a time is from one to another.
fn part(at_ns: i64, from_ns: i64, to_ns: i64) -> f32 {
    let whole = to_ns.saturating_sub(from_ns).max(1) as f64;
    (at_ns.saturating_sub(from_ns) as f64 / whole).clamp(0.0, 1.0) as f32
}

/// How much is seen so long after the beginning.
fn faded(fade: &Fade, at_ns: i64) -> u8 {
    let ([a, b, c], [t1, t2, t3, t4]) = (fade.levels, fade.times_ns);
    let between = |from: u8, to: u8, part: f32| (f32::from(from) + (f32::from(to) - f32::from(from)) * part) as u8;
    if at_ns < t2 { between(a, b, part(at_ns, t1, t2)) } else { between(b, c, part(at_ns, t3, t4)) }
}

/// A pixel times its alpha, less seen.
fn dimmed(pixel: u32, level: u8) -> u32 {
    let channel = |shift: u32| (((pixel >> shift & 0xff) * u32::from(level) + 127) / 255) << shift;
    channel(24) | channel(16) | channel(8) | channel(0)
}

#[cfg(test)]
mod tests {
    use tricine_session::cues::Motion;

    use super::*;

    fn sprite(place: Place) -> Sprite {
        let cue = Cue { start_ns: 100, end_ns: 200, body: Body::Text { spans: Vec::new(), place } };
        let sprite = Sprite { x: 1, y: 1, width: 2, pixels: vec![0xffff_ffff; 4], ..Sprite::default() };
        sprite.of(&cue, &place, Rect { x: 0, y: 0, width: 10, height: 10 })
    }

    /// How bright each pixel is that is not black, and where.
    fn laid(sprite: &Sprite, at_ns: i64) -> Vec<(usize, usize, u32)> {
        let mut pixels = vec![0xff00_0000; 100];
        sprite.lay(&mut pixels, 10, at_ns);
        let lit = pixels.iter().enumerate().filter(|(_, pixel)| **pixel != 0xff00_0000);
        lit.map(|(at, pixel)| (at % 10, at / 10, pixel & 0xff)).collect()
    }

    #[test]
    fn what_fades_moves_or_is_cut_is_so_at_its_time() {
        let all = |x: usize, y: usize, level: u32| {
            [(x, y, level), (x + 1, y, level), (x, y + 1, level), (x + 1, y + 1, level)]
        };
        let still = sprite(Place::default());
        assert_eq!((laid(&still, 99), laid(&still, 200)), (vec![], vec![]));
        assert_eq!((laid(&still, 100), laid(&still, 199)), (all(1, 1, 255).into(), all(1, 1, 255).into()));
        let fade = sprite(Place {
            fade: Some(Fade { levels: [0, 255, 100], times_ns: [0, 20, 80, 100] }),
            ..Place::default()
        });
        for (at_ns, level) in [(110, 127), (120, 255), (180, 255), (190, 177)] {
            assert_eq!(laid(&fade, at_ns), all(1, 1, level), "{at_ns}");
        }
        assert_eq!(laid(&fade, 100), []);
        let motion = Some(Motion { to: (0.5, 1.0), times_ns: (0, 100) });
        let moving = sprite(Place { motion, at: Some((0.1, 0.2)), ..Place::default() });
        assert_eq!((laid(&moving, 100), laid(&moving, 150)), (all(1, 1, 255).into(), all(3, 5, 255).into()));
        let cut = sprite(Place { clip: Some([0.2, 0.0, 1.0, 0.2]), ..Place::default() });
        assert_eq!(laid(&cut, 150), [(2, 1, 255)]);
        // Partly or wholly out of the picture.
        for (x, y) in [(-1, -1), (9, 9), (-5, 0), (20, 20)] {
            let lit = laid(&Sprite { x, y, ..sprite(Place::default()) }, 150).len();
            assert_eq!(lit, usize::from((x, y) == (-1, -1) || (x, y) == (9, 9)));
        }
    }
}
