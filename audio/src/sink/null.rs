//! The sink that discards: timed by CLOCK_MONOTONIC, or not at all.

use super::{Format, Heard, Sink};

/// How much it takes ahead. Enough that a late wake-up does not run it dry.
const AHEAD_NS: u64 = 200_000_000;

/// Takes sound and forgets it as fast as it would be heard.
#[derive(Debug)]
pub(crate) struct Null {
    unpaced: bool,
    written_ns: u64,
    /// What had been heard when it was last set going or stopped.
    base_ns: u64,
    /// When it was last set going; `None` while it stands still or is dry.
    since_ns: Option<u64>,
    paused: bool,
}

impl Null {
    pub(crate) fn new(unpaced: bool, paused: bool) -> Self {
        Self { unpaced, written_ns: 0, base_ns: 0, since_ns: None, paused }
    }

    fn position(&self, now_ns: u64) -> u64 {
        let gone = self.since_ns.map_or(0, |since| now_ns.saturating_sub(since));
        if self.unpaced { self.written_ns } else { (self.base_ns + gone).min(self.written_ns) }
    }
}

impl Sink for Null {
    fn describe(&self) -> Option<String> {
        Some("null".into())
    }

    fn takes(&mut self, source: Format) -> Format {
        source
    }

    fn room_ns(&mut self, now_ns: u64) -> u64 {
        AHEAD_NS.saturating_sub(if self.unpaced { 0 } else { self.written_ns - self.position(now_ns) })
    }

    fn write(&mut self, samples: &[f32], format: Format, now_ns: u64) {
        let position = self.position(now_ns);
        if !self.paused && (self.since_ns.is_none() || position == self.written_ns) {
            (self.base_ns, self.since_ns) = (position, Some(now_ns));
        }
        self.written_ns += format.ns(samples.len() as u64 / u64::from(format.channels));
    }

    fn heard(&mut self, now_ns: u64) -> Option<Heard> {
        let position_ns = self.position(now_ns);
        let dry = position_ns == self.written_ns;
        Some(Heard { position_ns, dry, moving: !dry && !self.paused, settled: true })
    }

    fn pause(&mut self, paused: bool, now_ns: u64) {
        if paused != self.paused {
            self.base_ns = self.position(now_ns);
            self.since_ns = (!paused && self.base_ns < self.written_ns).then_some(now_ns);
            self.paused = paused;
        }
    }

    fn flush(&mut self, _now_ns: u64) {
        (self.written_ns, self.base_ns, self.since_ns) = (0, 0, None);
    }

    fn set_gain(&mut self, _gain: f32) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONO: Format = Format::usual(1, 1000);
    const MS: u64 = 1_000_000;

    fn at(sink: &mut Null, ms: u64) -> (u64, bool) {
        let heard = sink.heard(ms * MS).unwrap();
        (heard.position_ns / MS, heard.dry)
    }

    #[test]
    fn it_runs_with_the_clock_stands_when_dry_and_goes_on_with_what_comes() {
        let mut sink = Null::new(false, false);
        sink.write(&[0.0; 100], MONO, 1000 * MS);
        assert_eq!(at(&mut sink, 1040), (40, false));
        assert_eq!(sink.room_ns(1040 * MS), 140 * MS);
        assert_eq!(at(&mut sink, 1200), (100, true));
        sink.write(&[0.0; 100], MONO, 1300 * MS);
        assert_eq!(at(&mut sink, 1300), (100, false));
        assert_eq!(at(&mut sink, 1350), (150, false));
    }

    #[test]
    fn it_goes_on_after_a_pause_where_it_stood() {
        let mut sink = Null::new(false, false);
        sink.write(&[0.0; 100], MONO, 0);
        sink.pause(true, 30 * MS);
        assert_eq!(at(&mut sink, 500), (30, false));
        sink.pause(false, 600 * MS);
        assert_eq!(at(&mut sink, 610), (40, false));
        sink.flush(610 * MS);
        assert_eq!(at(&mut sink, 620), (0, true));
    }

    #[test]
    fn filled_while_paused_it_starts_when_it_is_let_go() {
        let mut sink = Null::new(false, true);
        sink.write(&[0.0; 100], MONO, 0);
        assert_eq!(at(&mut sink, 50), (0, false));
        sink.pause(false, 70 * MS);
        assert_eq!(at(&mut sink, 80), (10, false));
    }
}
