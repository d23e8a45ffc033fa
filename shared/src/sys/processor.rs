//! Which processors this process may run on.

/// The number of the processor that the calling thread may run on, if that is one only.
pub fn only() -> Option<u64> {
    // loom has no processors.
    if cfg!(loom) {
        return None;
    }
    let set = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).ok()?;
    let mut allowed = (0..nix::sched::CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false));
    match (allowed.next(), allowed.next()) {
        (Some(cpu), None) => Some(cpu as u64),
        _ => None,
    }
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
