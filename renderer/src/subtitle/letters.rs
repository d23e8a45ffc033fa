//! From words to lines of letters, by cosmic-text: fonts that are installed, a font for each script, shaping, right to left.

use std::collections::BTreeSet;

use cosmic_text::{
    Align, Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, Style, SwashCache, UnderlineStyle, Weight, Wrap,
    fontdb,
};
use tricine_session::cues::{FontSet, Span};
use tricine_session::sandbox;

use super::own::Own;
use super::place::Stood;
use super::tables;

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
/// How wide the edge is, as a part of the letters' size.
pub(super) const EDGE: f32 = 0.065;
/// No edge is wider, in pixels.
pub(super) const WIDEST_EDGE: f32 = 16.0;
pub(super) const WHITE: u32 = 0xffff_ffff;
/// Pictures of letters that are kept, and names of fonts whose size is.
const MOST_KEPT: usize = 4_000;
const MOST_NAMES: usize = 200;
/// No line is longer, in pixels.
const MOST_LONG: f32 = 1e6;
/// Lines that are made even.
const MOST_EVEN: usize = 8;
/// Fonts of the same measures, of which free ones stand for others.
const ALIKE: [(&[&str], &[&str]); 3] = [
    (&["Arial", "Helvetica"], &["Liberation Sans", "Arimo", "Nimbus Sans"]),
    (&["Times New Roman", "Times"], &["Liberation Serif", "Tinos", "Nimbus Roman"]),
    (&["Courier New", "Courier"], &["Liberation Mono", "Cousine", "Nimbus Mono PS"]),
];
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
    pub(super) fonts: FontSystem,
    pub(super) kept: SwashCache,
    /// Letters that no font has, of which was said so.
    missing: BTreeSet<char>,
    /// The fonts that stand for these names, bold or not, italic or not.
    named: Vec<((String, bool, bool), Named)>,
    /// Those that came with the film.
    pub(super) own: Own,
    /// Where the words of the last page stood.
    pub(super) stood: Stood,
}

/// The font that stands for a name.
#[derive(Debug, Clone)]
struct Named {
    /// `None` for the usual one.
    family: Option<String>,
    /// How large its letters are, as a part of a line's height: as everywhere, that is from the highest to the lowest letter.
    em: f32,
    weight: Weight,
    /// Its letters are not as heavy as they are to be.
    bolder: bool,
}

/// A cue that is set, and its size.
pub(super) struct Set {
    pub(super) buffer: Buffer,
    pub(super) width: f32,
    pub(super) height: f32,
    /// The size of its letters.
    pub(super) em: f32,
    /// How many times as wide as they are set letters are shown.
    pub(super) stretch: f32,
    /// Of each span, whether its letters are to be made bolder.
    pub(super) bolder: Vec<bool>,
    /// Of each span, the colour of letters that are not sung yet, and which part of its width is sung.
    pub(super) sweeps: Vec<Option<(u32, f32)>>,
    /// The height that lengths are parts of.
    pub(super) unit: f32,
}

/// What words are set by.
pub(super) struct Room {
    pub(super) across: Option<Align>,
    /// How wide the lines are, in pixels.
    pub(super) width: f32,
    /// The picture's height, for sizes that are said, and for the usual one.
    pub(super) unit: (f32, f32),
    /// Lines are not broken.
    pub(super) unbroken: bool,
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

/// The family of this name, or one that stands for it, among all that are installed.
fn installed(db: &fontdb::Database, name: &str) -> Option<String> {
    let has = |name: &str| {
        let mut names = db.faces().flat_map(|face| &face.families).map(|(family, _)| family);
        names.find(|family| family.eq_ignore_ascii_case(name)).cloned()
    };
    let alike = ALIKE.iter().filter(|(names, _)| names.iter().any(|other| other.eq_ignore_ascii_case(name)));
    has(name).or_else(|| alike.flat_map(|(_, names)| *names).find_map(|name| has(name)))
}

/// Which scripts the fonts of this machine have, in words for the user; else which they lack.
pub(crate) fn found_fonts() -> Result<String, String> {
    let mut letters = Letters::load();
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for (name, letter) in SCRIPTS {
        let span = Span { text: letter.into(), ..Span::default() };
        let room = Room { across: None, width: 100.0, unit: (100.0, 100.0), unbroken: false };
        let set = letters.set(&[span], &room);
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
        let (kept, missing) = (SwashCache::new(), BTreeSet::new());
        Self { fonts: fonts(), kept, missing, named: Vec::new(), own: Own::default(), stood: Stood::default() }
    }

    /// Forgets pictures of letters, where there are many.
    pub(super) fn tidy(&mut self) {
        if self.kept.image_cache.len() > MOST_KEPT {
            self.kept.image_cache.clear();
        }
        if self.named.len() > MOST_NAMES {
            self.named.clear();
        }
    }

    /// The same letters with the fonts of a set beside those that are installed, in the place of those of another set.
    pub(super) fn with(self, set: Option<&FontSet>) -> Self {
        let (fonts, own) = self.own.adopt(self.fonts, set);
        Self { fonts, own, kept: SwashCache::new(), named: Vec::new(), stood: Stood::default(), ..self }
    }

    /// The font that stands for a name.
    fn named(&mut self, name: &str, bold: bool, italic: bool) -> Named {
        let asked = (name.to_owned(), bold, italic);
        if let Some((_, named)) = self.named.iter().find(|(other, _)| *other == asked) {
            return named.clone();
        }
        let db = self.fonts.db();
        let wanted = if bold { Weight::BOLD } else { Weight::NORMAL };
        let own = self.own.named(name, bold, italic);
        let family = own.as_ref().map(|own| own.alias.clone()).or_else(|| installed(db, name));
        let families = [family.as_deref().map_or(Family::SansSerif, Family::Name)];
        let style = if italic { Style::Italic } else { Style::Normal };
        let query = fontdb::Query { families: &families, weight: wanted, style, ..fontdb::Query::default() };
        let id = own.as_ref().map(|own| own.id).or_else(|| db.query(&query));
        let of =
            |id| db.with_face_data(id, |data, at| (tables::em(data, at), tables::table(data, at, b"fvar").is_some()));
        let (em, varies) = id.and_then(of).unwrap_or_default();
        let has =
            own.map(|own| own.weight).or_else(|| Some(db.face(id?)?.weight)).filter(|_| !varies).unwrap_or(wanted);
        // As libass does, letters are made bolder where the font has none that are.
        let bolder = wanted.0 > has.0 + 150;
        let named = Named { family, em: em.unwrap_or(EM), weight: has, bolder };
        self.named.push((asked, named.clone()));
        named
    }

    /// Sets text in lines.
    pub(super) fn set(&mut self, spans: &[Span], room: &Room) -> Set {
        let font = |span: &Span| self.named(span.font.as_deref().unwrap_or_default(), span.bold, span.italic);
        let named: Vec<Named> = spans.iter().map(font).collect();
        let metrics = |span: &Span, em: f32| {
            let high = span.scale.map_or(1.0, |scale| scale.1);
            let (line, em) = span.size.map_or((LINE * room.unit.1, EM), |size| (size * room.unit.0, em));
            let line = (line * high).clamp(4.0, 1_000.0);
            Metrics::new(line * em, line)
        };
        let said = spans.iter().zip(&named).find(|(span, _)| span.size.is_some()).or(spans.iter().zip(&named).next());
        let usual = said.map_or(Metrics::new(4.0, 4.0), |(span, named)| metrics(span, named.em));
        // All words of a cue are as wide as most of its letters: they are set before they are stretched.
        let ratio = |span: &Span| span.scale.map_or(1.0, |(wide, high)| wide / high);
        let letters = |of: f32| {
            let alike = spans.iter().filter(|span| ratio(span) == of);
            alike.map(|span| span.text.chars().count()).sum::<usize>()
        };
        let stretch = spans.iter().map(ratio).max_by_key(|of| letters(*of)).unwrap_or(1.0);
        let mut buffer = Buffer::new(&mut self.fonts, usual);
        buffer.set_wrap(if room.unbroken { Wrap::None } else { Wrap::WordOrGlyph });
        let wide = (room.width / stretch).max(1.0);
        buffer.set_size(Some(wide), None);
        let attributes = |(at, span): (usize, &Span)| {
            let metrics = metrics(span, named[at].em);
            let mut attributes = Attrs::new()
                .family(named[at].family.as_deref().map_or(Family::SansSerif, Family::Name))
                .weight(named[at].weight)
                .style(if span.italic { Style::Italic } else { Style::Normal })
                .color(Color(span.color.unwrap_or(WHITE)))
                .metadata(at)
                .metrics(metrics);
            if span.spacing != 0.0 {
                attributes = attributes.letter_spacing(span.spacing * room.unit.0 / metrics.font_size);
            }
            if span.underline {
                attributes = attributes.underline(UnderlineStyle::Single);
            }
            if span.strike {
                attributes = attributes.strikethrough();
            }
            attributes
        };
        let parts = spans.iter().enumerate().map(|(at, span)| (span.text.as_str(), attributes((at, span))));
        let plain = Attrs::new().family(Family::SansSerif);
        buffer.set_rich_text(parts, &plain, Shaping::Advanced, room.across);
        buffer.shape_until_scroll(&mut self.fonts, false);
        let lines = |buffer: &Buffer| buffer.layout_runs().count();
        let (count, hard) = (lines(&buffer), buffer.lines.len());
        if count > hard && count <= MOST_EVEN {
            // Lines of about the same length: as narrow as they can be without another one.
            let (mut narrow, mut enough) = (wide / 2.0, wide);
            for _ in 0..7 {
                let middle = (narrow + enough) / 2.0;
                buffer.set_size(Some(middle), None);
                buffer.shape_until_scroll(&mut self.fonts, false);
                if lines(&buffer) > count { narrow = middle } else { enough = middle }
            }
            buffer.set_size(Some(enough), None);
            buffer.shape_until_scroll(&mut self.fonts, false);
        }
        let (mut width, mut height) = (0.0_f32, 0.0_f32);
        for run in buffer.layout_runs() {
            width = width.max(run.line_w);
            height = height.max(run.line_top + run.line_height);
        }
        // Lines as wide as the widest, so that the whole is no wider than it has to be.
        let width = width.ceil() + 1.0;
        buffer.set_size(Some(width), None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        // A sum of heights is a little more than it is.
        let (width, height) = ((width * stretch).ceil(), (height - 0.01).ceil());
        // A font may say anything of how wide its letters are.
        let sane = |length: f32| if length.is_finite() { length.clamp(0.0, MOST_LONG) } else { 0.0 };
        let (width, height) = (sane(width), sane(height));
        let bolder = named.iter().map(|named| named.bolder).collect();
        let sweeps = spans.iter().map(|span| span.sweep).collect();
        Set { buffer, width, height, em: usual.font_size, stretch, bolder, sweeps, unit: room.unit.0 }
    }

    /// Which letters no font has, the first time that they are met.
    pub(super) fn complaint(&mut self, set: &Set) -> Option<String> {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_wide_as_most_of_their_letters() {
        let room = Room { across: None, width: 1_000.0, unit: (100.0, 100.0), unbroken: false };
        let mut letters = Letters::load();
        let mut stretch = |wide: &str, plain: &str| {
            let wide = Span { text: wide.into(), scale: Some((2.0, 1.0)), ..Span::default() };
            letters.set(&[wide, Span { text: plain.into(), ..Span::default() }], &room).stretch
        };
        assert_eq!([stretch("wide", "and no more"), stretch("wide and more", "no")], [1.0, 2.0]);
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
