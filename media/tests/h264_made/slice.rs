//! Writes the slices of one picture.

use super::bits::Bits;
use super::refs::{Mark, Name, Order, Seen};
use super::{CYCLE, Count, Fields, LOWER, Maker, NUMBER_BITS, ORDER_BITS, OTHERS, Shot};

/// Which references a slice's lists begin with.
struct Lists {
    lengths: [u32; 2],
    wanted: [Vec<Name>; 2],
}

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
        for redundant in 0..=u32::from(form.redundant) {
            for range in cuts.windows(2) {
                let kind =
                    if shot.kind != 2 && (form.mixed || form.between == 0) && self.one_in(6) { 2 } else { shot.kind };
                let lists = self.lists(shot, names, kind);
                let mut bits = Bits::default();
                self.head(&mut bits, shot, (range[0], kind, redundant), order, &lists, (orders, long));
                self.blocks(&mut bits, (range[0], range[1]), kind, pairs, lists.lengths);
                let reference = if shot.reference { 1 + self.random.below(3) as u8 } else { 0 };
                self.out.extend(bits.nal(reference, if shot.idr { 5 } else { 1 }));
            }
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

    fn lists(&mut self, shot: &Shot, names: &[Name], kind: u32) -> Lists {
        let mut lists = Lists { lengths: [0; 2], wanted: [Vec::new(), Vec::new()] };
        for list in 0..match kind {
            0 => 1,
            1 => 2,
            _ => 0,
        } {
            let length = 1 + self.random.below(names.len().min(if shot.field.is_some() { 32 } else { 16 }) as u64);
            lists.lengths[list] = length as u32;
            // FFmpeg takes frames that are absent, or half there, into its lists.
            let half = shot.field.is_none() && self.refs.0.iter().any(|kept| kept.marks.contains(&Mark::Not));
            let said = match (self.form.gaps || half, self.form.lists && !self.one_in(3)) {
                (true, _) => length,
                // The first field of the same frame must not become what direct prediction follows.
                (false, true) if !(list == 1 && shot.second) => 1 + self.random.below(length),
                _ => 0,
            };
            lists.wanted[list] = (0..said).map(|_| names[self.random.below(names.len() as u64) as usize]).collect();
        }
        lists
    }

    fn head(
        &mut self,
        bits: &mut Bits,
        shot: &Shot,
        (first, kind, redundant): (u32, u32, u32),
        (low, differences): (u32, [i32; 2]),
        lists: &Lists,
        (orders, long): (Option<&[Order]>, bool),
    ) {
        let form = self.form;
        bits.ue(first);
        bits.ue(kind);
        // The second parameter set's weights follow from the distances of what is referred to.
        bits.ue(self.made % 2);
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
            bits.flag(true);
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
        // The filter between macroblocks: on, off, or within slices.
        let filter = self.random.below(3) as u32;
        bits.ue(filter);
        if filter != 1 {
            bits.se(self.random.below(5) as i32 - 2);
            bits.se(self.random.below(5) as i32 - 2);
        }
    }

    fn blocks(&mut self, bits: &mut Bits, (from, to): (u32, u32), kind: u32, pairs: bool, lengths: [u32; 2]) {
        let each = if pairs { 2 } else { 1 };
        let mut skipped = 0;
        for _ in from..to {
            let (field, mut said) = (pairs && self.one_in(2), false);
            for _ in 0..each {
                if kind != 2 {
                    if self.one_in(3) {
                        skipped += 1;
                        continue;
                    }
                    bits.ue(std::mem::take(&mut skipped));
                }
                if pairs && !std::mem::replace(&mut said, true) {
                    bits.flag(field);
                }
                self.block(bits, kind, lengths.map(|length| if field { 2 * length } else { length }));
            }
        }
        if skipped > 0 {
            bits.ue(skipped);
        }
    }

    fn block(&mut self, bits: &mut Bits, kind: u32, lengths: [u32; 2]) {
        if kind == 2 || self.one_in(5) {
            bits.ue(match kind {
                0 => 30,
                1 => 48,
                _ => 25,
            });
            let samples = 256 + [0, 128, 256][self.form.chroma as usize];
            // Near enough to each other that weights never make zeros of them, which look like what is missing.
            let base = 90 + self.random.below(64) as u8;
            let samples: Vec<u8> = (0..samples).map(|_| base + self.random.below(16) as u8).collect();
            return bits.aligned(samples);
        }
        let way = if kind == 1 { self.random.below(4) as u32 } else { 0 };
        bits.ue(way);
        let used = match (kind, way) {
            (0, _) | (_, 1) => [true, false],
            (_, 2) => [false, true],
            (_, 3) => [true, true],
            _ => [false, false],
        };
        for list in (0..2).filter(|&list| used[list]) {
            bits.te(lengths[list] - 1, self.random.below(lengths[list].into()) as u32);
        }
        for _ in used.iter().filter(|used| **used) {
            bits.se(self.random.below(17) as i32 - 8);
            bits.se(self.random.below(17) as i32 - 8);
        }
        bits.ue(0);
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
