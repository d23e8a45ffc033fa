//! Every schedule and every death, breadth first.
//!
//! Layer by layer: first everything that needs no death, then what one death leads to, and so on. A state that was met
//! with fewer deaths need not be looked at again, since it can do everything that it could do now. So the first failure
//! found has the fewest deaths, and among those the fewest steps.

use std::collections::VecDeque;
use std::ops::Range;

use super::graph::{FAULT, Graph, NONE};
use super::table::Table;
use super::{Effect, Model, State, path};
use crate::machine::Fault;
use crate::schedule::Act;

/// When a search gives up.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Limits {
    pub states: usize,
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { states: 5_000_000, bytes: 1 << 30 }
    }
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// Different states that were met.
    pub states: usize,
    /// What is wrong, or `None`.
    pub failure: Option<Failure>,
    /// Steps of the longest of the shortest ways to a state.
    pub depth: usize,
}

/// A program that is wrong.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Failure {
    pub what: What,
    pub deaths: usize,
    /// How to get there.
    pub acts: Vec<Act>,
    /// How it goes on from there: to where everybody sleeps, or once round the circle.
    pub then: Vec<Act>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum What {
    /// The last act went wrong.
    Fault(Fault),
    /// Everybody is done, and it is not what was expected.
    Ending(String),
    /// From here on it can only end with somebody asleep for ever; where everybody is then.
    Stuck(String),
    /// From here on it never ends, whatever runs.
    NoWayOut,
    /// Right, but one process goes round without sleeping.
    Burns,
    /// Right, but together they may go round for ever.
    Circles,
    /// Too many states.
    Limit,
}

/// A goal: whether it is met in a state.
pub type Goal<'g> = &'g dyn Fn(&[i16]) -> bool;

/// Searches up to so many deaths.
pub fn search(model: &Model<'_>, deaths: usize, limits: Limits) -> Found {
    Search::new(model, limits, None).run(deaths)
}

/// The easiest schedule to a state that meets a goal, with at most so many deaths; how many states were met.
pub fn reach(model: &Model<'_>, deaths: usize, limits: Limits, goal: Goal<'_>) -> (Option<Vec<Act>>, usize) {
    let mut search = Search::new(model, limits, Some(goal));
    let found = search.run(deaths);
    (search.met.map(|i| search.way(&[(i, None)])), found.states)
}

struct Search<'m, 'p> {
    model: &'m Model<'p>,
    limits: Limits,
    goal: Option<Goal<'m>>,
    met: Option<usize>,
    acts: Vec<Act>,
    table: Table,
    graph: Graph,
    scratch: State,
}

impl<'m, 'p> Search<'m, 'p> {
    fn new(model: &'m Model<'p>, limits: Limits, goal: Option<Goal<'m>>) -> Self {
        let acts = model.acts();
        let kills = acts.iter().filter(|a| matches!(a, Act::Kill(_))).count();
        let graph = Graph { acts: acts.len(), kills, ..Graph::default() };
        Self { model, limits, goal, met: None, acts, table: Table::new(model.len), graph, scratch: vec![] }
    }

    fn run(&mut self, deaths: usize) -> Found {
        let first = match self.model.first() {
            Ok(first) => first,
            Err((_, fault)) => return self.found(Some(Failure::new(What::Fault(fault), 0, vec![]))),
        };
        let mut layer = 0..0;
        let mut circle: Option<Failure> = None;
        for d in 0..=deaths {
            let before = layer;
            layer = self.table.len()..self.table.len();
            if d == 0 {
                self.meet(&first, 0, 0);
            }
            let failure = self.layer(&before, layer.start, u8::try_from(d).unwrap_or(u8::MAX), d);
            layer.end = self.table.len();
            if self.met.is_some() || failure.is_some() {
                return self.found(failure);
            }
            if circle.is_none() && self.goal.is_none() {
                circle = self.circle(&layer, d);
            }
        }
        self.found(circle)
    }

    fn found(&self, failure: Option<Failure>) -> Found {
        let depth = self.graph.depth.iter().max().map_or(0, |d| *d as usize);
        Found { states: self.table.len(), failure, depth }
    }

    /// The state's number; it is noted if it is new.
    fn meet(&mut self, state: &[i16], depth: u32, layer: u8) -> usize {
        let (i, new) = self.table.insert(state);
        if new {
            self.graph.add(depth, layer);
            if self.met.is_none() && self.goal.is_some_and(|g| g(state)) {
                self.met = Some(i);
            }
        }
        i
    }

    /// Everything that so many deaths lead to, depth by depth.
    fn layer(&mut self, before: &Range<usize>, start: usize, layer: u8, deaths: usize) -> Option<Failure> {
        let moves = self.acts.len() - self.graph.kills;
        let mut faults: Vec<(usize, usize, Fault)> = vec![];
        let mut wrong: Vec<(usize, String)> = vec![];
        let mut ends = vec![];
        let (mut killed, mut at) = (before.start, start);
        let mut depth = before.clone().next().map_or(0, |i| self.graph.depth[i]);
        loop {
            // In the order of depth: the deaths in the layer before, and the steps in this one.
            while killed < before.end && self.graph.depth[killed] == depth {
                (moves..self.acts.len()).for_each(|k| self.expand(killed, k, layer, &mut faults));
                killed += 1;
            }
            while at < self.table.len() && self.graph.depth[at] == depth {
                if self.model.is_over(self.table.get(at)) {
                    if let Some(why) = self.model.wrong_end(self.table.get(at)) {
                        wrong.push((at, why));
                    }
                    ends.push(at);
                } else {
                    (0..moves).for_each(|k| self.expand(at, k, layer, &mut faults));
                }
                at += 1;
            }
            if self.met.is_some() {
                return None;
            }
            if self.table.len() > self.limits.states || self.table.bytes() + self.graph.bytes() > self.limits.bytes {
                break;
            }
            if at == self.table.len() && killed == before.end {
                break;
            }
            depth += 1;
        }
        if self.goal.is_some() {
            return None;
        }
        let finished = at == self.table.len() && killed == before.end;
        self.shortest(&(start..self.table.len()), deaths, &faults, &wrong, finished.then_some(ends))
    }

    fn expand(&mut self, from: usize, act: usize, layer: u8, faults: &mut Vec<(usize, usize, Fault)>) {
        let mut s = std::mem::take(&mut self.scratch);
        s.clear();
        s.extend_from_slice(self.table.get(from));
        let to = match self.model.act(&mut s, self.acts[act]) {
            Effect::Impossible => NONE,
            Effect::Happened => {
                let depth = self.graph.depth[from] + 1;
                u32::try_from(self.meet(&s, depth, layer)).unwrap_or(NONE)
            }
            Effect::Fault(fault) => {
                faults.push((from, act, fault));
                FAULT
            }
        };
        self.graph.rows[from * self.graph.acts + act] = to;
        self.scratch = s;
    }

    /// The failure that shows itself first. `ends` is there if the whole layer was looked at.
    fn shortest(
        &self,
        layer: &Range<usize>,
        deaths: usize,
        faults: &[(usize, usize, Fault)],
        wrong: &[(usize, String)],
        ends: Option<Vec<usize>>,
    ) -> Option<Failure> {
        let depth = |i: usize| self.graph.depth[i];
        let finished = ends.is_some();
        let good = ends.map(|ends| self.graph.can_end(layer, &ends));
        let lost = |i: usize| good.as_ref().is_some_and(|g| !g[i - layer.start]);
        let doomed = layer.clone().find(|i| lost(*i)).map(depth);
        let fault = faults.iter().map(|f| depth(f.0) + 1).min();
        let ending = wrong.iter().map(|w| depth(w.0)).min();
        let Some(first) = [doomed, fault, ending].into_iter().flatten().min() else {
            return (!finished).then(|| Failure::new(What::Limit, deaths, vec![]));
        };
        if fault == Some(first) {
            let all: Vec<_> = faults.iter().filter(|f| depth(f.0) + 1 == first).collect();
            let acts = self.way(&all.iter().map(|f| (f.0, Some(f.1))).collect::<Vec<_>>());
            // The easiest way decides which of them it is.
            let mut s = self.model.first().ok()?;
            let what = acts.iter().map(|a| self.model.act(&mut s, *a)).last();
            let Some(Effect::Fault(fault)) = what else { return None };
            return Some(Failure::new(What::Fault(fault), deaths, acts));
        }
        if ending == Some(first) {
            let all: Vec<_> = wrong.iter().filter(|w| depth(w.0) == first).map(|w| (w.0, None)).collect();
            let acts = self.way(&all);
            let why = self.end_of(&acts).and_then(|s| self.model.wrong_end(&s)).unwrap_or_default();
            return Some(Failure::new(What::Ending(why), deaths, acts));
        }
        let all: Vec<_> = layer.clone().filter(|i| depth(*i) == first && lost(*i)).map(|i| (i, None)).collect();
        let acts = self.way(&all);
        let from = self.end_of(&acts)?;
        let from = (layer.clone()).find(|i| self.table.get(*i) == from)?;
        let (what, then) = match self.dead_end(from) {
            Some((then, at)) => (What::Stuck(self.model.whereabouts(self.table.get(at))), then),
            None => (What::NoWayOut, vec![]),
        };
        Some(Failure { what, deaths, acts, then })
    }

    fn way(&self, targets: &[(usize, Option<usize>)]) -> Vec<Act> {
        path::easiest(&self.graph, targets).into_iter().map(|k| self.acts[k]).collect()
    }

    fn end_of(&self, acts: &[Act]) -> Option<State> {
        let mut s = self.model.first().ok()?;
        acts.iter().all(|a| self.model.act(&mut s, *a) == Effect::Happened).then_some(s)
    }

    /// The shortest way on to where nobody can move.
    fn dead_end(&self, from: usize) -> Option<(Vec<Act>, usize)> {
        let mut came = std::collections::HashMap::from([(from, (from, 0))]);
        let mut todo = VecDeque::from([from]);
        while let Some(i) = todo.pop_front() {
            let moves = self.graph.moves(i);
            if moves.iter().all(|m| *m == NONE) {
                let mut then = vec![];
                let mut k = i;
                while k != from {
                    then.push(self.acts[came[&k].1]);
                    k = came[&k].0;
                }
                then.reverse();
                return Some((then, i));
            }
            for (act, m) in moves.iter().enumerate().filter(|(_, m)| **m < FAULT) {
                let m = *m as usize;
                if let std::collections::hash_map::Entry::Vacant(e) = came.entry(m) {
                    e.insert((i, act));
                    todo.push_back(m);
                }
            }
        }
        None
    }

    /// Whether somebody, or all of them, may go round for ever.
    fn circle(&self, layer: &Range<usize>, deaths: usize) -> Option<Failure> {
        if let Some((i, act)) = self.graph.circle_alone(layer) {
            let mut round = vec![self.acts[act]];
            let mut k = self.graph.row(i)[act] as usize;
            while k != i {
                round.push(self.acts[act]);
                k = self.graph.row(k)[act] as usize;
            }
            return Some(Failure { what: What::Burns, deaths, acts: self.way(&[(i, None)]), then: round });
        }
        let (i, round) = self.graph.circle(layer)?;
        let then = round.into_iter().map(|k| self.acts[k]).collect();
        Some(Failure { what: What::Circles, deaths, acts: self.way(&[(i, None)]), then })
    }
}

impl Failure {
    fn new(what: What, deaths: usize, acts: Vec<Act>) -> Self {
        Self { what, deaths, acts, then: vec![] }
    }
}
