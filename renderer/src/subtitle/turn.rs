//! Pictures of words that are turned, in the picture and in space, and sheared: as libass has it, whose order of steps and whose distance of
//! the eye this follows.

use tricine_session::cues::Place;

use super::Sprite;
use crate::convert::Rect;

/// What lies nearer to the eye than this, as a part of the picture's distance, is behind it.
const NEAREST: f32 = 0.05;

/// Where each point of a plane goes: three rows, of which the last one says how far away it then is.
type Matrix = [[f32; 3]; 3];

/// What a place says of turning, about the origin of coordinates; `edge` is the upper left corner.
fn matrix(place: &Place, edge: (f32, f32), far: f32) -> Matrix {
    let [(sx, cx), (sy, cy), (sz, cz)] =
        [place.tilt.0, place.tilt.1, place.angle].map(|angle| angle.to_radians().sin_cos());
    let (right, down) = place.shear;
    let (x, y) = ([1.0, right, -right * edge.1], [down, 1.0, -down * edge.0]);
    let mut rows = [[0.0; 3]; 3];
    for at in 0..3 {
        let (across, along) = (x[at] * cz + y[at] * sz, y[at] * cz - x[at] * sz);
        let (high, deep) = (along * cx, -along * sx);
        rows[0][at] = across * cy - deep * sy;
        rows[1][at] = high;
        rows[2][at] = (across * sy + deep * cy) / far;
    }
    rows[2][2] += 1.0;
    rows
}

/// Where a point goes; `None`: behind the eye.
fn gone(m: &Matrix, x: f32, y: f32) -> Option<(f32, f32)> {
    let row = |at: usize| m[at][0] * x + m[at][1] * y + m[at][2];
    let deep = row(2);
    (deep >= NEAREST).then(|| (row(0) / deep, row(1) / deep))
}

/// The way back, but for its scale; `None` where all points lie on a line.
fn inverse(m: &Matrix) -> Option<Matrix> {
    let minor = |r: usize, c: usize| {
        let (r, c) = ([(r + 1) % 3, (r + 2) % 3], [(c + 1) % 3, (c + 2) % 3]);
        m[r[0]][c[0]] * m[r[1]][c[1]] - m[r[0]][c[1]] * m[r[1]][c[0]]
    };
    let whole: f32 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    (whole.abs() > 1e-6).then(|| std::array::from_fn(|r| std::array::from_fn(|c| minor(c, r) / whole)))
}

/// A sprite as its place says that it is turned, about a point of it; `edge` is the upper left corner of what it shows, both from its own corner.
pub(super) fn turned(sprite: Sprite, place: &Place, pivot: (f32, f32), edge: (f32, f32), area: Rect) -> Sprite {
    if (place.angle, place.tilt, place.shear) == (0.0, (0.0, 0.0), (0.0, 0.0)) {
        return sprite;
    }
    let said = place.origin.map(|(x, y)| {
        let (x, y) = (x * area.width as f32 + area.x as f32, y * area.height as f32 + area.y as f32);
        (x - sprite.x as f32, y - sprite.y as f32)
    });
    let pivot = said.unwrap_or(pivot);
    let m = matrix(place, (edge.0 - pivot.0, edge.1 - pivot.1), (place.far * area.height as f32).max(1.0));
    let (width, height) = (sprite.width as i32, (sprite.pixels.len() / sprite.width.max(1)) as i32);
    let corners = [(0, 0), (width, 0), (0, height), (width, height)];
    let corners: Option<Vec<_>> =
        corners.iter().map(|(x, y)| gone(&m, *x as f32 - pivot.0, *y as f32 - pivot.1)).collect();
    let (Some(corners), Some(back)) = (corners, inverse(&m)) else { return Sprite::default() };
    // As much as is seen, and as far as it may move.
    let bounds = |of: fn(&(f32, f32)) -> f32, from: f32, long: f32| {
        let (least, most) = corners.iter().map(of).fold((f32::MAX, f32::MIN), |(a, b), at| (a.min(at), b.max(at)));
        let (first, last) = (least.max(from - long).floor(), most.min(from + 2.0 * long).ceil());
        (first as i32, (last - first).max(0.0) as i32)
    };
    let place = |corner: i32, start: usize, pivot: f32| start as f32 - corner as f32 - pivot;
    let (left, wide) = bounds(|c| c.0, place(sprite.x, area.x, pivot.0), area.width as f32);
    let (top, high) = bounds(|c| c.1, place(sprite.y, area.y, pivot.1), area.height as f32);
    let at = |x: i32, y: i32| {
        let inside = (0..width).contains(&x) && (0..height).contains(&y);
        if inside { sprite.pixels[(y * width + x) as usize] } else { 0 }
    };
    let mut pixels = Vec::with_capacity((wide * high) as usize);
    for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
        let (x, y) = ((x + left) as f32 + 0.5, (y + top) as f32 + 0.5);
        let row = |at: usize| back[at][0] * x + back[at][1] * y + back[at][2];
        let (x, y) = (row(0) / row(2) + pivot.0 - 0.5, row(1) / row(2) + pivot.1 - 0.5);
        let (x0, y0) = (x.floor(), y.floor());
        let (dx, dy) = (((x - x0) * 256.0) as u32, ((y - y0) * 256.0) as u32);
        let (x0, y0) = (x0 as i32, y0 as i32);
        let below = (x0.saturating_add(1), y0.saturating_add(1));
        pixels.push(mixed([at(x0, y0), at(below.0, y0), at(x0, below.1), at(below.0, below.1)], dx, dy));
    }
    let corner = |corner: i32, pivot: f32, by: i32| (corner as f32 + pivot).round() as i32 + by;
    let (x, y) = (corner(sprite.x, pivot.0, left), corner(sprite.y, pivot.1, top));
    Sprite { x, y, width: wide as usize, pixels, ..Sprite::default() }
}

/// Four pixels, two above and two below, mixed: `dx` and `dy` of 256 to the right and below.
pub(super) fn mixed(four: [u32; 4], dx: u32, dy: u32) -> u32 {
    let share = [(256 - dx) * (256 - dy), dx * (256 - dy), (256 - dx) * dy, dx * dy];
    let channel = |shift: u32| {
        let sum: u32 = four.iter().zip(share).map(|(pixel, share)| (pixel >> shift & 0xff) * share).sum();
        (sum >> 16) << shift
    };
    channel(24) | channel(16) | channel(8) | channel(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(angle: f32, tilt: (f32, f32), shear: (f32, f32)) -> Place {
        Place { align: 5, angle, tilt, far: 0.5, shear, ..Place::default() }
    }

    #[test]
    fn points_go_where_libass_has_them() {
        let far = 100.0;
        for (place, point, to) in [
            (place(90.0, (0.0, 0.0), (0.0, 0.0)), (10.0, 0.0), (0.0, -10.0)),
            // What is turned about a line across: the lower half comes nearer, and is larger.
            (place(0.0, (90.0, 0.0), (0.0, 0.0)), (10.0, 50.0), (20.0, 0.0)),
            (place(0.0, (60.0, 0.0), (0.0, 0.0)), (0.0, -20.0), (0.0, -10.0 / (1.0 + 0.2 * 0.866_025))),
            // About one down: the right half goes away.
            (place(0.0, (0.0, 60.0), (0.0, 0.0)), (20.0, 10.0), (10.0 / 1.173_205, 10.0 / 1.173_205)),
            (place(0.0, (0.0, 0.0), (0.5, 0.0)), (10.0, 20.0), (10.0 + 0.5 * 30.0, 20.0)),
            (place(0.0, (0.0, 0.0), (0.0, 0.5)), (10.0, 20.0), (10.0, 20.0 + 0.5 * 15.0)),
        ] {
            let m = matrix(&place, (-5.0, -10.0), far);
            let (x, y) = gone(&m, point.0, point.1).unwrap();
            assert!((x - to.0).abs() < 0.01 && (y - to.1).abs() < 0.01, "{place:?}: {x} {y}");
            let Some(back) = inverse(&m) else { continue };
            let row = |at: usize| back[at][0] * x + back[at][1] * y + back[at][2];
            let (x, y) = (row(0) / row(2), row(1) / row(2));
            assert!((x - point.0).abs() < 0.01 && (y - point.1).abs() < 0.01, "{place:?} back: {x} {y}");
        }
        assert_eq!(gone(&matrix(&place(0.0, (90.0, 0.0), (0.0, 0.0)), (0.0, 0.0), far), 0.0, 99.0), None);
    }

    #[test]
    fn whatever_is_turned_takes_no_more_than_pictures_do() {
        let area = Rect { x: 5, y: 7, width: 40, height: 30 };
        for (angle, x, y, shear) in
            [(33.0, 89.0, 0.0, 0.0), (0.0, 90.0, 90.0, 0.0), (7.0, -80.0, 80.0, 10.0), (0.0, 0.0, 359.0, -9.0)]
        {
            let sprite = Sprite { x: 10, y: 10, width: 20, pixels: vec![0xffff_ffff; 200], ..Sprite::default() };
            for origin in [None, Some((-1.0, 2.0))] {
                let place = Place { origin, far: 0.01, ..place(angle, (x, y), (shear, -shear)) };
                let sprite = turned(sprite.clone(), &place, (10.0, 5.0), (0.0, 0.0), area);
                assert!(sprite.pixels.len() <= 9 * 40 * 30 + 1_000, "{}", sprite.pixels.len());
            }
        }
    }
}
