//! Processes that are run from place to place. Without the test harness, which has threads: only a process of one may fork.

use std::io::{Read, Write, pipe};
use std::sync::atomic::Ordering::SeqCst;

use tricine_stress::sys::trace::{SharedWords, Stepped, Tracer, pause};

#[inline(never)]
fn landmark(words: &SharedWords, n: u64) {
    words[0].store(n, SeqCst);
}

/// A process that sleeps on its way to a breakpoint goes on to its next pause and no further, whether it meets the breakpoint
/// before it, after it, or never.
fn a_run_that_sleeps_on_its_way_goes_on_to_the_next_pause(tracer: &Tracer, before: bool, after: bool) {
    let words = SharedWords::new(1).unwrap();
    let (mut reader, mut writer) = pipe().unwrap();
    let body = || {
        pause();
        reader.read_exact(&mut [0]).unwrap();
        if before {
            landmark(&words, 1);
        }
        pause();
        if after {
            landmark(&words, 2);
        }
        pause();
        7
    };
    let mut process = tracer.fork_traced(body).unwrap();
    process.run_to_pause().unwrap();
    assert_eq!(process.run_to(landmark as *const () as u64).unwrap(), Stepped::Asleep);
    writer.write_all(&[0]).unwrap();
    process.run_to_pause().unwrap();
    assert_eq!(words[0].load(SeqCst), u64::from(before));
    process.run_to_pause().unwrap();
    assert_eq!(words[0].load(SeqCst), if after { 2 } else { before.into() });
    let gone = process.run_to_pause().unwrap_err().to_string();
    assert!(gone.contains("Gone(Code(7))"), "{gone}");
}

fn main() {
    if cfg!(target_arch = "x86_64") {
        let tracer = Tracer::new().unwrap();
        for (before, after) in [(false, false), (false, true), (true, false), (true, true)] {
            a_run_that_sleeps_on_its_way_goes_on_to_the_next_pause(&tracer, before, after);
        }
    }
}
