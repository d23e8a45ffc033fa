//! A region that is destroyed under a live session: whoever touches it ends cleanly, and the film goes on in a new one.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use tests::{Run, names, start, wait_for};
use tricine_channel::channel::layout::{PAGE, PAYLOAD_OFFSET, Words};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

fn film(extra: &[&str]) -> Run {
    let input = ["test:clock?size=320x180&rate=30&seconds=5"];
    start(PROGRAM, &[&["--display", "none", "--audio", "null"], extra, &input].concat())
}

/// Plays, does something to an object of generation 0 of a channel, and plays to the end in generation 1.
fn goes_on_in_a_new_region(extra: &[&str], kind: &str, harm: impl FnOnce(&str)) {
    let run = film(extra);
    run.presented(20);
    harm(&run.session);
    let next = format!("tricine.{}.{kind}.1", run.session);
    wait_for(&next, || names(&run.session).contains(&next).then_some(()));
    wait_for("no name of the old region", || {
        (!names(&run.session).iter().any(|n| n.contains(&format!(".{kind}.0")))).then_some(())
    });
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    for zero in ["/video/torn", "/video/lost", "/audio/torn", "/audio/lost"] {
        assert_eq!(end.number(zero), 0.0, "{zero}: {:#}\n{}", end.report, end.stderr);
    }
    // By the clock the last frame is shown; what was on its way when the region went is decoded again or late.
    let overwrote = end.report["video"]["overwrote"].as_f64().unwrap_or(0.0);
    let shown =
        ["/video/presented", "/video/dropped", "/video/skipped"].map(|p| end.number(p)).iter().sum::<f64>() + overwrote;
    let decoded = end.number("/video/decoded");
    // A mailbox goes on with the next frame: what lay in the old region, taken or not, went with it.
    let gone = if extra.contains(&"mailbox") { 2.0 } else { 0.0 };
    assert!((decoded - gone..=decoded).contains(&shown), "{:#}\n{}", end.report, end.stderr);
    assert!(end.stderr.contains(&format!("the {kind} region is damaged; going on in a new one")), "{}", end.stderr);
    assert!(!end.report["restarts"].as_array().unwrap().is_empty());
    assert!(end.number("/regions_replaced") >= 1.0, "{:#}", end.report);
}

fn object(name: String) -> PathBuf {
    PathBuf::from("/dev/shm").join(name)
}

fn truncate(name: String) {
    OpenOptions::new().write(true).open(object(name)).unwrap().set_len(0).unwrap();
}

#[test]
fn a_video_region_is_truncated() {
    goes_on_in_a_new_region(&[], "video", |session| truncate(format!("tricine.{session}.video.0")));
}

#[test]
fn an_audio_region_is_truncated() {
    goes_on_in_a_new_region(&[], "audio", |session| truncate(format!("tricine.{session}.audio.0")));
}

#[test]
fn a_doorbell_is_truncated() {
    goes_on_in_a_new_region(&[], "video", |session| truncate(format!("sem.tricine.{session}.video.0.filled")));
}

#[test]
fn a_mailbox_s_words_are_overwritten() {
    goes_on_in_a_new_region(&["--mode", "mailbox"], "video", |session| {
        let file = OpenOptions::new().write(true).open(object(format!("tricine.{session}.video.0"))).unwrap();
        file.write_all_at(&[0xff; PAYLOAD_OFFSET - PAGE], PAGE as u64).unwrap();
    });
}

#[test]
fn all_of_the_words_are_overwritten() {
    goes_on_in_a_new_region(&[], "video", |session| {
        let file = OpenOptions::new().write(true).open(object(format!("tricine.{session}.video.0"))).unwrap();
        file.write_all_at(&[0xa5; PAYLOAD_OFFSET], 0).unwrap();
    });
}

#[test]
fn a_forged_successor_leads_nobody_astray() {
    for mode in ["fifo", "mailbox"] {
        goes_on_in_a_new_region(&["--mode", mode], "video", |session| {
            let file = OpenOptions::new().write(true).open(object(format!("tricine.{session}.video.0"))).unwrap();
            let at = std::mem::offset_of!(Words, producer.successor) as u64;
            file.write_all_at(&0xffff_ffffu64.to_le_bytes(), at).unwrap();
        });
    }
}

#[test]
fn a_name_that_something_else_has_is_passed_over() {
    let run = film(&[]);
    run.presented(20);
    // The next two generations, one by its region and one by a doorbell; the third is free.
    let theirs = [format!("tricine.{}.video.1", run.session), format!("sem.tricine.{}.video.2.empty", run.session)];
    theirs.iter().for_each(|name| drop(std::fs::File::create_new(object(name.clone())).unwrap()));
    truncate(format!("tricine.{}.video.0", run.session));
    let next = format!("tricine.{}.video.3", run.session);
    wait_for(&next, || names(&run.session).contains(&next).then_some(()));
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    let told = format!("named {} that is not this session's; going on with {next}", theirs[0]);
    assert_eq!(end.stderr.matches(&told).count(), 1, "{}", end.stderr);
    assert_eq!(end.number("/regions_replaced"), 1.0, "{}", end.stderr);
}

#[test]
fn a_session_whose_page_is_overwritten_ends_and_leaves_nothing() {
    let run = film(&[]);
    run.presented(20);
    let file = OpenOptions::new().write(true).open(object(format!("tricine.{}.control", run.session))).unwrap();
    // All of the supervisor's page behind its magic, version and length.
    file.write_all_at(&[0xff; 4096 - 24], 24).unwrap();
    let end = run.end();
    assert_eq!(end.status.code(), Some(1), "{}", end.stderr);
    assert!(end.stderr.contains("the control region was overwritten by another program"), "{}", end.stderr);
}

#[test]
fn a_session_whose_control_region_is_truncated_ends_and_leaves_nothing() {
    let run = film(&[]);
    run.presented(20);
    truncate(format!("tricine.{}.control", run.session));
    let end = run.end();
    assert_eq!(end.status.code(), Some(1), "{}", end.stderr);
    assert!(end.stderr.contains("the control region was truncated by another program"), "{}", end.stderr);
}
