//! The lab without the player: builds in seconds, for work on lessons and on the screen. It has no janitor: what a killed one
//! leaves in /dev/shm, `tricine clean` removes.
//!
//! ```text
//! cargo run --release -p tricine-lab-desk --example desk -- 8
//! ```

use clap::Parser;
use tricine_channel::namespace::{SessionLock, random_name};
use tricine_lab_desk::{Options, Session};
use tricine_session::clock::PlayState;
use tricine_session::control::{Attached, ControlRegion, SessionPage, Writable};
use tricine_session::process::ROLE_ENV;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

struct Held(String, #[expect(dead_code, reason = "held, not used")] (Attached<SessionPage<Writable>>, SessionLock));

impl Session for Held {
    fn name(&self) -> &str {
        &self.0
    }

    fn terminal_is_drawn_on(&mut self) {}

    // Nobody cleans up after an example.
    fn look_after(&mut self) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = tricine_session::NAMESPACE.unlink_all(&self.0, tricine_stress::sys::forget);
    }
}

fn main() {
    if let Ok(role) = std::env::var(ROLE_ENV) {
        std::process::exit(tricine_lab_desk::role_main(&role).unwrap_or(2));
    }
    let options = Cli::parse().options;
    let code = tricine_lab_desk::run(&options, &mut || {
        let name = random_name()?;
        let control = ControlRegion::create(&name, &PlayState::IDLE)?;
        Ok(Box::new(Held(name, control)))
    });
    std::process::exit(code);
}
