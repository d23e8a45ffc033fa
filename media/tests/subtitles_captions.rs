//! Closed captions within pictures (CEA-608): the same words from the same frame on as FFmpeg's.

#[path = "support/shown.rs"]
mod shown;
#[path = "support/mod.rs"]
mod support;

#[path = "television/captions.rs"]
mod captions;

use std::process::Command;

use captions::{Script, with_captions};
use shown::{Shown, ours};
use support::{Tool, open};
use tricine_media::subtitle::Subtitles;
use tricine_media::{Input, MediaFile, guard};

const BARE: &str =
    "-f lavfi -i testsrc2=s=320x240:r=30000/1001:d=10.01 -c:v mpeg2video -b:v 500k -bf 0 -g 15 -f mpeg2video";

/// Captions that are shown at once, in two places, in colours, with letters of every kind.
fn pop_on() -> Script {
    Script::default()
        .until(10)
        .command(0x14, 0x20)
        .command(0x14, 0x70)
        .letters(b"Plain words")
        .command(0x14, 0x2f)
        .until(50)
        .command(0x14, 0x20)
        .command(0x14, 0x2e)
        .command(0x11, 0x52)
        .letters(b"At the top")
        .command(0x14, 0x48)
        .letters(b"red")
        .command(0x11, 0x2e)
        .letters(b"slanted")
        .command(0x14, 0x2f)
        .until(110)
        .command(0x14, 0x2c)
        .until(120)
        .command(0x14, 0x20)
        .command(0x14, 0x2e)
        .command(0x14, 0x40)
        .letters(&(0x21..0x3a).collect::<Vec<u8>>())
        .command(0x14, 0x70)
        .letters(&[0x2a, 0x5c, 0x5e, 0x5f, 0x60, 0x7b, 0x7c, 0x7d, 0x7e])
        .command(0x14, 0x2f)
        .until(170)
        .command(0x14, 0x20)
        .command(0x14, 0x2e)
        .command(0x14, 0x70)
        .letters(b"e")
        .command(0x12, 0x34)
        .letters(b"A")
        .command(0x13, 0x30)
        .command(0x11, 0x37)
        .command(0x17, 0x22)
        .letters(b"x")
        .command(0x14, 0x2f)
        .until(230)
        .command(0x14, 0x2c)
}

/// Captions that roll up, then some that appear as they come.
fn rolling() -> Script {
    Script::default()
        .until(10)
        .command(0x14, 0x26)
        .command(0x14, 0x2d)
        .command(0x14, 0x70)
        .letters(b"The first row")
        .until(40)
        .command(0x14, 0x2d)
        .letters(b"a second one")
        .until(70)
        .command(0x14, 0x2d)
        .letters(b"three")
        .until(100)
        .command(0x14, 0x2d)
        .letters(b"four")
        .until(130)
        .command(0x14, 0x2c)
        .until(150)
        .command(0x14, 0x29)
        .command(0x14, 0x70)
        .letters(b"Painted, slowly")
        .until(200)
        .command(0x14, 0x21)
        .until(220)
        .command(0x14, 0x2c)
}

/// The second field's, with words about the programme between.
fn second() -> Script {
    let words =
        Script::default().until(20).command(0x15, 0x20).command(0x15, 0x70).letters(b"En espa").command(0x15, 0x2f);
    words.until(60).letters(&[0x01, 0x03]).letters(b"Title").letters(&[0x0f, 0x11]).until(100).command(0x15, 0x2c)
}

fn subtitles(file: &MediaFile) -> Subtitles {
    tricine_media::open(&Input::File(file.clone())).unwrap().subtitles
}

/// FFmpeg's.
fn theirs(name: &str) -> Vec<Shown> {
    let movie = format!("movie={name}[out+subcc]");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", &movie, "-map", "0:s", "-f", "srt", "-"]);
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let time = |text: &str| {
        let parts: Vec<i64> = text.trim().split([':', ',']).map(|part| part.parse().unwrap()).collect();
        ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + parts[3]
    };
    let shown = text.split("\n\n").filter_map(|block| {
        let (times, words) = block.trim_start().split_once('\n')?.1.split_once('\n')?;
        let (start, end) = times.split_once("-->")?;
        let mut plain = String::new();
        let mut depth = 0;
        for letter in words.replace("\\h", " ").chars() {
            match letter {
                '<' | '{' => depth += 1,
                '>' | '}' => depth -= 1,
                _ if depth == 0 => plain.push(letter),
                _ => {}
            }
        }
        Some((time(start), time(end), joined(&plain)))
    });
    shown.collect()
}

/// Lines without what stands before and behind them.
fn joined(words: &str) -> String {
    words.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Films of one stream, by FFmpeg, which puts captions where they belong.
fn films(tool: &Tool) -> Vec<String> {
    let bare = tool.make(BARE, "bare.m2v").map(|_| std::fs::read(tool.path("bare.m2v")).unwrap()).unwrap();
    let mut made = Vec::new();
    for (name, first) in [("pop", pop_on()), ("roll", rolling())] {
        let stream = tool.path(&format!("{name}.m2v"));
        std::fs::write(&stream, with_captions(&bare, [&first, &second()], None)).unwrap();
        let from = format!("-f mpegvideo -framerate 30000/1001 -i {}", stream.display());
        for (codec, ends) in [
            ("libx264 -bf 3 -b:v 500k -a53cc 1", &["ts", "mp4", "mkv"][..]),
            ("mpeg2video -bf 2 -b:v 500k", &["ts", "mkv", "mpg"]),
        ] {
            for end in ends {
                let file = format!("{name}-{}.{end}", &codec[..7]);
                tool.make(&format!("{from} -c:v {codec}"), &file).unwrap();
                made.push(tool.path(&file).display().to_string());
            }
        }
        let stream = tool.path(&format!("{name}-disc.m2v"));
        std::fs::write(&stream, with_captions(&bare, [&first, &second()], Some(15))).unwrap();
        let file = format!("{name}-disc.vob");
        tool.make(
            &format!(
                "-f mpegvideo -framerate 30000/1001 -i {} -c copy -bsf:v setts=ts=N*3003 -f vob",
                stream.display()
            ),
            &file,
        )
        .unwrap();
        made.push(tool.path(&file).display().to_string());
    }
    made
}

#[test]
fn captions_are_those_of_ffmpeg_in_every_container() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("captions") else { return };
    let frame = |frame: usize| (frame as i64 * 1001) / 30;
    for name in films(&tool) {
        let found = subtitles(&open(std::path::Path::new(&name)));
        let tracks: Vec<_> = found.tracks().map(|track| (track.name.clone().unwrap(), track.default)).collect();
        let track = |name: &str| (name.to_owned(), false);
        assert_eq!(tracks, [track("CC1"), track("CC3")], "{name}");
        assert_eq!(found.usual(&[]), None);
        let shown = ours(&found, 1, 0, 10_000);
        let theirs = theirs(&name);
        // A disc's lie with the group's first picture, and FFmpeg leaves them there.
        let disc = name.contains("disc");
        if name.contains("pop") {
            let words: Vec<_> = shown.iter().map(|(_, _, words)| joined(words)).collect();
            assert_eq!(words, theirs.iter().map(|(_, _, words)| words.clone()).collect::<Vec<_>>(), "{name}");
            for ((start, end, _), (from, until, _)) in shown.iter().zip(&theirs).filter(|_| !disc) {
                assert!((start - from).abs() <= 1 && (end - until).abs() <= 1, "{name}: {shown:?} {theirs:?}");
            }
            assert!((shown[0].0 - frame(20)).abs() < 70 && (shown[3].1 - frame(230)).abs() < 70, "{name}: {shown:?}");
        } else {
            // FFmpeg shows a row once it is whole; here words come as they are sent.
            let whole: Vec<_> = shown.iter().map(|(_, _, words)| words.replace('\n', "|")).collect();
            assert_eq!(theirs.len(), 5, "{name}");
            let at = |wanted: &str| shown.iter().find(|(_, _, words)| words == wanted).unwrap();
            assert!(
                (at("Painted, slowly").1 - frame(200)).abs() < 70 && (at("Painted, slowl").1 - frame(220)).abs() < 70
            );
            assert!((shown.iter().find(|(_, _, words)| words.ends_with("four")).unwrap().1 - frame(130)).abs() < 70);
            for (_, _, words) in &theirs {
                assert!(whole.contains(&words.replace('\n', "|")), "{name}: {words} in {whole:?}");
            }
        }
        let other = ours(&found, 2, 0, 10_000);
        assert_eq!(other.iter().map(|(_, _, words)| &**words).collect::<Vec<_>>(), ["En espa"], "{name}");
        assert!((other[0].0 - frame(28)).abs() < 70 && (other[0].1 - frame(100)).abs() < 70, "{name}: {other:?}");
    }
}

#[test]
fn captions_come_right_behind_seeks_and_damage_and_in_films_that_were_joined() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("captions") else { return };
    let bare = tool.make(BARE, "bare.m2v").map(|_| std::fs::read(tool.path("bare.m2v")).unwrap()).unwrap();
    let stream = tool.path("pop.m2v");
    std::fs::write(&stream, with_captions(&bare, [&pop_on(), &Script::default()], None)).unwrap();
    let args = format!("-f mpegvideo -framerate 30000/1001 -i {} -c:v libx264 -bf 3 -b:v 500k", stream.display());
    let file = tool.make(&args, "film.ts").unwrap();
    let found = subtitles(&file);
    let names: Vec<_> = found.tracks().map(|track| track.name.clone().unwrap()).collect();
    assert_eq!(names, ["CC1"]);
    let whole = ours(&found, 1, 0, 10_000);
    for at in [700, 2_300, 2_400, 3_600, 3_700, 5_000, 7_000, 8_000] {
        let wanted: Vec<_> = whole.iter().filter(|(_, until, _)| *until > at).collect();
        let shown = ours(&found, 1, at, 10_000);
        assert_eq!(shown.len(), wanted.len(), "{at}");
        for (one, other) in shown.iter().zip(wanted) {
            assert_eq!((one.0, one.1, &one.2), (other.0.max(at), other.1, &other.2), "{at}");
        }
    }
    let made = std::fs::read(&file.name).unwrap();
    let twice = [made.as_slice(), &made].concat();
    let words: Vec<_> = ours(&subtitles(&MediaFile::from_bytes(twice, "twice.ts")), 1, 0, 20_000);
    assert_eq!(words.len(), 8, "{words:?}");
    for seed in 0..20 {
        let mut damaged = made.clone();
        let calm = damaged.len() / 5;
        support::flip(&mut damaged[calm..], seed, 200);
        ours(&subtitles(&MediaFile::from_bytes(damaged, "damaged.ts")), 1, 0, 10_000);
    }
    // A hole of two seconds: words go on behind it.
    let units = made.len() / 188;
    let hole = [&made[..units / 5 * 188], &made[units * 2 / 5 * 188..]].concat();
    let shown = ours(&subtitles(&MediaFile::from_bytes(hole, "hole.ts")), 1, 0, 10_000);
    assert_eq!(shown.last(), whole.last());
}

/// A film with a track of text, whose samples are changed into captions as QuickTime has them.
fn quicktime(tool: &Tool, script: &[(&str, Script)]) -> Vec<u8> {
    const LEN: usize = 80;
    let text: String = script
        .iter()
        .enumerate()
        .map(|(n, (times, _))| format!("{}\n{times}\n{}\n\n", n + 1, "x".repeat(LEN - 2)))
        .collect();
    std::fs::write(tool.path("x.srt"), text).unwrap();
    let args = format!(
        "-f lavfi -i color=s=64x64:r=10:d=10 -i {} -map 0 -map 1 -c:v mpeg4 -c:s mov_text",
        tool.path("x.srt").display()
    );
    tool.make(&args, "x.mp4").unwrap();
    let mut file = std::fs::read(tool.path("x.mp4")).unwrap();
    let mut change = |from: &[u8], to: &[u8]| {
        let at = file.windows(from.len()).position(|bytes| bytes == from).unwrap();
        file[at..at + to.len()].copy_from_slice(to);
    };
    change(b"tx3g", b"c608");
    change(b"sbtl", b"clcp");
    for (_, script) in script {
        let mut sample = [&(LEN as u32).to_be_bytes()[..], b"cdat", &script.0.concat()].concat();
        assert!(sample.len() <= LEN);
        while sample.len() < LEN {
            sample.push(0x80);
        }
        change(&[&[0, LEN as u8 - 2][..], &[b'x'; LEN - 2]].concat(), &sample);
    }
    file
}

#[test]
fn captions_in_a_track_of_quicktime_are_those_of_ffmpeg() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("captions") else { return };
    let shown = |words: &[u8]| {
        Script::default().command(0x14, 0x20).command(0x14, 0x2e).command(0x14, 0x70).letters(words).command(0x14, 0x2f)
    };
    let script = [
        ("00:00:01,000 --> 00:00:02,000", shown(b"One")),
        ("00:00:03,000 --> 00:00:04,000", shown(b"Two words")),
        ("00:00:06,000 --> 00:00:07,000", Script::default().command(0x14, 0x2c)),
    ];
    let file = quicktime(&tool, &script);
    std::fs::write(tool.path("film.mov"), &file).unwrap();
    let found = subtitles(&MediaFile::from_bytes(file, "film.mov"));
    let codecs: Vec<_> = found.tracks().map(|track| (track.codec.clone(), track.problem.clone())).collect();
    assert_eq!(codecs, [("CEA-608".to_owned(), None)]);
    assert_eq!(found.usual(&[]), None);
    let wanted = [(1_000, 3_000, "One".to_owned()), (3_000, 6_000, "Two words".to_owned())];
    assert_eq!(ours(&found, 1, 0, 9_000), wanted);
    assert_eq!(ours(&found, 1, 4_000, 9_000), [(4_000, 6_000, "Two words".to_owned())]);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(tool.path("film.mov")).args(["-map", "0:s", "-f", "srt", "-"]);
    let theirs = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(theirs.contains("00:00:01,000 --> 00:00:03,000") && theirs.contains("One"), "{theirs}");
    assert!(theirs.contains("00:00:03,000 --> 00:00:06,000") && theirs.contains("Two words"), "{theirs}");
}
