//! Fonts that come with a film: words are drawn by them, whoever dies; and what is broken or too much costs nothing.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use tests::pictures::Picture;
use tests::xserver::XServer;
use tests::{Run, arg, start_with, tool, wait_for};

#[path = "../../renderer/src/subtitle/boxes.rs"]
mod boxes;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// A font whose letters are boxes, 30 wide and 70 high where it is 100 high.
fn font() -> Vec<u8> {
    boxes::Boxes { family: "Film Sans", full: "Film Sans Regular", weight: 400, wide: 300, units: 1000 }.file()
}

/// A script with two red letters in that font, from the second second to the twelfth, and what else stands before its events.
fn script(more: &str) -> String {
    format!(
        "[Script Info]\nPlayResX: 640\nPlayResY: 360\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, Outline, Shadow, \
         Alignment\nStyle: Default,film sans,100,&H000000FF,0,0,5\n\n{more}\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, \
         MarginV, Effect, Text\n\
         Dialogue: 0,0:00:02.00,0:00:12.00,Default,,0,0,0,,MM\n"
    )
}

/// As scripts have fonts within themselves.
fn encoded(name: &str, bytes: &[u8]) -> String {
    let mut letters = Vec::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        letters.extend((0..=three.len()).map(|at| 33 + (word >> (18 - 6 * at) & 63) as u8));
    }
    let lines: Vec<_> = letters.chunks(80).map(|line| String::from_utf8_lossy(line)).collect();
    format!("[Fonts]\nfontname: {name}\n{}\n", lines.join("\n"))
}

/// A black film of 14 seconds with a track of that script, and these fonts attached.
fn film(folder: &Path, name: &str, fonts: &[(&str, Vec<u8>)]) -> PathBuf {
    let (words, path) = (folder.join("words.ass"), folder.join(name));
    std::fs::write(&words, script("")).unwrap();
    let source = "color=c=black:s=640x360:r=25:d=14";
    let mut args = vec!["-v", "error", "-y", "-f", "lavfi", "-i", source, "-i", arg(&words), "-map", "0", "-map", "1"];
    args.extend(["-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p", "-c:s", "ass", "-disposition:s:0", "default"]);
    let files: Vec<PathBuf> = fonts.iter().map(|(name, _)| folder.join(name)).collect();
    for (file, (_, bytes)) in files.iter().zip(fonts) {
        std::fs::write(file, bytes).unwrap();
        args.extend(["-attach", arg(file)]);
    }
    args.extend(["-metadata:s:t", "mimetype=application/x-truetype-font", arg(&path)]);
    tool("ffmpeg", &args);
    path
}

fn play(x: &XServer, inputs: &[&Path], args: &[&str]) -> Run {
    let inputs = inputs.iter().map(|input| arg(input));
    let all: Vec<&str> =
        ["--audio", "null", "--display", "window"].into_iter().chain(args.iter().copied()).chain(inputs).collect();
    start_with(PROGRAM, &all, |c| {
        c.env("DISPLAY", &x.display);
    })
}

/// How many columns and rows of the screen have red in them.
fn red(screen: &Picture) -> (usize, usize) {
    let is = |at: usize| screen.bytes.get(3 * at..3 * at + 3).is_some_and(|p| p[0] > 150 && p[1] < 60 && p[2] < 60);
    let (wide, high) = (screen.width, screen.bytes.len() / 3 / screen.width);
    let columns = (0..wide).filter(|x| (0..high).any(|y| is(y * wide + x))).count();
    (columns, (0..high).filter(|y| (0..wide).any(|x| is(y * wide + x))).count())
}

fn boxes_are_seen(x: &XServer, what: &str) {
    wait_for(what, || {
        let (columns, rows) = red(&x.screen());
        (columns.abs_diff(60) <= 3 && rows.abs_diff(70) <= 2).then_some(())
    });
}

fn other_letters_are_seen(x: &XServer, what: &str) {
    wait_for(what, || {
        let (columns, rows) = red(&x.screen());
        (columns > 80 && (40..66).contains(&rows)).then_some(())
    });
}

#[test]
fn words_are_drawn_by_the_fonts_that_come_with_the_film_whoever_dies() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let with = film(folder.path(), "with.mkv", &[("box.ttf", font())]);
    let without = film(folder.path(), "without.mkv", &[]);
    let run = play(&x, &[&with, &without], &["--paused", "--start", "3"]);
    x.window();
    boxes_are_seen(&x, "boxes");
    for role in ["renderer", "decoder", "renderer"] {
        let victim = run.role(role, None);
        kill(victim, Signal::SIGKILL).unwrap();
        run.role(role, Some(victim));
        boxes_are_seen(&x, &format!("boxes after the death of the {role}"));
        x.keys(&["Right"]);
        boxes_are_seen(&x, "boxes elsewhere");
        x.keys(&["Left"]);
        boxes_are_seen(&x, "boxes again");
    }
    x.keys(&["v"]);
    wait_for("nothing", || (red(&x.screen()) == (0, 0)).then_some(()));
    x.keys(&["v"]);
    boxes_are_seen(&x, "boxes come back");
    // The next film has none of them.
    x.keys(&["n"]);
    other_letters_are_seen(&x, "the usual letters");
    x.keys(&["q"]);
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert_eq!(end.number("/regions_replaced"), 0.0, "{}", end.stderr);
}

#[test]
fn fonts_within_a_script_and_those_of_the_film_are_for_a_script_beside_it() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let without = film(folder.path(), "without.mkv", &[]);
    let with = film(folder.path(), "with.mkv", &[("box.ttf", font())]);
    let own = folder.path().join("own.ass");
    for (what, film, script) in
        [("its own", &without, script(&encoded("box_0.ttf", &font()))), ("the film's", &with, script(""))]
    {
        std::fs::write(&own, script).unwrap();
        let run = play(&x, &[film], &["--paused", "--start", "3", "--sub", arg(&own)]);
        x.window();
        boxes_are_seen(&x, what);
        x.keys(&["q"]);
        assert_eq!(run.end().status.code(), Some(0));
    }
}

#[test]
fn broken_huge_and_countless_fonts_cost_the_words_nothing() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let broken = [&font()[..200], &noise].concat();
    let names: Vec<String> = (0..300).map(|n| format!("{n}.ttf")).collect();
    // The right one is the last that counts.
    let many = |n: usize| if n == 199 { font() } else { broken.clone() };
    let many: Vec<(&str, Vec<u8>)> = names.iter().enumerate().map(|(n, name)| (name.as_str(), many(n))).collect();
    let huge = [font(), vec![0; 50 << 20]].concat();
    for (what, fonts, boxes, said) in [
        ("broken", vec![("box.ttf", broken.clone())], false, None),
        ("huge", vec![("huge.ttf", huge)], false, Some("1 of the fonts")),
        ("many", many, true, Some("100 of the fonts")),
    ] {
        let film = film(folder.path(), "film.mkv", &fonts);
        let run = play(&x, &[&film], &["--paused", "--start", "3"]);
        x.window();
        if boxes {
            boxes_are_seen(&x, what)
        } else {
            other_letters_are_seen(&x, what)
        }
        x.keys(&["q"]);
        let end = run.end();
        assert_eq!(end.status.code(), Some(0), "{what}: {}", end.stderr);
        assert!(end.report["restarts"].as_array().is_some_and(Vec::is_empty), "{what}: {:#}", end.report);
        assert!(said.is_none_or(|said| end.stderr.contains(said)), "{what}: {}", end.stderr);
    }
}
