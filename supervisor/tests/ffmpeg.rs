//! A film that FFmpeg's libraries alone decode, played by the sandboxed processes, and its decoder killed.
#![cfg(feature = "ffmpeg")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The decoder process among a player's children.
fn decoder_of(player: &Child) -> Option<String> {
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", player.id())).ok()?;
    let title = |pid: &str| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    children.split_whitespace().find(|pid| title(pid).starts_with(b"tricine: decoder")).map(str::to_owned)
}

fn play(film: &Path, folder: &Path, kill: bool) -> (String, serde_json::Value) {
    let report = folder.join("report.json");
    let mut player = Command::new(env!("CARGO_BIN_EXE_tricine"))
        .args(["--display", "framemd5=-", "--audio", "none", "--unpaced", "-q", "--report"])
        .args([&report, film])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while kill && player.try_wait().unwrap().is_none() {
        if let Some(pid) = decoder_of(&player) {
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
            break;
        }
    }
    let output = player.wait_with_output().unwrap();
    assert!(output.status.success(), "{}: {:?}", film.display(), output.status);
    let pictures = String::from_utf8(output.stdout).unwrap();
    (pictures, serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap())
}

#[test]
fn a_film_by_ffmpeg_plays_in_the_sandbox_and_goes_on_after_its_decoder_was_killed() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "ffmpeg is not installed");
        let _ = writeln!(std::io::stderr(), "skipped: ffmpeg is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, codec) in [("film.mov", "prores_ks"), ("film.asf", "wmv2")] {
        let film = folder.path().join(name);
        let args = ["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=256x144:r=25:d=2", "-c:v", codec];
        assert!(Command::new("ffmpeg").args(args).arg(&film).status().unwrap().success(), "{name}");
        let (undisturbed, report) = play(&film, folder.path(), false);
        assert!(report["video"]["codec"].as_str().unwrap().contains("FFmpeg"), "{name}: {report:#}");
        assert_eq!(
            (report["video"]["decoded"].as_u64(), report["restarts"].as_array().map(Vec::len)),
            (Some(50), Some(0))
        );
        let (disturbed, report) = play(&film, folder.path(), true);
        assert_eq!(report["restarts"].as_array().map(Vec::len), Some(1), "{name}: {report:#}");
        assert_eq!(undisturbed, disturbed, "{name}");
    }
}
