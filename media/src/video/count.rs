//! The picture order count of H.264, section 8.2.1 of the standard, which the heads of slices tell.

use super::slice::Slice;
use super::sps::Sps;

/// Counts the pictures of a stream.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    /// Of the last picture that others refer to: the two parts of its count.
    msb: i64,
    lsb: i64,
    /// Of the last picture: its number, what numbers that began anew add to it, and whether it forgot all references.
    number: u32,
    offset: i64,
    forgot: bool,
}

impl Counter {
    /// The count of the picture that `slice` begins: since the last one that forgot all references, which itself has the count 0.
    pub(crate) fn count(&mut self, slice: &Slice, sps: Option<&Sps>) -> i64 {
        let (top, bottom) = match sps {
            Some(sps) if sps.order != 0 => self.by_number(slice, sps),
            Some(sps) => self.by_lsb(slice, sps),
            None => (0, 0),
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
        self.number = if slice.forgets { 0 } else { slice.number };
        self.forgot = slice.forgets;
        if slice.forgets { 0 } else { count }
    }

    /// Type 0: the lower bits are coded.
    fn by_lsb(&mut self, slice: &Slice, sps: &Sps) -> (i64, i64) {
        if slice.idr {
            (self.msb, self.lsb) = (0, 0);
        }
        let most = 1i64 << sps.order_bits;
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
    fn by_number(&mut self, slice: &Slice, sps: &Sps) -> (i64, i64) {
        let before = if self.forgot { 0 } else { self.offset };
        self.offset = match slice.number {
            _ if slice.idr => 0,
            number if self.number > number && !self.forgot => before + (1i64 << sps.number_bits),
            _ => before,
        };
        let number = self.offset + i64::from(slice.number);
        if sps.order == 2 {
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
