//! Sound against FFmpeg's own decode, on files that FFmpeg makes: equal in length, in value and in channel order.

#[path = "support/mod.rs"]
mod support;

use support::{All, Tool, decode_all, ffmpeg_pcm, noise_db, open_audio, to_16};
use tricine_media::MediaError;
use tricine_media::audio;

/// Two different tones and some noise, a little over a second and of no round length.
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=1.2345 -f lavfi -i \
                     anoisesrc=a=0.1:r=44100:d=1.2345:seed=3 -filter_complex [0][1]amerge=inputs=2[a] -map [a]";

/// What stands for "within two steps of 16 bits" among limits in dB.
const EXACT: f64 = f64::NEG_INFINITY;

/// Decodes what `ffmpeg ARGS NAME` makes, by us and by FFmpeg; equal in length and noise below `limit` dB.
fn compare(tool: &Tool, args: &str, name: &str, limit: f64) -> Option<All> {
    let file = tool.make(args, name)?;
    let ours = decode_all(open_audio(&file).as_mut());
    // FFmpeg's own Opus decoder is 40 dB off libopus in SILK's modes; libopus is the reference.
    let theirs = ffmpeg_pcm(&tool.path(name), args.contains("libopus").then_some("libopus"));
    assert_eq!(ours.damaged, Vec::<String>::new(), "{name}");
    // What fills up AAC's last frame, by which this FFmpeg is longer, would be a gap before the next song.
    let padded = args.split(' ').any(|word| word == "aac") && (name.ends_with(".m4a") || name.ends_with(".mp4"));
    let most = if padded { 1024 * ours.channels } else { 1 };
    let more = theirs.len().checked_sub(ours.samples.len());
    assert!(more.is_some_and(|more| more < most), "{name}: {} and FFmpeg's {}", ours.samples.len(), theirs.len());
    assert_eq!(ours.first_pts, 0, "{name}");
    let ours_16 = to_16(&ours.samples);
    if limit == EXACT {
        let worst = ours_16.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(2), "{name}: {worst:?} of 32768 from FFmpeg's");
    } else {
        let noise = noise_db(&ours_16, &theirs);
        assert!(noise <= limit, "{name}: {noise:.1} dB from FFmpeg's, {limit} allowed");
    }
    Some(ours)
}

#[test]
fn mpeg_audio_is_decoded_by_the_layer_that_its_frames_tell() {
    let Some(tool) = Tool::ffmpeg("layers") else { return };
    // MP4 has one word for all layers, and a copy out of it calls Layer II "MP3".
    for (args, name) in [("-c:a mp2", "layer.mp4"), ("-c:a mp2 -b:a 384k -ac 1", "forbidden.mp4")] {
        if compare(&tool, &format!("{SOUND} {args}"), name, -85.0).is_some() {
            let copy = format!("-i {} -c copy", tool.path(name).display());
            compare(&tool, &copy, &name.replace("mp4", "mkv"), -85.0);
        }
    }
}

#[test]
fn lossless_formats_equal_ffmpegs_decode() {
    let Some(tool) = Tool::ffmpeg("lossless") else { return };
    let formats = [
        ("pcm_u8", "u8.wav"),
        ("pcm_s16le", "s16.wav"),
        ("pcm_s24le", "s24.wav"),
        ("pcm_s32le", "s32.wav"),
        ("pcm_f32le", "f32.wav"),
        ("pcm_f64le", "f64.wav"),
        ("pcm_alaw", "alaw.wav"),
        ("pcm_mulaw", "mulaw.wav"),
        ("adpcm_ms", "ms.wav"),
        ("adpcm_ima_wav", "ima.wav"),
        ("flac", "a.flac"),
        ("flac", "ogg.oga"),
        ("flac -strict -2", "flac.mp4"),
        ("flac", "flac.mkv"),
        ("alac", "alac.m4a"),
        ("alac", "alac.mkv"),
        ("alac", "alac.caf"),
        ("pcm_s16be", "s16.aiff"),
        ("pcm_s24be", "s24.aiff"),
        ("pcm_s16le", "s16.mov"),
        ("pcm_s16be", "s16be.mov"),
        ("pcm_s24le", "s24.mov"),
        ("pcm_f32le", "f32.mov"),
        ("adpcm_ms", "ms.mov"),
        ("adpcm_ms -ac 1", "one-ms.mov"),
        ("adpcm_ima_wav", "ima.mov"),
        ("adpcm_ima_wav -ac 1", "one-ima.mov"),
        ("pcm_s16le", "s16.mkv"),
        ("pcm_f32le", "f32.mkv"),
    ];
    for (codec, name) in formats {
        compare(&tool, &format!("{SOUND} -c:a {codec}"), name, EXACT);
    }
}

#[test]
fn lossy_formats_are_as_long_as_ffmpegs_decode_and_differ_by_less_than_100_db() {
    let Some(tool) = Tool::ffmpeg("lossy") else { return };
    let formats = [
        ("aac", "a.m4a"),
        ("aac -movflags +frag_keyframe+empty_moov", "fragmented.mp4"),
        ("aac", "a.mkv"),
        ("aac", "a.aac"),
        ("libmp3lame", "a.mp3"),
        ("libmp3lame -q:a 5", "vbr.mp3"),
        ("libmp3lame -ar 22050", "mpeg2.mp3"),
        ("libmp3lame -ar 8000 -ac 1", "mpeg25.mp3"),
        ("libmp3lame", "mp3.mp4"),
        ("libmp3lame", "mp3.mkv"),
        ("libvorbis", "a.ogg"),
        ("libvorbis", "vorbis.webm"),
        ("libvorbis -strict -2", "vorbis.mp4"),
        ("libopus", "a.opus"),
        ("libopus", "opus.webm"),
        ("libopus", "opus.caf"),
        ("libopus -frame_duration 60", "long.opus"),
        ("libopus -application voip -b:a 16k", "voice.webm"),
    ];
    for (codec, name) in formats {
        compare(&tool, &format!("{SOUND} -c:a {codec}"), name, -100.0);
    }
    // Of one channel at more bits than the standard allows, which is what FFmpeg makes unless told otherwise.
    for (codec, name) in [
        ("mp2", "a.mp2"),
        ("mp2 -ac 1", "one.mp2"),
        ("mp2 -ac 1 -ar 48000", "one48.mp2"),
        ("mp2", "mp2.mp4"),
        ("mp2", "mp2.mov"),
    ] {
        compare(&tool, &format!("{SOUND} -c:a {codec}"), name, -90.0);
    }
    // Two frames between tags, behind which the second one is followed by none.
    let short = "-frames:a 2 -write_xing 0 -write_id3v1 1 -metadata title=Short";
    compare(&tool, &format!("{SOUND} -c:a libmp3lame {short}"), "short.mp3", -80.0);
    // Where AC-3 has no bits for noise, each decoder takes noise of its own: tones, then.
    for (codec, name, rate, limit) in [
        ("ac3", "a.ac3", 44_100, -90.0),
        ("ac3", "ac3.mkv", 44_100, -90.0),
        ("eac3", "a.eac3", 48_000, -90.0),
        ("eac3", "eac3.mp4", 44_100, -90.0),
        ("eac3", "eac3.mkv", 32_000, -90.0),
    ] {
        compare(&tool, &format!("{} -c:a {codec}", tones("stereo", 2, rate)), name, limit);
    }
    // FFmpeg plays MP4's padding too, where its own Opus decoder and ours differ a little more.
    compare(&tool, &format!("{SOUND} -c:a libopus"), "opus.mp4", -90.0);
}

/// One tone a channel: 300 Hz for the first, 100 Hz more for each further one. Longer than a second, since FFmpeg 5.1
/// loses the first 128 samples of an Ogg Vorbis file of a single page (we play all that the granule counts).
fn tones(layout: &str, channels: usize, rate: u32) -> String {
    let tones: Vec<String> =
        (0..channels).map(|c| format!("{}*sin(2*PI*{}*t)", 0.2 + 0.05 * c as f64, 300 + 100 * c)).collect();
    format!("-f lavfi -i aevalsrc={}:c={layout}:s={rate}:d=1.2", tones.join("|"))
}

#[test]
fn channels_arrive_in_wave_order_from_mono_to_seven_one() {
    let Some(tool) = Tool::ffmpeg("channels") else { return };
    let layouts = [("mono", 1), ("stereo", 2), ("3.0", 3), ("quad", 4), ("5.0", 5), ("5.1", 6), ("6.1", 7), ("7.1", 8)];
    let formats = [
        ("pcm_s16le", "wav", EXACT),
        ("flac", "flac", EXACT),
        ("alac", "m4a", EXACT),
        ("libvorbis", "ogg", -100.0),
        ("libopus -mapping_family 1", "opus", -90.0),
        ("libopus -mapping_family 1", "webm", -90.0),
        ("aac", "m4a", -100.0),
    ];
    for (layout, channels) in layouts {
        for (index, (codec, extension, limit)) in formats.into_iter().enumerate() {
            // Layouts that an encoder refuses are nothing that a file could hold.
            let lacking = [("alac", "quad"), ("alac", "7.1"), ("aac", "quad"), ("aac", "6.1"), ("flac", "6.1")];
            if lacking.contains(&(codec, layout)) {
                continue;
            }
            let name = format!("{channels}-{index}.{extension}");
            let args = format!("{} -c:a {codec}", tones(layout, channels, 48_000));
            let Some(all) = compare(&tool, &args, &name, limit) else { continue };
            assert_eq!(all.channels, channels, "{name}");
        }
    }
}

#[test]
fn sample_rates_from_8_to_192_khz_are_kept() {
    let Some(tool) = Tool::ffmpeg("rates") else { return };
    for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000] {
        for (codec, extension, limit) in [("pcm_s16le", "wav", EXACT), ("flac", "flac", EXACT), ("aac", "m4a", -100.0)]
        {
            if codec == "aac" && rate > 96_000 {
                continue;
            }
            let name = format!("{rate}.{extension}");
            let file = tool.path(&name);
            let Some(_) = compare(&tool, &format!("{} -c:a {codec}", tones("stereo", 2, rate)), &name, limit) else {
                continue;
            };
            assert_eq!(open_audio(&support::open(&file)).info().sample_rate, rate, "{name}");
        }
    }
}

#[test]
fn an_unsupported_codec_is_named_and_a_film_without_sound_has_none() {
    let Some(tool) = Tool::ffmpeg("unsupported") else { return };
    for (codec, name, want) in [
        ("dca -strict -2", "a.mkv", "DTS"),
        ("adpcm_yamaha", "yamaha.wav", "Yamaha ADPCM in WAV"),
        ("wavpack", "a.wv", "WavPack audio"),
        ("tta", "a.tta", "TTA audio"),
    ] {
        let Some(file) = tool.make(&format!("{SOUND} -c:a {codec}"), name) else { continue };
        match audio::open(&file) {
            Err(MediaError::Unsupported { what, hint }) => {
                assert!(what.starts_with(want) && !hint.is_empty(), "{what}")
            }
            other => panic!("{name}: {:?}", other.map(|source| source.is_some())),
        }
    }
    for name in ["mute.mp4", "mute.mkv"] {
        let Some(file) = tool.make("-f lavfi -i testsrc=s=64x64:d=0.2 -c:v mpeg4", name) else { continue };
        assert!(audio::open(&file).unwrap().is_none(), "{name}");
    }
}

#[test]
fn a_chain_of_ogg_streams_plays_link_after_link_and_seeks() {
    let Some(tool) = Tool::ffmpeg("chain") else { return };
    let codecs = [
        ("flac", "flac"),
        ("libvorbis", "libvorbis"),
        ("libopus", "libopus"),
        ("flac", "flac -ar 44100"),
        ("libvorbis", "libvorbis -ar 22050"),
        ("libopus", "libvorbis -ar 44100"),
        ("libvorbis", "libopus"),
    ];
    for (first, second) in codecs {
        let codec = format!("{first}, {second}");
        let part = |name: &str, hz: u32, codec: &str| {
            let args = format!("-f lavfi -i sine=frequency={hz}:sample_rate=48000:duration=1.3 -c:a {codec}");
            tool.make(&args, name).map(|file| (decode_all(open_audio(&file).as_mut()), tool.path(name)))
        };
        let (Some((a, one)), Some((b, two))) = (part("one.ogg", 440, first), part("two.ogg", 660, second)) else {
            continue;
        };
        let chain = tool.path("chain.ogg");
        std::fs::write(&chain, [std::fs::read(one).unwrap(), std::fs::read(two).unwrap()].concat()).unwrap();
        let mut source = open_audio(&support::open(&chain));
        let wanted = [a.samples, b.samples].concat();
        let whole = decode_all(source.as_mut());
        assert_eq!((whole.damaged.len(), whole.samples.len()), (0, wanted.len()), "{codec}");
        assert!(whole.samples == wanted, "{codec}");
        let lasts = wanted.len() as i64 * tricine_media::NS / 48_000;
        let told = source.info().duration_ns.unwrap_or(0);
        assert!(first != second || told.abs_diff(lasts) < 50_000_000, "{codec}: {told} ns of {lasts}");
        // From the second link into the first, and from there on to the end.
        source.seek(1_000_000_000).unwrap();
        let rest = decode_all(source.as_mut());
        assert_eq!((rest.first_pts, rest.samples.len()), (1_000_000_000, wanted.len() - 48_000), "{codec}");
        let noise = noise_db(&to_16(&rest.samples), &to_16(&wanted[48_000..]));
        assert!(noise < -80.0, "{codec}: {noise:.1} dB");
    }
}

#[test]
fn lengths_that_are_declared_wrongly_do_not_end_the_sound() {
    let Some(tool) = Tool::ffmpeg("lengths") else { return };
    let Some(file) = tool.make(&format!("{SOUND} -c:a pcm_s16le"), "tone.wav") else { return };
    let (whole, wav) = (decode_all(open_audio(&file).as_mut()), std::fs::read(tool.path("tone.wav")).unwrap());
    let size = wav.windows(4).position(|window| window == b"data").unwrap() + 4;
    let with = |riff: u32, data: u32| {
        let mut wav = wav.clone();
        wav[4..8].copy_from_slice(&riff.to_le_bytes());
        wav[size..size + 4].copy_from_slice(&data.to_le_bytes());
        wav
    };
    let len = (wav.len() - size - 4) as u32;
    for (what, riff, data) in
        [("zero", 0, 0), ("a small RIFF", 36, len), ("endless", u32::MAX, u32::MAX), ("small data", 36 + 1000, 1000)]
    {
        let path = tool.path("wrong.wav");
        std::fs::write(&path, with(riff, data)).unwrap();
        let all = decode_all(open_audio(&support::open(&path)).as_mut());
        assert!(all.samples == whole.samples, "{what}: {} of {} samples", all.samples.len(), whole.samples.len());
    }
    for name in ["a.mp3", "vbr.mp3", "a.aac"] {
        let codec = match name {
            "a.mp3" => "libmp3lame",
            "vbr.mp3" => "libmp3lame -q:a 5",
            _ => "aac",
        };
        let Some(file) = tool.make(&format!("{SOUND} -c:a {codec}"), name) else { continue };
        let once = decode_all(open_audio(&file).as_mut()).samples.len();
        let bytes = std::fs::read(tool.path(name)).unwrap();
        let path = tool.path(&format!("twice-{name}"));
        std::fs::write(&path, [bytes.clone(), bytes].concat()).unwrap();
        let mut source = open_audio(&support::open(&path));
        let told = source.info().duration_ns.unwrap_or(0) as f64 / 1e9;
        let twice = decode_all(source.as_mut()).samples.len();
        // A part's priming and padding are heard where the parts meet.
        assert!((2 * once..2 * once + 2 * 4_000).contains(&twice), "{name}: {twice} samples of twice {once}");
        assert!((told - twice as f64 / 88_200.0).abs() < 0.001, "{name}: {told} s are told of {twice} samples");
    }
}

#[test]
fn layers_one_and_two_of_mpeg_are_heard() {
    let Some(tool) = Tool::ffmpeg("layers") else { return };
    for (codec, name) in [("mp2", "a.mp2"), ("mp2", "mp2.mkv"), ("mp2 -ar 22050", "low.mp2")] {
        compare(&tool, &format!("{SOUND} -c:a {codec}"), name, -85.0);
    }
}

#[test]
fn ac3_and_e_ac3_are_heard_in_wave_order() {
    let Some(tool) = Tool::ffmpeg("ac3") else { return };
    for (layout, channels) in [
        ("mono", 1),
        ("stereo", 2),
        ("2.1", 3),
        ("3.0", 3),
        ("3.0(back)", 3),
        ("3.1", 4),
        ("4.0", 4),
        ("quad(side)", 4),
        ("4.1", 5),
        ("5.0(side)", 5),
        ("5.1(side)", 6),
    ] {
        for (rate, extension) in [(48_000, "mkv"), (44_100, "mp4"), (32_000, "ac3")] {
            let name = format!("{layout}.{extension}");
            // With bits to spare: what the format adds at random where it spends none differs from decoder to decoder.
            let args =
                format!("{} -c:a ac3 -b:a {}k", tones(layout, channels, rate), if channels > 2 { 640 } else { 256 });
            let Some(all) = compare(&tool, &args, &name, -90.0) else { continue };
            assert_eq!(all.channels, channels, "{name}");
        }
    }
    for (layout, channels) in [("mono", 1), ("stereo", 2), ("3.0", 3), ("quad(side)", 4), ("4.1", 5), ("5.1(side)", 6)]
    {
        for (rate, extension) in [(48_000, "mkv"), (44_100, "mp4"), (32_000, "eac3")] {
            let bits = [96, 192, 384, 512, 640, 640][channels - 1];
            let args = format!("{} -c:a eac3 -b:a {bits}k", tones(layout, channels, rate));
            let name = format!("enhanced-{layout}.{extension}");
            let Some(all) = compare(&tool, &args, &name, -80.0) else { continue };
            assert_eq!(all.channels, channels, "{name}");
        }
    }
}
