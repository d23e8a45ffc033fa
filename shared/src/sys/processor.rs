//! Which processors this process may run on.

/// The number of the processor that the calling thread may run on, if that is one only.
pub fn only() -> Option<u64> {
    // loom has no processors.
    if cfg!(loom) {
        return None;
    }
    let mut set = std::mem::MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the place is as large as is said; zeroed is a valid set, and the kernel writes one.
    let set = unsafe {
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) != 0 {
            return None;
        }
        set.assume_init()
    };
    // Counted by words, not asked for each processor: an attach is swept instruction by instruction.
    // SAFETY: a valid set.
    if unsafe { libc::CPU_COUNT(&set) } != 1 {
        return None;
    }
    // SAFETY: all of them are within the set.
    (0..libc::CPU_SETSIZE as usize).find(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).map(|cpu| cpu as u64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_is_told_from_several() {
        let set = |cpus: &[usize]| {
            let mut set = nix::sched::CpuSet::new();
            cpus.iter().for_each(|&cpu| set.set(cpu).unwrap());
            nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set).is_ok()
        };
        // A thread's own, so that no other test is confined.
        std::thread::spawn(move || {
            assert!(set(&[0]));
            assert_eq!(super::only(), Some(0));
            // A machine of one processor refuses the second part, or ignores the second processor.
            let several = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap().trim() != "0";
            if set(&[0, 1]) && several {
                assert_eq!(super::only(), None);
            }
        })
        .join()
        .unwrap();
    }
}
