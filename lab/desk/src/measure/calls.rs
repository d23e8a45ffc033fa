//! One small frame through each mechanism, stopped at every system call of both sides: what enters the kernel, and who sleeps in it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::libc;
use nix::unistd::pipe;
use serde::{Deserialize, Serialize};
use tricine_channel::channel::{Acquired, Consumer, Name, Producer, Region, Spec};
use tricine_channel::meta::Len;
use tricine_channel::time::Deadline;
use tricine_stress::sys::mq;
use tricine_stress::sys::trace::{Called, Forked, Tracer, pause};

use crate::{Error, Result};

const BYTES: usize = 64;
const FRAME: [u8; BYTES] = [7; BYTES];
/// Longer than any sleep here lasts.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) session: String,
}

/// One stop: who, the call, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stop {
    who: String,
    call: String,
    result: String,
}

/// One frame's way.
#[derive(Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) mechanism: String,
    pub(super) stops: Vec<Stop>,
}

impl Way {
    /// System calls of both sides.
    pub(super) fn finished(&self) -> usize {
        self.stops.iter().filter(|s| s.result != ASLEEP).count()
    }
}

/// What is said of a call that has not come back.
const ASLEEP: &str = "sleeps in it";

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
}

impl Side {
    fn start(
        tracer: &Tracer,
        who: &'static str,
        body: impl FnOnce() -> std::result::Result<(), String>,
    ) -> Result<Self> {
        let mut process = tracer.fork_traced(|| {
            let done = body();
            pause();
            i32::from(done.is_err())
        })?;
        process.run_to_pause()?;
        Ok(Self { who, process, inside: None })
    }

    /// Runs to where it sleeps (true) or has done its part (false).
    fn go(&mut self, stops: &mut Vec<Stop>) -> Result<bool> {
        let stop = |who: &str, call: &str, result: String| Stop { who: who.into(), call: call.into(), result };
        loop {
            match self.process.to_call(None)? {
                Called::Entered(call) => self.inside = name(call),
                Called::Left(result) => {
                    if let Some(call) = self.inside.take() {
                        stops.push(stop(self.who, call, format!("{result}")));
                    }
                }
                Called::Asleep => {
                    let call = self.inside.unwrap_or("a call");
                    stops.push(stop(self.who, call, ASLEEP.into()));
                    return Ok(true);
                }
                Called::Paused => return Ok(false),
                other => return Err(Error::Lost(format!("the {} under ptrace: {other:?}", self.who))),
            }
        }
    }
}

fn said<T>(done: std::result::Result<T, impl std::fmt::Display>) -> std::result::Result<(), String> {
    done.map(|_| ()).map_err(|e| e.to_string())
}

/// The reader comes first and sleeps, the writer writes, the reader wakes up; or the writer comes first, if nobody is to sleep.
fn way(
    tracer: &Tracer,
    mechanism: &str,
    reader_first: bool,
    write: impl FnOnce() -> std::result::Result<(), String>,
    read: impl FnOnce() -> std::result::Result<(), String>,
) -> Result<Way> {
    let (mut writer, mut reader) = (Side::start(tracer, "writer", write)?, Side::start(tracer, "reader", read)?);
    let mut stops = vec![];
    let asleep = reader_first && reader.go(&mut stops)?;
    writer.go(&mut stops)?;
    if asleep || !reader_first {
        reader.go(&mut stops)?;
    }
    Ok(Way { mechanism: mechanism.into(), stops })
}

fn shm(tracer: &Tracer, session: &str, reader_first: bool) -> Result<Way> {
    let name = Name::new(format!("tricine.{session}.lab-calls"), 0);
    name.unlink()?;
    let _region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
    let write = || {
        let region = Region::open(&name).map_err(|e| e.to_string())?;
        let mut producer = Producer::<Len>::attach(&region).map_err(|e| e.to_string())?;
        pause();
        match producer.acquire(Deadline::NOW) {
            Ok(Acquired::Slot(slot)) => said(slot.publish(Len(BYTES as u64))),
            other => Err(format!("{}", other.is_ok())),
        }
    };
    let read = || {
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
    };
    let mechanism = if reader_first { "shared memory, the reader asleep" } else { "shared memory, nobody asleep" };
    let way = way(tracer, mechanism, reader_first, write, read);
    name.unlink()?;
    way
}

/// A frame through what one side writes `into` and the other one reads `out` of.
fn stream(tracer: &Tracer, mechanism: &str, mut into: impl Write, mut out: impl Read) -> Result<Way> {
    let write = || {
        pause();
        said(into.write_all(&FRAME))
    };
    let read = || {
        let mut room = FRAME;
        pause();
        said(out.read_exact(&mut room))
    };
    way(tracer, mechanism, true, write, read)
}

/// All of them, in a process of one thread.
pub(super) fn work(part: &Part) -> Result<Vec<Way>> {
    let sys = |call: &'static str| move |e: std::io::Error| tricine_session::Error::sys(call, "a mechanism", e);
    let tracer = Tracer::new()?;
    let (out, into): (OwnedFd, OwnedFd) = pipe().map_err(|e| sys("pipe")(e.into()))?;
    let mut all = vec![stream(&tracer, "pipe", File::from(into), File::from(out))?];
    let (left, right) = UnixStream::pair().map_err(sys("socketpair"))?;
    all.push(stream(&tracer, "unix", left, right)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(sys("bind"))?;
    let to = listener.local_addr().map_err(sys("getsockname"))?;
    let left = TcpStream::connect(to).map_err(sys("connect"))?;
    let (right, _) = listener.accept().map_err(sys("accept"))?;
    all.push(stream(&tracer, "tcp", left, right)?);
    // A kernel without queues is no reason to show nothing.
    if let Ok(queue) = mq::create(&format!("tricine.{}.lab-calls", part.session)) {
        let other = queue.try_clone().map_err(sys("dup"))?;
        all.push(way(
            &tracer,
            "posix-mq",
            true,
            || {
                let queue = mq::MessageQueue::from_fd(queue).map_err(|e| e.to_string())?;
                pause();
                said(queue.send(&FRAME))
            },
            || {
                let queue = mq::MessageQueue::from_fd(other).map_err(|e| e.to_string())?;
                let mut room = vec![0; queue.longest()];
                pause();
                said(queue.receive(&mut room))
            },
        )?);
    }
    all.push(shm(&tracer, &part.session, true)?);
    all.push(shm(&tracer, &part.session, false)?);
    Ok(all)
}

/// For people.
pub(super) fn table(ways: &[Way]) -> String {
    let mut text = String::from("One frame of 64 bytes, stopped at each system call of both sides:\n```\n");
    for w in ways {
        text += &format!("{}\n", w.mechanism);
        for (i, s) in w.stops.iter().enumerate() {
            text += &format!("  {:>2}. {:<8}{:<18}{}\n", i + 1, s.who, s.call, s.result);
        }
        if w.stops.is_empty() {
            text += "   no system call at all: the frame is there, and was read\n";
        }
    }
    text + "```\n"
}
