//! What a file says. `TRICINE_FUZZ` says which target is meant; without it, all are named.
#![no_main]

use std::sync::LazyLock;

use tricine_fuzz::Target;

/// The one that is meant.
static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("TRICINE_FUZZ").unwrap_or_default();
    Target::all().find(|target| target.name() == name).unwrap_or_else(|| {
        Target::all().for_each(|target| println!("{}", target.name()));
        std::process::exit(0)
    })
});

libfuzzer_sys::fuzz_target!(init: TARGET.begin(), |bytes: &[u8]| TARGET.run(bytes));
