//! What there is on a machine is asked of processes that may hang: a server that accepts connections and never answers holds
//! nothing up.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::xserver::XServer;
use tests::{arg, start_with};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// A server at a socket in `folder` that takes every connection and says nothing, for as long as the test runs.
fn mute(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let listener = UnixListener::bind(&path).expect("a socket");
    std::thread::spawn(move || {
        let mut taken = Vec::new();
        listener.incoming().for_each(|client| taken.push(client));
    });
    path
}

fn doctor(change: impl FnOnce(&mut Command)) -> Value {
    let mut command = Command::new(PROGRAM);
    command.args(["doctor", "--json"]).stdin(Stdio::null()).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    change(&mut command);
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_display_that_accepts_and_never_answers_is_no_display() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let display = mute(folder.path(), "display");
    for variable in ["DISPLAY", "WAYLAND_DISPLAY"] {
        let args = ["--audio", "none", "--unpaced", "test:bars?size=64x36&rate=25&seconds=1"];
        let run = start_with(PROGRAM, &args, |c| {
            c.env(variable, &display);
        });
        let end = run.end();
        assert_eq!((end.status.code(), &end.report["video"]["display"]), (Some(0), &"none".into()), "{}", end.stderr);
        assert_eq!(end.report["roles"]["renderer"]["restarts"], 0, "{}", end.stderr);
        end.assert_whole();
    }
}

#[test]
fn the_doctor_says_of_servers_that_never_answer_that_they_do_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (display, sound) = (mute(folder.path(), "display"), mute(folder.path(), "sound"));
    let found = doctor(|c| {
        c.env("DISPLAY", &display).env("PULSE_SERVER", format!("unix:{}", arg(&sound)));
    });
    for row in ["display", "sound_server"] {
        assert_eq!(found[row]["ok"], false, "{found:#}");
        assert!(!found[row]["what"].as_str().unwrap_or_default().is_empty(), "{found:#}");
    }
    let kinds: Vec<_> = found["decoders"].as_array().expect("a list").iter().map(|kind| &kind[0]).collect();
    assert_eq!(kinds, ["video", "audio", "containers", "subtitles", "images"], "{found:#}");
}

#[test]
fn the_doctor_finds_the_display_that_there_is() {
    assert_eq!(doctor(|_| {})["display"]["ok"], false);
    let Some(x) = XServer::start_with(&[]) else { return };
    let found = doctor(|c| {
        c.env("DISPLAY", &x.display);
    });
    assert_eq!(found["display"], serde_json::json!({ "ok": true, "what": format!("X11 ({})", x.display) }));
    let film = "test:bars?size=64x36&rate=25&seconds=1";
    let run = start_with(PROGRAM, &["--audio", "none", film], |c| {
        c.env("DISPLAY", &x.display);
    });
    let end = run.end();
    assert_eq!(end.report["video"]["display"], "window (X11)", "{}", end.stderr);
}
