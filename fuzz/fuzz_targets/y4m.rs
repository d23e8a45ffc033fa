#![no_main]

use tricine_fuzz::{Kind, begin, run};

libfuzzer_sys::fuzz_target!(init: begin(Kind::Y4m), |bytes: &[u8]| run(Kind::Y4m, bytes));
