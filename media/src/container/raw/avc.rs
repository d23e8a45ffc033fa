//! In which order the pictures of a raw H.264 stream are shown.

use super::Place;
use crate::video::count::Counter;
use crate::video::nal::{Framing, split};
use crate::video::slice::{Pps, Sets, Slice};
use crate::video::sps::Sps;

/// Counts the pictures of a stream.
#[derive(Default)]
pub(super) struct Order {
    sets: Sets,
    counter: Counter,
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
        let count = self.counter.count(slice, self.sets.sequence());
        let new = slice.idr || slice.forgets;
        Place { new, order: count, sync: slice.idr || begins, second, hidden: false, fields: 2 }
    }
}
