#![no_main]

use tricine_fuzz::{Kind, begin, run};

libfuzzer_sys::fuzz_target!(init: begin(Kind::Mp3), |bytes: &[u8]| run(Kind::Mp3, bytes));
