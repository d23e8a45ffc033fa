//! The heads of H.264's slices, and the parameter sets that they are read with.

use super::bits::Bits;
use super::nal::unescape;
use super::sps::{Sps, skip_scaling_list};

/// Bytes of a picture parameter set, or of the head of a slice with its tables of weights.
const HEAD: usize = 1024;

/// The highest numbers of parameter sets.
const PICTURES: u32 = 255;
pub(super) const SEQUENCES: u32 = 31;

/// The parameter sets of a stream that are in force, each by its number.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    sps: Vec<Sps>,
    pps: Vec<Pps>,
    /// Which of the sequences was begun last, or described.
    active: Option<u32>,
}

impl Sets {
    /// What the pictures of now are part of.
    pub(crate) fn sequence(&self) -> Option<&Sps> {
        self.sps.iter().find(|sps| Some(sps.id) == self.active)
    }

    /// Takes a sequence's parameters. Whether they are others than those that were known.
    pub(crate) fn take_sequence(&mut self, sps: Sps) -> bool {
        let other = !self.sps.is_empty() && !self.sps.contains(&sps);
        self.active = Some(sps.id);
        self.sps.retain(|known| known.id != sps.id);
        self.sps.push(sps);
        other
    }

    /// Takes a picture's parameters. Whether they are others than those that were known.
    pub(crate) fn take_picture(&mut self, pps: Pps) -> bool {
        let other = !self.pps.is_empty() && !self.pps.contains(&pps);
        self.pps.retain(|known| known.id != pps.id);
        self.pps.push(pps);
        other
    }

    /// Reads a slice's unit, its header included, and makes its sequence the one of now.
    pub(crate) fn slice(&mut self, nal: &[u8]) -> Option<Slice> {
        let data = unescape(nal.get(1..nal.len().min(HEAD))?);
        let mut bits = Bits::new(&data);
        let (block, kind, id) = (bits.ue()?, bits.ue()?, bits.ue()?);
        let pps = self.pps.iter().find(|pps| pps.id == id)?;
        let sps = self.sps.iter().find(|sps| sps.id == pps.sequence)?;
        self.active = Some(sps.id);
        if sps.separate {
            bits.get(2)?;
        }
        let (idr, reference) = (nal[0] & 0x1f == 5, nal[0] & 0x60 != 0);
        let number = bits.get(sps.number_bits)?;
        let mut slice = Slice { block, kind, idr, reference, number, tints: pps.tints, ..Slice::default() };
        if sps.fields && bits.flag()? {
            slice.field = Some(bits.flag()?);
        }
        if idr {
            bits.ue()?;
        }
        let both = pps.order && slice.field.is_none();
        match sps.order {
            0 => {
                slice.lsb = bits.get(sps.order_bits)?.into();
                slice.delta[0] = if both { bits.se()?.into() } else { 0 };
            }
            1 if !sps.order_fixed => {
                slice.delta = [bits.se()?.into(), if both { bits.se()?.into() } else { 0 }];
            }
            _ => {}
        }
        if pps.redundant {
            bits.ue()?;
        }
        if idr {
            bits.flag()?;
            slice.keeps = bits.flag()?;
        } else if reference {
            marking(&mut bits, &mut slice, sps, pps);
        }
        Some(slice)
    }
}

/// What a picture parameter set says that the head of a slice depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pps {
    pub(crate) id: u32,
    /// The sequence that it belongs to.
    pub(crate) sequence: u32,
    /// The order of a frame's two fields is coded.
    order: bool,
    /// Groups of slices: more than one is flexible macroblock order, and then what follows is not read.
    pub(crate) groups: u32,
    /// References in either list, where a slice says nothing else.
    references: [u32; 2],
    weighted: bool,
    weighted_both: bool,
    /// Slices may be repeated for the case that they are lost.
    pub(crate) redundant: bool,
    /// What is added to the quantizer for either colour.
    tints: [i32; 2],
    /// Coefficients are coded by CABAC.
    pub(crate) cabac: bool,
    /// Quantizers have lists of their own.
    pub(crate) lists: bool,
    /// All of it.
    pub(crate) bytes: Vec<u8>,
}

impl Pps {
    /// Reads a unit, its header included.
    pub(crate) fn parse(nal: &[u8]) -> Option<Self> {
        let data = unescape(nal.get(1..nal.len().min(HEAD))?);
        let mut bits = Bits::new(&data);
        let (id, sequence) = (bits.ue().filter(|&id| id <= PICTURES)?, bits.ue().filter(|&id| id <= SEQUENCES)?);
        let (cabac, order) = (bits.flag()?, bits.flag()?);
        let groups = bits.ue()?.checked_add(1)?;
        let (mut references, mut weighted, mut weighted_both, mut redundant) = ([1, 1], false, false, false);
        let (mut tints, mut lists) = ([0; 2], false);
        if groups == 1 {
            references = [bits.ue()?.min(31) + 1, bits.ue()?.min(31) + 1];
            (weighted, weighted_both) = (bits.flag()?, bits.get(2)? == 1);
            for _ in 0..2 {
                bits.se()?;
            }
            tints = [bits.se()?; 2];
            bits.get(2)?;
            redundant = bits.flag()?;
            let second;
            (lists, second) = second_tint(&mut bits).unwrap_or_default();
            tints[1] = second.unwrap_or(tints[0]);
        }
        let bytes = nal.to_vec();
        Some(Self {
            id,
            sequence,
            order,
            groups,
            references,
            weighted,
            weighted_both,
            redundant,
            tints,
            cabac,
            lists,
            bytes,
        })
    }
}

/// Whether there are lists, and what is added to the quantizer for the second colour, where a set of parameters goes on to that. Lists of
/// 4:4:4 are read wrongly, which the decoders that this matters for do not take anyhow.
fn second_tint(bits: &mut Bits<'_>) -> Option<(bool, Option<i32>)> {
    if !bits.more() {
        return None;
    }
    let smaller = bits.flag()?;
    let lists = bits.flag()?;
    let mut skip = || {
        for list in 0..if smaller { 8 } else { 6 } {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
        Some(())
    };
    if lists && skip().is_none() {
        return Some((lists, None));
    }
    Some((lists, bits.se()))
}

/// The head of a slice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Slice {
    /// Its first macroblock, or pair of them.
    pub(crate) block: u32,
    pub(crate) kind: u32,
    pub(crate) idr: bool,
    /// Others may refer to its picture.
    pub(crate) reference: bool,
    /// The number of its frame, which the pictures that others refer to count.
    pub(crate) number: u32,
    /// It is of a field: whether of the lower one.
    pub(crate) field: Option<bool>,
    /// Of the count of its picture: the lower bits, and the differences that are coded.
    pub(crate) lsb: i64,
    pub(crate) delta: [i64; 2],
    /// All references are forgotten (operation 5), as if an IDR picture had come.
    pub(crate) forgets: bool,
    /// A picture is kept for long from now on.
    pub(crate) keeps: bool,
    /// Frames of which it forgets one field alone: their numbers, and whether one is among them that is kept for long.
    pub(crate) halves: Vec<u32>,
    pub(crate) long_halves: bool,
    /// What is added to the quantizer for either colour.
    pub(crate) tints: [i32; 2],
}

impl Slice {
    /// Where in its picture a slice begins, and its type: what can be told without parameter sets.
    pub(crate) fn place(nal: &[u8]) -> Option<(u32, u32)> {
        // Emulation prevention comes after three bytes at the soonest; both numbers lie before the tenth.
        let head = unescape(nal.get(1..nal.len().min(16))?);
        let mut bits = Bits::new(&head);
        Some((bits.ue()?, bits.ue()?))
    }
}

/// Reads on in the head of a slice, to what it forgets.
fn marking(bits: &mut Bits<'_>, slice: &mut Slice, sps: &Sps, pps: &Pps) -> Option<()> {
    const P: u32 = 0;
    const B: u32 = 1;
    const SP: u32 = 3;
    let kind = slice.kind % 5;
    let lists = match kind {
        P | SP => 1,
        B => 2,
        _ => 0,
    };
    if kind == B {
        bits.flag()?;
    }
    let mut references = pps.references;
    if lists > 0 && bits.flag()? {
        for count in references.iter_mut().take(lists) {
            *count = bits.ue()?.min(31) + 1;
        }
    }
    for _ in 0..lists {
        if bits.flag()? {
            while bits.ue()? != 3 {
                bits.ue()?;
            }
        }
    }
    if pps.weighted && matches!(kind, P | SP) || pps.weighted_both && kind == B {
        let chroma = sps.has_chroma();
        bits.ue()?;
        if chroma {
            bits.ue()?;
        }
        for _ in 0..references.iter().take(lists).sum() {
            if bits.flag()? {
                bits.se()?;
                bits.se()?;
            }
            if chroma && bits.flag()? {
                for _ in 0..4 {
                    bits.se()?;
                }
            }
        }
    }
    if !bits.flag()? {
        return Some(());
    }
    let (mut short, mut long) = (Vec::new(), Vec::new());
    loop {
        match bits.ue()? {
            0 => break,
            1 => short.push(2 * i64::from(slice.number) - i64::from(bits.ue()?)),
            2 => long.push(i64::from(bits.ue()?)),
            3 => {
                slice.keeps = true;
                bits.ue()?;
                bits.ue()?;
            }
            4 => {
                bits.ue()?;
            }
            5 => slice.forgets = true,
            _ => {
                slice.keeps = true;
                bits.ue()?;
            }
        }
    }
    if slice.field.is_some() {
        // A field's number is twice its frame's, and one more for those of the parity of this one.
        let alone = |all: &[i64], number: i64| !all.contains(&(number ^ 1));
        let frames = short.iter().filter(|&&number| alone(&short, number));
        slice.halves = frames.map(|number| (number >> 1).rem_euclid(1 << sps.number_bits) as u32).collect();
        slice.long_halves = long.iter().any(|&number| alone(&long, number));
    }
    Some(())
}
