//! What every role begins with: its control socket, its orders, its page.

use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::control::{ControlRegion, Role};
use crate::error::{Error, Result};
use crate::link::{FromRole, Link, Spec, ToRole};
use crate::process::{INPUT_FD, LINK_FD};
use tricine_channel::sys::process;
use tricine_channel::time::Deadline;

/// How often a role that has nothing to do shows that it lives. Well within the supervisor's patience, and slow enough
/// that a paused film costs next to nothing.
pub const BEAT: Duration = Duration::from_millis(250);

/// A role's connection to its session.
#[derive(Debug)]
pub struct RoleContext {
    /// Which role it is.
    pub role: Role,
    /// The control socket.
    pub link: Link,
    /// The control region.
    pub control: ControlRegion,
    /// What to work on.
    pub spec: Spec,
    /// The inherited input of the decoder; the audio role's socket, which may be a predecessor's connection.
    pub input: Option<OwnedFd>,
}

impl RoleContext {
    /// Takes up the role that the supervisor started this process for: receives the orders, attaches to the control
    /// region. The role says [`FromRole::Ready`] itself, once it is.
    ///
    /// Errors: no control socket (the process was not started by a supervisor), no orders within ten seconds, no session.
    pub fn take_up(role: Role) -> Result<Self> {
        let link = Link::new(process::inherited(LINK_FD).ok_or(Error::Disconnected)?);
        let input = process::inherited(INPUT_FD);
        process::set_comm(&format!("tricine:{role}"));
        link.wait(Deadline::after(Duration::from_secs(10)))?;
        let Some(ToRole::Start(spec)) = link.receive()? else { return Err(Error::Disconnected) };
        let control = ControlRegion::attach(&spec.session, role)?;
        let this = Self { role, link, control, spec: *spec, input };
        this.beat();
        Ok(this)
    }

    /// Shows that this role lives.
    pub fn beat(&self) {
        self.control.pulse(self.role).beat();
    }

    /// Says something to the supervisor. Waits a moment for room; a supervisor that is gone is noticed elsewhere.
    pub fn tell(&self, message: &FromRole) -> Result<()> {
        for _ in 0..1000 {
            if self.link.send(message)? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Tells the user something, without ending anything.
    pub fn notice(&self, text: impl Into<String>) -> Result<()> {
        self.tell(&FromRole::Notice(text.into()))
    }
}
