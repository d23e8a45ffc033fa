//! The program under test: the same code as `tricine`, built where integration tests can find it.

fn main() {
    std::process::exit(tricine::main());
}
