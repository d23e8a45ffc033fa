//! The new file that takes an old one's place at the end, under a name of its own until then: `.tricine-PID-N.part`. Whoever makes it
//! holds a `flock` on it. One that nobody holds was left by somebody who was killed: the janitor removes its own supervisor's, and whoever
//! writes to the same folder next removes any.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf, absolute};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// A file without a name that anybody knows, in the folder of the one whose place it is going to take. Dropped, it is gone.
#[derive(Debug)]
pub struct Beside {
    file: File,
    here: PathBuf,
    place: PathBuf,
}

/// What tells such a file from any other that may come to have its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    path: Name,
    device: u64,
    inode: u64,
}

impl Unfinished {
    /// Removes it, unless it has taken its place, or something else is there.
    pub fn remove(&self) {
        let path = self.path.as_path();
        let same = |file: fs::Metadata| file.is_file() && (file.dev(), file.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(path).is_ok_and(same) {
            let _ = fs::remove_file(path);
        }
    }
}

impl Beside {
    pub(super) fn create(place: PathBuf) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if place.file_name().is_none() {
            return Err(ErrorKind::IsADirectory.into());
        }
        sweep(place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")));
        let old = fs::metadata(&place).ok();
        // As a new file is made; or so that nobody who may not read the old one can read this one meanwhile.
        let mode = if old.is_some() { 0o600 } else { 0o666 };
        let (here, file) = loop {
            // Its own name, not one made from the place's: that may be as long as names can be.
            let name = format!(".tricine-{}-{}.part", std::process::id(), COUNT.fetch_add(1, Relaxed));
            let here = place.with_file_name(name);
            let file = match OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&here) {
                // Another's of this number, who lives where processes have numbers of their own.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            // Where files cannot be locked, nobody sweeps either. Whoever was quicker takes it for one that was left.
            let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || file.metadata()?.nlink() == 0;
            if !taken {
                break (here, file);
            }
        };
        let beside = Self { file, here, place };
        if let Some(old) = old {
            // Only root may give it away; whoever else owned it, it is ours then.
            let _ = std::os::unix::fs::chown(&beside.here, Some(old.uid()), Some(old.gid()));
            beside.file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
        }
        Ok(beside)
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn unfinished(&self) -> Option<Unfinished> {
        let (path, file) = (absolute(&self.here).ok()?, self.file.metadata().ok()?);
        Some(Unfinished { path: path.as_path().into(), device: file.dev(), inode: file.ino() })
    }

    pub(super) fn take_place(self) -> io::Result<()> {
        match fs::rename(&self.here, &self.place) {
            // Mounted by itself, as in a container: its name cannot go to another file.
            Err(e) if e.kind() == ErrorKind::ResourceBusy => {
                let mut from = File::open(&self.here)?;
                let mut to = OpenOptions::new().write(true).truncate(true).open(&self.place)?;
                io::copy(&mut from, &mut to).map(drop)
            }
            done => done,
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After it has taken its place there is none of this name.
        let _ = fs::remove_file(&self.here);
    }
}

/// Removes what killed ones of our user have left in this folder. What cannot be looked at stays.
fn sweep(folder: &Path) {
    for found in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = found.file_name();
        let ours = name.to_str().and_then(|name| name.strip_prefix(".tricine-")?.strip_suffix(".part"));
        if !ours.is_some_and(|ours| ours.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')) {
            continue;
        }
        let mut options = OpenOptions::new();
        // A FIFO of that name does not hold us up, a link leads nowhere.
        options.read(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits());
        let Ok(file) = options.open(found.path()) else { continue };
        let theirs = |file: fs::Metadata| !file.is_file() || file.uid() != nix::unistd::geteuid().as_raw();
        if !file.metadata().is_ok_and(|file| !theirs(file)) || file.try_lock().is_err() {
            continue;
        }
        let _ = fs::remove_file(found.path());
    }
}
