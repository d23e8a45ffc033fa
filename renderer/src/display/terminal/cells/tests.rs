use super::*;

/// A terminal that knows what we send, and panics at anything else.
#[derive(Debug)]
struct Emulator {
    columns: usize,
    cells: Vec<(char, Rgb, Rgb)>,
    at: (usize, usize),
    front: Rgb,
    back: Rgb,
}

impl Emulator {
    fn new(columns: usize, rows: usize) -> Self {
        let cells = vec![('?', [1, 2, 3], [4, 5, 6]); columns * rows];
        Self { columns, cells, at: (0, 0), front: [9; 3], back: [9; 3] }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\x1b' {
                let (column, row) = self.at;
                self.cells[row * self.columns + column] = (c, self.front, self.back);
                self.at.0 = (column + 1).min(self.columns - 1);
                continue;
            }
            assert_eq!(chars.next(), Some('['));
            let rest = chars.as_str();
            let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
            let letter = rest.as_bytes()[end];
            let numbers = &rest[..end];
            chars = rest[end + 1..].chars();
            if numbers == "?2026" {
                continue;
            }
            let numbers: Vec<usize> = numbers.split(';').map(|n| n.parse().unwrap()).collect();
            match (letter, numbers.as_slice()) {
                (b'H', &[row, column]) => self.at = (column - 1, row - 1),
                (b'C', &[n]) => self.at.0 += n,
                (b'm', parts) => {
                    for part in parts.chunks(5) {
                        let color = [part[2] as u8, part[3] as u8, part[4] as u8];
                        match part[0] {
                            38 => self.front = color,
                            _ => self.back = color,
                        }
                        assert_eq!(part[1], 2);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether this is what `wanted` looks like.
    fn shows(&self, wanted: &Grid) -> bool {
        self.cells.iter().zip(&wanted.cells).all(|(&(glyph, front, back), want)| {
            let (want_front, want_back) = (want.front, want.back);
            match (glyph, want.glyph) {
                (' ', HALVES) => alike(back, want_front) && alike(back, want_back),
                (HALVES, HALVES) => alike(front, want_front) && alike(back, want_back),
                (LOWER, HALVES) => alike(back, want_front) && alike(front, want_back),
                (' ', ' ') => alike(back, want_back),
                (is, want) => is == want && alike(front, want_front) && alike(back, want_back),
            }
        })
    }
}

/// Numbers without a pattern, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Few enough colours that equal and nearly equal ones meet.
    fn color(&mut self) -> Rgb {
        if self.below(2) == 0 { [self.below(8) as u8; 3] } else { [self.below(4) as u8 * 80, 0, self.below(256) as u8] }
    }

    fn cell(&mut self) -> Cell {
        let glyph = [HALVES, HALVES, HALVES, ' ', 'a', 'é'][self.below(6) as usize];
        Cell { glyph, front: self.color(), back: self.color(), ..Cell::BLACK }
    }
}

#[test]
fn the_terminal_shows_what_is_wanted_after_any_series_of_screens() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..500 {
        let (columns, rows) = (1 + numbers.below(8) as usize, 1 + numbers.below(4) as usize);
        let mut emulator = Emulator::new(columns, rows);
        let mut screen = Screen::default();
        let mut grid = Grid::default();
        grid.clear(columns, rows);
        for _ in 0..6 {
            let changed = numbers.below(4) + 1;
            for cell in &mut grid.cells {
                if numbers.below(4) < changed {
                    *cell = numbers.cell();
                }
            }
            let mut bytes = Vec::new();
            screen.update(&grid, &mut bytes);
            emulator.feed(&bytes);
            assert!(emulator.shows(&grid), "{emulator:?}\n{grid:?}");
            let mut again = Vec::new();
            assert!(!screen.update(&grid, &mut again) && again.is_empty(), "the same screen costs nothing");
        }
    }
}

#[test]
fn a_change_of_one_cell_costs_one_cell() {
    let mut grid = Grid::default();
    grid.clear(80, 24);
    let (mut screen, mut bytes) = (Screen::default(), Vec::new());
    screen.update(&grid, &mut bytes);
    grid.at(40, 12).unwrap().front = [255, 0, 0];
    bytes.clear();
    screen.update(&grid, &mut bytes);
    assert_eq!(bytes, "\x1b[?2026h\x1b[13;41H\x1b[38;2;255;0;0m\u{2580}\x1b[?2026l".as_bytes());
}

#[test]
fn a_picture_of_noise_costs_at_most_42_bytes_a_cell() {
    let mut grid = Grid::default();
    grid.clear(80, 24);
    for (i, cell) in grid.cells.iter_mut().enumerate() {
        let noise = |k: usize| (i * 7919 * k % 251) as u8;
        *cell = Cell { front: [noise(1), noise(2), noise(3)], back: [noise(5), noise(8), noise(13)], ..Cell::BLACK };
    }
    let mut bytes = Vec::new();
    Screen::default().update(&grid, &mut bytes);
    assert!(bytes.len() < 80 * 24 * 42, "{}", bytes.len());
}

#[test]
fn pictures_lie_where_they_are_laid_and_outside_is_cut_off() {
    let picture = Canvas { width: 2, height: 3, pixels: vec![0xff01_0203; 6].into() };
    let mut grid = Grid::default();
    grid.clear(3, 2);
    grid.lay(&picture, 2, 1);
    let one = [1, 2, 3];
    let halves = |front, back| Cell { front, back, ..Cell::BLACK };
    assert_eq!(*grid.at(2, 0).unwrap(), halves([0; 3], one));
    assert_eq!(*grid.at(2, 1).unwrap(), halves(one, one));
    assert_eq!(*grid.at(1, 1).unwrap(), Cell::BLACK);
    assert!(grid.at(3, 0).is_none() && grid.at(0, 2).is_none());
}
