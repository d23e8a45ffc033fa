//! Channels: from the speakers that a film has sound for to those that a sink has.

const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// The bits of speakers in front, of the low frequencies, and behind.
const LEFT: u32 = 0x1;
const RIGHT: u32 = 0x2;
const CENTRE: u32 = 0x4;
const LOW: u32 = 0x8;
const SECOND_LOW: u32 = 0x4_0000;
const BACK: u32 = 0x100;
const BACK_PAIR: [u32; 2] = [0x10, 0x20];
const INNER_PAIR: [u32; 2] = [0x40, 0x80];
const SIDE_PAIR: [u32; 2] = [0x200, 0x400];
/// Above, and far to the sides: those on the left, and those on the right.
const OTHERS: [u32; 2] = [0x0100_9000 | 0x8_0000 | 0x40_0000, 0x0202_4000 | 0x10_0000 | 0x80_0000];

/// Where what is meant for `speaker` goes among the speakers of `to`, and how loud, after ITU-R BS.775 as FFmpeg applies it: centre and
/// surround 3 dB down, the low frequencies left out. `alone`: there is no other channel. Not normalised.
fn places(speaker: u32, to: u32, alone: bool) -> Vec<(u32, f32)> {
    let has = |bits: u32| to & bits == bits;
    if has(speaker) {
        return vec![(speaker, 1.0)];
    }
    let fronts = LEFT | RIGHT;
    let pair = |[left, right]: [u32; 2], loud: f32| vec![(left, loud), (right, loud)];
    let side = |pair: [u32; 2]| pair.into_iter().position(|bit| bit == speaker);
    match speaker {
        LOW | SECOND_LOW => Vec::new(),
        CENTRE if has(fronts) => pair([LEFT, RIGHT], if alone { 1.0 } else { HALF }),
        LEFT | RIGHT if has(CENTRE) => vec![(CENTRE, HALF)],
        BACK if has(BACK_PAIR[0] | BACK_PAIR[1]) => pair(BACK_PAIR, HALF),
        BACK if has(SIDE_PAIR[0] | SIDE_PAIR[1]) => pair(SIDE_PAIR, HALF),
        _ => {
            let front = |n: usize, loud: f32| match [LEFT, RIGHT][n] {
                bit if has(bit) => vec![(bit, loud)],
                _ if has(CENTRE) => vec![(CENTRE, loud * HALF)],
                _ => Vec::new(),
            };
            let surround = [(BACK_PAIR, SIDE_PAIR), (SIDE_PAIR, BACK_PAIR)];
            let found = surround.into_iter().find_map(|(own, other)| Some((side(own)?, other)));
            match (found, side(INNER_PAIR)) {
                (Some((n, other)), _) if has(other[n]) => vec![(other[n], 1.0)],
                (Some(_), _) if has(BACK) => vec![(BACK, HALF)],
                (Some((n, _)), _) => front(n, HALF),
                (_, Some(n)) => front(n, 1.0),
                _ => match OTHERS.iter().position(|bits| bits & speaker != 0) {
                    Some(n) => front(n, HALF),
                    None => [front(0, 0.5), front(1, 0.5)].concat(),
                },
            }
        }
    }
}

/// The speakers of a mask, in the order of their channels.
fn bits(mask: u32) -> impl Iterator<Item = u32> {
    (0..u32::BITS).map(|n| 1 << n).filter(move |bit| mask & bit != 0)
}

/// Interleaved samples of channels for the speakers `from`, for those of `to`. Full scale on all of them cannot clip, unless it is
/// one channel alone.
pub(crate) fn remix(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to || from == 0 {
        return samples.to_vec();
    }
    // One channel alone is the centre, whatever it is called.
    let from = if from.is_power_of_two() { CENTRE } else { from };
    let (channels, outs) = (from.count_ones() as usize, to.count_ones() as usize);
    let mut weights = vec![0.0; channels * outs];
    for (channel, speaker) in bits(from).enumerate() {
        for (bit, loud) in places(speaker, to, channels == 1) {
            let out = (to & (bit - 1)).count_ones() as usize;
            weights[out * channels + channel] += loud;
        }
    }
    let loudest = weights.chunks_exact(channels).map(|row| row.iter().sum::<f32>()).fold(1.0, f32::max);
    weights.iter_mut().for_each(|weight| *weight /= loudest);
    let mut mixed = Vec::with_capacity(samples.len() / channels * outs);
    for time in samples.chunks_exact(channels) {
        mixed.extend(weights.chunks_exact(channels).map(|row| row.iter().zip(time).map(|(w, s)| w * s).sum::<f32>()));
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEREO: u32 = LEFT | RIGHT;

    #[test]
    fn one_channel_goes_to_both_sides_unchanged() {
        assert_eq!(remix(&[0.5, -1.0], CENTRE, STEREO), [0.5, 0.5, -1.0, -1.0]);
    }

    /// Each speaker alone, at full scale.
    fn alone(from: u32, to: u32) -> Vec<(u32, Vec<f32>)> {
        let one = |n: usize| (0..from.count_ones() as usize).map(|c| f32::from(u8::from(c == n))).collect::<Vec<_>>();
        bits(from).enumerate().map(|(n, speaker)| (speaker, remix(&one(n), from, to))).collect()
    }

    #[test]
    fn full_scale_on_every_speaker_never_clips_and_sides_stay_apart() {
        for from in (1..0x800u32).filter(|mask| mask & STEREO == STEREO && mask.count_ones() <= 8) {
            let loud = remix(&vec![1.0; from.count_ones() as usize], from, STEREO);
            assert!(loud.iter().all(|s| *s <= 1.000_001) && loud.iter().any(|s| *s > 0.99), "{from:#x}: {loud:?}");
            let all = alone(from, STEREO);
            assert!(all[0].1[0] > 0.2 && all[0].1[1] == 0.0, "{from:#x}: {all:?}");
        }
    }

    #[test]
    fn every_layout_is_mixed_as_ffmpeg_mixes_it() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        if Command::new("ffmpeg").arg("-version").output().is_err() {
            assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "ffmpeg is not installed");
            return;
        }
        let layouts = "stereo 3,2.1 b,3.0 7,3.0(back) 103,4.0 107,quad 33,quad(side) 603,3.1 f,5.0 37,5.0(side) 607,4.1 10f,\
                       5.1 3f,5.1(side) 60f,6.0 707,6.0(front) 6c3,hexagonal 137,6.1 70f,6.1(back) 13f,6.1(front) 6cb,7.0 637,\
                       7.0(front) 6c7,7.1 63f,7.1(wide) ff,7.1(wide-side) 6cf,octagonal 737";
        for (name, mask) in layouts.split(',').filter_map(|line| line.split_once(' ')) {
            let mask = u32::from_str_radix(mask, 16).unwrap();
            let ours = alone(mask, STEREO);
            let samples: Vec<u8> = (0..ours.len())
                .flat_map(|n| (0..ours.len()).flat_map(move |c| f32::from(u8::from(c == n)).to_le_bytes()))
                .collect();
            let channels = ours.len().to_string();
            let input =
                ["-v", "error", "-f", "f32le", "-ar", "48000", "-ac", &channels, "-channel_layout", name, "-i", "-"];
            let mut ffmpeg = Command::new("ffmpeg")
                .args(input)
                .args(["-ac", "2", "-f", "s16le", "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            ffmpeg.stdin.take().unwrap().write_all(&samples).unwrap();
            let theirs = ffmpeg.wait_with_output().unwrap().stdout;
            assert_eq!(theirs.len(), 4 * ours.len(), "{name}");
            for ((speaker, ours), theirs) in ours.iter().zip(theirs.chunks_exact(4)) {
                for (ours, theirs) in ours.iter().zip(theirs.chunks_exact(2)) {
                    let theirs = f32::from(i16::from_le_bytes([theirs[0], theirs[1]])) / 32_768.0;
                    assert!((ours - theirs).abs() < 1e-4, "{name} {speaker:#x}: {ours} and FFmpeg's {theirs}");
                }
            }
        }
    }

    #[test]
    fn speakers_that_the_sink_lacks_are_heard_from_their_neighbours() {
        // 5.1 with side speakers for one with back speakers, and the other way round.
        for (from, to) in [(0x60f, 0x3f), (0x3f, 0x60f)] {
            let samples = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
            assert_eq!(remix(&samples, from, to), samples);
        }
        // Two channels for one, and for more.
        assert_eq!(remix(&[0.5, 0.25], STEREO, CENTRE), [0.375]);
        assert_eq!(remix(&[0.5, 0.25], STEREO, 0x3f), [0.5, 0.25, 0.0, 0.0, 0.0, 0.0]);
    }
}
