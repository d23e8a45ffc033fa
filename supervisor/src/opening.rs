//! Opening an input, which may take for ever: a network mount that hangs, a disk that does not start, a folder without end.
//! A process does it and hands over what it has opened, so that the supervisor waits for nothing and can kill what waits.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde::{Deserialize, Serialize};
use tricine_channel::sys::fds;
use tricine_channel::sys::process::{inherited, memory_file, set_comm};
use tricine_channel::time::Deadline;
use tricine_session::link::{InputSpec, Link, SubtitleFile};
use tricine_session::name::Name;
use tricine_session::process::{Child, LINK_FD, Spawn};
use tricine_session::{Error, Result};

use crate::input::{self, Input};
use crate::subtitles;

/// The process's name, beside those of the roles.
pub(crate) const NAME: &str = "opener";
/// The longest name of an input, in bytes.
const LONGEST_NAME: usize = 1 << 16;
/// How long the process waits for its orders.
const ORDERS: Duration = Duration::from_secs(10);

/// An input that is being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    /// As the user wrote it.
    pub(crate) name: Name,
    link: OwnedFd,
    child: Child,
}

/// What the process has found; files go beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    title: String,
    spec: InputSpec,
    /// Whether the first of the files is the input; the others are subtitles.
    file: bool,
    subtitles: Vec<SubtitleFile>,
    complaints: Vec<String>,
}

impl Opening {
    /// Begins to open `name`, and these files of subtitles.
    pub(crate) fn start(name: Name, subtitles: &[Name]) -> Result<Self> {
        let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
        let (ours, theirs) = pair.map_err(|e| Error::sys("socketpair", NAME, e))?;
        // No name has a zero byte in it.
        let all = [&name].into_iter().chain(subtitles).map(|name| name.as_os_str().as_bytes());
        fds::send(&ours, &all.collect::<Vec<_>>().join(&0), &[])?;
        let title = format!("tricine: {NAME} {name}");
        let spawn = Spawn { title, role: NAME, link: theirs.as_fd(), input: None, stdout: false, bound: true };
        Ok(Self { child: spawn.start()?, link: ours, name })
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

    /// The answer, once there is one: the input, or words for the user. Errors: the process died without one.
    pub(crate) fn answer(&self) -> Result<std::result::Result<(Input, subtitles::Found), String>> {
        let (_, files) = fds::receive(&self.link, 1)?;
        let mut files = files.into_iter();
        let Some(found) = files.next() else { return Err(Error::Disconnected) };
        let mut text = String::new();
        let path = "what was found";
        File::from(found).read_to_string(&mut text).map_err(|e| Error::sys("read", path, e))?;
        let found: std::result::Result<Found, String> = serde_json::from_str(&text)?;
        Ok(found.map(|found| {
            let file = if found.file { files.next() } else { None };
            let input = Input { name: self.name.clone(), title: found.title, spec: found.spec, file };
            let files = found.subtitles.into_iter().zip(files).collect();
            (input, subtitles::Found { files, complaints: found.complaints })
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
    let Ok((names, _)) = fds::receive(&link, LONGEST_NAME) else { return 2 };
    let mut names = names.split(|&byte| byte == 0).map(|name| Name::from(OsString::from_vec(name.to_vec())));
    let (name, given) = (names.next().unwrap_or_default(), names.collect::<Vec<_>>());
    // What needs no opening is here for its subtitles alone.
    let opened = if input::is_at_once(&name) { Ok(Input::default()) } else { input::open(&name) };
    let film = input::path(&name).filter(|_| matches!(&opened, Ok(Input { spec: InputSpec::File(_), .. })));
    let beside = subtitles::open(film.as_deref(), &given);
    let (found, files) = match opened {
        Ok(Input { title, spec, file, .. }) => {
            let (about, texts): (Vec<_>, Vec<_>) = beside.files.into_iter().unzip();
            let found = Found { title, spec, file: file.is_some(), subtitles: about, complaints: beside.complaints };
            (Ok(found), file.into_iter().chain(texts).collect::<Vec<_>>())
        }
        Err(why) => (Err(why), Vec::new()),
    };
    let answer = serde_json::to_vec(&found).map_err(Error::from).and_then(|text| {
        let mut answer = memory_file("found", &text)?;
        answer.rewind().map_err(|e| Error::sys("lseek", "found", e))?;
        let files: Vec<BorrowedFd<'_>> = [answer.as_fd()].into_iter().chain(files.iter().map(AsFd::as_fd)).collect();
        Ok(fds::send(&link, b".", &files)?)
    });
    i32::from(answer.is_err())
}
