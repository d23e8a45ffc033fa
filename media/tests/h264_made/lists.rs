//! Which pictures a slice refers to.

use super::refs::{Mark, Name, Seen};
use super::{Maker, NUMBER_BITS, Shot};

/// Which references a slice's lists begin with.
pub(super) struct Lists {
    pub(super) lengths: [u32; 2],
    pub(super) wanted: [Vec<Name>; 2],
    /// Motion is taken over from the picture that the second list begins with.
    pub(super) temporal: bool,
}

impl Maker {
    /// Lists for taking over motion: what the followed picture refers to has to be in the first one.
    fn following(&mut self, shot: &Shot, names: &[Name]) -> Option<Lists> {
        let seen = Seen { number: shot.number, field: shot.field, numbers: 1 << NUMBER_BITS };
        let there = self.refs.there();
        let own = if self.form.own || !shot.second { None } else { Some(self.made) };
        let known = |name: &&Name| {
            let kept = self.refs.of(seen, **name);
            kept.is_some_and(|kept| Some(kept.made) != own && kept.needs & !(there | 1 << self.made) == 0)
        };
        let known: Vec<Name> = names.iter().filter(known).copied().collect();
        if known.is_empty() || self.one_in(3) {
            return None;
        }
        let mut all = names.to_vec();
        for at in (1..all.len()).rev() {
            all.swap(at, self.random.below(at as u64 + 1) as usize);
        }
        let mut second = vec![known[self.random.below(known.len() as u64) as usize]];
        for _ in 0..self.random.below(3) {
            second.push(names[self.random.below(names.len() as u64) as usize]);
        }
        Some(Lists { lengths: [all.len() as u32, second.len() as u32], wanted: [all, second], temporal: true })
    }

    /// What a second field may refer to, but for the first field of its frame.
    pub(super) fn others(&self, shot: &Shot, names: &[Name]) -> Vec<Name> {
        let seen = Seen { number: shot.number, field: shot.field, numbers: 1 << NUMBER_BITS };
        let other = |name: &&Name| self.refs.of(seen, **name).is_some_and(|kept| kept.made != self.made);
        names.iter().filter(other).copied().collect()
    }

    /// Remembers what a slice refers to.
    pub(super) fn need(&mut self, shot: &Shot, lists: &Lists) {
        let seen = Seen { number: shot.number, field: shot.field, numbers: 1 << NUMBER_BITS };
        let made = |name: &Name| self.refs.of(seen, *name).map_or(0, |kept| 1 << kept.made);
        self.needs |= lists.wanted.iter().flatten().map(made).fold(0, |all: u128, one: u128| all | one);
    }

    pub(super) fn lists(&mut self, shot: &Shot, names: &[Name], kind: u32) -> Lists {
        if self.form.temporal
            && kind == 1
            && let Some(lists) = self.following(shot, names)
        {
            return lists;
        }
        let mut lists = Lists { lengths: [0; 2], wanted: [Vec::new(), Vec::new()], temporal: false };
        for list in 0..match kind {
            0 => 1,
            1 => 2,
            _ => 0,
        } {
            let most = if self.form.temporal {
                2
            } else if shot.field.is_some() {
                32
            } else {
                16
            };
            let length = 1 + self.random.below(names.len().min(most) as u64);
            lists.lengths[list] = length as u32;
            // FFmpeg takes frames that are absent, or half there, into its lists.
            let half = shot.field.is_none() && self.refs.0.iter().any(|kept| kept.marks.contains(&Mark::Not));
            // Where direct prediction would follow the first field of the same frame, FFmpeg follows another one.
            let apart = list == 1 && shot.second && !self.form.own;
            let others: Vec<Name> = if apart { self.others(shot, names) } else { Vec::new() };
            let said = match (self.form.gaps || half || self.form.temporal, self.form.lists && !self.one_in(3)) {
                (true, _) => length,
                (false, true) => 1 + self.random.below(length),
                _ => u64::from(apart),
            };
            let mut wanted: Vec<Name> =
                (0..said).map(|_| names[self.random.below(names.len() as u64) as usize]).collect();
            if let (Some(first), false) = (wanted.first_mut(), others.is_empty()) {
                *first = others[self.random.below(others.len() as u64) as usize];
            }
            lists.wanted[list] = wanted;
        }
        lists
    }
}
