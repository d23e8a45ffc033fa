//! Closed captions of CEA-608, which American television and DVDs have: pairs of bytes, one for each field of a picture, that write letters
//! on a screen of 15 rows and 32 columns. They are written unseen and shown at once, or grow from below, or appear as they come.

use super::cue::Cue;
use super::screen::{self, Pen, Row, Seen};

const ROWS: usize = 15;
const COLUMNS: usize = 32;
const FORM: screen::Form = screen::Form { rows: ROWS, columns: COLUMNS, free: (0.1, 0.1) };
/// How long letters that appear as they come are kept, in ns, so that words come whole.
const WORD_NS: i64 = 250_000_000;

/// Codes that are not those of ASCII.
const OTHERS: [(u8, char); 10] = [
    (0x27, '’'),
    (0x2a, 'á'),
    (0x5c, 'é'),
    (0x5e, 'í'),
    (0x5f, 'ó'),
    (0x60, 'ú'),
    (0x7b, 'ç'),
    (0x7c, '÷'),
    (0x7d, 'Ñ'),
    (0x7e, 'ñ'),
];
/// Of two bytes: from 0x30 on; and, in the place of the letter before, from 0x20 on. (A space that the film is seen through is a no-break space.)
const SPECIAL: &str = "®°½¿™¢£♪à\u{a0}èâêîôû";
const SPANISH: &str = "ÁÉÓÚÜü‘¡*’—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»";
const GERMAN: &str = "ÃãÍÌìÒòÕõ{}\\^_¦~ÄäÖöß¥¤|ÅåØø┌┐└┘";

/// White, green, blue, cyan, red, yellow, magenta, black.
const COLORS: [u32; 8] =
    [0xffff_ffff, 0xff00_ff00, 0xff00_00ff, 0xff00_ffff, 0xffff_0000, 0xffff_ff00, 0xffff_00ff, 0xff00_0000];

/// How letters come to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nobody has said how, or they are no captions.
    None,
    PopOn,
    /// So many rows.
    RollUp(usize),
    PaintOn,
}

type Screen = [[Option<(char, Pen)>; COLUMNS]; ROWS];
const EMPTY: Screen = [[None; COLUMNS]; ROWS];

/// What came so far of one of four captions.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Of the second field.
    second: bool,
    /// The second one of its field.
    other: bool,
    /// What comes is for this one.
    meant: bool,
    /// The last command, which is sent twice.
    last: [u8; 2],
    mode: Mode,
    /// What is seen, and what is being written.
    front: Screen,
    back: Screen,
    shown: Screen,
    row: usize,
    column: usize,
    pen: Pen,
    /// Since when what is seen is another one than what was shown.
    changed_ns: Option<i64>,
}

impl Decoder {
    /// The captions of this number, from 0 for CC1 to 3 for CC4.
    pub(super) fn read(config: &[u8]) -> Self {
        let number = config.first().copied().unwrap_or(0);
        Self {
            second: number & 2 != 0,
            other: number & 1 != 0,
            meant: false,
            last: [0; 2],
            mode: Mode::None,
            front: EMPTY,
            back: EMPTY,
            shown: EMPTY,
            row: ROWS - 1,
            column: 0,
            pen: Pen::default(),
            changed_ns: None,
        }
    }

    /// Forgets all but which captions are read.
    pub(super) fn forget(&mut self) {
        *self = Self::read(&[u8::from(self.second) << 1 | u8::from(self.other)]);
    }

    /// Takes what a picture has: three bytes for each pair, of which the first one is 1 for the second field. What is to be seen.
    pub(super) fn packet(&mut self, at_ns: i64, data: &[u8]) -> Vec<Seen> {
        let mut seen = Vec::new();
        for &[field, first, second] in data.as_chunks::<3>().0 {
            if (field != 0) == self.second {
                self.pair(at_ns, first, second, &mut seen);
            }
        }
        if self.changed_ns.is_some_and(|changed_ns| at_ns.saturating_sub(changed_ns) > WORD_NS) {
            seen.extend(self.flush());
        }
        seen
    }

    /// Since when letters have come that are not shown.
    pub(super) const fn pending_ns(&self) -> Option<i64> {
        self.changed_ns
    }

    /// What is to be seen of what has come.
    pub(super) fn flush(&mut self) -> Option<Seen> {
        let at_ns = self.changed_ns.take()?;
        if self.front == self.shown {
            return None;
        }
        self.shown = self.front;
        Some(Seen { at_ns, cues: self.cues(at_ns) })
    }

    fn cues(&self, at_ns: i64) -> Vec<Cue> {
        let rows = self.shown.iter().enumerate().filter(|(_, cells)| cells.iter().any(Option::is_some));
        let rows: Vec<_> = rows.map(|(at, cells)| Row { at, high: 1, cells: cells.to_vec() }).collect();
        screen::cues(at_ns, &rows, FORM)
    }

    fn pair(&mut self, at_ns: i64, first: u8, second: u8, seen: &mut Vec<Seen>) {
        let odd = |byte: u8| byte.count_ones() % 2 == 1;
        if !odd(second) {
            return;
        }
        let (first, second) = (if odd(first) { first & 0x7f } else { 0x7f }, second & 0x7f);
        match first {
            0 => {}
            // Of the programme, not of its words.
            0x01..=0x0f => self.meant = false,
            0x10..=0x1f => {
                let last = std::mem::replace(&mut self.last, [first, second]);
                self.meant = (first & 8 != 0) == self.other;
                if last == [first, second] {
                    self.last = [0; 2];
                } else if self.meant {
                    // What was written is shown before what a command does.
                    seen.extend(self.flush());
                    self.command(at_ns, first & 0x17, second);
                    if self.mode != Mode::PaintOn {
                        seen.extend(self.flush());
                    }
                }
            }
            _ if !self.meant => self.last = [0; 2],
            _ => {
                self.last = [0; 2];
                for code in [first, second].into_iter().filter(|code| *code >= 0x20) {
                    self.write(at_ns, letter(code));
                }
                if first == 0x20 || second == 0x20 {
                    seen.extend(self.flush());
                }
            }
        }
    }

    fn command(&mut self, at_ns: i64, first: u8, second: u8) {
        let underline = second & 1 != 0;
        match (first, second) {
            (_, 0x40..) => self.place(at_ns, first, second),
            (0x10, 0x20..=0x2f) => {
                // It takes the place of the letter before, which is a space.
                let back = COLORS[usize::from(second >> 1 & 7)];
                self.pen.back =
                    Some(if underline { back & 0x80ff_ffff } else { back }).filter(|back| *back != COLORS[7]);
            }
            (0x11, 0x20..=0x2f) => {
                self.write(at_ns, ' ');
                self.colour(second);
            }
            (0x11, 0x30..=0x3f) => self.write_of(at_ns, SPECIAL, second - 0x30),
            (0x12, 0x20..=0x3f) => {
                self.column = self.column.saturating_sub(1);
                self.write_of(at_ns, SPANISH, second - 0x20);
            }
            (0x13, 0x20..=0x3f) => {
                self.column = self.column.saturating_sub(1);
                self.write_of(at_ns, GERMAN, second - 0x20);
            }
            (0x17, 0x21..=0x23) => self.column = (self.column + usize::from(second & 3)).min(COLUMNS - 1),
            (0x17, 0x2d) => self.pen.back = None,
            (0x17, 0x2e | 0x2f) => (self.pen.color, self.pen.underline) = (Some(COLORS[7]), underline),
            (0x14 | 0x15, _) => self.control(at_ns, second),
            _ => {}
        }
    }

    /// A row, and a column or a colour.
    fn place(&mut self, at_ns: i64, first: u8, second: u8) {
        const PLACES: [usize; 16] = [11, 11, 1, 2, 3, 4, 12, 13, 14, 15, 5, 6, 7, 8, 9, 10];
        let row = PLACES[usize::from(first & 7) << 1 | usize::from(second >> 5 & 1)] - 1;
        if let Mode::RollUp(count) = self.mode
            && row != self.row
        {
            // What is there goes along.
            let rows = self.rows(count);
            let (mut moved, from) = (EMPTY, rows.start);
            let to = (row + 1).saturating_sub(count);
            for at in rows.rev().take(row + 1 - to) {
                moved[(row + at).saturating_sub(self.row).clamp(to, row)] = self.front[at];
            }
            debug_assert!(from <= self.row);
            self.front = moved;
            self.changed(at_ns);
        }
        self.row = row;
        self.column = 0;
        self.pen = Pen::default();
        if second & 0x10 != 0 {
            self.column = usize::from(second >> 1 & 7) * 4;
            self.pen.underline = second & 1 != 0;
        } else {
            self.colour(second);
        }
    }

    fn colour(&mut self, code: u8) {
        self.pen.underline = code & 1 != 0;
        match code >> 1 & 7 {
            7 => self.pen.italic = true,
            color => {
                self.pen.italic = false;
                self.pen.color = Some(COLORS[usize::from(color)]).filter(|_| color > 0);
            }
        }
    }

    fn control(&mut self, at_ns: i64, second: u8) {
        match second {
            0x20 => self.mode = Mode::PopOn,
            0x21 => {
                self.column = self.column.saturating_sub(1);
                self.put(at_ns, None);
            }
            0x24 => {
                let (row, column) = (self.row, self.column);
                self.screen()[row][column..].fill(None);
                self.changed(at_ns);
            }
            0x25..=0x27 => {
                if !matches!(self.mode, Mode::RollUp(_)) {
                    (self.front, self.back) = (EMPTY, EMPTY);
                    (self.row, self.column) = (ROWS - 1, 0);
                    self.changed(at_ns);
                }
                let count = usize::from(second - 0x23);
                self.mode = Mode::RollUp(count);
                let kept = self.rows(count);
                self.front[..kept.start].fill([None; COLUMNS]);
            }
            0x29 => self.mode = Mode::PaintOn,
            // Words that are no captions.
            0x2a | 0x2b => self.mode = Mode::None,
            0x2c => {
                self.front = EMPTY;
                self.changed(at_ns);
            }
            0x2d => {
                if let Mode::RollUp(count) = self.mode {
                    let rows = self.rows(count);
                    self.front[rows.clone()].rotate_left(1);
                    self.front[rows.end - 1] = [None; COLUMNS];
                    self.column = 0;
                    self.changed(at_ns);
                }
            }
            0x2e => self.back = EMPTY,
            0x2f => {
                std::mem::swap(&mut self.front, &mut self.back);
                self.mode = Mode::PopOn;
                self.changed(at_ns);
            }
            _ => {}
        }
    }

    /// The rows that roll up.
    fn rows(&self, count: usize) -> std::ops::Range<usize> {
        (self.row + 1).saturating_sub(count)..self.row + 1
    }

    /// What is written on.
    fn screen(&mut self) -> &mut Screen {
        if self.mode == Mode::PopOn { &mut self.back } else { &mut self.front }
    }

    fn changed(&mut self, at_ns: i64) {
        self.changed_ns.get_or_insert(at_ns);
    }

    fn write_of(&mut self, at_ns: i64, letters: &str, at: u8) {
        self.write(at_ns, letters.chars().nth(at.into()).unwrap_or(' '));
    }

    fn write(&mut self, at_ns: i64, letter: char) {
        let pen = self.pen;
        self.put(at_ns, Some((letter, pen)));
        self.column = (self.column + 1).min(COLUMNS - 1);
    }

    fn put(&mut self, at_ns: i64, cell: Option<(char, Pen)>) {
        if self.mode == Mode::None {
            return;
        }
        let (row, column) = (self.row, self.column);
        self.screen()[row][column] = cell;
        if self.mode != Mode::PopOn {
            self.changed(at_ns);
        }
    }
}

fn letter(code: u8) -> char {
    match OTHERS.iter().find(|(other, _)| *other == code) {
        Some((_, letter)) => *letter,
        None if code == 0x7f => '█',
        None => char::from(code),
    }
}

/// The pairs of a packet of QuickTime: boxes, one for each field.
pub(super) fn unboxed(mut data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(size) = data.first_chunk().map(|size| u32::from_be_bytes(*size) as usize) {
        let Some(part) = data.get(..size).filter(|_| size >= 8) else { break };
        let field = match &part[4..8] {
            b"cdat" => Some(0),
            b"cdt2" => Some(1),
            _ => None,
        };
        let pairs = part[8..].as_chunks::<2>().0.iter();
        out.extend(field.into_iter().flat_map(|field| pairs.clone().flat_map(move |&[a, b]| [field, a, b])));
        data = &data[size..];
    }
    out
}

/// Which of the four captions a pair tells of; `None` if that is not to be told from it.
pub(crate) fn told(field: u8, [first, second]: [u8; 2]) -> Option<u8> {
    let command = matches!(first & 0x77, 0x14 | 0x15) && matches!(second & 0x7f, 0x20 | 0x25..=0x27 | 0x29 | 0x2f);
    command.then(|| u8::from(field != 0) << 1 | first >> 3 & 1)
}
