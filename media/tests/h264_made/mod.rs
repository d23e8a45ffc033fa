//! Streams of H.264 made for their structure: what the standard allows and no encoder at hand writes. Their macroblocks are PCM,
//! skipped, or moved from a reference, their order, references and fields whatever [`Form`] allows, decided by a seed.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod bits;
mod blocks;
pub(crate) mod dress;
mod lists;
mod marks;
mod refs;
mod sets;
mod slice;

use refs::{Kept, Mark, Order, Refs, Seen};

use crate::video_support::Random;

/// Bits of a frame's number.
const NUMBER_BITS: u32 = 4;
/// Bits of the order count that are coded.
const ORDER_BITS: u32 = 6;

/// Which pictures are two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fields {
    /// None, and none may be.
    Never,
    /// None, but some might be.
    Possible,
    Sometimes,
    Always,
    /// Sometimes, and now and then a field lacks the other one.
    Lone,
}

/// How the order of showing is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Type 0: the low bits of it.
    Bits,
    /// Type 1: how far it is from what is expected.
    Expected,
    /// Type 1: it is what is expected.
    Cycle,
    /// Type 2: pictures are shown in the order of decoding.
    Decoded,
}

/// What the decoders here do not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rare {
    Nothing,
    /// Slices in parts, of which some may be lost.
    Partitions,
    /// Slices at which one stream can be left for another.
    Switching,
    /// Macroblocks in groups.
    Groups,
    /// The last slice of a picture comes first.
    Backwards,
    /// Pictures that others refer to are left out.
    Lost,
}

/// What a stream uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// Macroblocks across and down; down in twos.
    pub(crate) size: (u32, u32),
    pub(crate) profile: u8,
    pub(crate) chroma: u32,
    pub(crate) fields: Fields,
    /// Frames are coded in pairs of macroblocks, each a field or a frame.
    pub(crate) pairs: bool,
    pub(crate) count: Count,
    /// Frames that are kept.
    pub(crate) refs: u32,
    /// Orders about what is kept.
    pub(crate) orders: bool,
    /// The slices of a picture are of several kinds.
    pub(crate) mixed: bool,
    /// One field of a frame is forgotten.
    pub(crate) halves: bool,
    /// Lists of references are reordered.
    pub(crate) lists: bool,
    /// B pictures between two others at most.
    pub(crate) between: u32,
    /// The stream says how many pictures are reordered.
    pub(crate) told: bool,
    /// Numbers of frames are passed over.
    pub(crate) gaps: bool,
    pub(crate) slices: u32,
    /// Blocks without motion of their own take that of other pictures, in half of the slices.
    pub(crate) temporal: bool,
    /// Macroblocks are cut into smaller blocks, and motion is taken over for each of the smallest.
    pub(crate) parts: bool,
    /// Pictures have one of three parameter sets in turn: without weights, with weights by distance, with weights that are told.
    pub(crate) weights: bool,
    /// Those sets differ in the quantizer of colours, and slices of a picture have any of them.
    pub(crate) tints: bool,
    /// The second list of a second field may begin with the first field of its frame.
    pub(crate) own: bool,
    /// A second field may forget all others.
    pub(crate) forgetful: bool,
    /// The number of the sequence's parameter set.
    pub(crate) id: u32,
    /// Samples of 10 bits.
    pub(crate) deep: bool,
    pub(crate) rare: Rare,
    /// Every slice is there once more, in worse quality.
    pub(crate) redundant: bool,
    /// Pixels cut off left, right, top, bottom, in units of the standard.
    pub(crate) crop: [u32; 4],
    /// Units that mean nothing here stand between the others.
    pub(crate) litter: bool,
    pub(crate) pictures: u32,
}

/// Steps of the cycle of [`Count::Cycle`], and what is added for pictures that no other refers to and for the lower field.
const CYCLE: [i32; 2] = [4, 6];
const OTHERS: i32 = 2;
const LOWER: i32 = 1;

/// A frame, or one of its fields, about to be written.
#[derive(Debug, Clone, Copy)]
struct Shot {
    idr: bool,
    reference: bool,
    /// 0 P, 1 B, 2 I.
    kind: u32,
    field: Option<bool>,
    second: bool,
    number: u32,
    /// When the upper and the lower field are shown.
    shown: [i32; 2],
}

/// Orders about what is kept, and the number that this picture is kept for long under.
type Marked = (Option<Vec<Order>>, Option<u32>);

/// A stream in the making.
pub(crate) struct Maker {
    form: Form,
    random: Random,
    out: Vec<u8>,
    refs: Refs,
    /// The number of the last frame that others refer to.
    number: u32,
    /// Numbers that a picture may be kept for long under.
    limit: u32,
    /// When the next picture is shown.
    next: i32,
    idrs: u32,
    /// Of the last picture: its number, and what numbers that began anew add.
    last: (u32, u32),
    /// Whether the last picture was one that others refer to.
    kept: bool,
    /// Where the frame that is half there is among what is kept.
    half: Option<usize>,
    /// The frames that the slices of this picture refer to, a bit for each.
    needs: u128,
    made: u32,
}

/// A stream of `form`.
pub(crate) fn stream(form: Form, seed: u64) -> Vec<u8> {
    let mut maker = Maker::new(form, seed);
    maker.parameters();
    while maker.made < form.pictures {
        maker.group();
    }
    maker.out
}

impl Maker {
    pub(crate) fn new(form: Form, seed: u64) -> Self {
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self {
            form,
            random,
            out: Vec::new(),
            refs: Refs::default(),
            number: 0,
            limit: 0,
            next: 0,
            idrs: 0,
            last: (0, 0),
            kept: true,
            half: None,
            needs: 0,
            made: 0,
        }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.random.below(count) == 0
    }

    /// A picture, and the B pictures that are shown before it.
    fn group(&mut self) {
        // A number of which one frame is kept must not come again.
        let numbers = 1 << NUMBER_BITS;
        let age = |kept: &Kept| {
            if kept.marks.contains(&Mark::Short) { (self.number + numbers - kept.number) % numbers } else { 0 }
        };
        let idr = self.made == 0 || self.refs.0.iter().any(|kept| age(kept) > 10) || self.one_in(12);
        if idr && self.made > 0 && self.one_in(2) {
            self.parameters();
        }
        let between =
            if idr || self.names_frames() < 1 { 0 } else { self.random.below(u64::from(self.form.between) + 1) };
        let anchor = self.next + between as i32;
        // In the order of decoding alone, no two pictures without use to others follow each other.
        let free = !matches!(self.form.count, Count::Decoded | Count::Cycle) || self.kept;
        let disposable = !idr && between == 0 && free && self.one_in(5);
        if idr {
            self.next = 0;
        }
        let kind = if idr || self.one_in(9) || self.form.refs == 0 { 2 } else { 0 };
        self.picture(idr, !disposable, kind, if idr { 0 } else { anchor });
        for before in (1..=between as i32).rev() {
            let reference = self.one_in(3);
            self.picture(false, reference, 1, anchor - before);
        }
    }

    /// Frames that a B picture could refer to.
    fn names_frames(&self) -> usize {
        self.refs.0.iter().filter(|kept| !kept.absent && kept.marks.iter().all(|mark| *mark != Mark::Not)).count()
    }

    /// A frame, or two fields, or one.
    fn picture(&mut self, idr: bool, reference: bool, kind: u32, at: i32) {
        let numbers = 1 << NUMBER_BITS;
        let mut number = if idr { 0 } else { (self.number + u32::from(self.made > 0)) % numbers };
        if !idr && self.form.gaps && self.one_in(4) {
            let passed = 1 + self.random.below(3) as u32;
            for _ in 0..passed {
                let seen = Seen { number, field: None, numbers };
                self.refs.slide(seen, self.form.refs as usize);
                self.refs.0.push(Kept { number, marks: [Mark::Short; 2], long: 0, absent: true, made: 127, needs: 0 });
                number = (number + 1) % numbers;
            }
        }
        let fields = match self.form.fields {
            Fields::Never | Fields::Possible => false,
            Fields::Always => true,
            Fields::Sometimes | Fields::Lone => self.one_in(2),
        };
        let timed = matches!(self.form.count, Count::Bits | Count::Expected);
        let turned = fields && !idr && timed && self.one_in(3);
        let shown = if turned { [2 * at + 1, 2 * at] } else { [2 * at, 2 * at + 1] };
        let shot = Shot { idr, reference, kind, field: None, second: false, number, shown };
        // What no other refers to would be taken for the other half of the next picture.
        let lone = self.form.fields == Fields::Lone && !idr && reference && self.one_in(4);
        let field = fields.then_some(turned);
        let (reference, forgot) = self.shot(Shot { field, ..shot });
        if fields && (!lone || forgot) {
            let base = if forgot { shown[usize::from(turned)] } else { 0 };
            let shown = shown.map(|at| at - base);
            let number = if forgot { 0 } else { number };
            let kind = if kind == 2 && self.form.refs > 0 && self.one_in(2) && reference { 0 } else { kind };
            let second = Shot { idr: false, reference, field: Some(!turned), second: true, kind, shown, number };
            self.shot(second);
        }
        self.half = None;
        self.kept = reference;
        self.made += 1;
        self.next = if forgot { 1 } else { self.next.max(at + 1) };
    }

    /// Writes a picture and keeps it. Whether others may refer to it, and whether it forgot all others.
    fn shot(&mut self, mut shot: Shot) -> (bool, bool) {
        let numbers = 1 << NUMBER_BITS;
        let seen = Seen { number: shot.number, field: shot.field, numbers };
        if shot.idr {
            self.refs.0.clear();
        }
        let names = self.refs.names(seen);
        if names.is_empty() {
            shot.kind = 2;
        }
        if shot.kind == 1 && shot.second && !self.form.own && self.others(&shot, &names).is_empty() {
            shot.kind = 0;
        }
        let before = self.refs.clone();
        let marked = if shot.reference { self.mark(&shot, seen) } else { None };
        // Where nothing can make place, this one is not kept.
        shot.reference = marked.is_some();
        let (orders, long) = marked.unwrap_or_default();
        let after = std::mem::replace(&mut self.refs, before);
        self.needs = 0;
        self.write(&shot, &names, orders.as_deref(), long.is_some());
        self.refs = after;
        let forgets = orders.iter().flatten().any(|order| matches!(order, Order::ForgetAll));
        if shot.reference {
            self.keep(&shot, long, forgets);
            self.number = if forgets { 0 } else { shot.number };
        }
        let offset = match shot.number {
            _ if shot.idr => 0,
            number if number < self.last.0 => self.last.1 + numbers,
            _ => self.last.1,
        };
        self.last = if forgets { (0, 0) } else { (shot.number, offset) };
        (shot.reference, forgets)
    }
}
