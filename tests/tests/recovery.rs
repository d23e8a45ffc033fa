//! The supervisor's use of recovery: the dead side of each channel of a dead role, of every generation, before its successor
//! starts, and a frame is taken away only from who died of it twice. What a region's words say is looked at from outside.
//!
//! `seeded-bugs` runs these once for each `Misuse` of the session, and each has to be seen.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;

use nix::sys::signal::{Signal, kill};
use tests::{Run, arg, children, names, start, wait_for};
use tricine_channel::channel::{Region, Side, held_by_consumer};
use tricine_session::channel::{ChannelName, Kind};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const SILENT: [&str; 4] = ["--display", "none", "--audio", "null"];

fn region(run: &Run, kind: Kind, generation: u64) -> Region {
    let name = ChannelName { session: run.session.clone(), kind, generation };
    Region::open(&name.region()).expect("the region is there")
}

fn claim(region: &Region, side: Side) -> u64 {
    match side {
        Side::Producer => region.words().producer.claim.0.load(SeqCst),
        Side::Consumer => region.words().consumer.claim.0.load(SeqCst),
    }
}

/// Kills a role, and waits until its successor is at work on all of `at`. Fails if that one dies over it.
fn succeeds(run: &Run, role: &str, how: Signal, at: &[(&Region, Side)]) {
    let victim = run.role(role, None);
    kill(victim, how).expect("it lives");
    let successor = run.role(role, Some(victim));
    let lives = || children(run.pid()).iter().any(|&(pid, _)| pid == successor);
    let kept = || at.iter().all(|(region, _)| names(&run.session).contains(&region.name().to_string()));
    wait_for("the successor's claims, or its end", || {
        let attached = at.iter().all(|&(region, side)| claim(region, side) == successor.as_raw() as u64);
        (attached || !lives() || !kept()).then_some(())
    });
    assert!(lives() && kept(), "the new {role} died, or was given another region, for what the old one left");
}

/// Ends a session that waits for nothing, in which `deaths` roles were killed and nothing else happened.
fn ends(run: Run, deaths: usize) {
    run.signal(Signal::SIGTERM);
    let end = run.end();
    assert_eq!(end.status.code(), Some(128 + Signal::SIGTERM as i32), "{}", end.stderr);
    assert_eq!(end.report["restarts"].as_array().map(Vec::len), Some(deaths), "{}", end.stderr);
    let zeros = ["/video/torn", "/video/lost", "/regions_replaced", "/audio/torn", "/audio/lost"];
    let sound = !end.report["audio"].is_null();
    for zero in &zeros[..if sound { 5 } else { 3 }] {
        assert_eq!(end.number(zero), 0.0, "{zero}: {:#}\n{}", end.report, end.stderr);
    }
}

#[test]
fn the_dead_side_of_each_of_its_channels_is_recovered() {
    let run = start(PROGRAM, &[&SILENT[..], &["test:clock?size=320x180&rate=30&seconds=60"]].concat());
    run.presented(5);
    let (video, audio) = (region(&run, Kind::Video, 0), region(&run, Kind::Audio, 0));
    succeeds(&run, "renderer", Signal::SIGKILL, &[(&video, Side::Consumer)]);
    succeeds(&run, "audio", Signal::SIGKILL, &[(&audio, Side::Consumer)]);
    succeeds(&run, "decoder", Signal::SIGKILL, &[(&video, Side::Producer), (&audio, Side::Producer)]);
    run.presented(run.control().renderer().presented.get() + 5);
    ends(run, 3);
}

/// Three small pictures, which fit into the slots of the first region, and three large ones.
fn pictures(folder: &Path) {
    for (n, (width, height)) in [(64, 48); 3].into_iter().chain([(320, 240); 3]).enumerate() {
        let head = format!("P6 {width} {height} 255\n");
        let picture = [head.as_bytes(), &vec![40 * n as u8; width * height * 3]].concat();
        std::fs::write(folder.join(format!("{n}.ppm")), picture).expect("a picture");
    }
}

#[test]
fn a_role_that_dies_while_its_stream_has_two_regions_is_recovered_in_both() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path());
    // In a pause the renderer keeps the first picture, and with it the first region, while the decoder goes on to the second.
    let run = start(PROGRAM, &[&SILENT[..], &["--paused", "--fps", "25", arg(folder.path())]].concat());
    run.presented(1);
    let next = format!("tricine.{}.video.1", run.session);
    wait_for(&next, || names(&run.session).contains(&next).then_some(()));
    let [old, new] = [0, 1].map(|generation| region(&run, Kind::Video, generation));
    let decoder = run.role("decoder", None).as_raw() as u64;
    wait_for("the decoder's move", || {
        (claim(&new, Side::Producer) == decoder && claim(&old, Side::Producer) == 0).then_some(())
    });
    succeeds(&run, "renderer", Signal::SIGKILL, &[(&old, Side::Consumer)]);
    succeeds(&run, "decoder", Signal::SIGKILL, &[(&new, Side::Producer)]);
    assert_eq!(run.control().renderer().presented.get(), 1, "the picture that is shown again is not counted again");
    ends(run, 2);
}

#[test]
fn a_frame_that_killed_its_consumer_twice_is_taken_away_and_no_other() {
    let options = ["--paused", "--restart-limit", "100/1", "test:bars?size=64x48&rate=30&seconds=60"];
    let run = start(PROGRAM, &[&SILENT[..], &options].concat());
    run.presented(1);
    let video = region(&run, Kind::Video, 0);
    let dies_with = |frame: u64, how: Signal| {
        // In a pause it keeps the frame that is shown.
        let held = wait_for("a frame in its hands", || held_by_consumer(&video));
        assert_eq!(held, frame);
        succeeds(&run, "renderer", how, &[(&video, Side::Consumer)]);
    };
    // Who was killed from outside did not die of the frame, however often.
    dies_with(0, Signal::SIGKILL);
    dies_with(0, Signal::SIGKILL);
    dies_with(0, Signal::SIGABRT);
    assert_eq!(video.words().consumer.released.0.load(SeqCst), 0, "once is not twice");
    dies_with(0, Signal::SIGABRT);
    assert_eq!(video.words().consumer.released.0.load(SeqCst), 1, "the frame that it died of twice is left out");
    run.presented(2);
    // The next frame has killed nobody yet.
    dies_with(1, Signal::SIGABRT);
    assert_eq!(video.words().consumer.released.0.load(SeqCst), 1);
    let stderr = run.stderr();
    assert_eq!(stderr.matches("the frame that it died of twice is left out").count(), 1, "{stderr}");
    ends(run, 5);
}
