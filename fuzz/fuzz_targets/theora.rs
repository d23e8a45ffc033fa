#![no_main]

use tricine_fuzz::{Kind, begin, run};

libfuzzer_sys::fuzz_target!(init: begin(Kind::Theora), |bytes: &[u8]| run(Kind::Theora, bytes));
