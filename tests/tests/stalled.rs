//! A consumer that stands still while the decoder works: the decoder fills the slots that there are, waits, and is not taken for one that
//! hangs. Whether the consumer goes on or is replaced, all that was published is shown and heard, once.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Run, start_by, wait_for};
use tricine_channel::channel::Region;
use tricine_session::channel::{ChannelName, Kind};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
/// More than anybody plays before the stop, and no more than can be compared.
const FILM: &str = "test:clock?size=64x48&rate=100&seconds=60";

/// Plays without a clock, and writes down what is shown and heard.
fn film() -> Run {
    start_by(&[PROGRAM], &["--unpaced", FILM], |command, folder| {
        let to = |kind: &str, name: &str| format!("{kind}={}", folder.join(name).display());
        command.args(["--display", &to("framemd5", "pictures"), "--audio", &to("wav", "sound.wav")]);
    })
}

fn content(folder: &Path) -> [Vec<u8>; 2] {
    ["pictures", "sound.wav"].map(|name| std::fs::read(folder.join(name)).expect("an output"))
}

/// The decoder has filled every slot of a stream, and lives.
fn is_full(run: &Run, kind: Kind) {
    let name = ChannelName { session: run.session.clone(), kind, generation: 0 };
    let region = Region::open(&name.region()).expect("the region is there");
    let (control, words) = (run.control(), region.words());
    let page = control.decoder();
    wait_for("slots that are all full", || {
        let published = if kind == Kind::Video { &page.video_published } else { &page.audio_published };
        (published.get() == words.consumer.released.0.load(SeqCst) + 3).then_some(())
    });
    let beat = page.pulse.heartbeat_ns.get();
    wait_for("a decoder that waits and lives", || (page.pulse.heartbeat_ns.get() > beat).then_some(()));
}

fn stalls(consumers: &[(&str, Kind)], goes_on: bool) {
    let calm = film();
    let folder = calm.folder.path().to_owned();
    // Kept until both are compared.
    let kept = tempfile::tempdir().unwrap();
    wait_for("the undisturbed film", || folder.join("r.json").exists().then_some(()));
    ["pictures", "sound.wav"].iter().for_each(|name| {
        std::fs::copy(folder.join(name), kept.path().join(name)).expect("an output");
    });
    assert_eq!(calm.end().status.code(), Some(0));

    let run = film();
    let control = run.control();
    wait_for("a film under way", || {
        (control.renderer().presented.get() > 10 && control.audio().received.get() > 2).then_some(())
    });
    let stopped: Vec<Pid> = consumers.iter().map(|(role, _)| run.role(role, None)).collect();
    stopped.iter().for_each(|&role| kill(role, Signal::SIGSTOP).unwrap());
    consumers.iter().for_each(|&(_, kind)| is_full(&run, kind));
    if goes_on {
        // One that was given up meanwhile, on a busy machine, is gone.
        for &role in &stopped {
            let _ = kill(role, Signal::SIGCONT);
        }
    }
    let folder = run.folder.path().to_owned();
    wait_for("the end", || folder.join("r.json").exists().then_some(()));
    let both = [content(kept.path()), content(&folder)];
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    assert_eq!((end.number("/audio/lost"), end.number("/audio/torn")), (0.0, 0.0), "{}", end.stderr);
    assert!(both[0] == both[1], "what was shown or heard differs: {}", end.stderr);
    assert_eq!(end.number("/roles/decoder/restarts"), 0.0, "{}", end.stderr);
    if !goes_on {
        for (role, _) in consumers {
            assert_eq!(end.number(&format!("/roles/{role}/restarts")), 1.0, "{}", end.stderr);
            assert!(end.stderr.contains(&format!("{role} crashed (it hung")), "{}", end.stderr);
        }
    }
}

const PICTURES: (&str, Kind) = ("renderer", Kind::Video);
const SOUND: (&str, Kind) = ("audio", Kind::Audio);

#[test]
fn a_consumer_that_stood_still_goes_on_where_it_was() {
    stalls(&[PICTURES], true);
    stalls(&[SOUND], true);
    stalls(&[PICTURES, SOUND], true);
}

#[test]
fn a_consumer_that_never_goes_on_is_replaced_and_nothing_is_missing() {
    stalls(&[PICTURES], false);
    stalls(&[SOUND], false);
    stalls(&[PICTURES, SOUND], false);
}
