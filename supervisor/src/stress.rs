//! `tricine stress`: a session for the measurement, with a lock and a janitor like any other.

use tricine_channel::namespace;
use tricine_session::Result;
use tricine_session::clock::PlayState;
use tricine_session::control::ControlRegion;

use crate::janitor::{Janitor, Settings};

/// Measures. The exit code.
pub(crate) fn run(options: &tricine_stress::Options) -> Result<i32> {
    let session = options.session.clone().map_or_else(namespace::random_name, Ok)?;
    let janitor = Janitor::start(&session, Settings::now().as_ref(), Vec::new())?;
    let measured = ControlRegion::create(&session, &PlayState::IDLE).and_then(|_held| {
        let measured = tricine_stress::run(options, &session);
        // Also if it failed: whatever has a name goes.
        tricine_session::NAMESPACE.unlink_all(&session, tricine_stress::sys::forget)?;
        measured
    });
    janitor.dismiss();
    measured
}
