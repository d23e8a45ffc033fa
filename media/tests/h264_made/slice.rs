//! Writes the slices of one picture.

use super::bits::Bits;
use super::lists::Lists;
use super::refs::{Name, Order, Seen};
use super::sets::SETS;
use super::{CYCLE, Count, Fields, LOWER, Maker, NUMBER_BITS, ORDER_BITS, OTHERS, Rare, Shot};

impl Maker {
    pub(super) fn write(&mut self, shot: &Shot, names: &[Name], orders: Option<&[Order]>, long: bool) {
        let form = self.form;
        let pairs = form.pairs && shot.field.is_none();
        let blocks = form.size.0 * form.size.1 / if shot.field.is_some() || pairs { 2 } else { 1 };
        self.idrs += u32::from(shot.idr);
        self.litter(9, &[0xf0]);
        self.litter(6, &[5, 17, 0, 0, 1, 1, 2, 3, 0, 0, 0, 4, 5, 6, 7, 8, 9, 10, 11]);
        let mut cuts: Vec<u32> =
            (1..form.slices).map(|_| 1 + self.random.below(u64::from(blocks) - 1) as u32).collect();
        cuts.extend([0, blocks]);
        cuts.sort_unstable();
        cuts.dedup();
        let order = self.order(shot);
        let begins = self.out.len();
        for redundant in 0..=u32::from(form.redundant) {
            for range in cuts.windows(2) {
                let kind =
                    if shot.kind != 2 && (form.mixed || form.between == 0) && self.one_in(6) { 2 } else { shot.kind };
                let lists = self.lists(shot, names, kind);
                self.need(shot, &lists);
                let mut bits = Bits::default();
                let set = if form.tints { self.random.below(SETS.into()) as u32 } else { self.made % self.sets() };
                self.head(&mut bits, shot, (range[0], kind, redundant, set), order, &lists, (orders, long));
                self.blocks(&mut bits, (range[0], range[1]), kind, pairs, lists.lengths);
                let reference = if shot.reference { 1 + self.random.below(3) as u8 } else { 0 };
                let unit = match (shot.idr, form.rare) {
                    (true, _) => 5,
                    (false, Rare::Partitions) => 2,
                    _ => 1,
                };
                let at = if form.rare == Rare::Backwards { begins } else { self.out.len() };
                self.out.splice(at..at, bits.nal(reference, unit));
            }
        }
        if form.rare == Rare::Lost && shot.reference && !shot.idr && self.one_in(4) {
            self.out.truncate(begins);
        }
        self.litter(12, &[255; 9]);
    }

    /// A unit that changes nothing, or zeros.
    fn litter(&mut self, kind: u8, body: &[u8]) {
        if self.form.litter && !self.one_in(3) {
            let kinds = [kind, kind, 24, 31];
            // What is not specified comes behind a picture alone.
            let at = if kind == 12 { self.random.below(4) as usize } else { 0 };
            let mut bits = Bits::default();
            bits.aligned(body.iter().copied());
            self.out.extend(bits.nal(0, kinds[at]));
        }
        if self.form.litter && self.one_in(3) {
            self.out.extend([0; 5]);
        }
    }

    /// What of the order of showing is coded: the low bits, or two differences.
    fn order(&self, shot: &Shot) -> (u32, [i32; 2]) {
        let [top, bottom] = shot.shown;
        let own = if shot.field == Some(true) { bottom } else { top };
        match self.form.count {
            Count::Bits => (own.rem_euclid(1 << ORDER_BITS) as u32, [bottom - top, 0]),
            Count::Expected => {
                let expected = self.expected(shot);
                let lower = if shot.field == Some(true) { LOWER } else { 0 };
                (0, [own - expected - lower, bottom - top - LOWER])
            }
            Count::Cycle | Count::Decoded => (0, [0, 0]),
        }
    }

    /// Section 8.2.1.2.
    fn expected(&self, shot: &Shot) -> i32 {
        let offset = match shot.number {
            _ if shot.idr => 0,
            number if number < self.last.0 => self.last.1 + (1 << NUMBER_BITS),
            _ => self.last.1,
        };
        let mut number = (offset + shot.number) as i32;
        if !shot.reference && number > 0 {
            number -= 1;
        }
        let steps: i32 = (0..number).map(|n| CYCLE[n as usize % CYCLE.len()]).sum();
        steps + if shot.reference { 0 } else { OTHERS }
    }

    fn head(
        &mut self,
        bits: &mut Bits,
        shot: &Shot,
        (first, kind, redundant, set): (u32, u32, u32, u32),
        (low, differences): (u32, [i32; 2]),
        lists: &Lists,
        (orders, long): (Option<&[Order]>, bool),
    ) {
        let form = self.form;
        bits.ue(first);
        bits.ue(if form.rare == Rare::Switching && kind == 0 { 3 } else { kind });
        bits.ue(SETS * form.id + set);
        bits.put(NUMBER_BITS, shot.number);
        if form.fields != Fields::Never || form.pairs {
            bits.flag(shot.field.is_some());
            if let Some(lower) = shot.field {
                bits.flag(lower);
            }
        }
        if shot.idr {
            bits.ue(self.idrs % 7);
        }
        match form.count {
            Count::Bits => {
                bits.put(ORDER_BITS, low);
                if shot.field.is_none() {
                    bits.se(differences[0]);
                }
            }
            Count::Expected => {
                bits.se(differences[0]);
                if shot.field.is_none() {
                    bits.se(differences[1]);
                }
            }
            Count::Cycle | Count::Decoded => {}
        }
        if form.redundant {
            bits.ue(redundant);
        }
        if kind == 1 {
            bits.flag(!lists.temporal);
        }
        if kind != 2 {
            bits.flag(true);
            bits.ue(lists.lengths[0] - 1);
            if kind == 1 {
                bits.ue(lists.lengths[1] - 1);
            }
            let seen = Seen { number: shot.number, field: shot.field, numbers: 1 << NUMBER_BITS };
            for wanted in &lists.wanted[..1 + kind as usize] {
                reorder(bits, wanted, seen);
            }
            if set == 2 {
                self.weights(bits, lists.lengths.iter().sum());
            }
        }
        if shot.reference {
            if shot.idr {
                bits.flag(false);
                bits.flag(long);
            } else {
                bits.flag(orders.is_some());
                orders.iter().for_each(|orders| write_orders(bits, orders));
            }
        }
        bits.se(self.random.below(12) as i32);
        // The filter between macroblocks: on, off, or within slices. At 10 bits FFmpeg takes the quantizer of PCM for -12, which is 0.
        let filter = if form.deep { 1 } else { self.random.below(3) as u32 };
        bits.ue(filter);
        if filter != 1 {
            bits.se(self.random.below(5) as i32 - 2);
            bits.se(self.random.below(5) as i32 - 2);
        }
    }

    /// Weights and offsets for so many references, near to none.
    fn weights(&mut self, bits: &mut Bits, count: u32) {
        let chroma = self.form.chroma > 0;
        let (luma_bits, chroma_bits) = (5 + self.random.below(2) as u32, 5 + self.random.below(2) as u32);
        bits.ue(luma_bits);
        if chroma {
            bits.ue(chroma_bits);
        }
        for _ in 0..count {
            for (planes, denominator) in [(1, luma_bits), (2, chroma_bits)].into_iter().take(1 + usize::from(chroma)) {
                let told = self.one_in(2);
                bits.flag(told);
                for _ in 0..if told { planes } else { 0 } {
                    bits.se((1 << denominator) + self.random.below(7) as i32 - 3);
                    bits.se(self.random.below(9) as i32 - 4);
                }
            }
        }
    }
}

/// Has a list begin with `wanted`.
fn reorder(bits: &mut Bits, wanted: &[Name], seen: Seen) {
    bits.flag(!wanted.is_empty());
    if wanted.is_empty() {
        return;
    }
    let mut before = seen.own();
    let most = if seen.field.is_some() { 2 * seen.numbers } else { seen.numbers } as i32;
    for name in wanted {
        match *name {
            Name::Short(number) => {
                // A difference of nothing is one of all numbers.
                let step = number - before;
                bits.ue(u32::from(step > 0));
                bits.ue(if step == 0 { most as u32 } else { step.unsigned_abs() } - 1);
                before = number;
            }
            Name::Long(number) => {
                bits.ue(2);
                bits.ue(number);
            }
        }
    }
    bits.ue(3);
}

fn write_orders(bits: &mut Bits, orders: &[Order]) {
    for order in orders {
        match *order {
            Order::ForgetShort(before) => [1, before].map(|code| bits.ue(code)),
            Order::ForgetLong(number) => [2, number].map(|code| bits.ue(code)),
            Order::KeepLong(before, long) => {
                [3, before, long].map(|code| bits.ue(code)).first_chunk().copied().unwrap_or([(); 2])
            }
            Order::Limit(limit) => [4, limit].map(|code| bits.ue(code)),
            Order::ForgetAll => [bits.ue(5), ()],
            Order::KeepThis(long) => [6, long].map(|code| bits.ue(code)),
        };
    }
    bits.ue(0);
}
