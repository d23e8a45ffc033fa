//! The C library's own `sem_open`, for the lesson on what it leaves behind. The channel makes its semaphores otherwise, see
//! `shared/src/sys/semaphore.rs`.

use std::ffi::CString;
use std::io;

use nix::errno::Errno;
use tricine_channel::error::{Error, Result};

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
