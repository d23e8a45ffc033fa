//! What transport and program streams share: the heads of PES packets, and times of 33 bits that wrap around.

use crate::times::units_ns;
use crate::{MediaError, NS};

/// Two places nearer than this are not bisected any further.
const NEAR: u64 = 512 << 10;

/// Times wrap around after so many ticks, 26.5 hours.
pub(super) const WRAP: i64 = 1 << 33;

/// What a PES packet's header says: its time in ticks, and where its data begins. Both forms are read: that of MPEG-2, and that of
/// MPEG-1, which program streams may have.
pub(super) fn header(data: &[u8]) -> Option<(Option<i64>, usize)> {
    if !data.starts_with(&[0, 0, 1]) {
        return None;
    }
    let time = |b: &[u8]| {
        let [a, b, c, d, e] = [b[0], b[1], b[2], b[3], b[4]].map(i64::from);
        (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
    };
    if data.get(6)? & 0xc0 == 0x80 {
        let (flags, len) = (*data.get(7)?, usize::from(*data.get(8)?));
        return Some((data.get(9..14).filter(|_| flags & 0x80 != 0).map(time), 9 + len));
    }
    let mut at = 6 + data[6..].iter().take(16).take_while(|byte| **byte == 0xff).count();
    if data.get(at)? & 0xc0 == 0x40 {
        at += 2;
    }
    match data.get(at)? >> 4 {
        2 => Some((data.get(at..at + 5).map(time), at + 5)),
        3 => Some((data.get(at..at + 5).map(time), at + 10)),
        _ => Some((None, at + 1)),
    }
}

/// `ticks`, as near to `near` as wrapping around allows.
pub(super) fn unwrap(ticks: i64, near: i64) -> i64 {
    near + (ticks - near + WRAP / 2).rem_euclid(WRAP) - WRAP / 2
}

/// Ticks of 90 kHz in ns.
pub(super) fn ns(ticks: i64) -> i64 {
    units_ns(ticks, (1, 90_000))
}

/// `time_ns` in ticks of 90 kHz.
pub(super) fn ticks(time_ns: i64) -> i64 {
    (i128::from(time_ns) * 90_000 / i128::from(NS)) as i64
}

/// A place in a file of `len` bytes behind which the times are not after `wanted`, in ticks, as far as they rise. `time_behind` tells the first time
/// behind a place, which may have wrapped around.
pub(super) fn bisect(
    len: u64,
    wanted: i64,
    time_behind: impl Fn(u64) -> Result<Option<i64>, MediaError>,
) -> Result<u64, MediaError> {
    let (mut low, mut high) = (0, len);
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        match time_behind(middle)?.map(|time| unwrap(time, wanted)) {
            Some(time) if time <= wanted => low = middle,
            _ => high = middle,
        }
    }
    Ok(low)
}
