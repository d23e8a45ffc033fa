//! The gap that a viewer sees: roles of a playing demo are killed at random moments, one at a time, and what the session
//! measured of each death is put together: how long the picture stood beyond a frame's own time, how long there was no
//! sound, how far picture and sound were apart afterwards.
//!
//! `cargo run --release -p tests --bin gaps -- --kills 1000 --sessions 2`: half an hour. So many sessions play at a time for each
//! role, each with one death in 1.8 s; more of them measure how busy the machine is.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use clap::Parser;
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};
use tests::{arg, start};
use tricine_session::NAMESPACE;
use tricine_session::control::{ControlRegion, Role};

/// Kill one role after another while the demo plays, and measure what is seen and heard of it.
#[derive(Debug, Parser)]
struct Options {
    /// Deaths of each role.
    #[arg(long, default_value_t = 30)]
    kills: u64,
    /// Films side by side for each role.
    #[arg(long, default_value_t = 1)]
    sessions: u64,
    /// Only these roles.
    #[arg(long, value_delimiter = ',', default_value = "decoder,audio,renderer")]
    roles: Vec<String>,
    /// What is played; nothing is the demo film.
    #[arg(long)]
    input: Option<String>,
    /// `--audio` of the player.
    #[arg(long, default_value = "null")]
    audio: String,
    /// `--display` of the player.
    #[arg(long, default_value = "none")]
    display: String,
    /// Write all values as JSON, after each film.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// From one death to the next, at least: a gap is settled 1.5 s after it.
const APART: Duration = Duration::from_millis(1700);
/// From a death to the look at how far picture and sound are apart.
const SETTLED: Duration = Duration::from_millis(1000);

/// What was measured of the deaths of one role, in ms.
#[derive(Debug, Default)]
struct Measured {
    /// Deaths caused so far.
    deaths: AtomicU64,
    values: Mutex<Values>,
}

#[derive(Debug, Default)]
struct Values {
    visible: Vec<f64>,
    audible: Vec<f64>,
    av_offset: Vec<f64>,
}

fn main() {
    // The same executable is the player: its roles, and the player itself where the first argument says so.
    if std::env::var_os(tricine_session::process::ROLE_ENV).is_some()
        || std::env::args().nth(1).is_some_and(|a| a == "play")
    {
        std::process::exit(tricine::main());
    }
    let options = Options::parse();
    let named = |name: &String| {
        Role::ALL.into_iter().find(|r| r.name() == name).unwrap_or_else(|| {
            eprintln!("gaps: no role is called {name:?}; use decoder, audio, renderer");
            std::process::exit(2);
        })
    };
    let roles: Vec<(Role, Measured)> = options.roles.iter().map(|name| (named(name), Measured::default())).collect();
    std::thread::scope(|scope| {
        for (role, measured) in &roles {
            for _ in 0..options.sessions {
                scope.spawn(|| {
                    while measured.deaths.load(Relaxed) < options.kills {
                        session(*role, &options, measured);
                        save(&options, &roles, false);
                    }
                });
            }
        }
    });
    tests::say!(
        "{:9} {:>6}  {:>26}  {:>26}  {:>26}",
        "killed",
        "deaths",
        "no new picture, ms",
        "no sound, ms",
        "|A/V| 1 s later, ms"
    );
    tests::say!("{:9} {:>6} {}", "", "", format!("  {:>8} {:>8} {:>8}", "p50", "p99", "max").repeat(3));
    for (role, measured) in &roles {
        let values = measured.values.lock().expect("no session panicked");
        let columns = [&values.visible, &values.audible, &values.av_offset].map(|values| row(values));
        tests::say!("{:9} {:6} {}", role.name(), measured.deaths.load(Relaxed), columns.concat());
    }
    save(&options, &roles, true);
}

/// Writes the report, if there is to be one.
fn save(options: &Options, roles: &[(Role, Measured)], finished: bool) {
    let Some(path) = &options.report else { return };
    // One film after another: each writes the whole report.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().expect("no session panicked");
    let mut all = serde_json::Map::new();
    for (role, measured) in roles {
        let values = measured.values.lock().expect("no session panicked");
        let values = json!({ "deaths": measured.deaths.load(Relaxed), "visible_gap_ms": values.visible,
            "audible_gap_ms": values.audible, "av_offset_ms": values.av_offset });
        all.insert(role.name().into(), values);
    }
    let report = json!({ "schema": "tricine.gaps/1", "input": options.input, "finished": finished, "roles": all });
    tests::save(path, &report).expect("the report can be written");
}

fn row(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |q: f64| sorted.get(((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len().max(1)) - 1);
    let text = |v: Option<&f64>| v.map_or("–".into(), |v| format!("{v:.1}"));
    format!("  {:>8} {:>8} {:>8}", text(at(0.5)), text(at(0.99)), text(at(1.0)))
}

/// Plays once, killing `role` again and again.
fn session(role: Role, options: &Options, measured: &Measured) {
    let own = std::env::current_exe().expect("this program has a path");
    let mut args = vec!["--display", &options.display, "--audio", &options.audio, "--restart-limit", "1000000/1"];
    args.extend(options.input.as_deref());
    let mut run = start(arg(&own), &args);
    run.presented(10);
    let control = ControlRegion::look_at(Path::new(&format!("/dev/shm/{}", NAMESPACE.control_name(&run.session))));
    let control = control.expect("the session's pages");
    let mut before = None;
    while measured.deaths.load(Relaxed) < options.kills {
        // At any moment of a frame's life.
        std::thread::sleep(APART - SETTLED + Duration::from_micros(fastrand::u64(..100_000)));
        if run.is_over() {
            break;
        }
        let victim = run.role(role.name(), before);
        // The last frames are played out without the decoder: nothing is missed if it dies.
        let left_ns = control.session().duration_ns.get().saturating_sub(control.renderer().last_pts_ns.get());
        if left_ns < 3_000_000_000 || kill(victim, Signal::SIGKILL).is_err() {
            break;
        }
        before = Some(victim);
        measured.deaths.fetch_add(1, Relaxed);
        std::thread::sleep(SETTLED);
        if control.renderer().av_offset_ns.count() > 0 {
            let offset_ms = (control.renderer().last_av_offset_ns.get() as i64 as f64 / 1e6).abs();
            measured.values.lock().expect("no session panicked").av_offset.push(offset_ms);
        }
    }
    let end = run.end();
    assert!(end.status.success(), "{}", end.stderr);
    for restart in end.report["restarts"].as_array().into_iter().flatten() {
        let mut values = measured.values.lock().expect("no session panicked");
        values.visible.extend(restart["visible_gap_ms"].as_f64());
        values.audible.extend(restart["audible_gap_ms"].as_f64());
        if restart["visible_gap_ms"] == Value::Null && restart["audible_gap_ms"] == Value::Null {
            eprintln!("gaps: a death of the {role} was not measured");
        }
    }
}
