//! A triple buffer in a mapped file of the temporary folder. What differs from shared memory is the disk behind it: dirty
//! pages are written back now and then, for nothing.

use std::os::unix::fs::OpenOptionsExt;

use crate::sys::ring::{Ring, memory_len};
use nix::fcntl::OFlag;
use tricine_session::{Error, Result};

use super::{Ends, Prepared, Transport, rings};
use crate::case::Case;

/// See the module.
pub(crate) struct Mmap;

impl Transport for Mmap {
    type Sender = Ring;
    type Receiver = Ring;

    fn prepare(case: &Case, _: &str, _: u64) -> Result<Prepared> {
        let folder = std::env::temp_dir();
        let sys = |call| move |e: std::io::Error| Error::sys(call, std::env::temp_dir().display().to_string(), e);
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).mode(0o600).custom_flags(OFlag::O_TMPFILE.bits());
        let file = options.open(&folder).map_err(sys("open(O_TMPFILE)"))?;
        // Really there, so that a full disk is an error now and not SIGBUS later.
        nix::fcntl::posix_fallocate(&file, 0, memory_len(case.bytes) as i64)
            .map_err(|e| sys("fallocate")(std::io::Error::from(e)))?;
        rings::prepare(file)
    }

    fn sender(case: &Case, ends: Ends) -> Result<Ring> {
        rings::take_up(case, ends.fd()?, rings::futex(case))
    }

    fn receiver(case: &Case, ends: Ends) -> Result<Ring> {
        rings::take_up(case, ends.fd()?, rings::futex(case))
    }
}
