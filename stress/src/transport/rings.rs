//! The plain triple buffers that our channel is measured against, in POSIX shared memory: the floor, which no transport that
//! hands frames from core to core can beat, and the textbook, which sleeps each time.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::sys::ring::{Memory, Ring, Wake, memory_len};
use tricine_channel::channel::ownership::SLOTS;
use tricine_channel::sys::semaphore::Semaphore;
use tricine_channel::sys::shm;
use tricine_channel::time::Deadline;
use tricine_session::Result;

use super::{Ends, Prepared, Receiver, Sender, Transport, Wiring};
use crate::case::Case;
use crate::consumer::Intake;
use crate::producer::Work;

/// How long a side asks before it sleeps: about as long as waking it takes, so that it never does worse than twice the best.
const SPIN: Duration = Duration::from_micros(20);

/// Both sides spin.
pub(crate) struct Floor;
/// Both sides sleep.
pub(crate) struct Textbook;

impl Sender for Ring {
    #[inline]
    fn send(&mut self, work: &mut Work, deadline: Deadline) -> Result<bool> {
        Ok(self.write(deadline, |slot| work.in_place(slot))?)
    }
}

impl Receiver for Ring {
    #[inline]
    fn receive(&mut self, intake: &mut Intake<'_>, deadline: Deadline) -> Result<bool> {
        Ok(self.read(deadline, |frame| intake.arrived(frame))?)
    }
}

/// Memory for a ring, as a file without a name, one descriptor for each side.
pub(super) fn prepare(file: File) -> Result<Prepared> {
    let other = file.try_clone().map_err(|e| tricine_session::Error::sys("dup", "ring", e))?;
    Ok(Prepared { producer: vec![file.into()], consumer: vec![other.into()], ..Prepared::default() })
}

/// A side of a ring in that file.
pub(super) fn take_up(case: &Case, fd: OwnedFd, wake: Wake) -> Result<Ring> {
    let memory = Memory::of_file(&File::from(fd), memory_len(case.bytes))?;
    Ok(Ring::new(memory, case.bytes, wake)?)
}

/// How a ring that is not the floor waits.
pub(super) fn futex(case: &Case) -> Wake {
    Wake::Futex(case.spin_us.map_or(SPIN, Duration::from_micros))
}

impl Transport for Floor {
    type Sender = Ring;
    type Receiver = Ring;

    fn prepare(case: &Case, _: &str, _: u64) -> Result<Prepared> {
        prepare(shm::create_unnamed(memory_len(case.bytes) as u64)?)
    }

    fn sender(case: &Case, ends: Ends) -> Result<Ring> {
        take_up(case, ends.fd()?, Wake::Spin)
    }

    fn receiver(case: &Case, ends: Ends) -> Result<Ring> {
        take_up(case, ends.fd()?, Wake::Spin)
    }
}

/// Removes the semaphores' names.
struct Names(String);

impl Drop for Names {
    fn drop(&mut self) {
        // What cannot be removed now is swept with the session.
        let _ = Semaphore::unlink(&format!("{}.empty", self.0));
        let _ = Semaphore::unlink(&format!("{}.filled", self.0));
    }
}

impl Textbook {
    fn take_up(case: &Case, ends: Ends) -> Result<Ring> {
        let open = |which: &str| Semaphore::open(&format!("{}.{which}", ends.wiring.name));
        let wake = Wake::Textbook { empty: open("empty")?, filled: open("filled")? };
        take_up(case, ends.fd()?, wake)
    }
}

impl Transport for Textbook {
    type Sender = Ring;
    type Receiver = Ring;

    fn prepare(case: &Case, session: &str, run: u64) -> Result<Prepared> {
        let name = tricine_session::NAMESPACE.object(session, &format!("textbook.{run}"));
        let names = Names(name.clone());
        Semaphore::create(&format!("{name}.empty"), SLOTS as u32)?;
        Semaphore::create(&format!("{name}.filled"), 0)?;
        let memory = prepare(shm::create_unnamed(memory_len(case.bytes) as u64)?)?;
        Ok(Prepared { wiring: Wiring { name, number: 0 }, _keep: Some(Box::new(names)), ..memory })
    }

    fn sender(case: &Case, ends: Ends) -> Result<Ring> {
        Self::take_up(case, ends)
    }

    fn receiver(case: &Case, ends: Ends) -> Result<Ring> {
        Self::take_up(case, ends)
    }
}
