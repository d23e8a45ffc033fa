//! `membarrier`: one process executes a barrier for all, so that the others need none.
//!
//! Where two processes each write one word and then read the other's, each needs a full barrier in between. If one of them
//! does so a million times a second and the other before it sleeps, the latter can have the kernel execute a barrier on
//! every core that is running one of the processes that take part: some microseconds beside one that runs, a third
//! of one beside one that sleeps. The former then only has to keep its two accesses in the order of the program.

/// Takes part. Whether the kernel knows this (Linux 4.16) and lets us.
pub fn register() -> bool {
    call(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)
}

/// A full barrier here and in every running process that takes part; one that does not run has executed one when it
/// stopped. Whether it was.
pub fn everywhere() -> bool {
    call(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED)
}

fn call(command: libc::c_int) -> bool {
    // SAFETY: neither command takes an address.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_takes_part_may_ask_for_a_barrier() {
        // A kernel without it is one on which channels use fences.
        assert!(!super::register() || super::everywhere());
    }
}
