//! `tricine lab`: a session for the stage, with a lock and a janitor like any other, once one is needed.

use tricine_channel::namespace::{self, SessionLock};
use tricine_lab_desk::{Options, Result, Session};
use tricine_session::clock::PlayState;
use tricine_session::control::{Attached, ControlRegion, SessionPage, Writable};

use crate::janitor::{Janitor, Settings};

/// Janitors that are started in the place of killed ones.
const SPARE: u32 = 5;

struct Held {
    name: String,
    janitor: Option<Janitor>,
    /// How the terminal was set before anybody changed it, and whether it is drawn on.
    before: Option<Settings>,
    drawn: bool,
    /// Janitors that may still be started: whatever kills one again and again is not outlived.
    spare: u32,
    _control: (Attached<SessionPage<Writable>>, SessionLock),
}

impl Held {
    fn begin() -> Result<Self> {
        let name = namespace::random_name()?;
        let before = Settings::now();
        let janitor = Some(Janitor::start(&name, before.as_ref(), Vec::new())?);
        let control = ControlRegion::create(&name, &PlayState::IDLE)?;
        Ok(Self { name, janitor, before, drawn: false, spare: SPARE, _control: control })
    }
}

impl Session for Held {
    fn name(&self) -> &str {
        &self.name
    }

    fn terminal_is_drawn_on(&mut self) {
        self.drawn = true;
        if let Some(janitor) = &mut self.janitor {
            janitor.terminal_is_drawn_on();
        }
    }

    fn look_after(&mut self) {
        if self.spare == 0 || !self.janitor.as_ref().is_none_or(Janitor::is_gone) {
            return;
        }
        self.spare -= 1;
        self.janitor = Janitor::start(&self.name, self.before.as_ref(), Vec::new()).ok();
        if self.drawn {
            self.terminal_is_drawn_on();
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
