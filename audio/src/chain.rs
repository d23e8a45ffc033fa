//! From a block as it came to chunks as the sink takes them: channels, speed, rate, in this order.

use tricine_resample::Resampler;

use crate::backlog::{Backlog, Chunk};
use crate::mix;
use crate::sink::Format;
use crate::stretch::Stretch;

/// Sample times that the resampler works on at once.
const CHUNK: usize = 512;

struct Resampling {
    kernel: Resampler,
    from: Format,
    to: Format,
    input: Vec<f32>,
    /// Sample times in and out so far.
    taken: u64,
    given: u64,
    /// Sample times that come out before the first one that went in.
    delay: usize,
}

/// Turns one stream of blocks into chunks.
#[derive(Default)]
pub(crate) struct Chain {
    stretch: Option<(Stretch, f64)>,
    resampling: Option<Resampling>,
    /// What is in progress: the format that came, the one that goes out.
    formats: Option<(Format, Format)>,
    /// Film time of the next sample that goes out, in ns.
    next_pts_ns: f64,
}

impl Chain {
    /// Takes samples that go on where the last ones ended, or after [`Chain::finish`] begin at `pts_ns`. They are to be
    /// heard at `speed`, by a sink that takes `to`.
    pub(crate) fn push(&mut self, chunk: &Chunk, to: Format, backlog: &mut Backlog) {
        let speed_changed = self.stretch.as_ref().is_some_and(|(_, before)| *before != chunk.speed);
        // Sound inside the resampler would be taken for sound of another speed.
        let must_restart = self.formats.is_some_and(|formats| formats != (chunk.format, to))
            || (self.resampling.is_some() && (speed_changed || (self.stretch.is_none() && chunk.speed != 1.0)));
        if must_restart {
            self.finish(backlog);
        }
        let middle = Format { rate: chunk.format.rate, ..to };
        if self.formats.is_none() {
            self.formats = Some((chunk.format, to));
            self.next_pts_ns = chunk.pts_ns as f64;
            self.resampling = if middle.rate == to.rate { None } else { Resampling::new(middle, to) };
        }
        let mixed = mix::remix(&chunk.samples, chunk.format.speakers, to.speakers);
        // At speed 1 there is nothing to do, unless there was: then it goes on without a seam.
        if self.stretch.is_none() && chunk.speed != 1.0 {
            self.stretch = Some((Stretch::new(middle.channels, middle.rate), chunk.speed));
        }
        let stretched = match &mut self.stretch {
            Some((stretch, speed)) => {
                *speed = chunk.speed;
                stretch.push(&mixed, chunk.speed)
            }
            None => mixed,
        };
        self.give(&stretched, middle, chunk.speed, backlog);
    }

    /// Gives out all that is in progress. The next samples may begin anywhere.
    pub(crate) fn finish(&mut self, backlog: &mut Backlog) {
        if let Some((from, to)) = self.formats.take() {
            let speed = self.stretch.as_ref().map_or(1.0, |(_, speed)| *speed);
            if let Some((mut stretch, speed)) = self.stretch.take() {
                let rest = stretch.finish(speed);
                self.give(&rest, Format { rate: from.rate, ..to }, speed, backlog);
            }
            if let Some(mut resampling) = self.resampling.take() {
                let rest = resampling.finish();
                self.emit(rest, to, speed, backlog);
            }
        }
    }

    fn give(&mut self, samples: &[f32], format: Format, speed: f64, backlog: &mut Backlog) {
        match &mut self.resampling {
            Some(resampling) => {
                let to = resampling.to;
                let out = resampling.push(samples);
                self.emit(out, to, speed, backlog);
            }
            None => self.emit(samples.to_vec(), format, speed, backlog),
        }
    }

    fn emit(&mut self, samples: Vec<f32>, format: Format, speed: f64, backlog: &mut Backlog) {
        let chunk = Chunk { samples, format, pts_ns: self.next_pts_ns.round() as i64, speed };
        self.next_pts_ns += chunk.times() as f64 * 1e9 / f64::from(format.rate) * speed;
        backlog.push(chunk);
    }
}

impl Resampling {
    fn new(from: Format, to: Format) -> Option<Self> {
        let channels = usize::from(from.channels);
        match Resampler::new(from.rate, to.rate, CHUNK, channels) {
            Ok(kernel) => {
                let (delay, input) = (kernel.delay(), vec![0.0; kernel.lead() * channels]);
                Some(Self { kernel, from, to, input, taken: 0, given: 0, delay })
            }
            Err(error) => {
                tracing::error!("resampler: {error}");
                None
            }
        }
    }

    fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        let channels = usize::from(self.from.channels);
        self.input.extend_from_slice(samples);
        self.taken += (samples.len() / channels) as u64;
        let mut out = Vec::new();
        loop {
            let len = self.kernel.wanted() * channels;
            let Some(block) = self.input.get(..len) else { break };
            let done = self.kernel.process(block);
            self.input.drain(..len);
            match done {
                Ok(data) => {
                    let late = (self.delay * channels).min(data.len());
                    self.delay -= late / channels;
                    out.extend_from_slice(&data[late..]);
                }
                Err(error) => tracing::error!("resampler: {error}"),
            }
        }
        self.given += (out.len() / channels) as u64;
        out
    }

    /// Presses out what is inside, so that as much has come out as went in.
    fn finish(&mut self) -> Vec<f32> {
        let channels = usize::from(self.from.channels);
        let wanted = self.to.times(self.from.ns(self.taken)).saturating_sub(self.given);
        let mut out = Vec::new();
        let block = vec![0.0; self.kernel.wanted() * channels];
        // Bounded: a resampler that gives nothing is not asked for ever.
        for _ in 0..64 {
            if out.len() as u64 >= wanted * channels as u64 {
                break;
            }
            out.extend(self.push(&block));
        }
        out.truncate(wanted as usize * channels);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(from: Format, to: Format, speed: f64, times: usize) -> (Vec<f32>, i64, i64) {
        let mut chain = Chain::default();
        let mut backlog = Backlog::default();
        let hz = 500.0;
        for first in (0..times).step_by(1000) {
            let of = |i: usize| (0.5 * (std::f64::consts::TAU * hz * i as f64 / f64::from(from.rate)).sin()) as f32;
            let samples = (first..(first + 1000).min(times))
                .flat_map(|i| std::iter::repeat_n(of(i), from.channels.into()))
                .collect();
            let pts_ns = 1_000_000_000 + from.ns(first as u64) as i64;
            chain.push(&Chunk { samples, format: from, pts_ns, speed }, to, &mut backlog);
        }
        chain.finish(&mut backlog);
        let start = backlog.pts_ns().unwrap();
        let (mut out, mut end) = (Vec::new(), 0);
        while let Some(chunk) = backlog.take(u64::MAX >> 1) {
            assert_eq!(chunk.format, to);
            assert!(end == 0 || (chunk.pts_ns - end).abs() < 1000, "a gap of {} ns", chunk.pts_ns - end);
            end = chunk.end_pts_ns();
            out.extend(chunk.samples);
        }
        (out, start, end)
    }

    #[test]
    fn any_format_at_any_speed_keeps_its_film_time_and_its_signal() {
        for (channels, rate) in [(1, 48_000), (2, 44_100), (6, 22_050), (2, 384_000)] {
            for speed in [1.0, 0.5, 2.0] {
                let (from, to) = (Format::usual(channels, rate), Format::stereo(48_000));
                let (out, start, end) = run(from, to, speed, rate as usize);
                assert_eq!(start, 1_000_000_000);
                assert!((end - 2_000_000_000).abs() < 100_000, "{from:?} {speed}: ends at {end}");
                let left: Vec<f32> = out.iter().step_by(2).copied().collect();
                let middle = &left[left.len() / 5..left.len() * 4 / 5];
                let crossings = middle.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count() as f64;
                let hz = crossings * 48_000.0 / middle.len() as f64;
                assert!((hz - 500.0).abs() < 10.0, "{from:?} {speed}: {hz} Hz");
            }
        }
    }

    #[test]
    fn a_resampled_signal_is_not_delayed() {
        let down = [(48_000, 44_100), (96_000, 48_000), (192_000, 48_000), (384_000, 44_100)];
        // The last rate has too many places between two samples for a table of each.
        let up = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 44_056].map(|rate| (rate, 48_000));
        for (from, to) in down.into_iter().chain(up) {
            let (out, ..) = run(Format::usual(1, from), Format::usual(1, to), 1.0, from as usize);
            for (i, sample) in out.iter().enumerate().skip(2000).take(40_000) {
                let wanted = 0.5 * (std::f64::consts::TAU * 500.0 * i as f64 / f64::from(to)).sin();
                assert!((f64::from(*sample) - wanted).abs() < 0.0005, "{from} to {to}: {i}: {sample} for {wanted}");
            }
        }
    }
}
