//! In which order the pictures of a raw H.264 stream are shown: the picture order count of the standard, section 8.2.1, which the
//! heads of slices tell.

use super::Place;
use crate::video::nal::{Framing, split};
use crate::video::slice::{Pps, Sets, Slice};
use crate::video::sps::Sps;

/// Counts the pictures of a stream.
#[derive(Default)]
pub(super) struct Order {
    sets: Sets,
    /// Of the last picture that others refer to: the two parts of its count.
    msb: i64,
    lsb: i64,
    /// Of the last picture: its number, what numbers that began anew add to it, and whether it forgot all references.
    number: u32,
    offset: i64,
    forgot: bool,
    /// A field that waits for the other one: its number, whether it is the lower one, and whether others may refer to it.
    half: Option<(u32, bool, bool)>,
}

impl Order {
    /// Pictures per second as a fraction, where the stream says so.
    pub(super) fn rate(&self) -> Option<(u64, u64)> {
        self.sets.sequence().and_then(|sps| sps.rate)
    }

    /// How many pictures at most are decoded before one that is shown before them, where the stream says so.
    pub(super) fn reordered(&self) -> Option<u32> {
        self.sets.sequence().and_then(|sps| sps.reordered)
    }

    /// Where a picture is shown. `None`: it has no slice that can be read.
    pub(super) fn place(&mut self, data: &[u8]) -> Option<Place> {
        let mut begins = false;
        for nal in split(data, Framing::AnnexB).flatten() {
            match nal[0] & 0x1f {
                7 => {
                    Sps::parse(nal).map(|sps| self.sets.take_sequence(sps));
                    begins = true;
                }
                8 => {
                    Pps::parse(nal).map(|pps| self.sets.take_picture(pps));
                }
                1 | 5 => {
                    let slice = self.sets.slice(nal)?;
                    return Some(self.count(&slice, begins));
                }
                _ => {}
            }
        }
        None
    }

    fn count(&mut self, slice: &Slice, begins: bool) -> Place {
        let number = if slice.forgets { 0 } else { slice.number };
        let half = |lower: bool| (number, lower, slice.reference);
        let second = !(slice.idr || slice.forgets) && slice.field.is_some_and(|lower| self.half == Some(half(!lower)));
        self.half = slice.field.filter(|_| !second).map(half);
        let sps = self.sets.sequence();
        let (top, bottom) = match sps.map_or(2, |sps| sps.order) {
            0 => self.by_lsb(slice),
            order => self.by_number(slice, order),
        };
        let count = match slice.field {
            None => top.min(bottom),
            Some(false) => top,
            Some(true) => bottom,
        };
        if slice.reference {
            // What forgets all references has the count 0 from then on.
            let left = if slice.field == Some(true) { 0 } else { top - count };
            (self.msb, self.lsb) = if slice.forgets { (0, left) } else { (self.msb, slice.lsb) };
        }
        self.number = number;
        self.forgot = slice.forgets;
        let new = slice.idr || slice.forgets;
        Place {
            new,
            order: if slice.forgets { 0 } else { count },
            sync: slice.idr || begins,
            second,
            hidden: false,
            fields: 2,
        }
    }

    /// Type 0: the lower bits are coded.
    fn by_lsb(&mut self, slice: &Slice) -> (i64, i64) {
        if slice.idr {
            (self.msb, self.lsb) = (0, 0);
        }
        let most = 1i64 << self.sets.sequence().map_or(4, |sps| sps.order_bits);
        let mut msb = self.msb;
        if slice.lsb < self.lsb && self.lsb - slice.lsb >= most / 2 {
            msb += most;
        } else if slice.lsb > self.lsb && slice.lsb - self.lsb > most / 2 {
            msb -= most;
        }
        if slice.reference {
            self.msb = msb;
        }
        (msb + slice.lsb, msb + slice.lsb + slice.delta[0])
    }

    /// Types 1 and 2: the count follows from the number of the frame.
    fn by_number(&mut self, slice: &Slice, order: u32) -> (i64, i64) {
        let Some(sps) = self.sets.sequence() else { return (0, 0) };
        let before = if self.forgot { 0 } else { self.offset };
        self.offset = match slice.number {
            _ if slice.idr => 0,
            number if self.number > number && !self.forgot => before + (1i64 << sps.number_bits),
            _ => before,
        };
        let number = self.offset + i64::from(slice.number);
        if order == 2 {
            let count = if slice.idr { 0 } else { 2 * number - i64::from(!slice.reference) };
            return (count, count);
        }
        let cycle = sps.cycle.len() as i64;
        let number = if cycle == 0 { 0 } else { number - i64::from(!slice.reference && number > 0) };
        let mut expected = 0;
        if number > 0 {
            let whole: i64 = sps.cycle.iter().map(|&step| i64::from(step)).sum();
            let (cycles, rest) = ((number - 1) / cycle, (number - 1) % cycle);
            let rest: i64 = sps.cycle.iter().take(rest as usize + 1).map(|&step| i64::from(step)).sum();
            expected = cycles.saturating_mul(whole).saturating_add(rest);
        }
        if !slice.reference {
            expected = expected.saturating_add(sps.others.into());
        }
        let first = expected.saturating_add(slice.delta[0]);
        let lower = first.saturating_add(sps.lower.into());
        if slice.field.is_none() { (first, lower.saturating_add(slice.delta[1])) } else { (first, lower) }
    }
}
