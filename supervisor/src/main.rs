//! The `tricine` command. See the library.

#![forbid(unsafe_code)]

fn main() {
    std::process::exit(tricine::main());
}
