//! From lines of letters to pixels: edges, shadows, boxes, and turning.

use cosmic_text::{LayoutGlyph, LayoutRun, SwashContent, UnderlineStyle};
use tricine_session::cues::{Backdrop, Place, Span};

use super::Sprite;
use super::edge::{Finish, Ink, premultiplied};
use super::letters::{EDGE, Letters, Set, WHITE, WIDEST_EDGE};
use super::own::is_near;
use super::turn::turned;
use crate::convert::Rect;

const BLACK: u32 = 0xff00_0000;
/// How much bolder letters are made, as a part of their size.
const BOLDER: f32 = 1.0 / 64.0;
/// Edges and shadows of one cue that differ; the last one stands for more.
const MOST_FINISHES: usize = 8;
/// Points of a cue, at most, as a multiple of the picture's.
const MOST_PICTURES: usize = 4;

impl Letters {
    /// Draws what is set, its corner at `corner`; `None` if that is nothing.
    pub(super) fn print(
        &mut self,
        set: &Set,
        spans: &[Span],
        place: &Place,
        corner: (f32, f32),
        area: Rect,
    ) -> Option<Sprite> {
        let finish = |span: &Span| finished(span, set.em, set.unit);
        let usual = finish(spans.first()?);
        let mut finishes = vec![usual];
        let number = |finishes: &mut Vec<Finish>, finish: Finish| {
            finishes.iter().position(|other| *other == finish).unwrap_or_else(|| {
                if finishes.len() < MOST_FINISHES {
                    finishes.push(finish);
                }
                finishes.len() - 1
            })
        };
        let numbers: Vec<usize> = spans.iter().map(|span| number(&mut finishes, finish(span))).collect();
        // Slanted and marked letters reach beyond their lines.
        let reach = finishes.iter().map(Finish::reach).fold(0.0, f32::max);
        let around = (set.em * 0.5 + reach).ceil() as i32;
        // Nothing much larger than the picture is drawn; but a line may reach beyond it on both sides.
        let (rows, points) = ((set.height as usize).min(area.height), MOST_PICTURES * area.width * area.height);
        let width = (set.width as usize).min(points / rows.max(1)) + 2 * around as usize;
        let height = rows + 2 * around as usize;
        let mut pixels = vec![0; width * height];
        let boxed = |pixels: &mut [u32], color: u32, pad: f32, by: f32, [left, right, from, to]: [f32; 4]| {
            if color >> 24 == 0 {
                return;
            }
            let at = |value: f32| (value.round() as i32 + around).max(0) as usize;
            for row in pixels.chunks_exact_mut(width).take(at(to + pad + by)).skip(at(from - pad + by)) {
                let end = at(right + pad + by).min(width);
                row[at(left - pad + by).min(end)..end].fill(premultiplied(color, 255));
            }
        };
        match place.backdrop {
            Backdrop::None => {}
            Backdrop::Whole => {
                boxed(&mut pixels, usual.shade, usual.shadow, 0.0, [0.0, set.width, 0.0, set.height]);
                finishes.iter_mut().for_each(|finish| finish.shadow = 0.0);
            }
            Backdrop::Lines => {
                let boxes: Vec<_> = set.buffer.layout_runs().flat_map(|run| line_boxes(&run, set)).collect();
                let own = |span: usize| finishes[numbers.get(span).copied().unwrap_or(0)];
                for (span, place) in boxes.iter().filter(|_| usual.shadow > 0.0) {
                    boxed(&mut pixels, own(*span).shade, usual.radius, usual.shadow, *place);
                }
                boxes.iter().for_each(|(span, place)| boxed(&mut pixels, own(*span).edge, usual.radius, 0.0, *place));
                finishes.iter_mut().for_each(|finish| (finish.radius, finish.shadow) = (0.0, 0.0));
            }
        }
        // One after another, since each is as large as the whole.
        let mut inked = |at: usize| {
            let mut ink = Ink::new(width, height);
            for run in set.buffer.layout_runs() {
                self.line(&run, set, around, |span| numbers.get(span) == Some(&at), &mut ink);
            }
            ink
        };
        if let [finish] = finishes.as_slice() {
            let ink = inked(0);
            ink.below(finish, &mut pixels);
            ink.above(finish, &mut pixels);
        } else {
            finishes.iter().enumerate().for_each(|(at, finish)| inked(at).below(finish, &mut pixels));
            finishes.iter().enumerate().for_each(|(at, finish)| inked(at).above(finish, &mut pixels));
        }
        let (x, y) = (corner.0 as i32 - around, corner.1 as i32 - around);
        let sprite = Sprite { x, y, width, pixels, ..Sprite::default() };
        let (row, column) = ((place.align - 1) / 3, (place.align - 1) % 3);
        let pivot = (f32::from(column) * set.width / 2.0, f32::from(2 - row) * set.height / 2.0);
        let pivot = (pivot.0 + around as f32, pivot.1 + around as f32);
        (set.height > 0.0).then(|| turned(sprite, place, pivot, (around as f32, around as f32), area))
    }

    /// Draws the letters of a line whose span is one of these.
    fn line(&mut self, run: &LayoutRun<'_>, set: &Set, around: i32, is: impl Fn(usize) -> bool, ink: &mut Ink) {
        let boxes = line_boxes(run, set);
        for glyph in run.glyphs.iter().filter(|glyph| is(glyph.metadata)) {
            let place = glyph.physical((0.0, run.line_y), 1.0);
            let color = glyph.color_opt.map_or(WHITE, |color| color.0);
            if self.own.has(place.cache_key.font_id) {
                let lines = self.kept.get_outline_commands(&mut self.fonts, place.cache_key);
                if !lines.is_some_and(is_near) {
                    continue;
                }
            }
            let Some(image) = self.kept.get_image(&mut self.fonts, place.cache_key) else { continue };
            let columns = image.placement.width as usize;
            let sweep = set.sweeps.get(glyph.metadata).copied().flatten().and_then(|(second, part)| {
                let (_, [left, right, ..]) = *boxes.iter().find(|(span, _)| *span == glyph.metadata)?;
                let part = if run.rtl { 1.0 - part } else { part };
                Some((second, around + (left + (right - left) * part).round() as i32))
            });
            // Bolder by so many pixels, the last of which counts in part.
            let wider = if set.bolder.get(glyph.metadata) == Some(&true) { glyph.font_size * BOLDER } else { 0.0 };
            let smear: Vec<f32> = (0..wider.ceil() as i32).map(|at| (wider - at as f32).min(1.0)).collect();
            if columns == 0 {
                continue;
            }
            let (x, y) = (place.x + image.placement.left, around + place.y - image.placement.top);
            // The letters' own columns, from left to right of where they are shown.
            let (left, wide) = if set.stretch == 1.0 {
                (x, columns)
            } else {
                let ends = [x as f32 * set.stretch, (x + columns as i32) as f32 * set.stretch];
                (ends[0].floor() as i32, (ends[1].ceil() - ends[0].floor()) as usize)
            };
            let sources = |column: usize| {
                let at = (left as f32 + column as f32 + 0.5) / set.stretch - x as f32 - 0.5;
                (at.floor() as i32, at - at.floor())
            };
            let size = if image.content == SwashContent::Mask { 1 } else { 4 };
            for (row, line) in image.data.chunks_exact(columns * size).enumerate() {
                for column in 0..wide.min(ink.width) {
                    let (point, row) = ((around + left + column as i32, y + row as i32), line);
                    let cover = |column: i32| {
                        let at = usize::try_from(column).ok().filter(|at| *at < columns);
                        at.map_or(0, |at| row[at * size + size - 1])
                    };
                    let (at, cover) = if set.stretch == 1.0 {
                        (column, cover(column as i32))
                    } else {
                        let (at, part) = sources(column);
                        let mixed = f32::from(cover(at)) * (1.0 - part) + f32::from(cover(at + 1)) * part;
                        (at.clamp(0, columns as i32 - 1) as usize, mixed.round() as u8)
                    };
                    let color = match line.get(at * 4..at * 4 + 3) {
                        Some(&[red, green, blue]) if size == 4 => {
                            color & BLACK | u32::from_be_bytes([0, red, green, blue])
                        }
                        _ => color,
                    };
                    let color = match sweep {
                        Some((second, from)) if run.rtl == (point.0 < from) => second,
                        _ => color,
                    };
                    ink.put(point.0, point.1, color, cover);
                    for (by, part) in (1..).zip(&smear) {
                        ink.put(point.0 + by, point.1, color, (f32::from(cover) * part) as u8);
                    }
                }
            }
        }
        marks(run, set, around, is, ink);
    }
}

/// What is around letters or a drawing of such a look; letters of the size `em` have an edge where nothing is said of one.
pub(super) fn finished(span: &Span, em: f32, unit: f32) -> Finish {
    let radius = span.border.map_or((em * EDGE).clamp(1.0, 12.0) - 0.5, |border| border * unit);
    Finish {
        edge: span.edge.unwrap_or(BLACK),
        shade: span.shade.unwrap_or(BLACK),
        radius: radius.min(WIDEST_EDGE),
        shadow: (span.shadow * unit).min(2.0 * WIDEST_EDGE),
        blur: (span.blur * unit).min(WIDEST_EDGE),
    }
}

/// Lines under and through letters.
fn marks(run: &LayoutRun<'_>, set: &Set, around: i32, is: impl Fn(usize) -> bool, ink: &mut Ink) {
    for marked in run.decorations {
        let glyphs = run.glyphs.get(marked.glyph_range.clone()).unwrap_or_default();
        let (Some(first), Some(last)) = (glyphs.first(), glyphs.last()) else { continue };
        if !is(first.metadata) {
            continue;
        }
        let (from, to) = (first.x.min(last.x) * set.stretch, (first.x + first.w).max(last.x + last.w) * set.stretch);
        let color = first.color_opt.map_or(WHITE, |color| color.0);
        let thick = (first.font_size * 0.06).round().max(1.0) as i32;
        let said = &marked.data.text_decoration;
        let under = (said.underline != UnderlineStyle::None).then_some(first.font_size * 0.12);
        let through = said.strikethrough.then_some(-first.font_size * 0.28);
        for offset in under.into_iter().chain(through) {
            let y = around + (run.line_y + offset).round() as i32;
            for (x, y) in (from as i32..to as i32).flat_map(|x| (y..y + thick).map(move |y| (x, y))) {
                ink.put(around + x, y, color, 255);
            }
        }
    }
}

/// Where a line's letters of each span stand: from left to right, from top to bottom.
fn line_boxes(run: &LayoutRun<'_>, set: &Set) -> Vec<(usize, [f32; 4])> {
    let stretches = run.glyphs.chunk_by(|one, other| one.metadata == other.metadata);
    let stretch = |glyphs: &[LayoutGlyph]| {
        let left = glyphs.iter().map(|glyph| glyph.x).reduce(f32::min)?;
        let right = glyphs.iter().map(|glyph| glyph.x + glyph.w).reduce(f32::max)?;
        let place = [left * set.stretch, right * set.stretch, run.line_top, run.line_top + run.line_height];
        Some((glyphs.first()?.metadata, place))
    };
    stretches.filter_map(stretch).collect()
}
