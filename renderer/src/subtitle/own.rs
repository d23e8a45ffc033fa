//! Fonts that came with the film. Each face has a name of its own among all fonts, so that it is the one that is drawn by, however the
//! fonts are called that are installed; which face a name stands for is decided here, as libass does it.
//!
//! Whoever made the film made them, so nothing that they say is believed: what cannot be read is left out, and letters are drawn only
//! once it is known how large they are.

use std::sync::Arc;

use cosmic_text::{Command, FontSystem, Stretch, Style, Weight, fontdb};
use tricine_session::cues::FontSet;

use super::tables;
use super::worker::guarded;

/// Faces of one file, and of all.
const MOST_OF_FILE: u32 = 32;
const MOST_FACES: usize = 500;
/// No letter reaches farther from its place, in pixels.
const FARTHEST: f32 = 8_192.0;
/// Tables with pictures or with letters in layers: what they draw may be of any size.
const PICTURES: [&[u8; 4]; 5] = [b"sbix", b"CBDT", b"EBDT", b"COLR", b"SVG "];

/// A face of such a font.
#[derive(Debug)]
struct Face {
    id: fontdb::ID,
    /// The name that nobody else has.
    alias: String,
    families: Vec<String>,
    names: Vec<String>,
    weight: u16,
    slanted: bool,
}

/// A face that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen {
    pub(super) id: fontdb::ID,
    pub(super) alias: String,
    pub(super) weight: Weight,
}

/// All faces that came with the film.
#[derive(Debug, Default)]
pub(super) struct Own {
    faces: Vec<Face>,
}

impl Own {
    /// Adds the faces of a set to all fonts, in the place of those that came before.
    pub(super) fn adopt(&self, system: FontSystem, set: Option<&FontSet>) -> (FontSystem, Self) {
        let (locale, mut db) = system.into_locale_and_db();
        self.faces.iter().for_each(|face| db.remove_face(face.id));
        let mut faces = Vec::new();
        for (number, font) in set.iter().flat_map(|set| set.fonts()).enumerate() {
            let font: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(font);
            let data: &[u8] = (*font).as_ref();
            for index in 0..tables::faces(data).min(MOST_OF_FILE) {
                if faces.len() < MOST_FACES && PICTURES.iter().all(|tag| tables::table(data, index, tag).is_none()) {
                    let alias = format!("\u{1}{number}.{index}");
                    faces.extend(pushed(&mut db, &font, index, alias));
                }
            }
        }
        let mut system = FontSystem::new_with_locale_and_db(locale, db);
        faces.retain(|face| {
            let sound = guarded(|| system.get_font(face.id, Weight(face.weight)).is_some()).unwrap_or(false);
            if !sound {
                system.db_mut().remove_face(face.id);
            }
            sound
        });
        (system, Self { faces })
    }

    /// The face of this name: one of its own, else that of a family that comes nearest.
    pub(super) fn named(&self, name: &str, bold: bool, italic: bool) -> Option<Chosen> {
        let name = name.to_lowercase();
        let wanted: u16 = if bold { 700 } else { 400 };
        let far = |face: &Face| match face.families.contains(&name) {
            true => Some((face.slanted != italic, face.weight.abs_diff(wanted))),
            false => face.names.contains(&name).then_some((false, 0)),
        };
        let (_, found) = self.faces.iter().filter_map(|face| Some((far(face)?, face))).min_by_key(|(far, _)| *far)?;
        Some(Chosen { id: found.id, alias: found.alias.clone(), weight: Weight(found.weight) })
    }

    /// Whether it came with the film.
    pub(super) fn has(&self, id: fontdb::ID) -> bool {
        self.faces.iter().any(|face| face.id == id)
    }
}

/// Adds a face of a file to all fonts.
fn pushed(
    db: &mut fontdb::Database,
    font: &Arc<dyn AsRef<[u8]> + Send + Sync>,
    index: u32,
    alias: String,
) -> Option<Face> {
    let data: &[u8] = (**font).as_ref();
    let (families, names) = tables::names(data, index);
    if families.is_empty() && names.is_empty() {
        return None;
    }
    let (weight, slanted) = tables::weight(data, index);
    let id = db.push_face_info(fontdb::FaceInfo {
        id: fontdb::ID::dummy(),
        source: fontdb::Source::Binary(font.clone()),
        index,
        families: vec![(alias.clone(), fontdb::Language::English_UnitedStates)],
        post_script_name: alias.clone(),
        style: if slanted { Style::Italic } else { Style::Normal },
        weight: Weight(weight),
        stretch: Stretch::Normal,
        monospaced: false,
    });
    Some(Face { id, alias, families, names, weight, slanted })
}

/// Whether letters of these lines are of a size that can be drawn.
pub(super) fn is_near(lines: &[Command]) -> bool {
    lines.iter().all(|line| {
        let points = match *line {
            Command::MoveTo(to) | Command::LineTo(to) => [to; 3],
            Command::QuadTo(a, to) => [a, to, to],
            Command::CurveTo(a, b, to) => [a, b, to],
            Command::Close => return true,
        };
        points.iter().all(|point| point.x.abs() <= FARTHEST && point.y.abs() <= FARTHEST)
    })
}

#[cfg(test)]
mod tests {
    use tricine_session::cues::{Body, Cue, FontPart, Gathered, Page, Place, Span};

    use super::super::boxes::Boxes;
    use super::super::letters::Letters;
    use super::*;
    use crate::convert::Rect;

    fn set(fonts: &[Vec<u8>]) -> FontSet {
        let bytes: Vec<u8> =
            fonts.iter().flat_map(|font| [&(font.len() as u32).to_le_bytes(), &font[..]].concat()).collect();
        Gathered::default().add(&FontPart { set: 1, of: bytes.len() as u32, at: 0, bytes }).unwrap()
    }

    fn font(family: &str, full: &str, weight: u16, wide: u16) -> Vec<u8> {
        Boxes { family, full, weight, wide, units: 1000 }.file()
    }

    /// How many columns and rows of what is drawn are white, of two letters without an edge and 100 pixels high.
    fn drawn(letters: &mut Letters, name: &str, bold: bool) -> (usize, usize) {
        let (font, size) = (Some(name.to_owned()), Some(0.1));
        let span = Span { text: "xi".into(), font, size, bold, border: Some(0.0), ..Span::default() };
        let place = Place { align: 5, ..Place::default() };
        let cue = Cue { start_ns: 0, end_ns: 1, body: Body::Text { spans: vec![span], place } };
        let area = Rect { x: 0, y: 0, width: 1000, height: 1000 };
        let (sprites, _) = letters.draw(&Page { start_ns: 0, cues: vec![cue] }, area);
        let Some(sprite) = sprites.first() else { return (0, 0) };
        let white = |at: usize| sprite.pixels[at] >> 24 > 127;
        let (wide, high) = (sprite.width, sprite.pixels.len() / sprite.width);
        let columns = (0..wide).filter(|x| (0..high).any(|y| white(y * wide + x))).count();
        let rows = (0..high).filter(|y| (0..wide).any(|x| white(y * wide + x))).count();
        (columns, rows)
    }

    /// Whether two boxes of this width together were drawn; a letter may begin between two pixels.
    fn are_boxes((columns, rows): (usize, usize), wide: usize) -> bool {
        columns.abs_diff(wide) <= 2 && rows.abs_diff(70) <= 1
    }

    #[test]
    fn a_name_stands_for_the_face_that_libass_takes() {
        let fonts = [
            font("Film Sans", "Film Sans Regular", 400, 300),
            font("Film Sans", "Film Sans Bold", 700, 500),
            font("Poster", "Poster Black", 900, 200),
            font("DejaVu Sans", "DejaVu Sans", 400, 600),
        ];
        let mut letters = Letters::load().with(Some(&set(&fonts)));
        // Two boxes of the font's width, which are 70 high.
        for (name, bold, wide) in [
            ("Film Sans", false, 60),
            ("film sans", true, 100),
            ("Film Sans Bold", false, 100),
            ("FILM SANS REGULAR", false, 60),
            ("Poster", false, 40),
            ("Poster Black", true, 40),
            // Also in the place of one that is installed.
            ("DejaVu Sans", false, 120),
        ] {
            assert!(are_boxes(drawn(&mut letters, name, bold), wide), "{name} {bold}");
        }
        // Where a family has no bold face, its letters are made bolder.
        let (wide, high) = drawn(&mut letters, "DejaVu Sans", true);
        assert!((122..=126).contains(&wide) && high.abs_diff(70) <= 1, "{wide} {high}");
        let (_, high) = drawn(&mut letters, "Film", false);
        assert!(high.abs_diff(70) > 3, "no font has that name");
        // With another film they are gone.
        let mut letters = letters.with(None);
        for name in ["Film Sans", "DejaVu Sans"] {
            let (wide, high) = drawn(&mut letters, name, false);
            assert!(high > 30 && high.abs_diff(70) > 3 && wide < 90, "{name}: {wide} {high}");
        }
    }

    #[test]
    fn a_broken_font_costs_the_words_nothing() {
        let whole = font("Film Sans", "Film Sans", 400, 300);
        let mut letters = Letters::load();
        let plain = drawn(&mut letters, "Film Sans", false);
        assert!(plain.1 > 30 && plain.1.abs_diff(70) > 3);
        for len in (0..whole.len()).step_by(37) {
            letters = letters.with(Some(&set(&[
                whole[..len].to_vec(),
                vec![0; 99],
                b"ttcf\0\0\0\0\xff\xff\xff\xff".to_vec(),
            ])));
            assert_ne!(drawn(&mut letters, "Film Sans", false), (0, 0), "{len} of {}", whole.len());
        }
        // Each of its words is any other one.
        for at in (0..whole.len()).step_by(2) {
            let mut broken = whole.clone();
            broken[at..(at + 2).min(whole.len())].fill(0xff);
            letters = letters.with(Some(&set(&[broken])));
            guarded(|| drawn(&mut letters, "Film Sans", false));
        }
        // The last one is sound again.
        let mut letters = letters.with(Some(&set(&[whole])));
        assert!(are_boxes(drawn(&mut letters, "Film Sans", false), 60));
    }

    #[test]
    fn letters_larger_than_any_screen_are_not_drawn() {
        let huge = Boxes { family: "Huge", full: "Huge", weight: 400, wide: 30_000, units: 16 }.file();
        assert_eq!(drawn(&mut Letters::load().with(Some(&set(&[huge]))), "Huge", false), (0, 0));
    }
}
