//! Screens of letters, as television has them: rows and columns of equal size. They become words that stand about where they stood, in
//! the letters that all subtitles have.

use super::cue::{Body, Cue, Look, Place, Writer};

/// How a letter looks; colours are `0xAARRGGBB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pen {
    pub(super) color: Option<u32>,
    pub(super) back: Option<u32>,
    pub(super) italic: bool,
    pub(super) underline: bool,
}

/// A row: its letters, `None` where the film is seen, and how many rows high they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) at: usize,
    pub(super) high: usize,
    pub(super) cells: Vec<Option<(char, Pen)>>,
}

/// How many rows and columns a screen has, and how much of the picture's height and width it leaves free at each side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) free: (f32, f32),
}

/// What a screen shows.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) at_ns: i64,
    /// In the place of all that was before.
    pub(super) cues: Vec<Cue>,
}

/// How far, in columns, the middles of lines may be apart that are meant to be one.
const ASKEW: f32 = 1.6;

impl Row {
    /// The first and the last column that has something to be seen.
    fn extent(&self) -> Option<(usize, usize)> {
        let inked = |cell: &Option<(char, Pen)>| cell.is_some_and(|(letter, _)| !letter.is_whitespace());
        Some((self.cells.iter().position(inked)?, self.cells.iter().rposition(inked)?))
    }
}

/// What a screen shows from `start_ns` on, until something takes it away. Rows that touch each other are one cue.
pub(super) fn cues(start_ns: i64, rows: &[Row], form: Form) -> Vec<Cue> {
    let filled: Vec<_> = rows.iter().filter_map(|row| Some((row, row.extent()?))).collect();
    let blocks = filled.chunk_by(|(above, _), (below, _)| below.at <= above.at + above.high);
    blocks.filter_map(|block| cue(start_ns, block, form)).collect()
}

fn cue(start_ns: i64, block: &[(&Row, (usize, usize))], form: Form) -> Option<Cue> {
    let ((first, _), (last, _)) = (block.first()?, block.last()?);
    let left = block.iter().map(|(_, (left, _))| *left).min()?;
    let right = block.iter().map(|(_, (_, right))| *right).max()?;
    let middle = |(left, right): (usize, usize)| (left + right) as f32 / 2.0;
    let whole = (form.columns - 1) as f32 / 2.0;
    let around = |centre: f32| block.iter().all(|(_, extent)| (middle(*extent) - centre).abs() <= ASKEW);
    let part = |column: usize| form.free.0 + (1.0 - 2.0 * form.free.0) * column as f32 / form.columns as f32;
    let (column, sides) = if around(whole) {
        (0, (0.0, 0.0))
    } else if block.len() > 1 && around(middle((left, right))) && block.iter().any(|(_, (own, _))| *own != left) {
        let at = (part(left) + part(right + 1)) / 2.0;
        (0, ((2.0 * at - 1.0).max(0.0), (1.0 - 2.0 * at).max(0.0)))
    } else {
        (-1, (part(left), 0.0))
    };
    let part = |row: usize| form.free.1 + (1.0 - 2.0 * form.free.1) * row as f32 / form.rows as f32;
    let (top, bottom) = (part(first.at), part((last.at + last.high).min(form.rows)));
    let above = top + bottom < 1.0;
    let mut out = Writer::default();
    for (row, extent) in block {
        let indent = if column < 0 { extent.0 - left } else { 0 };
        let mut near = row.cells[extent.0].map_or(Pen::default(), |(_, pen)| pen);
        out.push(&" ".repeat(indent), &look(near));
        for cell in &row.cells[extent.0..=extent.1] {
            // What lies between words looks like the word before.
            let (letter, pen) = cell.unwrap_or((' ', near));
            near = pen;
            out.push(letter.encode_utf8(&mut [0; 4]), &look(pen));
        }
        out.push("\n", &look(near));
    }
    let place = Place {
        align: (if above { 8 } else { 2_i8 } + column) as u8,
        sides,
        margin: Some(if above { top } else { 1.0 - bottom }),
        ..Place::default()
    };
    Some(Cue { start_ns, end_ns: i64::MAX, body: Body::Text { spans: out.finish()?, place } })
}

fn look(pen: Pen) -> Look {
    Look { color: pen.color, back: pen.back, italic: pen.italic, underline: pen.underline, ..Look::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form { rows: 25, columns: 40, free: (0.1, 0.05) };

    fn row(at: usize, high: usize, column: usize, text: &str) -> Row {
        let letters = text.chars().map(|letter| Some((letter, Pen::default())));
        Row { at, high, cells: std::iter::repeat_n(None, column).chain(letters).collect() }
    }

    fn placed(rows: &[Row]) -> Vec<(u8, f32, String)> {
        let found = cues(7, rows, FORM);
        let placed = found.iter().map(|cue| {
            let Body::Text { place, .. } = &cue.body else { panic!("text") };
            (place.align, place.sides.0, cue.words())
        });
        placed.collect()
    }

    #[test]
    fn rows_that_touch_are_one_cue_and_stand_where_they_stood() {
        let rows = [row(2, 2, 18, "one"), row(20, 2, 15, "two, three"), row(22, 2, 17, "four 4")];
        assert_eq!(placed(&rows), [(8, 0.0, "one".to_owned()), (2, 0.0, "two, three\nfour 4".to_owned())]);
        // To the left, with what the second line is moved in; around a point of its own.
        let rows = [row(21, 1, 5, "left"), row(22, 1, 10, "of it")];
        assert_eq!(placed(&rows), [(1, 0.2, "left\n     of it".to_owned())]);
        let found = placed(&[row(21, 1, 26, "a line"), row(22, 1, 24, "a long line")]);
        assert_eq!((found[0].0, (found[0].1 - 0.38).abs() < 0.02, &*found[0].2), (2, true, "a line\na long line"));
        assert_eq!(placed(&[row(3, 1, 5, "  ")]), []);
    }
}
