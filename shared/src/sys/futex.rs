//! `futex`: sleeping until a word in shared memory changes.

use std::io;
use std::sync::atomic::AtomicU32;

use crate::time::{Deadline, NS_PER_S};

/// Sleeps while `word` holds `expected`, until it is woken or `deadline` has passed. Returns also for no reason: look at the
/// word again. Whether time was left.
pub fn wait(word: &AtomicU32, expected: u32, deadline: Deadline) -> bool {
    let at = libc::timespec {
        tv_sec: (deadline.ns() / NS_PER_S) as libc::time_t,
        tv_nsec: (deadline.ns() % NS_PER_S) as libc::c_long,
    };
    // FUTEX_WAIT_BITSET, not FUTEX_WAIT: its time-out is a moment on CLOCK_MONOTONIC, not a span.
    // SAFETY: the word and the timespec outlive the call; the kernel only reads them.
    let slept = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET,
            expected,
            &raw const at,
            std::ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
    slept == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ETIMEDOUT)
}

/// Wakes at most `count` of those who sleep on `word`.
pub fn wake(word: &AtomicU32, count: i32) {
    // SAFETY: the kernel uses the address as a name only; nothing is read or written.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::SeqCst;
    use std::time::Duration;

    #[test]
    fn a_changed_word_does_not_sleep_and_an_unchanged_one_times_out() {
        let word = AtomicU32::new(1);
        assert!(wait(&word, 0, Deadline::after(Duration::from_secs(30))));
        assert!(!wait(&word, 1, Deadline::after(Duration::from_millis(2))));
    }

    #[test]
    fn a_sleeper_is_woken() {
        let word = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                word.store(1, SeqCst);
                wake(&word, 1);
            });
            let deadline = Deadline::after(Duration::from_secs(30));
            while word.load(SeqCst) == 0 {
                assert!(wait(&word, 0, deadline));
            }
        });
    }
}
