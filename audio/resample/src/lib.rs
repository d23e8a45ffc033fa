//! From one rate of samples to another by Fourier transforms, by `rubato`.
//!
//! A crate of its own, since the library is generic: whoever calls it compiles it, in each form that the caller is built in.
#![forbid(unsafe_code)]

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

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
    fft: Fft<f32>,
    channels: usize,
}

impl Resampler {
    /// From one rate to another, in Hz, about `chunk` sample times at once. Errors: there is no such ratio.
    pub fn new(from: u32, to: u32, chunk: usize, channels: usize) -> Result<Self, Error> {
        let fft = Fft::new(from as usize, to as usize, chunk, channels, FixedSync::Input).map_err(Error::new)?;
        Ok(Self { fft, channels })
    }

    /// Sample times that come out before the first one that went in.
    pub fn delay(&self) -> usize {
        self.fft.output_delay()
    }

    /// Sample times that [`Self::process`] takes next.
    pub fn wanted(&self) -> usize {
        self.fft.input_frames_next()
    }

    /// Resamples exactly [`Self::wanted`] sample times. Errors: it is another number of them.
    pub fn process(&mut self, block: &[f32]) -> Result<Vec<f32>, Error> {
        let input = InterleavedSlice::new(block, self.channels, self.wanted()).map_err(Error::new)?;
        Ok(self.fft.process(&input, None).map_err(Error::new)?.take_data())
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resampler")
    }
}
