//! Where sound goes: one small trait, behind which a sink says in its own time what it has taken and what is heard now.
//!
//! A sink knows nothing of the film. It counts nanoseconds of sound since its last flush; the speaker maps them to film
//! time.

mod null;
mod pulse;
mod wav;

use tricine_session::frame::usual_speakers;

pub(crate) use null::Null;
pub(crate) use pulse::{Line, Pulse, Talker, connection, probe};
pub(crate) use wav::Recorder;

/// What interleaved samples are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// 1..=8.
    pub channels: u16,
    /// In Hz, not 0.
    pub rate: u32,
    /// What each channel is for, one bit a channel as in `dwChannelMask`.
    pub speakers: u32,
}

impl Format {
    /// Two channels, left and right.
    pub(crate) const fn stereo(rate: u32) -> Self {
        Self { channels: 2, rate, speakers: 3 }
    }

    /// So many channels, for the usual speakers.
    pub(crate) const fn usual(channels: u16, rate: u32) -> Self {
        Self { channels, rate, speakers: usual_speakers(channels as u32) }
    }

    /// How long so many sample times last, in ns.
    pub(crate) fn ns(self, times: u64) -> u64 {
        (u128::from(times) * 1_000_000_000 / u128::from(self.rate)) as u64
    }

    /// Sample times within `ns`, rounded to the nearest.
    pub(crate) fn times(self, ns: u64) -> u64 {
        ((u128::from(ns) * u128::from(self.rate) + 500_000_000) / 1_000_000_000) as u64
    }
}

/// What is heard now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heard {
    /// How much of what was written since the last flush has been heard, in ns of sound.
    pub position_ns: u64,
    /// All of it: nothing but silence comes out until more is written.
    pub dry: bool,
    /// Whether it moves on by itself.
    pub moving: bool,
    /// Whether the position is exact by now. A device's first answers are not.
    pub settled: bool,
}

/// Sound that is in a sink since before this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inherited {
    /// As if this much had been written since the last flush, in ns of sound.
    pub written_ns: u64,
    /// When all of it will have been heard, on CLOCK_MONOTONIC.
    pub until_ns: u64,
}

/// A place for sound. Nothing here blocks.
pub(crate) trait Sink {
    /// What it is, for the user, such as `null`; `None` if that is not known, or is as a predecessor has told.
    fn describe(&self) -> Option<String>;

    /// The format in which it takes what comes as `source`.
    fn takes(&mut self, source: Format) -> Format;

    /// How much sound it takes now, in ns.
    fn room_ns(&mut self, now_ns: u64) -> u64;

    /// Takes samples, little more than there is room for.
    fn write(&mut self, samples: &[f32], format: Format, now_ns: u64);

    /// What is heard at `now_ns`; `None` while nothing is known to come out.
    fn heard(&mut self, now_ns: u64) -> Option<Heard>;

    /// Stands still, or goes on where it stood.
    fn pause(&mut self, paused: bool, now_ns: u64);

    /// Forgets at once what was not heard yet, and counts from 0 again.
    fn flush(&mut self, now_ns: u64);

    /// How loud, as a factor of the samples.
    fn set_gain(&mut self, gain: f32);

    /// How it is; looks for news.
    fn health(&mut self, _now_ns: u64) -> &Health {
        &Health::Ready
    }

    /// Whether it has to be kept going to know how long sound takes to be heard.
    fn wants_priming(&self) -> bool {
        false
    }

    /// What a successor of this process needs to take it up where it is; 0 if it cannot.
    fn legacy(&self) -> u64 {
        0
    }

    /// What a predecessor has left in it, once.
    fn inherited(&mut self) -> Option<Inherited> {
        None
    }

    /// How often it ran dry by its own fault.
    fn late(&self) -> u64 {
        0
    }
}

/// How a sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// It is not known yet whether it will do.
    Opening,
    /// It takes sound.
    Ready,
    /// It has gone, for this reason.
    Lost(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_exact_over_a_long_film() {
        let f = Format::stereo(44_100);
        assert_eq!(f.ns(44_100 * 36_000), 36_000_000_000_000);
        for times in [1, 441, 1023, 158_760_001] {
            assert_eq!(f.times(f.ns(times)), times);
        }
    }
}
