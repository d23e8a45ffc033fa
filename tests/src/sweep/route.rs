//! The way of a victim to its kill point: stepped once, then mostly run at full speed.

use std::collections::HashSet;

/// The way of a victim through its operation, while the other side stands still.
#[derive(Debug, Default)]
pub struct Route {
    /// The instructions after which anything that the processes share differs from before (payloads apart), with the
    /// first of all and the last.
    pub changes: Vec<u64>,
    /// The address of the next instruction after each number of them, up to a sleep.
    pub(super) counters: Vec<u64>,
    /// The numbers after which an address is met for the first time.
    firsts: Vec<u64>,
}

/// Instructions before a kill point that are stepped in any case.
const STEPPED: u64 = 16;

impl Route {
    /// Looks up the landmarks, once the way was gone.
    pub(super) fn finish(mut self) -> Self {
        let mut met = HashSet::new();
        self.firsts = (0..).zip(&self.counters).filter(|(_, c)| met.insert(**c)).map(|(n, _)| n).collect();
        self
    }

    /// How many instructions to carry out at full speed on the way to `count` of them: up to one that is met for the
    /// first time there, so that a breakpoint on it stops at the right one.
    pub(super) fn landmark(&self, count: u64) -> Option<u64> {
        let before = self.firsts.partition_point(|n| n + STEPPED <= count);
        before.checked_sub(1).map(|i| self.firsts[i]).filter(|n| *n > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_landmark_is_met_for_the_first_time_and_leaves_the_last_instructions_to_be_stepped() {
        // A loop of ten instructions, gone through four times, between two straight ways of twenty.
        let straight = |from: u64| from..from + 20;
        let counters: Vec<u64> = straight(100).chain((0..40).map(|i| 200 + i % 10)).chain(straight(300)).collect();
        let route = Route { counters, ..Route::default() }.finish();
        assert_eq!((route.landmark(0), route.landmark(STEPPED)), (None, None));
        assert_eq!(route.landmark(STEPPED + 1), Some(1));
        assert_eq!(route.landmark(30 + STEPPED), Some(29));
        // Within the loop, its first round is the nearest that is no other.
        assert_eq!(route.landmark(55), Some(29));
        assert_eq!(route.landmark(60 + STEPPED), Some(60));
        assert_eq!(route.landmark(u64::MAX - STEPPED), Some(79));
    }
}
