//! Where the clock of a transport stream begins anew: recordings that were joined end to end, a station whose encoder was restarted. All
//! tracks go on from there without a step, as they do in the clock.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::pes::{header, unwrap};
use super::units::{Grid, Units};
use crate::{MediaError, MediaFile, caps};

/// Ticks that the clock, and a track's times beside it, may stand still or run ahead: ten seconds.
const APART: i64 = 10 * 90_000;
/// Ticks from one word of the clock to the next, at most, says the standard.
const STEP: i64 = 9_000;
/// Places of a large file at which its clock is read.
const LOOKS: u64 = 64;
/// The clock is irregular where it moves so many times faster than it usually does.
const FASTER: i64 = 8;

/// Where each part begins, and how many ticks are to be added to its times. The first part is not listed.
#[derive(Clone, Default)]
pub(super) struct Joints(Arc<[(u64, i64)]>);

impl Joints {
    /// What is added to times at a place.
    pub(super) fn shift(&self, at: u64) -> i64 {
        let behind = self.0.partition_point(|(from, _)| *from <= at);
        behind.checked_sub(1).map_or(0, |part| self.0[part].1)
    }

    /// Finds them by the clock that lies in track `clock`. Of a large file only those parts are read in which the clock has moved otherwise
    /// than in most.
    pub(super) fn find(file: &MediaFile, grid: Grid, clock: u16) -> Result<Self, MediaError> {
        let mut search = Search { file, grid, clock, moved: Vec::new() };
        if file.len() <= caps::TS_HEAD {
            search.walk(0, file.len())?;
        } else if search.clock_behind(0)?.is_some() {
            let looks = (0..LOOKS).map(|look| search.clock_behind(file.len() / LOOKS * look));
            let looks: Vec<(u64, i64)> = looks.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            let moved = |pair: &[(u64, i64)]| unwrap(pair[1].1, pair[0].1) - pair[0].1;
            let mut usual: Vec<i64> = looks.windows(2).map(moved).collect();
            usual.sort_unstable();
            let usual = usual.get(usual.len() / 2).copied().unwrap_or(0).max(0);
            for pair in looks.windows(2).filter(|pair| !(0..=APART + FASTER * usual).contains(&moved(pair))) {
                search.narrow((pair[0], pair[1]), usual)?;
            }
        }
        // A clock that jumps all the time is none.
        if search.moved.len() > caps::TS_JOINTS {
            search.moved.clear();
        }
        let mut shift = 0;
        let parts = search.moved.into_iter().map(|(at, added)| {
            shift += added;
            (at, shift)
        });
        Ok(Self(parts.collect()))
    }
}

struct Search<'a> {
    file: &'a MediaFile,
    grid: Grid,
    clock: u16,
    /// Where the clock was found to jump, and the ticks that make up for that.
    moved: Vec<(u64, i64)>,
}

impl Search<'_> {
    /// The first word of the clock behind a place, and where it lies.
    fn clock_behind(&self, at: u64) -> Result<Option<(u64, i64)>, MediaError> {
        let step = self.grid.step;
        let mut units = Units::new(self.file.clone(), self.grid, at);
        while units.at < at.saturating_add(caps::TS_SPARSE)
            && let Some(unit) = units.next()?
        {
            if let Some(clock) = unit.clock.filter(|_| unit.pid == self.clock) {
                return Ok(Some((unit.end.saturating_sub(step), clock)));
            }
        }
        Ok(None)
    }

    /// Looks at halves of what lies between two places until little enough is left to be read.
    fn narrow(&mut self, (low, high): ((u64, i64), (u64, i64)), usual: i64) -> Result<(), MediaError> {
        let bytes = high.0 - low.0;
        let middle = low.0 + bytes / 2;
        let Some(middle) = (bytes > caps::TS_HEAD).then(|| self.clock_behind(middle)).transpose()?.flatten() else {
            return self.walk(low.0, high.0);
        };
        for (low, high) in [(low, middle), (middle, high)] {
            if !(0..=APART + FASTER * usual).contains(&(unwrap(high.1, low.1) - low.1)) {
                self.narrow((low, high), usual / 2)?;
            }
        }
        Ok(())
    }

    /// Reads from a word of the clock to another, and a little further until the times of a track bear witness to a jump of the clock.
    fn walk(&mut self, from: u64, to: u64) -> Result<(), MediaError> {
        let mut units = Units::new(self.file.clone(), self.grid, from);
        let (mut before, mut seen, mut times) = (None, None::<(u64, i64)>, HashMap::new());
        while units.at <= to || seen.is_some() && units.at < to.saturating_add(caps::TS_SPARSE) {
            let step = self.grid.step;
            let Some(unit) = units.next()? else { break };
            let at = unit.end.saturating_sub(step);
            if let Some(clock) = unit.clock.filter(|_| unit.pid == self.clock) {
                let last = before.replace(clock).unwrap_or(clock);
                let moved = unwrap(clock, last) - last;
                if !(0..=APART).contains(&moved) && at <= to {
                    seen = Some((at, STEP - moved));
                }
            }
            if unit.begins
                && !unit.scrambled
                && let Some((Some(time), _)) = header(unit.payload)
                && let Some(last) = times.insert(unit.pid, time)
                && let Some((at, added)) = seen.take()
                && (unwrap(time, last) - last + added).abs() <= APART
            {
                self.moved.push((at, added));
            }
            if self.moved.len() > caps::TS_JOINTS {
                break;
            }
        }
        Ok(())
    }
}
