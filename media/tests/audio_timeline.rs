//! Sound on the film's timeline: seeks exact to the sample, delays, gaps.

#[path = "support/mod.rs"]
mod support;

use support::{Tool, decode_all, noise_db, open_audio, to_16};
use tricine_media::NS;

/// A sweep: no two places of it sound the same.
const SWEEP: &str = "-f lavfi -i aevalsrc=0.4*sin(2*PI*(200*t+150*t*t))|0.3*sin(2*PI*(900*t+90*t*t)):s=44100:d=13";

#[test]
fn a_seek_continues_exactly_as_if_everything_before_had_been_played() {
    let Some(tool) = Tool::ffmpeg("seek") else { return };
    // Matroska counts milliseconds: codecs with packets of varying length cannot be placed better than that.
    let files = [
        ("pcm_s16le", "a.wav"),
        ("flac", "a.flac"),
        ("alac", "a.m4a"),
        ("aac", "aac.m4a"),
        ("aac -movflags +frag_keyframe+empty_moov", "fragmented.mp4"),
        ("aac", "a.mkv"),
        ("aac", "a.aac"),
        ("libmp3lame", "a.mp3"),
        ("libmp3lame -q:a 5", "vbr.mp3"),
        ("libvorbis", "a.ogg"),
        ("libopus", "a.opus"),
        ("libopus", "a.webm"),
        ("libmp3lame", "mp3.mkv"),
        ("libopus", "opus.mp4"),
        ("pcm_s16le", "pcm.mov"),
        ("flac", "flac.mkv"),
    ];
    for (codec, name) in files {
        let Some(file) = tool.make(&format!("{SWEEP} -c:a {codec}"), name) else { continue };
        let mut source = open_audio(&file);
        let all = decode_all(source.as_mut()).samples;
        let rate = i128::from(source.info().sample_rate);
        for target in [0, 1, 1_234_567_890, 3 * NS, 22_676, 4_999_999_999, 2 * NS, 100, 11_300_000_007, 7_777_777_777] {
            source.seek(target).unwrap();
            let block = source.next_block().unwrap().unwrap();
            let due = ((i128::from(target) * rate + i128::from(NS / 2)) / i128::from(NS)) as i64;
            let first = (i128::from(block.pts_ns) * rate + i128::from(NS / 2)) / i128::from(NS);
            assert_eq!(first as i64, due, "{name}: first sample after a seek to {target}");
            let mut got = block.samples;
            while got.len() < 20_000 {
                let Some(block) = source.next_block().unwrap() else { break };
                got.extend(block.samples);
            }
            let want = all.get(due as usize * 2..).unwrap();
            let n = got.len().min(want.len());
            let noise = noise_db(&to_16(&got[..n]), &to_16(&want[..n]));
            assert!(n > 15_000 && noise < -85.0, "{name}: seek to {target}: {noise:.1} dB from what plays there");
        }
    }
}

#[test]
fn a_seek_past_the_end_ends() {
    let Some(tool) = Tool::ffmpeg("past-end") else { return };
    for (codec, name) in [
        ("pcm_s16le", "a.wav"),
        ("aac", "a.m4a"),
        ("libopus", "a.webm"),
        ("libmp3lame", "a.mp3"),
        ("libvorbis", "a.ogg"),
    ] {
        let Some(file) = tool.make(&format!("{SWEEP} -t 1 -c:a {codec}"), name) else { continue };
        let mut source = open_audio(&file);
        source.seek(3_600 * NS).unwrap();
        assert!(source.next_block().unwrap().is_none(), "{name}");
        source.seek(0).unwrap();
        assert_eq!(source.next_block().unwrap().unwrap().pts_ns, 0, "{name}: back from the end");
    }
}

#[test]
fn sound_that_begins_later_than_the_picture_is_preceded_by_silence() {
    let Some(tool) = Tool::ffmpeg("late") else { return };
    for (name, codec) in [("late.mp4", "aac"), ("late.mkv", "pcm_s16le")] {
        let args = format!(
            "-f lavfi -i testsrc=s=64x64:r=25:d=2 -itsoffset 0.5 -f lavfi -i sine=440:r=48000:d=1 -c:v mpeg4 -c:a {codec} -map 0:v -map 1:a"
        );
        let Some(file) = tool.make(&args, name) else { continue };
        let all = decode_all(open_audio(&file).as_mut());
        assert_eq!(all.first_pts, 0, "{name}");
        let onset = all.samples.iter().position(|s| s.abs() > 0.01).unwrap() / all.channels;
        assert!(onset.abs_diff(24_000) < 300, "{name}: sound begins at sample {onset}, 24000 expected");
    }
}

#[test]
fn an_edit_list_cuts_the_start() {
    let Some(tool) = Tool::ffmpeg("edit") else { return };
    // A stream copy from the middle of a GOP keeps what is before the cut and hides it by an edit list.
    let args = "-f lavfi -i testsrc=s=64x64:r=25:d=4 -f lavfi -i aevalsrc=if(gte(t\\,1.5)\\,0.4*sin(2*PI*500*t)\\,0):s=48000:d=4 -c:v mpeg4 -g 100 -c:a aac";
    let Some(_) = tool.make(args, "whole.mp4") else { return };
    let whole = tool.path("whole.mp4");
    let Some(cut) = tool.make(&format!("-ss 1 -i {} -c copy", whole.display()), "cut.mp4") else { return };
    let all = decode_all(open_audio(&cut).as_mut());
    let onset = all.samples.iter().position(|s| s.abs() > 0.05).unwrap();
    // The sound sets in 1.5 s into the whole; the first frames' ramp of the codec blurs it by a few milliseconds.
    assert!(onset.abs_diff(24_000) < 600, "sound begins at sample {onset}, 24000 expected");
}

#[test]
fn times_that_jitter_neither_cut_nor_pad_the_sound() {
    let Some(tool) = Tool::ffmpeg("jitter") else { return };
    for (codec, name) in [("libvorbis", "vorbis.mka"), ("aac", "aac.mka"), ("pcm_s16le", "pcm.mka")] {
        let Some(plain) = tool.make(&format!("{SWEEP} -t 4 -c:a {codec}"), name) else { continue };
        let args =
            format!("-i {} -c copy -bsf:a setts=ts=PTS+if(eq(mod(N\\,5)\\,0)\\,8\\,0)", tool.path(name).display());
        let Some(jitter) = tool.make(&args, &format!("jitter-{name}")) else { continue };
        let [plain, jitter] = [plain, jitter].map(|file| decode_all(open_audio(&file).as_mut()).samples);
        assert_eq!(jitter.len(), plain.len(), "{name}");
        assert!(jitter == plain, "{name}: other samples");
    }
}

#[test]
fn a_deviation_that_lasts_is_followed() {
    let Some(tool) = Tool::ffmpeg("lasting") else { return };
    let Some(_) = tool.make(&format!("{SWEEP} -t 4 -c:a pcm_s16le"), "plain.mka") else { return };
    // From the hundredth packet on, all of them come 60 ms later.
    let plain = tool.path("plain.mka");
    let args = format!("-i {} -c copy -bsf:a setts=ts=PTS+if(gte(N\\,40)\\,60\\,0)", plain.display());
    let Some(late) = tool.make(&args, "late.mka") else { return };
    let [plain, late] = [support::open(&plain), late].map(|file| decode_all(open_audio(&file).as_mut()).samples.len());
    let frames = (late - plain) / 2;
    assert!(frames.abs_diff(60 * 441 / 10) < 100, "{frames} frames of silence");
}
