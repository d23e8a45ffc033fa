//! What the heads of slices, picture parameter sets and timing messages of H.264 tell: which picture a slice belongs to, where in
//! it, and whether the picture's lines are those of two moments.

use super::super::bits::Bits;
use super::super::codec::Fields;
use super::super::nal::{messages, unescape};
use super::super::sps::Sps;

/// What a picture parameter set says that the head of a slice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pps {
    pub(super) id: u32,
    /// The order of a frame's two fields is coded.
    order: bool,
    /// Groups of slices: more than one is flexible macroblock order.
    pub(super) groups: u32,
    /// Slices may be repeated for the case that they are lost.
    redundant: bool,
}

impl Pps {
    /// Reads a unit, its header included.
    pub(super) fn parse(nal: &[u8]) -> Option<Self> {
        let head = unescape(nal.get(1..nal.len().min(64))?);
        let mut bits = Bits::new(&head);
        let id = bits.ue()?;
        bits.ue()?;
        bits.flag()?;
        let order = bits.flag()?;
        let groups = bits.ue()?.checked_add(1)?;
        let mut pps = Self { id, order, groups, redundant: false };
        if groups == 1 {
            bits.ue()?;
            bits.ue()?;
            bits.get(3)?;
            for _ in 0..3 {
                bits.se()?;
            }
            bits.get(2)?;
            pps.redundant = bits.flag()?;
        }
        Some(pps)
    }
}

/// The beginning of a slice's head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slice {
    /// Its first macroblock, or pair of them.
    pub(super) block: u32,
    pub(super) kind: u32,
    /// The number of its frame, which the pictures that others refer to count.
    pub(super) number: u32,
    /// It is of a field: whether of the lower one.
    pub(super) field: Option<bool>,
    /// How much later the lower field is, where that is coded.
    later: i32,
    /// It stands for another slice that is there, too.
    pub(super) redundant: bool,
}

impl Slice {
    /// Where in its picture it begins, and its type: what can be told without parameter sets.
    pub(super) fn place(nal: &[u8]) -> Option<(u32, u32)> {
        // Emulation prevention comes after three bytes at the soonest; both numbers lie before the tenth.
        let head = unescape(nal.get(1..nal.len().min(16))?);
        let mut bits = Bits::new(&head);
        Some((bits.ue()?, bits.ue()?))
    }

    /// Reads a slice's unit, its header included.
    pub(super) fn parse(nal: &[u8], sps: &Sps, sets: &[Pps]) -> Option<Self> {
        let head = unescape(nal.get(1..nal.len().min(64))?);
        let mut bits = Bits::new(&head);
        let (block, kind, id) = (bits.ue()?, bits.ue()?, bits.ue()?);
        let pps = sets.iter().find(|pps| pps.id == id)?;
        if sps.separate {
            bits.get(2)?;
        }
        let number = bits.get(sps.number_bits)?;
        let field = if sps.fields && bits.flag()? { Some(bits.flag()?) } else { None };
        if nal[0] & 0x1f == 5 {
            bits.ue()?;
        }
        let mut later = 0;
        let both = pps.order && field.is_none();
        match sps.order {
            0 => {
                bits.get(sps.order_bits)?;
                later = if both { bits.se()? } else { 0 };
            }
            1 if !sps.order_fixed => {
                bits.se()?;
                later = if both { bits.se()? } else { 0 };
            }
            _ => {}
        }
        let redundant = pps.redundant && bits.ue()? > 0;
        Some(Self { block, kind, number, field, later, redundant })
    }

    /// Whether its picture's lines are those of two moments, and which come first; `said` is what a timing message says.
    pub(super) fn fields(&self, sps: &Sps, said: Option<Timing>) -> Option<Fields> {
        let coded = self.field.is_some() || sps.pairs;
        let interlaced = match said {
            Some(Timing { scan: Some(interlaced), .. }) => interlaced,
            Some(Timing { structure: 1..=4, .. }) => coded,
            // A whole frame, also one of which a field is shown again, as films on television are.
            Some(_) => false,
            None => coded,
        };
        let upper = match (self.field, self.later) {
            (Some(lower), _) => !lower,
            (None, 0) => said.is_none_or(|said| said.structure != 4),
            (None, later) => later > 0,
        };
        interlaced.then_some(if upper { Fields::TopFirst } else { Fields::BottomFirst })
    }
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
