//! What a container counts, in nanoseconds.

use crate::NS;

/// No time lies further from a film's beginning, whatever its file declares: a century, so that the sum and the difference of
/// two times are numbers.
const FARTHEST_NS: i128 = 100 * 366 * 24 * 3600 * NS as i128;

/// What `count` units of `num / den` seconds each last, in ns, rounded down and within a century.
pub(crate) fn units_ns(count: impl Into<i128>, (num, den): (impl Into<i128>, impl Into<i128>)) -> i64 {
    halves(count.into(), num.into(), den.into(), 0)
}

/// The same, rounded to the nearest.
pub(crate) fn nearest_ns(count: impl Into<i128>, (num, den): (impl Into<i128>, impl Into<i128>)) -> i64 {
    halves(count.into(), num.into(), den.into(), 1)
}

/// Pictures per second, as a fraction, of a film that does not say so.
pub(crate) const USUAL: (u64, u64) = (25, 1);

/// Whether a film can have so many pictures per second (`num / den`): where a picture would stay for hours, or a thousandth of what the eye
/// sees, the file is damaged, and nobody would wait.
pub(crate) fn is_rate(num: u64, den: u64) -> bool {
    const SLOWEST: u64 = 3600;
    const FASTEST: u64 = 100_000;
    num > 0 && den > 0 && den / SLOWEST <= num && num / FASTEST <= den
}

fn halves(count: i128, num: i128, den: i128, half: i128) -> i64 {
    let (exact, den) = (count.saturating_mul(num.saturating_mul(NS.into())), den.max(1));
    exact.saturating_add(den / 2 * half).div_euclid(den).clamp(-FARTHEST_NS, FARTHEST_NS) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_cannot_be_are_told_from_those_that_are_odd() {
        for (num, den) in [(30, 1), (30_000, 1001), (1, 3600), (100_000, 1), (u64::from(u32::MAX), u64::from(u32::MAX))]
        {
            assert!(is_rate(num, den), "{num}/{den}");
        }
        let most = u64::from(u32::MAX);
        for (num, den) in [(0, 1), (1, 0), (0, 0), (1, most), (most, 1), (u64::MAX, 1), (1, u64::MAX)] {
            assert!(!is_rate(num, den), "{num}/{den}");
        }
    }

    #[test]
    fn times_of_damaged_files_are_numbers_within_a_century() {
        for (count, unit) in [(i128::from(u64::MAX), (u64::MAX, 1u64)), (i128::MAX, (1, 1)), (3, (u32::MAX.into(), 1))]
        {
            let late = units_ns(count, unit);
            assert_eq!((late, nearest_ns(count, unit), units_ns(-count, unit)), (FARTHEST_NS as i64, late, -late));
            assert!(late.checked_add(late).is_some());
        }
        assert_eq!(
            (units_ns(2, (1, 3)), nearest_ns(2, (1, 3)), nearest_ns(2, (1, 0))),
            (666_666_666, 666_666_667, 2 * NS)
        );
    }
}
