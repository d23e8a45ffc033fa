//! Sound on a real sound server, with the real program: what a listener hears is where the pictures are, whatever dies.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use tests::ear::{Ear, Heard, Kind, SoundServer};
use tests::{End, Run, arg, have, start_with, wait_for};
use tricine_session::control::ControlRegion;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
const SECOND_NS: i64 = 1_000_000_000;
const PULSE: [&str; 4] = ["--display", "none", "--audio", "pulse"];
/// A beep begins between two silences; the level tells it from the demo's music.
const BEEP: f32 = 0.15;
/// How far a beep may be from its flash, as a rule: in quiet each is within 10 ms, and on a busy machine a flash now and then is late.
const NEAR_MS: f64 = 60.0;

fn missing(kind: Kind) -> bool {
    !kind.programs().iter().all(|program| have(program))
}

fn play(server: &SoundServer, args: &[&str]) -> Run {
    start_with(PROGRAM, &[&PULSE[..], args].concat(), |command| {
        command.envs(server.env());
    })
}

/// When each flash, the first frame of a whole second, was presented, in ns on CLOCK_MONOTONIC, with its second.
fn flashes(run: &Run, over: &AtomicBool) -> Vec<(i64, i64)> {
    let control = wait_for("the session", || ControlRegion::attach_onlooker(&run.session).ok());
    let page = control.renderer();
    let (mut found, mut last) = (Vec::new(), 0);
    while !over.load(Relaxed) {
        let seq = page.last_seq.get();
        let (at_ns, pts_ns) = (page.last_present_ns.get() as i64, page.last_pts_ns.get() as i64);
        // Of two looks that agree, neither saw half a change.
        if seq != last && (seq, at_ns) == (page.last_seq.get(), page.last_present_ns.get() as i64) {
            last = seq;
            if pts_ns % SECOND_NS == 0 {
                found.push((at_ns, pts_ns / SECOND_NS));
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    found
}

/// Watches a run while `f` acts on it; the flashes seen.
fn watch(run: &Run, f: impl FnOnce()) -> Vec<(i64, i64)> {
    /// Also when `f` panics: the scope waits for the watcher.
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| flashes(run, &over));
        let ends = Ends(&over);
        f();
        drop(ends);
        watching.join().unwrap()
    })
}

/// Waits until the film is so far.
fn reach(run: &Run, seconds: f64) {
    let control = wait_for("the session", || ControlRegion::attach_onlooker(&run.session).ok());
    let at = || control.renderer().last_pts_ns.get() as i64 as f64 / 1e9;
    wait_for(&format!("{seconds} s of the film"), || (at() >= seconds).then_some(()));
}

/// For each flash after `since_ns` that has a beep within half a second: flash − beep, in ms. And how many have none.
fn offsets(flashes: &[(i64, i64)], heard: &Heard, since_ns: i64) -> (Vec<f64>, usize) {
    let bursts = heard.bursts(BEEP);
    let (mut found, mut silent) = (Vec::new(), 0);
    // The first frame is shown at once, before any clock runs.
    for &(at, _) in flashes.iter().filter(|(at, second)| *at > since_ns && *second > 0) {
        match bursts.iter().map(|beep| at - beep).min_by_key(|off| off.abs()) {
            Some(off) if off.abs() < SECOND_NS / 2 => found.push(off as f64 / 1e6),
            _ => silent += 1,
        }
    }
    (found, silent)
}

/// Whether beeps are where the flashes are: most of them, so that what one busy moment does to one flash proves nothing.
fn in_their_places(offsets: &[f64]) -> bool {
    offsets.iter().filter(|off| off.abs() < NEAR_MS).count() * 2 > offsets.len()
}

fn now_ns() -> i64 {
    tricine_channel::time::mono_ns() as i64
}

fn in_step(kind: Kind, input: &[&str]) {
    if missing(kind) {
        return;
    }
    let server = SoundServer::started(kind);
    let ear = Ear::new(&server);
    let run = play(&server, &[&["--length", "6"], input].concat());
    let flashes = watch(&run, || reach(&run, 5.8));
    let end = run.end();
    let (offsets, silent) = offsets(&flashes, &ear.heard(), 0);
    println!("{kind:?} {input:?}: flash − beep, ms: {offsets:.1?}, {silent} unheard, {}", end.report["audio"]);
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    assert_eq!(end.report["audio"]["sink"], "pulse (ear)");
    assert_eq!(end.number("/audio/samples_played"), 6.0 * 48_000.0);
    assert!(offsets.len() >= 4 && silent <= 1, "{flashes:?} {offsets:.1?}, {silent} without a beep");
    assert!(in_their_places(&offsets), "{offsets:.1?}");
}

#[test]
fn the_demos_beeps_are_heard_with_its_flashes() {
    in_step(Kind::PulseAudio, &[]);
}

#[test]
fn the_clocks_beeps_are_heard_with_its_flashes() {
    in_step(Kind::PulseAudio, &["test:clock?size=320x180&rate=30&seconds=6"]);
}

#[test]
fn on_pipewire_the_beeps_are_heard_with_the_flashes() {
    in_step(Kind::PipeWire, &["test:clock?size=320x180&rate=30&seconds=6"]);
}

#[test]
fn an_audio_role_that_was_killed_is_in_step_again() {
    if missing(Kind::PulseAudio) {
        return;
    }
    let server = SoundServer::started(Kind::PulseAudio);
    let ear = Ear::new(&server);
    let run = play(&server, &["test:clock?size=320x180&rate=30&seconds=8"]);
    let mut since = 0;
    let flashes = watch(&run, || {
        reach(&run, 2.3);
        kill(run.role("audio", None), Signal::SIGKILL).unwrap();
        since = now_ns();
        reach(&run, 7.8);
    });
    let end = run.end();
    let (offsets, silent) = offsets(&flashes, &ear.heard(), since);
    println!("after the kill: flash − beep, ms: {offsets:.1?}, {silent} unheard; {}", end.report["restarts"]);
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    assert!(offsets.len() >= 3 && silent <= 1, "{offsets:.1?}, {silent} without a beep");
    assert!(in_their_places(&offsets), "{offsets:.1?}");
}

#[test]
fn a_sound_server_that_was_killed_and_comes_back_is_heard_in_step() {
    if missing(Kind::PulseAudio) {
        return;
    }
    let mut server = SoundServer::started(Kind::PulseAudio);
    let run = play(&server, &["test:clock?size=320x180&rate=30&seconds=14"]);
    let mut heard = None;
    let flashes = watch(&run, || {
        reach(&run, 2.0);
        server.kill();
        // Two seconds in silence, in real time.
        reach(&run, 4.0);
        server.start();
        let ear = Ear::new(&server);
        reach(&run, 13.6);
        heard = Some(ear.heard());
    });
    let end = run.end();
    // The second before the first beep may have been silent; from there on every one is heard.
    let heard = heard.unwrap();
    let first = heard.bursts(BEEP).first().copied().unwrap_or(i64::MAX);
    let (offsets, silent) = offsets(&flashes, &heard, first.saturating_sub(SECOND_NS / 2));
    println!("after the restart: flash − beep, ms: {offsets:.1?}, {silent} unheard");
    let gaps: Vec<_> = flashes.windows(2).map(|w| (w[1].0 - w[0].0) as f64 / 1e6).collect();
    println!("from flash to flash, ms: {gaps:.1?}");
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    end.assert_whole();
    assert_eq!(end.stderr.matches("the sound server is gone").count(), 1, "{}", end.stderr);
    assert_eq!(end.report["restarts"].as_array().map(Vec::len), Some(0), "the role survives: {}", end.stderr);
    assert!(offsets.len() >= 3 && silent <= 1, "{offsets:.1?}, {silent} without a beep");
    assert!(in_their_places(&offsets), "{offsets:.1?}");
}

/// Kills the audio role `kills` times while a steady tone plays; the silences that a listener hears, and those that the
/// report says, in ms.
fn gaps(kind: Kind, kills: usize) -> (Vec<f64>, Vec<f64>) {
    let server = SoundServer::started(kind);
    let ear = Ear::new(&server);
    let seconds = 4 + 2 * kills;
    let input = format!("test:bars?size=64x48&rate=30&seconds={seconds}");
    let run = play(&server, &["--restart-limit", "1000/1", &input]);
    let (mut victim, mut begun) = (None, 0);
    for i in 0..kills {
        reach(&run, 2.0 + 2.0 * i as f64);
        begun = if i == 0 { now_ns() } else { begun };
        // At any moment of whatever it does periodically: this spreads them.
        std::thread::sleep(Duration::from_micros(2_700 * i as u64));
        let next = run.role("audio", victim);
        kill(next, Signal::SIGKILL).unwrap();
        victim = Some(next);
    }
    reach(&run, 2.0 + 2.0 * kills as f64);
    let heard = ear.heard();
    let end = run.end();
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert_eq!((end.number("/audio/lost"), end.number("/audio/torn")), (0.0, 0.0));
    // The tone is below this for less than a millisecond at a time.
    let silences = heard.silences(0.01, 3).into_iter().filter(|s| s.0 > begun);
    let reported = (0..kills).map(|i| end.number(&format!("/restarts/{i}/audible_gap_ms"))).collect();
    (silences.map(|(from, to)| (to - from) as f64 / 1e6).collect(), reported)
}

#[test]
fn a_kill_of_the_audio_role_is_hardly_heard() {
    hardly_heard(Kind::PulseAudio);
}

#[test]
fn on_pipewire_a_kill_of_the_audio_role_is_hardly_heard() {
    hardly_heard(Kind::PipeWire);
}

fn hardly_heard(kind: Kind) {
    if missing(kind) {
        return;
    }
    let kills = std::env::var("TRICINE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let (mut heard, reported) = gaps(kind, kills);
    println!("{kind:?}: silences, ms: {heard:.1?}; reported: {reported:.1?}");
    heard.sort_by(f64::total_cmp);
    // The server plays on what it has while the role is started again; only a busy machine takes longer than that. How long is
    // for `gaps` to measure.
    assert!(heard.len() <= kills, "{heard:.1?}");
    assert_eq!(reported.len(), kills);
}

/// A mono WAV in 16 bits.
fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
    let bytes = samples.len() as u32 * 2;
    let mut wav = [&b"RIFF"[..], &(36 + bytes).to_le_bytes(), b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    wav.extend([&1u16.to_le_bytes()[..], &1u16.to_le_bytes(), &rate.to_le_bytes(), &(rate * 2).to_le_bytes()].concat());
    wav.extend([&2u16.to_le_bytes()[..], &16u16.to_le_bytes(), b"data", &bytes.to_le_bytes()].concat());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    wav
}

/// Plays `args`, songs of one tone that goes on from each to the next, on a server of the test's own.
fn hear_tone(kind: Kind, args: &[&str], songs: usize) -> End {
    let server = SoundServer::started(kind);
    let ear = Ear::new(&server);
    let end = play(&server, args).end();
    let (ms, seams) = ear.heard().tone();
    println!("{args:?}: {ms} ms of the tone, {seams} seams in {songs} songs, {}", end.report["audio"]);
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    // An idle null sink has rendered up to two seconds of silence ahead.
    assert!(ms > songs * 1000 - 3000, "{ms} ms of the tone were heard");
    assert!(
        seams * 2 < songs,
        "{seams} joints of {songs} songs are heard: on a machine as busy as it may be, not half of them"
    );
    end
}

#[test]
fn songs_are_heard_without_a_gap_between_them_and_so_is_a_song_that_loops() {
    without_a_gap(Kind::PulseAudio);
}

#[test]
fn on_pipewire_songs_are_heard_without_a_gap() {
    without_a_gap(Kind::PipeWire);
}

fn without_a_gap(kind: Kind) {
    if missing(kind) {
        return;
    }
    const SONGS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    // Not in whole blocks of anything; 440 turns of the tone a song that loops.
    let lengths = [48_001, 47_003, 48_000, 49_111, 46_099, 48_017];
    let (mut from, mut files) = (0, Vec::new());
    for (song, length) in lengths.into_iter().enumerate() {
        let samples: Vec<i16> = (from..from + length).map(|i| (tests::ear::tone(i) * 32767.0) as i16).collect();
        let path = folder.path().join(format!("{song}.wav"));
        std::fs::write(&path, wav(48_000, &samples)).unwrap();
        files.push(path);
        from += length;
    }
    let args: Vec<&str> = files.iter().map(|path| arg(path)).collect();
    let end = hear_tone(kind, &args, SONGS);
    assert_eq!(end.number("/audio/samples_played"), from as f64);
    assert_eq!(end.number("/audio/lost"), 0.0);
    hear_tone(kind, &["--loop=6", arg(&files[2])], SONGS);
}

#[test]
fn a_killed_audio_role_joins_again_at_any_rate_and_speed() {
    let folder = tempfile::tempdir().unwrap();
    // The lowest and the highest rate, the usual ones, and those of which a sample is no whole number of microseconds.
    let rates = [8_000, 11_025, 16_000, 44_100, 48_000, 192_000];
    let cases: Vec<(u32, &str)> = rates.into_iter().zip(["4", "4", "2", "0.25", "4", "1.5"]).collect();
    let also = [(8_000, "0.25"), (8_000, "1"), (48_000, "0.25")];
    std::thread::scope(|scope| {
        for (rate, speed) in cases.into_iter().chain(also) {
            let film = folder.path().join(format!("{rate}-{speed}.wav"));
            // More than it takes a slow machine, at whatever speed; it is ended when both deaths are over.
            let seconds = (40.0 * speed.parse::<f64>().unwrap()).ceil() as u32;
            std::fs::write(&film, wav(rate, &vec![0; (rate * seconds) as usize])).unwrap();
            scope.spawn(move || {
                let film = film.to_str().unwrap();
                let run =
                    start_with(PROGRAM, &["--display", "none", "--audio", "null", "--speed", speed, film], |_| {});
                let blocks = |more: u64| {
                    let control = run.control();
                    let page = control.audio();
                    let now = page.received.get();
                    wait_for("more sound", || (page.received.get() >= now + more).then_some(()));
                };
                let mut last = None;
                for _ in 0..2 {
                    blocks(2);
                    let role = run.role("audio", last);
                    last = Some(role);
                    let _ = kill(role, Signal::SIGKILL);
                    run.role("audio", last);
                }
                // Whoever could not join would be killed as hung instead.
                blocks(20);
                run.signal(Signal::SIGTERM);
                let end = run.end();
                assert_eq!(end.status.code(), Some(143), "{rate} Hz at {speed}: {}", end.stderr);
                let causes = end.report["restarts"].as_array().unwrap().iter().map(|r| r["cause"].as_str().unwrap());
                assert_eq!(causes.collect::<Vec<_>>(), ["SIGKILL"; 2], "{rate} Hz at {speed}: {}", end.stderr);
                assert_eq!(end.number("/audio/lost"), 0.0, "{rate} Hz at {speed}");
            });
        }
    });
}
