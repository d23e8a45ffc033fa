//! The role on real shared memory: what is presented, counted and said.

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{FRAME_NS, Session, until};
use tricine_channel::time::mono_ns;
use tricine_session::channel::{Mode, Side, StreamRegion};
use tricine_session::clock::Clock;
use tricine_session::control::{AudioPage, ControlRegion, Writable};
use tricine_session::link::{DisplaySpec, FromRole, ToRole};

const WAIT: Duration = Duration::from_secs(5);

fn ended(message: &FromRole) -> bool {
    matches!(message, FromRole::Ended { .. })
}

#[test]
fn a_film_is_shown_in_its_own_time_and_its_end_is_said_once() {
    let mut s = Session::new((64, 36), Mode::Fifo);
    let r = s.start(DisplaySpec::None, false, 0);
    let start = Instant::now();
    for n in 0..50 {
        assert!(s.publish(n, WAIT));
    }
    s.producer.finish();
    assert_eq!(r.expect("end", ended), FromRole::Ended { serial: 1 });
    let took = start.elapsed();
    looks(&s);
    while let Ok(Some(message)) = r.link.receive::<FromRole>() {
        assert!(!ended(&message), "the end was said twice");
    }
    assert_eq!(r.quit(&s), 0);
    let [presented, dropped, received, _, torn, lost, _] = s.counts();
    assert_eq!((presented + dropped, received, torn, lost), (50, 50, 0, 0));
    // How many, and how late, is a matter of the machine; none is shown before its time.
    assert!(
        presented >= 1 && took.as_secs_f64() > 0.95,
        "{presented} of 50 were presented, and a second took {took:?}"
    );
}

/// Waits until the renderer has looked at everything twice: what it was about to do is done.
fn looks(s: &Session) {
    for _ in 0..2 {
        let beat = s.control.renderer().pulse.heartbeat_ns.get();
        until("a look at the channel", || s.control.renderer().pulse.heartbeat_ns.get() > beat);
    }
}

#[test]
fn a_pause_holds_the_film_and_its_clock_and_a_step_shows_one_frame() {
    let mut s = Session::new((64, 36), Mode::Fifo);
    let r = s.start(DisplaySpec::None, false, 0);
    for n in 0..6 {
        assert!(s.publish(n, WAIT));
    }
    s.set(&r, |state| state.paused = true);
    until("the clock stands", || s.control.renderer_clock().is_some_and(|c| c.rate == 0.0));
    // How many were shown by then, and whether a slot holds the next one, depends on the machine: what is published is
    // only what there must be for a pause to hold or a step to show.
    let mut published = 6;
    let top_up = |s: &mut Session, published: &mut i64| {
        while *published < (s.counts()[0] + s.counts()[1]) as i64 + 2 {
            assert!(s.publish(*published, WAIT));
            *published += 1;
        }
    };
    top_up(&mut s, &mut published);
    looks(&s);
    let before = s.counts();
    looks(&s);
    assert_eq!(s.counts(), before, "something moved in a pause");
    for step in 1..=3 {
        top_up(&mut s, &mut published);
        s.say(&r, &ToRole::Step);
        until("a frame more", || s.counts()[0] == before[0] + step);
    }
    let page = s.control.renderer();
    let clock = s.control.renderer_clock().unwrap();
    assert_eq!(clock.pts_ns, page.last_pts_ns.get() as i64, "the clock stands at the frame that is shown");
    s.set(&r, |state| state.paused = false);
    s.producer.finish();
    r.expect("end", ended);
    assert_eq!(r.quit(&s), 0);
    assert_eq!(s.counts()[2], published as u64);
    assert_eq!(s.counts()[0] + s.counts()[1], published as u64);
}

#[test]
fn a_seek_in_a_pause_shows_the_new_frame_and_the_old_ones_are_not_counted_as_dropped() {
    let mut s = Session::new((64, 36), Mode::Fifo);
    let r = s.start(DisplaySpec::None, false, 0);
    s.set(&r, |state| state.paused = true);
    for n in 0..3 {
        assert!(s.publish(n, WAIT));
    }
    until("the first frame", || s.counts()[0] == 1);
    s.set(&r, |state| state.serial = 2);
    assert!(s.publish(500, WAIT));
    until("the sought frame", || s.control.renderer().last_pts_ns.get() as i64 == 500 * FRAME_NS);
    assert_eq!(r.quit(&s), 0);
    let [presented, dropped, received, .., skipped] = s.counts();
    assert_eq!((presented, dropped, received, skipped), (2, 0, 4, 2), "nobody wanted the old ones any more");
}

#[test]
fn the_sound_is_followed_once_it_runs_and_held_for_while_it_stands() {
    let mut s = Session::new((64, 36), Mode::Fifo);
    let audio = ControlRegion::attach::<AudioPage<Writable>>(&s.name).unwrap();
    s.state.audible = true;
    s.control.own().set_state(&s.state);
    let r = s.start(DisplaySpec::None, false, 0);
    for n in 0..3 {
        assert!(s.publish(n, WAIT));
    }
    until("the first frame", || s.counts()[0] == 1);
    looks(&s);
    assert_eq!(s.counts()[0], 1, "only the first frame is shown before the sound starts");
    audio.own().set_clock(&Clock { serial: 1, pts_ns: 0, at_ns: mono_ns(), rate: 1.0 });
    for n in 3..40 {
        assert!(s.publish(n, WAIT));
    }
    s.producer.finish();
    r.expect("end", ended);
    assert_eq!(r.quit(&s), 0);
    assert!(s.control.renderer().av_offset_ns.count() > 0, "frames are shown by the sound's clock");
    assert!(s.control.renderer_clock().is_none(), "with sound there is no other clock");
    assert_eq!(s.counts()[0] + s.counts()[1], 40);
}

#[test]
fn late_frames_are_dropped_to_keep_up_with_the_sound() {
    let mut s = Session::new((64, 36), Mode::Fifo);
    let audio = ControlRegion::attach::<AudioPage<Writable>>(&s.name).unwrap();
    s.state.audible = true;
    s.control.own().set_state(&s.state);
    let r = s.start(DisplaySpec::None, false, 0);
    // The sound is two seconds ahead: all of these are late, yet a sign of life is shown.
    audio.own().set_clock(&Clock { serial: 1, pts_ns: 2_000_000_000, at_ns: mono_ns(), rate: 1.0 });
    for n in 0..60 {
        assert!(s.publish(n, WAIT));
    }
    s.producer.finish();
    r.expect("end", ended);
    assert_eq!(r.quit(&s), 0);
    let [presented, dropped, received, ..] = s.counts();
    assert_eq!((presented + dropped, received), (60, 60));
    assert!(presented >= 1 && dropped >= 1, "{presented} late frames were shown, {dropped} dropped");
}

#[test]
fn a_restarted_renderer_shows_its_frame_again_and_counts_it_once() {
    let mut s = Session::new((64, 36), Mode::Fifo);
    s.state.paused = true;
    s.control.own().set_state(&s.state);
    let mut r = s.start(DisplaySpec::None, false, 0);
    for n in 0..3 {
        assert!(s.publish(n, WAIT));
    }
    let region = StreamRegion::open(&s.channel).unwrap();
    let claim = || region.words().consumer.claim.0.load(Ordering::Relaxed);
    for restart in 1..4 {
        until("the first frame", || s.counts()[0] == 1);
        // Also of the second and third: it is counted already before they are there.
        until("its side is taken", || claim() != 0);
        drop(r.link);
        r = {
            until("its side is given back", || claim() == 0);
            region.ring(Side::Producer);
            s.start(DisplaySpec::None, false, restart)
        };
    }
    looks(&s);
    s.set(&r, |state| state.paused = false);
    s.producer.finish();
    r.expect("end", ended);
    assert_eq!(r.quit(&s), 0);
    let [presented, dropped, received, ..] = s.counts();
    assert_eq!((presented + dropped, received), (3, 3));
}

#[test]
fn the_stream_goes_on_in_a_successor_of_another_size() {
    let mut s = Session::new((64, 36), Mode::Fifo);
    let r = s.start(DisplaySpec::None, true, 0);
    for n in 0..4 {
        assert!(s.publish(n, WAIT));
    }
    s.grow((128, 70));
    for n in 4..9 {
        assert!(s.publish(n, WAIT));
    }
    s.producer.finish();
    let switched = |m: &FromRole| matches!(m, FromRole::Switched { generation: 1, .. });
    r.expect("switch", switched);
    r.expect("end", ended);
    assert_eq!(r.quit(&s), 0);
    assert_eq!(s.counts(), [9, 0, 9, 0, 0, 0, 0]);
}
