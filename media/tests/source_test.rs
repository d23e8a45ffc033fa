//! The test sources: what they promise of counter, flash, beep and seeks.

use tricine_media::source::test::{open, read_counter};
use tricine_media::{Media, MediaError, NS, VideoFrame};

fn draw(frame: &mut VideoFrame) -> Vec<u8> {
    let mut out = vec![1; frame.format.i420_len()];
    frame.picture.write_i420(&mut out);
    out
}

fn frames(media: &mut Media) -> Vec<VideoFrame> {
    let video = media.video.as_mut().unwrap();
    std::iter::from_fn(|| video.next_frame().unwrap()).collect()
}

fn sound(media: &mut Media) -> Vec<f32> {
    let audio = media.audio.as_mut().unwrap();
    let mut at = 0;
    let mut left = Vec::new();
    while let Some(block) = audio.next_block().unwrap() {
        assert_eq!(block.pts_ns, at * NS / 48_000);
        at += block.samples.len() as i64 / 2;
        left.extend(block.samples.chunks_exact(2).map(|pair| pair[0]));
    }
    left
}

#[test]
fn the_counter_reads_in_every_frame_and_the_flash_is_on_whole_seconds() {
    for size in ["1280x720", "639x481", "98x31"] {
        let mut media = open(&format!("clock?size={size}&rate=25&seconds=3")).unwrap();
        let frames = frames(&mut media);
        assert_eq!(frames.len(), 75);
        for (number, mut frame) in frames.into_iter().enumerate() {
            let (w, h) = (frame.format.width as usize, frame.format.height as usize);
            let picture = draw(&mut frame);
            assert_eq!(frame.pts_ns, number as i64 * NS / 25);
            assert_eq!(read_counter(&picture, w, w, h), Some(number as u64), "{size}, frame {number}");
            let mean = picture[..w * h].iter().map(|y| u64::from(*y)).sum::<u64>() / (w * h) as u64;
            assert_eq!(mean > 120, number % 25 == 0, "{size}, frame {number}: mean luma {mean}");
        }
    }
}

#[test]
fn a_damaged_counter_is_not_read() {
    let mut media = open("clock").unwrap();
    let mut picture = draw(&mut frames(&mut media)[5]);
    assert_eq!(read_counter(&picture, 1280, 1280, 720), Some(5));
    for y in 0..24 {
        picture[y * 1280 + 24 * 10..][..24].fill(235);
    }
    assert_eq!(read_counter(&picture, 1280, 1280, 720), None);
}

#[test]
fn the_beep_sets_in_with_the_very_sample_of_the_whole_second_and_lasts_60_ms() {
    let left = sound(&mut open("clock?seconds=4&rate=30&size=64x64").unwrap());
    assert_eq!(left.len(), 4 * 48_000);
    for (at, sample) in left.iter().enumerate() {
        assert_eq!(*sample != 0.0, at % 48_000 < 2_880, "sample {at} is {sample}");
    }
}

#[test]
fn at_a_fractional_rate_flash_and_beep_still_coincide() {
    let mut media = open("clock?seconds=5&rate=30000/1001&size=320x180").unwrap();
    let flashes: Vec<i64> = frames(&mut media)
        .into_iter()
        .filter_map(|mut frame| (draw(&mut frame)[180 * 320 / 2] > 200).then_some(frame.pts_ns))
        .collect();
    let left = sound(&mut media);
    let onsets: Vec<usize> =
        (0..left.len()).filter(|at| left[*at] != 0.0 && (*at == 0 || left[at - 1] == 0.0)).collect();
    assert_eq!(flashes.len(), 5);
    assert_eq!(onsets.len(), 5);
    for (flash, onset) in flashes.into_iter().zip(onsets) {
        let flash = flash as f64 * 48e-6;
        assert!((flash - onset as f64).abs() <= 1.0, "flash at sample {flash}, beep at {onset}");
    }
}

#[test]
fn every_size_is_drawn_whole() {
    for name in ["bars", "clock"] {
        for size in ["1x1", "2x2", "3x5", "1x720", "721x1", "17x33", "16384x2"] {
            let mut media = open(&format!("{name}?size={size}&seconds=0.1")).unwrap();
            let picture = draw(&mut frames(&mut media)[1]);
            assert!(picture.iter().all(|byte| *byte >= 16), "{name} {size} leaves bytes undrawn");
        }
    }
}

#[test]
fn something_moves_in_the_bars_and_their_colours_are_those_of_smpte() {
    let mut media = open("bars?size=1280x720&seconds=1").unwrap();
    let mut frames = frames(&mut media);
    let (first, later) = (draw(&mut frames[0]), draw(&mut frames[15]));
    assert_ne!(first, later);
    // 75 % bars in BT.709: white, yellow, cyan, green, magenta, red, blue.
    let luma: Vec<u8> = (0..7).map(|bar| first[100 * 1280 + bar * 1280 / 7 + 90]).collect();
    assert_eq!(luma, [180, 168, 145, 133, 63, 51, 28]);
}

#[test]
fn a_seek_shows_the_frame_and_plays_the_sample_due_then() {
    let mut media = open("clock?rate=29.97&seconds=20&size=320x180").unwrap();
    for (target, want) in [(0, 0), (33_366_666, 1), (33_366_665, 0), (10 * NS, 299), (3_600 * NS, 599), (-5, 0)] {
        media.video.as_mut().unwrap().seek(target).unwrap();
        let mut frame = media.video.as_mut().unwrap().next_frame().unwrap().unwrap();
        assert_eq!(read_counter(&draw(&mut frame), 320, 320, 180), Some(want), "seek to {target}");
        let audio = media.audio.as_mut().unwrap();
        audio.seek(target).unwrap();
        let due = audio.next_block().unwrap().map(|block| block.pts_ns);
        let want = (target < 20 * NS).then_some(target.max(0));
        assert!(due.zip(want).map_or(due == want, |(a, b)| a.abs_diff(b) < 20_834), "{due:?} for {want:?}");
    }
}

#[test]
fn an_unknown_name_or_option_is_told_what_exists() {
    let wrong = [
        ("none", "test:bars"),
        ("bars?colour=1", "size, rate, seconds and tone"),
        ("bars?size=0x5", "WIDTHxHEIGHT"),
        ("bars?size=99999x5", "16384"),
        ("clock?rate=0", "30000/1001"),
        ("clock?rate=1/0", "30000/1001"),
        ("clock?seconds=-1", "seconds"),
        ("clock?seconds=nan", "seconds"),
        ("clock?tone=loud", "hertz"),
    ];
    for (spec, want) in wrong {
        match open(spec) {
            Err(MediaError::Unknown(text)) => assert!(text.contains(want), "{spec}: {text}"),
            Err(e) => panic!("{spec}: {e}"),
            Ok(_) => panic!("{spec} opens"),
        }
    }
}
