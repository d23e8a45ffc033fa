//! A song's cover in a window, with who made it and its title, whoever is killed; and no window where there is no place for one.

use nix::sys::signal::{Signal, kill};
use tests::xserver::XServer;
use tests::{arg, start, start_with, tool, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

fn song(folder: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join("song.mp3");
    let mut args = vec!["-v", "error", "-y", "-nostdin", "-f", "lavfi", "-i", "sine=duration=60"];
    args.extend([
        "-f",
        "lavfi",
        "-i",
        "color=orange:size=400x400:duration=1",
        "-map",
        "0",
        "-map",
        "1",
        "-frames:v",
        "1",
    ]);
    args.extend(["-c:v", "png", "-disposition:v", "attached_pic", "-metadata", "title=Evening", "-metadata"]);
    args.extend(["artist=Somebody", arg(&path)]);
    tool("ffmpeg", &args);
    path
}

#[test]
fn the_cover_stays_in_the_window_with_its_words_whoever_is_killed() {
    let Some(x) = XServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let song = song(folder.path());
    let run = start_with(PROGRAM, &["--audio", "null", arg(&song)], |command| {
        command.env("DISPLAY", &x.display);
    });
    let orange = || {
        let pixel = x.screen().part(800, 450, 1, 1).bytes;
        (pixel[0] > 200 && (120..200).contains(&pixel[1]) && pixel[2] < 60).then_some(())
    };
    let name =
        || (x.xdotool(&["getwindowname", &x.window()]) == "Somebody \u{2014} Evening \u{2014} Tricine").then_some(());
    wait_for("the cover", orange);
    wait_for("its words", name);
    for role in ["renderer", "decoder", "audio"] {
        let victim = run.role(role, None);
        kill(victim, Signal::SIGKILL).unwrap();
        run.role(role, Some(victim));
        wait_for("the cover again", orange);
        wait_for("its words again", name);
    }
    if let Some(to) = std::env::var_os("TRICINE_TEST_SCREENSHOT") {
        tool("import", &["-display", &x.display, "-window", "root", arg(to.as_ref())]);
    }
    x.keys(&["q"]);
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
}

#[test]
fn without_a_window_a_song_is_sound_alone() {
    if !tests::have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = song(folder.path());
    let end = start(PROGRAM, &["--unpaced", "--display", "none", "--audio", "null", arg(&song)]).end();
    assert!(end.status.success() && end.report["video"].is_null(), "{}", end.stderr);
}
