//! The role with the timed null sink: clock, pause, seek, end, starvation, alignment.

mod session;

use session::{MS, RATE, Session, playing, sleep_ms};
use tricine_channel::time::mono_ns;
use tricine_session::channel::Side;
use tricine_session::clock::Clock;
use tricine_session::control::{ControlRegion, DecoderPage, RendererPage, Writable};
use tricine_session::link::{FromRole, SinkSpec};

fn null() -> Session {
    Session::new(SinkSpec::Null, false, playing())
}

/// How far the film is ahead of real time, in ms: between these, however long it took to look.
fn ahead(s: &Session) -> (f64, f64) {
    let before = mono_ns();
    let film = s.film_ms();
    let after = mono_ns();
    (film - after as f64 / MS as f64, film - before as f64 / MS as f64)
}

#[test]
fn the_clock_runs_with_real_time_and_never_back_and_the_end_is_told_once() {
    let mut s = null().start();
    s.expect("ready", |m| *m == FromRole::Ready);
    assert!(s.clock().is_none(), "a clock that has not started is no clock");
    s.play(1, 0, 300, |_| 0.0);
    s.until("a clock", |s| s.clock().is_some());
    let (mut last, (least, most)) = (f64::MIN, ahead(&s));
    for block in 0..20 {
        s.play(1, 300 + block * 20, 20, |_| 0.0);
        let film = s.film_ms();
        assert!(film >= last, "{film} after {last}");
        last = film;
        let now = ahead(&s);
        assert!(
            now.1 >= least - 1.0 && now.0 <= most + 1.0,
            "{now:?} ms ahead of real time, and {least} to {most} at first"
        );
    }
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    assert!(s.film_ms() >= 699.0, "told at {} ms", s.film_ms());
    s.until("pictures that go on after the sound", |s| s.film_ms() > 780.0);
    let at = s.pause();
    s.beats(2);
    assert_eq!(s.film_ms(), at, "also then it can be paused");
    assert_eq!(s.listen().iter().filter(|m| matches!(m, FromRole::Ended { .. })).count(), 1);
    let page = s.control.audio();
    let counted =
        [page.received.get(), page.samples_played.get(), page.underruns.get(), page.lost.get(), page.torn.get()];
    assert_eq!(counted, [35, 700 * u64::from(RATE) / 1000, 0, 0, 0]);
    assert_eq!(s.quit(), 0);
}

#[test]
fn a_paused_film_stands_still_and_goes_on_where_it_was() {
    let mut s = null().start();
    s.play(1, 0, 300, |_| 0.0);
    let at = s.pause();
    s.beats(2);
    assert_eq!(s.film_ms(), at);
    let since = mono_ns();
    s.set(|state| state.paused = false);
    s.until("a clock that runs", |s| s.clock().is_some_and(|clock| clock.rate == 1.0));
    let (film, real) = (s.film_ms(), (mono_ns() - since) as f64 / MS as f64);
    assert!((at..=at + real).contains(&film), "{film} ms, {real} ms after it stood at {at}");
}

#[test]
fn a_seek_drops_what_is_old_and_starts_anew() {
    let mut s = null().start();
    s.play(1, 0, 300, |_| 0.0);
    let since = mono_ns();
    s.set(|state| (state.serial, state.target_ns) = (2, 5_010 * MS as i64));
    s.play(1, 300, 60, |_| 0.0);
    // The first block begins before the target: what lies before it is not heard.
    s.play(2, 5000, 200, |_| 0.0);
    s.until("the clock of the new serial", |s| s.clock().is_some_and(|clock| clock.serial == 2));
    let (film, real) = (s.film_ms(), (mono_ns() - since) as f64 / MS as f64);
    assert!((5010.0..=5010.0 + real).contains(&film), "{film} after {real} ms");
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 2 });
}

/// When the film is at `pts_ms` by the published clock, in ms.
fn when(s: &Session, pts_ms: u64) -> f64 {
    let clock = s.clock().expect("a clock");
    clock.when((pts_ms * MS) as i64).expect("a clock that runs") as f64 / MS as f64
}

#[test]
fn a_serial_that_follows_begins_with_the_sample_after_the_last_one() {
    let mut s = null().start();
    let (mut ends, mut joined) = (0.0, 0);
    for serial in 1..=7 {
        s.play(serial, 0, 400, |_| 0.0);
        s.until("its clock", |s| s.clock().is_some_and(|clock| clock.serial == serial && clock.rate == 1.0));
        if serial > 1 {
            let begins = when(&s, 0);
            println!("serial {serial} begins {} ms after the end of the one before", begins - ends);
            assert!(begins - ends > -1.0, "they overlap");
            joined += u32::from(begins - ends < 1.0);
        }
        ends = when(&s, 400);
        s.producer().finish();
        s.expect("ending", |m| *m == FromRole::Ending { serial });
        s.set(|state| (state.serial, state.follows) = (serial + 1, true));
        s.producer().reopen();
    }
    let page = s.control.audio();
    assert_eq!([page.samples_played.get(), page.underruns.get()], [2800 * u64::from(RATE) / 1000, 0]);
    // A busy moment may let one come too late.
    assert!(joined > 3, "{joined} of 6 followed without a gap");
}

#[test]
fn a_serial_that_follows_too_late_begins_anew_and_one_without_sound_ends_when_the_one_before_was_heard() {
    let mut s = null().start();
    let decoder = ControlRegion::attach::<DecoderPage<Writable>>(&s.name).unwrap();
    s.play(1, 0, 300, |_| 0.0);
    s.producer().finish();
    s.expect("ending", |m| *m == FromRole::Ending { serial: 1 });
    let ends = when(&s, 300);
    s.set(|state| (state.serial, state.follows) = (2, true));
    decoder.own().no_audio_in.set(3);
    s.expect("ended", |m| *m == FromRole::Ended { serial: 2 });
    let now = mono_ns() as f64 / MS as f64;
    assert!(now >= ends, "the silent one ended {} ms before the one before it", ends - now);
    s.set(|state| (state.serial, state.follows) = (3, true));
    s.producer().reopen();
    s.play(3, 0, 300, |_| 0.0);
    s.until("the third one's clock", |s| s.clock().is_some_and(|clock| clock.serial == 3));
    assert!(when(&s, 0) >= now, "it begins before it came");
    assert_eq!(s.control.audio().underruns.get(), 0);
}

#[test]
fn a_seek_while_the_last_sound_is_heard_is_heard_at_once() {
    let mut s = null().start();
    s.play(1, 0, 300, |_| 0.0);
    s.producer().finish();
    s.expect("ending", |m| *m == FromRole::Ending { serial: 1 });
    s.set(|state| (state.serial, state.target_ns) = (2, 0));
    s.producer().reopen();
    s.play(2, 0, 300, |_| 0.0);
    s.until("its clock", |s| s.clock().is_some_and(|clock| clock.serial == 2));
    assert!(s.film_ms() >= 0.0, "{} ms: what was left was to be dropped", s.film_ms());
}

#[test]
fn an_end_from_before_a_seek_is_not_taken_for_one_after_it() {
    let mut s = null().start();
    s.play(1, 0, 40, |_| 0.0);
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    s.set(|state| state.serial = 2);
    s.beats(2);
    assert!(!s.listen().contains(&FromRole::Ended { serial: 2 }));
    s.producer().reopen();
    s.play(2, 0, 40, |_| 0.0);
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 2 });
}

#[test]
fn a_serial_without_sound_ends_when_the_decoder_says_so() {
    let mut s = null().start();
    let decoder = ControlRegion::attach::<DecoderPage<Writable>>(&s.name).unwrap();
    s.producer().finish();
    decoder.own().no_audio_in.set(2);
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    assert!(s.clock().is_none());
}

#[test]
fn starved_the_film_stands_still_and_goes_on_with_the_next_sample() {
    let mut s = null().start();
    s.play(1, 0, 100, |_| 0.0);
    s.until("a clock that stands", |s| s.clock().is_some_and(|clock| clock.rate == 0.0));
    assert!((s.film_ms() - 100.0).abs() < 1.0, "{}", s.film_ms());
    assert_eq!(s.control.audio().underruns.get(), 1);
    s.play(1, 100, 100, |_| 0.0);
    s.until("a film that goes on", |s| s.film_ms() > 101.0);
    assert!(s.film_ms() < 201.0, "{}", s.film_ms());
}

#[test]
fn it_joins_a_clock_that_runs_already() {
    let mut s = null();
    let renderer = ControlRegion::attach::<RendererPage<Writable>>(&s.name).unwrap();
    // By the renderer's clock the film is at 500 ms; the decoder's blocks begin at 400.
    renderer.own().set_clock(&Clock { serial: 1, pts_ns: 500 * MS as i64, at_ns: mono_ns(), rate: 1.0 });
    s = s.start();
    s.play(1, 400, 500, |_| 0.0);
    // Where it was held up while it joined, it leaves out some sound or writes some more at its next step.
    s.until("a clock that is the other one's", |s| off_ms(s).abs() < 1.0);
    for _ in 0..5 {
        sleep_ms(10);
        assert!(off_ms(&s).abs() < 1.0, "{} ms apart", off_ms(&s));
    }
}

/// How far the sound's clock is before the renderer's, in ms: at one moment, whenever that is.
fn off_ms(s: &Session) -> f64 {
    let now = mono_ns();
    let at = |clock: Option<Clock>| clock.map_or(f64::NAN, |clock| clock.pts_at(now) as f64 / MS as f64);
    at(s.clock()) - at(s.control.renderer_clock())
}

#[test]
fn what_comes_early_waits_for_its_time() {
    let mut s = null();
    let renderer = ControlRegion::attach::<RendererPage<Writable>>(&s.name).unwrap();
    renderer.own().set_clock(&Clock { serial: 1, pts_ns: 0, at_ns: mono_ns(), rate: 1.0 });
    s = s.start();
    let mut feeder = s.feeder();
    std::thread::scope(|scope| {
        // More than a slow machine needs to look: it would starve after the last of it.
        scope.spawn(move || feeder.play(1, 400, 2000, |_| 0.0));
        s.until("a clock that is the other one's", |s| off_ms(s).abs() < 1.0);
        assert_eq!(s.control.audio().underruns.get(), 0);
    });
}

#[test]
fn the_film_ends_at_its_limit() {
    let mut s = Session::new(
        SinkSpec::Null,
        false,
        tricine_session::clock::PlayState { end_ns: Some(110 * MS as i64), ..playing() },
    )
    .start();
    s.play(1, 0, 600, |_| 0.0);
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    assert_eq!(s.control.audio().samples_played.get(), 110 * u64::from(RATE) / 1000);
}

#[test]
fn unpaced_everything_is_taken_at_once_and_no_clock_runs() {
    let mut s = Session::new(SinkSpec::Null, true, playing()).start();
    s.play(1, 0, 10_000, |_| 0.0);
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    assert!(s.clock().is_none());
    assert_eq!(s.control.audio().samples_played.get(), 10 * u64::from(RATE));
}

#[test]
fn a_corrupt_channel_is_a_crash_and_a_lost_supervisor_is_none() {
    let mut s = null().start();
    s.expect("ready", |m| *m == FromRole::Ready);
    s.channel.words().producer.slots[0].seq.store(u64::MAX, std::sync::atomic::Ordering::Relaxed);
    s.channel.ring(Side::Consumer);
    assert_eq!(s.wait(), tricine_session::error::EXIT_CORRUPT);

    let mut s = null().start();
    s.expect("ready", |m| *m == FromRole::Ready);
    let (ours, _) = tricine_session::link::Link::pair().unwrap();
    s.link = ours;
    assert_eq!(s.wait(), 0);
}

#[test]
fn at_rest_it_sleeps() {
    let mut s = null();
    s.state.paused = true;
    s.control.own().set_state(&s.state);
    s.spawn();
    s.expect("ready", |m| *m == FromRole::Ready);
    s.play(1, 0, 100, |_| 0.0);
    s.beats(2);
    let before = s.wake_ups();
    s.beats(8);
    // It wakes for each heartbeat; whoever asked again and again would wake hundreds of times for each.
    let woken = s.wake_ups() - before;
    assert!(woken <= 24, "{woken} wake-ups for eight heartbeats");
    assert_eq!(s.quit(), 0);
}

#[test]
fn child() {
    session::be_child();
}
