//! Chaos on films and measurements, and a count of what goes wrong; anything wrong is exit code 1.
//!
//! `cargo run --release -p tests --bin soak -- --kills 10000 --sessions 6 --hand-overs 1000000000`

#![forbid(unsafe_code)]

use clap::Parser;
use tests::soak::{Options, leak_if_told, soak};

fn main() {
    // The same executable is the program under test: its roles, and the supervisor where the first argument says so.
    let is_role = std::env::var_os(tricine_session::process::ROLE_ENV).is_some();
    if is_role || std::env::args().nth(1).is_some_and(|a| ["play", "stress"].contains(&a.as_str())) {
        if !is_role {
            leak_if_told();
        }
        std::process::exit(tricine::main());
    }
    std::process::exit(i32::from(!soak(&Options::parse())));
}
