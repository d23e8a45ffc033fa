//! What H.264's sequence parameter set tells beyond what the decoder needs: profile, pixel aspect and colour, and
//! which of its tools this build cannot decode.

use crate::ColorRange;

use super::bits::Bits;
use super::nal::unescape;
use super::slice::SEQUENCES;
use crate::container::Colour;

/// The parts of an SPS that decide how its pictures are shown, and whether they can be decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sps {
    pub(crate) id: u32,
    profile_idc: u32,
    constraints: u32,
    pub(crate) chroma_format_idc: u32,
    pub(crate) bit_depth: u32,
    chroma_depth: u32,
    lossless: bool,
    /// Each colour is coded as a picture of its own.
    pub(crate) separate: bool,
    /// Bits of a frame's number.
    pub(crate) number_bits: u32,
    /// How the picture order count is coded, and its bits.
    pub(crate) order: u32,
    pub(crate) order_bits: u32,
    /// Its differences need not be coded.
    pub(crate) order_fixed: bool,
    /// Of order type 1: what is added for pictures that no other refers to, for the lower field, and for each reference in turn.
    pub(crate) others: i32,
    pub(crate) lower: i32,
    pub(crate) cycle: Vec<i32>,
    /// Frames may be missing by intention.
    pub(crate) gaps: bool,
    /// Columns and rows that are cut off the left and the top, in pixels.
    pub(crate) inset: (u32, u32),
    /// Quantizers have lists of their own.
    pub(crate) lists: bool,
    /// Pictures may be coded as two fields.
    pub(crate) fields: bool,
    /// Pairs of macroblocks may be coded as fields each.
    pub(crate) pairs: bool,
    /// Bits in front of what the timing of a picture says of its fields, where it does.
    pub(crate) timing: Option<u32>,
    /// Frames per second as a fraction, where that is said.
    pub(crate) rate: Option<(u64, u64)>,
    /// How many pictures at most are decoded before one that is shown before them, where that is said or follows.
    pub(crate) reordered: Option<u32>,
    /// Coded size in pixels, before cropping.
    pub(crate) coded: (u32, u32),
    pub(crate) sar: Option<(u32, u32)>,
    pub(crate) colour: Colour,
}

impl Sps {
    /// Reads an SPS NAL unit, its header included.
    pub(crate) fn parse(nal: &[u8]) -> Option<Self> {
        let rbsp = unescape(nal.get(1..)?);
        let mut bits = Bits::new(&rbsp);
        let (profile_idc, constraints) = (bits.get(8)?, bits.get(8)?);
        bits.get(8)?;
        let id = bits.ue().filter(|&id| id <= SEQUENCES)?;
        let (mut chroma_format_idc, mut bit_depth, mut chroma_depth, mut lossless) = (1, 8, 8, false);
        let (mut separate, mut lists) = (false, false);
        if matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
            chroma_format_idc = bits.ue()?;
            if chroma_format_idc == 3 {
                separate = bits.flag()?;
            }
            (bit_depth, chroma_depth) = (8 + bits.ue()?.min(8), 8 + bits.ue()?.min(8));
            lossless = bits.flag()?;
            lists = bits.flag()?;
            if lists {
                for list in 0..if chroma_format_idc == 3 { 12 } else { 8 } {
                    if bits.flag()? {
                        skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        let number_bits = bits.ue()?.min(12) + 4;
        let order = bits.ue()?;
        let (mut order_bits, mut order_fixed, mut others, mut lower, mut cycle) = (0, false, 0, 0, Vec::new());
        match order {
            0 => order_bits = bits.ue()?.min(12) + 4,
            1 => {
                order_fixed = bits.flag()?;
                (others, lower) = (bits.se()?, bits.se()?);
                for _ in 0..bits.ue()?.min(255) {
                    cycle.push(bits.se()?);
                }
            }
            _ => {}
        }
        bits.ue()?;
        let gaps = bits.flag()?;
        let (width, height) = (bits.ue()?.saturating_add(1), bits.ue()?.saturating_add(1));
        let frames_only = bits.flag()?;
        let pairs = !frames_only && bits.flag()?;
        bits.flag()?;
        let mut inset = (0, 0);
        if bits.flag()? {
            let [left, _right, top, _bottom] = [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?];
            let across = if matches!(chroma_format_idc, 1 | 2) { 2 } else { 1 };
            let down = if chroma_format_idc == 1 { 2 } else { 1 } * if frames_only { 1 } else { 2 };
            inset = (left.saturating_mul(across), top.saturating_mul(down));
        }
        let coded = (width.saturating_mul(16), height.saturating_mul(if frames_only { 16 } else { 32 }));
        let (mut sar, mut colour, mut timing, mut rate, mut reordered) = Default::default();
        if bits.flag()?
            && let Some(said) = vui(&mut bits)
        {
            (sar, colour) = said;
            let known = fields_in_timing(&mut bits, &mut rate);
            timing = known.flatten();
            reordered = known.and_then(|_| restriction(&mut bits));
        }
        // Baseline has no B pictures, and this kind of count is that of decoding.
        let reordered = reordered.or((profile_idc == 66 || order == 2).then_some(0));
        let fields = !frames_only;
        Some(Self {
            id,
            profile_idc,
            constraints,
            chroma_format_idc,
            bit_depth,
            chroma_depth,
            lossless,
            separate,
            number_bits,
            order,
            order_bits,
            order_fixed,
            others,
            lower,
            cycle,
            gaps,
            inset,
            lists,
            fields,
            pairs,
            timing,
            rate,
            reordered,
            coded,
            sar,
            colour,
        })
    }

    /// `H.264 High` and the like.
    pub(crate) fn name(&self) -> String {
        let profile = match self.profile_idc {
            66 if self.constraints & 0x40 != 0 => "Constrained Baseline",
            66 => "Baseline",
            77 => "Main",
            88 => "Extended",
            100 => "High",
            110 => "High 10",
            122 => "High 4:2:2",
            244 => "High 4:4:4 Predictive",
            44 => "CAVLC 4:4:4 Intra",
            118 => "Multiview High",
            128 => "Stereo High",
            other => return format!("H.264 profile {other}"),
        };
        format!("H.264 {profile}")
    }

    /// Whether its pictures have colours that are coded together with their luma.
    pub(crate) fn has_chroma(&self) -> bool {
        self.chroma_format_idc != 0 && !self.separate
    }

    /// What of it cannot be decoded, such as `12-bit`.
    pub(crate) fn unsupported(&self) -> Option<String> {
        match self {
            _ if self.is_full() && cfg!(feature = "h264-444") => None,
            Self { colour: Colour { rgb: true, .. }, .. } => Some(self.more("RGB")),
            Self { lists: true, chroma_format_idc: 3, .. } => Some(self.more("4:4:4 with scaling lists")),
            Self { lossless: true, .. } => Some(self.more("lossless")),
            Self { chroma_format_idc: 3, .. } => Some(self.more("4:4:4")),
            Self { bit_depth: 8, chroma_depth: 8, .. } | Self { bit_depth: 10, chroma_depth: 10, .. } => None,
            Self { chroma_format_idc: 0, bit_depth: 8 | 10, .. } => None,
            _ => Some(format!("{}-bit", self.bit_depth.max(self.chroma_depth))),
        }
    }

    /// With what of it is more than a progressive picture of 8 bits, or with the feature that plays it.
    fn more(&self, what: &str) -> String {
        let deep = self.bit_depth.max(self.chroma_depth);
        let deep = if deep > 8 { format!("{deep}-bit ") } else { String::new() };
        let fields = if self.fields { "interlaced " } else { "" };
        let takes = if self.is_full() { ", which takes the feature h264-444" } else { "" };
        format!("{deep}{fields}{what}{takes}")
    }

    /// Whether it is of the kind that the decoder for 4:4:4 and lossless pictures has been measured on.
    pub(crate) fn is_full(&self) -> bool {
        let plain = matches!((self.bit_depth, self.chroma_depth), (8, 8) | (10, 10)) && !(self.fields || self.separate);
        match self.chroma_format_idc {
            3 => plain && !self.lists,
            1 => plain && self.lossless && self.bit_depth == 8,
            _ => false,
        }
    }

    /// Whether it uses nothing but what the fast decoder has been measured on.
    pub(crate) fn is_plain(&self) -> bool {
        let profile = match self.profile_idc {
            66 => self.constraints & 0x40 != 0,
            77 | 100 => true,
            _ => false,
        };
        let samples = (self.chroma_format_idc, self.bit_depth, self.chroma_depth) == (1, 8, 8);
        profile && samples && self.order != 1 && self.inset == (0, 0) && !(self.gaps || self.fields)
    }
}

/// Reads over a scaling list of so many entries.
pub(super) fn skip_scaling_list(bits: &mut Bits<'_>, len: u32) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..len {
        if next != 0 {
            next = last.wrapping_add(bits.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Table E-1 of H.264 (the same in HEVC): sample aspect ratios by `aspect_ratio_idc`.
const ASPECTS: [(u32, u32); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// The beginning of VUI parameters, the same in H.264 and HEVC: pixel aspect and colour.
pub(crate) fn vui(bits: &mut Bits<'_>) -> Option<(Option<(u32, u32)>, Colour)> {
    let mut sar = None;
    if bits.flag()? {
        let (w, h) = match bits.get(8)? {
            255 => (bits.get(16)?, bits.get(16)?),
            idc => ASPECTS.get(idc as usize).copied().unwrap_or_default(),
        };
        sar = (w > 0 && h > 0).then_some((w, h));
    }
    if bits.flag()? {
        bits.flag()?;
    }
    let mut colour = Colour::default();
    if bits.flag()? {
        bits.get(3)?;
        let full = bits.flag()?;
        colour.range = Some(if full { ColorRange::Full } else { ColorRange::Limited });
        if bits.flag()? {
            colour = Colour { range: colour.range, ..Colour::coded(bits.get(8)?, bits.get(8)?, bits.get(8)?) };
        }
    }
    Some((sar, colour))
}

/// What follows in H.264: the rate of frames, and how many bits of a picture's timing stand in front of what it says of its fields.
fn fields_in_timing(bits: &mut Bits<'_>, rate: &mut Option<(u64, u64)>) -> Option<Option<u32>> {
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    if bits.flag()? {
        let (tick, scale) = (u64::from(bits.get(32)?), u64::from(bits.get(32)?));
        // A tick is that of a field.
        *rate = (tick > 0 && scale > 0).then_some((scale, 2 * tick));
        bits.flag()?;
    }
    let mut delays = None;
    for _ in 0..2 {
        if bits.flag()? {
            delays = Some(buffer(bits)?);
        }
    }
    if delays.is_some() {
        bits.flag()?;
    }
    Some(bits.flag()?.then_some(delays.unwrap_or(0)))
}

/// The end of VUI parameters: how many pictures are reordered.
fn restriction(bits: &mut Bits<'_>) -> Option<u32> {
    if !bits.flag()? {
        return None;
    }
    bits.flag()?;
    for _ in 0..4 {
        bits.ue()?;
    }
    bits.ue().filter(|&count| count <= 16)
}

/// A buffer's description: the bits of the two delays in a picture's timing.
fn buffer(bits: &mut Bits<'_>) -> Option<u32> {
    let count = bits.ue()?.min(31) + 1;
    bits.get(8)?;
    for _ in 0..count {
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
    }
    bits.get(5)?;
    let delays = bits.get(5)? + 1 + bits.get(5)? + 1;
    bits.get(5)?;
    Some(delays)
}
