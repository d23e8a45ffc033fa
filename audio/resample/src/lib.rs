//! From one rate of samples to another by windowed sincs, by `rubato`.
//!
//! A crate of its own, since the library is generic: whoever calls it compiles it, in each form that the caller is built in.
#![forbid(unsafe_code)]

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction};

/// Taps of the filter, at the lower of the two rates: aliases lie 100 dB below, and the band ends at 0.95 of the half of that rate.
const TAPS: usize = 256;
/// Phases of the filter for which there are tables: enough for 11,025 Hz in 48,000, and 640 kB at the most.
const PHASES: usize = 640;

/// What the library said that went wrong. It is for the log: rates are checked before.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Turns interleaved samples of one rate into those of another.
pub struct Resampler {
    sincs: Async<f32>,
    channels: usize,
    lead: usize,
    delay: usize,
}

impl Resampler {
    /// From one rate to another, in Hz, about `chunk` sample times at once. Errors: there is no such ratio.
    pub fn new(from: u32, to: u32, chunk: usize, channels: usize) -> Result<Self, Error> {
        // Between two rates a sample falls on one of so many places between two others.
        let common = gcd(from, to) as usize;
        let (phases, steps) = (to as usize / common, from as usize / common);
        let taps = (TAPS * from.max(to) as usize / to as usize).next_multiple_of(8);
        let filter = SincInterpolationParameters::new(taps, WindowFunction::BlackmanHarris2);
        let filter = match phases {
            0..=PHASES => filter.oversampling_factor(phases).interpolation(SincInterpolationType::Nearest),
            _ => filter.oversampling_factor(256).interpolation(SincInterpolationType::Cubic),
        };
        let ratio = f64::from(to) / f64::from(from);
        let sincs = Async::new_sinc(ratio, 1.0, &filter, chunk, channels, FixedAsync::Input).map_err(Error::new)?;
        // The library's first output stands one step behind the one that it begins from, and its filter's middle one phase before the
        // middle of its taps: of that, what is no whole number of samples is made up by silence.
        let behind = |lead: usize| (lead + taps / 2) * phases - 1;
        let lead = (0..steps).find(|&lead| behind(lead).is_multiple_of(steps)).unwrap_or(0);
        Ok(Self { sincs, channels, lead, delay: behind(lead) / steps - 1 })
    }

    /// Sample times of silence to be put in front of what goes in, so that the delay is a whole number of those that come out.
    pub fn lead(&self) -> usize {
        self.lead
    }

    /// Sample times that come out before the first one that went in, behind the silence of [`Self::lead`].
    pub fn delay(&self) -> usize {
        self.delay
    }

    /// Sample times that [`Self::process`] takes next.
    pub fn wanted(&self) -> usize {
        self.sincs.input_frames_next()
    }

    /// Resamples exactly [`Self::wanted`] sample times. Errors: it is another number of them.
    pub fn process(&mut self, block: &[f32]) -> Result<Vec<f32>, Error> {
        let input = InterleavedSlice::new(block, self.channels, self.wanted()).map_err(Error::new)?;
        Ok(self.sincs.process(&input, None).map_err(Error::new)?.take_data())
    }
}

/// The greatest common divisor of two rates; of a rate and nothing, the rate.
fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resampler")
    }
}
