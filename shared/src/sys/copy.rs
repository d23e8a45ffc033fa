//! Copying frames: through the cache, or past it.
//!
//! A plain copy leaves the frame in the cache, where the reader finds it, and first reads each line that it is going to
//! overwrite. A streaming copy does neither: it wins where a frame is larger than the cache that both sides share, and loses
//! where it fits. Which is which depends on the machine and on the neighbours, so [`Copier`] tries both and goes by time.

use crate::time::mono_ns;

/// Copies `from` to `to`, which has to be as long, with stores that pass the cache by. The stores are complete before any
/// later store of this thread is visible.
pub fn streaming(to: &mut [u8], from: &[u8]) {
    assert_eq!(to.len(), from.len());
    #[cfg(target_arch = "x86_64")]
    if to.len() >= 256 {
        // SAFETY: the lengths are equal, checked above; SSE2 is part of x86-64, AVX was detected.
        unsafe { if std::arch::is_x86_feature_detected!("avx") { x86::avx(to, from) } else { x86::sse2(to, from) } }
        return;
    }
    to.copy_from_slice(from);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    macro_rules! streaming {
        ($name:ident, $feature:literal, $vector:ty, $load:ident, $store:ident) => {
            /// `to` and `from` are equally long, and the processor has the feature.
            #[target_feature(enable = $feature)]
            pub(super) unsafe fn $name(to: &mut [u8], from: &[u8]) {
                const WIDTH: usize = size_of::<$vector>();
                // Streaming stores have to be aligned: the ends are copied plainly.
                let head = to.as_ptr().align_offset(64).min(to.len());
                let (first, rest) = to.split_at_mut(head);
                first.copy_from_slice(&from[..head]);
                let from = &from[head..];
                let blocks = rest.len() / (4 * WIDTH);
                for block in 0..blocks {
                    // SAFETY: block < blocks, so four vectors from here lie within both slices; `rest` is aligned to 64,
                    // so each store is to a multiple of WIDTH. Four stores fill whole lines before the next are begun.
                    unsafe {
                        let at = block * 4 * WIDTH;
                        let source = from.as_ptr().add(at).cast::<$vector>();
                        let target = rest.as_mut_ptr().add(at).cast::<$vector>();
                        let v = [$load(source), $load(source.add(1)), $load(source.add(2)), $load(source.add(3))];
                        $store(target, v[0]);
                        $store(target.add(1), v[1]);
                        $store(target.add(2), v[2]);
                        $store(target.add(3), v[3]);
                    }
                }
                let done = blocks * 4 * WIDTH;
                rest[done..].copy_from_slice(&from[done..]);
                // Streaming stores are weakly ordered, and no Release orders them: this does.
                _mm_sfence();
            }
        };
    }
    streaming!(avx, "avx", __m256i, _mm256_loadu_si256, _mm256_stream_si256);
    streaming!(sse2, "sse2", __m128i, _mm_loadu_si128, _mm_stream_si128);
}

/// Frames smaller than this are always copied plainly: any shared cache holds three of them.
const SMALL: usize = 1 << 20;
/// Frames that one way is tried for.
const TRIAL: u32 = 8;
/// Frames between trials: at first, and at most.
const FIRST_RUN: u32 = 32;
const LONGEST_RUN: u32 = 2048;

/// Copies frames the way that has lately been faster, from the start of one frame to the start of the next, so that what the
/// reader loses or gains counts as well. Meant for streams that run as fast as they can; in a paced stream both ways take
/// the same time, and it stays with the plain one.
#[derive(Debug)]
pub struct Copier {
    phase: Phase,
    left: u32,
    run: u32,
    streaming: bool,
    since_ns: u64,
    plain_ns: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    TrialPlain,
    TrialStreaming,
    Run,
}

impl Default for Copier {
    fn default() -> Self {
        let phase = Phase::TrialPlain;
        Self { phase, left: TRIAL, run: FIRST_RUN, streaming: false, since_ns: 0, plain_ns: 0.0 }
    }
}

impl Copier {
    /// Copies `from` to `to`, which has to be as long.
    pub fn copy(&mut self, to: &mut [u8], from: &[u8]) {
        if from.len() < SMALL {
            to.copy_from_slice(from);
            return;
        }
        if self.left == 0 {
            self.turn(mono_ns());
        }
        self.left -= 1;
        match self.phase {
            Phase::TrialStreaming => streaming(to, from),
            Phase::Run if self.streaming => streaming(to, from),
            _ => to.copy_from_slice(from),
        }
        // The first frame of a trial still meets what the way before has left in the cache.
        if self.phase != Phase::Run && self.left == TRIAL - 2 {
            self.since_ns = mono_ns();
        }
    }

    /// The next phase.
    fn turn(&mut self, now_ns: u64) {
        let took = now_ns.saturating_sub(self.since_ns) as f64;
        (self.phase, self.left) = match self.phase {
            Phase::TrialPlain => {
                self.plain_ns = took;
                (Phase::TrialStreaming, TRIAL)
            }
            Phase::TrialStreaming => {
                // Streaming has to be clearly better: in a paced stream the two differ by chance alone.
                let better = took < 0.93 * self.plain_ns;
                self.run = if better == self.streaming { (self.run * 2).min(LONGEST_RUN) } else { FIRST_RUN };
                self.streaming = better;
                (Phase::Run, self.run)
            }
            Phase::Run => (Phase::TrialPlain, TRIAL),
        };
    }

    /// Whether it streams now.
    pub fn streams(&self) -> bool {
        self.streaming
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_alignment_is_copied_whole() {
        let from: Vec<u8> = (0..5000u32).map(|i| (i * 7 + i / 251) as u8).collect();
        for len in (0..600).chain([1023, 1024, 4096, 4777]) {
            for (a, b) in [(0, 0), (1, 0), (0, 3), (31, 17), (64, 5)] {
                let mut to = vec![0xaa; a + len + 100];
                streaming(&mut to[a..a + len], &from[b..b + len]);
                assert_eq!(to[a..a + len], from[b..b + len], "{len} bytes, {a} to {b}");
                assert!(to[..a].iter().chain(&to[a + len..]).all(|&x| x == 0xaa), "{len} bytes, {a} to {b}");
            }
        }
    }

    #[test]
    fn the_copier_copies_whichever_way_it_takes() {
        let from: Vec<u8> = (0..SMALL + 77).map(|i| (i * 13 + i / 997) as u8).collect();
        let mut copier = Copier::default();
        for _ in 0..2 * (FIRST_RUN + 3 * TRIAL) {
            let mut to = vec![0; from.len()];
            copier.copy(&mut to, &from);
            assert!(to == from);
        }
    }

    #[test]
    fn the_faster_way_is_taken_and_runs_grow_while_it_stays_so() {
        let mut copier = Copier::default();
        let mut now = 0;
        let mut round = |copier: &mut Copier, plain: u64, stream: u64| {
            while copier.phase != Phase::TrialPlain {
                copier.turn(now);
            }
            copier.since_ns = now;
            now += plain;
            copier.turn(now);
            copier.since_ns = now;
            now += stream;
            copier.turn(now);
            (copier.streams(), copier.left)
        };
        assert_eq!(round(&mut copier, 1000, 500), (true, FIRST_RUN));
        assert_eq!(round(&mut copier, 1000, 500), (true, 2 * FIRST_RUN));
        assert_eq!(round(&mut copier, 1000, 980), (false, FIRST_RUN));
        for _ in 0..20 {
            round(&mut copier, 1000, 1000);
        }
        assert_eq!(round(&mut copier, 1000, 1000), (false, LONGEST_RUN));
    }
}
