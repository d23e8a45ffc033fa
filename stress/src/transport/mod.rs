//! The mechanisms, one a file, behind one small trait.
//!
//! A transport is prepared by the coordinating process, which makes whatever both sides need and gives each its
//! descriptors; then each side takes up its end in a process of its own.

use std::any::Any;
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};
use tricine_channel::time::Deadline;
use tricine_session::{Error, Result};

use crate::case::{Case, Transport as Kind};
use crate::consumer::{EARLY_NS, Intake};
use crate::producer::{Work, sleep_until};

pub(crate) mod fifo;
#[cfg(feature = "iceoryx2")]
pub(crate) mod iceoryx;
pub(crate) mod mmap;
pub(crate) mod pipe;
pub(crate) mod posix_mq;
pub(crate) mod rings;
pub(crate) mod seqpacket;
pub(crate) mod stream;
pub(crate) mod sysv_mq;
pub(crate) mod sysv_shm;
pub(crate) mod tcp;
pub(crate) mod unix;
pub(crate) mod vmsplice;

/// The sending end.
pub(crate) trait Sender {
    /// Takes room for a frame, has `work` fill it or takes the one that it has, and hands it over. False: there was no
    /// room until `deadline`, and nothing was sent. An end that blocks without a deadline never says false: it is
    /// killed when its peer is gone.
    fn send(&mut self, work: &mut Work, deadline: Deadline) -> Result<bool>;

    /// Frames that it put in the place of one that nobody had taken.
    fn overwrote(&self) -> u64 {
        0
    }

    /// The number that the next frame has, if a predecessor was killed.
    fn resumes_at(&self) -> Option<u64> {
        None
    }

    /// Wake-ups for nothing, and wake-ups that never came.
    fn doorbell(&self) -> [u64; 2] {
        [0; 2]
    }
}

/// The receiving end.
pub(crate) trait Receiver {
    /// Waits for a frame and shows it to `intake`. False: there was none until `deadline`; as for [`Sender::send`].
    fn receive(&mut self, intake: &mut Intake<'_>, deadline: Deadline) -> Result<bool>;

    /// As [`Sender::doorbell`].
    fn doorbell(&self) -> [u64; 2] {
        [0; 2]
    }

    /// Sleeps, without spinning, until shortly before a frame is due at `due_ns`. May end as soon as there is one.
    fn doze(&mut self, due_ns: u64) -> Result<()> {
        sleep_until(due_ns.saturating_sub(EARLY_NS), 0);
        Ok(())
    }
}

/// A mechanism.
pub(crate) trait Transport {
    /// Its sending end.
    type Sender: Sender;
    /// Its receiving end.
    type Receiver: Receiver;

    /// Makes what both ends need. `session` begins every name that is made, and `run` tells runs of a session apart.
    fn prepare(case: &Case, session: &str, run: u64) -> Result<Prepared>;
    /// Takes up the sending end.
    fn sender(case: &Case, ends: Ends) -> Result<Self::Sender>;
    /// Takes up the receiving end.
    fn receiver(case: &Case, ends: Ends) -> Result<Self::Receiver>;
}

/// What both ends were given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wiring {
    /// A name.
    pub(crate) name: String,
    /// A number.
    pub(crate) number: u64,
}

/// A transport, ready for its ends.
#[derive(Default)]
pub(crate) struct Prepared {
    /// For both ends.
    pub(crate) wiring: Wiring,
    /// The producer's descriptors. Kept by the coordinator, so that a successor can have them, too.
    pub(crate) producer: Vec<OwnedFd>,
    /// The consumer's.
    pub(crate) consumer: Vec<OwnedFd>,
    /// What has to live, and is cleaned up by being dropped.
    pub(crate) _keep: Option<Box<dyn Any>>,
}

/// What one end was given.
#[derive(Debug)]
pub(crate) struct Ends {
    /// The same for both.
    pub(crate) wiring: Wiring,
    /// Its own descriptors.
    pub(crate) fds: Vec<OwnedFd>,
}

impl Ends {
    /// The one descriptor of a transport that has one an end.
    pub(crate) fn fd(mut self) -> Result<OwnedFd> {
        self.fds.pop().ok_or(Error::Disconnected)
    }
}

/// Says `$body` with `$T` standing for the transport of `$case`.
macro_rules! with_transport {
    ($case:expr, $T:ident => $body:expr) => {{
        use $crate::case::Transport as Kind;
        match $case.transport {
            Kind::Shm => $crate::shm::with_guard!($case, $T => $body),
            Kind::Floor => { type $T = $crate::transport::rings::Floor; $body }
            Kind::Textbook => { type $T = $crate::transport::rings::Textbook; $body }
            Kind::Pipe => { type $T = $crate::transport::pipe::Pipe; $body }
            Kind::Vmsplice => { type $T = $crate::transport::vmsplice::Vmsplice; $body }
            Kind::Fifo => { type $T = $crate::transport::fifo::Fifo; $body }
            Kind::PosixMq => { type $T = $crate::transport::posix_mq::PosixMq; $body }
            Kind::SysvMq => { type $T = $crate::transport::sysv_mq::SysvMq; $body }
            Kind::Unix => { type $T = $crate::transport::unix::Unix; $body }
            Kind::Seqpacket => { type $T = $crate::transport::seqpacket::Seqpacket; $body }
            Kind::Tcp => { type $T = $crate::transport::tcp::Tcp; $body }
            Kind::Mmap => { type $T = $crate::transport::mmap::Mmap; $body }
            Kind::SysvShm => { type $T = $crate::transport::sysv_shm::SysvShm; $body }
            #[cfg(feature = "iceoryx2")]
            Kind::Iceoryx2 => { type $T = $crate::transport::iceoryx::Event; $body }
            #[cfg(feature = "iceoryx2")]
            Kind::Iceoryx2Both => { type $T = $crate::transport::iceoryx::Both; $body }
            #[cfg(feature = "iceoryx2")]
            Kind::Iceoryx2Busy => { type $T = $crate::transport::iceoryx::Busy; $body }
            #[cfg(not(feature = "iceoryx2"))]
            Kind::Iceoryx2 | Kind::Iceoryx2Both | Kind::Iceoryx2Busy => Err($crate::transport::not_built()),
        }
    }};
}
pub(crate) use with_transport;

/// The error of a peer that this build does not have.
#[cfg(not(feature = "iceoryx2"))]
pub(crate) fn not_built() -> Error {
    let why = "not in this build: build with `--features iceoryx2`";
    Error::sys("open", "iceoryx2", std::io::Error::new(std::io::ErrorKind::Unsupported, why))
}

/// Whether this build has it.
pub(crate) fn built(kind: Kind) -> bool {
    cfg!(feature = "iceoryx2") || !matches!(kind, Kind::Iceoryx2 | Kind::Iceoryx2Both | Kind::Iceoryx2Busy)
}
