//! Films under chaos, and what each must have shown in the end.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use tricine_session::NAMESPACE;
use tricine_session::control::ControlRegion;

use super::acts::{Act, Servers, Victims};
use super::{Fault, Growth, LEAK, Options, Tally, Wrong, nothing_left, of, orphaned, save};
use crate::{End, Run, arg, children, start_by};

/// How a session is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// As fast as it goes; each picture's MD5 and each sample is compared with those of an undisturbed run.
    Exact,
    /// In real time: every frame is presented or dropped, none lost, none twice.
    Paced,
    /// In real time through a mailbox: never backwards, never torn.
    Mailbox,
    /// In real time in a window and on a sound server of its own, which go and come.
    Served,
}

const WATCHES: [Watch; 4] = [Watch::Exact, Watch::Paced, Watch::Mailbox, Watch::Served];
const RATE: u64 = 60;
/// As fast as it goes, a film is played so many times faster.
const FASTER: u64 = 30;
const ROLES: [&str; 3] = ["tricine: decoder", "tricine: audio", "tricine: renderer"];

/// What all sessions have in common.
struct Soak<'a> {
    options: &'a Options,
    /// The MD5s and the sound of an undisturbed run.
    reference: (Vec<u8>, Vec<u8>),
    /// Deaths so far.
    done: AtomicU64,
    tally: &'a Mutex<Tally>,
}

/// Plays film after film, several side by side, until enough roles died.
pub(super) fn play_all(options: &Options, seed: u64, tally: &Mutex<Tally>) {
    let exact = matches!(options.fault, None | Some(Fault::Disturbed)) && options.kills > 0;
    let mut reference = if exact { undisturbed(options) } else { Default::default() };
    if options.fault == Some(Fault::Disturbed)
        && let Some(byte) = reference.0.last_mut()
    {
        *byte ^= 1;
    }
    let soak = Soak { options, reference, done: AtomicU64::new(0), tally };
    if options.fault.is_some() {
        let watch = if exact { Watch::Exact } else { Watch::Paced };
        return soak.session(watch, None, &mut Rng::with_seed(seed));
    }
    std::thread::scope(|scope| {
        for i in 0..options.sessions {
            let (soak, mut rng) = (&soak, Rng::with_seed(seed.wrapping_add(i)));
            scope.spawn(move || {
                for watch in WATCHES.into_iter().cycle().skip(3 * i as usize % 4) {
                    if soak.done.load(Relaxed) >= soak.options.kills {
                        return;
                    }
                    let servers = if watch == Watch::Served { Servers::start() } else { None };
                    // Without servers to be had, there is none that could go.
                    if watch != Watch::Served || servers.is_some() {
                        soak.session(watch, servers, &mut rng);
                    }
                }
            });
        }
    });
}

fn undisturbed(options: &Options) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (md5, wav) = (folder.path().join("frames"), folder.path().join("sound.wav"));
    let end = play(options, Watch::Exact, &md5, &wav, None).end();
    assert!(end.status.success(), "the undisturbed run: {}", end.stderr);
    (std::fs::read(md5).expect("frames"), std::fs::read(wav).expect("sound"))
}

fn play(options: &Options, watch: Watch, md5: &Path, wav: &Path, servers: Option<&Servers>) -> Run {
    let own = std::env::current_exe().expect("this program has a path");
    let (display, sound) = (format!("framemd5={}", arg(md5)), format!("wav={}", arg(wav)));
    let seconds = options.film * if watch == Watch::Exact { FASTER } else { 1 };
    let film = format!("test:clock?size=320x180&rate={RATE}&seconds={seconds}");
    let how: &[&str] = match watch {
        Watch::Exact => &["--unpaced", "--display", &display, "--audio", &sound],
        Watch::Paced => &["--display", "none", "--audio", "null"],
        Watch::Mailbox => &["--display", "none", "--audio", "null", "--mode", "mailbox"],
        Watch::Served => &["--display", "window", "--audio", "pulse"],
    };
    let args = [&["--restart-limit", "1000000/1"], how, &[&film]].concat();
    // A /dev/shm of its own can be filled without harming others.
    let script = r#"mount -t tmpfs -o size=8m none /dev/shm && exec "$0" "$@""#;
    let wrapper = ["unshare", "-m", "sh", "-c", script, arg(&own)];
    let wrapped = watch == Watch::Paced && geteuid().is_root() && options.fault.is_none();
    start_by(&wrapper[if wrapped { 0 } else { wrapper.len() - 1 }..], &args, |command, _| {
        if let Some(servers) = servers {
            command.envs(servers.sound.env()).env("DISPLAY", &servers.display.display);
        }
        match options.fault {
            Some(Fault::LeakedProcess) => drop(command.env(LEAK, "process")),
            Some(Fault::LeakedDescriptors) => drop(command.env(LEAK, "descriptors")),
            Some(Fault::MemoryGrowth) => drop(command.env(LEAK, "memory")),
            _ => {}
        }
    })
}

/// What was done to a session that changes what it may end with.
#[derive(Debug, Clone, Copy, Default)]
struct Harmed {
    by_limit: bool,
    display_gone: bool,
    shm_full: bool,
    /// Roles killed, at most.
    kills: u64,
    /// Roles stopped, which may be taken for hung ones.
    stops: u64,
}

impl Soak<'_> {
    /// One session from its start to its end, under chaos until enough were killed or the film is over.
    fn session(&self, watch: Watch, mut servers: Option<Servers>, rng: &mut Rng) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (md5, wav) = (folder.path().join("frames"), folder.path().join("sound.wav"));
        let mut run = play(self.options, watch, &md5, &wav, servers.as_ref());
        let (pid, name) = (run.pid(), run.session.clone());
        let (mut growth, mut seen, mut harmed) = (Growth::default(), Vec::new(), Harmed::default());
        let mut shown = (0, Instant::now());
        while !run.is_over() {
            let progress = progress(pid, &name);
            if progress > shown.0 {
                shown = (progress, Instant::now());
            } else if shown.1.elapsed() > Duration::from_secs(self.options.patience) {
                of(self.tally).wrong(Wrong::Hangs, format!("{watch:?} at frame {}", shown.0));
                run.signal(Signal::SIGKILL);
            }
            let children = children(pid);
            if progress > 30 && children.len() >= 4 {
                growth.look(pid, |t| &mut t.films, self.tally);
                match self.options.fault {
                    Some(Fault::Hang) => run.signal(Signal::SIGSTOP),
                    Some(Fault::UncleanEnd) => run.signal(Signal::SIGKILL),
                    Some(Fault::Crash) if growth.looks == 1 => drop(kill(run.role("renderer", None), Signal::SIGABRT)),
                    _ => {}
                }
            }
            seen.extend(children.into_iter().map(|c| c.0));
            std::thread::sleep(Duration::from_millis(rng.u64(10..250)));
            if self.options.fault.is_none() && self.done.load(Relaxed) < self.options.kills {
                let act = choose(rng, watch);
                let mut victims = Victims { supervisor: pid, titles: &ROLES, servers: servers.as_mut() };
                let deaths = victims.suffer(act, rng);
                harmed.by_limit |= act == Act::MemoryLimit;
                harmed.display_gone |= act == Act::DisplayGone;
                harmed.shm_full |= act == Act::FullShm;
                harmed.kills += deaths;
                harmed.stops += u64::from(matches!(act, Act::ShortStop | Act::LongStop));
                self.done.fetch_add(deaths, Relaxed);
                of(self.tally).acted(act);
            }
        }
        let end = run.finish();
        if self.options.fault == Some(Fault::LeakedName) {
            std::fs::write(leaked(&name), "").expect("a name can be leaked");
        }
        nothing_left(&name, &seen, self.tally);
        if self.options.fault == Some(Fault::LeakedName) {
            std::fs::remove_file(leaked(&name)).expect("it is there still");
        }
        if self.options.fault == Some(Fault::LeakedProcess) {
            for &pid in seen.iter().filter(|&&pid| orphaned(pid)) {
                // It may have ended by itself.
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
        let mut wrongs = judge(watch, &end, harmed, self.options.film * RATE);
        // A decoder that dies of its own twice at one place is to leave that place out; then there is less to compare.
        if watch == Watch::Exact && wrongs.is_empty() && !skips(&end, harmed) {
            wrongs.extend(compare(&md5, &self.reference.0));
            wrongs.extend(compare(&wav, &self.reference.1));
        }
        let mut tally = of(self.tally);
        wrongs.into_iter().for_each(|(what, case)| tally.wrong(what, case));
        tally.films.sessions += 1;
        tally.films.frames += number(&end, "/video/received");
        tally.films.deaths += end.report["restarts"].as_array().map_or(0, |r| r.len() as u64);
        save(self.options, &tally, false);
    }
}

fn leaked(session: &str) -> String {
    format!("/dev/shm/tricine.{session}.leaked")
}

fn compare(path: &Path, wanted: &[u8]) -> Option<(Wrong, String)> {
    let found = std::fs::read(path).unwrap_or_default();
    (found != wanted).then(|| {
        let at = found.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(found.len().min(wanted.len()));
        (Wrong::NotAsUndisturbed, format!("{} differs at byte {at} of {}", path.display(), wanted.len()))
    })
}

fn number(end: &End, pointer: &str) -> u64 {
    end.report.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap_or(0)
}

fn skips(end: &End, harmed: Harmed) -> bool {
    harmed.by_limit && end.stderr.contains("SIGABRT")
}

/// What is wrong with how a session ended and what it reports. `frames`: those of a film that is played by the clock.
fn judge(watch: Watch, end: &End, harmed: Harmed, frames: u64) -> Vec<(Wrong, String)> {
    let mut wrongs = Vec::new();
    for (kind, pointers) in
        [(Wrong::Torn, ["/video/torn", "/audio/torn"]), (Wrong::Lost, ["/video/lost", "/audio/lost"])]
    {
        for pointer in pointers {
            if number(end, pointer) > 0 && (watch != Watch::Mailbox || pointer != "/video/lost") {
                wrongs.push((kind, format!("{watch:?} {pointer}: {}", number(end, pointer))));
            }
        }
    }
    // Nobody harms a region here: one that is replaced was not recovered. Where memory is limited, one may not be mapped.
    if number(end, "/regions_replaced") > 0 && !harmed.by_limit {
        wrongs.push((
            Wrong::NotAsUndisturbed,
            format!("{watch:?}: {} regions replaced", number(end, "/regions_replaced")),
        ));
    }
    wrongs.extend(unprovoked(watch, end, harmed));
    // With no display left to go to, it is to end in so many words.
    if harmed.display_gone && end.status.code() == Some(1) && end.stderr.contains("no display") {
        return wrongs;
    }
    if end.status.code() != Some(0) || end.stderr.contains("internal error") || end.stderr.contains("panicked") {
        let why = |line: &&str| line.contains("internal error") || line.contains("panicked");
        let said = end.stderr.lines().find(why).or(end.stderr.lines().last()).unwrap_or_default();
        wrongs.push((Wrong::UncleanEnds, format!("{watch:?}: {:?}: {said}", end.status)));
        return wrongs;
    }
    let of = |field| number(end, &format!("/video/{field}"));
    let (decoded, published, received) = (of("decoded"), of("published"), of("received"));
    let counts = format!("{watch:?}: {decoded} decoded, {published} published, {received} received");
    if watch == Watch::Mailbox {
        if received > published {
            wrongs.push((Wrong::Duplicated, counts));
        }
        return wrongs;
    }
    let shown = of("presented") + of("dropped");
    if received > published || shown > received {
        wrongs.push((Wrong::Duplicated, format!("{counts}, {shown} shown or dropped")));
    } else if received < published || shown < received {
        wrongs.push((Wrong::Lost, format!("{counts}, {shown} shown or dropped")));
    }
    if watch != Watch::Exact && decoded != frames && !skips(end, harmed) {
        wrongs.push((Wrong::NotAsUndisturbed, counts));
    }
    wrongs
}

/// Deaths that nobody caused. What kills a role that may have no more memory, no display or no room in /dev/shm is its own affair.
fn unprovoked(watch: Watch, end: &End, harmed: Harmed) -> Option<(Wrong, String)> {
    let causes: Vec<&str> =
        end.report["restarts"].as_array().into_iter().flatten().filter_map(|r| r["cause"].as_str()).collect();
    let killed = causes.iter().filter(|cause| **cause == "SIGKILL").count() as u64;
    let hung = |cause: &&str| cause.starts_with("it hung") || cause.starts_with("it was never ready");
    let stopped = causes.iter().copied().filter(hung).count() as u64;
    let own = causes.iter().find(|cause| **cause != "SIGKILL" && !hung(cause));
    let own = own.filter(|_| !(harmed.by_limit || harmed.display_gone || harmed.shm_full));
    (killed > harmed.kills || stopped > harmed.stops || own.is_some()).then(|| {
        let Harmed { kills, stops, .. } = harmed;
        (Wrong::UnprovokedDeaths, format!("{watch:?}: {causes:?} after {kills} kills and {stops} stops"))
    })
}

fn choose(rng: &mut Rng, watch: Watch) -> Act {
    match rng.u32(0..100) {
        0..5 => Act::KillTwo,
        5..8 => Act::KillAll,
        8..20 => Act::ShortStop,
        20..22 if watch != Watch::Exact => Act::LongStop,
        22..24 => Act::MemoryLimit,
        24..28 if watch == Watch::Paced && geteuid().is_root() => Act::FullShm,
        24..30 if watch == Watch::Served => Act::SoundServerGone,
        30..31 if watch == Watch::Served => Act::DisplayGone,
        _ => Act::Kill,
    }
}

/// Frames shown, as the session's own pages say; they may lie in a /dev/shm of its own.
fn progress(supervisor: Pid, session: &str) -> u64 {
    let path = format!("/proc/{supervisor}/root/dev/shm/{}", NAMESPACE.control_name(session));
    ControlRegion::look_at(Path::new(&path)).map_or(0, |control| {
        let page = control.renderer();
        page.presented.get() + page.dropped.get() + page.skipped.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::process::ExitStatusExt;

    fn end(code: i32, stderr: &str) -> End {
        let video =
            json!({ "torn": 0, "lost": 0, "decoded": 9, "published": 9, "received": 9, "presented": 8, "dropped": 1 });
        let report = json!({ "video": video, "audio": { "torn": 0, "lost": 0 }, "regions_replaced": 0 });
        End { status: std::process::ExitStatus::from_raw(code << 8), stderr: stderr.into(), report }
    }

    fn judged(watch: Watch, end: &End, harmed: Harmed) -> Vec<Wrong> {
        judge(watch, end, harmed, 9).into_iter().map(|w| w.0).collect()
    }

    #[test]
    fn each_wrong_figure_is_counted_as_what_it_is() {
        for watch in WATCHES {
            assert_eq!(judged(watch, &end(0, ""), Harmed::default()), []);
        }
        for (pointer, value, kind) in [
            ("/regions_replaced", 1, Wrong::NotAsUndisturbed),
            ("/video/torn", 1, Wrong::Torn),
            ("/audio/torn", 1, Wrong::Torn),
            ("/video/lost", 1, Wrong::Lost),
            ("/audio/lost", 1, Wrong::Lost),
            ("/video/received", 10, Wrong::Duplicated),
            ("/video/presented", 9, Wrong::Duplicated),
            ("/video/received", 8, Wrong::Duplicated),
            ("/video/published", 10, Wrong::Lost),
            ("/video/presented", 7, Wrong::Lost),
            ("/video/decoded", 8, Wrong::NotAsUndisturbed),
        ] {
            let mut end = end(0, "");
            *end.report.pointer_mut(pointer).unwrap() = value.into();
            assert_eq!(judged(Watch::Paced, &end, Harmed::default()), [kind], "{pointer} {value}");
        }
    }

    #[test]
    fn a_death_has_its_reason() {
        let died = |causes: &[&str], harmed: Harmed| {
            let mut end = end(0, "");
            end.report["restarts"] = causes.iter().map(|cause| json!({ "cause": cause })).collect();
            judged(Watch::Paced, &end, harmed)
        };
        let done = Harmed { kills: 1, stops: 1, ..Harmed::default() };
        assert_eq!(died(&["SIGKILL", "it hung, SIGKILL"], done), []);
        for causes in [&["SIGKILL", "SIGKILL"][..], &["it hung, SIGKILL", "it hung, SIGKILL"], &["exit code 70"]] {
            assert_eq!(died(causes, done), [Wrong::UnprovokedDeaths], "{causes:?}");
        }
        assert_eq!(died(&["exit code 70"], Harmed { by_limit: true, ..done }), []);
    }

    #[test]
    fn an_end_is_clean_or_has_its_reason() {
        let gone = Harmed { display_gone: true, ..Harmed::default() };
        let no_display = end(1, "tricine: no display");
        assert_eq!(judged(Watch::Served, &no_display, gone), []);
        assert_eq!(judged(Watch::Served, &no_display, Harmed::default()), [Wrong::UncleanEnds]);
        assert_eq!(judged(Watch::Served, &end(3, "gave up"), gone), [Wrong::UncleanEnds]);
        assert_eq!(judged(Watch::Paced, &end(0, "thread panicked"), Harmed::default()), [Wrong::UncleanEnds]);
    }
}
