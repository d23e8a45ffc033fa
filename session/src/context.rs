//! What a role's process begins with: its orders, and its place in the session.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::time::Duration;

use tricine_channel::sys::process;
use tricine_channel::time::Deadline;

use crate::channel::{ChannelName, StreamRegion};
use crate::control::pages::Page;
use crate::control::{Attached, Role};
use crate::error::{Error, Result};
use crate::link::{FromRole, Link, Spec, ToRole};
use crate::process::{INPUT_FD, LINK_FD};

/// How long a message may wait for room at the supervisor's socket.
const ROOM: Duration = Duration::from_secs(1);

/// How much of a notice is said, in bytes.
const LONGEST_NOTICE: usize = 2_000;

/// What a process was started with.
#[derive(Debug)]
pub struct Orders {
    /// The control socket.
    pub link: Link,
    /// What for.
    pub task: Task,
    /// What it inherits besides, see [`crate::role::Inherits`].
    pub input: Option<OwnedFd>,
    /// Files of subtitles, see [`crate::link::TracksSpec::subtitle_files`].
    pub files: Vec<OwnedFd>,
    /// What is called in the role's process once its sandbox is closed: for tests of what gets out.
    pub confined: fn(Role, &Link, &Spec),
}

/// What a role's process is started for.
#[derive(Debug)]
pub enum Task {
    /// To play the role, on this.
    Play(Box<Spec>),
    /// To say what it finds on this machine.
    Probe,
    /// To connect to a server for the process that plays the role.
    Connect {
        /// Whether it goes on until there is a server.
        patient: bool,
    },
}

impl Orders {
    /// Receives the orders of the process that the supervisor started as `role`.
    ///
    /// Errors: no control socket (the process was not started by a supervisor), no orders within ten seconds.
    pub fn receive(role: Role) -> Result<Self> {
        // Whatever else has that number would be read, or waited for.
        let link = process::inherited(LINK_FD).filter(process::is_packet_socket).ok_or(Error::Disconnected)?;
        let link = Link::new(link);
        let input = process::inherited(INPUT_FD);
        process::set_comm(&format!("tricine:{role}"));
        link.wait(Deadline::after(Duration::from_secs(10)))?;
        let (task, files) = match link.hear()? {
            Some((ToRole::Start(spec), files)) => (Task::Play(spec), files),
            Some((ToRole::Probe, _)) => (Task::Probe, Vec::new()),
            Some((ToRole::Connect { patient }, _)) => (Task::Connect { patient }, Vec::new()),
            _ => return Err(Error::Disconnected),
        };
        Ok(Self { link, task, input, files, confined: |_, _, _| {} })
    }

    /// How much is to be logged: 0 warnings, 1 more, 2 all.
    pub fn verbosity(&self) -> u8 {
        if let Task::Play(spec) = &self.task { spec.verbosity } else { 0 }
    }
}

/// A role's place in its session; all threads of its process share it.
#[derive(Debug)]
pub struct RoleContext<P> {
    /// The control socket.
    pub link: Link,
    /// The control region, and the role's own page.
    pub control: Attached<P>,
    /// What to work on.
    pub spec: Spec,
    /// Files that came with the orders, those of subtitles, or with a message since; taken once.
    pub files: Mutex<Vec<OwnedFd>>,
    /// The files of channels.
    pub(crate) doors: Mutex<Vec<(ChannelName, [File; 3])>>,
}

impl<P: Page> RoleContext<P> {
    /// The role's own page.
    pub fn page(&self) -> &P {
        self.control.own()
    }

    /// Shows that this role lives.
    pub fn beat(&self) {
        self.page().pulse().beat();
    }

    /// Says something to the supervisor. Waits a moment for room; a supervisor that is gone is noticed elsewhere.
    pub fn tell(&self, message: &FromRole) -> Result<()> {
        if self.link.send_by(message, Deadline::after(ROOM))? { Ok(()) } else { Err(Error::Unheard(ROOM)) }
    }

    /// Tells the user something, without ending anything: it is left unsaid where there is no room for it.
    pub fn notice(&self, text: impl Into<String>) -> Result<()> {
        let text: String = text.into();
        let cut = text.floor_char_boundary(LONGEST_NOTICE);
        self.link.send_by(&FromRole::Notice(text[..cut].to_owned()), Deadline::after(ROOM)).map(drop)
    }

    /// Takes the files of a channel that the supervisor has opened for this process.
    pub(crate) fn take_files(&self, name: &ChannelName, files: Vec<OwnedFd>) {
        let Ok(mut doors) = self.doors.lock() else { return };
        // The one that is read and the one that is written; nobody goes back to one before. Numbers may be left out in between.
        let read = doors.iter().filter(|(old, _)| old.kind == name.kind).map(|(old, _)| old.generation).max();
        doors.retain(|(old, _)| old.kind != name.kind || Some(old.generation) == read);
        if let Ok(files) = <[OwnedFd; 3]>::try_from(files) {
            doors.push((name.clone(), files.map(File::from)));
        }
    }

    /// Opens what is needed to begin, while that is allowed.
    pub(crate) fn open_doors(&self) -> Result<()> {
        for name in &self.spec.channels {
            let files = name.region().files()?.map(OwnedFd::from);
            self.take_files(name, files.into());
        }
        Ok(())
    }

    /// Whether the files of a channel have come.
    pub fn has_region(&self, name: &ChannelName) -> bool {
        self.doors.lock().is_ok_and(|doors| doors.iter().any(|(known, _)| known == name))
    }

    /// The region of a channel: as the supervisor has opened it, else by its name.
    pub fn region(&self, name: &ChannelName) -> Result<StreamRegion> {
        let doors = self.doors.lock().map_err(|_| Error::Disconnected)?;
        match doors.iter().find(|(known, _)| known == name) {
            Some((_, files)) => {
                let copy = |file: &File| file.try_clone().map_err(|e| Error::sys("fcntl", name.to_string(), e));
                let [region, empty, filled] = files;
                StreamRegion::on(name, [copy(region)?, copy(empty)?, copy(filled)?])
            }
            None => StreamRegion::open(name),
        }
    }
}
