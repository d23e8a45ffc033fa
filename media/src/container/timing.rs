//! Times that cannot be: a damaged file says that a frame is due in four days, and a player that believed it would wait.
//! Such a frame follows the one before it instead. Nothing here waits, reads or decodes.

use crate::NS;

/// A frame may be due so long after the end that the file declares.
const SLACK_NS: i64 = 10 * NS;
/// Where a file declares no end, two neighbours are not further apart: longer than a live recording's worst gap.
const GAP_NS: i64 = 60 * NS;
/// How far a frame is from the next where no duration can be believed.
const STEP_NS: i64 = NS / 25;

/// Judges the times of one track's frames, in decode order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timing {
    /// Where the film ends, as its container declares.
    film_ns: Option<i64>,
    /// The first and the latest time so far.
    span_ns: Option<(i64, i64)>,
    step_ns: i64,
    /// The last time that could not be, and what it was replaced by: a stream that has jumped goes on from there at its own pace.
    jumped_ns: Option<(i64, i64)>,
}

impl Timing {
    /// For a film that its container declares to be so long; 0 or less is no declaration.
    pub(crate) fn new(film_ns: Option<i64>) -> Self {
        Self { film_ns: film_ns.filter(|&ns| ns > 0), span_ns: None, step_ns: STEP_NS, jumped_ns: None }
    }

    /// What comes next need not follow what came before.
    pub(crate) fn jump(&mut self) {
        (self.span_ns, self.jumped_ns) = (None, None);
    }

    /// The pts and duration to go by, and whether they are other than those given.
    pub(crate) fn place(&mut self, pts_ns: i64, duration_ns: i64) -> (i64, i64, bool) {
        let (first, latest) = self.span_ns.unwrap_or((pts_ns.max(0), pts_ns.max(0)));
        // A film that was cut out of a longer one may begin late, and declare its length alone.
        let end = match self.film_ns {
            Some(film) => film.max(first.saturating_add(film)).saturating_add(SLACK_NS),
            None => latest.saturating_add(GAP_NS),
        };
        let possible = (latest.saturating_sub(GAP_NS)..=end).contains(&pts_ns);
        let near = |(before, replaced): (i64, i64)| {
            let moved = pts_ns.saturating_sub(before);
            let pts = replaced.saturating_add(moved);
            Some(pts).filter(|pts| moved.abs() <= SLACK_NS && (latest.saturating_sub(GAP_NS)..=end).contains(pts))
        };
        let pts = match self.span_ns {
            _ if possible => pts_ns,
            Some(_) => self.jumped_ns.and_then(near).unwrap_or_else(|| latest.saturating_add(self.step_ns)),
            None => 0,
        };
        self.jumped_ns = if possible { None } else { Some((pts_ns, pts)) };
        let lasts = duration_ns >= 0 && pts.saturating_add(duration_ns) <= end;
        let duration = if lasts { duration_ns } else { self.step_ns };
        if (1..=SLACK_NS).contains(&duration) {
            self.step_ns = duration;
        }
        self.span_ns = Some((first.min(pts), latest.max(pts)));
        (pts, duration, !(possible && lasts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places frames (pts, duration) in ms; what they become.
    fn placed(film_ms: Option<i64>, frames: &[(i64, i64)]) -> Vec<(i64, i64, bool)> {
        let mut timing = Timing::new(film_ms.map(|ms| ms * 1_000_000));
        let mut place = |&(pts, duration): &(i64, i64)| timing.place(pts * 1_000_000, duration * 1_000_000);
        frames.iter().map(&mut place).map(|(pts, d, other)| (pts / 1_000_000, d / 1_000_000, other)).collect()
    }

    #[test]
    fn honest_times_stay_as_they_are() {
        type Film<'a> = (Option<i64>, &'a [(i64, i64)]);
        let films: [Film<'_>; 6] = [
            // B-frames, a long still within the film, one that begins late, one without a declared end, one before 0.
            (Some(200), &[(0, 40), (120, 40), (40, 40), (80, 40)]),
            (Some(3_600_000), &[(0, 3_599_000), (3_599_000, 1_000)]),
            (Some(2_000), &[(100_000, 40), (100_040, 40)]),
            (None, &[(7_200_000, 40), (7_230_000, 40)]),
            (Some(0), &[(0, 40), (40, 40)]),
            (Some(1_000), &[(-500, 40), (-460, 40)]),
        ];
        for (film, frames) in films {
            let same: Vec<_> = frames.iter().map(|&(pts, duration)| (pts, duration, false)).collect();
            assert_eq!(placed(film, frames), same, "{film:?}");
        }
    }

    #[test]
    fn times_that_cannot_be_follow_the_frame_before() {
        const DAYS: i64 = 4 * 86_400_000;
        for film in [Some(120), None] {
            let frames = [(0, 40), (DAYS, 40), (DAYS + 40, 40), (80, DAYS), (-DAYS, 40)];
            let wanted = [(0, 40, false), (40, 40, true), (80, 40, true), (80, 40, true), (120, 40, true)];
            assert_eq!(placed(film, &frames), wanted, "{film:?}");
        }
        assert_eq!(placed(Some(1_000), &[(-DAYS, 40), (40, 40)]), [(0, 40, true), (40, 40, false)]);
        assert_eq!(placed(None, &[(0, -1)]), [(0, 40, true)]);
        // A recorder that was away for an hour goes on at the pace of its sound, and its pictures in their order.
        let hour = [(0, 0), (3_600_000, 0), (3_600_023, 0), (3_600_123, 0), (3_600_083, 0)];
        let places: Vec<i64> = placed(None, &hour).iter().map(|(pts, ..)| *pts).collect();
        assert_eq!(places, [0, 40, 63, 163, 123]);
        let extremes = [(i64::MAX / 1_000_000, 1), (i64::MIN / 1_000_000, 1)];
        assert!(!placed(Some(1), &extremes)[0].2, "a first frame may be anywhere after 0");
    }
}
