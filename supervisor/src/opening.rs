//! Opening an input, which may take for ever: a network mount that hangs, a disk that does not start, a folder without end.
//! A process does it and hands over what it has opened, so that the supervisor waits for nothing and can kill what waits.

use std::fs::File;
use std::io::{Read, Seek, stdin};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};
use tricine_channel::sys::fds;
use tricine_channel::sys::process::memory_file;
use tricine_session::link::{InputSpec, SubtitleFile};
use tricine_session::name::Name;
use tricine_session::process::Child;
use tricine_session::{Error, Result};

use crate::errand::{self, Errand};
use crate::input::{self, Entry, Input, List, Opened, What};
use crate::subtitles;

/// The process's name, beside those of the roles.
pub(crate) const NAME: &str = "opener";

/// An input that is being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    /// What it is opened as.
    pub(crate) entry: Entry,
    /// How often that was tried since it came any further.
    pub(crate) tries: u32,
    /// How many bytes of a stream have come, and how often that was said.
    pub(crate) bytes: u64,
    pub(crate) said: u32,
    /// The stream and its copy.
    both: Vec<OwnedFd>,
    errand: Errand,
}

/// What the process says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It goes on: a stream is being read.
    Goes,
    /// It is done.
    Done(std::result::Result<(Opened, subtitles::Found), String>),
}

/// The first byte of what it says.
const GOES: u8 = b'~';
const DONE: u8 = b'.';

/// What the process has found; files go beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    what: Kind,
    notice: Option<String>,
    /// Whether the first of the files is the input; the others are subtitles.
    file: bool,
    subtitles: Vec<SubtitleFile>,
    complaints: Vec<String>,
}

/// What is to be opened.
#[derive(Debug, Serialize, Deserialize)]
struct Wanted {
    entry: Entry,
    subtitles: Vec<Name>,
}

/// See [`What`].
#[derive(Debug, Serialize, Deserialize)]
enum Kind {
    Input { name: Name, title: String, spec: InputSpec },
    List(List),
}

impl Opening {
    /// Begins to open `entry`, and these files of subtitles.
    pub(crate) fn start(entry: Entry, subtitles: &[Name]) -> Result<Self> {
        let handed = if input::is_stdin(&entry.name) { stdin().as_fd().try_clone_to_owned().ok() } else { None };
        let handed: Vec<OwnedFd> = handed.into_iter().collect();
        let errand = send(&entry, subtitles, &handed)?;
        Ok(Self { entry, tries: 1, bytes: 0, said: 0, both: Vec::new(), errand })
    }

    /// Its process has died: another one goes on, where one can. Errors: it cannot be started, or would do no better.
    pub(crate) fn again(self, subtitles: &[Name], tries: u32) -> (Child, std::result::Result<Self, String>) {
        let Self { entry, bytes, said, both, errand, tries: tried } = self;
        let next = if tried >= tries {
            Err(format!("the process that opens it died {tries} times"))
        } else if bytes > 0 && both.is_empty() {
            Err("the process that reads it died, and what it had read is gone".into())
        } else if both.is_empty() {
            Self::start(entry, subtitles).map_err(|e| e.to_string())
        } else {
            let errand = send(&entry, subtitles, &both).map_err(|e| e.to_string());
            errand.map(|errand| Self { entry, tries: 1, bytes, said, both, errand })
        };
        (errand.end(), next.map(|next| Self { tries: tried + 1, ..next }))
    }

    /// Readable once there is an answer.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.errand.link()
    }

    /// Ends the process, if it lives, and leaves it to be reaped.
    pub(crate) fn end(self) -> Child {
        self.errand.end()
    }

    /// What the process says, once it does: what it is, or words for the user. Errors: the process died without an answer.
    pub(crate) fn answer(&mut self) -> Result<Answer> {
        let (said, files) = fds::receive(self.errand.link(), 9)?;
        if let Some(bytes) = said.strip_prefix(&[GOES]) {
            let bytes = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            if bytes > self.bytes {
                self.tries = 1;
            }
            (self.bytes, self.said) = (bytes, self.said.saturating_add(1));
            if !files.is_empty() {
                self.both = files;
            }
            return Ok(Answer::Goes);
        }
        let mut files = files.into_iter();
        let Some(found) = files.next() else { return Err(Error::Disconnected) };
        let mut text = String::new();
        let path = "what was found";
        File::from(found).read_to_string(&mut text).map_err(|e| Error::sys("read", path, e))?;
        let found: std::result::Result<Found, String> = serde_json::from_str(&text)?;
        Ok(Answer::Done(found.map(|Found { what, notice, file, subtitles, complaints }| {
            let file = if file { files.next() } else { None };
            let what = match what {
                Kind::Input { name, title, spec } => What::Input(Input { name, title, spec, file }),
                Kind::List(list) => What::List(list),
            };
            let files = subtitles.into_iter().zip(files).collect();
            (Opened { what, notice }, subtitles::Found { files, complaints })
        })))
    }
}

/// Starts the process, with what is open already.
fn send(entry: &Entry, subtitles: &[Name], handed: &[OwnedFd]) -> Result<Errand> {
    let title = format!("tricine: {NAME} {}", entry.name);
    let wanted = serde_json::to_vec(&Wanted { entry: entry.clone(), subtitles: subtitles.to_vec() })?;
    Errand::start(NAME, title, &wanted, &handed.iter().map(AsFd::as_fd).collect::<Vec<_>>())
}

/// The process's own work. Its exit code.
pub(crate) fn run() -> i32 {
    let Some((link, orders, handed)) = errand::orders("tricine:opener") else { return 2 };
    let Ok(Wanted { entry, subtitles: given }) = serde_json::from_slice(&orders) else { return 2 };
    // What needs no opening is here for its subtitles alone.
    let opened = if input::is_at_once(&entry.name) {
        Ok(Opened { what: What::Input(Input::default()), notice: None })
    } else {
        input::open(&entry, handed, &mut |progress| {
            let mut said = vec![GOES];
            said.extend(progress.bytes.to_le_bytes());
            // Whoever does not listen does not need it: the next one says more.
            let _ = fds::try_send(&link, &said, progress.both.as_ref().map_or(&[], |both| both));
        })
    };
    let (found, files) = match opened {
        Ok(Opened { what, notice }) => {
            let (what, file) = match what {
                What::Input(Input { name, title, spec, file }) => (Kind::Input { name, title, spec }, file),
                What::List(list) => (Kind::List(list), None),
            };
            let film = match &what {
                Kind::Input { name, spec: InputSpec::File(_), .. } => crate::spelling::path_of(name).ok(),
                _ => None,
            };
            // A list's entries come with their own.
            let list = matches!(what, Kind::List(_));
            let found = if list { subtitles::Found::default() } else { subtitles::open(film.as_deref(), &given) };
            let (subtitles, texts): (Vec<_>, Vec<_>) = found.files.into_iter().unzip();
            let complaints = found.complaints;
            let found = Found { what, notice, file: file.is_some(), subtitles, complaints };
            (Ok(found), file.into_iter().chain(texts).collect::<Vec<_>>())
        }
        Err(why) => (Err(why), Vec::new()),
    };
    let answer = serde_json::to_vec(&found).map_err(Error::from).and_then(|text| {
        let mut answer = memory_file("found", &text)?;
        answer.rewind().map_err(|e| Error::sys("lseek", "found", e))?;
        let files: Vec<BorrowedFd<'_>> = [answer.as_fd()].into_iter().chain(files.iter().map(AsFd::as_fd)).collect();
        Ok(fds::send(&link, &[DONE], &files)?)
    });
    i32::from(answer.is_err())
}
