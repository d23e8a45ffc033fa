//! Coefficients of a block by tables. The crate reads bit by bit, and looks each code up by going through all of them; the tables
//! here are filled by asking it once for each beginning of a code, so they say what it says.

use std::sync::LazyLock;

use oxideav_mpeg4video::bitreader::BitReader;
use oxideav_mpeg4video::scan::{ScanType, inverse_scan};
use oxideav_mpeg4video::texture::{AcEvent, TcoefTable, decode_ac_event};

/// A place in a picture's data.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// In bits. It may lie behind the end, where all bits are zero.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }

    /// The next 32 bits.
    #[inline]
    pub(super) fn peek(&self) -> u32 {
        let at = self.at / 8;
        let word = match self.data.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(word) => u64::from_be_bytes(*word),
            None => (at..at + 8).fold(0, |word, at| word << 8 | u64::from(self.data.get(at).copied().unwrap_or(0))),
        };
        (word << (self.at % 8) >> 32) as u32
    }

    /// Bits up to the next byte, eight if one begins here.
    pub(super) fn to_next_byte(self) -> u32 {
        8 - (self.at % 8) as u32
    }

    /// Whether more was read than there is.
    pub(super) fn is_over(&self) -> bool {
        self.at > 8 * self.data.len()
    }

    /// Lets the crate look without reading on.
    pub(super) fn probe(&self, look: impl FnOnce(&mut BitReader<'a>) -> bool) -> bool {
        let mut bits = BitReader::new(self.data);
        bits.skip_bits(self.at).is_ok() && look(&mut bits)
    }

    /// Lets the crate read. `None`: it complains, or nothing is left.
    pub(super) fn by_the_crate<T, E>(&mut self, read: impl FnOnce(&mut BitReader<'a>) -> Result<T, E>) -> Option<T> {
        let mut bits = BitReader::new(self.data);
        bits.skip_bits(self.at).ok()?;
        let read = read(&mut bits).ok()?;
        self.at = bits.bit_position();
        Some(read)
    }
}

/// A run of zeros and the value behind it, which may be the block's last one. Without length: the crate decides.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    run: u8,
    level: i8,
    last: bool,
    len: u8,
}

/// The codes of blocks that are predicted, or of those that are not.
pub(super) struct Codes {
    kind: TcoefTable,
    /// By the next nine bits, and where those do not suffice by thirteen: the longest code and its sign.
    short: [Entry; 1 << 9],
    long: [Entry; 1 << 13],
}

// In boxes, since a static with room for the tables would be as large in the program's file.
pub(super) static INTRA: LazyLock<Box<Codes>> = LazyLock::new(|| Box::new(Codes::new(TcoefTable::Intra)));
pub(super) static INTER: LazyLock<Box<Codes>> = LazyLock::new(|| Box::new(Codes::new(TcoefTable::Inter)));

impl Codes {
    fn new(kind: TcoefTable) -> Self {
        let asked = |bits: u32, most: u8| {
            let data = bits.to_be_bytes();
            let mut bits = BitReader::new(&data);
            match decode_ac_event(&mut bits, kind) {
                Ok(event) if bits.bit_position() <= most.into() => Entry {
                    run: event.run as u8,
                    level: event.level as i8,
                    last: event.last,
                    len: bits.bit_position() as u8,
                },
                _ => Entry::default(),
            }
        };
        Self {
            kind,
            short: std::array::from_fn(|bits| asked((bits as u32) << 23, 9)),
            long: std::array::from_fn(|bits| asked((bits as u32) << 19, 13)),
        }
    }

    /// The next run and value, and whether they are the last. `None`: there is no such code, or the data ends.
    #[inline(always)]
    fn next(&self, bits: &mut Bits<'_>) -> Option<AcEvent> {
        let word = bits.peek();
        let mut entry = self.short[(word >> 23) as usize];
        if entry.len == 0 {
            entry = self.long[(word >> 19) as usize];
            if entry.len == 0 {
                return self.asked(bits);
            }
        }
        bits.at += usize::from(entry.len);
        Some(AcEvent { last: entry.last, run: entry.run.into(), level: entry.level.into() })
    }

    /// Reads a block's coefficients from place `at` of its order on; `take` is given each one's row, column and value. `None`: they
    /// are broken.
    #[inline(always)]
    pub(super) fn each(
        &self,
        from: &mut Bits<'_>,
        order: &Order,
        mut at: usize,
        mut take: impl FnMut(usize, usize, i32),
    ) -> Option<()> {
        let mut bits = *from;
        loop {
            let event = self.next(&mut bits)?;
            at += event.run as usize;
            let (v, u) = *order.get(at)?;
            at += 1;
            take(usize::from(v & 7), usize::from(u & 7), event.level);
            if event.last {
                *from = bits;
                return Some(());
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn asked(&self, bits: &mut Bits<'_>) -> Option<AcEvent> {
        bits.by_the_crate(|bits| decode_ac_event(bits, self.kind))
    }
}

/// Row and column of each coefficient of a block in the order in which they are coded.
pub(super) type Order = [(u8, u8); 64];

/// The orders, as the crate has them.
static ORDERS: LazyLock<[Order; 3]> = LazyLock::new(|| {
    [ScanType::Zigzag, ScanType::AlternateHorizontal, ScanType::AlternateVertical].map(|kind| {
        let mut order = [(0, 0); 64];
        for (v, row) in inverse_scan(&std::array::from_fn(|n| n as i32), kind).iter().enumerate() {
            row.iter().enumerate().for_each(|(u, n)| order[*n as usize] = (v as u8, u as u8));
        }
        order
    })
});

/// In what order coefficients are coded.
pub(super) fn order(kind: ScanType) -> &'static Order {
    match kind {
        ScanType::Zigzag => &ORDERS[0],
        ScanType::AlternateHorizontal => &ORDERS[1],
        ScanType::AlternateVertical => &ORDERS[2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_what_the_crate_takes_it_for() {
        for codes in [&*INTRA, &*INTER] {
            for word in 0..1_u32 << 13 {
                // What follows is there for escapes, which are longer.
                let data = (u64::from(word) << 51 | 0x5a5a_5a5a_5a5a).to_be_bytes();
                let (mut ours, mut theirs) = (Bits::new(&data, 0), BitReader::new(&data));
                let said = decode_ac_event(&mut theirs, codes.kind).ok();
                assert_eq!(codes.next(&mut ours), said, "{word:013b}");
                assert!(said.is_none() || ours.at == theirs.bit_position(), "{word:013b}");
            }
        }
    }
}
