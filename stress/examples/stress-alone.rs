//! `tricine stress` without the player around it, for working on the channel: builds in seconds.
//!
//! ```sh
//! cargo run --release -p tricine-stress --example stress-alone -- --transport floor,shm --payload stamp --read none
//! ```

use clap::Parser;
use tricine_channel::namespace;
use tricine_session::NAMESPACE;
use tricine_session::process::ROLE_ENV;
use tricine_stress::Options;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

fn main() {
    if let Ok(role) = std::env::var(ROLE_ENV) {
        std::process::exit(tricine_stress::role_main(&role).unwrap_or(2));
    }
    let options = Cli::parse().options;
    let name = options.session.clone().unwrap_or_else(|| namespace::random_name().expect("random bits"));
    let code = tricine_stress::run(&options, &name).unwrap_or_else(|error| {
        eprintln!("{error}");
        1
    });
    // What cannot be removed, `tricine clean` removes.
    if let Err(error) = NAMESPACE.unlink_all(&name, tricine_stress::sys::forget) {
        eprintln!("{error}");
    }
    std::process::exit(code);
}
