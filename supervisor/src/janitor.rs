//! The janitor: a process in a session of its own that outlives a killed supervisor by a moment, removes the names, and
//! gives the terminal back. It is started before anything has a name.

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use tricine_channel::namespace;
use tricine_channel::sys::process;
use tricine_session::error::Error;
use tricine_session::process::{Child, INPUT_FD, LINK_FD, Spawn};
use tricine_session::terminal::LEAVE;
use tricine_session::{NAMESPACE, Result};

/// The role's name, beside those of [`tricine_session::control::Role`].
pub(crate) const NAME: &str = "janitor";
/// Said by the supervisor when it has cleaned up itself.
const DONE: u8 = b'.';
/// Said by the supervisor when pictures go to the terminal.
const DRAWN: u8 = b'T';

/// The lab's screen asks for the mouse; a terminal that was not asked ignores this.
const NO_MOUSE: &[u8] = b"\x1b[?1006l\x1b[?1015l\x1b[?1003l\x1b[?1002l\x1b[?1000l";

/// The supervisor's hold on its janitor.
#[derive(Debug)]
pub(crate) struct Janitor {
    child: Child,
    pipe: UnixStream,
}

impl Janitor {
    /// Starts it for `session`. It has looked at the terminal once this returns, so the terminal may now be changed.
    pub(crate) fn start(session: &str) -> Result<Self> {
        let sys = |call| move |e: std::io::Error| Error::sys(call, NAME, e);
        let (mut ours, theirs) = UnixStream::pair().map_err(sys("socketpair"))?;
        // Pictures go to standard output, keys come from standard input: as a rule the same terminal.
        let (input, output) = (stdin(), stdout());
        let terminal = if output.is_terminal() { Some(output.as_fd()) } else { Some(input.as_fd()) };
        // A copy: in the child, the standard descriptors are something else before it takes its own from here.
        let terminal = terminal.filter(|t| t.is_terminal()).and_then(|t| t.try_clone_to_owned().ok());
        let child = Spawn {
            title: "tricine: janitor".into(),
            role: NAME,
            link: theirs.as_fd(),
            input: terminal.as_ref().map(|t| t.as_fd()),
            stdout: false,
            bound: false,
        }
        .start()?;
        drop(theirs);
        ours.write_all(format!("{session}\n").as_bytes()).map_err(sys("write"))?;
        let mut ready = [0];
        ours.read_exact(&mut ready).map_err(sys("read"))?;
        Ok(Self { child, pipe: ours })
    }

    /// Tells it that the terminal is drawn on, and so has to be given back.
    pub(crate) fn terminal_is_drawn_on(&mut self) {
        // A janitor that is gone cannot be helped; the film goes on.
        let _ = self.pipe.write_all(&[DRAWN]);
    }

    /// Sends it home: there is nothing left to clean.
    pub(crate) fn dismiss(mut self) {
        let _ = self.pipe.write_all(&[DONE]);
        drop(self.pipe);
        for _ in 0..200 {
            if !matches!(self.child.try_reap(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.signal(Signal::SIGKILL);
    }
}

/// The janitor's own work. Its exit code.
pub(crate) fn run() -> i32 {
    let Some(pipe) = process::inherited(LINK_FD) else { return 2 };
    let terminal = process::inherited(INPUT_FD).map(File::from);
    let _ = nix::unistd::chdir("/");
    process::set_comm("tricine:janitor");
    let supervisor = nix::unistd::getppid();
    let before = terminal.as_ref().and_then(|t| tcgetattr(t).ok());
    let mut pipe = UnixStream::from(pipe as OwnedFd);
    let mut session = Vec::new();
    let mut byte = [0];
    while pipe.read_exact(&mut byte).is_ok() && byte != [b'\n'] {
        session.extend(byte);
    }
    let Ok(session) = String::from_utf8(session) else { return 2 };
    if namespace::check_name(&session).is_err() || pipe.write_all(&[DONE]).is_err() {
        return 2;
    }
    let mut left = Vec::new();
    let _ = pipe.read_to_end(&mut left);
    if left.last() == Some(&DONE) {
        return 0;
    }
    // The kernel kills the roles as it gives us another parent, which is after it closed the supervisor's files: what the
    // renderer draws until then must not come after our last word.
    for _ in 0..1000 {
        if nix::unistd::getppid() != supervisor {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    if let (Some(mut terminal), Some(before)) = (terminal, before) {
        // Only what the supervisor may have changed; a terminal that is gone needs nothing.
        if left.contains(&DRAWN) {
            std::thread::sleep(Duration::from_millis(5));
            let _ = terminal.write_all(NO_MOUSE).and_then(|()| terminal.write_all(LEAVE.as_bytes()));
        }
        let _ = tcsetattr(&terminal, SetArg::TCSANOW, &before);
    }
    // The kernel may close our pipe before it drops the dead supervisor's lock.
    for _ in 0..1000 {
        match NAMESPACE.sweep_one(&session, tricine_stress::sys::sysv::forget) {
            Ok(true) => return 0,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    1
}
