#![no_main]

use tricine_fuzz::{Kind, begin, run};

libfuzzer_sys::fuzz_target!(init: begin(Kind::Flac), |bytes: &[u8]| run(Kind::Flac, bytes));
