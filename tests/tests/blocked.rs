//! The supervisor where something outside does not go on: a terminal that nobody reads, a terminal that is stopped, a file that
//! does not open. Roles are restarted, and signals are heard, all the same.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::fcntl::OFlag;
use nix::pty::{OpenptyResult, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{FlowArg, tcflow};
use tests::{Run, arg, children, have, start, start_with, tool, wait_for};
use tricine_session::control::Role;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const FILM: &str = "test:clock?size=160x90&rate=30&seconds=60";

/// A terminal on which writing would wait.
fn full(stopped: bool) -> OpenptyResult {
    let pty = openpty(None, None).unwrap();
    if stopped {
        // As by Ctrl-S.
        tcflow(&pty.slave, FlowArg::TCOOFF).unwrap();
    } else {
        let name = nix::unistd::ttyname(&pty.slave).unwrap();
        let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let mut line = OpenOptions::new().write(true).custom_flags(flags).open(name).unwrap();
        while line.write(&[b'.'; 256]).is_ok() {}
    }
    pty
}

/// Kills each role and sees another one come, then ends the session by SIGTERM, which has its order.
fn is_supervised(run: Run) {
    run.presented(5);
    for role in ["decoder", "audio", "renderer"] {
        let victim = run.role(role, None);
        kill(victim, Signal::SIGKILL).unwrap();
        run.role(role, Some(victim));
    }
    let shown = run.control().renderer().presented.get();
    run.presented(shown + 5);
    run.signal(Signal::SIGTERM);
    let end = run.end();
    assert_eq!(end.status.code(), Some(128 + Signal::SIGTERM as i32), "{}", end.stderr);
    assert_eq!(end.report["restarts"].as_array().map(Vec::len), Some(3));
}

fn on(terminal: OwnedFd) -> Run {
    start_with(PROGRAM, &["-v", "--display", "none", "--audio", "null", FILM], |command| {
        command.stderr(terminal);
    })
}

#[test]
fn a_terminal_that_nobody_reads_stops_nothing() {
    let pty = full(false);
    is_supervised(on(pty.slave.try_clone().unwrap()));
}

#[test]
fn a_stopped_terminal_stops_nothing() {
    let pty = full(true);
    is_supervised(on(pty.slave.try_clone().unwrap()));
}

#[test]
fn what_was_said_to_a_stopped_terminal_is_read_when_it_goes_on() {
    let pty = full(true);
    let run = on(pty.slave.try_clone().unwrap());
    run.presented(5);
    let victim = run.role("audio", None);
    kill(victim, Signal::SIGKILL).unwrap();
    run.role("audio", Some(victim));
    tcflow(&pty.slave, FlowArg::TCOON).unwrap();
    let mut screen = File::from(pty.master);
    let (mut seen, mut buffer) = (String::new(), [0; 4096]);
    while !seen.contains("audio crashed (SIGKILL); restarting it") {
        let read = screen.read(&mut buffer).unwrap();
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    run.signal(Signal::SIGTERM);
    run.end();
}

/// Whoever writes into a FIFO that nobody reads waits for longer than a role that hangs may, and is none.
#[test]
fn who_reads_an_output_slowly_is_waited_for_and_gets_all_of_it() {
    let input = "test:clock?size=16x16&rate=30&seconds=60";
    for (role, option, kind, other) in
        [(Role::Renderer, "--display", "framemd5", "--audio"), (Role::Audio, "--audio", "wav", "--display")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, file) = (folder.path().join("fifo"), folder.path().join("file"));
        let play =
            |to: &Path| start(PROGRAM, &[option, &format!("{kind}={}", arg(to)), other, "none", "--unpaced", input]);
        assert_eq!(play(&file).end().status.code(), Some(0));
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let _held = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&fifo).unwrap();
        let run = play(&fifo);
        let control = run.control();
        let pulse = || (control.pulse(role).progress.get(), control.pulse(role).heartbeat_ns.get());
        let mut stood = pulse();
        wait_for("a role that has waited for long", || {
            let now = pulse();
            if now.0 != stood.0 {
                stood = now;
            }
            (now.0 > 0 && now.1.saturating_sub(stood.1) > 6_000_000_000).then_some(())
        });
        let mut read = Vec::new();
        File::open(&fifo).unwrap().read_to_end(&mut read).unwrap();
        let end = run.end();
        assert_eq!((end.status.code(), &end.report["restarts"]), (Some(0), &serde_json::json!([])), "{}", end.stderr);
        // But for the head of a WAV file, which cannot say how long a stream will be.
        let whole = std::fs::read(&file).unwrap();
        let head = if kind == "wav" { 100 } else { 0 };
        assert!(whole.len() > 100_000 && read.len() == whole.len(), "{} of {} bytes", read.len(), whole.len());
        assert!(read[head..] == whole[head..]);
    }
}

/// Holds a file so that whoever opens it waits, as for a network that is gone.
struct Held(Child);

impl Held {
    fn hold(path: &Path) -> Self {
        let script = "import fcntl, signal, sys\nsignal.signal(signal.SIGIO, signal.SIG_IGN)\nf = open(sys.argv[1], 'r+b')\n\
                      fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)\nprint('held', flush=True)\nsys.stdin.read()";
        let mut python = Command::new("python3")
            .args(["-c", script, arg(path)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut held = [0; 4];
        python.stdout.as_mut().unwrap().read_exact(&mut held).unwrap();
        Self(python)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_that_does_not_open_stops_neither_a_signal_nor_what_opens_it_from_being_started_again() {
    if !have("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("far.y4m");
    std::fs::write(&path, [&b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n"[..], &[128; 6]].concat()).unwrap();
    for release in [false, true] {
        let held = Held::hold(&path);
        let run = start(PROGRAM, &["--display", "none", "--audio", "null", arg(&path)]);
        let opener = run.role("opener", None);
        kill(opener, Signal::SIGKILL).unwrap();
        run.role("opener", Some(opener));
        if !release {
            run.signal(Signal::SIGTERM);
        }
        let held = (!release).then_some(held);
        let end = run.end();
        drop(held);
        assert_eq!(end.status.code(), Some(if release { 0 } else { 128 + Signal::SIGTERM as i32 }), "{}", end.stderr);
    }
}

#[test]
fn the_length_of_an_input_is_not_that_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("far.y4m");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    // Somebody who says that frames will come, and nothing more: nobody knows yet what they are.
    let mut held = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    held.write_all(b"YUV4MPEG2 ").unwrap();
    let first = "test:bars?size=16x16&rate=25&seconds=1";
    let run = start(PROGRAM, &["--display", "none", "--audio", "none", "--unpaced", first, arg(&fifo)]);
    let control = run.control();
    let length = || {
        let (_, state) = control.state()?;
        (state.serial == 2).then(|| control.session().duration_ns.get())
    };
    let now = wait_for("the second input", length);
    run.signal(Signal::SIGTERM);
    run.end();
    assert_eq!(now, 0);
}

#[test]
fn a_report_that_does_not_open_is_said_and_waited_for_no_longer() {
    if !have("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("far.json");
    std::fs::write(&path, "").unwrap();
    let _held = Held::hold(&path);
    let args = ["--display", "none", "--audio", "none", "--report", arg(&path), FILM];
    let output = Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("no answer; check the disk or network") && told.lines().count() == 1, "{told}");
}

#[test]
fn a_janitor_that_is_killed_is_replaced_and_its_successor_cleans() {
    let run = start(PROGRAM, &["--display", "none", "--audio", "null", FILM]);
    for _ in 0..3 {
        let janitor = run.role("janitor", None);
        kill(janitor, Signal::SIGKILL).unwrap();
        run.role("janitor", Some(janitor));
    }
    run.presented(5);
    run.signal(Signal::SIGKILL);
    let session = run.session.clone();
    drop(run);
    tests::assert_nothing_left(&session);
}

#[test]
fn a_role_that_always_hangs_is_given_up_and_its_frame_is_not_blamed() {
    let run = start(PROGRAM, &["--paused", "--display", "none", "--audio", "none", FILM]);
    run.presented(1);
    let mut last = None;
    for _ in 0..3 {
        let renderer = run.role("renderer", last);
        let control = run.control();
        let born = tricine_channel::time::mono_ns();
        // It has taken up its work.
        wait_for("its heartbeat", || (control.renderer().pulse.heartbeat_ns.get() > born).then_some(()));
        kill(renderer, Signal::SIGSTOP).unwrap();
        last = Some(renderer);
        wait_for("its end", || (!children(run.pid()).iter().any(|(pid, _)| *pid == renderer)).then_some(()));
    }
    let end = run.end();
    assert_eq!(end.status.code(), Some(3), "{}", end.stderr);
    assert!(end.stderr.contains("gave up: renderer hung at none"), "{}", end.stderr);
    assert!(!end.stderr.contains("left out"), "{}", end.stderr);
}

#[test]
fn a_film_overwritten_by_one_without_sound_goes_on_as_another_input() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [film, mute] = ["film.mp4", "mute.mp4"].map(|name| folder.path().join(name));
    let picture = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2"];
    let codec = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"];
    let sound = ["-f", "lavfi", "-i", "sine=duration=2"];
    tool("ffmpeg", &[&picture[..], &sound, &codec, &[arg(&film)]].concat());
    tool("ffmpeg", &[&picture[..], &codec, &[arg(&mute)]].concat());
    let run = start(PROGRAM, &["--display", "none", "--audio", "null", arg(&film)]);
    run.presented(10);
    // In place: the decoder has it open.
    std::fs::write(&film, std::fs::read(mute).unwrap()).unwrap();
    kill(run.role("decoder", None), Signal::SIGKILL).unwrap();
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert!(end.stderr.contains("holds other tracks than before; it plays from its beginning"), "{}", end.stderr);
}
