//! The register that clocks and wishes live in: a reader sees a whole value, never an older one than before.

use std::sync::Arc;

use loom::thread;
use tricine_channel::register::{REGISTER_WORDS, Register};

use crate::world::{assert_seen, explore, saw};

#[test]
fn a_reader_sees_whole_values_in_order() {
    let seen = explore(2, &[], || {
        let register = Arc::new(Register::default());
        register.store([1; REGISTER_WORDS]);
        let writing = register.clone();
        let writer = thread::spawn(move || {
            for value in 2..=3 {
                writing.store([value; REGISTER_WORDS]);
            }
        });
        let mut last = 1;
        for _ in 0..2 {
            let (version, words) = register.load().expect("a value, since the writer soon stops");
            assert!(words.iter().all(|&w| w == version), "a torn value: version {version}, {words:?}");
            assert!(version >= last, "back from {last} to {version}");
            last = version;
            saw(["", "the first value", "the second value", "the third value"][version as usize]);
        }
        writer.join().unwrap();
    });
    assert_seen(&seen, &["the first value", "the second value", "the third value"]);
    seen.print("register");
}
