//! What an input is made of, on the real program: tracks are switched by keys where the film is, chapters are gone to, and whichever
//! process is killed, the film goes on with what was chosen.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::terminal::Terminal;
use tests::{Run, arg, have, start_with, tool, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
/// The tones of the tracks, in Hz.
const TONES: [f64; 2] = [440.0, 880.0];

/// Thirty seconds of two pictures and two sounds, with three chapters.
fn film(folder: &Path) -> PathBuf {
    let (path, meta) = (folder.join("film.mkv"), folder.join("meta"));
    let chapter =
        |from: u32, to: u32, title: &str| format!("[CHAPTER]\nTIMEBASE=1/1\nSTART={from}\nEND={to}\ntitle={title}\n");
    let chapters = [chapter(0, 10, "Opening"), chapter(10, 20, "Middle"), chapter(20, 30, "End")].concat();
    std::fs::write(&meta, format!(";FFMETADATA1\n{chapters}")).unwrap();
    let tone = |hz: f64| format!("sine=frequency={hz}:duration=30:sample_rate=48000");
    let mut args = vec!["-v", "error", "-y", "-nostdin"];
    let tones = TONES.map(tone);
    for input in ["testsrc2=size=64x48:rate=25:duration=30", "testsrc=size=96x48:rate=25:duration=30"] {
        args.extend(["-f", "lavfi", "-i", input]);
    }
    tones.iter().for_each(|tone| args.extend(["-f", "lavfi", "-i", tone]));
    args.extend(["-i", arg(&meta), "-map_chapters", "4", "-map", "0", "-map", "1", "-map", "2", "-map", "3"]);
    args.extend("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a flac".split(' '));
    args.extend("-metadata:s:a:0 language=deu -metadata:s:a:1 language=eng -metadata:s:a:1 title=Comment".split(' '));
    args.push(arg(&path));
    tool("ffmpeg", &args);
    path
}

/// Plays it in a terminal, where keys can be typed.
fn play(args: &[&str]) -> (Run, Terminal) {
    let terminal = Terminal::open();
    let run = start_with(PROGRAM, &[&["-v", "--display", "none"], args].concat(), |command| terminal.carry(command));
    (run, terminal)
}

fn at_s(run: &Run) -> f64 {
    run.control().renderer().last_pts_ns.get() as i64 as f64 / 1e9
}

/// Waits until the film plays within these seconds.
fn reaches(run: &Run, from_s: f64, to_s: f64) {
    let near = || (from_s..to_s).contains(&at_s(run)).then_some(());
    wait_for(&format!("{from_s} to {to_s} s of {}", run.session), near);
}

/// Kills a role, and waits for the next one; where the program runs as the child of `setsid`, that is its parent.
fn kill_role(run: &Run, role: &str) -> Pid {
    let victim = run.role(role, None);
    kill(victim, Signal::SIGKILL).unwrap();
    run.role(role, Some(victim))
}

/// The tone of a stretch of a WAV file of 48 kHz, one channel, 16 bits: by its crossings of zero.
fn tone(samples: &[i16]) -> f64 {
    let crossings = samples.windows(2).filter(|two| two[0] < 0 && two[1] >= 0).count();
    crossings as f64 * 48_000.0 / samples.len() as f64
}

#[test]
fn another_track_of_sound_plays_where_the_film_is_and_stays_whoever_is_killed() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (film, wav) = (film(folder.path()), folder.path().join("out.wav"));
    let sink = format!("wav={}", arg(&wav));
    let (run, mut terminal) = play(&["--audio", &sink, arg(&film)]);
    reaches(&run, 1.0, 8.0);
    terminal.type_in(b"#");
    terminal.shows("sound 2 of 2: FLAC, eng, Comment", 1);
    let before = at_s(&run);
    reaches(&run, before + 0.5, before + 4.0);
    for role in ["decoder", "audio", "renderer"] {
        kill_role(&run, role);
        let here = at_s(&run);
        reaches(&run, here + 0.3, here + 6.0);
    }
    // From the last one on again; and a seek keeps what was chosen.
    terminal.type_in(b"\x1b[C");
    let here = at_s(&run);
    reaches(&run, here + 3.0, 25.0);
    terminal.type_in(b"q");
    let mut end = run.end();
    end.stderr = terminal.seen();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    let bytes = std::fs::read(&wav).unwrap();
    let samples: Vec<i16> = bytes[44..].as_chunks().0.iter().map(|two| i16::from_le_bytes(*two)).collect();
    let (first, last) = (tone(&samples[..24_000]), tone(&samples[samples.len() - 12_000..]));
    assert!((first - TONES[0]).abs() < 20.0 && (last - TONES[1]).abs() < 20.0, "{first} and {last} Hz\n{}", end.stderr);
}

#[test]
fn chapters_and_pictures_are_gone_through_by_keys_and_named() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let (run, mut terminal) = play(&["--audio", "null", arg(&film)]);
    reaches(&run, 0.2, 8.0);
    terminal.type_in(b"@");
    terminal.shows("chapter 2 of 3: Middle", 1);
    reaches(&run, 9.9, 14.0);
    kill_role(&run, "decoder");
    terminal.type_in(b"\x1b[5~");
    terminal.shows("chapter 3 of 3: End", 1);
    reaches(&run, 19.9, 24.0);
    terminal.type_in(b"\x1b[6~");
    reaches(&run, 9.9, 14.0);
    terminal.type_in(b"_");
    terminal.shows("pictures 2 of 2: H.264", 1);
    let here = at_s(&run);
    reaches(&run, here + 0.2, here + 5.0);
    terminal.type_in(b"q");
    let mut end = run.end();
    end.stderr = terminal.seen();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
}

#[test]
fn info_lists_chapters_and_default_tracks() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (film, song) = (film(folder.path()), folder.path().join("song.ogg"));
    let said = String::from_utf8(tool(PROGRAM, &["info", arg(&film)]).stdout).unwrap();
    for line in ["chapter 0:00:00.000 Opening", "chapter 0:00:20.000 End", "--aid 2", "default"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let list = ["CHAPTER001=00:00:00.000", "CHAPTER001NAME=One", "CHAPTER002=00:00:01.500", "CHAPTER002NAME=Two"];
    let mut args = vec!["-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=duration=3", "-c:a", "libvorbis"];
    list.iter().for_each(|line| args.extend(["-metadata", line]));
    args.push(arg(&song));
    tool("ffmpeg", &args);
    let said = String::from_utf8(tool(PROGRAM, &["info", arg(&song)]).stdout).unwrap();
    assert!(said.contains("chapter 0:00:01.500 Two"), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("a.ppm");
    std::fs::write(&picture, b"P6 1 1 255\nabc").unwrap();
    for args in [&["info", arg(&picture)][..], &["completions", "bash"], &["doctor"], &["sessions"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = std::process::Command::new(PROGRAM).args(args).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""), "{args:?}");
    }
}
