//! From a sink's position to film time: what was written when, as stretches of straight line.

use std::collections::VecDeque;

#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Where it begins, in ns of the sink's sound.
    at_ns: u64,
    pts_ns: i64,
    /// Film seconds to a second of sound.
    speed: f64,
}

impl Stretch {
    fn pts_at(&self, position_ns: u64) -> i64 {
        self.pts_ns + ((position_ns as i64 - self.at_ns as i64) as f64 * self.speed) as i64
    }
}

/// Maps positions to film time. Starts empty.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    stretches: VecDeque<Stretch>,
}

impl Timeline {
    /// What is written from `at_ns` on is film from `pts_ns` on.
    pub(crate) fn push(&mut self, at_ns: u64, pts_ns: i64, speed: f64) {
        let goes_on = |s: &Stretch| s.speed == speed && (s.pts_at(at_ns) - pts_ns).abs() < 1000;
        if !self.stretches.back().is_some_and(goes_on) {
            self.stretches.push_back(Stretch { at_ns, pts_ns, speed });
        }
    }

    /// The film time and speed heard at `position_ns`; `None` if that lies before all film. Positions only grow.
    pub(crate) fn at(&mut self, position_ns: u64) -> Option<(i64, f64)> {
        while self.stretches.get(1).is_some_and(|next| next.at_ns <= position_ns) {
            self.stretches.pop_front();
        }
        self.stretches.front().filter(|s| s.at_ns <= position_ns).map(|s| (s.pts_at(position_ns), s.speed))
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.stretches.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn film_time_follows_each_stretch_in_turn() {
        let mut t = Timeline::default();
        assert_eq!(t.at(5), None);
        t.push(1000, 50_000, 1.0);
        t.push(2000, 51_000, 1.0);
        t.push(4000, 53_000, 2.0);
        t.push(5000, 90_000, 1.0);
        assert_eq!(t.stretches.len(), 3, "what goes on straight is one stretch");
        for (position, wanted) in
            [(999, None), (1000, Some(50_000)), (3000, Some(52_000)), (4500, Some(54_000)), (5001, Some(90_001))]
        {
            assert_eq!(t.at(position).map(|(pts, _)| pts), wanted, "{position}");
        }
    }
}
