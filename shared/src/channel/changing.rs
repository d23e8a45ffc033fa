//! Copying bytes that others may be writing meanwhile.

/// Copies `len` bytes that others may be writing meanwhile. What was written meanwhile arrives or does not, byte by byte.
///
/// The loads are in assembly: an ordinary load that races with a store is undefined behaviour in Rust, and the compiler could
/// load twice. What stands here does what relaxed atomic loads of each byte would do, and is as wide as the machine.
///
/// # Safety
///
/// `from` is readable and `to` writable for `len` bytes, the two do not overlap, and nobody else uses `to`.
#[inline]
pub(super) unsafe fn changing(from: *const u8, to: *mut u8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's; SSE2 is part of x86-64, AVX was detected.
    unsafe {
        if std::arch::is_x86_feature_detected!("avx") { x86::avx(from, to, len) } else { x86::sse2(from, to, len) }
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: `blocks` × 32 bytes are copied, then the rest, one by one: `len` in all.
    unsafe {
        let (mut from, mut to) = (from, to);
        let (blocks, rest) = (len / 32, len % 32);
        if blocks > 0 {
            std::arch::asm!(
                "2:", "ldp {a:q}, {b:q}, [{from}], #32", "stp {a:q}, {b:q}, [{to}], #32", "subs {n}, {n}, #1", "b.ne 2b",
                from = inout(reg) from, to = inout(reg) to, n = inout(reg) blocks => _,
                a = out(vreg) _, b = out(vreg) _, options(nostack),
            );
        }
        if rest > 0 {
            std::arch::asm!(
                "2:", "ldrb {a:w}, [{from}], #1", "strb {a:w}, [{to}], #1", "subs {n}, {n}, #1", "b.ne 2b",
                from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) rest => _,
                a = out(reg) _, options(nostack),
            );
        }
    }
}

/// The eight bytes at `from`, as [`changing`] reads them.
///
/// # Safety
///
/// `from` is readable for eight bytes.
#[inline]
pub(super) unsafe fn changing_word(from: *const u8) -> u64 {
    let word: u64;
    // SAFETY: the caller's; both processors load from any address.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("mov {}, [{}]", lateout(reg) word, in(reg) from, options(nostack, preserves_flags, readonly));
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("ldr {}, [{}]", lateout(reg) word, in(reg) from, options(nostack, preserves_flags, readonly));
    }
    word
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    macro_rules! changing {
        ($name:ident, $feature:literal, $class:ident, $move:literal, $width:literal) => {
            /// As [`super::changing`], on a processor that has the feature.
            #[target_feature(enable = $feature)]
            pub(super) unsafe fn $name(from: *const u8, to: *mut u8, len: usize) {
                let (mut from, mut to) = (from, to);
                let (blocks, rest) = (len / (4 * $width), len % (4 * $width));
                if blocks > 0 {
                    // SAFETY: `blocks` × four vectors are within `len`.
                    unsafe {
                        std::arch::asm!(
                            "2:",
                            concat!($move, " {a}, [{from}]"),
                            concat!($move, " {b}, [{from} + ", $width, "]"),
                            concat!($move, " {c}, [{from} + 2 * ", $width, "]"),
                            concat!($move, " {d}, [{from} + 3 * ", $width, "]"),
                            concat!($move, " [{to}], {a}"),
                            concat!($move, " [{to} + ", $width, "], {b}"),
                            concat!($move, " [{to} + 2 * ", $width, "], {c}"),
                            concat!($move, " [{to} + 3 * ", $width, "], {d}"),
                            concat!("add {from}, 4 * ", $width),
                            concat!("add {to}, 4 * ", $width),
                            "dec {n}",
                            "jnz 2b",
                            from = inout(reg) from, to = inout(reg) to, n = inout(reg) blocks => _,
                            a = out($class) _, b = out($class) _, c = out($class) _, d = out($class) _,
                            options(nostack),
                        );
                    }
                }
                if rest > 0 {
                    // SAFETY: what is left; the direction flag is clear, as the calling convention has it.
                    unsafe {
                        std::arch::asm!(
                            "rep movsb",
                            inout("rdi") to => _, inout("rsi") from => _, inout("rcx") rest => _,
                            options(nostack, preserves_flags),
                        );
                    }
                }
            }
        };
    }
    changing!(avx, "avx", ymm_reg, "vmovdqu", 32);
    changing!(sse2, "sse2", xmm_reg, "movdqu", 16);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changing_source_is_copied_at_every_length_and_alignment() {
        let from: Vec<u8> = (0..1000u32).map(|i| (i * 11 + i / 241) as u8).collect();
        type Copy = unsafe fn(*const u8, *mut u8, usize);
        #[cfg(target_arch = "x86_64")]
        let mut ways: Vec<Copy> = vec![changing, x86::sse2];
        #[cfg(not(target_arch = "x86_64"))]
        let ways: Vec<Copy> = vec![changing];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx") {
            ways.push(x86::avx);
        }
        for len in (0..300).chain([511, 512, 900]) {
            for (a, b) in [(0, 0), (1, 0), (0, 3), (31, 17)] {
                for way in &ways {
                    let mut to = vec![0xaa; a + len + 50];
                    // SAFETY: both are long enough, and two.
                    unsafe { way(from[b..b + len].as_ptr(), to[a..a + len].as_mut_ptr(), len) };
                    assert_eq!(to[a..a + len], from[b..b + len], "{len} bytes, {a} to {b}");
                    assert!(to[..a].iter().chain(&to[a + len..]).all(|&x| x == 0xaa), "{len} bytes, {a} to {b}");
                }
            }
        }
        for at in 0..50 {
            // SAFETY: there are more than eight bytes.
            let word = unsafe { changing_word(from[at..].as_ptr()) };
            assert_eq!(word.to_le_bytes(), from[at..at + 8]);
        }
    }
}
