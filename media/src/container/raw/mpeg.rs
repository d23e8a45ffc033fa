//! In which order the pictures of raw MPEG-1, MPEG-2 and MPEG-4 part 2 streams are shown, and for how long.

use super::Place;
use crate::video::bits::Bits;

/// Pictures per second by their code in a sequence header of MPEG-1 and MPEG-2.
const RATES: [(u64, u64); 8] =
    [(24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (60, 1)];

/// Counts the pictures of MPEG-1 and MPEG-2.
#[derive(Default)]
pub(super) struct Numbered {
    rate: Option<(u64, u64)>,
    /// Every picture of the sequence is a whole one.
    progressive: bool,
    /// The number of the last picture in its group, and whether a field of it is still to come.
    number: Option<i64>,
    half: bool,
}

impl Numbered {
    /// Pictures per second as a fraction, where the stream says so.
    pub(super) fn rate(&self) -> Option<(u64, u64)> {
        self.rate
    }

    /// Where a picture is shown. `None`: there is none.
    pub(super) fn place(&mut self, data: &[u8]) -> Option<Place> {
        let mut place = None::<Place>;
        let mut group = false;
        for (at, _) in data.windows(4).enumerate().filter(|(_, window)| window[..3] == [0, 0, 1]) {
            let mut bits = Bits::new(data.get(at + 4..)?);
            match data[at + 3] {
                0xb3 => {
                    bits.get(24)?;
                    bits.get(4)?;
                    self.rate = RATES.get((bits.get(4)? as usize).wrapping_sub(1)).copied().or(self.rate);
                    self.progressive = false;
                    if place.is_none() {
                        group = true;
                    }
                }
                0xb8 => group = true,
                0 => {
                    let number = i64::from(bits.get(10)?);
                    let sync = group && bits.get(3)? == 1;
                    // Without groups, the numbers begin anew after 1023.
                    let new = group || self.number.is_some_and(|last| number + 512 < last);
                    let second = self.half && self.number == Some(number) && !new;
                    (self.number, self.half) = (Some(number), false);
                    place = Some(Place { new, order: number, sync, second, hidden: false, fields: 2 });
                }
                0xb5 => match bits.get(4)? {
                    1 => {
                        bits.get(8)?;
                        self.progressive = bits.flag()?;
                    }
                    8 => {
                        bits.get(16)?;
                        bits.get(2)?;
                        let whole = bits.get(2)? == 3;
                        let upper = bits.flag()?;
                        bits.get(5)?;
                        let again = bits.flag()?;
                        let place = place.as_mut()?;
                        self.half = !whole && !place.second;
                        // A film on television shows a field of every other picture again; a whole sequence, pictures.
                        place.fields += match (again && whole, self.progressive, upper) {
                            (false, ..) => 0,
                            (true, false, _) => 1,
                            (true, true, false) => 2,
                            (true, true, true) => 4,
                        };
                    }
                    _ => {}
                },
                1..=0xaf => break,
                _ => {}
            }
        }
        place
    }
}

/// Pictures by whose times their rate is told.
const FIRST: usize = 64;

/// Counts the pictures of MPEG-4 part 2: one that refers to a later picture is shown at its own time, and any other when the next
/// such one comes.
#[derive(Default)]
pub(super) struct Typed {
    /// Parts of a second in which times are counted, and how many bits they take.
    parts: u64,
    bits: u32,
    /// The parts at which the first pictures are due.
    due: Vec<u64>,
    /// Whole seconds of the last two pictures that others refer to.
    seconds: [u64; 2],
    count: i64,
    /// Where the last picture that others refer to was decoded.
    last: i64,
}

impl Typed {
    /// Pictures per second as a fraction, by the times of the first pictures.
    pub(super) fn rate(&self) -> Option<(u64, u64)> {
        let mut due = self.due.clone();
        due.sort_unstable();
        let step = due.iter().zip(due.iter().skip(1)).map(|(a, b)| b - a).filter(|step| *step > 0).min()?;
        Some((self.parts, step))
    }

    /// Where a picture is shown. `None`: there is none.
    pub(super) fn place(&mut self, data: &[u8]) -> Option<Place> {
        for (at, _) in data.windows(4).enumerate().filter(|(_, window)| window[..3] == [0, 0, 1]) {
            let mut bits = Bits::new(data.get(at + 4..)?);
            match data[at + 3] {
                0x20..=0x2f => {
                    if let Some(parts) = parts(&mut bits) {
                        (self.parts, self.bits) = (parts, 64 - (parts.max(2) - 1).leading_zeros());
                    }
                }
                0xb6 => {
                    let kind = bits.get(2)?;
                    // Whole seconds that have passed: since the last one that others refer to, or since the one before that.
                    let mut seconds = self.seconds[usize::from(kind != 2)];
                    while bits.flag()? {
                        seconds += 1;
                    }
                    bits.flag()?;
                    if self.due.len() < FIRST {
                        self.due.push(seconds * self.parts + u64::from(bits.get(self.bits)?));
                    }
                    if kind != 2 {
                        self.seconds = [self.seconds[1], seconds];
                    }
                    self.count += 1;
                    // A picture between two others stands in front of the one that was decoded before it.
                    let order = if kind == 2 { 2 * self.last - 1 } else { 2 * self.count };
                    if kind != 2 {
                        self.last = self.count;
                    }
                    return Some(Place { new: false, order, sync: kind == 0, second: false, hidden: false, fields: 2 });
                }
                _ => {}
            }
        }
        None
    }
}

/// The parts of a second in which a layer of pictures counts its times.
fn parts(bits: &mut Bits<'_>) -> Option<u64> {
    bits.get(9)?;
    let mut version = 1;
    if bits.flag()? {
        version = bits.get(4)?;
        bits.get(3)?;
    }
    if bits.get(4)? == 15 {
        bits.get(16)?;
    }
    if bits.flag()? {
        bits.get(3)?;
        if bits.flag()? {
            for _ in 0..79 {
                bits.flag()?;
            }
        }
    }
    if bits.get(2)? == 3 && version != 1 {
        bits.get(4)?;
    }
    bits.flag()?;
    let parts = bits.get(16)?;
    (parts > 0).then_some(parts.into())
}
