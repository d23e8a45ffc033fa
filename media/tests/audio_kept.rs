//! Sound as recorders, discs and old machines keep it: equal to FFmpeg's decode, or to the same samples in an ordinary form.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use support::{Tool, decode_all, ffmpeg_pcm, make, noise_db, open, open_audio, to_16};

/// Two tones and some noise, of no round length.
fn sound(rate: u32) -> String {
    format!(
        "-f lavfi -i sine=frequency=440:sample_rate={rate}:duration=1.2345 -f lavfi -i anoisesrc=a=0.1:r={rate}:d=1.2345:seed=3 \
         -filter_complex [0][1]amerge=inputs=2[a] -map [a]"
    )
}

/// A whole decode as 16 bits, which nothing was missing of.
fn heard(path: &Path) -> Vec<i16> {
    let all = decode_all(open_audio(&open(path)).as_mut());
    assert_eq!(all.damaged, Vec::<String>::new(), "{}", path.display());
    to_16(&all.samples)
}

/// What `ffmpeg ARGS NAME` makes is as FFmpeg plays it, to `limit` dB.
fn check(tool: &Tool, args: &str, name: &str, limit: f64) {
    let path = tool.path(name);
    if !make(args, &path) {
        return;
    }
    let (ours, theirs) = (heard(&path), ffmpeg_pcm(&path, args.contains("libopus").then_some("libopus")));
    assert_eq!(ours.len(), theirs.len(), "{name}");
    let noise = noise_db(&ours, &theirs);
    assert!(noise <= limit, "{name}: {noise:.1} dB from FFmpeg's, {limit} allowed");
}

/// A tone a channel.
fn tones(layout: &str, channels: u32) -> String {
    let tones: Vec<String> =
        (0..channels).map(|c| format!("{}*sin(2*PI*{}*t)", 0.2 + 0.05 * f64::from(c), 300 + 100 * c)).collect();
    format!("-f lavfi -i aevalsrc={}:c={layout}:s=48000:d=1.2", tones.join("|"))
}

#[test]
fn files_of_samples_are_read_whoever_wrote_them() {
    let Some(tool) = Tool::ffmpeg("samples") else { return };
    for (codec, name) in [
        ("pcm_mulaw", "mulaw.au"),
        ("pcm_alaw", "alaw.au"),
        ("pcm_s8", "s8.au"),
        ("pcm_s16be", "s16.au"),
        ("pcm_s24be", "s24.au"),
        ("pcm_s32be", "s32.au"),
        ("pcm_f32be", "f32.au"),
        ("pcm_f64be", "f64.au"),
        ("pcm_s16le", "s16.w64"),
        ("pcm_f32le", "f32.w64"),
        ("pcm_s24le -rf64 always", "rf64.wav"),
        ("adpcm_ima_qt", "ima.aiff"),
        ("adpcm_ima_qt", "ima.caf"),
        ("adpcm_ima_qt", "ima.mov"),
        ("pcm_alaw", "alaw.mov"),
        ("pcm_mulaw", "mulaw.mkv"),
    ] {
        // 24 bits and more are rounded here, and cut off there.
        check(&tool, &format!("{} -c:a {codec}", sound(44_100)), name, -90.0);
    }
}

#[test]
fn a_wav_whose_numbers_begin_with_the_highest_byte_is_one() {
    let Some(tool) = Tool::ffmpeg("rifx") else { return };
    let (plain, swapped) = (tool.path("a.wav"), tool.path("rifx.wav"));
    if !make(&format!("{} -c:a pcm_s16le -bitexact", sound(44_100)), &plain) {
        return;
    }
    let wav = std::fs::read(&plain).unwrap();
    let data = wav.windows(4).position(|window| window == b"data").unwrap() + 8;
    let mut out = b"RIFX".to_vec();
    out.extend((wav.len() as u32 - 8).to_be_bytes());
    out.extend(b"WAVEfmt \0\0\0\x10\0\x01\0\x02");
    out.extend(44_100u32.to_be_bytes());
    out.extend((4 * 44_100u32).to_be_bytes());
    out.extend([0, 4, 0, 16]);
    out.extend(b"data");
    out.extend((wav.len() as u32 - data as u32).to_be_bytes());
    out.extend(wav[data..].chunks_exact(2).flat_map(|sample| [sample[1], sample[0]]));
    std::fs::write(&swapped, out).unwrap();
    assert_eq!(heard(&swapped), heard(&plain));
}

#[test]
fn quicktimes_adpcm_is_counted_by_samples_or_by_blocks() {
    let Some(tool) = Tool::ffmpeg("ima4") else { return };
    let path = tool.path("ima.mov");
    if !make(&format!("{} -c:a adpcm_ima_qt", sound(44_100)), &path) {
        return;
    }
    let blocks = heard(&path);
    let mut film = std::fs::read(&path).unwrap();
    let at = |name: &[u8], film: &[u8]| film.windows(4).position(|window| window == name).unwrap() + 4;
    // As QuickTime itself writes it: so many samples of one byte.
    let size = at(b"stsz", &film);
    let count = u32::from_be_bytes(film[size + 8..size + 12].try_into().unwrap()) * 64;
    let (chunk, time) = (at(b"stsc", &film), at(b"stts", &film));
    for (at, value) in [(size + 4, 1), (size + 8, count), (chunk + 12, count), (time + 8, count), (time + 12, 1)] {
        film[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    std::fs::write(&path, film).unwrap();
    assert!(heard(&path) == blocks);
}

#[test]
fn frames_within_a_wav_are_heard() {
    let Some(tool) = Tool::ffmpeg("within") else { return };
    check(&tool, &format!("{} -c:a libmp3lame", sound(44_100)), "mp3.wav", -90.0);
    check(&tool, &format!("{} -c:a mp2", sound(44_100)), "mp2.wav", -85.0);
    check(&tool, &format!("{} -c:a ac3 -b:a 256k", tones("stereo", 2)), "ac3.wav", -85.0);
}

#[test]
fn discs_have_samples_of_their_own() {
    let Some(tool) = Tool::ffmpeg("discs") else { return };
    for (form, name) in [("-c:a pcm_dvd", "dvd.vob"), ("-c:a pcm_dvd -sample_fmt s32", "dvd24.vob")] {
        check(&tool, &format!("{} {form} -f vob", sound(48_000)), name, -90.0);
    }
    check(&tool, &format!("{} -ar 96000 -c:a pcm_dvd -f vob", tones("mono", 1)), "dvd96.vob", -90.0);
    // Discs without a word on their speakers.
    check(&tool, &format!("{} -c:a pcm_dvd -f vob", tones("5.1", 6)), "dvd51.vob", -90.0);
    for (layout, channels) in
        [("mono", 1), ("stereo", 2), ("3.0", 3), ("4.0", 4), ("5.0(side)", 5), ("5.1(side)", 6), ("7.0", 7), ("7.1", 8)]
    {
        for form in ["", " -sample_fmt s32"] {
            let args = format!("{} -c:a pcm_bluray{form} -f mpegts -mpegts_m2ts_mode 1", tones(layout, channels));
            check(&tool, &args, &format!("{channels}.m2ts"), -90.0);
        }
    }
}

#[test]
fn transport_streams_carry_opus_and_aac_that_is_described_once() {
    let Some(tool) = Tool::ffmpeg("carried") else { return };
    check(&tool, &format!("{} -c:a libopus", sound(48_000)), "opus.ts", -90.0);
    for (layout, channels) in [("mono", 1), ("3.0", 3), ("5.1", 6), ("7.1", 8)] {
        let args = format!("{} -c:a libopus -mapping_family 1 -b:a {}k", tones(layout, channels), 64 * channels);
        check(&tool, &args, &format!("opus{channels}.ts"), -90.0);
    }
    // The first frame alone says what the channels are.
    check(&tool, &format!("{} -c:a aac", tones("2.1", 3)), "aac21.ts", -90.0);
}

#[test]
fn flac_that_was_joined_plays_part_after_part_and_seeks() {
    let Some(tool) = Tool::ffmpeg("joined") else { return };
    let forms = [(44_100, 2, 1.3), (44_100, 2, 1.1), (48_000, 1, 1.2), (44_100, 2, 1.3)];
    let mut parts = Vec::new();
    for (n, (rate, channels, seconds)) in forms.into_iter().enumerate() {
        let path = tool.path(&format!("{n}.flac"));
        let tone = format!("-f lavfi -i sine=frequency={}:sample_rate={rate}:duration={seconds}", 300 + 200 * n);
        if !make(&format!("{tone} -ac {channels} -c:a flac"), &path) {
            return;
        }
        parts.push((std::fs::read(&path).unwrap(), heard(&path)));
    }
    for order in [&[0, 1][..], &[0, 0], &[0, 2, 1]] {
        let path = tool.path("joined.flac");
        let bytes: Vec<u8> = order.iter().flat_map(|&n: &usize| parts[n].0.clone()).collect();
        std::fs::write(&path, bytes).unwrap();
        let mut source = open_audio(&open(&path));
        let told = source.info().duration_ns.unwrap_or(0);
        let seconds: f64 = order.iter().map(|&n| forms[n].2).sum();
        assert!((told as f64 / 1e9 - seconds).abs() < 1e-6, "{order:?}: {told} ns");
        let mut all = Vec::new();
        while let Some(block) = source.next_block().unwrap() {
            all.extend(block.samples);
        }
        let wanted: Vec<i16> = order.iter().flat_map(|&n| parts[n].1.clone()).collect();
        assert!(to_16(&all) == wanted, "{order:?}: {} samples of {}", all.len(), wanted.len());
        // Into the second part, and back into the first.
        for at in [1_500_000_000, 500_000_000] {
            source.seek(at).unwrap();
            let block = source.next_block().unwrap().unwrap();
            assert!(block.pts_ns.abs_diff(at) < 30_000, "{order:?}: {}", block.pts_ns);
            if order[1] != 2 {
                let from = (at * 44_100 / 1_000_000_000 * 2) as usize;
                assert_eq!(to_16(&block.samples)[..100], wanted[from..from + 100], "{order:?} at {at}");
            }
        }
    }
}
