//! Opening an input, which may take for ever: a network mount that hangs, a disk that does not start, a folder without end.
//! A process does it and hands over what it has opened, so that the supervisor waits for nothing and can kill what waits.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde::{Deserialize, Serialize};
use tricine_channel::sys::fds;
use tricine_channel::sys::process::{inherited, memory_file, set_comm};
use tricine_channel::time::Deadline;
use tricine_session::link::{InputSpec, Link};
use tricine_session::process::{Child, LINK_FD, Spawn};
use tricine_session::{Error, Result};

use crate::input::{self, Entry, Input, List, Opened, What};

/// The process's name, beside those of the roles.
pub(crate) const NAME: &str = "opener";
/// The longest orders, in bytes: a name, and where it comes from.
const LONGEST: usize = 1 << 17;
/// How long the process waits for its orders.
const ORDERS: Duration = Duration::from_secs(10);

/// An input that is being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    /// What it is opened as.
    pub(crate) entry: Entry,
    link: OwnedFd,
    child: Child,
}

/// What the process has found; files go beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    what: Kind,
    notice: Option<String>,
}

/// See [`What`].
#[derive(Debug, Serialize, Deserialize)]
enum Kind {
    Input { title: String, spec: InputSpec },
    List(List),
}

impl Opening {
    /// Begins to open `entry`.
    pub(crate) fn start(entry: Entry) -> Result<Self> {
        let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
        let (ours, theirs) = pair.map_err(|e| Error::sys("socketpair", NAME, e))?;
        fds::send(&ours, &serde_json::to_vec(&entry)?, &[])?;
        let title = format!("tricine: {NAME} {}", entry.name);
        let spawn = Spawn { title, role: NAME, link: theirs.as_fd(), input: None, stdout: false, bound: true };
        Ok(Self { child: spawn.start()?, link: ours, entry })
    }

    /// Readable once there is an answer.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// Ends the process, if it lives, and leaves it to be reaped.
    pub(crate) fn end(self) -> Child {
        let _ = self.child.signal(Signal::SIGKILL);
        self.child
    }

    /// The answer, once there is one: what it is, or words for the user. Errors: the process died without one.
    pub(crate) fn answer(&self) -> Result<std::result::Result<Opened, String>> {
        let (_, files) = fds::receive(&self.link, 1)?;
        let mut files = files.into_iter();
        let Some(found) = files.next() else { return Err(Error::Disconnected) };
        let mut text = String::new();
        let path = "what was found";
        File::from(found).read_to_string(&mut text).map_err(|e| Error::sys("read", path, e))?;
        let found: std::result::Result<Found, String> = serde_json::from_str(&text)?;
        Ok(found.map(|Found { what, notice }| {
            let what = match what {
                Kind::Input { title, spec } => {
                    What::Input(Input { name: self.entry.name.clone(), title, spec, file: files.next() })
                }
                Kind::List(list) => What::List(list),
            };
            Opened { what, notice }
        }))
    }
}

/// The process's own work. Its exit code.
pub(crate) fn run() -> i32 {
    let Some(link) = inherited(LINK_FD) else { return 2 };
    set_comm("tricine:opener");
    let link = Link::new(link);
    if !link.wait(Deadline::after(ORDERS)).unwrap_or(false) {
        return 2;
    }
    let Ok((orders, _)) = fds::receive(&link, LONGEST) else { return 2 };
    let Ok(entry) = serde_json::from_slice(&orders) else { return 2 };
    let (found, file) = match input::open(&entry) {
        Ok(Opened { what, notice }) => {
            let (what, file) = match what {
                What::Input(Input { title, spec, file, .. }) => (Kind::Input { title, spec }, file),
                What::List(list) => (Kind::List(list), None),
            };
            (Ok(Found { what, notice }), file)
        }
        Err(why) => (Err(why), None),
    };
    let answer = serde_json::to_vec(&found).map_err(Error::from).and_then(|text| {
        let mut answer = memory_file("found", &text)?;
        answer.rewind().map_err(|e| Error::sys("lseek", "found", e))?;
        let files: Vec<BorrowedFd<'_>> =
            [Some(answer.as_fd()), file.as_ref().map(AsFd::as_fd)].into_iter().flatten().collect();
        Ok(fds::send(&link, b".", &files)?)
    });
    i32::from(answer.is_err())
}
