//! Opening an input, which may take for ever: a network mount that hangs, a disk that does not start, a folder without end.
//! A process does it and hands over what it has opened, so that the supervisor waits for nothing and can kill what waits.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};

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
    errand: Errand,
}

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
    Input { title: String, spec: InputSpec },
    List(List),
}

impl Opening {
    /// Begins to open `entry`, and these files of subtitles.
    pub(crate) fn start(entry: Entry, subtitles: &[Name]) -> Result<Self> {
        let wanted = Wanted { entry, subtitles: subtitles.to_vec() };
        let title = format!("tricine: {NAME} {}", wanted.entry.name);
        let errand = Errand::start(NAME, title, &serde_json::to_vec(&wanted)?, &[])?;
        Ok(Self { entry: wanted.entry, errand })
    }

    /// Readable once there is an answer.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.errand.link()
    }

    /// Ends the process, if it lives, and leaves it to be reaped.
    pub(crate) fn end(self) -> Child {
        self.errand.end()
    }

    /// The answer, once there is one: what it is, or words for the user. Errors: the process died without one.
    pub(crate) fn answer(&self) -> Result<std::result::Result<(Opened, subtitles::Found), String>> {
        let (_, files) = fds::receive(self.errand.link(), 1)?;
        let mut files = files.into_iter();
        let Some(found) = files.next() else { return Err(Error::Disconnected) };
        let mut text = String::new();
        let path = "what was found";
        File::from(found).read_to_string(&mut text).map_err(|e| Error::sys("read", path, e))?;
        let found: std::result::Result<Found, String> = serde_json::from_str(&text)?;
        Ok(found.map(|Found { what, notice, file, subtitles, complaints }| {
            let file = if file { files.next() } else { None };
            let what = match what {
                Kind::Input { title, spec } => What::Input(Input { name: self.entry.name.clone(), title, spec, file }),
                Kind::List(list) => What::List(list),
            };
            let files = subtitles.into_iter().zip(files).collect();
            (Opened { what, notice }, subtitles::Found { files, complaints })
        }))
    }
}

/// The process's own work. Its exit code.
pub(crate) fn run() -> i32 {
    let Some((link, orders, _)) = errand::orders("tricine:opener") else { return 2 };
    let Ok(Wanted { entry, subtitles: given }) = serde_json::from_slice(&orders) else { return 2 };
    // What needs no opening is here for its subtitles alone.
    let opened = if input::is_at_once(&entry.name) {
        Ok(Opened { what: What::Input(Input::default()), notice: None })
    } else {
        input::open(&entry)
    };
    let (found, files) = match opened {
        Ok(Opened { what, notice }) => {
            let (what, file) = match what {
                What::Input(Input { title, spec, file, .. }) => (Kind::Input { title, spec }, file),
                What::List(list) => (Kind::List(list), None),
            };
            let film = crate::spelling::path_of(&entry.name).ok();
            let film = film.filter(|_| matches!(&what, Kind::Input { spec: InputSpec::File(_), .. }));
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
        Ok(fds::send(&link, b".", &files)?)
    });
    i32::from(answer.is_err())
}
