//! The pictures that others may refer to, as a decoder of H.264 has to keep them: sections 8.2.4 and 8.2.5 of the standard.

/// How a field is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Not,
    Short,
    Long,
}

/// A frame of which at least a field is kept: the upper one is the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) number: u32,
    pub(crate) marks: [Mark; 2],
    pub(crate) long: u32,
    /// A frame that was never there, whose number was passed over.
    pub(crate) absent: bool,
    /// How many pictures were made before it, and which of them it refers to, a bit for each.
    pub(crate) made: u32,
    pub(crate) needs: u128,
}

impl Kept {
    fn any(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    fn whole(&self, mark: Mark) -> bool {
        self.marks == [mark; 2]
    }
}

/// What decides the numbers of pictures: the current one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) number: u32,
    /// Of a field, whether it is the lower one.
    pub(crate) field: Option<bool>,
    /// One more than the highest number of a frame.
    pub(crate) numbers: u32,
}

/// How a picture is named: by its number among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Short(i32),
    Long(u32),
}

/// An order to the decoder about what it keeps, with its numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// 1: forgets a picture, so much before the current one's number.
    ForgetShort(u32),
    /// 2: forgets one that is kept for long.
    ForgetLong(u32),
    /// 3: keeps a picture for long, under a number.
    KeepLong(u32, u32),
    /// 4: one more than the highest of these numbers.
    Limit(u32),
    /// 5: forgets all.
    ForgetAll,
    /// 6: keeps the current picture for long.
    KeepThis(u32),
}

impl Seen {
    /// The current picture's own number.
    pub(crate) fn own(self) -> i32 {
        if self.field.is_some() { 2 * self.number as i32 + 1 } else { self.number as i32 }
    }

    fn wrapped(self, kept: &Kept) -> i32 {
        kept.number as i32 - if kept.number > self.number { self.numbers as i32 } else { 0 }
    }

    fn name(self, kept: &Kept, lower: bool) -> Option<Name> {
        let own = |whole: i32| self.field.map_or(whole, |field| 2 * whole + i32::from(field == lower));
        match kept.marks[usize::from(lower)] {
            Mark::Short => Some(Name::Short(own(self.wrapped(kept)))),
            Mark::Long => Some(Name::Long(own(kept.long as i32) as u32)),
            Mark::Not => None,
        }
    }
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refs(pub(crate) Vec<Kept>);

impl Refs {
    /// What a picture may refer to, by name.
    pub(crate) fn names(&self, seen: Seen) -> Vec<Name> {
        let mut names = Vec::new();
        for kept in self.0.iter().filter(|kept| !kept.absent) {
            if seen.field.is_some() {
                names.extend([false, true].into_iter().filter_map(|lower| seen.name(kept, lower)));
            } else if kept.whole(Mark::Short) || kept.whole(Mark::Long) {
                names.extend(seen.name(kept, false));
            }
        }
        names
    }

    /// The frame that a name is of.
    pub(crate) fn of(&self, seen: Seen, name: Name) -> Option<&Kept> {
        self.0
            .iter()
            .find(|kept| !kept.absent && [false, true].into_iter().any(|lower| seen.name(kept, lower) == Some(name)))
    }

    /// The frames that are kept whole, a bit for each.
    pub(crate) fn there(&self) -> u128 {
        let whole = self.0.iter().filter(|kept| !kept.absent && !kept.any(Mark::Not));
        whole.fold(0, |all, kept| all | 1 << kept.made)
    }

    /// The orders by which a frame is forgotten, or `fields` of it.
    pub(crate) fn forget(&mut self, seen: Seen, at: usize, fields: [bool; 2]) -> Vec<Order> {
        let mut orders = Vec::new();
        let kept = &mut self.0[at];
        let before = *kept;
        for lower in [false, true] {
            if !fields[usize::from(lower)] {
                continue;
            }
            match seen.name(&before, lower) {
                Some(Name::Short(number)) => orders.push(Order::ForgetShort((seen.own() - number - 1) as u32)),
                Some(Name::Long(number)) => orders.push(Order::ForgetLong(number)),
                None => continue,
            }
            kept.marks[usize::from(lower)] = Mark::Not;
        }
        if seen.field.is_none() {
            orders.truncate(1);
            kept.marks = [Mark::Not; 2];
        }
        self.0.retain(|kept| !kept.whole(Mark::Not));
        orders
    }

    /// The orders by which a frame is kept for long under `long`, which nothing else has.
    pub(crate) fn keep(&mut self, seen: Seen, at: usize, long: u32) -> Vec<Order> {
        let kept = &mut self.0[at];
        let mut orders = Vec::new();
        for lower in [false, true] {
            if let Some(Name::Short(number)) = seen.name(kept, lower) {
                orders.push(Order::KeepLong((seen.own() - number - 1) as u32, long));
            }
        }
        for mark in kept.marks.iter_mut().filter(|mark| **mark == Mark::Short) {
            *mark = Mark::Long;
        }
        kept.long = long;
        orders.truncate(if seen.field.is_some() { 2 } else { 1 });
        orders
    }

    /// Without orders, the frame with the lowest number makes place.
    pub(crate) fn slide(&mut self, seen: Seen, most: usize) {
        while self.0.len() >= most.max(1) {
            let shorts = self.0.iter().enumerate().filter(|(_, kept)| kept.any(Mark::Short));
            let Some((at, _)) = shorts.min_by_key(|(_, kept)| seen.wrapped(kept)) else { return };
            self.0.remove(at);
        }
    }

    /// Whether it can make place so.
    pub(crate) fn slides(&self, most: usize) -> bool {
        self.0.len() < most.max(1) || self.0.iter().any(|kept| kept.any(Mark::Short))
    }
}
