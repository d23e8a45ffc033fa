//! Where words stand, and which make room for which.
//!
//! Words that were given no point stand beyond those that were there when they came, and stay there until they go, also when those are over
//! before them. So a page names what is over and still counts: then words stand where they stood, after a jump and in a new process as
//! well. Of a chain without an end a page has the last part alone; so where words stood on the page before counts first.

use cosmic_text::Align;
use tricine_session::cues::{Body, Cue, Page, Place};

use super::Sprite;
use super::letters::{Letters, Room};
use super::picture::picture;
use super::shape::shape;
use crate::convert::Rect;

/// What is kept free below and above where nobody says, as a part of the picture's height; and to the sides, of its width.
const MARGIN: f32 = 0.045;
const SIDE: f32 = 0.03;

/// Words that stand somewhere.
#[derive(Debug, Clone)]
struct Standing {
    cue: Cue,
    /// From left to right, from top to bottom, with the edge of the letters above and below.
    edges: [f32; 4],
    top: f32,
}

/// Where the words of the last page stood, and in which picture.
#[derive(Debug, Default)]
pub(super) struct Stood {
    area: Option<Rect>,
    cues: Vec<Standing>,
    /// What was drawn of its cues, whose corners were there.
    drawn: Vec<(Cue, (f32, f32), Sprite)>,
}

impl Stood {
    /// Where these words stood.
    fn find(&self, cue: &Cue, area: Rect) -> Option<f32> {
        let same = |other: &&Standing| other.cue.start_ns == cue.start_ns && other.cue.body == cue.body;
        self.cues.iter().filter(|_| self.area == Some(area)).find(same).map(|standing| standing.top)
    }

    /// What was drawn of the same cue in the same place: pages follow each other quickly where one cue of many changes.
    fn drawn(&mut self, cue: &Cue, corner: (f32, f32), area: Rect) -> Option<Sprite> {
        let same = |(other, at, _): &(Cue, (f32, f32), Sprite)| other == cue && *at == corner;
        let at = self.drawn.iter().position(same).filter(|_| self.area == Some(area))?;
        Some(self.drawn.swap_remove(at).2)
    }
}

impl Letters {
    /// Draws a page for a picture that lies in `area`; and what the user should know.
    pub(super) fn draw(&mut self, page: &Page, area: Rect) -> (Vec<Sprite>, Option<String>) {
        self.tidy();
        let mut standing: Vec<Standing> = Vec::new();
        let (mut sprites, mut complaint): (Vec<(i32, Sprite)>, _) = (Vec::new(), None);
        let mut drawn = Vec::new();
        let mut keep = |cue: &Cue, corner, sprite: &Option<Sprite>| {
            drawn.extend(sprite.iter().map(|sprite| (cue.clone(), corner, sprite.clone())));
        };
        for cue in &page.cues {
            let over = cue.end_ns <= page.start_ns;
            let (spans, place) = match &cue.body {
                Body::Text { spans, place } => (spans, place),
                Body::Shape { outlines, look, place } => {
                    let before = self.stood.drawn(cue, (0.0, 0.0), area);
                    let sprite = before.or_else(|| shape(outlines, look, place, area)).filter(|_| !over);
                    keep(cue, (0.0, 0.0), &sprite);
                    lay(&mut sprites, place.layer, sprite.map(|sprite| sprite.of(cue, place, area)));
                    continue;
                }
                Body::Picture { .. } => {
                    lay(&mut sprites, 0, picture(cue, area).filter(|_| !over));
                    continue;
                }
            };
            if over && place.at.is_some() {
                continue;
            }
            let set = self.set(spans, &room(place, area));
            let (x, mut y) = corner(place, (set.width, set.height), area);
            if place.at.is_none() {
                let border =
                    spans.first().and_then(|span| span.border).map_or(0.0, |border| (border * set.unit).round());
                let edges = |top: f32| [x, x + set.width, top - border, top + set.height + border];
                y = self.stood.find(cue, area).unwrap_or_else(|| {
                    let free = free(cue, place, edges(y), &standing);
                    free + border
                });
                standing.push(Standing { cue: cue.clone(), edges: edges(y), top: y });
            }
            if !over {
                complaint = complaint.or_else(|| self.complaint(&set));
                let before = self.stood.drawn(cue, (x, y), area);
                let sprite = before.or_else(|| self.print(&set, spans, place, (x, y), area));
                keep(cue, (x, y), &sprite);
                lay(&mut sprites, place.layer, sprite.map(|sprite| sprite.of(cue, place, area)));
            }
        }
        self.stood = Stood { area: Some(area), cues: standing, drawn };
        (sprites.into_iter().map(|(_, sprite)| sprite).collect(), complaint)
    }
}

/// Lays a sprite over those of its layer and of those below.
fn lay(sprites: &mut Vec<(i32, Sprite)>, layer: i32, sprite: Option<Sprite>) {
    if let Some(sprite) = sprite {
        let at = sprites.partition_point(|(other, _)| *other <= layer);
        sprites.insert(at, (layer, sprite));
    }
}

/// What is kept free to the left and to the right, in pixels.
fn sides(place: &Place, area: Rect) -> (f32, f32) {
    let side = |said: f32| if said > 0.0 { said } else { SIDE } * area.width as f32;
    (side(place.sides.0), side(place.sides.1))
}

fn room(place: &Place, area: Rect) -> Room {
    let (width, height) = (area.width as f32, area.height as f32);
    let (left, right) = sides(place, area);
    Room {
        across: Some([Align::Left, Align::Center, Align::Right][usize::from((place.align - 1) % 3)]),
        width: (width - left - right).max(width * 0.2),
        // Words of which nobody says how large they are are smaller in narrow pictures, so that a line has several.
        unit: (height, height.min(width * 0.75)),
        unbroken: place.unbroken,
    }
}

/// The upper left corner of what stands where it is put.
pub(super) fn corner(place: &Place, size: (f32, f32), area: Rect) -> (f32, f32) {
    let (left, top) = (area.x as f32, area.y as f32);
    let (width, height) = (area.width as f32, area.height as f32);
    let (row, column) = ((place.align - 1) / 3, (place.align - 1) % 3);
    let (before, behind) = sides(place, area);
    let x = match (place.at, column) {
        (Some((x, _)), column) => left + x * width - size.0 * f32::from(column) / 2.0,
        (None, 0) => left + before,
        (None, 1) => left + before + (width - before - behind - size.0) / 2.0,
        (None, _) => left + width - behind - size.0,
    };
    let margin = place.margin.unwrap_or(MARGIN) * height;
    let y = match (place.at, row) {
        (Some((_, y)), row) => top + y * height - size.1 * f32::from(2 - row) / 2.0,
        (None, 0) => top + height - margin - size.1,
        (None, 1) => top + (height - size.1) / 2.0,
        (None, _) => top + margin,
    };
    // Whole pixels: lengths add up.
    (x.round(), y.round())
}

/// Beyond what was there when the cue came, further and further: from the upper edge downwards, else upwards. Its new upper edge.
fn free(cue: &Cue, place: &Place, [left, right, mut top, bottom]: [f32; 4], standing: &[Standing]) -> f32 {
    let height = bottom - top;
    let layer = |cue: &Cue| matches!(&cue.body, Body::Text { place: other, .. } if other.layer == place.layer);
    let there = || standing.iter().filter(|other| other.cue.end_ns > cue.start_ns && layer(&other.cue));
    while let Some([.., from, to]) = there()
        .map(|other| other.edges)
        .find(|[l, r, from, to]| left < *r && *l < right && top < *to && *from < top + height)
    {
        top = if place.align > 6 { to } else { from - height };
    }
    top
}

#[cfg(test)]
mod tests {
    use tricine_session::cues::Span;

    use super::*;

    fn cue(text: &str, align: u8, at: Option<(f32, f32)>) -> Cue {
        let span = Span { text: text.into(), underline: true, ..Span::default() };
        let body = Body::Text { spans: vec![span], place: Place { align, at, ..Place::default() } };
        Cue { start_ns: 0, end_ns: 9, body }
    }

    fn area(x: usize, y: usize, width: usize, height: usize) -> Rect {
        Rect { x, y, width, height }
    }

    /// The first and the last row with letters.
    fn inked(sprite: &Sprite) -> (i32, i32) {
        let rows = sprite.pixels.chunks(sprite.width);
        let mut inked =
            rows.enumerate().filter(|(_, row)| row.iter().any(|pixel| pixel >> 24 > 128)).map(|(at, _)| at as i32);
        let first = inked.next().unwrap();
        (sprite.y + first, sprite.y + inked.next_back().unwrap_or(first))
    }

    #[test]
    fn words_stand_where_they_are_put_and_within_the_picture() {
        let mut letters = Letters::load();
        let area = area(100, 50, 640, 360);
        for align in 1..=9 {
            let page = Page { start_ns: 0, cues: vec![cue("Word", align, None)] };
            let (sprites, complaint) = letters.draw(&page, area);
            assert_eq!((sprites.len(), complaint), (1, None));
            let sprite = &sprites[0];
            let inked = sprite.pixels.iter().enumerate().filter(|(_, pixel)| **pixel >> 24 > 128).map(|(at, _)| at);
            let points = inked
                .map(|at| ((at % sprite.width) as i32 + sprite.x - 100, (at / sprite.width) as i32 + sprite.y - 50));
            let (mut left, mut right, mut top, mut bottom) = (i32::MAX, i32::MIN, i32::MAX, i32::MIN);
            for (x, y) in points {
                (left, right, top, bottom) = (left.min(x), right.max(x), top.min(y), bottom.max(y));
            }
            assert!(left >= 0 && right < 640 && top >= 0 && bottom < 360, "{align}: {left} {right} {top} {bottom}");
            let (x, y) = ((left + right) / 2, (top + bottom) / 2);
            let third = |value: i32, of: i32| value * 3 / of;
            assert_eq!(
                (third(x, 640), 2 - third(y, 360)),
                ((i32::from(align) - 1) % 3, (i32::from(align) - 1) / 3),
                "{align}"
            );
        }
    }

    #[test]
    fn words_stand_beyond_those_that_are_there_and_only_where_they_would_meet() {
        let mut letters = Letters::load();
        let place = |align: u8, margin: f32| {
            let mut cue = cue("Some words", align, None);
            if let Body::Text { place, .. } = &mut cue.body {
                place.margin = Some(margin);
            }
            cue
        };
        // The second one is in the way of the third, which began lower; the fourth is beside them.
        let cues = vec![place(2, 0.3), place(2, 0.29), place(2, 0.2), place(3, 0.3), place(8, 0.1), place(8, 0.1)];
        let (sprites, _) = letters.draw(&Page { start_ns: 0, cues }, area(0, 0, 1280, 720));
        let rows: Vec<_> = sprites.iter().map(inked).collect();
        for (one, other) in [(0, 1), (0, 2), (1, 2), (4, 5)] {
            assert!(rows[one].1 < rows[other].0 || rows[other].1 < rows[one].0, "{one} {other}: {rows:?}");
        }
        assert_eq!(rows[3], rows[0]);
        assert!(rows[5].0 > rows[4].1 && rows[1].1 < rows[0].0);
    }

    #[test]
    fn words_stay_where_they_stand_until_they_go() {
        let lasting = |start_ns: i64, end_ns: i64, text: &str| Cue { start_ns, end_ns, ..cue(text, 2, None) };
        let cues = [
            lasting(0, 10, "One\nline more"),
            lasting(5, 20, "Two"),
            lasting(12, 20, "Three"),
            lasting(13, 20, "Fo\nur"),
        ];
        let area = area(0, 0, 640, 360);
        let page = |start_ns: i64, count: usize| Page { start_ns, cues: cues[..count].to_vec() };
        let mut letters = Letters::load();
        let mut rows = |page: &Page| letters.draw(page, area).0.iter().map(inked).collect::<Vec<_>>();
        let both = rows(&page(5, 2));
        assert!(both[1].1 < both[0].0, "{both:?}");
        // The second one stays; the third one has room below it, which the fourth has not.
        assert_eq!(rows(&page(10, 2)), both[1..]);
        let all = rows(&page(13, 4));
        assert!(all[0] == both[1] && all[1].0 > all[0].1 && all[2].1 < all[0].0, "{both:?} {all:?}");
        // The same to whoever comes late, also to another size and back.
        let late = Letters::load().draw(&page(13, 4), area).0.iter().map(inked).collect::<Vec<_>>();
        assert_eq!(late, all);
        letters.draw(&page(13, 4), Rect { width: 320, height: 180, ..area });
        assert_eq!(letters.draw(&page(13, 4), area).0.iter().map(inked).collect::<Vec<_>>(), all);
        // Of a chain that is longer than a page knows, what stood counts.
        let rest = Page { start_ns: 13, cues: cues[1..].to_vec() };
        assert_eq!(letters.draw(&rest, area).0.iter().map(inked).collect::<Vec<_>>(), all);
        // In another layer nothing is in the way.
        let mut cues = cues[..2].to_vec();
        if let Body::Text { place, .. } = &mut cues[1].body {
            place.layer = -1;
        }
        let page = Page { start_ns: 5, cues };
        let rows = letters.draw(&page, area).0.iter().map(inked).collect::<Vec<_>>();
        assert!((rows[0].1 - rows[1].1).abs() < 8, "{rows:?}");
    }

    #[test]
    fn any_page_is_drawn_in_any_picture_and_takes_no_more_than_it() {
        let mut letters = Letters::load();
        let long = "x\u{301}\u{202e} ".repeat(1_000);
        let cues =
            vec![cue(&long, 2, None), cue("a\n\n\nb", 9, Some((-1.0, 2.0))), cue("", 5, None), cue("\n", 7, None)];
        for area in [area(0, 0, 1, 1), area(3, 0, 7, 300), area(0, 9, 640, 2), area(0, 0, 320, 180)] {
            let (sprites, _) = letters.draw(&Page { start_ns: 0, cues: cues.clone() }, area);
            let mut screen = vec![0; 400 * 320];
            for sprite in &sprites {
                assert!(sprite.width <= 4 * area.width * area.height + 2_100, "{area:?}");
                sprite.lay(&mut screen, 400, 0);
            }
        }
    }
}
