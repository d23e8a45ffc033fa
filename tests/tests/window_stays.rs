//! There is one window on X11, whoever dies, and none where there is nothing to show.

use nix::sys::signal::{Signal, kill};
use tests::wait_for;
use tests::xserver::XServer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

/// There is one window, from the first frame to the end, and at no look it is black or away.
#[test]
fn a_window_shows_the_film_at_each_look_whoever_dies() {
    let Some(x) = XServer::start_with(&["-noreset"]) else { return };
    let film = "test:bars?size=320x180&seconds=600";
    let run = x.play(PROGRAM, &["--display", "window", "--restart-limit", "100/1", film]);
    run.presented(3);
    let control = run.control();
    let window = x.window();
    let number: u32 = window.parse().unwrap();
    // Looks until the film has gone on by ten frames: how often it was seen.
    let watch = || {
        let (from, mut seen) = (control.renderer().presented.get(), 0);
        wait_for("ten more frames", || {
            let content = x.content(number).expect("the window is there");
            assert_eq!(content.len(), 320 * 180 * 4);
            let bright = content.chunks_exact(4).filter(|pixel| pixel[..3].iter().any(|&byte| byte > 60)).count();
            assert!(bright > 320 * 180 / 2, "a window with {bright} pixels that are not black");
            seen += 1;
            (control.renderer().presented.get() >= from + 10).then_some(())
        });
        seen
    };
    for _ in 0..20 {
        kill(run.role("renderer", None), Signal::SIGKILL).unwrap();
        assert!(watch() > 0);
        assert_eq!(x.window(), window);
    }
    kill(run.pid(), Signal::SIGKILL).unwrap();
    // Whoever held it is gone, so the window is, too.
    wait_for("the window's end", || x.content(number).is_none().then_some(()));
}

/// A window manager's last resort, and `xkill`.
#[test]
fn a_window_that_is_killed_is_closed() {
    let Some(x) = XServer::start() else { return };
    for how in ["windowkill", "windowclose"] {
        let run = x.play(PROGRAM, &["--display", "window", "test:clock?size=320x180&seconds=600"]);
        run.presented(5);
        let window = x.window();
        run.replace_renderer();
        x.xdotool(&[how, &window]);
        let end = run.end();
        assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()), "{}", end.stderr);
        assert_eq!(end.number("/roles/renderer/restarts"), 1.0);
    }
}

#[test]
fn a_window_goes_while_there_are_no_pictures_and_comes_back_as_it_was() {
    let Some(x) = XServer::start_with(&["-noreset"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.wav");
    tests::tool("ffmpeg", &["-v", "error", "-f", "lavfi", "-i", "sine=d=5", tests::arg(&song)]);
    let [first, last] = ["bars", "clock"].map(|kind| format!("test:{kind}?size=320x180&seconds=600"));
    let run = x.play(PROGRAM, &["--display", "window", &first, tests::arg(&song), &last]);
    run.presented(3);
    let window = x.window();
    x.xdotool(&["windowmove", "--sync", &window, "400", "300"]);
    let control = run.control();
    wait_for("the place", || control.window().filter(|left| left.at == Some((400, 300))).map(|_| ()));
    // A window that is taken over goes as one of its renderer's own would.
    run.replace_renderer();
    x.xdotool(&["mousemove", "450", "350", "key", "n"]);
    let number = window.parse().unwrap();
    wait_for("no window", || x.content(number).is_none().then_some(()));
    x.stands_at("the window of the film after the song", [400, 300, 320, 180]);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end().status.code(), Some(143));
}
