//! `tricine lab`: a session for the stage, with a lock and a janitor like any other, once one is needed.

use tricine_channel::namespace::{self, SessionLock};
use tricine_lab_desk::{Options, Result, Session};
use tricine_session::clock::PlayState;
use tricine_session::control::{Attached, ControlRegion, SessionPage, Writable};

use crate::janitor::{Janitor, Settings};

struct Held {
    name: String,
    janitor: Option<Janitor>,
    _control: (Attached<SessionPage<Writable>>, SessionLock),
}

impl Held {
    fn begin() -> Result<Self> {
        let name = namespace::random_name()?;
        let janitor = Some(Janitor::start(&name, Settings::now().as_ref(), Vec::new())?);
        let control = ControlRegion::create(&name, &PlayState::IDLE)?;
        Ok(Self { name, janitor, _control: control })
    }
}

impl Session for Held {
    fn name(&self) -> &str {
        &self.name
    }

    fn terminal_is_drawn_on(&mut self) {
        if let Some(janitor) = &mut self.janitor {
            janitor.terminal_is_drawn_on();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // What cannot be removed now is left to the janitor, or to the next sweep.
        if tricine_session::NAMESPACE.unlink_all(&self.name, tricine_stress::sys::forget).is_ok()
            && let Some(janitor) = self.janitor.take()
        {
            janitor.dismiss();
        }
    }
}

/// The lab. The exit code.
pub(crate) fn run(options: &Options) -> i32 {
    tricine_lab_desk::run(options, &mut || Ok(Box::new(Held::begin()?)))
}
