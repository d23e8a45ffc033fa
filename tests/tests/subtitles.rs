//! Subtitles, on a screen and in a terminal: the right words at the right time, wherever the film goes and whoever dies.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use tests::pictures::Picture;
use tests::terminal::Tmux;
use tests::xserver::XServer;
use tests::{Run, arg, have, start_with, tool, wait_for};

#[path = "../../media/tests/disc/mod.rs"]
mod disc;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// When which colour is on, in seconds.
const TIMES: [(f64, f64, &str); 4] = [(2.0, 4.0, "red"), (5.0, 7.0, "lime"), (7.0, 9.5, "blue"), (11.0, 13.0, "red")];

/// A black film of 14 seconds, with these subtitles beside it.
fn film(folder: &Path) -> PathBuf {
    let path = folder.join("film.mkv");
    let source = "color=c=black:s=640x360:r=25:d=14";
    let args = ["-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p"];
    tool("ffmpeg", &[&args[..], &[arg(&path)]].concat());
    std::fs::write(folder.join("film.en.srt"), srt("MMMM")).unwrap();
    path
}

fn srt(words: &str) -> String {
    let stamp = |s: f64| format!("00:00:{:02},{:03}", s as u32, (s.fract() * 1000.0) as u32);
    let cue = |(from, to, color): (f64, f64, &str)| {
        format!("1\n{} --> {}\n<font color=\"{color}\">{words}</font>\n\n", stamp(from), stamp(to))
    };
    TIMES.map(cue).concat()
}

/// Which colour is written in, if any.
fn color(screen: &Picture) -> Option<&'static str> {
    let count = |is: fn(u8, u8, u8) -> bool| screen.bytes.chunks_exact(3).filter(|p| is(p[0], p[1], p[2])).count();
    let red = count(|r, g, b| r > 200 && g < 40 && b < 40);
    let lime = count(|r, g, b| g > 200 && r < 40 && b < 40);
    let blue = count(|r, g, b| b > 200 && r < 40 && g < 40);
    [("red", red), ("lime", lime), ("blue", blue)].into_iter().find(|(_, count)| *count > 150).map(|(name, _)| name)
}

/// Which colour is on at a time of the film; `None` near a change.
fn wanted(seconds: f64) -> Option<Option<&'static str>> {
    let near = TIMES.iter().any(|(from, to, _)| (from - seconds).abs() < 0.2 || (to - seconds).abs() < 0.2);
    let on = TIMES.into_iter().find(|(from, to, _)| (*from..*to).contains(&seconds));
    (!near).then_some(on.map(|(_, _, color)| color))
}

fn play(x: &XServer, film: &Path, args: &[&str]) -> Run {
    let all = [&["--audio", "null", "--display", "window"][..], args, &[arg(film)]].concat();
    start_with(PROGRAM, &all, |c| {
        c.env("DISPLAY", &x.display);
    })
}

fn shows(x: &XServer, what: &str, wanted: Option<&str>) {
    wait_for(what, || (color(&x.screen()) == wanted).then_some(()));
}

/// The decoder is at work before anybody knows that there will be a window.
#[test]
fn words_are_shown_however_late_the_display_answers() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    x.halt(true);
    let run = start_with(PROGRAM, &["--audio", "null", "--start", "2.2", arg(&film)], |c| {
        c.env("DISPLAY", &x.display).env_remove("WAYLAND_DISPLAY");
    });
    run.role("decoder", None);
    x.halt(false);
    shows(&x, "the words", Some("red"));
}

/// The same times and colours as pictures of a disc.
fn pictures(folder: &Path) -> PathBuf {
    let size = (300, 60);
    let shown = TIMES.map(|(from, to, color)| disc::Shown {
        at_ms: (from * 1000.0) as u32,
        lasts_ms: Some(((to - from) * 1000.0) as u32),
        place: (200, 480),
        size,
        // Red, green and blue of the disc's colours.
        colors: [0, [("red", 2), ("lime", 3), ("blue", 4)].iter().find(|(name, _)| *name == color).unwrap().1, 0, 0],
        opaque: [0, 15, 0, 0],
        points: vec![1; size.0 * size.1],
        forced: false,
    });
    disc::write(folder, "film", &[("en", shown.to_vec())])
}

#[test]
fn words_are_right_after_seeks_deaths_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    are_right_after_seeks_deaths_and_keys(&film(folder.path()), &[]);
}

#[test]
fn pictures_of_discs_are_right_after_seeks_deaths_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    std::fs::remove_file(folder.path().join("film.en.srt")).unwrap();
    pictures(folder.path());
    // Beside the film, and given: either of the two files.
    are_right_after_seeks_deaths_and_keys(&film, &[]);
    let elsewhere = tempfile::tempdir().unwrap();
    pictures(elsewhere.path());
    let Some(x) = XServer::start() else { return };
    for name in ["film.idx", "film.sub"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
        let run = play(&x, &film, &["--paused", "--start", "8", "--sub", arg(&elsewhere.path().join(name))]);
        x.window();
        shows(&x, name, Some("blue"));
        x.keys(&["q"]);
        assert_eq!(run.end().status.code(), Some(0));
    }
}

fn are_right_after_seeks_deaths_and_keys(film: &Path, args: &[&str]) {
    let Some(x) = XServer::start() else { return };
    let run = play(&x, film, &[&["--paused", "--start", "3"], args].concat());
    x.window();
    shows(&x, "red at 3 s", Some("red"));
    x.keys(&["Right"]);
    shows(&x, "blue at 8 s", Some("blue"));
    for role in ["renderer", "decoder", "renderer"] {
        let victim = run.role(role, None);
        kill(victim, Signal::SIGKILL).unwrap();
        run.role(role, Some(victim));
        // A frame that was on the screen and its words are both there again.
        shows(&x, &format!("blue after the death of the {role}"), Some("blue"));
    }
    x.keys(&["Left"]);
    shows(&x, "red at 3 s again", Some("red"));
    for (key, what, wanted) in [
        ("v", "hidden", None),
        ("v", "back", Some("red")),
        ("j", "off", None),
        ("j", "the first track", Some("red")),
        ("J", "off, the other way", None),
        ("J", "and on", Some("red")),
    ] {
        x.keys(&[key]);
        shows(&x, what, wanted);
    }
    // Later by 1.2 s, what is on at 3 s is what would be at 1.8 s.
    x.keys(&["Z"; 12]);
    shows(&x, "nothing yet", None);
    x.keys(&["z"; 12]);
    shows(&x, "red as before", Some("red"));
    x.keys(&["q"]);
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert_eq!(end.number("/regions_replaced"), 0.0, "{}", end.stderr);
}

/// The first and the last row of the screen with red letters; `None` without any, or with green ones unless those are `beside` them.
fn red_rows(screen: &Picture, beside: bool) -> Option<(usize, usize)> {
    let rows = screen.bytes.chunks_exact(3 * screen.width);
    let has = |row: &[u8], is: fn(&[u8]) -> bool| row.chunks_exact(3).any(is);
    let green = rows.clone().any(|row| has(row, |p| p[1] > 200 && p[0] < 40 && p[2] < 40));
    let red: Vec<usize> = rows
        .enumerate()
        .filter(|(_, row)| has(row, |p| p[0] > 200 && p[1] < 40 && p[2] < 40))
        .map(|(at, _)| at)
        .collect();
    Some((*red.first()?, *red.last()?)).filter(|_| green == beside)
}

#[test]
fn words_stay_where_they_stand_when_those_below_them_end() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let words = "1\n00:00:01,000 --> 00:00:05,000\n<font color=lime>MMMM</font>\n\n\
        2\n00:00:03,000 --> 00:00:13,000\n<font color=red>MMMM</font>\n";
    std::fs::write(folder.path().join("film.en.srt"), words).unwrap();
    let run = play(&x, &film, &["--paused", "--start", "4"]);
    x.window();
    let both = wait_for("both", || red_rows(&x.screen(), true));
    let lowest = |screen: &Picture| {
        let rows = screen.bytes.chunks_exact(3 * screen.width);
        rows.enumerate().filter(|(_, row)| row.chunks_exact(3).any(|p| p[1] > 200 && p[0] < 40)).map(|(at, _)| at).min()
    };
    assert!(lowest(&x.screen()).is_some_and(|green| green > both.1), "red stands above green: {both:?}");
    x.keys(&["Right"]);
    assert_eq!(wait_for("red alone", || red_rows(&x.screen(), false)), both, "it stays");
    for role in ["renderer", "decoder"] {
        let victim = run.role(role, None);
        kill(victim, Signal::SIGKILL).unwrap();
        run.role(role, Some(victim));
        wait_for("red in its place", || (red_rows(&x.screen(), false) == Some(both)).then_some(()));
    }
    x.keys(&["q"]);
    assert_eq!(run.end().status.code(), Some(0));
    // Whoever comes late sees the same.
    let run = play(&x, &film, &["--paused", "--start", "9"]);
    x.window();
    assert_eq!(wait_for("red from the beginning", || red_rows(&x.screen(), false)), both);
    x.keys(&["q"]);
    assert_eq!(run.end().status.code(), Some(0));
}

#[test]
fn words_keep_the_films_time_at_any_speed_and_from_a_track() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let plain = film(folder.path());
    let within = folder.path().join("within.mkv");
    let words = folder.path().join("film.en.srt");
    let args = ["-v", "error", "-y", "-i", arg(&plain), "-i", arg(&words), "-map", "0", "-map", "1", "-c", "copy"];
    tool("ffmpeg", &[&args[..], &["-c:s", "srt", "-disposition:s:0", "default", arg(&within)]].concat());
    for speed in ["1", "2"] {
        let mut run = play(&x, &within, &["--speed", speed, "--start", "1"]);
        run.presented(1);
        let control = run.control();
        let now = || {
            let (_, state) = control.state()?;
            Some(control.clock(state.serial)?.pts_at(tricine_channel::time::mono_ns()) as f64 / 1e9)
        };
        let mut seen = Vec::new();
        while !run.is_over() {
            // What is on a screen is of some time between before and after the look.
            let (Some(before), screen, Some(after)) = (now(), x.screen(), now()) else { continue };
            let here = wanted(before);
            if here.is_some() && here == wanted(after) && after - before < 0.5 && after < 13.5 {
                let found = color(&screen);
                assert_eq!(Some(found), here, "at {before} to {after} s, {speed}x");
                seen.push(found);
            }
        }
        seen.dedup();
        assert!(seen.iter().flatten().count() >= 2, "{speed}x: {seen:?}");
        run.end();
    }
}

#[test]
fn words_that_change_are_as_they_are_at_their_time() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    std::fs::remove_file(folder.path().join("film.en.srt")).unwrap();
    let script = "[Script Info]\nPlayResX: 640\nPlayResY: 360\n[V4+ Styles]\nFormat: Name, Fontsize, PrimaryColour, SecondaryColour, Outline\n\
        Style: Default,60,&H000000FF,&H0000FF00,0\n[Events]\nFormat: Start, End, Style, Text\n";
    for (event, colors) in [
        (r"{\t(4000,5000,\1c&H00FF00&)\t(9000,9500,2,\1c&HFF0000&)}MMMM", ["red", "lime", "blue"]),
        // What is not sung yet is green; what is sung before it is blue.
        (r"{\k600\c&HFF0000&}MMMM{\k600\c&H0000FF&}MMMM", ["lime", "red", "red"]),
    ] {
        std::fs::write(
            folder.path().join("film.ass"),
            format!("{script}Dialogue: 0:00:00.00,0:00:13.90,Default,{event}\n"),
        )
        .unwrap();
        let run = play(&x, &film, &["--paused", "--start", "3"]);
        x.window();
        for (at, color) in colors.iter().enumerate() {
            shows(&x, &format!("{color} in {event}"), Some(color));
            if at == 1 {
                let victim = run.role("renderer", None);
                kill(victim, Signal::SIGKILL).unwrap();
                run.role("renderer", Some(victim));
                shows(&x, "the same again", Some(color));
            }
            x.keys(&["Right"]);
        }
        x.keys(&["q"]);
        assert_eq!(run.end().status.code(), Some(0));
    }
}

#[test]
fn in_a_terminal_words_stand_below_the_picture() {
    if !have("tmux") || !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let given = folder.path().join("given.srt");
    std::fs::write(&given, srt("Grüße, \u{4e16}\u{754c}")).unwrap();
    let session = format!("test-words-{}", std::process::id());
    let command = format!(
        "{PROGRAM} --session {session} --display terminal --audio null --paused --start 3 --sub {} {}",
        arg(&given),
        arg(&film)
    );
    let tmux = Tmux::start(80, 24, &command);
    let seen = |text: &str| tmux.run(&["capture-pane", "-p"]).contains(text);
    wait_for("the words", || seen("Grüße, \u{4e16}\u{754c}").then_some(()));
    tmux.run(&["send-keys", "v"]);
    wait_for("no words", || (!seen("Grüße")).then_some(()));
    tmux.run(&["send-keys", "v", "j"]);
    wait_for("the other track", || seen("MMMM").then_some(()));
    tmux.run(&["send-keys", "q"]);
    tests::assert_nothing_left(&session);
}

#[test]
fn hostile_subtitles_do_no_harm() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let many: String =
        (0..100_000).map(|n| format!("{n}\n00:00:00,000 --> 00:00:59,{:03}\nline {n}\n\n", n % 1000)).collect();
    let files: [(&str, Vec<u8>); 4] = [
        ("many.srt", many.into_bytes()),
        ("long.srt", format!("1\n00:00:00,000 --> 00:01:00,000\n{}\n", "\u{202e}a\u{301}\u{0}<b>{\\an8}".repeat(100_000)).into_bytes()),
        ("zero.srt", vec![0; 1 << 20]),
        ("script.ass", b"[Script Info]\nPlayResX: 1\nPlayResY: 1\n[Events]\nDialogue: 0,0:00:00.00,0:01:00.00,,,9999999,9999999,9999999,,{\\pos(1e30,-1e30)\\fs1e9\\an5}x\n".to_vec()),
    ];
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let run = play(&x, &film, &["--start", "12", "--sub", arg(&path), "--sid", "1"]);
        let end = run.end();
        assert_eq!(end.status.code(), Some(0), "{name}: {}", end.stderr);
        assert!(end.report["restarts"].as_array().is_some_and(Vec::is_empty), "{name}: {:#}", end.report);
    }
}
