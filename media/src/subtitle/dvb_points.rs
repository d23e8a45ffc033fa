//! The run-length coded rows of an object of DVB subtitles.

/// How many bits of a region's points tell their colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Two,
    Four,
    Eight,
}

impl Depth {
    /// By its code.
    pub(super) const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Two),
            2 => Some(Self::Four),
            3 => Some(Self::Eight),
            _ => None,
        }
    }

    /// The colour of this depth that one of a smaller depth stands for, unless it is told.
    fn widened(self, from: Self, color: u8) -> u8 {
        match (from, self) {
            (Self::Two, Self::Four) => [0, 7, 8, 15][usize::from(color & 3)],
            (Self::Two, Self::Eight) => [0, 0x77, 0x88, 0xff][usize::from(color & 3)],
            (Self::Four, Self::Eight) => (color & 15) * 0x11,
            _ => color,
        }
    }
}

/// Bits of a row, the highest first; `None` behind the end.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u8> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | self.data.get(self.at / 8)? >> (7 - self.at % 8) & 1;
            self.at += 1;
        }
        Some(value)
    }

    /// The next run: how many points, and their colour; `None` at the end of the row.
    fn run(&mut self, depth: Depth) -> Option<(usize, u8)> {
        let count = |bits: u8, more: usize| usize::from(bits) + more;
        match depth {
            Depth::Two => match self.take(2)? {
                0 if self.take(1)? == 1 => Some((count(self.take(3)?, 3), self.take(2)?)),
                0 if self.take(1)? == 1 => Some((1, 0)),
                0 => match self.take(2)? {
                    0 => None,
                    1 => Some((2, 0)),
                    2 => Some((count(self.take(4)?, 12), self.take(2)?)),
                    _ => Some((count(self.take(8)?, 29), self.take(2)?)),
                },
                color => Some((1, color)),
            },
            Depth::Four => match self.take(4)? {
                0 if self.take(1)? == 0 => match self.take(3)? {
                    0 => None,
                    run => Some((count(run, 2), 0)),
                },
                0 if self.take(1)? == 0 => Some((count(self.take(2)?, 4), self.take(4)?)),
                0 => match self.take(2)? {
                    0 => Some((1, 0)),
                    1 => Some((2, 0)),
                    2 => Some((count(self.take(4)?, 9), self.take(4)?)),
                    _ => Some((count(self.take(8)?, 25), self.take(4)?)),
                },
                color => Some((1, color)),
            },
            Depth::Eight => match self.take(8)? {
                0 if self.take(1)? == 0 => match self.take(7)? {
                    0 => None,
                    run => Some((run.into(), 0)),
                },
                0 => Some((self.take(7)?.into(), self.take(8)?)),
                color => Some((1, color)),
            },
        }
    }
}

/// Draws the rows of one field into a picture of this width, every second one, from `start` on. Colour 1 is not drawn where it is said that
/// it leaves what is there.
pub(super) fn draw(
    rows: &[u8],
    depth: Depth,
    points: &mut [u8],
    width: usize,
    start: (usize, usize),
    leaves_one: bool,
) {
    let (mut rest, (mut x, mut y)) = (rows, start);
    let mut told: [Option<Vec<u8>>; 3] = [None, None, None];
    while let [kind, tail @ ..] = rest {
        rest = tail;
        let coded = match kind {
            0x10 => Depth::Two,
            0x11 => Depth::Four,
            0x12 => Depth::Eight,
            0x20..=0x22 => {
                // Which colours those of a smaller depth stand for: four of 4 bits, four of 8, sixteen of 8.
                let len = [2, 4, 16][usize::from(kind - 0x20)];
                let Some(values) = rest.get(..len) else { return };
                let halves = || values.iter().flat_map(|value| [value >> 4, value & 15]).collect();
                told[usize::from(kind - 0x20)] = Some(if *kind == 0x20 { halves() } else { values.to_vec() });
                rest = &rest[len..];
                continue;
            }
            0xf0 => {
                (x, y) = (start.0, y + 2);
                continue;
            }
            _ => return,
        };
        let map = match (coded, depth) {
            (Depth::Two, Depth::Four) => told[0].as_ref(),
            (Depth::Two, Depth::Eight) => told[1].as_ref(),
            (Depth::Four, Depth::Eight) => told[2].as_ref(),
            _ => None,
        };
        let mut bits = Bits { data: rest, at: 0 };
        while let Some((count, color)) = bits.run(coded) {
            let own = map.and_then(|map| map.get(usize::from(color)).copied());
            let to = (x + count).min(width);
            if !(leaves_one && color == 1)
                && let Some(row) = points.get_mut(y * width..(y + 1) * width).filter(|_| x < to)
            {
                row[x..to].fill(own.unwrap_or_else(|| depth.widened(coded, color)));
            }
            x = to.max(x);
        }
        rest = &rest[bits.at.div_ceil(8).min(rest.len())..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits written as digits, with spaces between codes.
    fn bits(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|b| *b != b' ').map(|b| b - b'0').collect();
        digits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | bit << (7 - at))).collect()
    }

    fn row(depth: Depth, kind: u8, codes: &str) -> Vec<u8> {
        let mut points = vec![0xee; 400];
        draw(&[&[kind][..], &bits(codes)].concat(), depth, &mut points, 400, (0, 0), false);
        points.truncate(points.iter().position(|point| *point == 0xee).unwrap_or(400));
        points
    }

    fn runs(parts: &[(usize, u8)]) -> Vec<u8> {
        parts.iter().flat_map(|(count, color)| std::iter::repeat_n(*color, *count)).collect()
    }

    #[test]
    fn every_code_of_the_standard_is_a_run() {
        let two = "10  001 010 11  0001  000001  000010 0011 01  000011 00000001 10  000000";
        assert_eq!(row(Depth::Two, 0x10, two), runs(&[(1, 2), (5, 3), (1, 0), (2, 0), (15, 1), (30, 2)]));
        assert_eq!(row(Depth::Four, 0x10, "01 10 11 000000"), [7, 8, 15]);
        assert_eq!(row(Depth::Eight, 0x10, "01 10 11 000000"), [0x77, 0x88, 0xff]);
        let four = "1010  0000 0 011  0000 10 01 0101  0000 1100  0000 1101  0000 1110 0001 1111  0000 1111 00000010 0001  0000 0000";
        let wanted = runs(&[(1, 10), (5, 0), (5, 5), (1, 0), (2, 0), (10, 15), (27, 1)]);
        assert_eq!(row(Depth::Four, 0x11, four), wanted);
        assert_eq!(row(Depth::Eight, 0x11, "0010 00000000"), [0x22]);
        let eight = "00000101  00000000 0 0000011  00000000 1 0000010 11111111  00000000 00000000";
        assert_eq!(row(Depth::Eight, 0x12, eight), runs(&[(1, 5), (3, 0), (2, 255)]));
        // A table of its own, and rows that end.
        let mut points = vec![9; 8];
        let coded =
            [&[0x20, 0x12, 0x34][..], &[0x10], &bits("01 11 000000"), &[0xf0, 0x10], &bits("10 000000")].concat();
        draw(&coded, Depth::Four, &mut points, 2, (0, 0), false);
        assert_eq!(points, [2, 4, 9, 9, 3, 9, 9, 9]);
    }
}
