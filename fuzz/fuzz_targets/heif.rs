#![no_main]

use tricine_fuzz::{Kind, begin, run};

libfuzzer_sys::fuzz_target!(init: begin(Kind::Heif), |bytes: &[u8]| run(Kind::Heif, bytes));
