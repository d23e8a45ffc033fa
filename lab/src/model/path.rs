//! Of all shortest ways to a state, one that is easy to read: with the fewest changes of who runs.

use super::graph::{FAULT, Graph};

/// The acts that lead from the first state to one of `targets`. A target is a state, and the act that goes wrong there if it is
/// one that goes wrong.
pub(super) fn easiest(graph: &Graph, targets: &[(usize, Option<usize>)]) -> Vec<usize> {
    let acts = graph.acts;
    let last = targets.iter().map(|t| t.0).max().unwrap_or(0);
    // For each state and the act that led to it: how many changes there were, and the state and act before.
    let mut best = vec![u16::MAX; (last + 1) * acts];
    let mut before: Vec<(u32, u8)> = vec![(0, 0); (last + 1) * acts];
    for i in 0..=last {
        for act in 0..acts {
            let next = graph.row(i)[act];
            if next >= FAULT || next as usize > last || !is_forward(graph, i, act, next as usize) {
                continue;
            }
            let (cost, by) = cheapest(&best, acts, i, act);
            let at = next as usize * acts + act;
            if cost < best[at] {
                best[at] = cost;
                before[at] = (u32::try_from(i).unwrap_or(0), u8::try_from(by).unwrap_or(0));
            }
        }
    }
    let ends = targets.iter().map(|(i, fault)| {
        // Without a fault any act may be the last.
        let (cost, by) = fault.map_or_else(|| least(&best, acts, *i), |act| cheapest(&best, acts, *i, act));
        (cost, *i, by, *fault)
    });
    let Some((_, mut i, mut by, fault)) = ends.min() else { return vec![] };
    let mut way: Vec<usize> = fault.into_iter().collect();
    while i != 0 {
        way.push(by);
        let (b, a) = before[i * acts + by];
        (i, by) = (b as usize, a as usize);
    }
    way.reverse();
    way
}

/// Whether this edge lies on a shortest way: one deeper, in the same layer, or by a kill into the next.
fn is_forward(graph: &Graph, i: usize, act: usize, next: usize) -> bool {
    let kill = act >= graph.acts - graph.kills;
    graph.depth[next] == graph.depth[i] + 1 && graph.layer[next] == graph.layer[i] + u8::from(kill)
}

/// The fewest changes to do `act` in state `i`, and the act that led there.
fn cheapest(best: &[u16], acts: usize, i: usize, act: usize) -> (u16, usize) {
    if i == 0 {
        return (0, act);
    }
    let ways = (0..acts).rev().map(|by| (best[i * acts + by].saturating_add(u16::from(by != act)), by));
    ways.min_by_key(|w| w.0).unwrap_or((u16::MAX, 0))
}

fn least(best: &[u16], acts: usize, i: usize) -> (u16, usize) {
    if i == 0 {
        (0, 0)
    } else {
        (0..acts).rev().map(|by| (best[i * acts + by], by)).min_by_key(|w| w.0).unwrap_or((u16::MAX, 0))
    }
}
