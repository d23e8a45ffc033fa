//! Damaged sound: whatever the bytes, no panic, no hang, no endless stream.

#[path = "support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use support::{Tool, decode_all, flip, open};
use tricine_media::NS;
use tricine_media::audio;

const SOUND: &str = "-f lavfi -i sine=440:r=44100:d=1.5";

#[test]
fn files_cut_short_or_with_flipped_bytes_end_without_panic() {
    let Some(tool) = Tool::ffmpeg("damage") else { return };
    tricine_media::guard::install_hook();
    let files = [
        ("aac", "a.m4a"),
        ("aac -movflags +frag_keyframe+empty_moov", "fragmented.mp4"),
        ("aac", "a.aac"),
        ("libmp3lame", "a.mp3"),
        ("libvorbis", "a.ogg"),
        ("libopus", "a.opus"),
        ("libopus", "a.webm"),
        ("flac", "a.flac"),
        ("flac", "flac.mkv"),
        ("alac", "alac.m4a"),
        ("pcm_s16le", "a.wav"),
        ("pcm_s16le", "a.mov"),
    ];
    for (codec, name) in files {
        if tool.make(&format!("{SOUND} -c:a {codec}"), name).is_none() {
            continue;
        }
        let whole = std::fs::read(tool.path(name)).unwrap();
        for seed in 0..30u64 {
            let mut bytes = whole.clone();
            if seed % 3 == 0 {
                bytes.truncate(bytes.len() * (seed as usize + 1) / 31);
            } else {
                flip(&mut bytes, seed, if seed % 3 == 1 { 3 } else { 40 });
            }
            let path = tool.path(&format!("damaged-{name}"));
            std::fs::write(&path, &bytes).unwrap();
            let began = Instant::now();
            if let Ok(Some(mut source)) = audio::open(&open(&path)) {
                let all = decode_all(source.as_mut());
                assert!(all.samples.len() < 44_100 * 2 * 80, "{name} seed {seed}: {} samples", all.samples.len());
                for target in [NS, 0, NS / 3] {
                    if source.seek(target).is_ok() {
                        decode_all(source.as_mut());
                    }
                }
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{name} seed {seed}: {:?}", began.elapsed());
        }
    }
}

#[test]
fn an_intact_prefix_of_a_truncated_film_is_heard() {
    let Some(tool) = Tool::ffmpeg("prefix") else { return };
    for (codec, name) in
        [("aac -movflags +faststart", "a.m4a"), ("libmp3lame", "a.mp3"), ("libopus", "a.webm"), ("flac", "a.flac")]
    {
        let Some(file) = tool.make(&format!("{SOUND} -c:a {codec}"), name) else { continue };
        let whole = decode_all(audio::open(&file).unwrap().unwrap().as_mut()).samples.len();
        let bytes = std::fs::read(tool.path(name)).unwrap();
        let path = tool.path(&format!("half-{name}"));
        std::fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let half = decode_all(audio::open(&open(&path)).unwrap().unwrap().as_mut()).samples.len();
        assert!(half > whole / 3 && half < whole, "{name}: {half} of {whole}");
    }
}

#[test]
fn flac_is_heard_whole_behind_blocks_that_are_not_what_they_should_be() {
    let Some(tool) = Tool::ffmpeg("blocks") else { return };
    let Some(file) = tool.make(&format!("{SOUND} -metadata title=Song -c:a flac"), "a.flac") else { return };
    let whole = decode_all(audio::open(&file).unwrap().unwrap().as_mut()).samples;
    let bytes = std::fs::read(tool.path("a.flac")).unwrap();
    // The mark, STREAMINFO, and FFmpeg's comments, whose length has to be a small one.
    assert_eq!((&bytes[..4], bytes[4], bytes[42] & 0x7f, &bytes[43..45]), (&b"fLaC"[..], 0, 4, &[0, 0][..]));
    // A track that begins within a CD's frame, of a sheet which says that it is a CD's.
    let mut sheet = vec![5, 0, 0, 0];
    sheet.extend([0; 128 + 8]);
    sheet.push(0x80);
    sheet.extend([0; 258]);
    sheet.push(2);
    for (number, at) in [(1, 100u64), (170, 66_150)] {
        sheet.extend(at.to_be_bytes());
        sheet.push(number);
        sheet.extend([0; 12 + 1 + 13]);
        sheet.push(u8::from(number == 1));
        if number == 1 {
            sheet.extend([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        }
    }
    let len = (sheet.len() - 4) as u16;
    sheet[2..4].copy_from_slice(&len.to_be_bytes());
    let [mut short, mut long] = [bytes.clone(), bytes.clone()];
    short[45] -= 3;
    long[43] = 0xff;
    let with_sheet = [&bytes[..42], &sheet, &bytes[42..]].concat();
    for (name, bytes, titled) in [("short", short, false), ("long", long, false), ("sheet", with_sheet, true)] {
        let path = tool.path(&format!("{name}.flac"));
        std::fs::write(&path, bytes).unwrap();
        let file = open(&path);
        let mut song = audio::open(&file).unwrap().unwrap();
        let heard = decode_all(song.as_mut());
        assert!(heard.damaged.is_empty() && heard.samples == whole, "{name}: {} samples", heard.samples.len());
        song.seek(NS).unwrap();
        assert_eq!(decode_all(song.as_mut()).samples, whole[44_100..], "{name}: from a second on");
        let tags = tricine_media::container::open(&file).unwrap().unwrap().contents().tags.clone();
        assert_eq!(tags.contains(&("title".to_owned(), "Song".to_owned())), titled, "{name}: {tags:?}");
    }
}

#[test]
fn a_song_with_terabytes_of_holes_behind_it_ends() {
    tricine_media::guard::install_hook();
    let Some(tool) = Tool::ffmpeg("holes") else { return };
    for (name, codec) in [
        ("song.flac", "flac"),
        ("song.ogg", "flac"),
        ("song.mp3", "libmp3lame"),
        ("song.aac", "aac"),
        ("song.ac3", "ac3 -ar 48000"),
    ] {
        let Some(_) = tool.make(&format!("-f lavfi -i sine=duration=1 -c:a {codec}"), name) else { continue };
        let path = tool.path(name);
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        // Symphonia looks for the next frame as far as the file goes.
        match audio::open(&open(&path)) {
            Ok(Some(mut song)) => {
                let heard = decode_all(&mut *song);
                assert!(heard.samples.len() >= 40_000 * heard.channels, "{name}: {} samples", heard.samples.len());
            }
            // Its length is looked for at its end.
            refused => assert!(name == "song.ogg" && refused.is_err(), "{name} does not open"),
        }
    }
}
