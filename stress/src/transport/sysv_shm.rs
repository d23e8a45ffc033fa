//! A triple buffer in System V shared memory.

use crate::sys::ring::{Memory, Ring, memory_len};
use crate::sys::sysv::Segment;
use tricine_session::Result;

use super::{Ends, Prepared, Transport, Wiring, rings};
use crate::case::Case;

/// See the module.
pub(crate) struct SysvShm;

impl SysvShm {
    fn take_up(case: &Case, ends: &Ends) -> Result<Ring> {
        let segment = Segment::attach(ends.wiring.number as i32, memory_len(case.bytes))?;
        Ok(Ring::new(Memory::SystemV(segment), case.bytes, rings::futex(case))?)
    }
}

impl Transport for SysvShm {
    type Sender = Ring;
    type Receiver = Ring;

    fn prepare(case: &Case, _: &str, _: u64) -> Result<Prepared> {
        let segment = Segment::create(memory_len(case.bytes))?;
        let wiring = Wiring { number: segment.id() as u64, ..Wiring::default() };
        Ok(Prepared { wiring, _keep: Some(Box::new(segment)), ..Prepared::default() })
    }

    fn sender(case: &Case, ends: Ends) -> Result<Ring> {
        Self::take_up(case, &ends)
    }

    fn receiver(case: &Case, ends: Ends) -> Result<Ring> {
        Self::take_up(case, &ends)
    }
}
