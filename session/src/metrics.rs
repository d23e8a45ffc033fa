//! Histograms in shared memory: a role's measurements outlive the role.
//!
//! Log-linear buckets after Gil Tene's HdrHistogram: 32 to each power of two, so a quantile is read to within 1/32.

use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::control::pages::Writable;

const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;
/// Buckets: 32 for the values below 32, then 32 for each further power of two up to 2⁴⁰ ns (18 minutes).
pub const BUCKETS: usize = (SUB as usize) * (40 - SUB_BITS as usize + 1);

tricine_channel::shared_words! {
    /// Counts of values by size: the largest value, then a count for each bucket. One writer; anybody reads.
    #[derive(Debug)]
    #[repr(C)]
    pub struct Histogram<A> {
        max: AtomicU64,
        counts: [AtomicU64; BUCKETS],
        access: PhantomData<A>,
    }
}

fn bucket(value: u64) -> usize {
    if value < SUB {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BITS;
    let index = u64::from(shift + 1) * SUB + ((value >> shift) & (SUB - 1));
    (index as usize).min(BUCKETS - 1)
}

/// The largest value that falls into bucket `index`.
pub fn upper(index: usize) -> u64 {
    let (shift, sub) = (index as u64 / SUB, index as u64 % SUB);
    if shift == 0 { sub } else { ((SUB + sub + 1) << (shift - 1)) - 1 }
}

impl Histogram<Writable> {
    /// Counts one value (usually nanoseconds).
    pub fn record(&self, value: u64) {
        let count = &self.counts[bucket(value)];
        // Load and store, not fetch_add: there is one writer, and a figure needs no locked instruction.
        count.store(count.load(Relaxed) + 1, Relaxed);
        if value > self.max.load(Relaxed) {
            self.max.store(value, Relaxed);
        }
    }
}

impl<A> Histogram<A> {
    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|c| c.load(Relaxed)).fold(0, u64::saturating_add)
    }

    /// The values that were counted, each as the largest of its bucket, and how many of each.
    pub fn counts(&self) -> Vec<(u64, u64)> {
        let counts = self.counts.iter().map(|c| c.load(Relaxed)).enumerate().filter(|(_, count)| *count > 0);
        counts.map(|(index, count)| (upper(index).min(self.max.load(Relaxed)), count)).collect()
    }

    /// The largest value; `None` if there was none.
    pub fn max(&self) -> Option<u64> {
        (self.count() > 0).then(|| self.max.load(Relaxed))
    }

    /// The smallest value that `quantile` (0..=1) of all values do not exceed, to within 1/32, never more than the
    /// maximum; `None` if there was no value.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let total = self.count();
        let rank = ((total as f64 * quantile).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0u64;
        let index = self.counts.iter().position(|c| {
            seen = seen.saturating_add(c.load(Relaxed));
            seen >= rank
        })?;
        Some(upper(index).min(self.max.load(Relaxed)))
    }
}

impl<A> Default for Histogram<A> {
    fn default() -> Self {
        Self { max: AtomicU64::new(0), counts: [const { AtomicU64::new(0) }; BUCKETS], access: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_within_its_bucket_and_a_thirty_second() {
        for shift in 0..40 {
            for value in [1u64 << shift, (1 << shift) + 1, (1 << shift) * 3 / 2, (2 << shift) - 1] {
                let up = upper(bucket(value));
                assert!(up >= value && up - value <= value / 32, "{value} is in the bucket up to {up}");
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let h = Histogram::<Writable>::default();
        assert_eq!((h.quantile(0.5), h.max()), (None, None));
        for v in 1..=1000 {
            h.record(v * 1000);
        }
        for (q, wanted) in [(0.5, 500_000.0), (0.95, 950_000.0), (0.99, 990_000.0), (1.0, 1_000_000.0)] {
            let got = h.quantile(q).unwrap() as f64;
            assert!(got >= wanted && got <= wanted * 33.0 / 32.0, "{q}: {got}");
        }
        assert_eq!(h.max(), Some(1_000_000));
    }
}
