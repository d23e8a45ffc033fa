//! From words to pictures of them, by cosmic-text: fonts that are installed, a font for each script, shaping, right to left, lines.

use std::collections::BTreeSet;

use cosmic_text::{
    Align, Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, Style, SwashCache, SwashContent, UnderlineStyle,
    Weight, Wrap, fontdb,
};
use tricine_session::cues::{Cue, Page, Span};
use tricine_session::sandbox;

use super::Sprite;
use super::edge::Ink;
use super::picture::picture;
use crate::convert::Rect;

/// Part of the program, for machines without any font.
const INTER: &[u8] = include_bytes!("../../fonts/Inter-Medium.otf");
/// The font of letters that most fonts have, by preference.
const USUAL: [&str; 9] = [
    "Noto Sans",
    "DejaVu Sans",
    "Liberation Sans",
    "Open Sans",
    "Roboto",
    "Arial",
    "Cantarell",
    "FreeSans",
    "Inter Medium",
];
/// The height of a line whose size nobody says, as a part of the picture's height.
const LINE: f32 = 0.062;
/// How high the letters of a line are, as a part of it.
const EM: f32 = 0.82;
/// What is kept free below and above where nobody says, as a part of the picture's height; and to the sides, of its width.
const MARGIN: f32 = 0.045;
const SIDE: f32 = 0.03;
/// How wide the edge is, as a part of the letters' size.
const EDGE: f32 = 0.065;
const WHITE: u32 = 0xff_ffff;
/// Pictures of letters that are kept.
const MOST_KEPT: usize = 4_000;
/// Scripts that are tried for `tricine doctor`, and how each begins.
const SCRIPTS: [(&str, &str); 9] = [
    ("Latin", "a"),
    ("Greek", "\u{3b1}"),
    ("Cyrillic", "\u{434}"),
    ("Hebrew", "\u{5d0}"),
    ("Arabic", "\u{628}"),
    ("Devanagari", "\u{915}"),
    ("Thai", "\u{e01}"),
    ("Chinese", "\u{4e2d}"),
    ("Korean", "\u{d55c}"),
];

/// Sets and draws letters.
pub(super) struct Letters {
    fonts: FontSystem,
    kept: SwashCache,
    /// Letters that no font has, of which was said so.
    missing: BTreeSet<char>,
}

/// A cue that is set, and its size.
struct Set {
    buffer: Buffer,
    width: f32,
    height: f32,
    em: f32,
}

fn fonts() -> FontSystem {
    let mut db = fontdb::Database::new();
    db.load_font_data(INTER.to_vec());
    sandbox::fonts().iter().for_each(|folder| db.load_fonts_dir(folder));
    let has = |name: &str| db.faces().any(|face| face.families.iter().any(|(family, _)| family == name));
    let usual = USUAL.into_iter().find(|name| has(name)).map(str::to_owned);
    let usual = usual.or_else(|| db.faces().next()?.families.first().map(|(family, _)| family.clone()));
    if let Some(name) = usual {
        db.set_sans_serif_family(name);
    }
    // By it, one of the forms of letters is chosen that Chinese and Japanese share.
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|l| !l.is_empty()));
    let locale = locale.and_then(|l| l.split(['.', '@']).next().map(|l| l.replace('_', "-")));
    FontSystem::new_with_locale_and_db(locale.unwrap_or_else(|| "en".into()), db)
}

/// Which scripts the fonts of this machine have, in words for the user; else which they lack.
pub(crate) fn found_fonts() -> Result<String, String> {
    let mut letters = Letters::load();
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for (name, letter) in SCRIPTS {
        let span = Span { text: letter.into(), ..Span::default() };
        let set = letters.set(&[span], None, 100.0, (100.0, 100.0));
        let there = set.buffer.layout_runs().flat_map(|run| run.glyphs).all(|glyph| glyph.glyph_id != 0);
        if there { found.push(name) } else { lacking.push(name) }
    }
    let count = letters.fonts.db().faces().count() - 1;
    let found = format!("{count} installed, with letters for {}", found.join(", "));
    if lacking.is_empty() {
        return Ok(found);
    }
    Err(format!("{found}; none for {} (Debian has them in fonts-noto-core and fonts-noto-cjk)", lacking.join(", ")))
}

impl Letters {
    /// Looks for the fonts that are installed: that takes a fraction of a second.
    pub(super) fn load() -> Self {
        Self { fonts: fonts(), kept: SwashCache::new(), missing: BTreeSet::new() }
    }

    /// Draws a page for a picture that lies in `area`; and what the user should know.
    pub(super) fn draw(&mut self, page: &Page, area: Rect) -> (Vec<Sprite>, Option<String>) {
        if self.kept.image_cache.len() > MOST_KEPT {
            self.kept.image_cache.clear();
        }
        let (left, top) = (area.x as f32, area.y as f32);
        let (width, height) = (area.width as f32, area.height as f32);
        // Words of which nobody says how large they are are smaller in narrow pictures, so that a line has several.
        let unit = (height, height.min(width * 0.75));
        // Where words stand that were given no point: from left to right, from top to bottom.
        let mut taken: Vec<[f32; 4]> = Vec::new();
        let (mut sprites, mut complaint) = (Vec::new(), None);
        for cue in &page.cues {
            let (spans, align, at, sides, margin) = match cue {
                Cue::Text { spans, align, at, sides, margin } => (spans, *align, *at, *sides, *margin),
                Cue::Picture { .. } => {
                    sprites.extend(picture(cue, area));
                    continue;
                }
            };
            let (row, column) = (usize::from((align - 1) / 3), (align - 1) % 3);
            let sides = (sides.0.max(SIDE) * width, sides.1.max(SIDE) * width);
            let room = if at.is_some() { width } else { (width - sides.0 - sides.1).max(width * 0.2) };
            let across = [Align::Left, Align::Center, Align::Right][usize::from(column)];
            let set = self.set(spans, Some(across), room, unit);
            complaint = complaint.or_else(|| self.complaint(&set));
            let x = match (at, column) {
                (Some((x, _)), column) => left + x * width - set.width * f32::from(column) / 2.0,
                (None, 0) => left + sides.0,
                (None, 1) => left + sides.0 + (room - set.width) / 2.0,
                (None, _) => left + width - sides.1 - set.width,
            };
            let margin = margin.unwrap_or(MARGIN) * height;
            let mut y = match (at, row) {
                (Some((_, y)), row) => top + y * height - set.height * (2 - row) as f32 / 2.0,
                (None, 0) => top + height - margin - set.height,
                (None, 1) => top + (height - set.height) / 2.0,
                (None, _) => top + margin,
            };
            if at.is_none() {
                // Beyond what is there, further and further: from the upper edge downwards, else upwards.
                while let Some([.., from, to]) = taken.iter().find(|[left, right, from, to]| {
                    x < *right && *left < x + set.width && y < *to && *from < y + set.height
                }) {
                    y = if row == 2 { *to } else { *from - set.height };
                }
                taken.push([x, x + set.width, y, y + set.height]);
            }
            let edge = spans.iter().find_map(|span| span.edge).unwrap_or(0);
            sprites.extend(self.print(&set, x, y, edge, area));
        }
        (sprites, complaint)
    }

    /// Sets text in lines of `room` pixels; `unit` is the picture's height, for sizes that are said and for the usual one.
    fn set(&mut self, spans: &[Span], across: Option<Align>, room: f32, unit: (f32, f32)) -> Set {
        let metrics = |size: Option<f32>| {
            let line = size.map_or(LINE * unit.1, |size| size * unit.0).clamp(4.0, 1_000.0);
            Metrics::new(line * EM, line)
        };
        let usual = metrics(spans.iter().find_map(|span| span.size));
        let mut buffer = Buffer::new(&mut self.fonts, usual);
        buffer.set_wrap(Wrap::WordOrGlyph);
        buffer.set_size(Some(room.max(1.0)), None);
        let attributes = |span: &Span| {
            let [_, red, green, blue] = span.color.unwrap_or(WHITE).to_be_bytes();
            let mut attributes = Attrs::new()
                .family(Family::SansSerif)
                .weight(if span.bold { Weight::BOLD } else { Weight::NORMAL })
                .style(if span.italic { Style::Italic } else { Style::Normal })
                .color(Color::rgb(red, green, blue))
                .metrics(metrics(span.size));
            if span.underline {
                attributes = attributes.underline(UnderlineStyle::Single);
            }
            if span.strike {
                attributes = attributes.strikethrough();
            }
            attributes
        };
        let parts = spans.iter().map(|span| (span.text.as_str(), attributes(span)));
        let plain = Attrs::new().family(Family::SansSerif);
        buffer.set_rich_text(parts, &plain, Shaping::Advanced, across);
        buffer.shape_until_scroll(&mut self.fonts, false);
        let (mut width, mut height) = (0.0_f32, 0.0_f32);
        for run in buffer.layout_runs() {
            width = width.max(run.line_w);
            height = height.max(run.line_top + run.line_height);
        }
        // Lines as wide as the widest, so that the whole is no wider than it has to be.
        let width = width.ceil() + 1.0;
        buffer.set_size(Some(width), None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        Set { buffer, width, height: height.ceil(), em: usual.font_size }
    }

    /// Which letters no font has, the first time that they are met.
    fn complaint(&mut self, set: &Set) -> Option<String> {
        let mut new = Vec::new();
        for run in set.buffer.layout_runs() {
            for glyph in run.glyphs.iter().filter(|glyph| glyph.glyph_id == 0) {
                let letter = run.text.get(glyph.start..glyph.end).and_then(|text| text.chars().next())?;
                // One of a script stands for all: they are numbered together.
                let block = char::from_u32(u32::from(letter) & !0x7f).unwrap_or(letter);
                if self.missing.len() < 100 && self.missing.insert(block) {
                    new.push(letter);
                }
            }
        }
        let letter = *new.first()?;
        Some(format!(
            "no font that is installed has the letter {letter} (U+{:04X}) of these subtitles; Debian has fonts for most scripts in \
             fonts-noto-core and fonts-noto-cjk",
            u32::from(letter)
        ))
    }

    /// Draws what is set, its corner at `x`, `y`.
    fn print(&mut self, set: &Set, x: f32, y: f32, edge: u32, area: Rect) -> Option<Sprite> {
        let radius = (set.em * EDGE).clamp(1.0, 12.0);
        // Slanted and marked letters reach beyond their lines.
        let around = (set.em * 0.5 + radius).ceil() as i32;
        let (left, top) = (x.round() as i32, y.round() as i32);
        // Nothing larger than the picture is drawn.
        let width = (set.width as usize).min(area.width) + 2 * around as usize;
        let height = (set.height as usize).min(area.height) + 2 * around as usize;
        let mut ink = Ink::new(width, height);
        for run in set.buffer.layout_runs() {
            for glyph in run.glyphs {
                let place = glyph.physical((around as f32, around as f32 + run.line_y), 1.0);
                let color = glyph.color_opt.map_or(WHITE, |color| color.0 & 0xff_ffff);
                let Some(image) = self.kept.get_image(&mut self.fonts, place.cache_key) else { continue };
                let (x, y) = (place.x + image.placement.left, place.y - image.placement.top);
                let columns = image.placement.width as usize;
                let point = |at: usize| (x + (at % columns) as i32, y + (at / columns) as i32);
                match image.content {
                    _ if columns == 0 => {}
                    SwashContent::Mask => {
                        for (at, &cover) in image.data.iter().enumerate() {
                            let (x, y) = point(at);
                            ink.put(x, y, color, cover);
                        }
                    }
                    SwashContent::Color | SwashContent::SubpixelMask => {
                        for (at, pixel) in image.data.chunks_exact(4).enumerate() {
                            let (x, y) = point(at);
                            let color = u32::from_be_bytes([0, pixel[0], pixel[1], pixel[2]]);
                            ink.put(x, y, color, pixel[3]);
                        }
                    }
                }
            }
            self.lines(&run, around, &mut ink);
        }
        (set.height > 0.0).then(|| ink.edged(left - around, top - around, radius, edge))
    }

    /// Lines under and through letters.
    fn lines(&self, run: &cosmic_text::LayoutRun<'_>, around: i32, ink: &mut Ink) {
        for marked in run.decorations {
            let glyphs = run.glyphs.get(marked.glyph_range.clone()).unwrap_or_default();
            let (Some(first), Some(last)) = (glyphs.first(), glyphs.last()) else { continue };
            let (from, to) = (first.x.min(last.x), (first.x + first.w).max(last.x + last.w));
            let color = first.color_opt.map_or(WHITE, |color| color.0 & 0xff_ffff);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(text: &str, align: u8, at: Option<(f32, f32)>) -> Cue {
        let span = Span { text: text.into(), underline: true, ..Span::default() };
        Cue::Text { spans: vec![span], align, at, sides: (0.0, 0.0), margin: None }
    }

    fn area(x: usize, y: usize, width: usize, height: usize) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn words_stand_where_they_are_put_and_within_the_picture() {
        let mut letters = Letters::load();
        let area = area(100, 50, 640, 360);
        for align in 1..=9 {
            let page = Page { cues: vec![cue("Word", align, None)] };
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
            let Cue::Text { spans, at, sides, .. } = cue("Some words", align, None) else { panic!("words") };
            Cue::Text { spans, align, at, sides, margin: Some(margin) }
        };
        // The second one is in the way of the third, which began lower; the fourth is beside them.
        let cues = vec![place(2, 0.3), place(2, 0.29), place(2, 0.2), place(3, 0.3), place(8, 0.1), place(8, 0.1)];
        let (sprites, _) = letters.draw(&Page { cues }, area(0, 0, 1280, 720));
        let inked = |sprite: &Sprite| {
            let rows = sprite.pixels.chunks(sprite.width);
            let mut inked =
                rows.enumerate().filter(|(_, row)| row.iter().any(|pixel| pixel >> 24 > 128)).map(|(at, _)| at as i32);
            let first = inked.next().unwrap();
            (sprite.y + first, sprite.y + inked.next_back().unwrap_or(first))
        };
        let rows: Vec<_> = sprites.iter().map(inked).collect();
        for (one, other) in [(0, 1), (0, 2), (1, 2), (4, 5)] {
            assert!(rows[one].1 < rows[other].0 || rows[other].1 < rows[one].0, "{one} {other}: {rows:?}");
        }
        assert_eq!(rows[3], rows[0]);
        assert!(rows[5].0 > rows[4].1 && rows[1].1 < rows[0].0);
    }

    #[test]
    fn any_page_is_drawn_in_any_picture_and_takes_no_more_than_it() {
        let mut letters = Letters::load();
        let long = "x\u{301}\u{202e} ".repeat(1_000);
        let cues =
            vec![cue(&long, 2, None), cue("a\n\n\nb", 9, Some((-1.0, 2.0))), cue("", 5, None), cue("\n", 7, None)];
        for area in [area(0, 0, 1, 1), area(3, 0, 7, 300), area(0, 9, 640, 2), area(0, 0, 320, 180)] {
            let (sprites, _) = letters.draw(&Page { cues: cues.clone() }, area);
            let mut screen = vec![0; 400 * 320];
            for sprite in &sprites {
                assert!(sprite.width <= area.width + 2_100, "{area:?}");
                sprite.lay(&mut screen, 400);
            }
        }
    }

    #[test]
    fn fonts_of_six_scripts_are_found() {
        let fonts = found_fonts();
        let text = fonts.clone().unwrap_or_else(|text| text);
        if std::env::var_os("TRICINE_REQUIRE_ALL").is_some_and(|v| v == "1") {
            let has = text.split("; none").next().unwrap_or_default();
            for script in ["Latin", "Cyrillic", "Arabic", "Hebrew", "Devanagari", "Chinese"] {
                assert!(has.contains(script), "{text}");
            }
        }
        assert!(text.contains("Latin"), "{text}");
    }
}
