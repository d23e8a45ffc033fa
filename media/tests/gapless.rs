//! Two halves of one song, each a file of its own, are together as long as the song, and each of its samples is where it was: what coders
//! add at the beginning and the end is left out.

#[path = "support/mod.rs"]
mod support;

use support::{Tool, decode_all, make, noise_db, open, open_audio, to_16};

/// Where the song is cut: in no codec's frames.
const CUT: usize = 70_001;

#[test]
fn halves_of_a_song_are_the_song() {
    let Some(tool) = Tool::ffmpeg("gapless") else { return };
    let whole = tool.path("whole.wav");
    let chirp = "-f lavfi -i aevalsrc=0.4*sin(2*PI*(200+40*t)*t):s=48000:d=3";
    assert!(make(chirp, &whole));
    let song = to_16(&decode_all(open_audio(&open(&whole)).as_mut()).samples);
    for (coder, extension, limit) in [
        ("pcm_s16le", "wav", -180.0),
        ("flac", "flac", -180.0),
        ("libmp3lame -b:a 192k", "mp3", -45.0),
        ("aac -b:a 192k", "m4a", -45.0),
        ("libopus -b:a 192k", "opus", -45.0),
        ("libvorbis -q 8", "ogg", -45.0),
    ] {
        let mut joined = Vec::new();
        let mut there = true;
        for (half, cut) in [("a", format!("end_sample={CUT}")), ("b", format!("start_sample={CUT}"))] {
            let path = tool.path(&format!("{half}.{extension}"));
            let args = format!("-i {} -af atrim={cut},asetpts=PTS-STARTPTS -c:a {coder}", whole.display());
            there &= make(&args, &path);
            if there {
                joined.extend(to_16(&decode_all(open_audio(&open(&path)).as_mut()).samples));
            }
        }
        if there {
            assert_eq!(joined.len(), song.len(), "{coder}: samples");
            let near = CUT - 2400..CUT + 2400;
            let noise = noise_db(&joined[near.clone()], &song[near]);
            assert!(noise <= limit, "{coder}: {noise:.1} dB at the joint");
        }
    }
}
