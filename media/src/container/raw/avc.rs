//! In which order the pictures of a raw H.264 stream are shown: the picture order count of the standard, section 8.2.1, which the
//! heads of slices tell.

use super::Place;
use crate::video::bits::Bits;
use crate::video::nal::unescape;
use crate::video::sps::Sps;

/// Bytes of a parameter set, or of the head of a slice with its tables of weights.
const HEAD: usize = 1024;

/// What a picture parameter set says that the head of a slice depends on.
#[derive(Clone, Copy)]
struct Pps {
    id: u32,
    /// The order of a frame's two fields is coded.
    order: bool,
    /// References in either list, where a slice says nothing else.
    references: [u32; 2],
    weighted: bool,
    weighted_both: bool,
    redundant: bool,
}

/// The head of a picture's first slice.
#[derive(Clone, Copy, Default)]
struct Slice {
    idr: bool,
    reference: bool,
    number: u32,
    /// Of a field: whether of the lower one.
    field: Option<bool>,
    lsb: i64,
    /// The differences that are coded.
    delta: [i64; 2],
    /// All references are forgotten (operation 5), as if an IDR picture had come.
    forgets: bool,
}

/// Counts the pictures of a stream.
#[derive(Default)]
pub(super) struct Order {
    sps: Option<Sps>,
    pps: Vec<Pps>,
    /// Of the last picture that others refer to: the two parts of its count.
    msb: i64,
    lsb: i64,
    /// Of the last picture: its number, what numbers that began anew add to it, and whether it forgot all references.
    number: u32,
    offset: i64,
    forgot: bool,
    /// A field that waits for the other one: its number, and whether it is the lower one.
    half: Option<(u32, bool)>,
}

impl Order {
    /// Pictures per second as a fraction, where the stream says so.
    pub(super) fn rate(&self) -> Option<(u64, u64)> {
        self.sps.as_ref().and_then(|sps| sps.rate)
    }

    /// How many pictures at most are decoded before one that is shown before them, where the stream says so.
    pub(super) fn reordered(&self) -> Option<u32> {
        self.sps.as_ref().and_then(|sps| sps.reordered)
    }

    /// Where a picture is shown. `None`: it has no slice that can be read.
    pub(super) fn place(&mut self, data: &[u8]) -> Option<Place> {
        let mut begins = false;
        for (at, _) in data.windows(4).enumerate().filter(|(_, window)| window[..3] == [0, 0, 1]) {
            let nal = data.get(at + 3..data.len().min(at + 3 + HEAD))?;
            match nal[0] & 0x1f {
                7 => {
                    self.sps = Sps::parse(nal).or(self.sps.take());
                    begins = true;
                }
                8 => {
                    if let Some(pps) = Pps::parse(nal) {
                        self.pps.retain(|known| known.id != pps.id);
                        self.pps.push(pps);
                    }
                }
                1 | 5 => {
                    let slice = Slice::parse(nal, self.sps.as_ref()?, &self.pps)?;
                    return Some(self.count(&slice, begins));
                }
                _ => {}
            }
        }
        None
    }

    fn count(&mut self, slice: &Slice, begins: bool) -> Place {
        let second = slice.field.is_some_and(|lower| self.half == Some((slice.number, !lower)));
        self.half = slice.field.filter(|_| !second).map(|lower| (slice.number, lower));
        let sps = self.sps.as_ref();
        let (top, bottom) = match sps.map_or(2, |sps| sps.order) {
            0 => self.by_lsb(slice),
            order => self.by_number(slice, order),
        };
        let count = match slice.field {
            None => top.min(bottom),
            Some(false) => top,
            Some(true) => bottom,
        };
        if slice.reference {
            // What forgets all references has the count 0 from then on.
            let left = if slice.field == Some(true) { 0 } else { top - count };
            (self.msb, self.lsb) = if slice.forgets { (0, left) } else { (self.msb, slice.lsb) };
        }
        self.number = if slice.forgets { 0 } else { slice.number };
        self.forgot = slice.forgets;
        let new = !second && (slice.idr || slice.forgets);
        Place {
            new,
            order: if slice.forgets { 0 } else { count },
            sync: slice.idr || begins,
            second,
            hidden: false,
            fields: 2,
        }
    }

    /// Type 0: the lower bits are coded.
    fn by_lsb(&mut self, slice: &Slice) -> (i64, i64) {
        if slice.idr {
            (self.msb, self.lsb) = (0, 0);
        }
        let most = 1i64 << self.sps.as_ref().map_or(4, |sps| sps.order_bits);
        let mut msb = self.msb;
        if slice.lsb < self.lsb && self.lsb - slice.lsb >= most / 2 {
            msb += most;
        } else if slice.lsb > self.lsb && slice.lsb - self.lsb > most / 2 {
            msb -= most;
        }
        if slice.reference {
            self.msb = msb;
        }
        (msb + slice.lsb, msb + slice.lsb + slice.delta[0])
    }

    /// Types 1 and 2: the count follows from the number of the frame.
    fn by_number(&mut self, slice: &Slice, order: u32) -> (i64, i64) {
        let Some(sps) = &self.sps else { return (0, 0) };
        let before = if self.forgot { 0 } else { self.offset };
        self.offset = match slice.number {
            _ if slice.idr => 0,
            number if self.number > number && !self.forgot => before + (1i64 << sps.number_bits),
            _ => before,
        };
        let number = self.offset + i64::from(slice.number);
        if order == 2 {
            let count = if slice.idr { 0 } else { 2 * number - i64::from(!slice.reference) };
            return (count, count);
        }
        let cycle = sps.cycle.len() as i64;
        let number = if cycle == 0 { 0 } else { number - i64::from(!slice.reference && number > 0) };
        let mut expected = 0;
        if number > 0 {
            let whole: i64 = sps.cycle.iter().map(|&step| i64::from(step)).sum();
            let (cycles, rest) = ((number - 1) / cycle, (number - 1) % cycle);
            let rest: i64 = sps.cycle.iter().take(rest as usize + 1).map(|&step| i64::from(step)).sum();
            expected = cycles.saturating_mul(whole).saturating_add(rest);
        }
        if !slice.reference {
            expected = expected.saturating_add(sps.others.into());
        }
        let first = expected.saturating_add(slice.delta[0]);
        let lower = first.saturating_add(sps.lower.into());
        if slice.field.is_none() { (first, lower.saturating_add(slice.delta[1])) } else { (first, lower) }
    }
}

impl Pps {
    fn parse(nal: &[u8]) -> Option<Self> {
        let data = unescape(nal.get(1..)?);
        let mut bits = Bits::new(&data);
        let id = bits.ue()?;
        bits.ue()?;
        bits.flag()?;
        let order = bits.flag()?;
        // Groups of slices, which nothing here decodes.
        if bits.ue()? > 0 {
            return None;
        }
        let references = [bits.ue()?.min(31) + 1, bits.ue()?.min(31) + 1];
        let (weighted, weighted_both) = (bits.flag()?, bits.get(2)? == 1);
        bits.se()?;
        bits.se()?;
        bits.se()?;
        bits.get(2)?;
        Some(Self { id, order, references, weighted, weighted_both, redundant: bits.flag()? })
    }
}

impl Slice {
    fn parse(nal: &[u8], sps: &Sps, sets: &[Pps]) -> Option<Self> {
        let data = unescape(nal.get(1..)?);
        let mut bits = Bits::new(&data);
        bits.ue()?;
        let (kind, id) = (bits.ue()? % 5, bits.ue()?);
        let pps = sets.iter().find(|pps| pps.id == id)?;
        if sps.separate {
            bits.get(2)?;
        }
        let number = bits.get(sps.number_bits)?;
        let mut slice = Self { idr: nal[0] & 0x1f == 5, reference: nal[0] & 0x60 != 0, number, ..Self::default() };
        if sps.fields && bits.flag()? {
            slice.field = Some(bits.flag()?);
        }
        if slice.idr {
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
        if slice.reference && !slice.idr {
            slice.forgets = forgets(&mut bits, kind, sps, pps).unwrap_or(false);
        }
        Some(slice)
    }
}

/// Whether what follows in the head of a slice forgets all references.
fn forgets(bits: &mut Bits<'_>, kind: u32, sps: &Sps, pps: &Pps) -> Option<bool> {
    const P: u32 = 0;
    const B: u32 = 1;
    const SP: u32 = 3;
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
        return Some(false);
    }
    loop {
        match bits.ue()? {
            0 => return Some(false),
            5 => return Some(true),
            3 => {
                bits.ue()?;
                bits.ue()?;
            }
            _ => {
                bits.ue()?;
            }
        }
    }
}
