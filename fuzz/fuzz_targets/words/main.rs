//! What a peer writes into shared memory and says through sockets. `TRICINE_FUZZ` says which target is meant; without it, both are named.
#![no_main]

mod channel;
mod parsers;

use std::sync::LazyLock;

/// The one that is meant.
static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| match std::env::var("TRICINE_FUZZ").as_deref() {
    Ok("parsers") => parsers::run,
    Ok("channel") => channel::run,
    _ => {
        println!("parsers channel");
        std::process::exit(0)
    }
});

libfuzzer_sys::fuzz_target!(init: LazyLock::force(&RUN), |bytes: &[u8]| RUN(bytes));
