//! The real program on clips made here: what reaches the renderer is what FFmpeg decodes, frame by frame; what cannot be
//! played is named.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{End, arg, have, start, tool};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const X264: &str = "-pix_fmt yuv420p -c:v libx264 -preset veryfast";
const VP9: &str = "-pix_fmt yuv420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8";

/// Makes `name` by ffmpeg from a lively picture, `size` large and two seconds long, by what `codec` says.
fn make(folder: &Path, name: &str, size: &str, codec: &str) -> PathBuf {
    let path = folder.join(name);
    let noise = "noise=alls=12:allf=t+u:all_seed=7";
    let source = format!("testsrc2=size={size}:rate=25:duration=2,{noise}");
    ffmpeg(&["-f", "lavfi", "-i", &source], codec, &path);
    path
}

/// Runs ffmpeg with words of `codec` between `input` and the file it writes.
fn ffmpeg(input: &[&str], codec: &str, to: &Path) {
    let words: Vec<&str> = codec.split_whitespace().collect();
    tool("ffmpeg", &[&["-v", "error", "-y", "-nostdin"], input, &words, &[arg(to)]].concat());
}

/// The hashes of a framemd5 file.
fn hashes(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap_or_default().trim().to_owned()).collect()
}

/// What the renderer was handed of `path`, and what the session came to.
fn ours(path: &Path, more: &[&str]) -> (Vec<String>, End) {
    let file = path.with_extension("ours");
    let display = format!("framemd5={}", arg(&file));
    let args = [&["--unpaced", "--display", &display, "--audio", "none"], more, &[arg(path)]].concat();
    let end = start(PROGRAM, &args).end();
    assert_eq!(end.status.code(), Some(0), "{}: {}", path.display(), end.stderr);
    end.assert_whole();
    (hashes(&std::fs::read_to_string(&file).unwrap()), end)
}

/// What FFmpeg decodes of `path`, as `format`, in the sizes that it has.
fn theirs(path: &Path, format: &str) -> Vec<String> {
    let args = ["-v", "error", "-noautorotate", "-i", arg(path), "-map", "0:v:0", "-autoscale", "0"];
    let flags = ["-pix_fmt", format, "-flags", "unaligned", "-f", "framemd5", "-"];
    hashes(&String::from_utf8_lossy(&tool("ffmpeg", &[&args[..], &flags].concat()).stdout))
}

#[test]
fn every_frame_is_ffmpegs_once_and_in_order_also_from_the_middle() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let x264 = |more: &str| format!("{X264} {more}");
    let clips: Vec<(&str, &str, String)> = vec![
        ("baseline.mp4", "160x120", x264("-profile:v baseline -x264-params slices=3")),
        ("main.mp4", "176x144", x264("-profile:v main -bf 3 -x264-params cabac=0:weightp=2:ref=5")),
        ("high.mkv", "160x120", x264("-preset slow -bf 7 -x264-params b-pyramid=normal:b-adapt=0:ref=16:keyint=30")),
        ("cropped.mov", "854x482", x264("-frames:v 12 -x264-params slice-max-size=400")),
        ("open.mp4", "160x120", x264("-bf 3 -x264-params open-gop=1:keyint=12:min-keyint=3")),
        ("refresh.mp4", "160x120", x264("-x264-params intra-refresh=1:keyint=20")),
        ("pieces.mp4", "160x120", x264("-bf 3 -g 12 -movflags frag_keyframe+empty_moov+default_base_moof")),
        ("vfr.mkv", "160x120", x264("-bf 3 -vf select=lt(mod(n\\,11)\\,4) -fps_mode vfr")),
        ("film.webm", "160x120", format!("{VP9} -deadline good -auto-alt-ref 1 -lag-in-frames 16 -b:v 200k -g 30")),
        ("dot.webm", "16x16", format!("-vf crop=1:1:exact=1 {VP9}")),
        ("av1.mkv", "160x120", "-pix_fmt yuv420p -c:v libsvtav1 -preset 10 -g 20".into()),
        ("grain.mp4", "162x122", "-pix_fmt yuv420p -c:v libsvtav1 -preset 10 -svtav1-params film-grain=20".into()),
        ("raw.y4m", "65x33", "-pix_fmt yuv420p".into()),
    ];
    for (name, size, codec) in clips {
        let path = make(folder.path(), name, size, &codec);
        assert_exact(&path, "yuv420p");
    }
    // Packets before the cut are kept and hidden by an edit list.
    let (whole, cut) = (folder.path().join("open.mp4"), folder.path().join("cut.mp4"));
    ffmpeg(&["-ss", "0.7", "-i", arg(&whole)], "-c copy", &cut);
    assert_exact(&cut, "yuv420p");
    // What is stored in full range is handed over in full range.
    let full = make(folder.path(), "full.mp4", "160x120", "-pix_fmt yuvj420p -c:v libx264 -preset veryfast");
    assert_exact(&full, "yuvj420p");
}

/// Checks the whole of `path`, and what follows a start in its middle.
fn assert_exact(path: &Path, format: &str) {
    let (name, wanted) = (path.display(), theirs(path, format));
    assert!(!wanted.is_empty(), "{name}");
    assert_eq!(ours(path, &[]).0, wanted, "{name}");
    let (rest, _) = ours(path, &["--start", "0.5"]);
    assert!(!rest.is_empty() && rest.len() < wanted.len() && wanted.ends_with(&rest), "{name}: from the middle");
}

#[test]
fn a_change_of_size_in_mid_stream_loses_no_frame() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, codec) in [("sizes.mkv", X264), ("sizes.webm", VP9)] {
        let sizes = ["96x64", "320x240", "64x48"];
        let parts = sizes.map(|size| make(folder.path(), &format!("{size}-{name}"), size, codec));
        let list = folder.path().join("list");
        let lines = parts.map(|part| format!("file '{}'\n", arg(&part)));
        std::fs::write(&list, lines.concat()).unwrap();
        let joined = folder.path().join(name);
        ffmpeg(&["-f", "concat", "-safe", "0", "-i", arg(&list)], "-c copy", &joined);
        let (frames, end) = ours(&joined, &[]);
        assert_eq!(frames.len(), 150, "{name}: {}", end.stderr);
        assert_eq!(frames, theirs(&joined, "yuv420p"), "{name}");
    }
}

#[test]
fn pictures_play_alone_moving_and_as_a_folder() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=33x21:rate=10:duration=1,noise=alls=12:allf=t"];
    for (name, codec, frames) in [
        ("moves.gif", "", 10.0),
        ("moves.apng", "-plays 1", 10.0),
        ("moves.webp", "-c:v libwebp_anim", 10.0),
        ("still.jpg", "-frames:v 1", 1.0),
        ("still.bmp", "-frames:v 1", 1.0),
    ] {
        let path = folder.path().join(name);
        ffmpeg(&picture, codec, &path);
        assert_eq!(ours(&path, &[]).1.number("/video/presented"), frames, "{name}");
    }
    let many = folder.path().join("many");
    std::fs::create_dir(&many).unwrap();
    ffmpeg(&picture, "", &many.join("%d.png"));
    assert_eq!(ours(&many, &[]).1.number("/video/presented"), 10.0);
    // `?.png` leaves 10.png out.
    assert_eq!(ours(&many.join("?.png"), &[]).1.number("/video/presented"), 9.0);
    // Five seconds each, or what is asked for.
    for (how, seconds) in [(&[][..], 50.0), (&["--fps", "20"], 0.5), (&["--image-duration", "1.5"], 15.0)] {
        assert_eq!(ours(&many, how).1.number("/duration_s"), seconds, "{how:?}");
    }
    let still = folder.path().join("still.jpg");
    assert_eq!(ours(&still, &["--image-duration", "2"]).1.number("/duration_s"), 2.0);
}

/// Of what no machine decodes at the rate that it has: pictures that nothing needs are not decoded, and it goes on at key frames. Without a
/// clock every picture is shown.
#[test]
fn pictures_that_the_sound_has_left_far_behind_are_left_out() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let slow = folder.path().join("slow.mp4");
    let source = ["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=60", "-f", "lavfi", "-i", "sine"];
    let codec = "-t 5 -pix_fmt yuv444p -c:v libx264 -preset ultrafast -bf 3 -g 30 -c:a aac -frames:v 270";
    ffmpeg(&source, codec, &slow);
    let end = start(PROGRAM, &["--display", "none", "--audio", "null", arg(&slow)]).end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    let decoded = end.number("/video/decoded");
    assert!((20.0..240.0).contains(&decoded), "{decoded} of 270 pictures: {}", end.stderr);
    assert!(end.stderr.contains("leaves out the others"), "{}", end.stderr);
}

#[test]
fn what_is_not_supported_is_named_with_what_plays_it() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pipe = "-pix_fmt yuv420p -f yuv4mpegpipe - | tricine -";
    let key = "-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb \
               -encryption_kid a7e61c373e219033c21091fa607bf3b8";
    let locked = format!("{X264} {key}");
    for (name, codec, words) in [
        (
            "full.mp4",
            "-pix_fmt yuv444p -c:v libx264 -flags +ilme+ildct",
            ["H.264 High 4:4:4 Predictive video (interlaced 4:4:4)", pipe],
        ),
        (
            "exact.mkv",
            "-pix_fmt yuv420p -c:v libx264 -qp 0 -flags +ilme+ildct",
            ["H.264 High 4:4:4 Predictive video (interlaced lossless)", pipe],
        ),
        ("pro.mov", "-c:v prores_ks", ["ProRes 422 HQ video", pipe]),
        ("old.mkv", "-c:v huffyuv", ["Huffyuv video", pipe]),
        ("old.avi", "-c:v msmpeg4", ["MS-MPEG-4 (DivX 3) video", pipe]),
        ("old.flv", "-c:v flv", ["Sorenson H.263 video", pipe]),
        ("old.wmv", "-c:v wmv2", ["the ASF (WMV, WMA) container", pipe]),
        ("locked.mp4", &locked, ["encrypted (DRM) H.264 video", "key"]),
    ] {
        let path = make(folder.path(), name, "64x48", &format!("-t 0.2 {codec}"));
        refused(&path, &words);
    }
    let whole = make(folder.path(), "whole.mp4", "64x48", &format!("{X264} -movflags +faststart"));
    let cut = folder.path().join("cut.mp4");
    std::fs::write(&cut, &std::fs::read(&whole).unwrap()[..300]).unwrap();
    refused(&cut, &["it ends within its index (moov)", "download it again"]);
    let subtitles = folder.path().join("subtitles.srt");
    std::fs::write(&subtitles, "1\n00:00:00,000 --> 00:00:01,000\nHello\n").unwrap();
    let alone = folder.path().join("subtitles.mkv");
    ffmpeg(&["-f", "srt", "-i", arg(&subtitles)], "-c:s srt", &alone);
    refused(&alone, &["without video and sound"]);
    refused(&subtitles, &["a file of subtitles alone", "tricine FILM --sub", "subtitles.srt"]);
}

#[test]
fn what_is_no_film_is_refused_with_what_can_be_done() {
    let folder = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8], [&str; 2]); 9] = [
        ("empty.mp4", b"", ["the file is empty", "download it again"]),
        ("zeros.mkv", &[0; 5000], ["zeros", "download it again"]),
        ("notes.mp4", b"hello\n", ["it looks like text", "name a film"]),
        ("noise", b"\xfe\xdc\x01", ["no format that this build knows", "noise` says of it"]),
        ("list.m3u8", b"#EXTM3U\nfilm.ts\n", ["film.ts", "there is no such file"]),
        ("short.mp4", b"\0\0\0\x18ftypisom\0\0\0\0", ["moov", "download it again"]),
        ("short.wav", b"RIFF\x24\0\0\0WAVEfmt ", ["it ends where its sound should begin", "download it again"]),
        ("short.png", b"\x89PNG\r\n\x1a\n\0\0", ["broken beyond use", "download it again"]),
        ("short.y4m", b"YUV4MPEG2 W2 H2", ["YUV4MPEG2", "short.y4m -f yuv4mpegpipe -"]),
    ];
    for (name, bytes, words) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        refused(&path, &words);
    }
    let (none, empty) = (folder.path().join("none.mp4"), folder.path().join("empty"));
    refused(&none, &["there is no such file", "check the name"]);
    std::fs::create_dir(&empty).unwrap();
    refused(&empty, &["there is no film, song or picture in it", "empty"]);
    // What only Tricine itself sets, found in a user's environment.
    let roles = ["nobody", "decoder", "audio", "renderer", "janitor", "opener", "saver"];
    for role in roles.into_iter().chain(["stress-producer", "stress-consumer", "lab-process", "lab-measure"]) {
        // With nothing where the supervisor would have left its orders, and with what a caller left there.
        for there in ["3<&-", "3</dev/null", "3</etc/passwd"] {
            let script = format!("exec \"$0\" {there}");
            let end = std::process::Command::new("sh")
                .args(["-c", &script, PROGRAM])
                .env("TRICINE_ROLE", role)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&end.stderr);
            assert!(!end.status.success() && said.contains("unset it"), "{role}, {there}: {said}");
        }
    }
}

/// Checks that `path` is refused in one line that has all of `words`.
fn refused(path: &Path, words: &[&str]) {
    let end = start(PROGRAM, &["--display", "none", "--audio", "none", arg(path)]).end();
    assert_eq!(end.status.code(), Some(1), "{}: {}", path.display(), end.stderr);
    let told = words.iter().all(|words| end.stderr.contains(words)) && end.stderr.lines().count() == 1;
    assert!(told, "{}: {}", path.display(), end.stderr);
    // What can be done can be pasted.
    let pastes = !end.stderr.contains("-i IN") && !end.stderr.contains("OUT.");
    assert!(pastes && end.stderr.contains("ffmpeg") == end.stderr.contains("-nostdin -i /"), "{}", end.stderr);
}

/// Makes three seconds of moving picture and rising tone at `path`.
fn make_film(path: &Path, codec: &str) {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=3", "-f", "lavfi", "-i"];
    let tone = "aevalsrc=0.4*sin(2*PI*(200+300*t)*t):s=48000:d=3";
    ffmpeg(&[&picture[..], &[tone]].concat(), &format!("{X264} -g 15 -bf 3 {codec}"), path);
}

/// The sound that FFmpeg decodes of `path`.
fn heard_by_ffmpeg(path: &Path) -> Vec<i16> {
    let raw = tool("ffmpeg", &["-v", "error", "-i", arg(path), "-map", "0:a:0", "-f", "s16le", "-"]).stdout;
    raw.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// The sound that the program plays of `path`.
fn heard(path: &Path) -> Vec<i16> {
    let wav = path.with_extension("wav");
    let sink = format!("wav={}", arg(&wav));
    let end = start(PROGRAM, &["--unpaced", "--display", "none", "--audio", &sink, arg(path)]).end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    heard_by_ffmpeg(&wav)
}

/// The largest difference between two sounds, as far as both go.
fn apart(ours: &[i16], theirs: &[i16]) -> u16 {
    ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max().expect("some sound")
}

#[test]
fn a_film_that_was_cut_out_of_a_longer_one_is_heard_from_the_cut_on() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [whole, cut, pieces] = ["whole.mp4", "cut.mp4", "pieces.mp4"].map(|name| folder.path().join(name));
    make_film(&whole, "-c:a aac");
    ffmpeg(&["-ss", "0.73", "-i", arg(&whole)], "-c copy", &cut);
    // FFmpeg cuts by an edit list only what is not in fragments; the film is the same.
    ffmpeg(&["-ss", "0.73", "-i", arg(&whole)], "-c copy -movflags frag_keyframe+delay_moov", &pieces);
    let theirs = heard_by_ffmpeg(&cut);
    for path in [cut, pieces] {
        let ours = heard(&path);
        // FFmpeg's program writes the last packet whole, also where the film ends within it.
        assert!((0..1024).contains(&(theirs.len() as i64 - ours.len() as i64)), "{}", path.display());
        // Where the film ends within a packet, FFmpeg's resampler and ours need not agree on what lies beyond.
        let off = apart(&ours[..48_000], &theirs);
        assert!(off <= 2, "{}: {off}", path.display());
    }
}

#[test]
fn a_fragmented_film_without_an_edit_list_is_heard_without_a_hole() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The pictures begin two frames late, and so must the sound: FFmpeg lets its first packet last longer.
    let fragments = "-movflags frag_keyframe+empty_moov+default_base_moof";
    for codec in ["aac", "flac -strict -2", "libopus", "libmp3lame"] {
        let path = folder.path().join(format!("{}.mp4", &codec[..3]));
        make_film(&path, &format!("-c:a {codec} {fragments}"));
        let (ours, theirs) = (heard(&path), heard_by_ffmpeg(&path));
        // As above; of the other codecs it is written as long as the container says.
        let longer = if codec == "aac" { 0..1024 } else { 0..1 };
        assert!(longer.contains(&(theirs.len() as i64 - ours.len() as i64)), "{codec}");
        assert!(apart(&ours, &theirs) <= 2, "{codec}: {}", apart(&ours, &theirs));
    }
    // What begins later in earnest still does.
    let [whole, late] = ["aac.mp4", "late.mp4"].map(|name| folder.path().join(name));
    let twice = ["-i", arg(&whole), "-itsoffset", "0.5", "-i", arg(&whole)];
    ffmpeg(&twice, &format!("-map 0:v -map 1:a -c copy {fragments}"), &late);
    let (ours, theirs) = (heard(&late), heard_by_ffmpeg(&late));
    let least = ours.len() - theirs.len();
    let wait = (least..least + 1024).find(|&wait| apart(&ours[wait..], &theirs) <= 2).expect("the same sound");
    assert!(wait.abs_diff(24_000) < 2_400, "{wait}");
    assert!(ours[..wait].iter().all(|&sample| sample == 0));
}

#[test]
fn a_wav_of_sound_that_changes_its_rate_is_as_long_as_the_sound() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [one, two, chain] = ["one.ogg", "two.ogg", "chain.ogg"].map(|name| folder.path().join(name));
    for (path, rate) in [(&one, "48000"), (&two, "44100")] {
        ffmpeg(&["-f", "lavfi", "-i", "sine=duration=1"], &format!("-c:a flac -ar {rate}"), path);
    }
    std::fs::write(&chain, [std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap()].concat()).unwrap();
    assert_eq!(heard(&chain).len(), 96_000);
}

#[test]
fn a_film_of_which_only_the_sound_plays_says_so_and_ends_with_4() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [film, song] = ["film.mov", "song.mp4"].map(|name| folder.path().join(name));
    ffmpeg(
        &["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=0.3", "-f", "lavfi", "-i", "sine=duration=0.3"],
        "-c:v prores_ks -c:a aac",
        &film,
    );
    ffmpeg(&["-i", arg(&film)], "-vn -c copy", &song);
    let display = format!("framemd5={}", arg(&folder.path().join("pictures")));
    for (path, code) in [(&film, 4), (&song, 0)] {
        let end = start(PROGRAM, &["--unpaced", "-q", "--display", &display, "--audio", "null", arg(path)]).end();
        assert_eq!(end.status.code(), Some(code), "{}", end.stderr);
        assert_eq!(end.stderr.contains("video: ProRes 422 HQ video is not supported"), code == 4, "{}", end.stderr);
        let info = Command::new(PROGRAM).arg("info").arg(path).output().unwrap();
        let told = String::from_utf8_lossy(&info.stdout);
        assert_eq!(info.status.code(), Some(code), "{told}");
        assert!(told.contains("MP4/MOV") && told.contains("sound: AAC LC, 44100 Hz, 1 channel"), "{told}");
    }
}
