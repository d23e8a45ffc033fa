//! A writer and a reader under ptrace, and one frame between them.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::libc;
use nix::unistd::{close, pipe};
use serde::{Deserialize, Serialize};
use tricine_channel::channel::{Acquired, Consumer, Name, Producer, Region, Spec};
use tricine_channel::meta::Len;
use tricine_channel::time::Deadline;
use tricine_stress::sys::mq;
use tricine_stress::sys::trace::{Called, Forked, Tracer, pause};

use crate::{Error, Result};

const BYTES: usize = 64;
const FRAME: [u8; BYTES] = [7; BYTES];
/// Longer than any sleep here lasts, a learner's thinking included.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The mechanisms: a name, and the way of the bytes.
pub(crate) const MECHANISMS: [(&str, &str); 5] = [
    ("pipe", "Two copies: into the kernel's buffer (64 KiB), and out of it."),
    ("unix", "Two copies: into a buffer of the socket, and out of it."),
    ("tcp", "Two copies, and the whole protocol between them, on one machine as well."),
    ("posix-mq", "Two copies: into a message of the kernel (8 KiB at most), and out of it."),
    ("shared memory", "No copy. The kernel is entered to sleep and to wake a sleeper."),
];

/// One stop: who, the call, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) who: String,
    pub(crate) call: String,
    pub(crate) result: String,
}

impl Stop {
    /// Whether the call is over.
    pub(crate) fn is_over(&self) -> bool {
        ![ENTERS, ASLEEP].contains(&self.result.as_str()) && !self.call.is_empty()
    }
}

const ENTERS: &str = "enters";
/// What is said of a call that has not come back.
const ASLEEP: &str = "sleeps in it";

/// Where a side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Where {
    /// In its own program.
    Runs,
    /// At the entry of a call.
    Enters,
    Sleeps,
    /// Its frame is through.
    Done,
    Dead,
}

/// The calls' names; those of [`pause`] itself have none, and are not shown.
fn name(call: u64) -> Option<&'static str> {
    Some(match i64::try_from(call).unwrap_or(-1) {
        libc::SYS_read => "read",
        libc::SYS_write => "write",
        libc::SYS_sendto => "sendto",
        libc::SYS_recvfrom => "recvfrom",
        libc::SYS_sendmsg => "sendmsg",
        libc::SYS_recvmsg => "recvmsg",
        libc::SYS_mq_timedsend => "mq_timedsend",
        libc::SYS_mq_timedreceive => "mq_timedreceive",
        libc::SYS_futex => "futex",
        libc::SYS_membarrier => "membarrier",
        libc::SYS_sched_yield => "sched_yield",
        _ => return None,
    })
}

/// A traced process, and the call that it is in.
struct Side {
    who: &'static str,
    process: Forked,
    inside: Option<&'static str>,
    at: Where,
}

impl Side {
    fn start(tracer: &Tracer, who: &'static str, body: impl FnOnce() -> Result<(), String>) -> Result<Self> {
        let mut process = tracer.fork_traced(|| {
            let done = body();
            pause();
            i32::from(done.is_err())
        })?;
        process.run_to_pause()?;
        Ok(Self { who, process, inside: None, at: Where::Runs })
    }

    /// To its next stop; `None` if its part is over, or it sleeps on.
    fn step(&mut self) -> Result<Option<Stop>> {
        let stop = |call: &str, result: String| Some(Stop { who: self.who.into(), call: call.into(), result });
        if matches!(self.at, Where::Done | Where::Dead) {
            return Ok(None);
        }
        let mut bring = None;
        loop {
            match self.process.to_call(bring.take())? {
                Called::Entered(call) => {
                    self.inside = name(call);
                    if let Some(call) = self.inside {
                        self.at = Where::Enters;
                        return Ok(stop(call, ENTERS.into()));
                    }
                }
                Called::Left(result) => {
                    if let Some(call) = self.inside.take() {
                        self.at = Where::Runs;
                        return Ok(stop(call, told(result)));
                    }
                }
                Called::Asleep if self.at == Where::Sleeps => return Ok(None),
                Called::Asleep => {
                    self.at = Where::Sleeps;
                    return Ok(stop(self.inside.unwrap_or("a call"), ASLEEP.into()));
                }
                Called::Signal(signal) => bring = Some(signal),
                Called::Paused => {
                    self.at = Where::Done;
                    return Ok(None);
                }
                Called::Gone(_) => {
                    self.at = Where::Dead;
                    return Ok(None);
                }
            }
        }
    }
}

/// What a call gave, or the name of its error.
fn told(result: i64) -> String {
    match i32::try_from(-result) {
        Ok(error) if error > 0 => format!("{:?}", nix::errno::Errno::from_raw(error)),
        _ => format!("{result}"),
    }
}

fn said<T>(done: Result<T, impl std::fmt::Display>) -> Result<(), String> {
    done.map(|_| ()).map_err(|e| e.to_string())
}

fn sys(call: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |e| tricine_session::Error::sys(call, "a mechanism", e).into()
}

/// Both sides, each in front of its part, and the stops so far.
pub(crate) struct Scene {
    sides: [Side; 2],
    pub(crate) stops: Vec<Stop>,
}

impl Scene {
    /// New processes for a mechanism of [`MECHANISMS`].
    pub(crate) fn begin(tracer: &Tracer, session: &str, mechanism: usize) -> Result<Self> {
        let sides = match MECHANISMS.get(mechanism).map(|m| m.0) {
            Some("pipe") => {
                let (out, into): (OwnedFd, OwnedFd) = pipe().map_err(|e| sys("pipe")(e.into()))?;
                stream(tracer, File::from(into), File::from(out))?
            }
            Some("unix") => {
                let (left, right) = UnixStream::pair().map_err(sys("socketpair"))?;
                stream(tracer, left, right)?
            }
            Some("tcp") => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(sys("bind"))?;
                let left = TcpStream::connect(listener.local_addr().map_err(sys("getsockname"))?);
                let (right, _) = listener.accept().map_err(sys("accept"))?;
                drop(listener);
                stream(tracer, left.map_err(sys("connect"))?, right)?
            }
            Some("posix-mq") => queue(tracer, session)?,
            _ => shared_memory(tracer, session)?,
        };
        Ok(Self { sides, stops: vec![] })
    }

    /// Removes what has a name.
    pub(crate) fn forget(session: &str) -> Result<()> {
        Ok(channel(session).unlink()?)
    }

    /// One side to its next stop.
    pub(crate) fn step(&mut self, who: usize) -> Result<()> {
        if let Some(stop) = self.sides[who].step()? {
            self.stops.push(stop);
        }
        Ok(())
    }

    /// One side to where it sleeps (true) or has done its part (false).
    pub(crate) fn go(&mut self, who: usize) -> Result<bool> {
        loop {
            match self.sides[who].at {
                Where::Done | Where::Dead => return Ok(false),
                _ => self.step(who)?,
            }
            if self.sides[who].at == Where::Sleeps {
                return Ok(true);
            }
        }
    }

    pub(crate) fn kill(&mut self, who: usize) -> Result<()> {
        let side = &mut self.sides[who];
        if side.at != Where::Dead {
            side.process.kill()?;
            side.at = Where::Dead;
            self.stops.push(Stop { who: side.who.into(), call: String::new(), result: "SIGKILL".into() });
        }
        Ok(())
    }

    pub(crate) fn pids(&self) -> [u32; 2] {
        self.sides.each_ref().map(|s| s.process.id())
    }

    pub(crate) fn at(&self) -> [Where; 2] {
        self.sides.each_ref().map(|s| s.at)
    }
}

/// A frame through what one side writes `into` and the other one reads `out` of. Neither keeps the other one's end: so a death is heard.
fn stream(tracer: &Tracer, mut into: impl Write, mut out: impl Read + AsRawFd) -> Result<[Side; 2]> {
    let readers = out.as_raw_fd();
    let writer = Side::start(tracer, "writer", move || {
        // The reader's end, which every fork inherits. It was open a moment ago, and here nobody else has it.
        let _ = close(readers);
        pause();
        said(into.write_all(&FRAME))
    })?;
    let reader = Side::start(tracer, "reader", move || {
        let mut room = FRAME;
        pause();
        said(out.read_exact(&mut room))
    })?;
    Ok([writer, reader])
}

fn queue(tracer: &Tracer, session: &str) -> Result<[Side; 2]> {
    let queue = mq::create(&format!("tricine.{session}.lab-calls"))?;
    let other = queue.try_clone().map_err(sys("dup"))?;
    let writer = Side::start(tracer, "writer", move || {
        let queue = mq::MessageQueue::from_fd(queue).map_err(|e| e.to_string())?;
        pause();
        said(queue.send(&FRAME))
    })?;
    let reader = Side::start(tracer, "reader", move || {
        let queue = mq::MessageQueue::from_fd(other).map_err(|e| e.to_string())?;
        let mut room = vec![0; queue.longest()];
        pause();
        said(queue.receive(&mut room))
    })?;
    Ok([writer, reader])
}

fn channel(session: &str) -> Name {
    Name::new(format!("tricine.{session}.lab-calls"), 0)
}

fn shared_memory(tracer: &Tracer, session: &str) -> Result<[Side; 2]> {
    let name = channel(session);
    name.unlink()?;
    let _region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
    let writer = Side::start(tracer, "writer", || {
        let region = Region::open(&name).map_err(|e| e.to_string())?;
        let mut producer = Producer::<Len>::attach(&region).map_err(|e| e.to_string())?;
        pause();
        match producer.acquire(Deadline::NOW) {
            Ok(Acquired::Slot(slot)) => said(slot.publish(Len(BYTES as u64))),
            other => Err(format!("{}", other.is_ok())),
        }
    })?;
    let reader = Side::start(tracer, "reader", || {
        let region = Region::open(&name).map_err(|e| e.to_string())?;
        let mut consumer = Consumer::<Len>::attach(&region).map_err(|e| e.to_string())?;
        pause();
        match consumer.acquire(Deadline::after(PATIENCE)) {
            Ok(Acquired::Slot(slot)) => {
                slot.release();
                Ok(())
            }
            other => Err(format!("{}", other.is_ok())),
        }
    })?;
    // Both have mapped it.
    name.unlink()?;
    Ok([writer, reader])
}
