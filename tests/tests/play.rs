//! The real program on the demo and on made clips: it plays, counts, and leaves nothing behind.

use nix::sys::signal::{Signal, kill};
use tests::{End, Run, arg, have, start, start_with, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const HEADLESS: [&str; 4] = ["--display", "none", "--audio", "null"];

fn run(args: &[&str]) -> Run {
    start(PROGRAM, args)
}

fn ended(args: &[&str]) -> End {
    let end = run(args).end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end
}

#[test]
fn the_demo_plays_in_real_time_with_every_frame_accounted_for() {
    let end = ended(&[&HEADLESS[..], &["--length", "4"]].concat());
    end.assert_whole();
    assert_eq!(end.number("/video/decoded"), 120.0);
    assert_eq!(end.number("/audio/samples_played"), 4.0 * 48_000.0);
    assert_eq!((end.number("/audio/lost"), end.number("/audio/torn")), (0.0, 0.0));
    assert!(end.number("/wall_s") > 3.9, "in real time, not faster");
    for idle in ["audio", "renderer"] {
        let cpu_s = end.number(&format!("/roles/{idle}/cpu_s"));
        assert!(cpu_s < end.number("/wall_s") / 2.0, "{idle}, which mostly waits, asks again and again: {cpu_s} s");
    }
    assert_eq!(end.report["status"], "ended");
}

#[test]
fn pictures_that_are_not_shown_and_sound_that_is_not_heard_are_told() {
    let nowhere = tempfile::tempdir().unwrap();
    let short = ["--length", "0.5", "test:clock?size=64x48"];
    let end = start_with(PROGRAM, &short, |command| {
        command.env("PULSE_SERVER", format!("unix:{}", arg(&nowhere.path().join("none"))));
    })
    .end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    for told in ["the pictures are not shown", "no sound server answers"] {
        assert_eq!(end.stderr.matches(told).count(), 1, "{}", end.stderr);
    }
}

#[test]
fn a_test_source_plays_unpaced_and_nothing_is_dropped() {
    let end = ended(&["--unpaced", "--display", "none", "test:clock?size=320x180&rate=50&seconds=4"]);
    end.assert_whole();
    assert_eq!((end.number("/video/presented"), end.number("/video/dropped")), (200.0, 0.0));
}

#[test]
fn a_machine_that_is_too_slow_for_a_film_says_so_and_by_how_much() {
    let slow = "this machine makes ";
    let film = "test:bars?size=3840x2160&rate=1000&seconds=4";
    let end = ended(&["-v", "--display", "none", "--audio", "none", "--speed", "4", film]);
    assert_eq!(end.stderr.matches(slow).count(), 1, "{}", end.stderr);
    assert!(end.stderr.contains("of the 4000 pictures a second that the film has at \u{d7}4"), "{}", end.stderr);
    assert!(end.stderr.contains(" times as fast as it plays"), "{}", end.stderr);
    let a_picture_ms = end.number("/video/write_ms");
    assert!(a_picture_ms > 0.25, "{a_picture_ms} ms are no more than it has");
    let end = ended(&["--display", "none", "--audio", "none", "test:bars?size=64x48&rate=100&seconds=1"]);
    assert!(!end.stderr.contains(slow), "{}", end.stderr);
    assert!(end.number("/video/decode_ms") < 10.0 && end.number("/video/write_ms") < 10.0);
}

#[test]
fn what_plays_and_what_happens_is_said_on_demand_a_line_each() {
    let film = "test:clock?size=64x48&rate=25&seconds=60";
    for (how, told) in [(&[][..], [false, false]), (&["-v"], [true, false]), (&["-vv"], [true, true])] {
        let run = start(PROGRAM, &[&HEADLESS[..], how, &[film]].concat());
        run.presented(5);
        let victim = run.role("decoder", None);
        kill(victim, Signal::SIGKILL).unwrap();
        run.role("decoder", Some(victim));
        run.presented(run.control().renderer().presented.get() + 5);
        run.signal(Signal::SIGTERM);
        let end = run.end();
        let plays = format!(
            "tricine: plays {film}: 1:00; pictures test clock, 64\u{d7}48, 25 a second; sound test tone, 48000 Hz, 2 channels\n"
        );
        let some = [&plays, "tricine: renderer: none\n", "tricine: audio: null\n", "decoder is started again"];
        let more =
            ["decoder is process", "video.0: three slots", "renderer reads video.0\n", "decoder is gone (SIGKILL)\n"];
        for (words, told) in [(&some[..], told[0]), (&more, told[1])] {
            for word in words {
                assert_eq!(end.stderr.matches(word).count(), usize::from(told), "{how:?} {word}: {}", end.stderr);
            }
        }
    }
}

#[test]
fn mailbox_mode_plays_and_never_repeats_a_count() {
    let end = ended(&[&HEADLESS[..], &["--mode", "mailbox", "test:bars?size=64x48&rate=30&seconds=2"]].concat());
    let [received, published, overwrote] =
        ["/video/received", "/video/published", "/video/overwrote"].map(|p| end.number(p));
    // Each frame was received once, or overwritten before anybody could.
    assert!(received > 0.0 && received + overwrote == published, "{received} and {overwrote} of {published}");
    assert_eq!(end.number("/video/torn"), 0.0);
}

#[test]
fn yuv4mpeg2_plays_from_a_pipe() {
    use std::process::{Command, Stdio};
    if !have("ffmpeg") {
        return;
    }
    let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=65x33:rate=30:duration=1"];
    let mut ffmpeg = Command::new("ffmpeg")
        .args([&source[..], &["-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-"]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = ffmpeg.stdout.take().unwrap();
    let end = start_with(PROGRAM, &["--unpaced", "--display", "none", "-"], |c| {
        c.stdin(pipe);
    })
    .end();
    assert!(ffmpeg.wait().unwrap().success());
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert_eq!(end.number("/video/presented"), 30.0);
}

#[test]
fn a_named_pipe_is_waited_for_and_the_wait_can_be_left() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let waiting = run(&[&HEADLESS[..], &[arg(&pipe)]].concat());
    wait_for("what is said of it", || waiting.stderr().contains("has brought nothing yet").then_some(()));
    waiting.signal(Signal::SIGINT);
    let end = waiting.end();
    assert_eq!(end.status.code(), Some(130));

    let late = run(&[&HEADLESS[..], &[arg(&pipe)]].concat());
    late.role("opener", None);
    let frame = [&b"FRAME\n"[..], &[128; 6]].concat();
    std::fs::write(&pipe, [&b"YUV4MPEG2 W2 H2 F25:1\n"[..], &frame, &frame].concat()).unwrap();
    let end = late.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert_eq!(end.number("/video/decoded"), 2.0);
}

#[test]
fn what_cannot_be_played_is_said_in_a_line_and_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("letter.mp4");
    std::fs::write(&text, "Dear Sir or Madam").unwrap();
    let empty = folder.path().join("empty.mkv");
    std::fs::write(&empty, "").unwrap();
    let addresses = ["http://a.b/c", "file:///nonexistent/film.mp4"];
    for input in ["/nonexistent/film.mp4", arg(&text), arg(&empty), "test:nothing", "test:bars?size=0x0"]
        .into_iter()
        .chain(addresses)
    {
        let end = run(&[&HEADLESS[..], &[input]].concat()).end();
        assert_eq!(end.status.code(), Some(1), "{input}: {}", end.stderr);
        assert!(end.stderr.contains("cannot play") && end.stderr.lines().count() <= 2, "{input}: {}", end.stderr);
        // What FFmpeg helps with is no file of this machine.
        assert_eq!(end.stderr.contains("addresses are"), input.starts_with("http"), "{input}: {}", end.stderr);
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for wrong in [&["--speed", "9"][..], &["--display", "tv"], &["--restart-limit", "x"], &["--no-such-option"], &[""]]
    {
        let end = run(wrong).end();
        assert_eq!(end.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn several_inputs_play_one_after_another() {
    let inputs = ["test:bars?size=64x48&rate=30&seconds=1", "test:bars?size=320x240&rate=30&seconds=1"];
    let end = ended(&["--unpaced", "--display", "none", "--audio", "null", inputs[0], inputs[1]]);
    end.assert_whole();
    assert_eq!(end.number("/video/presented"), 60.0);
}

#[test]
fn a_start_beyond_the_end_is_told() {
    let film = "test:bars?size=64x48&seconds=1";
    let end = ended(&[&HEADLESS[..], &["--start", "99", film]].concat());
    assert!(end.stderr.contains("--start is beyond the end, which is at 1.0 s"), "{}", end.stderr);
    assert!(!ended(&[&HEADLESS[..], &["--start", "0.5", film]].concat()).stderr.contains("--start"));
}
