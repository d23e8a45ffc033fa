//! `tricine doctor`, `tricine sessions`, `tricine clean`: what is there, and what is left.

use std::io::{IsTerminal, Write};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use serde_json::{Value, json};
use tricine_channel::namespace::{self, Found};
use tricine_channel::sys::shm;
use tricine_session::control::Role;
use tricine_session::link::Finding;
use tricine_session::{Error, Result, sandbox};

use crate::probe::Probe;

/// Prints; a reader that has gone away (a closed pipe) is no error.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn row(found: std::result::Result<String, String>) -> Value {
    match found {
        Ok(what) => json!({ "ok": true, "what": what }),
        Err(why) => json!({ "ok": false, "what": why }),
    }
}

/// Whether shared memory, semaphores and the lock work here, by making a session and removing it.
fn self_test() -> std::result::Result<String, String> {
    let name = namespace::random_name().map_err(|e| e.to_string())?;
    let made = tricine_session::control::ControlRegion::create(&name, &tricine_session::clock::PlayState::IDLE)
        .and_then(|_held| {
            Ok(tricine_channel::sys::semaphore::Semaphore::create(
                &tricine_session::NAMESPACE.object(&name, "test"),
                0,
            )?)
        });
    let removed = tricine_session::NAMESPACE.unlink_all(&name, tricine_stress::sys::forget);
    made.and(removed.map_err(Error::from)).map_err(|e| e.to_string())?;
    Ok("regions and named semaphores can be made".into())
}

/// Says what this machine has. The exit code: 0, or 1 if Tricine cannot play here at all.
pub(crate) fn doctor(as_json: bool) -> i32 {
    let shm = statvfs(shm::DIR).map(|s| s.blocks_available() * s.fragment_size());
    let shared_memory = match (self_test(), shm) {
        (Ok(works), Ok(free)) => Ok(format!("{works}; {} MiB free in {}", free >> 20, shm::DIR)),
        (Err(why), _) => Err(format!("{why}; a tmpfs with room is needed at {}", shm::DIR)),
        (_, Err(why)) => Err(why.to_string()),
    };
    let ok = shared_memory.is_ok();
    let files = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft).ok();
    let cores = std::thread::available_parallelism().map(|n| n.get()).ok();
    let terminal = if std::io::stdout().is_terminal() {
        Ok("standard output is a terminal".to_owned())
    } else {
        Err("standard output is no terminal".to_owned())
    };
    // Each in a process of its own, and all at the same time: none waits for another.
    let walls = sandbox::look();
    let sandbox = walls.lack().map_or_else(|| Ok(walls.to_string()), |lack| Err(lack.to_owned()));
    let asked = Role::ALL.map(|role| (role.entry().looks_for, Probe::start(role)));
    let mut rows = vec![("shared memory", row(shared_memory)), ("sandbox", row(sandbox)), ("terminal", row(terminal))];
    rows.push(("fonts", row(tricine_renderer::fonts())));
    let mut decoders = Vec::new();
    for (name, asked) in asked {
        match asked.map_err(|e| e.to_string()).and_then(|probe| probe.answer()) {
            Ok(Finding::Outlet(found)) => rows.push((name, row(found))),
            Ok(Finding::Formats(formats)) => decoders.extend(formats),
            // Nobody has asked for one.
            Ok(Finding::Line(_)) => {}
            Err(why) => rows.push((name, row(Err(why)))),
        }
    }
    if as_json {
        let mut all: serde_json::Map<String, Value> =
            rows.into_iter().map(|(name, value)| (name.replace(' ', "_"), value)).collect();
        all.entry("decoders").or_insert_with(|| json!(decoders));
        all.insert("schema".into(), json!("tricine.doctor/1"));
        all.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
        all.insert("limits".into(), json!({ "open_files": files, "cores": cores }));
        say(&format!("{:#}", Value::Object(all)));
    } else {
        say(&format!("tricine {}", env!("CARGO_PKG_VERSION")));
        for (name, value) in &rows {
            let mark = if value["ok"] == true { "ok" } else { "--" };
            say(&format!("  {mark}  {name:14} {}", value["what"].as_str().unwrap_or_default()));
        }
        for (kind, names) in decoders {
            say(&format!("  ok  {kind:14} {}", names.join(", ")));
        }
        let text = |n: Option<u64>| n.map_or("unknown".into(), |n| n.to_string());
        say(&format!("      {:14} {} open files, {} cores", "limits", text(files), text(cores.map(|c| c as u64))));
    }
    i32::from(!ok)
}

/// Lists sessions.
pub(crate) fn sessions(as_json: bool) -> Result<i32> {
    let found = tricine_session::NAMESPACE.list()?;
    if as_json {
        let text = serde_json::to_string_pretty(
            &json!({ "schema": "tricine.sessions/1", "sessions": found.iter().map(described).collect::<Vec<_>>() }),
        );
        say(&text.map_err(Error::Message)?);
    } else if found.is_empty() {
        say("no session lives, and none has left anything behind");
    }
    for session in found.iter().filter(|_| !as_json) {
        let state = match (session.live, session.ours) {
            (true, true) => "lives",
            (true, false) => "lives (another user's)",
            (false, true) => "dead: `tricine clean` removes what it left",
            (false, false) => "dead (another user's)",
        };
        say(&format!(
            "{:20} {:3} objects {:8} KiB  {state}",
            session.session,
            session.objects.len(),
            session.bytes >> 10
        ));
    }
    Ok(0)
}

fn described(found: &Found) -> serde_json::Value {
    let Found { session, live, ours, objects, bytes, .. } = found;
    json!({ "session": session, "live": live, "ours": ours, "objects": objects, "bytes": bytes })
}

/// Removes what dead sessions left.
pub(crate) fn clean(dry_run: bool) -> Result<i32> {
    let swept: Vec<Found> = tricine_session::NAMESPACE.sweep(dry_run, tricine_stress::sys::forget)?;
    if swept.is_empty() {
        say("nothing to remove");
    }
    let mut code = 0;
    for session in swept {
        if let Some(why) = &session.failure {
            let _ = writeln!(std::io::stderr(), "tricine: not all of {} could be removed: {why}", session.session);
            code = 1;
        }
        let done = if dry_run { "would remove" } else { "removed" };
        say(&format!("{done} {} ({} objects, {} KiB)", session.session, session.objects.len(), session.bytes >> 10));
        for object in session.objects.iter().filter(|_| dry_run) {
            say(&format!("  {}/{object}", shm::DIR));
        }
    }
    Ok(code)
}
