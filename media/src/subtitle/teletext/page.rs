//! One page: its rows of codes, and what other packets change of them.

use super::super::screen::{Pen, Row};
use super::letters::{Set, marked, more, set};
use super::{eighteen, four};

/// Letters of a row.
pub(super) const COLUMNS: usize = 40;
/// Rows below the head.
const ROWS: usize = 24;
/// Changes that a page may bring along: 16 packets of 13.
const CHANGES: usize = 16 * 13;

/// Black, red, green, yellow, blue, magenta, cyan, white.
fn color(code: u8) -> u32 {
    let part = |bit: u8| if code & bit != 0 { 0xff } else { 0 };
    u32::from_be_bytes([0xff, part(1), part(2), part(4)])
}

/// Which sets of letters are meant: the usual one, and the one that a row switches to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sets {
    first: u8,
    second: u8,
}

impl Sets {
    /// From a packet 28 or 29, if it is one of those that say so.
    pub(super) fn read(line: &[u8; 42]) -> Option<Self> {
        let designation = four(line[2])?;
        let triplet = |at: usize| eighteen(*line.get(3 + 3 * at..)?.first_chunk()?);
        let (one, two) = (triplet(0)?, triplet(1)?);
        // Of 28, those for pages of letters alone.
        let page = designation == 0 && one & 0x7f == 0 || designation == 4;
        page.then_some(Self { first: (one >> 7 & 0x7f) as u8, second: (one >> 14 | two << 4 & 0x70) as u8 })
    }
}

/// A page as it was sent so far.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) magazine: u8,
    pub(super) number: u8,
    /// When its head was sent last.
    pub(super) at_ns: i64,
    pub(super) language: u8,
    /// Its rows are not to be seen.
    pub(super) hidden: bool,
    sets: Option<Sets>,
    /// Row 1 and those below it.
    rows: [[u8; COLUMNS]; ROWS],
    /// Which packets of changes came, and what they say.
    changes: Vec<(u8, u8, u8)>,
}

impl Page {
    pub(super) fn new(magazine: u8, number: u8) -> Self {
        let rows = [[b' '; COLUMNS]; ROWS];
        Self { magazine, number, at_ns: 0, language: 0, hidden: false, sets: None, rows, changes: Vec::new() }
    }

    /// Forgets what is sent anew with each head.
    pub(super) fn forget_changes(&mut self) {
        self.changes.clear();
    }

    /// Takes a packet of this page.
    pub(super) fn take(&mut self, row: u8, line: &[u8; 42]) {
        match row {
            1..=24 => {
                let codes = &mut self.rows[usize::from(row) - 1];
                for (code, byte) in codes.iter_mut().zip(&line[2..]) {
                    // What came damaged may have come whole before.
                    *code = super::coded::seven(*byte).unwrap_or(*code);
                }
            }
            26 => {
                for triplet in line[3..].as_chunks::<3>().0 {
                    let Some(word) = eighteen(*triplet) else { continue };
                    if self.changes.len() < CHANGES {
                        self.changes.push((word as u8 & 0x3f, (word >> 6) as u8 & 0x1f, (word >> 11) as u8));
                    }
                }
            }
            28 => self.sets = Sets::read(line).or(self.sets),
            _ => {}
        }
    }

    /// What is seen of it: what is boxed.
    pub(super) fn rows(&self, region: u8, magazine: Option<Sets>) -> Vec<Row> {
        if self.hidden {
            return Vec::new();
        }
        let sets = self.sets.or(magazine).unwrap_or(Sets { first: region, second: region });
        let sets = [sets.first, sets.second].map(|number| set(number, self.language));
        let (mut found, mut covered) = (Vec::new(), false);
        for (at, codes) in self.rows.iter().enumerate() {
            // What is twice as high covers the row below.
            if std::mem::take(&mut covered) {
                continue;
            }
            let changes = self.changed(at + 1);
            let (high, cells) = row(codes, sets, &changes);
            covered = high > 1;
            if cells.iter().any(Option::is_some) {
                found.push(Row { at: at + 1, high, cells });
            }
        }
        found
    }

    /// The letters that other packets put into a row, by their columns.
    fn changed(&self, wanted: usize) -> Vec<(usize, char)> {
        let (mut row, mut found) = (0, Vec::new());
        for &(address, mode, data) in &self.changes {
            match (address, mode) {
                (40.., 0x01 | 0x04) => row = if address == 40 { 24 } else { usize::from(address) - 40 },
                (40.., 0x1f) => break,
                (..40, 0x0f) if row == wanted => found.push((address.into(), more(data))),
                // The sign alone that no letter with it stands for would need a place of its own.
                (..40, 0x10..) if row == wanted => found.push((address.into(), marked(data, mode & 15).0)),
                _ => {}
            }
        }
        found
    }
}

/// What is seen of a row, and how high it is.
fn row(codes: &[u8; COLUMNS], sets: [Set; 2], changes: &[(usize, char)]) -> (usize, Vec<Option<(char, Pen)>>) {
    let (mut high, mut boxed, mut concealed, mut mosaic, mut other) = (1, false, false, false, 0);
    let (mut ink, mut back) = (color(7), color(0));
    let mut cells = vec![None; COLUMNS];
    for (at, &code) in codes.iter().enumerate() {
        // What counts from its own place on.
        match code {
            0x0c => high = high.max(1),
            0x18 => concealed = true,
            0x1c => back = color(0),
            0x1d => back = ink,
            _ => {}
        }
        let letter = match changes.iter().rfind(|(column, _)| *column == at) {
            Some((_, letter)) => *letter,
            None if code < 0x20 || concealed => ' ',
            // Blocks of which drawings are put together.
            None if mosaic && code & 0x20 != 0 => ' ',
            None => sets[other].letter(code),
        };
        if boxed {
            let back = (back != color(0)).then_some(back);
            cells[at] = Some((letter, Pen { color: Some(ink), back, ..Pen::default() }));
        }
        // What counts from the next place on.
        match code {
            0x00..=0x07 => (ink, mosaic, concealed) = (color(code), false, false),
            0x10..=0x17 => (ink, mosaic, concealed) = (color(code - 0x10), true, false),
            0x0a => boxed = false,
            // It is sent twice, against damage; the box begins between the two.
            0x0b => boxed = true,
            0x0d | 0x0f => high = 2,
            0x1b => other = 1 - other,
            _ => {}
        }
    }
    (high, cells)
}
