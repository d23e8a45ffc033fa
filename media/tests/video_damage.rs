//! Broken films neither crash nor hang the decoder: it says what is damaged and goes on, or refuses the file.

mod video_support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tricine_media::{MediaError, guard};
use video_support::{Clips, Random, all_frames, lively, open, samples, video_as_coded, video_by};

/// Plays a file to its end; how many frames it had and how often it was damaged, or why it would not open.
fn play(path: &Path) -> Result<(usize, usize), MediaError> {
    play_by(path, None)
}

/// As [`play`], of H.264 with so many pictures in work.
fn play_by(path: &Path, at_once: Option<usize>) -> Result<(usize, usize), MediaError> {
    let started = Instant::now();
    let mut video = video_by(path, at_once)?;
    let (mut frames, mut damages, mut last) = (0, 0, i64::MIN);
    loop {
        assert!(started.elapsed() < Duration::from_secs(30), "{}: it does not end", path.display());
        match video.next_frame() {
            Ok(Some(mut frame)) => {
                assert!(frame.pts_ns > last, "{}: time runs backwards", path.display());
                last = frame.pts_ns;
                samples(&mut frame);
                frames += 1;
            }
            Ok(None) => return Ok((frames, damages)),
            Err(MediaError::Damaged(_)) => damages += 1,
            Err(_) => return Ok((frames, damages + 1)),
        }
        assert!(damages < 10_000, "{}: damage without progress", path.display());
    }
}

const FILMS: &[(&str, &str)] = &[
    ("film.mp4", "-c:v libx264 -g 12 -bf 2"),
    ("fragmented.mp4", "-c:v libx264 -g 12 -movflags frag_keyframe+empty_moov+default_base_moof"),
    ("film.mkv", "-c:v libx264 -g 12 -bf 2"),
    ("careful.mkv", "-c:v libx264 -g 12 -bf 2 -bsf:v filter_units=remove_types=6"),
    ("threads.mkv", "-c:v libx264 -g 12 -bf 2 -bsf:v filter_units=remove_types=6"),
    ("threads.mp4", "-c:v libx264 -g 6 -coder 0 -bsf:v filter_units=remove_types=6"),
    ("vp9.webm", "-c:v libvpx-vp9 -cpu-used 6 -g 12"),
    ("av1.mp4", "-c:v libsvtav1 -preset 8 -g 12"),
];

/// With how many pictures in work a film of that name is decoded.
fn at_once(name: &str) -> Option<usize> {
    name.starts_with("threads").then_some(4)
}

#[test]
fn random_damage_neither_crashes_nor_hangs() {
    guard::install_hook();
    let Some(clips) = Clips::new("flips") else { return };
    let source = lively("128x96", "25", "1.5");
    for (name, settings) in FILMS {
        let Some(path) = clips.make(name, &format!("{source} {settings}")) else { continue };
        let whole = fs::read(&path).expect("the clip");
        let mut random = Random(0x5eed_0001);
        let (mut opened, mut shown) = (0, 0);
        for variant in 0..40 {
            let mut data = whole.clone();
            // Every second variant is hit in its first kilobyte too, where the headers of most formats are.
            for _ in 0..1 + variant / 4 {
                let at = random.below(data.len() as u64) as usize;
                data[at] ^= 1 << random.below(8);
            }
            if variant % 2 == 1 {
                let at = random.below(1024) as usize;
                data[at] = random.below(256) as u8;
            }
            let broken = clips.path(&format!("{variant}-{name}"));
            fs::write(&broken, data).expect("a file");
            if let Ok((frames, _)) = play_by(&broken, at_once(name)) {
                opened += 1;
                shown += frames;
            }
            fs::remove_file(&broken).expect("a file");
        }
        assert!(opened >= 10 && shown >= 200, "{name}: of 40 variants {opened} opened, with {shown} frames");
    }
}

/// The feature's decoder goes on behind a slice that it cannot decode, and says so on standard error; here that is damage.
#[test]
#[cfg(feature = "h264-444")]
fn random_damage_of_four_to_four_to_four_costs_frames_alone() {
    guard::install_hook();
    let Some(clips) = Clips::new("flips-444") else { return };
    let source = lively("128x96", "25", "1").replace("-pix_fmt yuv420p", "");
    for settings in ["-pix_fmt yuv444p -c:v libx264 -g 6", "-pix_fmt yuv444p -c:v libx264 -coder 0 -qp 0 -g 6"] {
        let Some(path) = clips.make("film.264", &format!("{source} {settings}")) else { continue };
        let whole = fs::read(&path).expect("the clip");
        let (mut random, mut shown, mut damaged) = (Random(0x5eed_0444), 0, 0);
        for variant in 0..20 {
            let mut data = whole.clone();
            for _ in 0..1 + variant / 2 {
                let at = random.below(data.len() as u64) as usize;
                data[at] ^= 1 << random.below(8);
            }
            let broken = clips.path("broken.264");
            fs::write(&broken, data).expect("a file");
            if let Ok((frames, damages)) = play(&broken) {
                assert!(frames <= 30, "{settings}: {frames} frames of 25");
                shown += frames;
                damaged += usize::from(damages > 0);
            }
        }
        assert!(shown >= 100 && damaged >= 10, "{settings}: {shown} frames, {damaged} of 20 damaged");
    }
}

#[test]
fn a_truncated_film_plays_up_to_where_it_ends() {
    guard::install_hook();
    let Some(clips) = Clips::new("truncated") else { return };
    let source = lively("128x96", "25", "1.6");
    for (name, settings) in FILMS {
        let Some(path) = clips.make(name, &format!("{source} {settings} -movflags +faststart")) else { continue };
        let whole = fs::read(&path).expect("the clip");
        let (all, damages) = play_by(&path, at_once(name)).expect("the whole film");
        assert_eq!((all, damages), (40, 0), "{name}");
        for tenths in 1..10 {
            let cut = clips.path(&format!("{tenths}-{name}"));
            fs::write(&cut, &whole[..whole.len() * tenths / 10]).expect("a file");
            match play_by(&cut, at_once(name)) {
                Ok((frames, damages)) => {
                    assert!(frames < all || tenths == 9, "{name}: {frames} frames of {tenths}/10 of the file");
                    assert!(tenths < 8 || frames > 12, "{name}: only {frames} frames of {tenths}/10 of the file");
                    assert!(damages <= 3, "{name}: {damages} times damaged by one cut");
                }
                Err(error) => assert!(tenths < 8, "{name}: {tenths}/10 of the file: {error}"),
            }
        }
    }
}

#[test]
fn damage_costs_frames_only_up_to_the_next_key_frame() {
    guard::install_hook();
    let Some(clips) = Clips::new("hole") else { return };
    let source = lively("128x96", "25", "3");
    let Some(path) = clips.make("film.mkv", &format!("{source} -c:v libx264 -g 10 -x264-params scenecut=0")) else {
        return;
    };
    let mut data = fs::read(&path).expect("the clip");
    let middle = data.len() / 2;
    data[middle..middle + 600].fill(0xff);
    fs::write(&path, data).expect("a file");
    let (frames, damages) = play(&path).expect("it opens");
    assert!((1..=3).contains(&damages), "{damages} damages");
    assert!((40..75).contains(&frames), "{frames} of 75 frames are left");
}

/// The slices of an MP4's only track: where each one's unit is, its header included.
fn slices(data: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut at = data.windows(4).position(|four| four == b"mdat").expect("mdat") + 4;
    let mut found = Vec::new();
    while let Some(len) = data.get(at..at + 4) {
        let len = u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize;
        let unit = at + 4..at + 4 + len;
        if unit.end > data.len() || len == 0 {
            break;
        }
        if matches!(data[unit.start] & 0x1f, 1 | 5) {
            found.push(unit.clone());
        }
        at = unit.end;
    }
    found
}

/// The frames that are shown of a damaged film, with how often it was said to be: each has to be one of the whole film's, at its time.
/// Deinterlaced, one after a gap would look otherwise, since the one before it is another.
fn shown(path: &Path, at_once: Option<usize>, clean: &[(i64, i64, Vec<u8>)], what: &str) -> (usize, usize) {
    let Ok(mut video) = video_by(path, at_once) else { return (0, 1) };
    let (mut shown, mut damages) = (0, 0);
    loop {
        match video.next_frame() {
            Ok(Some(mut frame)) => {
                let (pts_ns, picture) = (frame.pts_ns, samples(&mut frame));
                let same = clean.iter().any(|(at, _, known)| *at == pts_ns && *known == picture);
                assert!(same, "{what}: another picture at {pts_ns}");
                shown += 1;
            }
            Ok(None) => return (shown, damages),
            Err(_) => damages += 1,
        }
    }
}

#[test]
fn a_picture_that_lacks_a_slice_is_never_shown_as_if_it_were_whole() {
    guard::install_hook();
    let Some(clips) = Clips::new("slices") else { return };
    let source = lively("160x128", "25", "1");
    let nameless = "-bsf:v filter_units=remove_types=6";
    for (name, settings) in [
        ("x264.mp4", "-c:v libx264 -x264-params slices=4 -g 10".to_owned()),
        ("careful.mp4", format!("-c:v libx264 -x264-params slices=4 -g 10 {nameless}")),
        ("cavlc.mp4", format!("-c:v libx264 -x264-params slices=4:cabac=0 -g 10 {nameless}")),
        ("woven.mp4", format!("-c:v libx264 -x264-params slices=4:interlaced=1 -g 10 {nameless}")),
    ] {
        let Some(path) = clips.make(name, &format!("{source} {settings} -movflags +faststart")) else { continue };
        let whole = fs::read(&path).expect("the clip");
        let clean = all_frames(&mut *video_as_coded(&path), &path);
        for (n, slice) in slices(&whole).into_iter().enumerate().skip(4).step_by(7) {
            for lost in [true, false] {
                let mut data = whole.clone();
                if lost {
                    // A unit that says nothing stands in its place.
                    data[slice.start] = 12;
                } else {
                    data[slice.start + slice.len() / 2..slice.end].fill(0);
                }
                let broken = clips.path("broken.mp4");
                fs::write(&broken, data).expect("a file");
                for at_once in [1, 4] {
                    let what = format!("{name}, slice {n}, lost: {lost}, {at_once} at once");
                    let (shown, damages) = shown(&broken, Some(at_once), &clean, &what);
                    assert!(damages > 0, "{what}: nothing is said");
                    assert!(shown >= 14, "{what}: {shown} pictures are left");
                }
            }
        }
    }
}

/// The units of a raw stream, each without its start code.
fn raw_units(data: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        data.windows(3).enumerate().filter(|(_, three)| *three == [0, 0, 1]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &data[start + 3..end]).collect()
}

/// Of a slice that breaks off, a worker learns when those of the next pictures are at work.
#[test]
fn nothing_is_shown_that_refers_to_a_picture_which_breaks_off() {
    guard::install_hook();
    let Some(clips) = Clips::new("breaks-off") else { return };
    let source = lively("160x128", "25", "1");
    for (name, settings) in [
        ("chain.264", "-bf 0 -g 250 -coder 0"),
        ("pyramid.264", "-bf 3 -g 12 -coder 0 -x264-params b-pyramid=normal"),
        ("intra.264", "-g 1 -coder 0"),
    ] {
        let settings = format!("{source} -c:v libx264 {settings} -bsf:v filter_units=remove_types=6");
        let Some(path) = clips.make(name, &settings) else { continue };
        let whole = fs::read(&path).expect("the clip");
        let clean = all_frames(&mut *video_as_coded(&path), &path);
        let units = raw_units(&whole);
        let slices: Vec<usize> = (0..units.len()).filter(|&at| matches!(units[at][0] & 0x1f, 1 | 5)).collect();
        assert_eq!((clean.len(), slices.len()), (25, 25), "{name}");
        for (number, &at) in slices.iter().enumerate().filter(|(number, _)| number % 4 == 3 || *number > 16) {
            let cut = |(n, unit): (usize, &&[u8])| {
                [&[0, 0, 1], &unit[..if n == at { unit.len() / 2 } else { unit.len() }]].concat()
            };
            let broken = clips.path("broken.264");
            fs::write(&broken, units.iter().enumerate().flat_map(cut).collect::<Vec<u8>>()).expect("a file");
            let [alone, threaded] = [1, 4].map(|at_once| {
                let what = format!("{name}, picture {number}, {at_once} at once");
                let (shown, damages) = shown(&broken, Some(at_once), &clean, &what);
                assert!(damages > 0, "{what}: nothing is said");
                shown
            });
            // Those that are finished just then are lost with the error.
            assert!(threaded + 6 >= alone && alone < 25, "{name}, picture {number}: {threaded} and {alone} are shown");
        }
    }
}

#[cfg(feature = "hevc")]
#[test]
fn nothing_is_shown_that_refers_to_a_picture_of_hevc_that_is_missing() {
    let Some(clips) = Clips::new("lacks-hevc") else { return };
    let settings = "-c:v libx265 -x265-params log-level=none:keyint=12:min-keyint=12:bframes=2";
    let Some(path) = clips.make("film.h265", &format!("{} {settings}", lively("128x96", "25", "2"))) else { return };
    let clean: Vec<_> = all_frames(&mut *video_as_coded(&path), &path).into_iter().map(|(.., frame)| frame).collect();
    let data = fs::read(&path).expect("a film");
    let units = raw_units(&data);
    // Pictures that others may refer to, and that no decoding begins with.
    let referred = |unit: &&[u8]| unit.first().is_some_and(|head| head >> 1 & 0x3f == 1);
    let missing: Vec<usize> = (0..units.len()).filter(|n| referred(&units[*n])).collect();
    let mut told = 0;
    for gone in missing.into_iter().step_by(3) {
        let rest = clips.path("rest.h265");
        let kept = units.iter().enumerate().filter(|(n, _)| *n != gone);
        let kept: Vec<u8> = kept.flat_map(|(_, unit)| [&[0, 0, 1], *unit].concat()).collect();
        fs::write(&rest, kept).expect("a film");
        let (mut video, mut shown, mut damaged) = (video_as_coded(&rest), 0, 0);
        loop {
            match video.next_frame() {
                Ok(Some(mut frame)) => {
                    assert!(clean.contains(&samples(&mut frame)), "without unit {gone}: a picture that there is not");
                    shown += 1;
                }
                Ok(None) => break,
                Err(_) => damaged += 1,
            }
        }
        // To the last one before a key frame, nothing refers.
        let alone = shown == clean.len() - 1;
        assert!(shown >= clean.len() - 14 && alone == (damaged == 0), "without unit {gone}: {shown}, {damaged} told");
        told += damaged;
    }
    assert!(told > 2, "{told}");
}

#[test]
fn what_is_no_film_is_refused_with_a_reason() {
    let Some(clips) = Clips::new("nofilm") else { return };
    let cases: &[(&str, &[u8], &str)] = &[
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"This is a text, whatever its name says.\n", "text"),
        ("header.mp4", b"\0\0\0\x18ftypisom\0\0\x02\0isom", "moov"),
        ("header.mkv", b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\x01", "no segment"),
        ("film.avi", b"RIFF\0\0\0\0AVI LIST", "AVI"),
    ];
    for (name, content, reason) in cases {
        let path = clips.path(name);
        fs::write(&path, content).expect("a file");
        let error = open(&path).err().unwrap_or_else(|| panic!("{name} opened")).to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn what_cannot_be_decoded_is_named() {
    let Some(clips) = Clips::new("refused") else { return };
    let source = lively("128x96", "25", "0.4");
    for (name, settings, words) in [
        ("444.mp4", "-pix_fmt yuv444p -c:v libx264 -flags +ilme+ildct", "H.264 High 4:4:4 Predictive"),
        ("old.mkv", "-c:v huffyuv", "Huffyuv"),
        ("prores.mov", "-pix_fmt yuv422p10le -c:v prores_ks -profile:v 3", "ProRes 422 HQ"),
        ("vp9.webm", "-pix_fmt yuv444p -c:v libvpx-vp9 -cpu-used 6", "VP9 profile 1 video (4:4:4)"),
    ] {
        let Some(path) = clips.make(name, &format!("{source} {settings}")) else { continue };
        let error = open(&path).err().unwrap_or_else(|| panic!("{name} opened"));
        assert!(matches!(error, MediaError::Unsupported { .. }), "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("ffmpeg -nostdin -i"), "{name}: {text}");
    }
    let args =
        format!("-f lavfi -i sine=duration=0.4 {source} -map 1 -map 0 -pix_fmt yuv422p10le -c:v prores_ks -c:a aac");
    let Some(path) = clips.make("sound.mov", &args) else { return };
    let media = open(&path).expect("its sound plays");
    assert!(media.video.is_none() && media.audio.is_some());
    assert!(media.missing.iter().any(|(_, why)| why.contains("ProRes")), "{:?}", media.missing);
}
