//! What is kept of a picture, and the orders about that.

use super::refs::{Kept, Mark, Order, Seen};
use super::{Fields, Maker, Marked, Shot};

impl Maker {
    /// Remembers a picture that was written.
    pub(super) fn keep(&mut self, shot: &Shot, long: Option<u32>, forgets: bool) {
        let mark = if long.is_some() { Mark::Long } else { Mark::Short };
        let number = if forgets { 0 } else { shot.number };
        match (shot.field, self.half.filter(|_| shot.second)) {
            (Some(lower), Some(_)) if self.refs.0.last().is_some() => {
                if let Some(kept) = self.refs.0.last_mut() {
                    kept.marks[usize::from(lower)] = mark;
                    kept.needs |= self.needs;
                }
            }
            (field, _) => {
                let marks = field.map_or([mark; 2], |lower| if lower { [Mark::Not, mark] } else { [mark, Mark::Not] });
                let (long, made, needs) = (long.unwrap_or(0), self.made, self.needs);
                self.refs.0.push(Kept { number, marks, long, absent: false, made, needs });
                self.half = shot.field.map(|_| self.refs.0.len() - 1);
            }
        }
    }

    /// Decides what is kept besides this picture, and whether it itself is kept for long, under which number.
    pub(super) fn mark(&mut self, shot: &Shot, seen: Seen) -> Option<Marked> {
        let saved = (self.refs.clone(), self.limit);
        let most = self.form.refs as usize;
        if shot.idr {
            let long = self.form.orders && shot.field.is_none() && self.one_in(3);
            self.limit = u32::from(long);
            return Some((None, long.then_some(0)));
        }
        // The other field of a frame that is kept for long is kept so, too.
        let first = self.half.filter(|_| shot.second).and_then(|_| self.refs.0.last().copied());
        let (first_long, others) = match first {
            Some(first) => (first.marks.contains(&Mark::Long).then_some(first.long), self.refs.0.len() - 1),
            None => (None, self.refs.0.len()),
        };
        if let Some(long) = first_long {
            return Some((Some(vec![Order::KeepThis(long)]), Some(long)));
        }
        if shot.second && self.form.forgetful && self.one_in(4) {
            self.refs.0.clear();
            self.limit = 0;
            return Some((Some(vec![Order::ForgetAll]), None));
        }
        if shot.second && (!self.form.orders || self.one_in(2)) {
            return Some((None, None));
        }
        if !shot.second && self.refs.slides(most) && !(self.form.orders && self.one_in(2)) {
            self.refs.slide(seen, most);
            return Some((None, None));
        }
        // FFmpeg goes on with the count of before in what B pictures refer to.
        if self.form.orders
            && self.form.between == 0
            && !shot.second
            && shot.kind != 1
            && shot.shown[0].max(shot.shown[1]) / 2 == self.next
            && self.one_in(8)
        {
            self.refs.0.clear();
            self.limit = 0;
            return Some((Some(vec![Order::ForgetAll]), None));
        }
        let mut orders = Vec::new();
        let free = |kept: &Kept| !kept.absent && (seen.field.is_some() || !kept.marks.contains(&Mark::Not));
        let pick = |maker: &mut Self| {
            let fit: Vec<usize> = (0..others.min(maker.refs.0.len())).filter(|&at| free(&maker.refs.0[at])).collect();
            (!fit.is_empty()).then(|| fit[maker.random.below(fit.len() as u64) as usize])
        };
        // Numbers to keep pictures under, where there are none yet.
        if self.limit == 0 && most > 1 && self.one_in(2) {
            self.limit = 1 + self.random.below(most as u64 - 1) as u32;
            orders.push(Order::Limit(self.limit));
        }
        let unused = |maker: &Self| {
            (0..maker.limit)
                .find(|long| !maker.refs.0.iter().any(|kept| kept.marks.contains(&Mark::Long) && kept.long == *long))
        };
        if self.one_in(2)
            && let (Some(long), Some(at)) = (unused(self), pick(self))
            && self.refs.0[at].marks.contains(&Mark::Short)
            && !self.refs.0[at].marks.contains(&Mark::Long)
        {
            orders.extend(self.refs.keep(seen, at, long));
        }
        let mut left = others;
        while left > 0 && !shot.second && self.refs.0.len() >= most.max(1) {
            let Some(at) = pick(self) else {
                // What is absent, or half there, is not named.
                (self.refs, self.limit) = saved;
                let slides = self.refs.slides(most);
                self.refs.slide(seen, most);
                return slides.then_some((None, None));
            };
            orders.extend(self.refs.forget(seen, at, [true; 2]));
            left -= 1;
        }
        // A field alone is forgotten now and then.
        if seen.field.is_some()
            && (self.form.halves || self.form.fields == Fields::Always)
            && !shot.second
            && self.one_in(3)
            && let Some(at) = pick(self)
        {
            let lower = self.one_in(2);
            orders.extend(self.refs.forget(seen, at, [!lower, lower]));
        }
        let long = unused(self).filter(|_| !shot.second && shot.field.is_none() && self.one_in(4));
        if let Some(long) = long {
            orders.push(Order::KeepThis(long));
        }
        Some((Some(orders), long))
    }
}
