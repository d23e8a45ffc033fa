//! Channels: from what a film has to the two that a stereo sink takes.

const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// How much of each channel, in WAVE order, goes to the left and to the right, after ITU-R BS.775 as FFmpeg applies it:
/// centre and surround 3 dB down, the low frequencies left out. Not normalised yet.
fn weights(channels: usize) -> &'static [(f32, f32)] {
    const FL: (f32, f32) = (1.0, 0.0);
    const FR: (f32, f32) = (0.0, 1.0);
    const FC: (f32, f32) = (HALF, HALF);
    const LFE: (f32, f32) = (0.0, 0.0);
    const LEFT: (f32, f32) = (HALF, 0.0);
    const RIGHT: (f32, f32) = (0.0, HALF);
    const BACK: (f32, f32) = (0.5, 0.5);
    match channels {
        1 => &[(1.0, 1.0)],
        2 => &[FL, FR],
        3 => &[FL, FR, FC],
        4 => &[FL, FR, LEFT, RIGHT],
        5 => &[FL, FR, FC, LEFT, RIGHT],
        6 => &[FL, FR, FC, LFE, LEFT, RIGHT],
        7 => &[FL, FR, FC, LFE, BACK, LEFT, RIGHT],
        _ => &[FL, FR, FC, LFE, LEFT, RIGHT, LEFT, RIGHT],
    }
}

/// Interleaved samples of `from` channels as `to` channels: two for whatever there is, or as they are.
///
/// More than two become stereo so that full scale on all of them cannot clip. Any other number than two is cut or filled
/// with silence.
pub(crate) fn remix(samples: &[f32], from: u16, to: u16) -> Vec<f32> {
    let (from, to) = (usize::from(from.max(1)), usize::from(to));
    if from == to {
        return samples.to_vec();
    }
    let times = samples.chunks_exact(from);
    if to != 2 {
        return times.flat_map(|time| (0..to).map(|c| time.get(c).copied().unwrap_or(0.0))).collect();
    }
    let weights = weights(from);
    let sum = weights.iter().map(|w| w.0).sum::<f32>().max(1.0);
    let side = |time: &[f32], weight: fn(&(f32, f32)) -> f32| {
        time.iter().zip(weights).map(|(sample, w)| sample * weight(w)).sum::<f32>() / sum
    };
    times.flat_map(|time| [side(time, |w| w.0), side(time, |w| w.1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_goes_to_both_sides_unchanged() {
        assert_eq!(remix(&[0.5, -1.0], 1, 2), [0.5, 0.5, -1.0, -1.0]);
    }

    #[test]
    fn full_scale_on_every_channel_never_clips_and_sides_stay_apart() {
        for channels in 3..=8u16 {
            let loud = remix(&vec![1.0; usize::from(channels)], channels, 2);
            assert!(loud.iter().all(|s| (0.99..=1.000_001).contains(s)), "{channels}: {loud:?}");
            let mut left = vec![0.0; usize::from(channels)];
            left[0] = 1.0;
            let out = remix(&left, channels, 2);
            assert!(out[0] > 0.3 && out[1] == 0.0, "{channels}: {out:?}");
        }
    }

    #[test]
    fn five_point_one_has_ffmpegs_proportions() {
        // FFmpeg, normalised: 1 : 0.7071 : 0.7071 over 2.4142.
        for (channel, wanted) in
            [(0, (0.414_214, 0.0)), (2, (0.292_893, 0.292_893)), (3, (0.0, 0.0)), (4, (0.292_893, 0.0))]
        {
            let mut time = [0.0; 6];
            time[channel] = 1.0;
            let out = remix(&time, 6, 2);
            assert!((out[0] - wanted.0).abs() < 1e-5 && (out[1] - wanted.1).abs() < 1e-5, "{channel}: {out:?}");
        }
    }
}
