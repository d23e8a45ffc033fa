//! Subtitles of television and of Blu-ray discs in a transport stream: the same points at the same time as FFmpeg lays them over the film.

#[path = "support/mod.rs"]
mod support;

mod disc;

use std::path::Path;
use std::process::Command;

use disc::{Shown, drawn};
use support::{Tool, open};
use tricine_media::subtitle::{Body, Subtitles};
use tricine_media::{Input, guard};

const WIDTH: usize = 720;
const HEIGHT: usize = 576;
/// Frames a second of the film, and how many it has.
const RATE: i64 = 10;
const FRAMES: usize = 120;

fn shown(at_ms: u32, lasts_ms: u32, place: (usize, usize), size: (usize, usize), seed: u32) -> Shown {
    let n = seed as u8;
    let (colors, opaque) = ([n % 16, (n + 5) % 16, (n + 9) % 16, (n + 2) % 16], [0, 15, 8 + n % 7, 15]);
    Shown { at_ms, lasts_ms: Some(lasts_ms), place, size, colors, opaque, points: drawn(size, seed), forced: false }
}

/// FFmpeg's pictures of a black film with its subtitles laid over it: RGB, one after another.
fn judged(path: &str) -> Vec<u8> {
    let over = format!("[0:v]fps={RATE},format=gbrp[film];[film][0:s]overlay=format=gbrp,format=rgb24");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i", path, "-filter_complex", &over]);
    let out = command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Ours at a time of the film.
fn painted(subtitles: &Subtitles, at_ns: i64) -> Vec<u8> {
    let (mut pages, said) = subtitles.open(1).unwrap();
    assert_eq!(said, None);
    pages.seek(at_ns).unwrap();
    let page = pages.next_page().unwrap().unwrap();
    let mut out = vec![0; WIDTH * HEIGHT * 3];
    for cue in page.on() {
        let Body::Picture(picture) = &cue.body else { panic!("a picture") };
        assert_eq!(picture.within, (WIDTH as u32, HEIGHT as u32));
        for (at, index) in picture.indices.iter().enumerate() {
            let [alpha, color @ ..] = picture.palette[usize::from(*index)].to_be_bytes();
            let x = picture.x as usize + at % picture.width as usize;
            let y = picture.y as usize + at / picture.width as usize;
            let point = &mut out[(y * WIDTH + x) * 3..][..3];
            for (below, color) in point.iter_mut().zip(color) {
                let (alpha, below_alpha) = (u32::from(alpha), 255 - u32::from(alpha));
                *below = ((u32::from(color) * alpha + u32::from(*below) * below_alpha + 127) / 255) as u8;
            }
        }
    }
    out
}

#[test]
fn pictures_in_a_transport_stream_are_those_of_ffmpeg() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("dvb") else { return };
    let words = vec![
        shown(1050, 1500, (100, 400), (322, 78), 1),
        shown(3050, 1300, (0, 0), (64, 2), 2),
        shown(7050, 1000, (10, 20), (700, 500), 4),
        shown(8550, 900, (332, 498), (388, 78), 5),
    ];
    let index = disc::write(&tool.path(""), "words", &[("de", words)]);
    let film = format!("-f lavfi -i color=black:s={WIDTH}x{HEIGHT}:r={RATE}:d={}", FRAMES as i64 / RATE);
    for (name, codec) in [("film.ts", "dvbsub"), ("film.mkv", "dvbsub")] {
        let args = format!("{film} -i {} -map 0 -map 1:s -c:v mpeg2video -b:v 2M -c:s {codec}", index.display());
        let Some(file) = tool.make(&args, name) else { continue };
        let subtitles = tricine_media::open(&Input::File(open(Path::new(&file.name)))).unwrap().subtitles;
        let track = subtitles.tracks().next().unwrap().clone();
        assert_eq!((track.problem, &*track.codec), (None, "DVB subtitles"));
        let judge = judged(&file.name);
        let frame = WIDTH * HEIGHT * 3;
        let count = judge.len() / frame;
        assert!(count >= FRAMES - 2, "{name}: {count} frames");
        let mut seen = 0;
        for at in (0..count - 1).map(|at| at * 37 % (count - 1)) {
            let ours = painted(&subtitles, at as i64 * 1_000_000_000 / RATE);
            let theirs = &judge[at * frame..][..frame];
            let worst = ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst <= 3, "{name}, frame {at}: a value is off by {worst}");
            seen += usize::from(theirs.iter().any(|byte| *byte > 0));
        }
        assert!(seen > 20, "{name}: {seen} frames show something");
    }
}
