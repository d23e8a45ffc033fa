//! In which order the pictures of a raw HEVC stream are shown: the picture order count of the standard, section 8.3.1.

use super::Place;
use crate::video::bits::Bits;
use crate::video::nal::unescape;

/// Bytes of a parameter set that are looked at, and of the head of a slice.
const HEAD: usize = 1024;

/// Pictures per second as a fraction.
type Rate = (u64, u64);

/// What a sequence parameter set says that the order depends on.
struct Sequence {
    /// Bits of the part of the count that is coded.
    bits: u32,
    /// Each colour is a picture of its own.
    separate: bool,
    rate: Option<Rate>,
    /// How many pictures at most are decoded before one that is shown before them.
    reordered: u32,
}

/// Counts the pictures of a stream.
pub(super) struct Order {
    sps: Option<Sequence>,
    /// By number: whether a picture says that it is not shown, and bits that are reserved.
    pps: Vec<(u32, bool, u32)>,
    /// The count of the last picture that counts are told from.
    anchor: i64,
    rate: Option<Rate>,
    /// The next picture that decoding can begin with begins anew: the stream begins, or a sequence ended.
    fresh: bool,
    /// Pictures that lead the last one that decoding could begin with refer to what is not there.
    orphans: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { sps: None, pps: Vec::new(), anchor: 0, rate: None, fresh: true, orphans: false }
    }
}

impl Order {
    /// Pictures per second as a fraction, where the stream says so.
    pub(super) fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// How many pictures at most are decoded before one that is shown before them, where the stream says so.
    pub(super) fn reordered(&self) -> Option<u32> {
        self.sps.as_ref().map(|sps| sps.reordered)
    }

    /// Where a picture is shown. `None`: it refers to what is not there, or it has no slice that can be read.
    pub(super) fn place(&mut self, data: &[u8]) -> Option<Place> {
        self.any(data).and_then(|(place, orphan)| (!orphan).then_some(place))
    }

    /// Where a picture is shown, and whether it refers to what is not there. `None`: it has no slice that can be read.
    pub(super) fn any(&mut self, data: &[u8]) -> Option<(Place, bool)> {
        let mut place = None;
        for (at, _) in data.windows(4).enumerate().filter(|(_, window)| window[..3] == [0, 0, 1]) {
            let nal = data.get(at + 3..data.len().min(at + 3 + HEAD))?;
            match nal[0] >> 1 & 0x3f {
                kind @ 0..=21 if place.is_none() => place = Some(self.slice(kind, nal)),
                33 => {
                    if let Some(set) = sequence(nal) {
                        self.rate = self.rate.or(set.rate);
                        self.sps = Some(set);
                    }
                }
                34 => {
                    if let Some(set) = picture(nal) {
                        self.pps.retain(|known| known.0 != set.0);
                        self.pps.push(set);
                    }
                }
                // The end of a sequence, or of the stream.
                36 | 37 => self.fresh = true,
                _ => {}
            }
        }
        place?
    }

    fn slice(&mut self, kind: u8, nal: &[u8]) -> Option<(Place, bool)> {
        let data = unescape(nal.get(2..)?);
        let mut bits = Bits::new(&data);
        bits.flag()?;
        let random = (16..=23).contains(&kind);
        if random {
            bits.flag()?;
        }
        let id = bits.ue()?;
        let &(_, hides, reserved) = self.pps.iter().find(|known| known.0 == id)?;
        let &Sequence { bits: order_bits, separate, .. } = self.sps.as_ref()?;
        bits.get(reserved)?;
        bits.ue()?;
        let shown = if hides { bits.flag()? } else { true };
        if separate {
            bits.get(2)?;
        }
        let idr = matches!(kind, 19 | 20);
        let lsb = if idr { 0 } else { i64::from(bits.get(order_bits)?) };
        let new = idr || random && (kind <= 18 || self.fresh);
        let most = 1i64 << order_bits;
        let before = self.anchor.rem_euclid(most);
        let mut msb = if new { 0 } else { self.anchor - before };
        if !new && lsb < before && before - lsb >= most / 2 {
            msb += most;
        } else if !new && lsb > before && lsb - before > most / 2 {
            msb -= most;
        }
        let order = msb + lsb;
        if random {
            (self.orphans, self.fresh) = (new && !idr, false);
        }
        // Leading pictures, those of a higher layer of time, and those that no other of their layer refers to are no anchors.
        if nal[1] & 7 == 1 && !matches!(kind, 6..=9) && !(kind < 16 && kind.is_multiple_of(2)) {
            self.anchor = order;
        }
        let orphan = matches!(kind, 8 | 9) && self.orphans;
        Some((Place { new, order, sync: random, second: false, hidden: !shown, fields: 2 }, orphan))
    }
}

/// A picture parameter set.
fn picture(nal: &[u8]) -> Option<(u32, bool, u32)> {
    let data = unescape(nal.get(2..)?);
    let mut bits = Bits::new(&data);
    let id = bits.ue()?;
    bits.ue()?;
    bits.flag()?;
    Some((id, bits.flag()?, bits.get(3)?))
}

/// A sequence parameter set.
#[cfg(feature = "hevc")]
fn sequence(nal: &[u8]) -> Option<Sequence> {
    let data = unescape(nal.get(2..)?);
    let set = rusty_h265::ps::parse_sps(&data).ok()?;
    let timing = set.vui.unwrap_or_default();
    let rate = timing.timing_info_present.then_some((timing.time_scale.into(), timing.num_units_in_tick.into()));
    Some(Sequence {
        bits: set.log2_max_poc_lsb.min(16).into(),
        separate: set.separate_colour_plane_flag,
        rate,
        reordered: set.ordering.get(usize::from(set.max_sub_layers_minus1))?.max_num_reorder_pics,
    })
}

/// Without a decoder nobody asks for the order.
#[cfg(not(feature = "hevc"))]
fn sequence(_: &[u8]) -> Option<Sequence> {
    None
}
