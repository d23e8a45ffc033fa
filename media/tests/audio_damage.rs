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
