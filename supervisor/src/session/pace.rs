//! How fast this machine decodes, beside what the film asks for: told with `-v` at an input's end, in the report, and once while it plays
//! if the machine is too slow for it.

use tricine_session::control::DecoderPage;
use tricine_session::control::ReadOnly;
use tricine_session::link::InputSpec;

use super::Session;

/// So many pictures have to be timed before anything is said of them.
const ENOUGH: u64 = 25;

/// What was counted of pictures, over all inputs or since an input began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Pace {
    timed: u64,
    decoding_ns: u64,
    written: u64,
    writing_ns: u64,
    dropped: u64,
}

/// What a picture takes, in ns: to be decoded, and to be written into its slot. Both go on at the same time, in a thread each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    pub(crate) decoding_ns: u64,
    pub(crate) writing_ns: u64,
}

impl Cost {
    /// How many pictures a second that makes.
    pub(crate) fn rate(self) -> f64 {
        1e9 / self.decoding_ns.max(self.writing_ns).max(1) as f64
    }
}

impl Pace {
    pub(crate) fn read(decoder: &DecoderPage<ReadOnly>, dropped: u64) -> Self {
        Self {
            timed: decoder.video_timed.get(),
            decoding_ns: decoder.video_decoding_ns.get(),
            written: decoder.video_decoded.get(),
            writing_ns: decoder.video_writing_ns.get(),
            dropped,
        }
    }

    /// What was counted since `begun`.
    fn since(self, begun: Self) -> Self {
        Self {
            timed: self.timed.saturating_sub(begun.timed),
            decoding_ns: self.decoding_ns.saturating_sub(begun.decoding_ns),
            written: self.written.saturating_sub(begun.written),
            writing_ns: self.writing_ns.saturating_sub(begun.writing_ns),
            dropped: self.dropped.saturating_sub(begun.dropped),
        }
    }

    /// What a picture took; `None` if too few were timed.
    pub(crate) fn cost(self) -> Option<Cost> {
        let mean = |ns: u64, count: u64| ns.checked_div(count);
        let (decoding_ns, writing_ns) = (mean(self.decoding_ns, self.timed)?, mean(self.writing_ns, self.written)?);
        (self.timed >= ENOUGH).then_some(Cost { decoding_ns, writing_ns })
    }

    /// Of a film that wants `wanted` pictures a second: how many this machine makes, if that is why many are dropped.
    fn too_slow(self, wanted: f64) -> Option<f64> {
        let many = self.dropped.saturating_mul(10) > self.written;
        self.cost().map(Cost::rate).filter(|rate| many && *rate < wanted)
    }
}

impl Session {
    fn pace_now(&self) -> Pace {
        Pace::read(self.control.decoder(), self.control.renderer().dropped.get())
    }

    /// An input begins.
    pub(super) fn begin_pace(&mut self) {
        (self.pace_begun, self.pace_told) = (self.pace_now(), false);
    }

    /// Says what pictures took of the input that is over.
    pub(super) fn tell_pace(&self) {
        let Some(cost) = self.pace_now().since(self.pace_begun).cost() else { return };
        self.tell_some(|| {
            let ms = |ns: u64| ns as f64 / 1e6;
            let pace = self.film_rate().map(|rate| format!(", {:.1} times as fast as it plays", cost.rate() / rate));
            format!(
                "a picture took {:.2} ms to decode and {:.2} ms to hand over{}",
                ms(cost.decoding_ns),
                ms(cost.writing_ns),
                pace.unwrap_or_default()
            )
        });
    }

    fn film_rate(&self) -> Option<f64> {
        self.opened.as_ref()?.video.as_ref()?.rate.filter(|rate| *rate > 0.0)
    }

    /// Says once of an input that this machine is too slow for it.
    pub(super) fn tell_too_slow(&mut self) {
        let comes_by_itself = self.current.as_ref().is_some_and(|input| input.spec == InputSpec::Pipe);
        if self.pace_told || self.options.unpaced || comes_by_itself {
            return;
        }
        let Some(rate) = self.film_rate() else { return };
        let Some(made) = self.pace_now().since(self.pace_begun).too_slow(rate * self.state.speed) else { return };
        self.pace_told = true;
        let at = if self.state.speed == 1.0 { String::new() } else { format!(" at \u{d7}{}", self.state.speed) };
        self.status.notice(&format!(
            "this machine makes {made:.0} of the {:.0} pictures a second that the film has{at}, and leaves out the others",
            rate * self.state.speed
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_too_slow_where_pictures_are_dropped_and_take_longer_than_they_are_shown() {
        let pace = Pace { timed: 100, decoding_ns: 5_000_000_000, written: 100, writing_ns: 100_000_000, dropped: 60 };
        assert_eq!(pace.cost(), Some(Cost { decoding_ns: 50_000_000, writing_ns: 1_000_000 }));
        assert_eq!(pace.too_slow(60.0), Some(20.0));
        // Others keep it from the processor, or the display is slow: that is not said of the decoder.
        assert_eq!(pace.too_slow(19.0), None);
        assert_eq!(Pace { dropped: 9, ..pace }.too_slow(60.0), None);
        assert_eq!(Pace { timed: 24, ..pace }.too_slow(60.0), None);
        // What takes longer rules.
        assert_eq!(Pace { writing_ns: 10_000_000_000, ..pace }.too_slow(60.0), Some(10.0));
        assert_eq!(pace.since(Pace { timed: 80, ..pace }).cost(), None);
    }
}
