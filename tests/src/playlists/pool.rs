//! The inputs that playlists are made of: no two hold the same picture.

use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use crate::{arg, start, tool};

/// An input, and what is to be seen of it.
#[derive(Debug)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// The MD5 of each of its pictures.
    pub pictures: Vec<String>,
    /// It cannot be played, which has to be said.
    pub broken: bool,
}

/// All inputs.
#[derive(Debug)]
pub struct Pool {
    /// In no order.
    pub entries: Vec<Entry>,
    _folder: tempfile::TempDir,
}

fn ffmpeg(args: &[&str], path: &Path) {
    tool("ffmpeg", &[&["-v", "error", "-y"], args, &[arg(path)]].concat());
}

/// The pictures of a file as FFmpeg decodes them.
fn decoded(path: &Path) -> Vec<String> {
    let flags = ["-v", "error", "-i", arg(path), "-map", "0:v:0", "-pix_fmt", "yuv420p", "-f", "framemd5", "-"];
    hashes(&String::from_utf8_lossy(&tool("ffmpeg", &flags).stdout))
}

fn hashes(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap_or_default().trim().to_owned()).collect()
}

impl Pool {
    /// Makes them: films with sound by FFmpeg, the others by hand.
    pub fn make(program: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        let mut entries = Vec::new();
        let mut add = |path: PathBuf, pictures, broken| entries.push(Entry { path, pictures, broken });
        let x264 = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-pix_fmt", "yuv420p", "-shortest"];
        for (i, (name, frames, sound)) in [
            ("short.mp4", 1, "sine=frequency=440:sample_rate=48000"),
            ("film.mkv", 9, "sine=frequency=660:sample_rate=48000"),
            ("film.mp4", 14, "sine=frequency=880:sample_rate=44100"),
            ("silent.mp4", 6, "anullsrc=sample_rate=48000"),
        ]
        .into_iter()
        .enumerate()
        {
            let path = place(name);
            // Larger from film to film: now and then a region is too small for the next one.
            let seconds = frames as f64 / 25.0;
            let picture = format!("testsrc2=size={}x{}:rate=25:duration={seconds}", 64 + 32 * i, 48 + 16 * i);
            let sound = format!("{sound}:duration={seconds}");
            ffmpeg(&[&["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound][..], &x264].concat(), &path);
            let pictures = decoded(&path);
            assert_eq!(pictures.len(), frames, "{name}");
            add(path, pictures, false);
        }
        for (name, tag, frames) in
            [("mute-1.y4m", 1, 1), ("mute-2.y4m", 2, 2), ("mute-9.y4m", 3, 9), ("mute-30.y4m", 4, 30)]
        {
            let (bytes, pictures) = y4m(tag, frames);
            std::fs::write(place(name), bytes).expect("a file");
            add(place(name), pictures, false);
        }
        let (bytes, mut pictures) = y4m(5, 6);
        std::fs::write(place("cut.y4m"), &bytes[..bytes.len() - 100]).expect("a file");
        pictures.pop();
        add(place("cut.y4m"), pictures, false);
        for (name, hertz, samples) in [("song.wav", 440, 9_600), ("click.wav", 880, 100), ("silence.wav", 0, 4_800)] {
            std::fs::write(place(name), wav(hertz, samples)).expect("a file");
            add(place(name), Vec::new(), false);
        }
        for (name, color) in [("still.png", "orange"), ("still-2.png", "teal")] {
            let picture = format!("color={color}:size=80x60:duration=0.04:rate=25");
            ffmpeg(&["-f", "lavfi", "-i", &picture, "-frames:v", "1"], &place(name));
            // The way from RGB is our own.
            add(place(name), alone(program, &place(name)), false);
        }
        std::fs::write(place("letter.mp4"), "Dear Sir or Madam").expect("a file");
        std::fs::write(place("empty.mkv"), "").expect("a file");
        for name in ["letter.mp4", "empty.mkv", "missing.mp4"] {
            add(place(name), Vec::new(), true);
        }
        let mut all: Vec<&String> = entries.iter().flat_map(|entry| &entry.pictures).collect();
        let many = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), many, "each picture is there once");
        Self { entries, _folder: folder }
    }
}

/// The pictures that the program shows of a file that it plays alone.
fn alone(program: &str, path: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = folder.path().join("frames");
    let display = format!("framemd5={}", arg(&frames));
    let end = start(program, &["--unpaced", "--display", &display, "--audio", "none", arg(path)]).end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    hashes(&std::fs::read_to_string(frames).expect("frames"))
}

/// A stream of pictures that say which they are, and their MD5s.
fn y4m(tag: u8, frames: u8) -> (Vec<u8>, Vec<String>) {
    const WIDTH: usize = 32;
    const HEIGHT: usize = 24;
    let mut bytes = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F50:1 C420\n").into_bytes();
    let mut pictures = Vec::new();
    for frame in 0..frames {
        let luma = (0..WIDTH * HEIGHT).map(|i| [tag, frame, i as u8][i % 3]);
        let chroma = std::iter::repeat_n(128, WIDTH * HEIGHT / 2);
        let picture: Vec<u8> = luma.chain(chroma).collect();
        pictures.push(Md5::digest(&picture).iter().map(|byte| format!("{byte:02x}")).collect());
        bytes.extend(b"FRAME\n");
        bytes.extend(picture);
    }
    (bytes, pictures)
}

/// One channel of 16 bits at 48 kHz.
fn wav(hertz: u32, samples: u32) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + samples * 2).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    for half in [1u16, 1] {
        bytes.extend(half.to_le_bytes());
    }
    for word in [48_000u32, 96_000] {
        bytes.extend(word.to_le_bytes());
    }
    for half in [2u16, 16] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend((samples * 2).to_le_bytes());
    for i in 0..samples {
        let value = (f64::from(i * hertz) / 48_000.0 * std::f64::consts::TAU).sin() * 8_000.0;
        bytes.extend((value as i16).to_le_bytes());
    }
    bytes
}
