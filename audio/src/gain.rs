//! How loud: the user's volume as a factor, reached without a click.

/// The factor of a volume 0..=100: cubic, so that steps sound alike; 100 changes nothing.
pub(crate) fn factor(volume: u8, muted: bool) -> f32 {
    if muted { 0.0 } else { (f32::from(volume.min(100)) / 100.0).powi(3) }
}

/// A factor that moves to where it is wanted within [`RAMP_S`].
#[derive(Debug)]
pub(crate) struct Ramp {
    now: f32,
}

/// Long enough to be no click, short enough to be no delay.
const RAMP_S: f32 = 0.01;

impl Ramp {
    pub(crate) fn new(factor: f32) -> Self {
        Self { now: factor }
    }

    /// Scales interleaved samples, on the way to `wanted`.
    pub(crate) fn apply(&mut self, samples: &mut [f32], channels: usize, rate: u32, wanted: f32) {
        if self.now == wanted && wanted == 1.0 {
            return;
        }
        let step = 1.0 / (RAMP_S * rate as f32);
        for time in samples.chunks_mut(channels.max(1)) {
            self.now += (wanted - self.now).clamp(-step, step);
            time.iter_mut().for_each(|sample| *sample *= self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_is_unity_and_nothing_is_silence() {
        for (volume, muted, wanted) in
            [(100, false, 1.0), (0, false, 0.0), (100, true, 0.0), (50, false, 0.125), (255, false, 1.0)]
        {
            assert_eq!(factor(volume, muted), wanted);
        }
    }

    #[test]
    fn a_change_takes_ten_milliseconds_without_a_step() {
        let mut ramp = Ramp::new(1.0);
        let mut samples = [1.0; 2000];
        ramp.apply(&mut samples, 2, 48_000, 0.0);
        assert!(samples.windows(4).all(|w| w[0] - w[3] < 0.01));
        assert_eq!((samples[0], samples[1]), (samples[1], samples[0]), "both channels alike");
        assert!(samples[900] > 0.0 && samples[970] == 0.0);
    }
}
