//! The window on an X server of its own: what it shows, the keys, and what happens when it or the server goes.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use tests::pictures::{Picture, demo_frame};
use tests::xserver::XServer;
use tests::{End, Run, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
/// Where the window of 1280 × 720 stands on the screen of 1600 × 900.
const AT: (usize, usize) = (160, 90);

fn quit(x: &XServer, run: Run) -> End {
    x.keys(&["q"]);
    let end = run.end();
    assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()), "{}", end.stderr);
    end
}

#[test]
fn the_window_shows_the_frame_through_exposure_and_resizing_and_saves_it() {
    shows_the_frame(&[]);
}

#[test]
fn the_window_does_without_memory_shared_with_the_server() {
    shows_the_frame(&["-extension", "MIT-SHM"]);
}

#[test]
fn the_window_has_its_own_kind_of_pixels_on_a_screen_of_others() {
    shows_the_frame(&["-screen", "0", "1600x900x30"]);
}

fn shows_the_frame(server: &[&str]) {
    let Some(x) = XServer::start_with(server) else { return };
    let run = x.play(PROGRAM, &["--display", "window", "--paused", "--start", "10"]);
    let frame = demo_frame(10.0, 1280, 720);
    x.shows("the frame at ten seconds", &frame, AT.0, AT.1);

    // Another window over it, and away again; then the window itself away and back.
    let window = x.window();
    x.xdotool(&["windowunmap", "--sync", &window]);
    assert!(x.screen().is_black());
    x.xdotool(&["windowmap", "--sync", &window]);
    x.shows("the frame after its window was away", &frame, AT.0, AT.1);

    x.keys(&["s"]);
    let saved = run.folder.path().join("tricine-0001.png");
    wait_for("the message about the screenshot", || {
        let bytes = std::fs::read(&saved).ok()?;
        bytes.ends_with(b"IEND\xaeB`\x82").then_some(())
    });
    let args = ["-v", "error", "-i", saved.to_str().unwrap(), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    let png = Picture { width: 1280, bytes: tests::tool("ffmpeg", &args).stdout };
    assert!(png.distance(&frame) < 1.5, "the screenshot differs from the frame by {}", png.distance(&frame));

    x.xdotool(&["windowsize", "--sync", &window, "640", "640"]);
    // 640 × 360 in the middle, black above and below. Its upper edge has the words about the screenshot for a while.
    x.shows(
        "the frame with black above and below",
        &demo_frame(10.0, 640, 360).part(0, 40, 640, 320),
        AT.0,
        AT.1 + 180,
    );
    wait_for("black above and below", || {
        let screen = x.screen();
        let [above, below] = [0, 501].map(|y| screen.part(AT.0, AT.1 + y, 640, 139));
        (above.is_black() && below.is_black()).then_some(())
    });
    x.keys(&["f"]);
    x.shows("the whole screen", &demo_frame(10.0, 1600, 900).part(0, 100, 1600, 700), 0, 100);
    quit(&x, run);
}

#[test]
fn every_key_is_heard_however_short() {
    let Some(x) = XServer::start() else { return };
    let run = x.play(PROGRAM, &["--display", "window", "--paused", "--start", "10", "--mute"]);
    run.presented(1);
    x.window();
    let control = run.control();
    let state = |what: &str, holds: &dyn Fn(&tricine_session::clock::PlayState) -> bool| {
        wait_for(what, || control.state().filter(|(_, s)| holds(s)).map(|_| ()));
    };
    // Taps that begin and end within one frame.
    x.keys(&["9", "9", "9", "9", "0"]);
    state("volume 85", &|s| s.volume == 85);
    x.keys(&["m"]);
    state("sound", &|s| !s.muted);
    x.keys(&["bracketright", "bracketright", "bracketleft"]);
    state("faster", &|s| s.speed == 1.1);
    x.keys(&["bracketleft", "l", "o"]);
    state("as before, again and again, with the pipeline", &|s| s.speed == 1.0 && s.looping && s.osd == 1);
    let position = |what: &str, seconds: f64| {
        wait_for(what, || {
            let ns = control.renderer().last_pts_ns.get() as i64;
            ((ns as f64 / 1e9 - seconds).abs() < 0.001).then_some(())
        });
    };
    x.keys(&["o", "l", "Right"]);
    position("five seconds on", 15.0);
    x.keys(&["period"]);
    position("one frame on", 15.0 + 1.0 / 30.0);
    x.keys(&["Left"]);
    position("five seconds back", 10.0 + 1.0 / 30.0);
    x.keys(&["Down"]);
    position("the beginning", 0.0);
    // What is seen is that frame, once the time has gone from over it.
    x.shows("the first frame", &demo_frame(0.0, 1280, 720), AT.0, AT.1);
    x.keys(&["question"]);
    wait_for("the keys over the picture", || {
        let middle = |p: &Picture| p.part(AT.0 + 400, AT.1 + 200, 480, 320);
        let plain = demo_frame(0.0, 1280, 720).part(400, 200, 480, 320);
        (middle(&x.screen()).distance(&plain) > 5.0).then_some(())
    });
    let shown = control.renderer().presented.get();
    x.keys(&["space"]);
    state("the film runs", &|s| !s.paused);
    run.presented(shown + 10);
    let end = quit(&x, run);
    assert_eq!((end.number("/video/torn"), end.number("/video/lost")), (0.0, 0.0));
}

#[test]
fn a_window_outlives_its_renderer_with_its_place_its_size_and_full_screen() {
    // A server that begins anew with its last client forgets nothing of ours, but is slow to do so.
    let Some(x) = XServer::start_with(&["-noreset"]) else { return };
    let run = x.play(
        PROGRAM,
        &["--display", "window", "test:clock?size=320x180&seconds=600", "test:bars?size=320x180&seconds=600"],
    );
    run.presented(3);
    let control = run.control();
    let window = x.window();
    x.xdotool(&["windowmove", "--sync", &window, "400", "300"]);
    x.xdotool(&["windowsize", "--sync", &window, "500", "333"]);
    let left = |what: &str, at, size| {
        wait_for(what, || control.window().is_some_and(|left| left.at == Some(at) && left.size == size).then_some(()));
    };
    left("the place that it was moved to", (400, 300), (500, 333));
    run.replace_renderer();
    x.stands_at("the window where it was", [400, 300, 500, 333]);

    x.keys(&["f"]);
    let whole = [0, 0, 1600, 900];
    x.stands_at("full screen", whole);
    run.replace_renderer();
    x.stands_at("full screen after a death", whole);
    left("where it goes back to", (400, 300), (500, 333));
    // Out of full screen, and the film goes on.
    x.keys(&["Escape"]);
    x.stands_at("a window again", [400, 300, 500, 333]);
    run.presented(control.renderer().presented.get() + 3);

    // The title is that of what plays, though the window is the same.
    let window = x.window();
    assert!(x.xdotool(&["getwindowname", &window]).contains("test:clock"));
    x.keys(&["n"]);
    wait_for("the title of the next input", || {
        x.xdotool(&["getwindowname", &window]).contains("test:bars").then_some(())
    });
    x.keys(&["Escape"]);
    let end = run.end();
    assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()), "{}", end.stderr);
    assert_eq!(end.number("/roles/renderer/restarts"), 2.0);
}

/// Where a window manager is installed: nothing that every machine has.
#[test]
fn under_a_window_manager_too_a_window_outlives_its_renderer() {
    let Some(x) = XServer::start_with(&["-noreset"]) else { return };
    let run = x.play(PROGRAM, &["--display", "window", "test:clock?size=320x180&seconds=600"]);
    run.presented(3);
    let control = run.control();
    let window = x.window();
    // What comes while it starts, it forgets; what is there, it takes up.
    let manager = Command::new("openbox").env("DISPLAY", &x.display).stderr(Stdio::null()).spawn();
    let Ok(mut manager) = manager else {
        println!("skipped: openbox is not installed");
        return;
    };
    wait_for("the window manager", || x.is_managed(&window).then_some(()));
    x.xdotool(&["windowmove", "--sync", &window, "400", "300"]);
    x.xdotool(&["windowsize", "--sync", &window, "500", "333"]);
    x.set_state(&window, "_NET_WM_STATE_ABOVE");
    let settled = || {
        wait_for("the window at rest", || {
            let window = x.window();
            let (left, [x_at, y_at, width, height]) = (control.window()?, x.geometry(&window)?);
            let told = left.at == Some((x_at, y_at)) && left.size == (width as u32, height as u32);
            (told && left.above && x.is_in_state(&window, "_NET_WM_STATE_ABOVE")).then_some(left)
        })
    };
    let before = wait_for("the size that it was given", || Some(settled()).filter(|left| left.size == (500, 333)));
    for full in [false, true] {
        if full {
            x.xdotool(&["windowfocus", "--sync", &x.window(), "key", "f"]);
            x.stands_at("full screen", [0, 0, 1600, 900]);
        }
        run.replace_renderer();
        if full {
            x.stands_at("full screen after a death", [0, 0, 1600, 900]);
        } else {
            wait_for("the window as it was", || (settled() == before).then_some(()));
        }
    }
    run.signal(Signal::SIGTERM);
    run.end();
    let _ = manager.kill();
    let _ = manager.wait();
}

/// What the window manager's user has done to the window, and that the pointer rests.
#[test]
fn a_maximized_window_and_a_hidden_pointer_outlive_their_renderer() {
    let Some(x) = XServer::start_with(&["-noreset"]) else { return };
    let run = x.play(PROGRAM, &["--display", "window", "test:clock?size=320x180&seconds=600"]);
    run.presented(3);
    let control = run.control();
    let window = x.window();
    let manager = Command::new("openbox").env("DISPLAY", &x.display).stderr(Stdio::null()).spawn();
    let Ok(mut manager) = manager else {
        println!("skipped: openbox is not installed");
        return;
    };
    wait_for("the window manager", || x.is_managed(&window).then_some(()));
    let states = ["_NET_WM_STATE_MAXIMIZED_HORZ", "_NET_WM_STATE_MAXIMIZED_VERT"];
    states.iter().for_each(|state| x.set_state(&window, state));
    x.xdotool(&["mousemove", "800", "450"]);
    let maximized = || {
        let window = x.window();
        let there = states.iter().all(|state| x.is_in_state(&window, state)).then(|| x.geometry(&window)).flatten()?;
        control.window().filter(|left| left.maximized && left.pointer_hidden).map(|_| there)
    };
    let before = wait_for("a maximized window and a pointer at rest", maximized);
    assert!(before[2] == 1600 && before[3] > 800, "{before:?}");
    for _ in 0..3 {
        run.replace_renderer();
        wait_for("the window as it was", || (maximized() == Some(before)).then_some(()));
    }
    // The pointer shows itself again, so the new window has it in hand.
    x.xdotool(&["mousemove", "700", "400"]);
    wait_for("the pointer", || control.window().filter(|left| left.maximized && !left.pointer_hidden).map(|_| ()));
    run.signal(Signal::SIGTERM);
    let end = run.end();
    assert_eq!(end.number("/roles/renderer/restarts"), 3.0, "{}", end.stderr);
    let _ = manager.kill();
    let _ = manager.wait();
}

#[test]
fn a_double_click_is_heard_though_nobody_looks_in_between() {
    let Some(x) = XServer::start() else { return };
    for film in
        [&["--paused", "test:bars?size=640x360&seconds=600"][..], &["test:bars?size=640x360&rate=1&seconds=600"]]
    {
        let run = x.play(PROGRAM, &[&["--display", "window"], film].concat());
        run.presented(1);
        let window = x.window();
        let windowed = x.geometry(&window).unwrap();
        for wanted in [[0, 0, 1600, 900], windowed] {
            // Both presses and both releases within a few milliseconds.
            x.xdotool(&["mousemove", "800", "450", "click", "--repeat", "2", "--delay", "2", "1"]);
            x.stands_at("the other size", wanted);
            // Two pairs of clicks are no triple one.
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        x.xdotool(&["click", "--repeat", "3", "--delay", "2", "5"]);
        let control = run.control();
        wait_for("the wheel", || control.state().filter(|(_, s)| s.volume == 85).map(|_| ()));
        quit(&x, run);
    }
}

#[test]
fn what_a_seek_leaves_behind_is_not_dropped() {
    let Some(x) = XServer::start() else { return };
    let run = x.play(PROGRAM, &["--display", "window", "--paused", "test:bars?size=640x360&seconds=60"]);
    run.presented(1);
    x.window();
    let control = run.control();
    for seconds in [5i64, 10, 15] {
        x.keys(&["Right"]);
        wait_for("the sought frame", || {
            (control.renderer().last_pts_ns.get() as i64 == seconds * 1_000_000_000).then_some(())
        });
    }
    let end = quit(&x, run);
    assert_eq!(end.number("/video/dropped"), 0.0, "{:#}", end.report);
    assert!(end.number("/video/skipped") >= 3.0, "{:#}", end.report);
    let booked = ["/video/presented", "/video/dropped", "/video/skipped"].map(|p| end.number(p)).iter().sum::<f64>();
    assert_eq!(booked, end.number("/video/received"), "{:#}", end.report);
}

#[test]
fn the_close_button_quits() {
    let Some(x) = XServer::start() else { return };
    let run = x.play(PROGRAM, &["--display", "window", "test:clock?size=320x180&seconds=60"]);
    run.presented(5);
    let window = x.window();
    // What a window manager sends.
    x.close(&window);
    let end = run.end();
    assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()), "{}", end.stderr);
    assert_eq!(end.report["restarts"], serde_json::json!([]));

    // It is heard by the one in the place of the renderer that opened the window, too.
    let run = x.play(PROGRAM, &["--display", "window", "test:clock?size=320x180&seconds=60"]);
    run.presented(5);
    let window = x.window();
    run.replace_renderer();
    assert_eq!(x.window(), window);
    x.close(&window);
    let end = run.end();
    assert_eq!((end.status.code(), &end.report["status"]), (Some(0), &"quit".into()), "{}", end.stderr);
}

#[test]
fn without_its_x_server_the_film_ends_in_so_many_words() {
    for display in ["window", "auto"] {
        let Some(mut x) = XServer::start() else { return };
        let run = x.play(PROGRAM, &["--display", display, "test:clock?size=320x180&seconds=60"]);
        run.presented(10);
        x.kill();
        let end = run.end();
        assert_eq!((end.status.code(), &end.report["status"]), (Some(1), &"failed".into()), "{}", end.stderr);
        assert!(end.stderr.contains("no display"), "{}", end.stderr);
        assert!(end.stderr.lines().count() <= 3, "{}", end.stderr);
        // There is nothing to start it again for.
        assert_eq!(end.number("/roles/renderer/restarts"), 0.0);
    }
}
