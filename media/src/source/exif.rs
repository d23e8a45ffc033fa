//! What pictures say in EXIF (CIPA DC-008), as far as `image` does not read it.

/// The orientation that stands in EXIF's inner list, where some programs move the camera's, and not among what is said of the picture.
pub(super) fn inner_orientation(exif: &[u8]) -> Option<u8> {
    let little = exif.starts_with(b"II");
    let number = |at: usize, len: usize| {
        let bytes = exif.get(at..at + len)?.iter();
        let joined = |all: usize, byte: &u8| all << 8 | usize::from(*byte);
        Some(if little { bytes.rfold(0, joined) } else { bytes.fold(0, joined) })
    };
    // A list of entries of twelve bytes: what it is, of which kind, how many, and the value or where it is.
    let entry = |list: usize, wanted: usize| {
        let entries = (0..number(list, 2)?).map(|n| list + 2 + 12 * n);
        entries.take_while(|at| at + 12 <= exif.len()).find(|at| number(*at, 2) == Some(wanted))
    };
    let inner = number(entry(number(4, 4)?, 0x8769)? + 8, 4)?;
    u8::try_from(number(entry(inner, 0x0112)? + 8, 2)?).ok()
}
