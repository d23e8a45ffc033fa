//! A program's names in /dev/shm: a prefix of its own, sessions under it, the lock that says which session lives, and the sweep of
//! what dead ones left.
//!
//! Every object of a session is called `PREFIX.SESSION.*` (a semaphore's file has `sem.` in front). The control object,
//! `PREFIX.SESSION.control`, is linked first and unlinked last, and its maker holds a `flock` on it from before it has a
//! name: a session lives if and only if that lock is held. An object with another prefix belongs to another program: it is neither listed nor
//! touched.
//!
//! Everybody may put names into /dev/shm. So only regular files count, and only this user's files are opened (without waiting) and
//! removed. An object that cannot be removed does not keep the others from being removed.
//!
//! ```
//! # use tricine_channel::{channel::{Name, Region, Spec}, meta::Len, namespace::{Namespace, random_name}, sys::shm};
//! # fn main() -> tricine_channel::Result<()> {
//! const NAMES: Namespace = Namespace::new("weather-map");
//! // What an earlier run left that was killed.
//! NAMES.sweep(false, |_| {})?;
//! let session = random_name()?;
//! let lock = NAMES.lock_and_link(shm::create_unnamed(1)?, &session)?;
//! let name = Name::new(NAMES.object(&session, "tiles"), 0);
//! let region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
//! // At its end a program removes its names, whatever they are.
//! NAMES.unlink_all(&session, |_| {})?;
//! # Ok(())
//! # }
//! ```

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
    if is_plain(name) { Ok(()) } else { Err(Error::SessionName(name.into())) }
}

/// One part of an object's name, between the dots.
const fn is_plain(part: &str) -> bool {
    let bytes = part.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if !(bytes[i].is_ascii_alphanumeric() || bytes[i] == b'-' || bytes[i] == b'_') {
            return false;
        }
        i += 1;
    }
    matches!(bytes.len(), 1..=64)
}

/// The hold on a live session. While it lasts, nobody sweeps the session's names.
#[derive(Debug)]
pub struct SessionLock {
    _lock: Flock<File>,
}

/// A session found in /dev/shm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Its name.
    pub session: String,
    /// Whether its supervisor lives: its lock is held.
    pub live: bool,
    /// Whether it is this user's: some of its objects are. Others' are listed and never touched.
    pub ours: bool,
    /// Its objects' file names in /dev/shm; of a session of ours only those that are ours.
    pub objects: Vec<String>,
    /// Bytes that they take.
    pub bytes: u64,
    /// Why some of it is still there after a sweep.
    pub failure: Option<String>,
}

/// A program's part of /dev/shm: all objects called `PREFIX.*.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace {
    prefix: &'static str,
}

impl Namespace {
    /// The namespace of the program that calls itself `prefix`: 1 to 64 letters, digits, `-` or `_`, and not `sem`, with which
    /// the names of all semaphores begin. Panics for another one; in a constant, that is an error of the compiler's.
    pub const fn new(prefix: &'static str) -> Self {
        assert!(is_plain(prefix), "a prefix has 1 to 64 letters, digits, '-' or '_'");
        assert!(!matches!(prefix.as_bytes(), b"sem"), "the names of all semaphores begin with sem");
        Self { prefix }
    }

    /// The name of an object of `session`: `PREFIX.SESSION.rest`.
    pub fn object(self, session: &str, rest: &str) -> String {
        format!("{}.{session}.{rest}", self.prefix)
    }

    /// The name of a session's control object.
    pub fn control_name(self, session: &str) -> String {
        self.object(session, "control")
    }

    /// Locks an object that has no name yet, then gives it `session`'s control name.
    pub fn lock_and_link(self, file: File, session: &str) -> Result<SessionLock> {
        check_name(session)?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, e)| Error::sys("flock", self.control_name(session), e))?;
        match shm::link(&lock, &self.control_name(session)) {
            Err(e) if e.raw_os_error() == Some(libc::EEXIST) => Err(Error::SessionInUse(session.into())),
            linked => linked.map(|()| SessionLock { _lock: lock }),
        }
    }

    /// The sessions whose objects are in /dev/shm, by name.
    pub fn list(self) -> Result<Vec<Found>> {
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        for entry in fs::read_dir(shm::DIR).map_err(|e| Error::sys("opendir", shm::DIR, e))?.flatten() {
            let Ok(object) = entry.file_name().into_string() else { continue };
            let Some(session) = self.session_of(&object) else { continue };
            let Some(meta) = entry.metadata().ok().filter(fs::Metadata::is_file) else { continue };
            let ours = meta.uid() == geteuid().as_raw();
            let new = || Found {
                session: session.to_owned(),
                live: false,
                ours,
                objects: Vec::new(),
                bytes: 0,
                failure: None,
            };
            let session = found.entry(session.to_owned()).or_insert_with(new);
            match (session.ours, ours) {
                // What others have put beside a session of ours.
                (true, false) => continue,
                (false, true) => *session = Found { session: session.session.clone(), ..new() },
                _ => {}
            }
            session.bytes += meta.blocks() * 512;
            session.objects.push(object);
        }
        for session in found.values_mut() {
            session.live = match self.try_lock(&session.session) {
                Ok(lock) => lock.is_none(),
                // Another user's that cannot be opened is taken for live. A control object in a session of ours that is not ours holds
                // nobody's lock: ours was linked first, and nobody else can take its place.
                Err(_) => !session.ours,
            };
            session.objects.sort();
        }
        Ok(found.into_values().collect())
    }

    /// The session that an object in /dev/shm belongs to.
    fn session_of(self, object: &str) -> Option<&str> {
        let rest = object.strip_prefix("sem.").unwrap_or(object).strip_prefix(self.prefix)?.strip_prefix('.')?;
        let (session, rest) = rest.split_once('.')?;
        (check_name(session).is_ok() && !rest.is_empty()).then_some(session)
    }

    /// Takes the lock of a session if nobody holds it; `None` if the session lives. A session without a control object is dead: it
    /// is linked first and unlinked last. Errors: a control object that is not a regular file of ours.
    fn try_lock(self, session: &str) -> Result<Option<Option<Flock<File>>>> {
        let file = match shm::open_named(&self.control_name(session), false) {
            Ok(file) => file,
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => return Ok(Some(None)),
            Err(e) => return Err(e),
        };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Some(lock))),
            Err((_, nix::Error::EWOULDBLOCK)) => Ok(None),
            Err((_, e)) => Err(Error::sys("flock", self.control_name(session), e)),
        }
    }

    /// Removes every object of dead sessions that are ours, and says which; what could not be removed is said in [`Found::failure`].
    /// `dry_run` only says. Errors: /dev/shm cannot be read.
    ///
    /// `forget` is told each object's name before the object is removed, so that it can also remove what the name stands for
    /// elsewhere.
    pub fn sweep(self, dry_run: bool, forget: fn(&str)) -> Result<Vec<Found>> {
        let mut dead: Vec<Found> = self.list()?.into_iter().filter(|s| !s.live && s.ours).collect();
        if !dry_run {
            for session in &mut dead {
                session.failure = self.sweep_one(&session.session, forget).err().map(|e| e.to_string());
            }
        }
        Ok(dead)
    }

    /// Removes what a dead session left; whether it was dead. For a process that outlives it.
    pub fn sweep_one(self, session: &str, forget: fn(&str)) -> Result<bool> {
        // Held while we unlink, so that a new session of the same name cannot begin in between.
        match self.try_lock(session) {
            Ok(None) => Ok(false),
            // A control object that is not ours keeps a session of ours from beginning as well.
            Ok(Some(_)) | Err(_) => self.unlink_all(session, forget).map(|()| true),
        }
    }

    /// Removes every object of `session` that is ours, the control object last. For its own program and [`Namespace::sweep`]. The first
    /// error is returned after everything else is gone.
    pub fn unlink_all(self, session: &str, forget: fn(&str)) -> Result<()> {
        let control = self.control_name(session);
        let mut done = Ok(());
        for entry in fs::read_dir(shm::DIR).map_err(|e| Error::sys("opendir", shm::DIR, e))?.flatten() {
            if let Ok(object) = entry.file_name().into_string()
                && self.session_of(&object) == Some(session)
                && object != control
                && is_ours(&object)
            {
                forget(&object);
                done = done.and(shm::unlink(&object));
            }
        }
        if is_ours(&control) { done.and(shm::unlink(&control)) } else { done }
    }
}

/// Whether an object in /dev/shm is a regular file of this user.
fn is_ours(object: &str) -> bool {
    let meta = fs::symlink_metadata(format!("{}/{object}", shm::DIR));
    meta.is_ok_and(|meta| meta.is_file() && meta.uid() == geteuid().as_raw())
}

#[cfg(test)]
mod tests;
