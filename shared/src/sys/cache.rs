//! Asking for cache lines before they are needed. A line that another core has written takes as long to come as a hundred
//! instructions; several that are asked for together come together.

/// A side of a channel has four lines of its frame to fetch, and each locked instruction waits for all that is under way:
/// so they are asked for first. Harmless for any address, and only a hint.
#[inline(always)]
pub fn will_read<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that the program sees, and faults at no address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// As [`will_read`], for a line that is going to be written: the other cores give it up.
#[inline(always)]
pub fn will_write<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as in will_read.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_ET0 }>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
