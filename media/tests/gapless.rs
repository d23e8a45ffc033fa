//! Two halves of one song, each a file of its own, are together as long as the song, and each of its samples is where it was: what coders
//! add at the beginning and the end is left out.

#[path = "support/mod.rs"]
mod support;

use support::{Tool, decode_all, ffmpeg_pcm, make, noise_db, open, open_audio, to_16};

/// Where the song is cut: in no codec's frames.
const CUT: usize = 70_001;

#[test]
fn halves_of_a_song_are_the_song() {
    let Some(tool) = Tool::ffmpeg("gapless") else { return };
    let whole = tool.path("whole.wav");
    let chirp = "-f lavfi -i aevalsrc=0.4*sin(2*PI*(200+40*t)*t):s=48000:d=3";
    assert!(make(chirp, &whole));
    let song = to_16(&decode_all(open_audio(&open(&whole)).as_mut()).samples);
    for (coder, extension) in [
        ("pcm_s16le", "wav"),
        ("flac", "flac"),
        ("libmp3lame -b:a 192k", "mp3"),
        ("aac -b:a 192k", "m4a"),
        ("libopus -b:a 192k", "opus"),
        ("libvorbis -q 8", "ogg"),
    ] {
        let halves = [("a", format!("end_sample={CUT}"), CUT), ("b", format!("start_sample={CUT}"), song.len() - CUT)];
        for (half, cut, len) in halves {
            let path = tool.path(&format!("{half}.{extension}"));
            let args = format!("-i {} -af atrim={cut},asetpts=PTS-STARTPTS -c:a {coder}", whole.display());
            if !make(&args, &path) {
                continue;
            }
            let ours = to_16(&decode_all(open_audio(&open(&path)).as_mut()).samples);
            assert_eq!(ours.len(), len, "{coder}: samples of {half}");
            // Also in its place: this FFmpeg cuts off what is in front of the song, though not all that is behind it.
            let theirs = ffmpeg_pcm(&path, coder.starts_with("libopus").then_some("libopus"));
            let noise = noise_db(&ours, &theirs[..len]);
            assert!(noise <= -75.0, "{coder}: {half} is {noise:.1} dB from FFmpeg's");
        }
    }
}
