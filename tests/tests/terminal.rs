//! The terminal as a display: what it shows, that it is given back whoever dies, Ctrl-Z, a terminal that takes nothing.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::pictures::demo_frame;
use tests::terminal::{Terminal, Tmux};
use tests::xserver::XServer;
use tests::{Run, arg, assert_nothing_left, children, have, start_by, start_with, wait_for};
use tricine_session::control::Role;
use tricine_session::terminal::{ENTER, LEAVE};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const FILM: &str = "test:clock?size=320x180&rate=30&seconds=60";

fn play(terminal: &Terminal, args: &[&str]) -> Run {
    let run = start_with(PROGRAM, &[&["--audio", "null"][..], args].concat(), |c| terminal.carry(c));
    run.presented(5);
    run
}

/// Asserts that the terminal is as it was, and that nothing was drawn on it after it was given back. Whoever could draw is gone, or
/// stopped.
fn is_given_back(terminal: &Terminal, before: &nix::sys::termios::Termios) {
    wait_for("the terminal as it was", || {
        (terminal.settings() == *before && terminal.seen().contains(LEAVE)).then_some(())
    });
    let seen = terminal.seen_to_the_end();
    let (_, after) = seen.rsplit_once(LEAVE).unwrap();
    assert!(!after.contains('\u{1b}'), "drawn after the end: {after:?}");
}

fn state_of(pid: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn the_terminal_shows_the_frame_and_follows_its_size() {
    if !have("tmux") || !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("r.json");
    let session = format!("test-tmux-{}", std::process::id());
    let command = format!(
        "{PROGRAM} --session {session} --report {} --display terminal --audio null --paused --start 10",
        arg(&report)
    );
    let tmux = Tmux::start(80, 24, &command);
    for (columns, rows, width, height, x, y) in
        [(80, 24, 80, 45, 0, 0), (60, 20, 60, 34, 0, 2), (100, 12, 39, 22, 30, 0)]
    {
        tmux.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
        let wanted = demo_frame(10.0, width, height);
        wait_for("the frame in letters", || {
            let shown = tmux.picture(columns, rows - 1).part(x, y, width, height);
            (shown.distance(&wanted) < 6.0).then_some(())
        });
        let text = tmux.run(&["capture-pane", "-p"]);
        let line = text.lines().last().unwrap_or_default();
        assert!(line.contains("0:10") && line.contains("0:40"), "{line:?}");
    }
    tmux.run(&["send-keys", "?"]);
    wait_for("the keys", || tmux.run(&["capture-pane", "-p"]).contains("screenshot").then_some(()));
    tmux.run(&["send-keys", "q"]);
    wait_for("the report", || report.exists().then_some(()));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(report["status"], "quit", "{report:#}");
    assert_nothing_left(&session);
}

#[test]
fn the_terminal_is_given_back_after_the_end_and_nothing_is_said_on_the_picture() {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let run = play(&terminal, &["--display", "terminal", FILM]);
    assert_ne!(terminal.settings(), before);
    // A renderer that is killed is replaced; the notice about it waits for the end.
    let renderer = run.role("renderer", None);
    kill(renderer, Signal::SIGKILL).unwrap();
    run.role("renderer", Some(renderer));
    terminal.shows(ENTER, 2);
    let shown = run.control().renderer().presented.get();
    run.presented(shown + 10);
    assert!(!terminal.seen().contains("crashed"));
    terminal.type_in(b"q");
    let end = run.end();
    assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()));
    terminal.shows("renderer crashed", 1);
    is_given_back(&terminal, &before);
    let seen = terminal.seen();
    assert!(seen.rsplit_once(LEAVE).unwrap().1.contains("renderer crashed"), "said before the terminal was given back");
}

#[test]
fn a_killed_supervisor_gives_the_terminal_back() {
    let terminal = Terminal::open();
    let before = terminal.settings();
    let run = start_with(PROGRAM, &["--display", "terminal", "--audio", "null", FILM], |c| terminal.carry_in_shell(c));
    run.presented(5);
    assert_ne!(terminal.settings(), before);
    let supervisor = Pid::from_raw(run.control().session().pid.get() as i32);
    let processes = children(supervisor);
    kill(supervisor, Signal::SIGKILL).unwrap();
    assert_nothing_left(&run.session);
    wait_for("its processes to be gone", || {
        processes.iter().all(|&(pid, _)| state_of(pid).is_none_or(|state| state == 'Z')).then_some(())
    });
    is_given_back(&terminal, &before);
}

#[test]
fn ctrl_z_stops_the_session_and_its_clock_and_fg_goes_on() {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let run = play(&terminal, &["--display", "terminal", FILM]);
    let roles = Role::ALL.map(|role| run.role(role.name(), None));
    terminal.type_in(b"\x1a");
    wait_for("everybody to stop", || roles.iter().chain([&run.pid()]).all(|&p| state_of(p) == Some('T')).then_some(()));
    is_given_back(&terminal, &before);
    let control = run.control();
    let position = || control.renderer().last_pts_ns.get() as i64;
    let stopped_at = position();
    let stood = Instant::now();
    // This is what is tried, and nothing waits for it.
    std::thread::sleep(Duration::from_millis(1500));
    run.signal(Signal::SIGCONT);
    terminal.shows(ENTER, 2);
    wait_for("the film to go on", || (position() > stopped_at + 200_000_000).then_some(()));
    // Had the clock run on meanwhile, the film would have to jump. A slow machine only makes the bound larger.
    let (went, took) = (position() - stopped_at, stood.elapsed() - Duration::from_millis(1500));
    assert!(went < took.as_nanos() as i64 + 200_000_000, "the film went {went} ns on within {took:?}");
    terminal.type_in(b"q");
    let end = run.end();
    assert_eq!((end.status.code(), end.number("/roles/renderer/restarts")), (Some(0), 0.0));
    is_given_back(&terminal, &before);
}

#[test]
fn the_status_line_comes_back_with_fg() {
    let mut terminal = Terminal::open();
    let run = start_with(PROGRAM, &["--display", "none", "--audio", "null", FILM], |c| terminal.carry(c));
    terminal.shows("\u{25b6} test:clock", 1);
    terminal.type_in(b"\x1a");
    wait_for("a stop", || (state_of(run.pid()) == Some('T')).then_some(()));
    let before = terminal.seen_to_the_end().matches("\u{25b6} test:clock").count();
    run.signal(Signal::SIGCONT);
    terminal.shows("\u{25b6} test:clock", before + 2);
    terminal.type_in(b"q");
    run.end();
}

#[test]
fn a_terminal_that_takes_nothing_holds_up_neither_the_film_nor_its_end() {
    let mut terminal = Terminal::open();
    let run = play(&terminal, &["--display", "terminal", "test:bars?size=320x180&rate=30&seconds=60"]);
    terminal.stick(true);
    let control = run.control();
    let dropped = control.renderer().dropped.get();
    wait_for("dropped frames", || (control.renderer().dropped.get() > dropped + 20).then_some(()));
    terminal.stick(false);
    let shown = control.renderer().presented.get();
    run.presented(shown + 10);
    terminal.stick(true);
    terminal.type_in(b"q");
    let end = run.end();
    assert_eq!(end.status.code(), Some(0));
    assert_eq!((end.number("/video/torn"), end.number("/video/lost")), (0.0, 0.0));
    assert_eq!(end.report["restarts"], serde_json::json!([]));
}

#[test]
fn the_film_goes_on_in_the_terminal_when_the_x_server_is_gone() {
    let Some(mut x) = XServer::start() else { return };
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let run = start_with(PROGRAM, &["--display", "auto", "--audio", "null", FILM], |c| {
        c.env("DISPLAY", &x.display);
        terminal.carry(c);
    });
    run.presented(10);
    x.window();
    x.kill();
    terminal.shows(ENTER, 1);
    let shown = run.control().renderer().presented.get();
    run.presented(shown + 10);
    terminal.type_in(b"q");
    let end = run.end();
    assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()));
    assert!(end.report["video"]["display"].as_str().unwrap().starts_with("terminal"), "{:#}", end.report);
    is_given_back(&terminal, &before);
}

/// A song that says what it is.
fn song(folder: &std::path::Path) -> String {
    let song = folder.join("song.mp3");
    let about = ["-metadata", "title=\u{dc}ber \u{1b}[2Jx", "-metadata", "artist=R. M."];
    let sound = ["-v", "error", "-f", "lavfi", "-i", "sine=duration=60"];
    tests::tool("ffmpeg", &[&sound[..], &about, &[arg(&song)]].concat());
    arg(&song).to_owned()
}

#[test]
fn a_song_in_the_terminal_is_a_line_with_its_title_and_a_bar() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = song(folder.path());
    let named = "R. M. \u{2014} \u{dc}ber \\u{1b}[2Jx  0:0";
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let run = start_with(PROGRAM, &["--display", "terminal", "--audio", "null", &song], |c| terminal.carry(c));
    terminal.shows(named, 1);
    terminal.shows("\u{2500}", 1);
    terminal.type_in(b"q");
    let end = run.end();
    assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()));
    assert_eq!(terminal.settings(), before);
    assert!(!terminal.seen_to_the_end().contains("\u{1b}[2J"), "there was no picture");

    // After a film, the terminal is given back for it; and for the film after that, taken again.
    let film = "test:clock?size=320x180&seconds=60";
    let args = ["--display", "terminal", "--audio", "null", film, &song, film];
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let run = start_with(PROGRAM, &args, |c| terminal.carry(c));
    run.presented(3);
    terminal.type_in(b"n");
    terminal.shows(named, 1);
    assert!(terminal.seen().contains(LEAVE), "the alternate screen is left first");
    terminal.type_in(b"n");
    terminal.shows(ENTER, 2);
    terminal.type_in(b"\x1b");
    let end = run.end();
    assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()));
    is_given_back(&terminal, &before);
}

#[test]
fn sound_that_cannot_be_played_is_told_on_the_picture_also_to_who_wants_quiet() {
    if !have("tmux") || !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mkv");
    let input = "-v error -f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine -t 20 -pix_fmt yuv420p -c:v libx264 -c:a dca";
    let args: Vec<&str> = input.split(' ').chain(["-strict", "-2", arg(&film)]).collect();
    tests::tool("ffmpeg", &args);
    let command = format!("{PROGRAM} -q --display terminal --audio null {}; exec cat", arg(&film));
    let tmux = Tmux::start(80, 24, &command);
    let shown = |what: &str| wait_for(what, || tmux.run(&["capture-pane", "-p"]).contains(what).then_some(()));
    shown("  sound: DTS audio is not supported  ");
    tmux.run(&["send-keys", "q"]);
    shown("tricine: sound: DTS audio is not supported; FFmpeg");
}

#[test]
fn keys_are_heard_while_the_film_comes_by_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.y4m");
    let frames = [&b"FRAME\n"[..], &[128; 6]].concat().repeat(25 * 60);
    std::fs::write(&film, [&b"YUV4MPEG2 W2 H2 F25:1\n"[..], &frames].concat()).unwrap();
    let mut terminal = Terminal::open();
    let script = format!("cat '{}' | \"$@\"", arg(&film));
    let args = ["--display", "none", "--audio", "none", "-"];
    let run = start_by(&["sh", "-c", &script, "sh", PROGRAM], &args, |command, _| terminal.carry(command));
    run.presented(3);
    terminal.type_in(b"p");
    wait_for("the pause", || run.control().state().filter(|(_, state)| state.paused).map(|_| ()));
    terminal.type_in(b"q");
    wait_for("the report", || run.folder.path().join("r.json").exists().then_some(()));
    assert_nothing_left(&run.session);
    assert_eq!(run.end().report["status"], "quit");
}

#[test]
fn the_status_line_names_the_film_and_fits_into_a_narrow_terminal() {
    if !have("tmux") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("r.json");
    let session = format!("test-narrow-{}", std::process::id());
    let films = "test:clock'?seconds=60' test:bars'?seconds=60'";
    let command =
        format!("{PROGRAM} --session {session} --report {} --display none --audio null {films}", arg(&report));
    let tmux = Tmux::start(38, 10, &command);
    let shows = |what: &str, name: &str| {
        wait_for(what, || {
            let text = tmux.run(&["capture-pane", "-p"]);
            let lines: Vec<&str> = text.lines().filter(|line| line.contains('\u{25b6}')).collect();
            let whole = |line: &str| line.contains(name) && line.contains("/ 1:00");
            (lines.len() == 1 && whole(lines[0])).then_some(())
        });
    };
    shows("one line with the film's name", "test:clock");
    tmux.run(&["send-keys", "n"]);
    shows("one line with the next one's", "test:bars");
    tmux.run(&["send-keys", "q"]);
    wait_for("the report", || report.exists().then_some(()));
    assert_nothing_left(&session);
}

#[test]
fn the_demo_says_once_where_to_go_on() {
    let mut terminal = Terminal::open();
    let run = start_with(PROGRAM, &["--display", "none", "--audio", "null"], |c| terminal.carry(c));
    run.presented(3);
    terminal.type_in(b"q");
    run.end();
    assert_eq!(terminal.seen_to_the_end().matches("tricine lab").count(), 1);
}

#[test]
fn without_a_terminal_the_terminal_is_refused_at_once() {
    let end = start_with(PROGRAM, &["--display", "terminal", "--audio", "null", FILM], |_| {}).end();
    assert_eq!(end.status.code(), Some(1), "{}", end.stderr);
    assert!(end.stderr.contains("standard output is no terminal"), "{}", end.stderr);
    assert_eq!(end.stderr.lines().count(), 1, "{}", end.stderr);
}
