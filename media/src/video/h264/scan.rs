//! Whether a picture's lines are those of two moments, by its slices and by messages, and whether a slice was overwritten.

use super::super::bits::Bits;
use super::super::codec::Fields;
use super::super::nal::{messages, unescape};
use super::super::slice::Slice;
use super::super::sps::Sps;

/// Whether a picture's lines are those of two moments, and which come first; `said` is what a timing message says.
pub(super) fn fields(slice: &Slice, sps: &Sps, said: Option<Timing>) -> Option<Fields> {
    let coded = slice.field.is_some() || sps.pairs;
    let interlaced = match said {
        Some(Timing { scan: Some(interlaced), .. }) => interlaced,
        Some(Timing { structure: 1..=4, .. }) => coded,
        // A whole frame, also one of which a field is shown again, as films on television are.
        Some(_) => false,
        None => coded,
    };
    // How much later the lower field is, where that is coded.
    let later = match sps.order {
        0 => slice.delta[0],
        _ => slice.delta[1],
    };
    let upper = match (slice.field, later) {
        (Some(lower), _) => !lower,
        (None, 0) => said.is_none_or(|said| said.structure != 4),
        (None, later) => later > 0,
    };
    interlaced.then_some(if upper { Fields::TopFirst } else { Fields::BottomFirst })
}

/// Whether a unit holds what emulation prevention keeps out of every unit, as one does of which a part was never written.
pub(super) fn is_overwritten(nal: &[u8]) -> bool {
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte < 3 {
            return true;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    false
}

/// What a timing message says of a picture's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    /// `pic_struct` of the standard: 0 a frame, 3 the upper field first, 4 the lower one.
    structure: u32,
    /// Whether the fields were taken one after the other, where that is said.
    scan: Option<bool>,
}

impl Timing {
    /// Finds it in a unit of messages (SEI), its header included; `skip` bits of it stand in front of what matters.
    pub(super) fn find(nal: &[u8], skip: u32) -> Option<Self> {
        let data = unescape(nal.get(1..)?);
        let (_, body) = messages(&data).find(|(kind, _)| *kind == 1)?;
        let mut bits = Bits::new(body);
        for _ in 0..skip {
            bits.flag()?;
        }
        let structure = bits.get(4)?;
        let clock = bits.flag().unwrap_or(false);
        // The third of four values is "unknown".
        let scan = if clock { bits.get(2).filter(|kind| *kind < 2).map(|kind| kind == 1) } else { None };
        Some(Self { structure, scan })
    }
}
