//! The program under test: the same code as `tricine`, built where integration tests can find it. Its roles can be told to try what they may
//! not do.

fn main() {
    std::process::exit(tricine::main_with(tests::attempt::if_told));
}
