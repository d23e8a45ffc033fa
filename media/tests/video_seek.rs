//! A seek returns exactly the frame that is shown at its target, then goes on in order.

mod video_support;

use video_support::{Clips, Random, all_frames, decode_all, lively, open, samples, video, video_by};

/// Seeks to the times of frames, between them, before the start and past the end.
fn assert_seeks(path: &std::path::Path, at_once: Option<usize>) {
    let frames = all_frames(&mut *video_by(path, at_once).expect("its video"), path);
    let (name, end) = (path.display(), frames.last().expect("frames").0);
    let mut video = video_by(path, at_once).expect("its video");
    let mut random = Random(0x9e37_79b9);
    let mut targets: Vec<i64> = (0..12).map(|_| random.below(end as u64 + 1) as i64).collect();
    targets.extend([-5_000_000_000, 0, end, end + 1, end + 60_000_000_000, frames[frames.len() / 2].0]);
    for target in targets {
        let expected = frames.iter().rposition(|(pts, ..)| *pts <= target).unwrap_or(0);
        video.seek(target).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (n, (pts, _, wanted)) in frames.iter().enumerate().skip(expected).take(3) {
            let frame = video.next_frame().unwrap_or_else(|error| panic!("{name}: to {target}: {error}"));
            let mut frame = frame.unwrap_or_else(|| panic!("{name}: to {target}: no frame {n}"));
            assert_eq!(frame.pts_ns, *pts, "{name}: to {target}, frame {n}");
            assert!(samples(&mut frame) == *wanted, "{name}: to {target}: frame {n} has other samples");
        }
        if expected + 3 >= frames.len() {
            assert!(video.next_frame().expect("the end").is_none(), "{name}: something follows the last frame");
        }
    }
}

#[test]
fn seeks_are_exact_in_every_container_and_codec() {
    let Some(clips) = Clips::new("seek") else { return };
    let source = lively("160x120", "25", "3");
    for (name, settings) in [
        ("closed.mp4", "-c:v libx264 -g 20 -bf 3 -x264-params b-pyramid=normal:scenecut=0"),
        ("open.mp4", "-c:v libx264 -bf 3 -x264-params open-gop=1:keyint=15:min-keyint=5:b-pyramid=normal:scenecut=0"),
        ("open.mkv", "-c:v libx264 -bf 3 -x264-params open-gop=1:keyint=15:min-keyint=5:b-pyramid=normal:scenecut=0"),
        ("fragmented.mp4", "-c:v libx264 -g 12 -movflags frag_keyframe+empty_moov+default_base_moof"),
        ("film.mkv", "-c:v libx264 -g 15"),
        ("live.mkv", "-c:v libx264 -g 15 -live 1"),
        // Its containers mark pictures as entry points at which decoding cannot begin.
        ("refresh.mp4", "-c:v libx264 -x264-params intra-refresh=1:keyint=20"),
        ("refresh.mkv", "-c:v libx264 -bf 2 -x264-params intra-refresh=1:keyint=20"),
        ("svt.mp4", "-c:v libsvtav1 -preset 8 -g 16"),
        ("vp9.webm", "-c:v libvpx-vp9 -cpu-used 5 -g 20 -auto-alt-ref 1 -lag-in-frames 12"),
        #[cfg(feature = "hevc")]
        ("hevc.mp4", "-c:v libx265 -x265-params log-level=none:keyint=15"),
        ("one.mp4", "-frames:v 1 -c:v libx264"),
    ] {
        if let Some(path) = clips.make(name, &format!("{source} {settings}")) {
            assert_seeks(&path, None);
        }
    }
}

#[test]
fn seeks_are_exact_with_several_pictures_in_work() {
    let Some(clips) = Clips::new("seek-threads") else { return };
    let source = lively("160x120", "25", "3");
    let nameless = "-bsf:v filter_units=remove_types=6";
    for (name, settings) in [
        ("closed.mp4", "-c:v libx264 -g 20 -bf 3 -x264-params b-pyramid=normal:scenecut=0"),
        ("open.mkv", "-c:v libx264 -bf 3 -x264-params open-gop=1:keyint=15:min-keyint=5:b-pyramid=normal:scenecut=0"),
        ("intra.mp4", "-c:v libx264 -g 1"),
        ("one.mp4", "-frames:v 1 -c:v libx264"),
    ] {
        if let Some(path) = clips.make(name, &format!("{source} {settings} {nameless}")) {
            assert_seeks(&path, Some(4));
        }
    }
}

#[test]
fn a_place_that_cannot_be_decoded_is_passed_by_to_the_next_key_frame() {
    let Some(clips) = Clips::new("past") else { return };
    let source = lively("160x120", "25", "3");
    for (name, settings) in [
        ("film.mp4", "-c:v libx264 -g 20 -x264-params scenecut=0"),
        ("open.mkv", "-c:v libx264 -bf 3 -x264-params open-gop=1:keyint=20:min-keyint=20:scenecut=0"),
    ] {
        let Some(path) = clips.make(name, &format!("{source} {settings}")) else { continue };
        let frames = decode_all(&path);
        let mut video = video(&path);
        video.seek_past(900_000_000).expect("it seeks");
        let mut frame = video.next_frame().expect("a frame").expect("a frame");
        let next = frames.iter().find(|(pts, ..)| *pts >= 1_590_000_000).expect("the key frame at 1.6 s");
        assert_eq!(frame.pts_ns, next.0, "{name}");
        assert!(samples(&mut frame) == next.2, "{name}: other samples");
        video.seek_past(i64::MAX / 2).expect("it seeks");
        assert!(video.next_frame().expect("the end").is_none(), "{name}: something is past the end");
    }
}

#[test]
fn every_frame_lasts_until_the_next_one() {
    let Some(clips) = Clips::new("durations") else { return };
    let source = lively("160x120", "25", "2");
    let settings = "-vf select='not(eq(mod(n\\,5)\\,3))' -vsync vfr -c:v libx264 -bf 3";
    for name in ["vfr.mp4", "vfr.mkv"] {
        let Some(path) = clips.make(name, &format!("{source} {settings}")) else { continue };
        let frames = decode_all(&path);
        for pair in frames.windows(2) {
            assert_eq!(pair[0].0 + pair[0].1, pair[1].0, "{name}");
        }
        assert!(frames.last().is_some_and(|last| last.1 > 0), "{name}: the last frame has a length");
    }
}

#[test]
fn aspect_and_colour_are_read() {
    let Some(clips) = Clips::new("tags") else { return };
    let source = lively("160x120", "25", "0.4");
    let tags = "-c:v libx264 -vf setsar=4/3 -color_range pc -colorspace bt709 -color_primaries bt709 -color_trc bt709";
    let Some(plain) = clips.make("plain.mp4", &format!("{source} {tags}")) else { return };
    let format = video(&plain).info().format;
    assert_eq!((format.width, format.height, format.sar), (160, 120, (4, 3)));
    assert!(format.orientation.is_upright());
    use tricine_media::{ColorMatrix, ColorRange};
    assert_eq!((format.range, format.matrix), (ColorRange::Full, ColorMatrix::Bt709));
    let webm = clips.make("untagged.mkv", &format!("{} -c:v libx264", lively("160x120", "25", "0.2")));
    let format = webm.map(|path| video(&path).info().format).expect("a clip");
    assert_eq!((format.range, format.matrix, format.sar), (ColorRange::Limited, ColorMatrix::Bt601, (1, 1)));
}

#[test]
fn a_film_with_sound_keeps_their_distance() {
    let Some(clips) = Clips::new("distance") else { return };
    let source = lively("160x120", "25", "1");
    let Some(silent) = clips.make("silent.mp4", &format!("{source} -c:v libx264 -bf 2")) else { return };
    for (name, codec) in [("late.mp4", "aac"), ("late.mkv", "flac")] {
        let args = format!(
            "-f lavfi -i sine=duration=1 -itsoffset 0.4 -i {} -map 0:a -map 1:v -c:v copy -c:a {codec}",
            silent.display()
        );
        let Some(path) = clips.make(name, &args) else { continue };
        let mut media = open(&path).expect("both");
        let frame = media.video.as_mut().expect("video").next_frame().expect("a frame").expect("a frame");
        assert!((frame.pts_ns - 400_000_000).abs() < 2_000_000, "{name}: {}", frame.pts_ns);
        let block = media.audio.as_mut().expect("sound").next_block().expect("a block").expect("a block");
        assert!(block.pts_ns.abs() < 2_000_000, "{name}: sound at {}", block.pts_ns);
    }
}

#[test]
fn a_film_that_was_cut_out_of_a_longer_one_begins_at_once() {
    let Some(clips) = Clips::new("cut") else { return };
    let source = lively("160x120", "25", "1");
    for (name, settings) in [("late.mp4", ""), ("late.mkv", ""), ("live.mp4", "-movflags frag_keyframe+empty_moov")] {
        let args =
            format!("-f lavfi -i sine=duration=1 {source} -c:v libx264 -c:a aac -output_ts_offset 100 {settings}");
        let Some(path) = clips.make(name, &args) else { continue };
        let mut media = open(&path).expect("both");
        let (video, sound) = (media.video.as_mut().expect("video"), media.audio.as_mut().expect("sound"));
        for _ in 0..2 {
            let frame = video.next_frame().expect("a frame").expect("a frame");
            assert!((0..100_000_000).contains(&frame.pts_ns), "{name}: {}", frame.pts_ns);
            let block = sound.next_block().expect("a block").expect("a block");
            assert!((-30_000_000..100_000_000).contains(&block.pts_ns), "{name}: sound at {}", block.pts_ns);
            assert!(
                video.info().duration_ns.max(sound.info().duration_ns).is_some_and(|ns| ns < 2_000_000_000)
                    || name == "late.mkv"
            );
            video.seek(0).expect("it seeks");
            sound.seek(0).expect("it seeks");
        }
    }
}

#[test]
fn subtitles_that_begin_before_the_film_do_not_delay_it() {
    let Some(clips) = Clips::new("early") else { return };
    let args = format!("-f lavfi -i sine=440:r=48000:d=2 {} -map 1 -map 0", lively("64x64", "25", "2"));
    let args = format!(
        "{} -c:v libx264 -c:a aac",
        args.replace(" -pix_fmt yuv420p -map 1 -map 0", " -map 1 -map 0 -pix_fmt yuv420p")
    );
    let Some(film) = clips.make("film.mp4", &args) else { return };
    let words = clips.path("early.srt");
    std::fs::write(&words, "1\n00:00:00,000 --> 00:00:04,000\nbefore the film\n").expect("a file");
    let args = format!("-itsoffset 5 -i {} -i {} -map 0 -map 1 -c copy", film.display(), words.display());
    let Some(early) = clips.make("early.mkv", &args) else { return };
    let mut media = open(&early).expect("it opens");
    let first = media.video.as_mut().expect("video").next_frame().expect("a frame").expect("a frame");
    assert!(first.pts_ns < 50_000_000, "the pictures begin at {}", first.pts_ns);
    let sound = media.audio.as_mut().expect("sound");
    let mut from_ns = None;
    // The tone is there from the first; what the codec primed itself with may come before, which is silent.
    let audible_ns = loop {
        let block = sound.next_block().expect("a block").expect("a block");
        from_ns.get_or_insert(block.pts_ns);
        if let Some(at) = block.samples.iter().position(|sample| sample.abs() > 0.01) {
            let times = at as i64 / i64::from(block.channels);
            break block.pts_ns + times * 1_000_000_000 / i64::from(block.sample_rate);
        }
    };
    assert_eq!(from_ns, Some(0));
    assert!(audible_ns < 50_000_000, "the sound is heard from {audible_ns} on");
}

/// What comes after the first picture if the sound is at `film_ns` by then: each picture is one of `frames`.
fn hurried(path: &std::path::Path, frames: &[(i64, i64, Vec<u8>)], film_ns: i64) -> Vec<i64> {
    let mut video = video(path);
    video.next_frame().expect("the first").expect("a frame");
    video.hurry(film_ns);
    let mut times = Vec::new();
    while let Some(mut frame) = video.next_frame().expect("no damage") {
        let (.., wanted) = frames.iter().find(|(pts, ..)| *pts == frame.pts_ns).expect("a time of the film");
        assert!(samples(&mut frame) == *wanted, "{}: {} is another picture", path.display(), frame.pts_ns);
        times.push(frame.pts_ns);
    }
    times
}

#[test]
fn what_is_late_is_left_out_where_nothing_needs_it_and_much_up_to_a_key_frame() {
    const S: i64 = 1_000_000_000;
    let Some(clips) = Clips::new("hurry") else { return };
    let source = lively("160x120", "25", "8");
    for (name, settings) in [
        ("film.mp4", "-c:v libx264 -bf 3 -g 25 -x264-params scenecut=0"),
        ("nameless.mkv", "-c:v libx264 -bf 3 -g 25 -x264-params scenecut=0 -bsf:v filter_units=remove_types=6"),
        ("full.mp4", "-pix_fmt yuv444p -c:v libx264 -bf 3 -g 25 -x264-params scenecut=0"),
        ("disc.ts", "-c:v mpeg2video -bf 2 -g 25 -sc_threshold 1000000000"),
        ("one.mp4", "-c:v libx264 -bf 3 -g 500 -x264-params scenecut=0"),
    ] {
        let Some(path) = clips.make(name, &format!("{source} {settings}")) else { continue };
        let frames = all_frames(&mut *video_by(&path, None).expect("its video"), &path);
        let start = frames[0].0;
        let from = |film: i64| frames.iter().filter(move |(pts, ..)| *pts >= start + film).count();
        let times = hurried(&path, &frames, start + 2 * S);
        let late = times.iter().filter(|time| **time < start + 2 * S).count();
        assert_eq!(times.len() - late, from(2 * S), "{name}: nothing that is on time is left out");
        assert!((5..40).contains(&late), "{name}: {late} of 49 late pictures");
        let times = hurried(&path, &frames, start + 5 * S + S / 2);
        if name == "one.mp4" {
            assert!(times[0] < start + S && times.len() >= from(5 * S + S / 2) + 5, "{name}: {times:?}");
        } else {
            assert!((start + 5 * S + S / 2..start + 6 * S + S / 10).contains(&times[0]), "{name}: {}", times[0]);
            assert_eq!(times.len(), from(times[0] - start), "{name}: behind the key frame");
        }
    }
}
