//! What a role's process begins with: its orders, and its place in the session.

use std::os::fd::OwnedFd;
use std::time::Duration;

use tricine_channel::sys::process;
use tricine_channel::time::Deadline;

use crate::control::pages::Page;
use crate::control::{Attached, Role};
use crate::error::{Error, Result};
use crate::link::{FromRole, Link, Spec, ToRole};
use crate::process::{INPUT_FD, LINK_FD};

/// How long a message may wait for room at the supervisor's socket.
const ROOM: Duration = Duration::from_secs(1);

/// What a process was started with.
#[derive(Debug)]
pub struct Orders {
    /// The control socket.
    pub link: Link,
    /// What to work on; `None` if it is only to say what it finds on this machine.
    pub spec: Option<Box<Spec>>,
    /// What it inherits besides, see [`crate::role::Inherits`].
    pub input: Option<OwnedFd>,
}

impl Orders {
    /// Receives the orders of the process that the supervisor started as `role`.
    ///
    /// Errors: no control socket (the process was not started by a supervisor), no orders within ten seconds.
    pub fn receive(role: Role) -> Result<Self> {
        let link = Link::new(process::inherited(LINK_FD).ok_or(Error::Disconnected)?);
        let input = process::inherited(INPUT_FD);
        process::set_comm(&format!("tricine:{role}"));
        link.wait(Deadline::after(Duration::from_secs(10)))?;
        match link.receive()? {
            Some(ToRole::Start(spec)) => Ok(Self { link, spec: Some(spec), input }),
            Some(ToRole::Probe) => Ok(Self { link, spec: None, input }),
            _ => Err(Error::Disconnected),
        }
    }

    /// How much is to be logged: 0 warnings, 1 more, 2 all.
    pub fn verbosity(&self) -> u8 {
        self.spec.as_ref().map_or(0, |spec| spec.verbosity)
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
        self.link.send_by(message, Deadline::after(ROOM)).map(drop)
    }

    /// Tells the user something, without ending anything.
    pub fn notice(&self, text: impl Into<String>) -> Result<()> {
        self.tell(&FromRole::Notice(text.into()))
    }
}
