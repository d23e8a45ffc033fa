//! Sessions: their names, the lock that says which one lives, and the sweep of what dead ones left.
//!
//! Every object of a session is called `tricine.SESSION.*` (a semaphore's file has `sem.` in front). The control region,
//! `tricine.SESSION.control`, is linked first and unlinked last, and its maker holds a `flock` on it from before it has a
//! name: a session lives if and only if that lock is held.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;

use crate::error::{Error, Result};
use crate::sys::shm;

/// A name that nobody guesses: 64 random bits.
pub fn random_name() -> Result<String> {
    let mut bytes = [0u8; 8];
    File::open("/dev/urandom")
        .and_then(|mut f| f.read_exact(&mut bytes))
        .map_err(|e| Error::sys("read", "/dev/urandom", e))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// Whether a session may be called that: 1 to 64 letters, digits, `-` or `_`.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=64).contains(&name.len()) && name.chars().all(plain) {
        Ok(())
    } else {
        Err(Error::SessionName(name.into()))
    }
}

/// The control region's name.
pub fn control_name(session: &str) -> String {
    format!("tricine.{session}.control")
}

/// The hold on a live session. While it lasts, nobody sweeps the session's names.
#[derive(Debug)]
pub struct SessionLock {
    _lock: Flock<File>,
}

/// Locks an object that has no name yet, then gives it `session`'s control name.
pub fn lock_and_link(file: File, session: &str) -> Result<SessionLock> {
    check_name(session)?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, e)| Error::sys("flock", control_name(session), e))?;
    match shm::link(&lock, &control_name(session)) {
        Err(e) if e.raw_os_error() == Some(libc::EEXIST) => Err(Error::SessionInUse(session.into())),
        linked => linked.map(|()| SessionLock { _lock: lock }),
    }
}

/// A session found in /dev/shm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub session: String,
    /// Whether its supervisor lives: its lock is held.
    pub live: bool,
    /// Whether its objects belong to this user; others' are listed and never touched.
    pub ours: bool,
    /// Its objects' file names in /dev/shm.
    pub objects: Vec<String>,
    /// Bytes that they take.
    pub bytes: u64,
}

/// The sessions whose objects are in /dev/shm, by name.
pub fn list() -> Result<Vec<Found>> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for entry in fs::read_dir(shm::DIR).map_err(|e| Error::sys("opendir", shm::DIR, e))?.flatten() {
        let Ok(object) = entry.file_name().into_string() else { continue };
        let Some(session) = session_of(&object) else { continue };
        let Ok(meta) = entry.metadata() else { continue };
        let session = found.entry(session.to_owned()).or_insert_with(|| Found {
            session: session.to_owned(),
            live: false,
            ours: true,
            objects: Vec::new(),
            bytes: 0,
        });
        session.ours &= meta.uid() == geteuid().as_raw();
        session.bytes += meta.blocks() * 512;
        session.objects.push(object);
    }
    for session in found.values_mut() {
        session.live = try_lock(&session.session)?.is_none();
        session.objects.sort();
    }
    Ok(found.into_values().collect())
}

/// The session that an object in /dev/shm belongs to.
fn session_of(object: &str) -> Option<&str> {
    let rest = object.strip_prefix("sem.").unwrap_or(object).strip_prefix("tricine.")?;
    let (session, rest) = rest.split_once('.')?;
    (check_name(session).is_ok() && !rest.is_empty()).then_some(session)
}

/// The lock of a session that nobody holds; `None` if the session lives. A session without a control region is dead: it
/// is linked first and unlinked last.
fn try_lock(session: &str) -> Result<Option<Option<Flock<File>>>> {
    let file = match shm::open_named(&control_name(session), false) {
        Ok(file) => file,
        Err(e) if e.raw_os_error() == Some(libc::ENOENT) => return Ok(Some(None)),
        // Somebody else's: taken for live.
        Err(_) => return Ok(None),
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(Some(lock))),
        Err((_, nix::Error::EWOULDBLOCK)) => Ok(None),
        Err((_, e)) => Err(Error::sys("flock", control_name(session), e)),
    }
}

/// Removes every object of dead sessions that are ours, and says which. `dry_run` only says.
///
/// `forget` is told each object's name before it goes, for what the name stands for beyond the object.
pub fn sweep(dry_run: bool, forget: fn(&str)) -> Result<Vec<Found>> {
    let dead: Vec<Found> = list()?.into_iter().filter(|s| !s.live && s.ours).collect();
    if !dry_run {
        for session in &dead {
            // Held while we unlink, so that a new session of the same name cannot begin in between.
            sweep_one(&session.session, forget)?;
        }
    }
    Ok(dead)
}

/// Removes what a dead session left; whether it was dead. For its janitor.
pub fn sweep_one(session: &str, forget: fn(&str)) -> Result<bool> {
    match try_lock(session)? {
        Some(_lock) => unlink_all(session, forget).map(|()| true),
        None => Ok(false),
    }
}

/// Removes every object of `session`, the control region last. For its own supervisor, its janitor and [`sweep`].
pub fn unlink_all(session: &str, forget: fn(&str)) -> Result<()> {
    let control = control_name(session);
    for entry in fs::read_dir(shm::DIR).map_err(|e| Error::sys("opendir", shm::DIR, e))?.flatten() {
        if let Ok(object) = entry.file_name().into_string()
            && session_of(&object) == Some(session)
            && object != control
        {
            forget(&object);
            shm::unlink(&object)?;
        }
    }
    shm::unlink(&control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_left_alone() {
        for (object, session) in [
            ("tricine.4f2a.control", Some("4f2a")),
            ("sem.tricine.4f2a.video.0.empty", Some("4f2a")),
            ("tricine.4f2a", None),
            ("tricine..control", None),
            ("tricine.a b.control", None),
            ("tricined.4f2a.control", None),
            ("sem.other", None),
        ] {
            assert_eq!(session_of(object), session, "{object}");
        }
    }

    #[test]
    fn a_session_name_holds_no_path_and_no_separator() {
        for bad in ["", "a/b", "..", "a.b", "a b", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name("my-film_2").is_ok());
    }
}
