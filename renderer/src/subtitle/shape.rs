//! Drawings: what outlines have within.

use tricine_session::cues::{Place, Span};

use super::Sprite;
use super::edge::Ink;
use super::letters::WHITE;
use super::place::corner;
use super::print::finished;
use super::turn::turned;
use crate::convert::Rect;

/// A row is looked at in so many places, one below the other.
const LOOKS: usize = 4;

/// Draws a drawing for a picture that lies in `area`; `None` if nothing of it lies near.
pub(super) fn shape(outlines: &[Vec<(f32, f32)>], look: &Span, place: &Place, area: Rect) -> Option<Sprite> {
    let (wide, high) = (area.width as f32, area.height as f32);
    let points = || outlines.iter().flatten().map(|(x, y)| (x * wide, y * high));
    let least = points().reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)))?;
    let most = points().reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)))?;
    let size = (most.0 - least.0, most.1 - least.1);
    let (x, y) = corner(place, size, area);
    let finish = finished(look, 0.0, high);
    let around = finish.reach().ceil() + 1.0;
    // Of what is turned or moves, more may come into sight than lies in the picture now.
    let still = place.angle == 0.0 && place.tilt == (0.0, 0.0) && place.shear == (0.0, 0.0) && place.motion.is_none();
    let part = |from: f32, to: f32, corner: f32, start: usize, len: f32| {
        let room = if still { 0.0 } else { len / 2.0 };
        let (first, last) = (start as f32 - corner - around - room, start as f32 + len - corner + around + room);
        ((from - around).max(first).floor(), (to + around).min(last).ceil())
    };
    let (left, right) = part(least.0, most.0, x, area.x, wide);
    let (top, bottom) = part(least.1, most.1, y, area.y, high);
    let (width, height) = ((right - left).max(0.0) as usize, (bottom - top).max(0.0) as usize);
    if width == 0 || height == 0 {
        return None;
    }
    let own = |(x, y): &(f32, f32)| (x * wide - left, y * high - top);
    let outlines: Vec<Vec<_>> = outlines.iter().map(|outline| outline.iter().map(own).collect()).collect();
    let mut ink = Ink::new(width, height);
    fill(&outlines, look.color.unwrap_or(WHITE), &mut ink);
    let mut pixels = vec![0; width * height];
    ink.below(&finish, &mut pixels);
    ink.above(&finish, &mut pixels);
    let sprite = Sprite { x: (x + left) as i32, y: (y + top) as i32, width, pixels, ..Sprite::default() };
    let (row, column) = ((place.align - 1) / 3, (place.align - 1) % 3);
    let pivot = (f32::from(column) * size.0 / 2.0 - left, f32::from(2 - row) * size.1 / 2.0 - top);
    Some(turned(sprite, place, pivot, (-left, -top), area))
}

type Point = (f32, f32);

/// Covers what the outlines go around at least once.
fn fill(outlines: &[Vec<Point>], color: u32, ink: &mut Ink) {
    let mut sides: Vec<(Point, Point)> = Vec::new();
    for outline in outlines {
        sides.extend(outline.iter().copied().zip(outline.iter().copied().cycle().skip(1)));
    }
    let mut row = vec![0.0_f32; ink.width];
    for y in 0..ink.height {
        row.fill(0.0);
        for look in 0..LOOKS {
            let at = y as f32 + (look as f32 + 0.5) / LOOKS as f32;
            let crossed = sides.iter().filter(|((_, y0), (_, y1))| (*y0 <= at) != (*y1 <= at));
            let mut crossings: Vec<(f32, i32)> = Vec::new();
            for ((x0, y0), (x1, y1)) in crossed {
                let (x, turn) = (x0 + (at - y0) / (y1 - y0) * (x1 - x0), if y0 < y1 { 1 } else { -1 });
                let place = crossings.partition_point(|(other, _)| *other < x);
                crossings.insert(place, (x, turn));
            }
            let mut around = 0;
            for pair in crossings.windows(2) {
                around += pair[0].1;
                if around != 0 {
                    cover(&mut row, pair[0].0, pair[1].0);
                }
            }
        }
        for (x, covered) in row.iter().enumerate().filter(|(_, covered)| **covered > 0.0) {
            ink.put(x as i32, y as i32, color, (covered / LOOKS as f32 * 255.0).round().min(255.0) as u8);
        }
    }
}

/// Adds to each pixel of a row how much of it lies between two places.
fn cover(row: &mut [f32], from: f32, to: f32) {
    let (from, to) = (from.max(0.0), to.min(row.len() as f32));
    if from >= to {
        return;
    }
    for (x, covered) in row.iter_mut().enumerate().take(to.ceil() as usize).skip(from as usize) {
        *covered += (to.min(x as f32 + 1.0) - from.max(x as f32)).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_outline_has_within_is_drawn_where_it_stands() {
        let square = |from: f32, to: f32| vec![(from, from), (to, from), (to, to), (from, to)];
        let area = Rect { x: 10, y: 0, width: 100, height: 100 };
        let look = Span { border: Some(0.0), color: Some(0xff12_3456), ..Span::default() };
        let lit = |outlines: &[Vec<Point>], place: &Place| {
            let sprite = shape(outlines, &look, place, area)?;
            let seen = sprite.pixels.iter().enumerate().filter(|(_, pixel)| **pixel == 0xff12_3456);
            let all: Vec<_> = seen
                .map(|(at, _)| ((at % sprite.width) as i32 + sprite.x, (at / sprite.width) as i32 + sprite.y))
                .collect();
            let ends = |of: fn(&(i32, i32)) -> i32| Some((all.iter().map(of).min()?, all.iter().map(of).max()?));
            let ((left, right), (top, bottom)) = (ends(|p| p.0)?, ends(|p| p.1)?);
            Some((left, right, top, bottom, all.len()))
        };
        let at = |align: u8, x: f32, y: f32| Place { align, at: Some((x, y)), ..Place::default() };
        // As libass has them: from the point, or about it.
        assert_eq!(lit(&[square(0.1, 0.3)], &at(7, 0.5, 0.4)), Some((70, 89, 50, 69, 400)));
        assert_eq!(lit(&[square(0.1, 0.3)], &at(5, 0.5, 0.4)), Some((60, 79, 40, 59, 400)));
        assert_eq!(lit(&[square(0.1, 0.3)], &at(2, 0.5, 0.4)), Some((60, 79, 30, 49, 400)));
        // A hole is what another outline goes around the other way; what is out of sight is not drawn.
        let hole: Vec<_> = square(0.15, 0.25).into_iter().rev().collect();
        assert_eq!(lit(&[square(0.1, 0.3), hole], &at(7, 0.5, 0.4)).map(|seen| seen.4), Some(300));
        assert_eq!(lit(&[square(-2.0, 3.0)], &at(7, 0.0, 0.0)).map(|seen| seen.4 <= 104 * 104), Some(true));
        assert_eq!(lit(&[square(0.1, 0.3)], &at(7, 1.9, 0.0)), None);
        let turned = lit(&[square(0.1, 0.3)], &Place { angle: 90.0, ..at(7, 0.5, 0.4) }).unwrap();
        assert!((turned.0 - 70).abs() <= 1 && (turned.2 - 10).abs() <= 1, "{turned:?}");
    }
}
