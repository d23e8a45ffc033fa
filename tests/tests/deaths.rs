//! Killing and stopping the real processes: the film goes on, and nothing is left.

use nix::sys::signal::{Signal, kill};
use tests::{Run, assert_nothing_left, children, names, start, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

fn film(seconds: u32) -> Run {
    let input = format!("test:clock?size=320x180&rate=30&seconds={seconds}");
    start(PROGRAM, &["--display", "none", "--audio", "null", &input])
}

fn survives(role: &str, how: Signal) {
    let run = film(5);
    run.presented(20);
    let victim = run.role(role, None);
    kill(victim, how).unwrap();
    // A new one takes its place, and the old one is gone.
    run.role(role, Some(victim));
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    assert_eq!(end.number("/video/decoded"), 150.0);
    assert_eq!(end.number(&format!("/roles/{role}/restarts")), 1.0);
    assert_eq!((end.number("/audio/lost"), end.number("/audio/torn")), (0.0, 0.0));
    assert_eq!(end.report["restarts"][0]["role"], role);
    assert!(end.stderr.contains(&format!("{role} crashed")), "{}", end.stderr);
}

#[test]
fn the_film_goes_on_when_the_decoder_is_killed() {
    survives("decoder", Signal::SIGKILL);
}

#[test]
fn the_film_goes_on_when_the_audio_role_is_killed() {
    survives("audio", Signal::SIGKILL);
}

#[test]
fn the_film_goes_on_when_the_renderer_is_killed() {
    survives("renderer", Signal::SIGKILL);
}

#[test]
fn a_hung_decoder_is_replaced() {
    survives("decoder", Signal::SIGSTOP);
}

#[test]
fn a_hung_audio_role_is_replaced() {
    survives("audio", Signal::SIGSTOP);
}

#[test]
fn a_hung_renderer_is_replaced() {
    survives("renderer", Signal::SIGSTOP);
}

#[test]
fn a_killed_supervisor_leaves_no_name_and_no_process() {
    let run = film(30);
    run.presented(5);
    let roles: Vec<_> = children(run.pid()).into_iter().map(|c| c.0).collect();
    assert!(roles.len() >= 3 && names(&run.session).len() >= 7, "{roles:?} {:?}", names(&run.session));
    run.signal(Signal::SIGKILL);
    assert_nothing_left(&run.session);
    wait_for("the roles to be gone", || roles.iter().all(|&pid| kill(pid, None).is_err()).then_some(()));
}

#[test]
fn signals_end_the_session_cleanly_with_128_and_their_number() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let run = film(30);
        run.presented(5);
        run.signal(signal);
        let end = run.end();
        assert_eq!(end.status.code(), Some(128 + signal as i32), "{}", end.stderr);
        assert_eq!(end.report["status"], "signal");
    }
}

#[test]
fn too_many_crashes_end_with_3_and_say_whose() {
    let input = "test:bars?size=64x48&seconds=60";
    let run = start(PROGRAM, &["--display", "none", "--audio", "none", "--restart-limit", "2/30", input]);
    run.presented(3);
    let mut last = None;
    for _ in 0..3 {
        let victim = run.role("decoder", last);
        kill(victim, Signal::SIGKILL).unwrap();
        last = Some(victim);
    }
    let end = run.end();
    assert_eq!(end.status.code(), Some(3), "{}", end.stderr);
    assert!(end.stderr.contains("gave up: decoder crashed more than 2 times"), "{}", end.stderr);
}
