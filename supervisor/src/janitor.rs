//! The janitor: a process in a session of its own that outlives a killed supervisor by a moment, removes the names, and
//! gives the terminal back. It is started before anything has a name.

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::termios::{ControlFlags, InputFlags, LocalFlags, OutputFlags, SetArg, tcgetattr, tcsetattr};
use serde::{Deserialize, Serialize};
use tricine_channel::namespace;
use tricine_channel::sys::process;
use tricine_session::error::Error;
use tricine_session::output::Unfinished;
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

/// What a janitor is told first, in one line.
#[derive(Debug, Serialize, Deserialize)]
struct Orders {
    session: String,
    /// The supervisor's process id.
    supervisor: u32,
    terminal: Option<Settings>,
    /// Files that nobody would finish.
    unfinished: Vec<Unfinished>,
}

/// How a terminal was set before the supervisor took it: input, output, control and local flags, and the special characters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings([u32; 4], Vec<u8>);

impl Settings {
    /// Those of our terminal, if we have one.
    pub(crate) fn now() -> Option<Self> {
        let now = tcgetattr(terminal()?).ok()?;
        let flags = [now.input_flags.bits(), now.output_flags.bits(), now.control_flags.bits(), now.local_flags.bits()];
        Some(Self(flags, now.control_chars.to_vec()))
    }

    fn restore(&self, terminal: &File) -> nix::Result<()> {
        let mut settings = tcgetattr(terminal)?;
        let &Self([input, output, control, local], ref characters) = self;
        settings.input_flags = InputFlags::from_bits_retain(input);
        settings.output_flags = OutputFlags::from_bits_retain(output);
        settings.control_flags = ControlFlags::from_bits_retain(control);
        settings.local_flags = LocalFlags::from_bits_retain(local);
        for (to, &from) in settings.control_chars.iter_mut().zip(characters) {
            *to = from;
        }
        tcsetattr(terminal, SetArg::TCSANOW, &settings)
    }
}

/// Pictures go to standard output, keys come from standard input, the status goes to standard error: as a rule the same terminal.
/// A copy: in the child, the standard descriptors are something else before it takes its own from here.
fn terminal() -> Option<OwnedFd> {
    let (output, input, error) = (stdout(), stdin(), stderr());
    let terminal = [output.as_fd(), input.as_fd(), error.as_fd()].into_iter().find(BorrowedFd::is_terminal)?;
    terminal.try_clone_to_owned().ok()
}

impl Janitor {
    /// Starts it for `session`. `before` is how the terminal was set before anybody changed it; `unfinished` are files that
    /// go with a killed supervisor. It has its orders once this
    /// returns, though it may not have read them: whatever becomes of us, it will.
    pub(crate) fn start(session: &str, before: Option<&Settings>, unfinished: Vec<Unfinished>) -> Result<Self> {
        let sys = |call| move |e: std::io::Error| Error::sys(call, NAME, e);
        let (mut ours, theirs) = UnixStream::pair().map_err(sys("socketpair"))?;
        ours.set_nonblocking(true).map_err(sys("fcntl"))?;
        let supervisor = std::process::id();
        let orders = Orders { session: session.to_owned(), supervisor, terminal: before.cloned(), unfinished };
        let orders = serde_json::to_string(&orders)? + "\n";
        ours.write_all(orders.as_bytes()).map_err(sys("write"))?;
        let terminal = terminal();
        let child = Spawn {
            title: "tricine: janitor".into(),
            role: NAME,
            link: theirs.as_fd(),
            input: terminal.as_ref().map(|t| t.as_fd()),
            stdout: false,
            bound: false,
        }
        .start()?;
        Ok(Self { child, pipe: ours })
    }

    /// Readable once it is dead.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }

    /// Whether it is dead; then it is reaped.
    pub(crate) fn is_gone(&self) -> bool {
        !matches!(self.child.try_reap(), Ok(None))
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
    let mut pipe = UnixStream::from(pipe as OwnedFd);
    let mut orders = Vec::new();
    let mut byte = [0];
    while pipe.read_exact(&mut byte).is_ok() && byte != [b'\n'] {
        orders.extend(byte);
    }
    let orders = serde_json::from_slice(&orders);
    let Ok(Orders { session, supervisor, terminal: before, unfinished }) = orders else { return 2 };
    if namespace::check_name(&session).is_err() {
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
        if nix::unistd::getppid().as_raw() as u32 != supervisor {
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
        let _ = before.restore(&terminal);
    }
    unfinished.iter().for_each(Unfinished::remove);
    // The kernel may close our pipe before it drops the dead supervisor's lock.
    for _ in 0..1000 {
        match NAMESPACE.sweep_one(&session, tricine_stress::sys::forget) {
            Ok(true) => return 0,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    1
}
