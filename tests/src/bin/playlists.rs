//! Random playlists with kills and skips, each picture checked; anything wrong is exit code 1.
//!
//! `cargo run --release -p tests --bin playlists -- --number 1000`

#![forbid(unsafe_code)]

use clap::Parser;
use tests::playlists::{Options, main as play};

fn main() {
    // The same executable is the program under test: its roles, and the supervisor where the first argument says so.
    let is_role = std::env::var_os(tricine_session::process::ROLE_ENV).is_some();
    if is_role || std::env::args().nth(1).is_some_and(|a| a == "play") {
        std::process::exit(tricine::main());
    }
    std::process::exit(i32::from(!play(&Options::parse())));
}
