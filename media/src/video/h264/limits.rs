//! What the careful decoder is known to decode wrongly without a word, found by streams made for it (`tests/video_made.rs`). It is
//! refused.

use std::collections::VecDeque;

use super::super::slice::Slice;

/// Pictures that others may refer to: 16 frames, or their fields.
const KEPT: usize = 32;

/// What is said of a field that lacks the other one.
const ALONE: &str = "a field without the other one";

/// A picture that others may refer to.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    number: u32,
    /// It is a frame, not a field.
    whole: bool,
    /// It has slices that refer to others, and its last one does not.
    mixed: bool,
}

/// The pictures of a stream so far.
#[derive(Debug, Default)]
pub(super) struct Limits {
    kept: VecDeque<Kept>,
    /// The picture whose slices come.
    now: Kept,
    inter: bool,
    reference: bool,
    forgets: bool,
    /// What the first slice of the picture adds to the quantizers of colours.
    tints: [i32; 2],
    /// Numbers of frames were passed over.
    gap: bool,
    /// A frame may be kept for long.
    long: bool,
    /// A field that waits for the other one: its frame's number, whether it is the lower one, and whether others may refer to it.
    half: Option<(u32, bool, bool)>,
}

impl Limits {
    /// Takes the head of a slice; `gap`: numbers are passed over in front of it. What it makes the decoder do that it does not do right, by name.
    pub(super) fn take(&mut self, slice: &Slice, gap: bool) -> Option<&'static str> {
        if slice.block == 0 && self.begin(slice) {
            return Some(ALONE);
        }
        self.gap |= gap;
        if slice.kind % 5 == 1 && slice.field.is_some() && self.gap {
            return Some("B fields beside frames left out");
        }
        // The filter between macroblocks takes the first slice's for all.
        if slice.tints != self.tints {
            return Some("slices of one picture with several quantizers of colours");
        }
        let intra = matches!(slice.kind % 5, 2);
        self.inter |= !intra;
        self.now.mixed = self.inter && intra;
        let whole = |number: u32| self.kept.iter().rfind(|kept| kept.number == number).is_some_and(|kept| kept.whole);
        // A picture counts as one without motion if its last slice does.
        if slice.kind % 5 == 1 && self.kept.iter().any(|kept| kept.mixed) {
            return Some("B pictures beside pictures of several kinds of slices");
        }
        // A frame that is kept for long counts as any other where B fields refer to it.
        if slice.kind % 5 == 1 && slice.field.is_some() && self.long {
            return Some("B fields beside frames kept for long");
        }
        // It forgets both fields.
        let half = slice.halves.iter().any(|&number| whole(number));
        if half || slice.long_halves && self.kept.iter().any(|kept| kept.whole) {
            return Some("one field of a frame kept");
        }
        None
    }

    /// At the end of the stream, as [`Self::take`].
    pub(super) fn end(&mut self) -> Option<&'static str> {
        self.half.take().map(|_| ALONE)
    }

    /// Begins a picture. Whether the field before it stays alone, which the decoder would pair with any other.
    fn begin(&mut self, slice: &Slice) -> bool {
        if self.forgets || slice.idr {
            self.kept.clear();
            (self.long, self.gap) = (false, false);
        }
        if self.reference && !slice.idr {
            self.kept.push_back(self.now);
        }
        self.long |= slice.keeps && (slice.field.is_none() || self.kept.iter().any(|kept| kept.whole));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        let number = if slice.forgets { 0 } else { slice.number };
        self.now = Kept { number, whole: slice.field.is_none(), mixed: false };
        (self.inter, self.reference, self.forgets) = (false, slice.reference, slice.forgets);
        self.tints = slice.tints;
        let own = slice.field.map(|lower| (number, lower, slice.reference));
        let wanted = self.half.take().map(|(number, lower, reference)| (number, !lower, reference));
        let second = wanted.is_some() && own == wanted && !(slice.idr || slice.forgets);
        self.half = own.filter(|_| !second);
        wanted.is_some() && !second
    }
}
