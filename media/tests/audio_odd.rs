//! Sound in forms that encoders seldom write and people have all the same: beside FFmpeg's decode, or beside the same sound in an ordinary form.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use support::{Tool, decode_all, ffmpeg_pcm, make, noise_db, open, open_audio, to_16};

const TONE: &str = "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=1.2345 -ac 2 -c:a pcm_s16le";

/// A whole decode as 16 bits, which nothing was missing of.
fn heard(path: &Path) -> Vec<i16> {
    let all = decode_all(open_audio(&open(path)).as_mut());
    assert_eq!(all.damaged, Vec::<String>::new(), "{}", path.display());
    to_16(&all.samples)
}

fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
    [name, &(body.len() as u32).to_be_bytes(), body].concat()
}

/// The samples of a WAV file that FFmpeg made, and where its format and its samples begin.
fn parts(wav: &[u8]) -> (usize, usize) {
    let find = |name: &[u8]| wav.windows(4).position(|window| window == name).unwrap();
    (find(b"fmt "), find(b"data"))
}

#[test]
fn vorbis_of_many_channels_has_no_gap_where_its_blocks_change() {
    let Some(tool) = Tool::ffmpeg("blocks") else { return };
    for (layout, channels) in [("3.0", 3), ("5.1", 6), ("7.1", 8)] {
        let beats = |c: usize| format!("0.4*sin(2*PI*{}*t)*gt(mod(t+0.03*{c}\\,0.3)\\,0.2)", 300 + 100 * c);
        let beats: Vec<String> = (0..channels).map(beats).collect();
        let path = tool.path(&format!("{channels}.ogg"));
        let source = format!("-f lavfi -i aevalsrc={}:c={layout}:s=44100:d=3 -c:a libvorbis", beats.join("|"));
        if !make(&source, &path) {
            continue;
        }
        let (ours, theirs) = (heard(&path), ffmpeg_pcm(&path, None));
        assert_eq!(ours.len(), theirs.len(), "{layout}");
        let worst = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(2), "{layout}: {worst:?} of 32768");
    }
}

#[test]
fn opus_whose_channels_have_no_meaning_keeps_their_order() {
    let Some(tool) = Tool::ffmpeg("discrete") else { return };
    let tones: Vec<String> = (0..6).map(|c| format!("0.3*sin(2*PI*{}*t)", 300 + 150 * c)).collect();
    let tones = format!("-f lavfi -i aevalsrc={}:c=5.1:s=48000:d=1.2", tones.join("|"));
    let (coded, plain) = (tool.path("a.opus"), tool.path("a.wav"));
    if !make(&format!("{tones} -c:a libopus -mapping_family 255 -b:a 600k"), &coded) || !make(&tones, &plain) {
        return;
    }
    let noise = noise_db(&heard(&coded), &heard(&plain));
    assert!(noise < -40.0, "{noise:.1} dB");
}

#[test]
fn frames_of_another_rate_or_other_channels_that_were_joined_are_heard() {
    let Some(tool) = Tool::ffmpeg("joined") else { return };
    let forms = [("mp3", "libmp3lame"), ("mp2", "mp2"), ("aac", "aac")];
    for (form, codec) in forms {
        let mut whole = Vec::new();
        let shapes = [(44_100, 2), (48_000, 2), (48_000, 1), (22_050, 1)];
        for (rate, channels) in shapes {
            let path = tool.path(&format!("{rate}-{channels}.{form}"));
            let tone =
                format!("-f lavfi -i sine=frequency=600:sample_rate={rate}:duration=2 -ac {channels} -c:a {codec}");
            if !make(&tone, &path) {
                return;
            }
            whole.extend(std::fs::read(path).unwrap());
        }
        let path = tool.path(&format!("joined.{form}"));
        std::fs::write(&path, whole).unwrap();
        let mut source = open_audio(&open(&path));
        let told = source.info().duration_ns.unwrap_or(0) as f64 / 1e9;
        for from in [0.0, 5.0] {
            source.seek((from * 1e9) as i64).unwrap();
            let (mut seconds, mut loud, mut seen) = (0.0, 0.0, Vec::new());
            while let Some(block) = source.next_block().unwrap() {
                let shape = (block.sample_rate, block.channels);
                if seen.last() != Some(&shape) {
                    seen.push(shape);
                }
                let frames = block.samples.len() as f64 / f64::from(block.channels);
                seconds += frames / f64::from(block.sample_rate);
                loud += block.samples.iter().filter(|sample| sample.abs() > 0.02).count() as f64
                    / f64::from(block.channels)
                    / f64::from(block.sample_rate);
            }
            let wanted = if from == 0.0 { &shapes[..] } else { &shapes[2..] };
            assert_eq!(seen, wanted, "{form} from {from} s");
            assert!((8.0 - from..8.5 - from).contains(&seconds), "{form}: {seconds} s from {from} s");
            assert!((told - from - seconds).abs() < 0.01, "{form}: {told} s are told, {seconds} s heard from {from} s");
            assert!(loud > 0.6 * seconds, "{form}: {loud} s of sound in {seconds} s");
        }
    }
}

#[test]
fn aac_that_describes_its_channels_in_its_first_frame_is_heard() {
    let Some(tool) = Tool::ffmpeg("described") else { return };
    for (layout, channels) in [("2.1", 3), ("quad", 4), ("6.1", 7)] {
        let tones: Vec<String> = (0..channels).map(|c| format!("0.2*sin(2*PI*{}*t)", 300 + 150 * c)).collect();
        let path = tool.path(&format!("{layout}.aac"));
        if !make(&format!("-f lavfi -i aevalsrc={}:c={layout}:s=48000:d=1.2 -c:a aac", tones.join("|")), &path) {
            continue;
        }
        let mut source = open_audio(&open(&path));
        let (all, theirs) = (decode_all(source.as_mut()), ffmpeg_pcm(&path, None));
        let ours = to_16(&all.samples);
        let noise = noise_db(&ours, &theirs);
        assert_eq!((all.channels, ours.len(), all.damaged.len()), (channels, theirs.len(), 0), "{layout}");
        assert!(noise < -90.0, "{layout}: {noise:.1} dB");
        source.seek(600_000_000).unwrap();
        let rest = decode_all(source.as_mut());
        let wanted = &ours[28_800 * channels..];
        assert_eq!((rest.samples.len(), rest.damaged.len()), (wanted.len(), 0), "{layout}");
        assert!(noise_db(&to_16(&rest.samples), wanted) < -40.0, "{layout}");
    }
}

#[test]
fn flac_that_a_tag_follows_is_heard_to_its_last_sample() {
    let Some(tool) = Tool::ffmpeg("tagged") else { return };
    let path = tool.path("a.flac");
    if !make(&TONE.replace("pcm_s16le", "flac"), &path) {
        return;
    }
    let whole = heard(&path);
    let tagged = [std::fs::read(&path).unwrap(), b"TAG".to_vec(), vec![b'x'; 125]].concat();
    std::fs::write(&path, tagged).unwrap();
    assert!(heard(&path) == whole);
}

#[test]
fn opus_in_caf_follows_its_samples_where_the_file_counts_them_wrongly() {
    let Some(tool) = Tool::ffmpeg("counted") else { return };
    let (opus, caf) = (tool.path("a.opus"), tool.path("a.caf"));
    let tone = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=5 -c:a libopus";
    if !make(tone, &opus) || !make(&format!("-i {} -c copy", opus.display()), &caf) {
        return;
    }
    let mut bytes = std::fs::read(&caf).unwrap();
    // What FFmpeg 5.1 writes of its own accord: 962 samples a packet.
    bytes[40..44].copy_from_slice(&962u32.to_be_bytes());
    std::fs::write(&caf, bytes).unwrap();
    let (ours, theirs) = (heard(&caf), ffmpeg_pcm(&caf, Some("libopus")));
    let noise = noise_db(&ours, &theirs);
    assert!(ours.len().abs_diff(theirs.len()) < 400 && noise < -90.0, "{noise:.1} dB, {} samples", ours.len());
}

#[test]
fn a_wav_header_is_believed_where_it_makes_sense() {
    let Some(tool) = Tool::ffmpeg("headers") else { return };
    let path = tool.path("a.wav");
    if !make(TONE, &path) {
        return;
    }
    let (whole, wav) = (heard(&path), std::fs::read(&path).unwrap());
    let (format, data) = parts(&wav);
    for block in [0u8, 1, 2] {
        let mut wrong = wav.clone();
        wrong[format + 20] = block;
        std::fs::write(&path, wrong).unwrap();
        assert!(heard(&path) == whole, "blocks of {block} bytes");
    }
    let behind = [&wav[..12], &wav[data..], &wav[format..format + 24]].concat();
    std::fs::write(&path, behind).unwrap();
    assert!(heard(&path) == whole, "samples in front of their format");
}

#[test]
fn aiff_and_caf_that_were_cut_or_never_filled_in_are_heard() {
    let Some(tool) = Tool::ffmpeg("plain") else { return };
    let (wav, path) = (tool.path("a.wav"), tool.path("a.aiff"));
    if !make(TONE, &wav) {
        return;
    }
    let (whole, wav) = (heard(&wav), std::fs::read(&wav).unwrap());
    let (_, data) = parts(&wav);
    let little = wav[data + 8..].to_vec();
    let big: Vec<u8> = little.as_chunks::<2>().0.iter().flat_map(|[a, b]| [*b, *a]).collect();
    // Two channels, 16 bits, 44.1 kHz as a number of 80 bits.
    let common = |frames: u32, kind: &[u8]| {
        let rate = [0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0];
        chunk(b"COMM", &[&[0, 2], &frames.to_be_bytes()[..], &[0, 16], &rate, kind].concat())
    };
    let frames = whole.len() as u32 / 2;
    let sound = |samples: &[u8]| chunk(b"SSND", &[&[0; 8], samples].concat());
    let named = [chunk(b"NAME", b"abc"), vec![0]].concat();
    let aiff = [b"FORM\0\0\0\0AIFF".to_vec(), named, common(frames, b""), sound(&big)].concat();
    let unfilled = |len: u32| {
        let mut aiff = [b"FORM\xff\xff\xff\xffAIFF".to_vec(), common(0, b""), sound(&big)].concat();
        let at = aiff.len() - big.len() - 12;
        aiff[at..at + 4].copy_from_slice(&len.to_be_bytes());
        aiff
    };
    let sowt = [b"FORM\0\0\0\0AIFC".to_vec(), sound(&little), common(frames, b"sowt\0\0")].concat();
    let description =
        [&44_100f64.to_be_bytes()[..], b"lpcm", &[0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 16]];
    let long = |name: &[u8], len: i64, body: &[u8]| [name, &len.to_be_bytes(), body].concat();
    let description = long(b"desc", 32, &description.concat());
    let caf = [b"caff\0\x01\0\0".to_vec(), description, long(b"data", -1, &[&[0; 4], &little[..]].concat())].concat();
    for (what, bytes) in [
        ("AIFF", &aiff),
        ("without a length", &unfilled(0)),
        ("endless", &unfilled(u32::MAX)),
        ("AIFF-C", &sowt),
        ("CAF", &caf),
    ] {
        std::fs::write(&path, bytes).unwrap();
        assert!(heard(&path) == whole, "{what}");
    }
    for bytes in [&aiff, &caf] {
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let half = heard(&path);
        assert!(half.len() > whole.len() / 2 - 100 && half == whole[..half.len()], "{} samples", half.len());
    }
    for codec in ["pcm_alaw", "pcm_mulaw", "pcm_s8", "pcm_f64be"] {
        for form in ["caf", "aiff"] {
            let path = tool.path(&format!("{codec}.{form}"));
            if make(&TONE.replace("pcm_s16le", codec), &path) {
                assert!(heard(&path) == ffmpeg_pcm(&path, None), "{codec} in {form}");
            }
        }
    }
}
