//! What holds of every container: its pictures and its sound are FFmpeg's, at FFmpeg's distance from each other; it seeks; cut
//! short or damaged, it plays what is there and ends. A new container joins by one line of [`films::FILMS`].

mod films;
#[path = "support/mod.rs"]
mod support;
mod video_support;

use std::path::Path;

use films::{each, has_opus, is_heard};
use support::{decode_all, ffmpeg_pcm, flip, noise_db, to_16};
use tricine_media::{MediaError, NS, guard};
use video_support::{Clips, filtered, first_time, lively, open, samples};

/// Pictures with their times, and the sound.
struct Film {
    pictures: Vec<(i64, Vec<u8>)>,
    sound: Vec<f32>,
    damages: usize,
}

/// Plays a film to its end. Errors: it cannot be opened.
fn play(path: &Path) -> Result<Film, MediaError> {
    let media = open(path)?;
    let mut film = Film { pictures: Vec::new(), sound: Vec::new(), damages: 0 };
    if let Some(mut video) = media.video {
        loop {
            match video.next_frame() {
                Ok(Some(mut frame)) => film.pictures.push((frame.pts_ns, samples(&mut frame))),
                Ok(None) => break,
                Err(MediaError::Damaged(_)) => film.damages += 1,
                Err(_) => break,
            }
            assert!(film.damages < 10_000, "{}: no progress", path.display());
        }
    }
    if let Some(mut audio) = media.audio {
        let all = decode_all(audio.as_mut());
        film.damages += all.damaged.len();
        film.sound = all.samples;
    }
    Ok(film)
}

/// The mean of the squared differences of two pictures' samples.
fn squared_error(ours: &[u8], theirs: &[u8]) -> f64 {
    let sum: u64 = ours.iter().zip(theirs).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    sum as f64 / ours.len().min(theirs.len()).max(1) as f64
}

/// Where the sound sets in, in sample frames.
fn onset(sound: &[f32]) -> usize {
    sound.iter().position(|sample| sample.abs() > 0.02).expect("a sound")
}

#[test]
fn pictures_and_sound_are_ffmpegs() {
    each("same", "", |_, name, path| {
        let ours = play(path).unwrap();
        assert_eq!(ours.damages, 0, "{name}");
        // JPEG's range is kept.
        let filter = if name == "raw.mjpeg" { "scale=in_range=full:out_range=full" } else { "null" };
        let theirs = filtered(path, 96 * 64 * 3 / 2, filter);
        assert_eq!(ours.pictures.len(), theirs.len(), "{name}: pictures");
        let same = |(ours, theirs): (&(i64, Vec<u8>), &Vec<u8>)| match name {
            // Decoders of MPEG-1, MPEG-2 and of MPEG-4 part 2 round differently: by one step here and there.
            "rip.avi" | "disc.mpg" | "disc.vob" | "plain.mpg" | "tv.ts" | "raw.m2v" | "raw.m4v" => {
                squared_error(&ours.1, theirs) < 0.5
            }
            // Chroma comes out of JPEG's decoder smoothed, which noise shows.
            "raw.mjpeg" => squared_error(&ours.1, theirs) < 50.0,
            _ => ours.1 == *theirs,
        };
        assert!(ours.pictures.iter().zip(&theirs).all(same), "{name}: other pictures");
        if !is_heard(name) {
            assert!(ours.sound.is_empty(), "{name}: a sound");
            return;
        }
        let heard = ffmpeg_pcm(path, has_opus(name).then_some("libopus"));
        // FFmpeg's program writes the last packet of AAC whole, also where MP4 says that the film ends within it.
        let beyond = if name.ends_with(".mp4") || name.ends_with(".mov") { 0..2048 } else { 0..1 };
        let over = heard.len() as i64 - ours.sound.len() as i64;
        assert!(beyond.contains(&over), "{name}: {over} samples less");
        let heard = heard[..ours.sound.len()].to_vec();
        let noise = noise_db(&to_16(&ours.sound), &heard);
        assert!(noise < -85.0, "{name}: {noise:.1} dB from FFmpeg's");
    });
}

/// Checks that pictures and sound begin where FFmpeg has them, to two samples: one of the two at 0, the other as much later.
fn assert_apart_as_ffmpeg(name: &str, path: &Path) {
    const ALLOWED: u64 = 2;
    let ours = play(path).unwrap();
    if !is_heard(name) {
        assert_eq!(ours.pictures.first().map(|first| first.0), Some(0), "{name}");
        return;
    }
    let starts = ["v:0", "a:0"].map(|track| (first_time(path, track) * 48_000.0).round() as i64);
    let zero = starts[0].min(starts[1]);
    let first = ours.pictures.first().map_or(i64::MAX, |(pts_ns, _)| pts_ns * 48 / 1_000_000);
    assert!(first.abs_diff(starts[0] - zero) <= ALLOWED, "{name}: the pictures begin at {first}, {starts:?} in FFmpeg");
    let heard: Vec<f32> = ffmpeg_pcm(path, has_opus(name).then_some("libopus"))
        .into_iter()
        .map(|sample| f32::from(sample) / 32768.0)
        .collect();
    let (sounds, wanted) = (onset(&ours.sound) as i64, starts[1] - zero + onset(&heard) as i64);
    assert!(sounds.abs_diff(wanted) <= ALLOWED, "{name}: the sound begins at {sounds}, {wanted} in FFmpeg");
}

#[test]
fn pictures_and_sound_are_as_far_apart_as_in_ffmpeg_wherever_the_film_begins() {
    // As made; all later; the sound later than the pictures, too.
    for (n, more) in ["", "-output_ts_offset 20", "-af adelay=500:all=1 -output_ts_offset 7"].into_iter().enumerate() {
        each(&format!("late-{n}"), more, |_, name, path| assert_apart_as_ffmpeg(name, path));
    }
}

#[test]
fn a_track_that_begins_later_than_the_other_waits_for_it() {
    for (n, tracks) in ["-map 0:v -map 1:a", "-map 1:v -map 0:a"].into_iter().enumerate() {
        each(&format!("apart-{n}"), "", |clips, name, path| {
            if !is_heard(name) {
                return;
            }
            let from = path.display();
            let twice = format!("-i {from} -itsoffset 0.5 -i {from} {tracks} -c copy -output_ts_offset 3");
            if let Some(late) = clips.make(&format!("late-{name}"), &twice) {
                assert_apart_as_ffmpeg(name, &late);
            }
        });
    }
}

#[test]
fn seeks_show_and_sound_as_if_everything_before_had_been_played() {
    each("seek", "", |_, name, path| {
        let whole = play(path).unwrap();
        let media = open(path).unwrap();
        let (mut video, mut audio) = (media.video.unwrap(), media.audio);
        assert_eq!(audio.is_some(), is_heard(name), "{name}");
        for target in [NS, 0, 2_345_678_901, NS / 3, 2_960_000_000, 1_480_000_001] {
            let wanted = whole.pictures.iter().rposition(|(pts_ns, _)| *pts_ns <= target).unwrap_or(0);
            video.seek(target).unwrap();
            let mut frame = video.next_frame().unwrap().unwrap();
            assert_eq!(frame.pts_ns, whole.pictures[wanted].0, "{name}: to {target}");
            assert!(samples(&mut frame) == whole.pictures[wanted].1, "{name}: to {target}: another picture");
            let Some(audio) = &mut audio else { continue };
            audio.seek(target).unwrap();
            let block = audio.next_block().unwrap().unwrap();
            let due = (target * 48_000 + NS / 2) / NS;
            assert_eq!((block.pts_ns * 48_000 + NS / 2) / NS, due, "{name}: to {target}");
            let wanted = &whole.sound[due as usize..][..block.samples.len()];
            let noise = noise_db(&to_16(&block.samples), &to_16(wanted));
            assert!(noise < -70.0, "{name}: to {target}: {noise:.1} dB from what plays there");
        }
    });
}

#[test]
fn what_is_cut_short_plays_up_to_there() {
    each("cut", "-movflags +faststart", |clips, name, path| {
        let (whole, data) = (play(path).unwrap(), std::fs::read(path).unwrap());
        for tenths in 1..10 {
            let cut = clips.path(&format!("{tenths}-{name}"));
            std::fs::write(&cut, &data[..data.len() * tenths / 10]).unwrap();
            let Ok(film) = play(&cut) else {
                assert!(tenths < 5, "{name}: {tenths}/10 of it cannot be opened");
                continue;
            };
            // The last ones may lack those between them, and what tells when the last one is due. What has no sound yet begins
            // where its pictures do.
            let zero = |film: &Film| film.pictures.first().map_or(0, |first| first.0);
            let (own, all) = (zero(&film), zero(&whole));
            // A raw stream's times are its order, in which those between the last ones are missing, too; so are those of H.264 in AVI.
            let ordered = !is_heard(name) || matches!(name, "nested.avi" | "pairs.avi");
            let untimed = if ordered { 4 } else { 1 };
            let last = film
                .pictures
                .iter()
                .rev()
                .nth(untimed.min(film.pictures.len()).saturating_sub(1))
                .map_or(0, |last| last.0);
            let same = |cut: &(i64, Vec<u8>)| {
                whole.pictures.iter().any(|(at, p)| *p == cut.1 && (at - all == cut.0 - own || cut.0 >= last))
            };
            // Nor does it say that its last picture is whole.
            let other = film.pictures.iter().filter(|picture| !same(picture)).count();
            assert!(other <= usize::from(!is_heard(name)), "{name}: {tenths}/10 shows something else");
            let most = whole.pictures.len() * (tenths + 1) / 10 + 8;
            assert!(film.pictures.len() <= most, "{name}: {} pictures of {tenths}/10", film.pictures.len());
            let least = (whole.pictures.len() * tenths / 10).saturating_sub(30);
            assert!(film.pictures.len() >= least, "{name}: {} pictures of {tenths}/10", film.pictures.len());
        }
    });
}

#[test]
fn damage_ends_in_words_or_pictures() {
    each("damage", "", |clips, name, path| {
        let data = std::fs::read(path).unwrap();
        let broken = clips.path(&format!("broken-{name}"));
        let mut shown = 0;
        for seed in 0..25 {
            let mut data = data.clone();
            flip(&mut data, seed, 1 + seed as usize);
            std::fs::write(&broken, &data).unwrap();
            let Ok(film) = play(&broken) else { continue };
            shown += film.pictures.len();
            assert!(film.pictures.len() < 150 && film.sound.len() < 48_000 * 80, "{name}, seed {seed}");
            assert!(film.pictures.is_sorted_by(|one, two| one.0 < two.0), "{name}, seed {seed}: time runs backwards");
        }
        // What decodes MPEG-4 part 2 shows no picture that it cannot read to its end.
        let least = if matches!(name, "rip.avi" | "raw.m4v") { 200 } else { 300 };
        assert!(shown > least, "{name}: {shown} pictures of 25 damaged films");
    });
}

/// A short FLAC file, whose frames begin as those of AAC do.
#[test]
fn what_says_what_it_is_is_that_though_its_bytes_look_like_something_else() {
    let mut flac = b"fLaC\x80\0\0\x22\0\xc0\0\xc0\0\0\0\0\0\0\x0a\xc4\x40\xf0\0\0\x03\0".to_vec();
    flac.resize(42, 0);
    for frame in
        [b"\0\xba\0\0\0\x30\xb2", b"\x01\xbd\0\0\0\x5c\xca", b"\x02\xb4\0\0\0\xe8\x42", b"\x03\xb3\0\0\0\x84\x3a"]
    {
        flac.extend([&b"\xff\xf8\x19\x08"[..], frame].concat());
    }
    let file = tricine_media::MediaFile::from_bytes(flac, "silence");
    let container = tricine_media::container::open(&file).unwrap().unwrap();
    assert_eq!(container.contents().tracks[0].codec, "FLAC");
    let mut packets = container.packets(0).unwrap();
    let packets: Vec<_> = std::iter::from_fn(|| packets.next().unwrap()).collect();
    assert_eq!(packets.len(), 4);
}

#[test]
fn a_hole_of_a_terabyte_behind_a_film_ends_it() {
    each("holes", "", |_, name, path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
        // Who looks at the end for the film's length may refuse it.
        if let Ok(film) = play(path) {
            assert!(film.pictures.len() >= 60, "{name}: {} pictures", film.pictures.len());
        }
    });
}

#[test]
fn a_raw_stream_is_shown_at_the_rate_that_it_tells() {
    let Some(clips) = Clips::new("rates") else { return };
    let source = lively("96x64", "30000/1001", "1");
    for (name, settings) in [
        ("rate.h264", "-c:v libx264 -bf 3"),
        ("rate.h265", "-c:v libx265 -x265-params log-level=none"),
        ("rate.m2v", "-c:v mpeg2video -bf 2"),
        ("rate.m1v", "-c:v mpeg1video"),
        ("rate.m4v", "-c:v mpeg4 -bf 2 -f m4v"),
        ("rate.ivf", "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16"),
    ] {
        let Some(path) = clips.make(name, &format!("{source} {settings}")) else { continue };
        let film = play(&path).unwrap();
        assert_eq!((film.damages, film.pictures.len()), (0, 30), "{name}");
        for (n, (pts_ns, _)) in film.pictures.iter().enumerate() {
            let due = n as f64 * 1001.0 / 30.0 * 1e6;
            assert!((*pts_ns as f64 - due).abs() < 1e4, "{name}: picture {n} is due at {pts_ns} ns");
        }
    }
}

#[test]
fn a_rate_that_cannot_be_is_the_usual_one() {
    each("rates", "", |clips, name, path| {
        let mut bytes = std::fs::read(path).unwrap();
        // Where the rate stands, and where the unit of it.
        let (rate, scale) = match name.rsplit('.').next() {
            Some("ivf") => (16, 20),
            Some("avi") => {
                let head = bytes.windows(8).position(|window| window == b"strh\x38\0\0\0").unwrap() + 8;
                assert_eq!(&bytes[head..head + 4], b"vids", "{name}");
                (head + 24, head + 20)
            }
            _ => return,
        };
        let most = u32::MAX;
        let wrong: &[(u32, u32)] = if rate == 16 { &[(1, most), (0, 0)] } else { &[(1, most), (most, 1), (0, 0)] };
        for (number, per) in wrong {
            bytes[rate..rate + 4].copy_from_slice(&number.to_le_bytes());
            bytes[scale..scale + 4].copy_from_slice(&per.to_le_bytes());
            let wrong = clips.path("wrong");
            std::fs::write(&wrong, &bytes).unwrap();
            let times: Vec<i64> = play(&wrong).unwrap().pictures.iter().map(|(pts_ns, _)| *pts_ns).collect();
            let last = times.iter().max().copied().unwrap_or(0);
            assert!((2_000_000_000..4_000_000_000).contains(&last), "{name}, {number}/{per}: {last}");
        }
    });
}

#[test]
fn a_film_plays_whatever_box_it_begins_with_and_however_its_length_is_written() {
    guard::install_hook();
    let Some(clips) = Clips::new("boxes") else { return };
    let source = format!("{} -c:v libx264 -bf 2", lively("96x64", "25", "1"));
    let Some(path) = clips.make("film.mp4", &source) else { return };
    let film = std::fs::read(&path).unwrap();
    let wanted = play(&path).unwrap().pictures;
    let at = film.windows(4).position(|four| four == b"mdat").unwrap() - 4;
    let len = u32::from_be_bytes(*film[at..].first_chunk().unwrap());
    // Everything in front of the pictures becomes a part of their box, so that they stay where the film says that they are.
    let mut long = film.clone();
    long[..16].copy_from_slice(&[&[0, 0, 0, 1][..], b"mdat", &(at as u64 + u64::from(len)).to_be_bytes()].concat());
    let mut others = vec![("mdat of 64 bits".to_owned(), long)];
    for (kind, size) in [(b"free", at), (b"skip", at), (b"wide", at), (b"uuid", at)] {
        let mut other = film.clone();
        other[..8].copy_from_slice(&[&(size as u32).to_be_bytes()[..], kind].concat());
        others.push((String::from_utf8_lossy(kind).into_owned(), other));
    }
    for (name, bytes) in others {
        let path = path.with_file_name("other");
        std::fs::write(&path, bytes).unwrap();
        let ours = play(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(ours.pictures == wanted && wanted.len() == 25, "{name}: {} pictures", ours.pictures.len());
    }
}

#[test]
fn a_program_stream_without_any_time_plays_from_its_beginning() {
    let Some(clips) = Clips::new("timeless") else { return };
    let bare = format!("{} -c:v mpeg1video -bf 0", lively("96x64", "25", "0.24"));
    let Some(bare) = clips.make("film.m1v", &bare) else { return };
    let film = std::fs::read(&bare).unwrap();
    // The head of a pack of MPEG-2, and packets that say no time.
    let mut stream = vec![0, 0, 1, 0xba, 0x44, 0, 4, 0, 4, 1, 0, 0x46, 0x53, 0xf8];
    for part in film.chunks(2000) {
        stream.extend([0, 0, 1, 0xe0]);
        stream.extend((part.len() as u16 + 3).to_be_bytes());
        stream.extend([0x80, 0, 0]);
        stream.extend_from_slice(part);
    }
    stream.extend([0, 0, 1, 0xb9]);
    let packed = bare.with_extension("mpg");
    std::fs::write(&packed, stream).unwrap();
    let (bare, packed) = (play(&bare).unwrap(), play(&packed).unwrap());
    assert_eq!((bare.pictures.len(), bare.pictures == packed.pictures), (6, true));
}
