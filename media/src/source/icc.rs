//! What an ICC profile says of the three colours that a picture is mixed of: ICC.1 (version 4) and its elder, version 2.

use crate::container::Primaries;
use crate::container::boxes::be32;

/// Red, green and blue of Display P3 (SMPTE EG 432-1) as profiles have them: X, Y and Z, adapted to the white of D50.
const P3: [(&[u8; 4], [f64; 3]); 3] =
    [(b"rXYZ", [0.5151, 0.2412, -0.0011]), (b"gXYZ", [0.2920, 0.6922, 0.0419]), (b"bXYZ", [0.1571, 0.0666, 0.7841])];
/// How far a profile's figures may be off: less than other colours are.
const OFF: f64 = 0.004;
/// More tags no profile has.
const TAGS: usize = 256;

/// The colours, if they are others than those of an ordinary screen and are known here: P3.
pub(super) fn primaries(profile: &[u8]) -> Option<Primaries> {
    let is = |(name, wanted): (&[u8; 4], [f64; 3])| {
        let found = xyz(profile, name)?;
        Some(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < OFF))
    };
    P3.into_iter().all(|color| is(color) == Some(true)).then_some(Primaries::P3)
}

/// The tag of that name, which begins with three numbers in 1/65536.
fn xyz(profile: &[u8], name: &[u8; 4]) -> Option<[f64; 3]> {
    let tags = profile.get(132..)?.as_chunks::<12>().0.iter().take(TAGS.min(be32(profile, 128)? as usize));
    let tag = tags.into_iter().find(|tag| tag.starts_with(name))?;
    let body = profile.get(be32(tag, 4)? as usize..)?.strip_prefix(b"XYZ ")?;
    let number = |n: usize| be32(body, 4 + 4 * n).map(|number| f64::from(number as i32) / 65_536.0);
    Some([number(0)?, number(1)?, number(2)?])
}
