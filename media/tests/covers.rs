//! The covers of songs, as FFmpeg writes them into each container: decoded, as long as the song, and never in the place of pictures.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use support::{Tool, make, open};
use tricine_media::{Choice, Input, NS, open_at};

/// The size of the cover and how long it is shown, if there is one.
fn cover(path: &Path, covers: bool) -> Option<(u32, u32, i64)> {
    let file = open(path);
    let choice = Choice { covers, ..Choice::default() };
    let media = open_at(&Input::File(file), 0, NS, &choice).unwrap();
    assert!(media.audio.is_some(), "{}", path.display());
    let mut video = media.video?;
    assert!(media.about.cover && media.about.title.as_deref() == Some("Song"), "{}", path.display());
    let frame = video.next_frame().unwrap().unwrap();
    video.seek(NS).unwrap();
    assert_eq!(video.next_frame().unwrap().unwrap().pts_ns, 0, "the same picture after a seek");
    assert!(video.next_frame().unwrap().is_none());
    Some((frame.format.width, frame.format.height, frame.duration_ns))
}

/// Three bytes in four letters.
fn letters(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, n| bits << 8 | usize::from(three.get(n).copied().unwrap_or(0)));
        text.extend((0..=three.len()).map(|n| char::from(LETTERS[bits >> (18 - 6 * n) & 63])));
        text.extend((three.len()..3).map(|_| '='));
    }
    text
}

#[test]
fn every_container_that_people_have_gives_its_cover() {
    let Some(tool) = Tool::ffmpeg("covers") else { return };
    let picture = tool.path("cover.png");
    if !make("-f lavfi -i color=orange:size=60x40 -frames:v 1", &picture) {
        return;
    }
    let tone = "-f lavfi -i sine=duration=2 -metadata artist=Somebody -metadata title=Song";
    let shown = format!(
        "-f lavfi -i sine=duration=2 -i {} -map 0 -map 1 -c:v copy -disposition:v attached_pic -metadata title=Song",
        picture.display()
    );
    let attached = format!("{tone} -attach {} -metadata:s:t mimetype=image/png", picture.display());
    let mut block = [&3u32.to_be_bytes()[..], &9u32.to_be_bytes(), b"image/png", &[0; 20]].concat();
    let png = std::fs::read(&picture).unwrap();
    block.extend([&(png.len() as u32).to_be_bytes()[..], &png].concat());
    // Ogg has it in letters among the words, and FFmpeg writes those as they are.
    let spoken = format!("{tone} -metadata METADATA_BLOCK_PICTURE={}", letters(&block));
    for (name, args) in [
        ("a.ogg", &spoken),
        ("a.opus", &spoken),
        ("a.mp3", &shown),
        ("a.m4a", &shown),
        ("a.flac", &shown),
        ("a.mka", &attached),
    ] {
        let path = tool.path(name);
        if !make(args, &path) {
            continue;
        }
        let (width, height, shown_ns) = cover(&path, true).unwrap_or_else(|| panic!("{name} has no cover"));
        assert_eq!((width, height), (60, 40), "{name}");
        assert!((shown_ns - 2 * NS).abs() < NS / 10, "{name}: {shown_ns} ns");
        assert_eq!(cover(&path, false), None, "{name}: nobody wants it");
    }
    assert!(make(tone, &tool.path("none.mp3")));
    assert_eq!(cover(&tool.path("none.mp3"), true), None);
}

#[test]
fn every_container_that_has_words_tells_title_and_artist() {
    let Some(tool) = Tool::ffmpeg("titles") else { return };
    let words = "-metadata title=Lied -metadata artist=Bj\u{f6}rk";
    let tone = format!("-f lavfi -i sine=duration=1 {words}");
    let film = format!("-f lavfi -i color=size=64x48:duration=1 -c:v mjpeg {words}");
    // FFmpeg writes no artist into AIFF.
    for (name, args, artist) in [
        ("a.wav", &tone, true),
        ("a.aiff", &tone, false),
        ("b.aiff", &format!("{tone} -write_id3v2 1"), true),
        ("a.avi", &film, true),
        ("a.mov", &film, true),
        ("a.mp4", &film, true),
        ("keys.mov", &format!("{film} -movflags use_metadata_tags"), true),
        ("a.mkv", &film, true),
        ("a.flac", &tone, true),
        ("a.ogg", &tone, true),
    ] {
        let path = tool.path(name);
        if !make(args, &path) {
            continue;
        }
        let about = open_at(&Input::File(open(&path)), 0, NS, &Choice::default()).unwrap().about;
        assert_eq!(about.title.as_deref(), Some("Lied"), "{name}");
        assert!(!artist || about.artist.as_deref() == Some("Bj\u{f6}rk"), "{name}: {:?}", about.artist);
    }
}
