//! Copying frames: through the cache, or past it.
//!
//! A plain copy leaves the frame in the cache, where the reader finds it, and first reads each line that it is going to
//! overwrite. A streaming copy does neither: it wins where nobody reads the frame soon, or where three frames are far larger
//! than the cache that both sides share. The processor's own string copy leaves the frame in the cache and, where the processor
//! knows how, overwrites lines unread: it wins where the frames only just do not fit. Which is best depends on the machine, on
//! the reader and on the neighbours, so [`Copier`] tries each and goes by time.

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

/// Copies `from` to `to`, which has to be as long, by the processor's own instruction for it. Many processors overwrite whole
/// lines by it without having read them.
pub fn string(to: &mut [u8], from: &[u8]) {
    assert_eq!(to.len(), from.len());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the lengths are equal, checked above, and the borrows say that the slices do not overlap; the direction flag is
    // clear, as the calling convention has it. Every x86-64 has the instruction; which have it fast is for Copier to find out.
    unsafe {
        std::arch::asm!(
            "rep movsb",
            inout("rdi") to.as_mut_ptr() => _,
            inout("rsi") from.as_ptr() => _,
            inout("rcx") from.len() => _,
            options(nostack, preserves_flags),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    to.copy_from_slice(from);
}

/// A way of copying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As the standard library does it: `memcpy`.
    Plain,
    /// The processor's string copy: [`string`].
    String,
    /// Past the cache: [`streaming`].
    Streaming,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Plain, Self::String, Self::Streaming];

    /// Copies `from` to `to`, which has to be as long.
    #[inline]
    pub fn copy(self, to: &mut [u8], from: &[u8]) {
        match self {
            Self::Plain => to.copy_from_slice(from),
            Self::String => string(to, from),
            Self::Streaming => streaming(to, from),
        }
    }
}

/// Frames smaller than this are always copied plainly: any shared cache holds three of them.
const SMALL: usize = 1 << 20;
/// Frames that one way is tried for.
const TRIAL: usize = 12;
/// The first of them, which still meet what the way before has left in the cache and in line.
const SETTLING: usize = 4;
/// Frames between trials: at first, and at most.
const FIRST_RUN: usize = 32;
const LONGEST_RUN: usize = 2048;
/// What another way may take of the plain one's time to be clearly better: in a paced stream all differ by chance alone.
const CLEARLY: f64 = 0.93;

/// Copies frames the way that has lately been fastest, by the median time from the start of one frame to the start of the next,
/// so that what the reader loses or gains counts as well, and what a neighbour takes does not. Meant for streams that run as
/// fast as they can; in a paced stream all ways take the same time, and it stays with the plain one.
#[derive(Debug)]
pub struct Copier {
    /// Which way is on trial; `None` between trials.
    trial: Option<usize>,
    left: usize,
    run: usize,
    best: Way,
    /// When each frame of the trial was begun.
    begun_ns: [u64; TRIAL],
    took_ns: [u64; Way::ALL.len()],
}

impl Default for Copier {
    fn default() -> Self {
        Self {
            trial: Some(0),
            left: TRIAL,
            run: FIRST_RUN,
            best: Way::Plain,
            begun_ns: [0; TRIAL],
            took_ns: [0; Way::ALL.len()],
        }
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
        let way = match self.trial {
            Some(i) => {
                self.begun_ns[TRIAL - self.left] = mono_ns();
                Way::ALL[i]
            }
            None => self.best,
        };
        self.left -= 1;
        way.copy(to, from);
    }

    /// On to the next way on trial, or from the last to the best for a while, or back to the first.
    fn turn(&mut self, now_ns: u64) {
        let Some(i) = self.trial else {
            (self.trial, self.left) = (Some(0), TRIAL);
            return;
        };
        let begun = &self.begun_ns[SETTLING..];
        let ended = begun[1..].iter().chain([&now_ns]);
        let mut took: Vec<u64> = ended.zip(begun).map(|(end, begin)| end.saturating_sub(*begin)).collect();
        took.sort_unstable();
        self.took_ns[i] = took[took.len() / 2];
        if i + 1 < Way::ALL.len() {
            (self.trial, self.left) = (Some(i + 1), TRIAL);
            return;
        }
        let best = self.fastest();
        self.run = if best == self.best { (self.run * 2).min(LONGEST_RUN) } else { FIRST_RUN };
        (self.trial, self.left, self.best) = (None, self.run, best);
    }

    fn fastest(&self) -> Way {
        let enough = self.took_ns[0] as f64 * CLEARLY;
        let tried = Way::ALL.into_iter().zip(self.took_ns);
        let (way, took) = tried.min_by_key(|&(_, took)| took).unwrap_or((Way::Plain, 0));
        if (took as f64) < enough { way } else { Way::Plain }
    }

    /// The way that it takes between trials.
    pub fn way(&self) -> Way {
        self.best
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
                for way in Way::ALL {
                    to.fill(0xaa);
                    way.copy(&mut to[a..a + len], &from[b..b + len]);
                    assert_eq!(to[a..a + len], from[b..b + len], "{way:?}, {len} bytes, {a} to {b}");
                    assert!(
                        to[..a].iter().chain(&to[a + len..]).all(|&x| x == 0xaa),
                        "{way:?}, {len} bytes, {a} to {b}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_copier_copies_whichever_way_it_takes() {
        let from: Vec<u8> = (0..SMALL + 77).map(|i| (i * 13 + i / 997) as u8).collect();
        let mut copier = Copier::default();
        for _ in 0..2 * FIRST_RUN + 7 * TRIAL {
            let mut to = vec![0; from.len()];
            copier.copy(&mut to, &from);
            assert!(to == from);
        }
    }

    #[test]
    fn the_fastest_way_is_taken_and_runs_grow_while_it_stays_so() {
        let mut copier = Copier::default();
        let mut now = 0;
        let mut round = |copier: &mut Copier, took: [u64; 3]| {
            if copier.trial.is_none() {
                copier.turn(now);
            }
            for (way, took) in took.into_iter().enumerate() {
                for (i, begun_ns) in copier.begun_ns.iter_mut().enumerate() {
                    *begun_ns = now;
                    // The later ways meet what is left from before, and then a neighbour now and then.
                    now += took + if way > 0 && (i < SETTLING || i % 4 == 0) { 5000 } else { 0 };
                }
                copier.turn(now);
            }
            (copier.way(), copier.left)
        };
        assert_eq!(round(&mut copier, [1000, 900, 500]), (Way::Streaming, FIRST_RUN));
        assert_eq!(round(&mut copier, [1000, 900, 500]), (Way::Streaming, 2 * FIRST_RUN));
        assert_eq!(round(&mut copier, [1000, 600, 700]), (Way::String, FIRST_RUN));
        assert_eq!(round(&mut copier, [1000, 960, 980]), (Way::Plain, FIRST_RUN));
        for _ in 0..20 {
            round(&mut copier, [1000, 1000, 1000]);
        }
        assert_eq!(round(&mut copier, [1000, 1000, 1000]), (Way::Plain, LONGEST_RUN));
    }
}
