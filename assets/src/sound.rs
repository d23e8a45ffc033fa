//! The sound: a beep at each whole second, to the sample, over a pad soft enough that the beep is found by a threshold.

use crate::film::{FPS, SECONDS};
use std::{f64::consts::TAU, io};

/// Samples a second, of each of two channels.
pub(crate) const RATE: u32 = 48_000;
/// Length of a beep in samples: 60 ms.
pub(crate) const BEEP: u32 = RATE * 60 / 1000;
/// Full scale is 1: the loudest that a beep and the pad can be.
const BEEP_LEVEL: f64 = 0.5;
const PAD_LEVEL: f64 = 0.035;
/// Seconds of each chord; an accented beep starts each of them.
const CHORD: u32 = 5;
/// Chords as frequencies in hertz: A minor 9, F major 7, C major 9, G with a sixth.
const CHORDS: [[f64; 5]; 4] = [
    [110.0, 164.81, 246.94, 261.63, 329.63],
    [87.31, 174.61, 220.0, 261.63, 329.63],
    [130.81, 164.81, 196.0, 246.94, 293.66],
    [98.0, 146.83, 196.0, 246.94, 329.63],
];

/// The first sample of the beep that belongs to a second of the film.
pub(crate) fn onset(second: u32) -> u32 {
    second * RATE
}

/// The beep alone, at a sample of the film.
fn beep(sample: u32) -> f64 {
    let second = sample / RATE;
    let after = sample - onset(second);
    if after >= BEEP {
        return 0.0;
    }
    let pitch = if second.is_multiple_of(CHORD) { 1320.0 } else { 880.0 };
    let t = f64::from(after) / f64::from(RATE);
    // A short attack and a bell's decay, faded to nothing at the end so that nothing clicks.
    let attack = (t / 0.0015).min(1.0);
    let release = ((f64::from(BEEP - after)) / (0.015 * f64::from(RATE))).min(1.0);
    // Cosine phase: the tone starts with its energy, not with a zero crossing.
    let tone = (TAU * pitch * t).cos() + 0.22 * (TAU * 2.0 * pitch * t).cos() + 0.08 * (TAU * 3.0 * pitch * t).cos();
    BEEP_LEVEL / 1.3 * attack * release * (-t / 0.045).exp() * tone
}

/// The pad alone, at a time in seconds, on one side (-1 left, 1 right).
fn pad(t: f64, side: f64) -> f64 {
    let bell = |x: f64| (x.clamp(0.0, 1.0) * TAU / 4.0).sin().powi(2);
    let ends = bell(t / 2.0) * bell((f64::from(SECONDS) - t) / 3.0);
    let now = (t / f64::from(CHORD)) as i64;
    // The chord before still fades while this one rises.
    let voices: f64 = [now - 1, now]
        .into_iter()
        .filter(|chord| *chord >= 0)
        .map(|chord| {
            let age = t - (chord * i64::from(CHORD)) as f64;
            let loud = bell(age / 2.5) * bell((f64::from(CHORD) + 2.5 - age) / 2.5);
            let notes = CHORDS[chord as usize % CHORDS.len()].iter().enumerate();
            let sum: f64 = notes
                .map(|(i, pitch)| {
                    let turn = i as f64;
                    let swell = 0.7 + 0.3 * (TAU * t * (0.07 + 0.02 * turn) + turn + side).sin();
                    // The two sides are detuned against each other: width without an effect.
                    let pitch = pitch * (1.0 + side * 0.0009);
                    let warm = (TAU * pitch * t + turn).sin() + 0.35 * (TAU * 2.002 * pitch * t).sin();
                    swell * warm * (1.0 - 0.12 * turn)
                })
                .sum();
            loud * sum
        })
        .sum();
    PAD_LEVEL * ends * voices / 6.0
}

/// The whole sound, left and right samples by turns.
pub(crate) fn samples() -> impl Iterator<Item = i16> {
    (0..SECONDS * RATE).flat_map(|sample| {
        let t = f64::from(sample) / f64::from(RATE);
        [-1.0, 1.0].map(|side| ((beep(sample) + pad(t, side)) * 32767.0).round() as i16)
    })
}

/// The loudest sample during each film frame, from 0 to 1: what the audio lane draws.
pub(crate) fn envelope() -> Vec<f32> {
    let all: Vec<i16> = samples().collect();
    all.chunks((2 * RATE / FPS) as usize)
        .map(|part| part.iter().fold(0.0_f32, |peak, sample| peak.max(f32::from(sample.unsigned_abs()) / 32768.0)))
        .collect()
}

/// Writes the sound as a WAV file.
pub(crate) fn write_wav(mut to: impl io::Write) -> io::Result<()> {
    let data = SECONDS * RATE * 4;
    to.write_all(b"RIFF")?;
    to.write_all(&(36 + data).to_le_bytes())?;
    to.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x02\0")?;
    to.write_all(&RATE.to_le_bytes())?;
    to.write_all(&(RATE * 4).to_le_bytes())?;
    to.write_all(b"\x04\0\x10\0data")?;
    to.write_all(&data.to_le_bytes())?;
    to.write_all(&samples().flat_map(i16::to_le_bytes).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beep_starts_at_the_sample_of_its_second_and_lasts_sixty_milliseconds() {
        for second in 0..SECONDS {
            let start = onset(second);
            assert_eq!(start % RATE, 0);
            assert!(start == 0 || (start - RATE + BEEP..start).all(|sample| beep(sample) == 0.0));
            assert!((start..start + 72).any(|sample| beep(sample).abs() > 0.2), "not loud within 1.5 ms");
            assert_eq!(beep(start + BEEP), 0.0);
        }
    }

    #[test]
    fn the_pad_is_at_least_twenty_decibels_below_the_beep_and_never_silent_inside() {
        let peak =
            |range: std::ops::Range<u32>, of: &dyn Fn(u32) -> f64| range.map(|s| of(s).abs()).fold(0.0, f64::max);
        let pad_peak = peak(0..SECONDS * RATE, &|sample| pad(f64::from(sample) / f64::from(RATE), 1.0));
        assert!(pad_peak > 0.01);
        for second in 0..SECONDS {
            let beep_peak = peak(onset(second)..onset(second) + BEEP, &beep);
            assert!(beep_peak >= 10.0 * pad_peak, "second {second}: {beep_peak} over {pad_peak}");
            if (2..SECONDS - 3).contains(&second) {
                assert!(peak(onset(second)..onset(second + 1), &|s| pad(f64::from(s) / f64::from(RATE), 1.0)) > 0.002);
            }
        }
    }

    #[test]
    fn the_wav_file_is_as_long_as_the_film() {
        let mut wav = Vec::new();
        write_wav(&mut wav).unwrap();
        assert_eq!(wav.len() as u32, 44 + SECONDS * RATE * 4);
        assert_eq!(wav[4..8], (wav.len() as u32 - 8).to_le_bytes());
    }
}
