//! Streams with all that AC-3 has, by ourselves and by FFmpeg; damage; tables.

use std::collections::BTreeSet;
use std::f64::consts::PI;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use oxideav_ac3::tables as others;

use super::block::coordinate;
use super::header::sum;
use super::made::{Draw, Kind, Maker, seal};
use super::tables::{BANDS, BITS, FAST_DECAY, FLOOR, HEARD, KNEE, LOUDER, POINTERS, SLOW_DECAY, SLOW_GAIN};
use super::transform::Transform;
use super::{Ac3, Codec, ac3_frame};

const FRAMES: usize = 4;

fn stream(kind: Kind, seed: u64) -> Vec<Vec<u8>> {
    let mut maker = Maker::new(kind, seed);
    (0..FRAMES).map(|_| maker.frame()).collect()
}

fn heard(frames: &[Vec<u8>]) -> Vec<f32> {
    let (mut decoder, mut out) = (Ac3::new(false), Vec::new());
    for frame in frames {
        decoder.decode(frame, &mut out).expect("an undamaged frame");
    }
    out
}

/// FFmpeg's decode of streams; `None`, said aloud, where it is not installed.
fn ffmpeg(streams: &[Vec<Vec<u8>>]) -> Option<Vec<Vec<f32>>> {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "ffmpeg is not installed");
        eprintln!("skipped: ffmpeg is not installed");
        return None;
    }
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("tricine-ac3-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
    let dir: PathBuf = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&dir).expect("a folder");
    let path = |what: &str, n: usize| dir.join(format!("{n}.{what}"));
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]);
    for (n, stream) in streams.iter().enumerate() {
        std::fs::write(path("ac3", n), stream.concat()).expect("a file");
        command.args(["-f", "ac3", "-i"]).arg(path("ac3", n));
    }
    for n in 0..streams.len() {
        command.args(["-map", &format!("{n}:a:0"), "-f", "f32le"]).arg(path("raw", n));
    }
    let output = command.output().expect("ffmpeg");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |n| std::fs::read(path("raw", n)).expect("a file");
    let floats = |bytes: Vec<u8>| bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let all = (0..streams.len()).map(|n| floats(read(n))).collect();
    std::fs::remove_dir_all(&dir).expect("a folder");
    Some(all)
}

/// The level of samples, in dB of full scale.
fn level(samples: impl Iterator<Item = f32>) -> f64 {
    let (sum, count) = samples.fold((0.0, 0), |(sum, count), s| (sum + f64::from(s) * f64::from(s), count + 1));
    10.0 * (sum / f64::from(count.max(1)) + 1e-20).log10()
}

/// Each mode with and without low frequencies, at all rates and of all versions, in `rounds` rounds.
fn kinds(rounds: usize, noisy: bool, most: usize) -> impl Iterator<Item = Kind> {
    (0..16 * rounds).map(move |n| Kind {
        mode: n / 2 % 8,
        low: n % 2 == 1,
        table: n / 16 % 3,
        version: [8, 6, 8, 9, 10, 8, 5][n / 16 % 7],
        noisy,
        most,
    })
}

#[test]
fn made_streams_sound_as_ffmpeg_has_them() {
    let kinds: Vec<Kind> = kinds(21, false, 40).collect();
    let mut loud = 0;
    for (round, kinds) in kinds.chunks(16).enumerate() {
        let streams: Vec<_> = kinds.iter().zip(100 * round as u64..).map(|(kind, seed)| stream(*kind, seed)).collect();
        let Some(theirs) = ffmpeg(&streams) else { return };
        for ((kind, stream), theirs) in kinds.iter().zip(&streams).zip(theirs) {
            let ours = heard(stream);
            assert_eq!(ours.len(), theirs.len(), "round {round}, {kind:?}");
            let off = level(ours.iter().zip(&theirs).map(|(a, b)| a - b.clamp(-1.0, 1.0)));
            assert!(off < -100.0, "round {round}, {kind:?}: {off:.1} dB from FFmpeg's");
            loud += usize::from(level(ours.iter().copied()) > -60.0);
        }
    }
    // What is hardly there would be equal, too.
    assert!(loud > kinds.len() * 3 / 4, "{loud} of {}", kinds.len());
}

#[test]
fn noise_where_there_are_no_bits_is_as_loud_as_ffmpegs() {
    // Those with coupled channels, and those without.
    for coupled in [true, false] {
        let kinds = kinds(3, true, 0).filter(|kind| (kind.mode >= 2) == coupled);
        let streams: Vec<_> = kinds.zip(7000..).map(|(kind, seed)| stream(kind, seed)).collect();
        let Some(theirs) = ffmpeg(&streams) else { return };
        // A few loud bins make up most of a stream: only over all of them it evens out.
        let high = |samples: &[f32]| level(samples.iter().zip(&samples[6..]).map(|(a, b)| b - a));
        let louder = |(ours, theirs): (&Vec<_>, Vec<f32>)| high(&heard(ours)) - high(&theirs);
        let mean = streams.iter().zip(theirs).map(louder).sum::<f64>() / streams.len() as f64;
        assert!(mean.abs() < 0.25, "{mean:.2} dB louder than FFmpeg's");
    }
}

#[test]
fn a_damaged_frame_is_silent_and_the_ones_behind_it_are_heard() {
    for (kind, seed) in kinds(3, false, 40).zip(900..) {
        let frames = stream(kind, seed);
        let len = heard(&frames[..1]).len();
        let mut draw = Draw(seed);
        for _ in 0..4 {
            let mut damaged = frames[1].clone();
            // Not where the length stands, or what makes it another format.
            let bit = 48 + draw.below(8 * damaged.len() - 48);
            damaged[bit / 8] ^= 1 << (bit % 8);
            if draw.below(4) == 0 {
                damaged.truncate(draw.below(damaged.len() - 8) + 8);
            }
            let (mut decoder, mut out) = (Ac3::new(false), Vec::new());
            decoder.decode(&frames[0], &mut out).unwrap();
            assert!(decoder.decode(&damaged, &mut out).is_err_and(|e| e.starts_with("damaged: ")), "{kind:?}");
            assert_eq!(out.len(), len, "a damaged frame is heard");
            out.clear();
            decoder.decode(&frames[2], &mut out).unwrap();
            decoder.decode(&frames[3], &mut out).unwrap();
            assert!(out == heard(&frames[2..]), "{kind:?}: the frames behind damage are others");
        }
    }
}

#[test]
fn fields_that_cannot_be_are_errors_and_nothing_is_loud() {
    let mut reasons = BTreeSet::new();
    for (kind, seed) in kinds(12, false, 40).zip(500..) {
        let frames = stream(kind, seed);
        let mut draw = Draw(seed);
        let mut decoder = Ac3::new(false);
        for n in 0..40 {
            let mut damaged = frames[n % FRAMES].clone();
            if n == 0 {
                // Of the lowest rate.
                damaged[4] &= 0xc0;
                damaged.truncate(ac3_frame(&damaged).unwrap().0);
            }
            for _ in 0..1 + draw.below(3) {
                // Most of them where the first blocks' fields are; the sums are right.
                let end = if n % 2 == 0 { 8 * damaged.len() } else { 900 };
                let bit = 43 + draw.below(end - 43);
                damaged[bit / 8] ^= 0x80 >> (bit % 8);
            }
            if damaged[5] >> 3 > 10 {
                continue;
            }
            seal(&mut damaged);
            let mut out = Vec::new();
            match decoder.decode(&damaged, &mut out) {
                Ok(_) => assert!(out.iter().all(|sample| sample.abs() <= 1.0), "{kind:?}"),
                Err(reason) => {
                    assert!(out.is_empty());
                    reasons.insert(reason);
                }
            }
        }
    }
    let all = [
        "an invalid width",
        "coupling ends before it begins",
        "cut off",
        "invalid exponents",
        "no coordinates of coupling",
        "no exponents",
        "no leaks of coupling",
        "no parameters of bit allocation",
        "no signal-to-noise offsets",
        "no strategy of coupling",
        "one channel is coupled",
        "reserved changes of bit allocation",
    ];
    let all: BTreeSet<String> = all.iter().map(|reason| format!("damaged: {reason}")).collect();
    assert_eq!(reasons, all);
    for (frame, reason) in
        [(&[0x0b, 0x77, 0, 0, 0xc0, 0x40][..], "no header"), (&[0x0b, 0x77, 0, 0, 0, 0x40], "cut off")]
    {
        let error = Ac3::new(false).decode(frame, &mut Vec::new()).unwrap_err();
        assert_eq!(error, format!("damaged: {reason}"));
    }
}

#[test]
fn e_ac_3_that_nothing_decodes_is_refused_in_words() {
    // Adaptive transforms at 44.1 kHz, at 48 kHz, where the library tries, and a half rate.
    let forms = [(0x72, "an adaptive hybrid transform is not supported"), (0x32, ""), (0xd2, "a half rate")];
    for (byte, words) in forms {
        let mut frame = vec![0x0b, 0x77, 0, 31, byte, 0x80, 0x03];
        frame.resize(62, 0);
        frame.extend(sum(&frame[2..]).to_be_bytes());
        let decoded = Ac3::new(true).decode(&frame, &mut Vec::new());
        let refused = decoded.as_ref().err().map_or("", String::as_str);
        assert!(refused.contains(words), "{decoded:?}");
        assert_eq!(refused.ends_with("is not supported"), byte == 0x72, "{decoded:?}");
    }
}

#[test]
fn tables_are_those_of_the_library_but_for_what_it_has_wrong() {
    assert!(BANDS.iter().map(|band| u32::from(*band)).eq(others::BNDTAB.into_iter().chain([253])));
    for (n, theirs) in others::LATAB.into_iter().enumerate().take(256) {
        let ours = LOUDER[n.min(LOUDER.len() - 1)];
        assert_eq!(u16::from(ours), theirs);
        // Powers of four: 64 times the binary logarithm of what a sound adds that is n 32nds of a power of two lower.
        let exact = 64.0 * (1.0 + 2f64.powf(-(n as f64) / 32.0)).log2();
        assert!((f64::from(ours) - exact).abs() < 1.0, "{n}: {ours}, not {exact}");
    }
    let differ = |(rate, (ours, theirs)): (usize, (&[u8; 50], &[u16; 50]))| -> Vec<(usize, usize, u8)> {
        let bands = ours.iter().zip(theirs).enumerate();
        bands.filter(|(_, (a, b))| u16::from(**a) << 4 != **b).map(|(n, (a, _))| (rate, n, *a)).collect()
    };
    let wrong: Vec<_> = HEARD.iter().zip(&others::HTH).enumerate().flat_map(differ).collect();
    assert_eq!(wrong, [(1, 25, 0x35), (1, 28, 0x32), (1, 34, 0x2f)]);
    assert_eq!(*POINTERS, others::BAPTAB);
    assert!((3..16).filter(|n| *n != 4).all(|n| BITS[n] == others::QUANTIZATION_BITS[n]));
    assert!(SLOW_DECAY.map(i32::from) == others::SLOWDEC && FAST_DECAY.map(i32::from) == others::FASTDEC);
    assert!(SLOW_GAIN.map(i32::from) == others::SLOWGAIN && KNEE.map(i32::from) == others::DBPBTAB);
    assert_eq!(FLOOR.map(i32::from), others::FLOORTAB);
}

#[test]
fn coordinates_of_coupling_are_eight_times_their_fraction() {
    // Too small to be seen in a stream: those without a hidden bit.
    for (exponent, mantissa, master, fraction) in
        [(0, 0, 0, 0.5), (3, 5, 6, 21.0 / 32.0 / 512.0), (15, 0, 0, 0.0), (15, 9, 3, 9.0 / 16.0 / 262_144.0)]
    {
        assert_eq!(coordinate(exponent, mantissa, master), 8.0 * fraction);
    }
}

#[test]
fn the_transform_is_the_sum_of_cosines_of_the_standard() {
    let (transform, mut draw) = (Transform::new(), Draw(3));
    // The bins' samples as the standard writes them, without a window; `turn`: by how much more the cosines are turned.
    let sums = |bins: &[f32], turn: f64| -> Vec<f64> {
        let size = 2 * bins.len();
        let angle = |n: usize, k: usize| {
            let (n, k) = ((2 * n + 1) as f64, (2 * k + 1) as f64);
            PI / (2.0 * size as f64) * n * k + PI / 4.0 * k * (1.0 + turn)
        };
        (0..size)
            .map(|n| bins.iter().enumerate().map(|(k, bin)| -2.0 * f64::from(*bin) * angle(n, k).cos()).sum())
            .collect()
    };
    let mut before = vec![0.0; 256];
    let mut kept = [0.0; 128];
    for round in 0..6 {
        let bins: [f32; 256] = std::array::from_fn(|_| draw.below(2000) as f32 / 1000.0 - 1.0);
        let switched = round % 3 == 1;
        let samples = if switched {
            let half = |odd| bins.iter().skip(odd).step_by(2).copied().collect::<Vec<f32>>();
            [sums(&half(0), -1.0), sums(&half(1), 1.0)].concat()
        } else {
            sums(&bins, 0.0)
        };
        let mut ours = [0.0; 256];
        transform.samples(&bins, switched, 1.0, &mut kept, |n, sample| ours[n] = sample);
        for n in 0..256 {
            let window = |n: usize| f64::from(others::WINDOW[n]);
            let wanted = samples[n] * window(n) + before[n] * window(255 - n);
            assert!((wanted - f64::from(ours[n])).abs() < 2e-3, "round {round}, {n}: {} for {wanted}", ours[n]);
        }
        before = samples[256..].to_vec();
    }
}
