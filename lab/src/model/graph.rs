//! What was found, as a graph: for each state one row with what each act leads to. States are numbered layer by layer (a
//! layer is a number of deaths), and by depth within a layer.

use std::ops::Range;

/// No such act here.
pub(super) const NONE: u32 = u32::MAX;
/// The act goes wrong here.
pub(super) const FAULT: u32 = u32::MAX - 1;

#[derive(Default)]
pub(super) struct Graph {
    /// Acts in a row; the kills are last.
    pub(super) acts: usize,
    pub(super) kills: usize,
    pub(super) rows: Vec<u32>,
    pub(super) depth: Vec<u32>,
    pub(super) layer: Vec<u8>,
}

impl Graph {
    pub(super) fn row(&self, i: usize) -> &[u32] {
        &self.rows[i * self.acts..(i + 1) * self.acts]
    }

    /// What acts other than kills lead to.
    pub(super) fn moves(&self, i: usize) -> &[u32] {
        &self.row(i)[..self.acts - self.kills]
    }

    pub(super) fn add(&mut self, depth: u32, layer: u8) {
        self.rows.resize(self.rows.len() + self.acts, NONE);
        self.depth.push(depth);
        self.layer.push(layer);
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity() * 4 + self.depth.capacity() * 5
    }

    /// Which states of a layer can come to one of the `ends` without another death. What leads to an earlier layer can,
    /// since that layer was found right; what leads to a fault is told of by the fault.
    pub(super) fn can_end(&self, layer: &Range<usize>, ends: &[usize]) -> Vec<bool> {
        let (from, to) = (layer.start, layer.end);
        let mut good = vec![false; to - from];
        let mut todo: Vec<usize> = ends.iter().map(|e| e - from).collect();
        let mut first = vec![0u32; to - from + 1];
        for i in from..to {
            for &next in self.moves(i) {
                if next == FAULT || (next as usize) < from {
                    todo.push(i - from);
                } else if next != NONE {
                    first[next as usize - from + 1] += 1;
                }
            }
        }
        for k in 0..to - from {
            first[k + 1] += first[k];
        }
        let mut fill = first.clone();
        let mut before = vec![0u32; first[to - from] as usize];
        for i in from..to {
            for &next in self.moves(i).iter().filter(|n| **n < FAULT && **n as usize >= from) {
                let at = &mut fill[next as usize - from];
                before[*at as usize] = u32::try_from(i - from).unwrap_or(NONE);
                *at += 1;
            }
        }
        for t in &todo {
            good[*t] = true;
        }
        while let Some(t) = todo.pop() {
            for &b in &before[first[t] as usize..first[t + 1] as usize] {
                if !good[b as usize] {
                    good[b as usize] = true;
                    todo.push(b as usize);
                }
            }
        }
        good
    }

    /// The first state of a layer that one process (or recovery) alone leads back to, and which act that is.
    pub(super) fn circle_alone(&self, layer: &Range<usize>) -> Option<(usize, usize)> {
        let mut first: Option<(usize, usize)> = None;
        for act in 0..self.acts - self.kills {
            let next_of = |k: usize| self.row(k)[act] as usize;
            let mut seen = vec![0u32; layer.len()];
            for (round, i) in (1..).zip(layer.clone()) {
                // Each state has one next one: the walk meets itself, or what an earlier walk has seen, or it ends.
                let mut k = i;
                while layer.contains(&k) && seen[k - layer.start] == 0 {
                    seen[k - layer.start] = round;
                    k = next_of(k);
                }
                if layer.contains(&k) && seen[k - layer.start] == round {
                    let rest = std::iter::successors(Some(next_of(k)), |n| Some(next_of(*n))).take_while(|n| *n != k);
                    let here = rest.chain([k]).min().map(|k| (k, act));
                    first = first.into_iter().chain(here).min();
                }
            }
        }
        first
    }

    /// Acts that lead from a state of this layer back to it, if there are any: nobody ever has to get on.
    pub(super) fn circle(&self, layer: &Range<usize>) -> Option<(usize, Vec<usize>)> {
        let left = self.peel(layer);
        let inside = |k: u32| k < FAULT && layer.contains(&(k as usize)) && left[k as usize - layer.start];
        // Everything that is left has a way in from something that is left: going back, one has to come round.
        let mut came = vec![usize::MAX; layer.len()];
        for i in layer.clone().filter(|i| left[i - layer.start]) {
            for n in self.moves(i).iter().filter(|n| inside(**n)) {
                came[*n as usize - layer.start] = i;
            }
        }
        let mut k = layer.clone().find(|i| left[i - layer.start])?;
        let mut seen = vec![false; layer.len()];
        while !std::mem::replace(&mut seen[k - layer.start], true) {
            k = came[k - layer.start];
        }
        let rest = std::iter::successors(Some(came[k - layer.start]), |n| Some(came[*n - layer.start]));
        let start = rest.take_while(|n| *n != k).chain([k]).min()?;
        self.way_back(layer, start, inside).map(|acts| (start, acts))
    }

    /// The shortest way from a state back to it.
    fn way_back(&self, layer: &Range<usize>, start: usize, inside: impl Fn(u32) -> bool) -> Option<Vec<usize>> {
        let mut came: Vec<Option<(usize, usize)>> = vec![None; layer.len()];
        let mut todo = std::collections::VecDeque::from([start]);
        while let Some(i) = todo.pop_front() {
            for (act, &next) in self.moves(i).iter().enumerate().filter(|(_, n)| inside(**n)) {
                let next = next as usize;
                if next == start {
                    let mut acts = vec![act];
                    let mut k = i;
                    while let Some((before, act)) = came[k - layer.start].filter(|_| k != start) {
                        acts.push(act);
                        k = before;
                    }
                    acts.reverse();
                    return Some(acts);
                }
                if came[next - layer.start].is_none() {
                    came[next - layer.start] = Some((i, act));
                    todo.push_back(next);
                }
            }
        }
        None
    }

    /// What is left after those without a way in were taken away again and again.
    fn peel(&self, layer: &Range<usize>) -> Vec<bool> {
        let mut left = vec![true; layer.len()];
        let next_of = |i: usize| self.moves(i).iter().filter(|n| **n < FAULT && layer.contains(&(**n as usize)));
        let mut ways_in = vec![0u32; layer.len()];
        for i in layer.clone() {
            next_of(i).for_each(|n| ways_in[*n as usize - layer.start] += 1);
        }
        let mut todo: Vec<usize> = layer.clone().filter(|i| ways_in[i - layer.start] == 0).collect();
        while let Some(i) = todo.pop() {
            left[i - layer.start] = false;
            for n in next_of(i) {
                ways_in[*n as usize - layer.start] -= 1;
                if ways_in[*n as usize - layer.start] == 0 {
                    todo.push(*n as usize);
                }
            }
        }
        left
    }
}
