//! Pure decisions about where samples belong in time: in front of a clock that runs already, and after one another.

/// What is to be done with samples in front of the next write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Splice {
    /// Write them as they are.
    Go,
    /// First write silence of so much film time, in ns.
    Silence(u64),
    /// First leave out so much film time, in ns: it is late, or was there before.
    Skip(u64),
}

/// Below this, times are taken for equal: containers round them to a millisecond, and no ear hears less than this.
pub(crate) const TOLERANCE_NS: u64 = 5_000_000;

/// Samples due at `pts_ns` would be heard when the film is at `film_ns`: makes them meet, to a few samples.
pub(crate) fn meet(pts_ns: i64, film_ns: i64) -> Splice {
    splice(pts_ns, film_ns, 100_000)
}

/// Samples stamped `pts_ns` follow those that ended at `expected_ns`.
pub(crate) fn follow(pts_ns: i64, expected_ns: i64) -> Splice {
    splice(pts_ns, expected_ns, TOLERANCE_NS)
}

fn splice(pts_ns: i64, wanted_ns: i64, tolerance_ns: u64) -> Splice {
    let early = pts_ns.saturating_sub(wanted_ns);
    match early.unsigned_abs() {
        off if off <= tolerance_ns => Splice::Go,
        off if early > 0 => Splice::Silence(off),
        off => Splice::Skip(off),
    }
}

/// Sample times, of `times` from `pts_ns` on, that lie before `start_ns` (to be cut off in front), and those that lie
/// before `end_ns` (the rest is cut off behind).
pub(crate) fn cut(pts_ns: i64, times: u64, rate: u32, start_ns: i64, end_ns: Option<i64>) -> (u64, u64) {
    let before = |limit: i64| {
        let ns = i128::from(limit) - i128::from(pts_ns);
        ((ns.max(0) * i128::from(rate) + 500_000_000) / 1_000_000_000).min(i128::from(times)) as u64
    };
    let end = end_ns.map_or(times, before);
    (before(start_ns).min(end), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_meet_a_running_clock() {
        let ms = 1_000_000;
        for (pts, film, wanted) in [
            (5, 5 + 100_000, Splice::Go),
            (9 * ms, 5 * ms, Splice::Silence(4_000_000)),
            (5 * ms, 9 * ms, Splice::Skip(4_000_000)),
            (-5 * ms, -9 * ms, Splice::Silence(4_000_000)),
        ] {
            assert_eq!(meet(pts, film), wanted);
        }
    }

    #[test]
    fn rounding_is_no_gap_and_no_overlap() {
        let ms = 1_000_000;
        for (off, wanted) in [
            (0, Splice::Go),
            (ms, Splice::Go),
            (-5 * ms, Splice::Go),
            (6 * ms, Splice::Silence(6_000_000)),
            (-6 * ms, Splice::Skip(6_000_000)),
        ] {
            assert_eq!(follow(1000 * ms + off, 1000 * ms), wanted, "{off}");
        }
    }

    #[test]
    fn what_lies_outside_of_start_and_end_is_cut_to_the_sample() {
        let s = 1_000_000_000;
        for ((pts, start, end), wanted) in [
            ((0, 0, None), (0, 100)),
            ((0, s / 20, None), (50, 100)),
            ((0, 0, Some(s / 10)), (0, 100)),
            ((0, 0, Some(s / 40)), (0, 25)),
            ((s, 0, Some(s)), (0, 0)),
            ((-s, 0, None), (100, 100)),
            ((0, s / 20, Some(s / 40)), (25, 25)),
        ] {
            assert_eq!(cut(pts, 100, 1000, start, end), wanted, "{pts} {start} {end:?}");
        }
    }
}
