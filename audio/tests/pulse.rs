//! The role with a PulseAudio server of the test's own: what a listener hears is where the clock says, and the film
//! survives the server.

#[path = "../../tests/src/ear.rs"]
#[allow(dead_code, unreachable_pub, reason = "the end-to-end tests use the rest")]
mod ear;
mod session;

use ear::{Ear, Kind, SoundServer};
use session::{MS, Session, playing, sleep_ms};
use std::io::Write as _;
use tricine_channel::time::mono_ns;
use tricine_session::link::{FromRole, SinkSpec};

/// Whether PulseAudio's programs are there; where they have to be, a test without them has failed.
fn missing() -> bool {
    let there = |program: &str| {
        let mut path =
            std::env::var_os("PATH").map(|p| std::env::split_paths(&p).collect::<Vec<_>>()).unwrap_or_default();
        path.retain(|dir| dir.join(program).is_file());
        !path.is_empty()
    };
    let missing = !there("pulseaudio") || !there("parec");
    assert!(!missing || std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "pulseaudio and parec are not installed");
    if missing {
        let _ = writeln!(std::io::stderr(), "skipped: pulseaudio and parec are not installed");
    }
    missing
}

/// Two milliseconds of noise at each half second of film.
fn beeps(i: u64) -> f32 {
    if i % 24_000 < 96 { if i.is_multiple_of(2) { 0.8 } else { -0.8 } } else { 0.0 }
}

/// The published clock, sampled: (monotonic, film), both in ns.
fn follow(s: &Session, log: &mut Vec<(i64, i64)>, for_ms: u64) {
    let until = mono_ns() + for_ms * MS;
    while mono_ns() < until {
        if let Some(clock) = s.clock() {
            let now = mono_ns();
            log.push((now as i64, clock.pts_at(now)));
        }
        sleep_ms(2);
    }
}

/// How far from a beep of the film each burst was heard, in ms, by the clock at that moment.
fn errors(log: &[(i64, i64)], bursts: &[i64]) -> Vec<f64> {
    bursts
        .iter()
        .filter_map(|&at| {
            let (t, film) = *log.iter().min_by_key(|(t, _)| (t - at).abs())?;
            ((t - at).abs() < 20 * MS as i64).then(|| {
                let film = film + at - t;
                let half = 500 * MS as i64;
                ((film + half / 2).rem_euclid(half) - half / 2) as f64 / MS as f64
            })
        })
        .collect()
}

/// Whether the clock is right: within 10 ms at most of the beeps, so that what one busy moment does to one of them proves nothing.
fn is_right(errors: &[f64]) -> bool {
    errors.iter().filter(|e| e.abs() <= 10.0).count() * 2 > errors.len()
}

/// Publishes sound in the background of `f`, from `from_ms` on.
fn while_playing<T>(s: &mut Session, from_ms: u64, ms: u64, f: impl FnOnce(&Session) -> T) -> T {
    let mut feeder = s.feeder();
    std::thread::scope(|scope| {
        scope.spawn(move || feeder.play(1, from_ms, ms, beeps));
        f(s)
    })
}

/// A session that plays on a server.
fn session(server: &SoundServer, sink: SinkSpec) -> Session {
    let mut s = Session::new(sink, false, playing());
    s.env = server.env();
    s.spawn();
    s
}

/// A server of the test's own, what is heard of it, and a session on it.
fn heard() -> Option<(SoundServer, Ear, Session)> {
    if missing() {
        return None;
    }
    let server = SoundServer::started(Kind::PulseAudio);
    let ear = Ear::new(&server);
    let s = session(&server, SinkSpec::Pulse);
    Some((server, ear, s))
}

#[test]
fn a_beep_is_heard_where_the_clock_says() {
    let Some((_server, ear, mut s)) = heard() else { return };
    let mut log = Vec::new();
    while_playing(&mut s, 0, 9500, |s| follow(s, &mut log, 9300));
    s.expect("output", |m| matches!(m, FromRole::Output(o) if o == "pulse (ear)"));
    let errors = errors(&log, &ear.bursts(0.3));
    println!("clock error at each beep, ms: {errors:.1?}");
    println!("underruns {}", s.control.audio().underruns.get());
    // An idle null sink has rendered up to two seconds of silence ahead.
    assert!(errors.len() >= 13, "heard {} beeps", errors.len());
    assert!(is_right(&errors), "{errors:?}");
    assert!(log.windows(2).all(|w| w[1].1 >= w[0].1), "the clock ran back");
    assert_eq!(s.quit(), 0);
}

#[test]
fn a_song_that_follows_another_is_heard_without_a_gap() {
    let Some((_server, ear, mut s)) = heard() else { return };
    // An idle null sink has rendered up to two seconds of silence ahead.
    for serial in 1..=4 {
        let before = u64::from(serial - 1) * 2 * u64::from(ear::RATE);
        s.play(serial, 0, 2000, |i| ear::tone(before + i));
        s.producer().finish();
        s.expect("ending", |m| *m == FromRole::Ending { serial });
        if serial < 4 {
            s.set(|state| (state.serial, state.follows) = (serial + 1, true));
            s.producer().reopen();
        }
    }
    s.expect("ended", |m| *m == FromRole::Ended { serial: 4 });
    let heard = ear.heard();
    let (ms, seams) = heard.tone();
    println!("{ms} ms of the tone, {seams} seams");
    assert!(ms > 5_000, "{ms} ms of the tone were heard");
    assert!(seams <= 1, "{seams} of 3 joints are heard: on a machine as busy as it may be, not more than one");
    assert_eq!(s.quit(), 0);
}

/// The largest step of film against real time between two looks at the clock, in ms.
fn worst_jump(log: &[(i64, i64)]) -> f64 {
    log.windows(2).map(|w| ((w[1].1 - w[0].1) - (w[1].0 - w[0].0)).abs()).max().unwrap_or(0) as f64 / MS as f64
}

/// A server of its own, and a role that plays on it; `None` where there is none to be had.
fn on_a_server() -> Option<(SoundServer, Session)> {
    if missing() {
        return None;
    }
    let server = SoundServer::started(Kind::PulseAudio);
    let s = session(&server, SinkSpec::Auto);
    Some((server, s))
}

#[test]
fn the_film_goes_on_without_a_server_and_is_heard_again_with_one() {
    let Some((mut server, mut s)) = on_a_server() else { return };
    let (mut log, mut feeder) = (Vec::new(), s.feeder());
    std::thread::scope(|scope| {
        scope.spawn(move || feeder.play(1, 0, 14_000, beeps));
        while s.clock().is_none() {
            sleep_ms(5);
        }
        follow(&s, &mut log, 2000);
        server.kill();
        s.expect("notice", |m| matches!(m, FromRole::Notice(_)));
        s.expect("null", |m| *m == FromRole::Output("null".into()));
        follow(&s, &mut log, 1500);
        server.start();
        let ear = Ear::new(&server);
        follow(&s, &mut log, 6500);
        s.expect("pulse again", |m| *m == FromRole::Output("pulse (ear)".into()));
        let errors = errors(&log, &ear.bursts(0.3));
        println!("worst jump {} ms; clock error at each beep afterwards, ms: {errors:.1?}", worst_jump(&log));
        assert!(errors.len() >= 3, "heard {errors:?}");
        assert!(is_right(&errors), "{errors:?}");
        assert!(worst_jump(&log) < 33.0, "the clock jumped by {} ms", worst_jump(&log));
    });
    let notices = s.said.iter().filter(|m| matches!(m, FromRole::Notice(_))).count();
    assert_eq!(notices, 1, "{:?}", s.said);
    assert_eq!(s.quit(), 0);
}

/// A new thread for each server would panic here: the standard library needs memory for the stack of its signals.
#[test]
fn a_server_comes_back_to_a_role_that_gets_no_more_memory() {
    let Some((mut server, mut s)) = on_a_server() else { return };
    let mut feeder = s.feeder();
    std::thread::scope(|scope| {
        scope.spawn(move || feeder.play(1, 0, 7000, beeps));
        s.expect("pulse", |m| matches!(m, FromRole::Output(o) if o.starts_with("pulse")));
        sleep_ms(1000);
        server.kill();
        s.expect("null", |m| *m == FromRole::Output("null".into()));
        s.limit_memory();
        server.start();
        s.expect("pulse again", |m| matches!(m, FromRole::Output(o) if o.starts_with("pulse")));
    });
    assert_eq!(s.quit(), 0);
}

#[test]
fn pause_seek_and_volume_work_on_a_server() {
    let Some((_server, ear, mut s)) = heard() else { return };
    let mut feeder = s.feeder();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            feeder.play(1, 0, 3000, beeps);
            // The rest of what was decoded before the seek comes, too.
            feeder.play(2, 60_000, 6000, beeps);
        });
        while s.clock().is_none() {
            sleep_ms(5);
        }
        sleep_ms(1200);
        let at = s.pause();
        s.beats(2);
        assert_eq!(s.film_ms(), at, "it stands still");
        let (mut log, since) = (Vec::new(), mono_ns());
        s.set(|state| state.paused = false);
        follow(&s, &mut log, 900);
        let (resumed, real) = ((log[0].1 as f64 / MS as f64) - at, (log[0].0 - since as i64) as f64 / MS as f64);
        assert!((0.0..50.0 + real).contains(&resumed), "it went on {resumed} ms away, {real} ms later");
        assert!(log.windows(2).all(|w| w[1].1 >= w[0].1), "the clock ran back");
        let paused_errors = errors(&log[log.len() / 3..], &ear.bursts(0.3));
        let since = mono_ns();
        s.set(|state| (state.serial, state.target_ns) = (2, 60_000 * MS as i64));
        while s.clock().is_none_or(|c| c.serial != 2) {
            sleep_ms(5);
        }
        log.clear();
        follow(&s, &mut log, 2500);
        let (film, real) = (log[0].1 - 60_000 * MS as i64, log[0].0 - since as i64);
        assert!((0..=real).contains(&film), "{film} ns after the target, {real} ns later");
        let sought_errors = errors(&log, &ear.bursts(0.3));
        println!("clock errors after a pause {paused_errors:.1?}, after a seek {sought_errors:.1?} ms");
        assert!(is_right(&sought_errors), "{sought_errors:?}");
        assert!(is_right(&paused_errors), "{paused_errors:?}");
        s.set(|state| state.volume = 50);
        s.beats(2);
        let quiet_since = mono_ns() as i64;
        sleep_ms(1500);
        let late = |level: f32| ear.bursts(level).iter().filter(|at| **at > quiet_since).count();
        assert!(late(0.05) >= 2 && late(0.15) == 0, "{} bursts above 5 %, {} above 15 %", late(0.05), late(0.15));
        s.set(|state| state.muted = true);
        s.beats(2);
        let muted_since = mono_ns() as i64;
        sleep_ms(900);
        assert!(ear.bursts(0.001).iter().all(|at| *at < muted_since));
    });
    assert_eq!(s.quit(), 0);
}

#[test]
fn no_server_at_the_start_is_told_and_no_delay() {
    if missing() {
        return;
    }
    let server = SoundServer::new(Kind::PulseAudio);
    for sink in [SinkSpec::Auto, SinkSpec::Pulse] {
        let mut s = session(&server, sink);
        s.expect("null", |m| *m == FromRole::Output("null".into()));
        s.play(1, 0, 200, beeps);
        s.until("a film that plays", |s| s.film_ms() > 0.0);
        assert_eq!(s.said.iter().filter(|m| matches!(m, FromRole::Notice(_))).count(), 1, "{:?}", s.said);
        assert_eq!(s.quit(), 0);
    }
}

#[test]
fn child() {
    session::be_child();
}
