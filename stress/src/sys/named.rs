//! The C library's own `sem_open`, for the lesson on what it leaves behind. The channel makes its semaphores otherwise, see
//! `shared/src/sys/semaphore.rs`.
//!
//! `sem_open` gives its file a name of its own, `sem.` and six random letters, before the name that it was asked for. Nobody who
//! sweeps a session knows that name. So it is noted first: as a [`Borrowed`] object of the session, which is swept, and which
//! [`forget`] takes to remove the other one.

use std::ffi::CString;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use tricine_channel::error::{Error, Result};
use tricine_channel::sys::shm;

/// Between the name of what is made and the number of the process that makes it, in a note.
const MARK: &str = ".made-by-";
/// How often a sweeper looks whether the maker is dead, once per millisecond.
const LOOKS: usize = 1000;

/// A note that a process is about to give something in /dev/shm a name which is not the session's.
#[derive(Debug)]
pub struct Borrowed {
    note: String,
    name: String,
}

impl Borrowed {
    /// Notes that process `maker`, which makes the session's object `of`, is about to make `name`. `None` if that is not one of `sem_open`'s own names.
    pub fn note(of: &str, maker: u32, name: &str) -> Result<Option<Self>> {
        if !is_own(name) {
            return Ok(None);
        }
        let note = format!("{of}{MARK}{maker}.{name}");
        shm::link(&shm::create_unnamed(1)?, &note)?;
        Ok(Some(Self { note, name: name.to_owned() }))
    }

    /// The name that was noted.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Removes the name, and the note.
    pub fn remove(self) -> Result<()> {
        shm::unlink(&self.name)?;
        shm::unlink(&self.note)
    }
}

/// Whether `sem_open` calls files so before they have their name.
fn is_own(name: &str) -> bool {
    name.strip_prefix("sem.")
        .is_some_and(|random| random.len() == 6 && random.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// If an object of a session is such a note: removes what it notes, once the maker is dead. Until then it could still be made.
pub fn forget(object: &str) {
    let Some((maker, name)) = object.rsplit_once(MARK).and_then(|(_, rest)| rest.split_once('.')) else { return };
    let Some(maker) = maker.parse::<u32>().ok().filter(|_| is_own(name)) else { return };
    for _ in 0..LOOKS {
        if is_dead(maker) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // Another user's of that name stays.
    let _ = shm::unlink(name);
}

fn is_dead(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Makes a named semaphore of value 0 by `sem_open(O_CREAT | O_EXCL)`, and closes it again. Its name stays.
pub fn create(name: &str) -> Result<()> {
    let path = CString::new(format!("/{name}")).map_err(|_| Error::sys("sem_open", name, Errno::EINVAL))?;
    let (flags, mode, value): (_, libc::c_uint, libc::c_uint) = (libc::O_CREAT | libc::O_EXCL, 0o600, 0);
    // SAFETY: the path ends with a zero and outlives the call; O_CREAT asks for a mode and a value, which are there.
    let semaphore = unsafe { libc::sem_open(path.as_ptr(), flags, mode, value) };
    if semaphore == libc::SEM_FAILED {
        return Err(Error::sys("sem_open", name, io::Error::last_os_error()));
    }
    // SAFETY: opened just now, and nobody else has the pointer.
    if unsafe { libc::sem_close(semaphore) } != 0 {
        return Err(Error::sys("sem_close", name, io::Error::last_os_error()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn there(name: &str) -> bool {
        Path::new(shm::DIR).join(name).exists()
    }

    #[test]
    fn what_is_noted_goes_with_the_note_and_nothing_else_does() {
        let of = format!("named-test.{}.lab.the-semaphore", std::process::id());
        // Nobody has this number: it is larger than any.
        let (maker, name) = (u32::MAX >> 1, "sem.Zz09aZ");
        assert!(Borrowed::note(&of, maker, "sem.other-one").unwrap().is_none());
        let note = Borrowed::note(&of, maker, name).unwrap().expect("one of sem_open's names");
        shm::link(&shm::create_unnamed(1).unwrap(), name).unwrap();
        let object = note.note.clone();
        for other in [&of, name, &format!("{of}{MARK}{maker}.../etc/x"), &format!("{of}{MARK}x.{name}")] {
            forget(other);
            assert!(there(name), "{other}");
        }
        forget(&object);
        assert!(!there(name) && there(&object));
        note.remove().unwrap();
        assert!(!there(&object));
    }
}
