//! Two halves of one song, each a file of its own, are together as long as the song, and each of its samples is where it was: what coders
//! add at the beginning and the end is left out, also where iTunes' tag alone says how much that is.

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

#[test]
fn a_song_whose_first_packet_is_said_to_be_heard_with_the_second_is_heard_whole() {
    let Some(tool) = Tool::ffmpeg("nero") else { return };
    let (made, song) = (tool.path("made.m4a"), tool.path("song.m4a"));
    assert!(make("-f lavfi -i aevalsrc=0.4*sin(2*PI*(200+40*t)*t):s=48000:d=2 -c:a aac", &made));
    let whole = to_16(&decode_all(open_audio(&open(&made)).as_mut()).samples);
    let mut file = std::fs::read(&made).unwrap();
    // As Nero writes it: an offset for the first packet, none for the others. FFmpeg writes the index last.
    let words = [0, 2, 1, 1_024, 94, 0];
    let more = boxed(b"ctts", &words.map(u32::to_be_bytes).concat());
    let table = find(&file, b"stbl");
    for kind in [b"moov", b"trak", b"mdia", b"minf", b"stbl"] {
        let at = find(&file, kind);
        let len = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) + more.len() as u32;
        file[at..at + 4].copy_from_slice(&len.to_be_bytes());
    }
    file.splice(table + 8..table + 8, more);
    std::fs::write(&song, &file).unwrap();
    assert!(to_16(&decode_all(open_audio(&open(&song)).as_mut()).samples) == whole);
}

#[test]
fn opus_says_itself_what_a_container_forgot_to_leave_out() {
    let Some(tool) = Tool::ffmpeg("forgotten") else { return };
    for (name, words, forgotten) in [
        // Nothing of a codec's delay is said: an element that is empty stands there.
        ("song.webm", &[0x56, 0xaa, 0x83][..], &[0xec, 0x84, 0][..]),
        // The edit begins with the first packet, not behind what Opus needs to begin: 312 samples.
        ("song.mp4", &[0, 0, 1, 0x38, 0, 1, 0, 0], &[0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let path = tool.path(name);
        if !make("-f lavfi -i aevalsrc=0.4*sin(2*PI*(200+40*t)*t):s=48000:d=2 -c:a libopus", &path) {
            continue;
        }
        let samples = || to_16(&decode_all(open_audio(&open(&path)).as_mut()).samples);
        let whole = samples();
        let mut file = std::fs::read(&path).unwrap();
        let at = file.windows(words.len()).position(|window| window == words).expect("what it says");
        file[at..at + words.len()].copy_from_slice(forgotten);
        std::fs::write(&path, file).unwrap();
        let ours = samples();
        // The edit ends as much earlier as it begins: a packet less at the most.
        let less = whole.len() - ours.len();
        assert!(whole.starts_with(&ours) && less <= 960, "{name}: {less} samples less");
    }
}

/// A box of MP4.
fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(8 + body.len() as u32).to_be_bytes(), &kind[..], body].concat()
}

/// Where a box of `kind` begins in `file`.
fn find(file: &[u8], kind: &[u8; 4]) -> usize {
    file.windows(4).rposition(|word| word == kind).expect("the box") - 4
}

#[test]
fn the_tag_of_itunes_takes_the_place_of_an_edit_list() {
    let Some(tool) = Tool::ffmpeg("itunes") else { return };
    let (made, song) = (tool.path("made.m4a"), tool.path("song.m4a"));
    assert!(make("-f lavfi -i aevalsrc=0.4*sin(2*PI*(200+40*t)*t):s=48000:d=2 -c:a aac", &made));
    let whole = to_16(&decode_all(open_audio(&open(&made)).as_mut()).samples);
    let file = std::fs::read(&made).unwrap();
    // FFmpeg puts 1,024 samples in front, and writes the index last.
    for (padding, wanted) in [(1_500, &whole[..whole.len() - 1_500]), (90_000, &[][..])] {
        let mut file = file.clone();
        for kind in [b"edts", b"udta"] {
            let at = find(&file, kind);
            file[at + 4..at + 8].copy_from_slice(b"free");
        }
        let said = format!(" 00000000 00000400 {padding:08X} {:016X} 00000000", 96_000 - 1_500);
        let words = [
            boxed(b"mean", b"\0\0\0\0com.apple.iTunes"),
            boxed(b"name", b"\0\0\0\0iTunSMPB"),
            boxed(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], said.as_bytes()].concat()),
        ];
        let list = boxed(b"ilst", &boxed(b"----", &words.concat()));
        let more = boxed(b"udta", &boxed(b"meta", &[&[0; 4], &list[..]].concat()));
        let moov = find(&file, b"moov");
        file.extend_from_slice(&more);
        let len = (file.len() - moov) as u32;
        file[moov..moov + 4].copy_from_slice(&len.to_be_bytes());
        std::fs::write(&song, &file).unwrap();
        let ours = to_16(&decode_all(open_audio(&open(&song)).as_mut()).samples);
        if wanted.is_empty() {
            // It does not agree with what there is: nothing is left out in front.
            assert_eq!(ours.len(), whole.len() + 1_024, "a tag that lies");
        } else {
            assert_eq!(ours, wanted);
        }
    }
}
