//! Cuts a stream of pictures that no container has cut into one packet for each, and gives each its time.

use super::CodecId;
use crate::NS;

/// Bytes behind a start code that are looked at.
const HEAD: usize = 6;

/// A picture as its decoder takes it.
pub(super) struct Unit {
    pub(super) data: Vec<u8>,
    /// The time of the piece that it began in, if it was the first that did.
    pub(super) time_ns: Option<i64>,
    /// Where that piece is.
    pub(super) place: u64,
    /// Bytes between the picture before and this one that belong to neither.
    pub(super) lead: usize,
}

/// Cuts one stream.
pub(super) struct Pictures {
    codec: CodecId,
    data: Vec<u8>,
    /// Where each piece begins in `data`, its time and its place.
    pieces: Vec<(usize, Option<i64>, u64)>,
    /// Up to where start codes were looked for.
    scanned: usize,
    /// Where in `data` the picture begins that is being put together.
    begun: Option<usize>,
    /// A slice of it was seen.
    sliced: bool,
}

/// What a start code means for where a picture begins.
enum Mark {
    /// Something that stands in front of a picture.
    Front,
    /// A picture's first slice, or the head of one that is told by it alone.
    First,
    /// Something within a picture.
    Within,
}

impl Pictures {
    /// For pictures of `codec`, of one that is told by start codes.
    pub(super) fn new(codec: CodecId) -> Self {
        Self { codec, data: Vec::new(), pieces: Vec::new(), scanned: 0, begun: None, sliced: false }
    }

    /// Forgets what came before: the next piece is another place's.
    pub(super) fn jump(&mut self) {
        *self = Self::new(self.codec.clone());
    }

    /// Bytes that wait for the end of their picture.
    pub(super) fn waiting(&self) -> usize {
        self.data.len()
    }

    /// The pictures that are whole once `piece` is there.
    pub(super) fn push(&mut self, piece: &[u8], time_ns: Option<i64>, place: u64) -> Vec<Unit> {
        self.pieces.push((self.data.len(), time_ns, place));
        self.data.extend_from_slice(piece);
        let mut units = Vec::new();
        while let Some(found) = self.data.get(self.scanned..).filter(|rest| rest.len() >= HEAD) {
            let Some(skipped) = found.windows(HEAD).position(|head| head[..3] == [0, 0, 1]) else {
                self.scanned = self.data.len() - HEAD + 1;
                break;
            };
            let at = self.scanned + skipped;
            let mark = mark(&self.codec, &self.data[at + 3..at + HEAD]);
            self.scanned = at + 3;
            let begins = match mark {
                Mark::Front => self.sliced || self.begun.is_none(),
                Mark::First => self.sliced,
                Mark::Within => false,
            };
            if begins {
                units.extend(self.cut(at));
                self.begun = Some(self.begun.map_or(at, |_| 0));
                self.sliced = false;
            }
            self.sliced |=
                matches!(mark, Mark::First) || self.codec == CodecId::Mpeg12 && is_slice(self.data[self.scanned]);
        }
        units
    }

    /// The last picture, whose end is that of the stream.
    pub(super) fn flush(&mut self) -> Option<Unit> {
        let unit = self.sliced.then(|| self.cut(self.data.len())).flatten();
        self.jump();
        unit
    }

    /// Takes out what was begun before `at`, from where the next picture begins.
    fn cut(&mut self, at: usize) -> Option<Unit> {
        let begun = self.begun?;
        let piece = self.pieces.iter().rposition(|(from, ..)| *from <= begun)?;
        let (_, time_ns, place) = self.pieces[piece];
        // Of the pictures that begin in a piece, its time is the first one's.
        self.pieces[piece].1 = None;
        let rest = self.data.split_off(at);
        let mut data = std::mem::replace(&mut self.data, rest);
        data.drain(..begun);
        let last = self.pieces.iter().rposition(|(from, ..)| *from <= at).unwrap_or(0);
        self.pieces.drain(..last);
        self.pieces.iter_mut().for_each(|(from, ..)| *from = from.saturating_sub(at));
        self.scanned = self.scanned.saturating_sub(at);
        Some(Unit { data, time_ns, place, lead: begun })
    }
}

/// Whether a start code of MPEG-1 and MPEG-2 is a slice's.
fn is_slice(code: u8) -> bool {
    (1..=0xaf).contains(&code)
}

fn mark(codec: &CodecId, head: &[u8]) -> Mark {
    let (front, first) = match codec {
        CodecId::H264 => {
            // What stands in front of a slice of the base view (14) may do so within a picture.
            (matches!(head[0] & 0x1f, 6..=9 | 15), matches!(head[0] & 0x1f, 1 | 5) && head[1] & 0x80 != 0)
        }
        CodecId::Hevc => {
            let kind = head[0] >> 1 & 0x3f;
            (matches!(kind, 32..=35 | 39 | 41..=44 | 48..=55), kind < 32 && head[2] & 0x80 != 0)
        }
        CodecId::Mpeg4 => (matches!(head[0], 0xb0 | 0xb3 | 0xb5 | 0x20..=0x2f), head[0] == 0xb6),
        // A picture's own start code stands in front of its slices.
        _ => (matches!(head[0], 0 | 0xb3 | 0xb8), false),
    };
    match (front, first) {
        (true, _) => Mark::Front,
        (_, true) => Mark::First,
        _ => Mark::Within,
    }
}

/// Tells when pictures of MPEG-1 and MPEG-2 are due of which most have no time of their own: they are counted within their group.
pub(super) struct Counted {
    /// A picture lasts this many ns.
    frame_ns: i64,
    /// When the group's first picture is due.
    base_ns: i64,
    /// The highest number in the group.
    most: i64,
}

impl Default for Counted {
    fn default() -> Self {
        Self { frame_ns: NS / 25, base_ns: 0, most: -1 }
    }
}

impl Counted {
    /// When a picture is due, and how long it is shown; `given` is the time that it has itself.
    pub(super) fn time(&mut self, unit: &[u8], given: Option<i64>) -> (i64, i64) {
        let (mut number, mut early) = (None, false);
        for window in unit.windows(8).filter(|window| window[..3] == [0, 0, 1]) {
            match window[3] {
                0xb3 => {
                    const RATES: [(i64, i64); 9] = [
                        (25, 1),
                        (24_000, 1001),
                        (24, 1),
                        (25, 1),
                        (30_000, 1001),
                        (30, 1),
                        (50, 1),
                        (60_000, 1001),
                        (60, 1),
                    ];
                    let (rate, per) = RATES.get(usize::from(window[7] & 15)).copied().unwrap_or(RATES[0]);
                    self.frame_ns = NS * per / rate;
                }
                0xb8 => self.next_group(),
                0 => {
                    number = Some(i64::from(window[4]) << 2 | i64::from(window[5] >> 6));
                    early = window[5] >> 3 & 7 == 3;
                    break;
                }
                _ => {}
            }
        }
        let number = number.unwrap_or(self.most + 1);
        // Without groups, the numbers begin anew after 1023.
        if number + 512 < self.most {
            self.most = 1023;
            self.next_group();
        }
        if let Some(given) = given {
            self.base_ns = given - number * self.frame_ns;
        }
        // A picture between two others is followed by the later one, which was decoded before it.
        self.most = self.most.max(number + i64::from(early));
        (self.base_ns + number * self.frame_ns, self.frame_ns)
    }

    /// What comes next is in another group, near to `base_ns`.
    pub(super) fn jump(&mut self, base_ns: i64) {
        (self.base_ns, self.most) = (base_ns, -1);
    }

    fn next_group(&mut self) {
        self.base_ns += (self.most + 1) * self.frame_ns;
        self.most = -1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_cut_whatever_the_pieces() {
        let head = |code: u8, rest: &[u8]| [&[0, 0, 1, code][..], rest, &[9; 6]].concat();
        let stream = [
            head(0xb3, &[2, 0, 2, 0x13]),
            head(0xb8, &[0; 4]),
            head(0, &[0, 0x8f]),
            head(1, &[7]),
            head(2, &[7]),
            head(0, &[0, 0x4f]),
            head(1, &[8]),
            head(0, &[0x40, 0x4f]),
            head(1, &[9]),
        ]
        .concat();
        let whole = |step: usize| {
            let mut cutter = Pictures::new(CodecId::Mpeg12);
            let mut units = Vec::new();
            for (n, piece) in stream.chunks(step).enumerate() {
                units.extend(cutter.push(piece, Some(n as i64), n as u64));
            }
            units.extend(cutter.flush());
            units
        };
        for step in [1, 3, 7, 20, 1000] {
            let units = whole(step);
            assert_eq!(units.len(), 3, "{step}");
            assert_eq!(units.iter().flat_map(|unit| unit.data.clone()).collect::<Vec<u8>>(), stream, "{step}");
            assert_eq!(units[0].time_ns, Some(0));
        }
        // Of two that begin in a piece, the second has no time.
        assert_eq!(whole(1000).iter().map(|unit| unit.time_ns).collect::<Vec<_>>(), [Some(0), None, None]);
        // The rest of a picture that began before is no picture's beginning.
        let mut cutter = Pictures::new(CodecId::Mpeg12);
        let units = cutter.push(&[&head(3, &[7]), stream.as_slice()].concat(), Some(5), 0);
        assert_eq!((units[0].data.len(), units[0].time_ns), (whole(1000)[0].data.len(), Some(5)));
        let mut counted = Counted::default();
        let times: Vec<i64> = whole(1000).iter().map(|unit| counted.time(&unit.data, unit.time_ns).0).collect();
        // Their numbers are 2, 1 and 257.
        assert_eq!(times, [0, -NS / 25, 255 * NS / 25]);
    }
}
