//! What signals say and do: twenty children die at once; a signal comes into a sleep at a semaphore; a signal comes at every instruction of
//! a piece of work.

use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_channel::sys::process::{Exit, memory_file};
use tricine_channel::sys::semaphore::Semaphore;
use tricine_channel::time::Deadline;
use tricine_stress::sys::handler::{self, Handler};
use tricine_stress::sys::trace::{Called, Forked, Stepped, Tracer, pause};

use super::{Measured, Task, start, told};
use crate::stage::gone;
use crate::{Error, Result};

const CHILDREN: usize = 20;
const SIGNAL: Signal = Signal::SIGUSR1;

#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    session: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    delivered: usize,
    /// What the first call of the sleep gave when the signal came.
    error: String,
    /// How often the semaphore's wait entered the kernel to sleep.
    sleeps: usize,
    /// Whether it had its token in the end.
    token: bool,
    /// Instructions of the work at which a signal was brought.
    instructions: usize,
    /// After how many of these the two words were wrong: by a handler that works itself, and by one that only tells.
    wrong: [usize; 2],
}

/// All three, in a process of one thread.
pub(super) fn work(part: &Part) -> Result<Found> {
    let delivered = deaths()?;
    let tracer = Tracer::new()?;
    let (error, sleeps, token) = interrupted(&tracer, &part.session)?;
    let (instructions, works) = anywhere(&tracer, Handler::Works)?;
    let (_, tells) = anywhere(&tracer, Handler::Tells)?;
    Ok(Found { delivered, error, sleeps, token, instructions, wrong: [works, tells] })
}

/// Lets children die while the signal is blocked, and counts how often it is delivered.
fn deaths() -> Result<usize> {
    let sys = |call: &'static str| move |e: nix::Error| tricine_session::Error::sys(call, "SIGCHLD", e);
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set.thread_block().map_err(sys("sigprocmask"))?;
    let signals =
        SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(sys("signalfd"))?;
    let file = memory_file("tricine-lab-nothing", &[])?;
    let children = (0..CHILDREN).map(|_| start(&Task::Nothing, &file, None)).collect::<Result<Vec<_>>>()?;
    for child in &children {
        // Dead, and not reaped: so each of them has told the kernel to signal.
        waitid(Id::Pid(Pid::from_raw(child.pid as i32)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
            .map_err(sys("waitid"))?;
    }
    let mut delivered = 0;
    while signals.read_signal().map_err(sys("read"))?.is_some() {
        delivered += 1;
    }
    children.iter().try_for_each(gone)?;
    set.thread_unblock().map_err(sys("sigprocmask"))?;
    Ok(delivered)
}

/// A process sleeps at a semaphore, gets a signal, and then the token.
fn interrupted(tracer: &Tracer, session: &str) -> Result<(String, usize, bool)> {
    let name = format!("tricine.{session}.lab.asleep");
    Semaphore::unlink(&name)?;
    Semaphore::create(&name, 0)?;
    let semaphore = Semaphore::open(&name)?;
    Semaphore::unlink(&name)?;
    let mut sleeper = tracer.fork_traced(|| {
        let ready = Handler::Tells.install(SIGNAL);
        pause();
        let token = ready.and_then(|()| semaphore.wait(Deadline::after(std::time::Duration::from_secs(20))));
        i32::from(!token.is_ok_and(|t| t))
    })?;
    sleeper.run_to_pause()?;
    let (mut sleeps, mut error, mut signalled, mut bring) = (0, None, false, None);
    loop {
        match sleeper.to_call(bring.take())? {
            Called::Entered(call) if call == libc::SYS_futex as u64 => sleeps += 1,
            Called::Asleep if !signalled => {
                signalled = true;
                sleeper.signal(SIGNAL)?;
            }
            // It sleeps again, after the handler: now it gets what it waits for.
            Called::Asleep => semaphore.post(),
            Called::Left(result) if signalled && error.is_none() => error = Some(result),
            Called::Signal(signal) => bring = Some(signal),
            Called::Gone(exit) => {
                let error = match error {
                    // As the kernel has it inside: the call is made again, or ends with EINTR if the handler asks for no restart.
                    Some(-516..=-512) | None => "EINTR".into(),
                    Some(e) if e == -i64::from(libc::EINTR) => "EINTR".into(),
                    Some(e) => format!("{e}"),
                };
                return Ok((error, sleeps, exit == Exit::Code(0)));
            }
            _ => {}
        }
    }
}

/// A signal at each instruction of a piece of work: how many there are, and after how many something was wrong.
fn anywhere(tracer: &Tracer, handler: Handler) -> Result<(usize, usize)> {
    let (mut at, mut wrong) = (0, 0);
    loop {
        let mut worker = tracer.fork_traced(|| {
            let ready = handler.install(SIGNAL);
            pause();
            handler::work();
            pause();
            handler::catch_up();
            i32::from(ready.is_err() || handler::done() != [2, 2])
        })?;
        worker.run_to_pause()?;
        if !advance(&mut worker, at)? {
            return Ok((at, wrong));
        }
        worker.run_to_pause_with(SIGNAL)?;
        wrong += usize::from(end(&mut worker)? != Exit::Code(0));
        at += 1;
    }
}

/// So many instructions on; false if the work was over before.
fn advance(worker: &mut Forked, instructions: usize) -> Result<bool> {
    for _ in 0..instructions {
        match worker.step()? {
            Stepped::Instruction => {}
            Stepped::Paused => return Ok(false),
            other => return Err(Error::Lost(format!("the worker under ptrace: {other:?}"))),
        }
    }
    Ok(true)
}

/// Lets a paused worker run to its end.
fn end(worker: &mut Forked) -> Result<Exit> {
    loop {
        if let Called::Gone(exit) = worker.to_call(None)? {
            return Ok(exit);
        }
    }
}

pub(super) fn measure(session: &str) -> Result<Measured> {
    let found: Found = told(&Task::Signals(Part { session: session.into() }))?;
    let Found { delivered, error, sleeps, token, instructions, wrong } = &found;
    let says = format!(
        "**{CHILDREN} children died, and SIGCHLD was delivered {delivered} time{}.** It was blocked meanwhile; while it is pending, \
         further ones are the same one. All {CHILDREN} were reaped, by looking at each.\n\n\
         **A signal came into a sleep at a semaphore:** the call ended with {error}, the handler ran, and `sem_wait` had to look again. It \
         entered the kernel {sleeps} times to sleep, and {} its token in the end.\n\n\
         **A signal came at each of {instructions} instructions of a piece of work** that changes two words. A handler that does the same work \
         itself left them wrong in {} of {instructions} cases. One that only sets a word, and leaves the work to the program: in {}.",
        if *delivered == 1 { "" } else { "s" },
        if *token { "had" } else { "did not have" },
        wrong[0],
        wrong[1],
    );
    let figures = json!({ "children": CHILDREN, "signals": delivered, "error": error, "sleeps": sleeps, "token": token,
                          "instructions": instructions, "wrong": wrong });
    Ok(Measured { says, figures, ..Measured::default() })
}
