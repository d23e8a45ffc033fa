//! The clock that is published: taken from what is heard, or a straight line on from the last of it.

use tricine_session::clock::Clock;

/// A clock is published again when it is so old.
const REFRESH_NS: u64 = 20_000_000;

/// Keeps the clock of one serial.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    line: Option<Clock>,
    /// When `line` was published.
    published_ns: u64,
}

impl Keeper {
    /// Begins a serial, for which `line` runs already if a predecessor kept it.
    pub(crate) fn new(line: Option<Clock>) -> Self {
        Self { line, published_ns: 0 }
    }

    /// The clock as it was last published.
    pub(crate) fn line(&self) -> Option<Clock> {
        self.line
    }

    /// `measured` is heard; what is to be published of it, if anything is.
    pub(crate) fn heard(&mut self, measured: Clock) -> Option<Clock> {
        let now_ns = measured.at_ns;
        let mut clock = measured;
        if let Some(line) = self.line {
            let shown = line.pts_at(now_ns);
            // After silence the device's answer begins a little behind where the film stood still: it never runs back.
            if line.rate == 0.0 && measured.pts_ns < shown && shown - measured.pts_ns < BACK_NS {
                clock = Clock { pts_ns: shown, rate: 0.0, ..measured };
            }
            if clock.rate == line.rate && now_ns < self.published_ns + REFRESH_NS {
                return None;
            }
        }
        self.publish(clock)
    }

    /// Nothing is heard, yet the film goes on: the line runs at `speed`, or stands while `paused`.
    pub(crate) fn coast(&mut self, now_ns: u64, paused: bool, speed: f64) -> Option<Clock> {
        let line = self.line?;
        let rate = if paused { 0.0 } else { speed };
        if line.rate == rate {
            return None;
        }
        self.publish(Clock { pts_ns: line.pts_at(now_ns), at_ns: now_ns, rate, ..line })
    }

    fn publish(&mut self, clock: Clock) -> Option<Clock> {
        (self.line, self.published_ns) = (Some(clock), clock.at_ns);
        self.line
    }
}

/// A clock further back than this is right, whatever was shown: the device has moved.
const BACK_NS: i64 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn clock(pts_ms: i64, at_ms: i64, rate: f64) -> Clock {
        Clock { serial: 1, pts_ns: pts_ms * MS, at_ns: (at_ms * MS) as u64, rate }
    }

    #[test]
    fn it_is_published_at_once_when_its_rate_changes_and_else_now_and_then() {
        let mut k = Keeper::default();
        assert_eq!(k.heard(clock(0, 100, 1.0)), Some(clock(0, 100, 1.0)));
        assert_eq!(k.heard(clock(5, 105, 1.0)), None);
        assert_eq!(k.heard(clock(6, 106, 0.0)), Some(clock(6, 106, 0.0)));
        assert_eq!(k.heard(clock(30, 130, 1.0)), Some(clock(30, 130, 1.0)));
    }

    #[test]
    fn after_standing_still_it_does_not_run_back() {
        let mut k = Keeper::default();
        k.heard(clock(100, 100, 0.0));
        assert_eq!(k.heard(clock(90, 200, 1.0)), Some(clock(100, 200, 0.0)));
        assert_eq!(k.heard(clock(101, 211, 1.0)), Some(clock(101, 211, 1.0)));
    }

    #[test]
    fn with_nothing_to_hear_it_goes_on_straight_and_pauses() {
        let mut k = Keeper::default();
        assert_eq!(k.coast(5, false, 1.0), None, "a clock that has not started is no clock");
        k.heard(clock(100, 100, 1.0));
        assert_eq!(k.coast(150 * MS as u64, false, 1.0), None);
        assert_eq!(k.coast(200 * MS as u64, true, 1.0), Some(clock(200, 200, 0.0)));
        assert_eq!(k.coast(900 * MS as u64, false, 2.0), Some(clock(200, 900, 2.0)));
    }
}
