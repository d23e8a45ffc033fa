//! Streams with all that AC-3 has, by ourselves and by FFmpeg; damage; tables.

use std::path::Path;
use std::process::Command;

use oxideav_ac3::tables as others;

use super::made::{Draw, Kind, Maker, seal};
use super::tables::{BANDS, FAST_DECAY, FLOOR, HEARD, KNEE, LOUDER, POINTERS, SLOW_DECAY, SLOW_GAIN};
use super::transform::Transform;
use super::{Ac3, Codec};

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
    let dir = tempfile(&format!("{}-{}", std::process::id(), streams[0][0][2]));
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

fn tempfile(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(Path::new(&format!("tricine-ac3-{name}")));
    std::fs::create_dir_all(&dir).expect("a folder");
    dir
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
            assert!(off < -80.0, "round {round}, {kind:?}: {off:.1} dB from FFmpeg's");
            loud += usize::from(level(ours.iter().copied()) > -60.0);
        }
    }
    // What is hardly there would be equal, too.
    assert!(loud > kinds.len() * 3 / 4, "{loud} of {}", kinds.len());
}
