//! Teletext's subtitles (ETSI EN 300 706, as EN 300 472 puts them into a transport stream): a page is a screen of letters, of which the
//! boxed ones are seen over the film. Levels 1 and 1.5, and the sets of letters of level 2.5.

mod coded;
mod letters;
mod page;

pub(crate) use letters::region;

use super::screen::{self, Seen};
use coded::{eighteen, four};
use page::Page;

/// The units of a packet that have lines of teletext; each has 42 bytes behind two that say where it was sent.
const LINES: [u8; 2] = [2, 3];
const LINE: usize = 44;
/// Where the screen lies on the picture.
const FORM: screen::Form = screen::Form { rows: 25, columns: page::COLUMNS, free: (0.1, 0.05) };

/// What was sent so far of one page.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The magazine, 0 for 8, and the two digits of the page that is read; any page of subtitles where nothing is said.
    wanted: Option<(u8, u8)>,
    /// The part of the world whose letters are meant.
    region: u8,
    /// What each magazine says of all of its pages.
    magazines: [Option<page::Sets>; 8],
    /// The page that is sent now, or was sent last, if that is not over.
    page: Option<Page>,
    /// It is being sent.
    open: bool,
    /// What is seen.
    shown: Vec<screen::Row>,
}

impl Decoder {
    /// From the magazine, the page and the part of the world, as the map of programmes has them.
    pub(super) fn read(config: &[u8]) -> Self {
        let (wanted, region) = match *config {
            [magazine, page, region] => (Some((magazine & 7, page)), region),
            [region] => (None, region),
            _ => (None, 0),
        };
        Self { wanted, region, magazines: [None; 8], page: None, open: false, shown: Vec::new() }
    }

    /// Forgets all but which page is read.
    pub(super) fn forget(&mut self) {
        *self = Self { wanted: self.wanted, region: self.region, ..Self::read(&[]) };
    }

    /// Takes a packet of this time. What is to be seen.
    pub(super) fn packet(&mut self, at_ns: i64, data: &[u8]) -> Vec<Seen> {
        let mut seen = Vec::new();
        let Some((0x10..=0x1f, mut rest)) = data.split_first().map(|(id, rest)| (*id, rest)) else { return seen };
        while let [id, len, tail @ ..] = rest {
            let Some(body) = tail.get(..usize::from(*len)) else { break };
            rest = &tail[body.len()..];
            if LINES.contains(id)
                && body.len() >= LINE
                && let Some(line) = body[2..LINE].first_chunk::<42>()
            {
                seen.extend(self.line(at_ns, &line.map(u8::reverse_bits)));
            }
        }
        seen
    }

    /// When what is being sent began.
    pub(super) fn pending_ns(&self) -> Option<i64> {
        self.page.as_ref().filter(|_| self.open).map(|page| page.at_ns)
    }

    /// What is to be seen of the page that is being sent, if its rest does not come.
    pub(super) fn flush(&mut self) -> Option<Seen> {
        let page = self.page.as_ref().filter(|_| self.open)?;
        let rows = page.rows(self.region, self.magazines[usize::from(page.magazine)]);
        if rows == self.shown {
            return None;
        }
        self.shown = rows;
        Some(Seen { at_ns: page.at_ns, cues: screen::cues(page.at_ns, &self.shown, FORM) })
    }

    fn line(&mut self, at_ns: i64, line: &[u8; 42]) -> Option<Seen> {
        let [low, high] = [four(line[0])?, four(line[1])?];
        let (magazine, row) = (low & 7, low >> 3 | high << 1);
        if row == 0 {
            return self.header(at_ns, magazine, line);
        }
        if row == 29 {
            self.magazines[usize::from(magazine)] = page::Sets::read(line).or(self.magazines[usize::from(magazine)]);
        }
        if let Some(page) = self.page.as_mut().filter(|page| self.open && page.magazine == magazine) {
            page.take(row, line);
        }
        None
    }

    /// The head of a page. It ends the one before: of the same magazine, or of all where they are sent one after another.
    fn header(&mut self, at_ns: i64, magazine: u8, line: &[u8; 42]) -> Option<Seen> {
        let digit = |at: usize| four(line[at]);
        // Of a head that is damaged, it is known that one begins.
        let serial = digit(9).unwrap_or(1);
        let mut seen = None;
        if self.page.as_ref().is_some_and(|page| serial & 1 != 0 || page.magazine == magazine) {
            seen = self.flush();
            self.open = false;
        }
        let heard = [2, 3, 5, 7, 8, 9].map(digit);
        let [Some(units), Some(tens), Some(erases), Some(flags), Some(shown), Some(_)] = heard else { return seen };
        let erases = erases & 8 != 0;
        let number = (magazine, tens << 4 | units);
        let subtitles = flags & 8 != 0 && units < 10 && tens < 10;
        if self.wanted.map_or(subtitles, |wanted| wanted == number) {
            let before = self.page.take().filter(|page| !erases && (page.magazine, page.number) == number);
            let mut page = before.unwrap_or_else(|| Page::new(magazine, number.1));
            page.at_ns = at_ns;
            // The language's three bits are sent the other way round.
            page.language = serial >> 3 | serial >> 1 & 2 | serial << 1 & 4;
            page.hidden = shown & 8 != 0;
            page.forget_changes();
            (self.page, self.open) = (Some(page), true);
        }
        seen
    }
}
