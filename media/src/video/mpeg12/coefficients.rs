//! Coefficients of a block by tables. The crate looks each code up by going through all of them, which takes two thirds of its time;
//! the tables here are filled by asking it once for each beginning of a code, so they say what it says.

use std::sync::LazyLock;

use oxideav_core::bits::BitReader;
use oxideav_mpeg12video::Error;
use oxideav_mpeg12video::mpeg2_dct_coeff::{CoefficientPosition, DctCoeff, DctCoeffStep, TableSelection};

/// A run of zeros and the value behind it; `None`: the block ends.
type Step = Option<(u8, i16)>;

/// What bits stand for.
#[derive(Debug, Clone, Copy)]
enum Entry {
    /// A run and a value of this length, without its sign.
    Value { run: u8, level: u8, len: u8 },
    /// The block's end.
    End { len: u8 },
    /// The next eight bits decide, by the table of this number.
    Longer(usize),
    /// Something rare, or nothing: the crate decides.
    Ask,
}

/// The codes that are valid at one place of a block.
pub(super) struct Codes {
    table: TableSelection,
    position: CoefficientPosition,
    first: Vec<Entry>,
    longer: Vec<Vec<Entry>>,
}

/// What comes first in a block that is predicted, and what comes after that; and the other table, for blocks that are not.
static FIRST: LazyLock<Codes> = LazyLock::new(|| Codes::new(TableSelection::TableZero, CoefficientPosition::First));
static NEXT: LazyLock<Codes> = LazyLock::new(|| Codes::new(TableSelection::TableZero, CoefficientPosition::Next));
static OTHER: LazyLock<Codes> = LazyLock::new(|| Codes::new(TableSelection::TableOne, CoefficientPosition::Next));

/// The codes at a block's beginning and behind it.
pub(super) fn codes(table: TableSelection) -> (&'static Codes, &'static Codes) {
    match table {
        TableSelection::TableZero => (&FIRST, &NEXT),
        TableSelection::TableOne => (&OTHER, &OTHER),
    }
}

impl Codes {
    fn new(table: TableSelection, position: CoefficientPosition) -> Self {
        let mut codes = Self { table, position, first: Vec::new(), longer: Vec::new() };
        for begins in 0..=255 {
            let mut entry = codes.asked([begins, 0]);
            if !matches!(entry, Entry::Value { len: ..=8, .. } | Entry::End { .. }) {
                codes.longer.push((0..=255).map(|goes_on| codes.asked([begins, goes_on])).collect());
                entry = Entry::Longer(codes.longer.len() - 1);
            }
            codes.first.push(entry);
        }
        codes
    }

    /// What the crate says of a code that begins so.
    fn asked(&self, [begins, goes_on]: [u8; 2]) -> Entry {
        let data = [begins, goes_on, 0, 0, 0, 0, 0, 0];
        let mut bits = BitReader::new(&data);
        match DctCoeffStep::parse(&mut bits, self.table, self.position).map(|step| step.symbol) {
            Ok(DctCoeff::RunLevel { run, signed_level, escape: false }) => {
                let len = bits.bit_position() as u8 - 1;
                Entry::Value { run, level: signed_level.unsigned_abs() as u8, len }
            }
            Ok(DctCoeff::EndOfBlock) => Entry::End { len: bits.bit_position() as u8 },
            _ => Entry::Ask,
        }
    }

    /// The next step from bit `at` of `data` on, which is moved behind it. Errors: there is no such code, or the data ends.
    #[inline(always)]
    pub(super) fn step(&self, data: &[u8], at: &mut usize) -> Result<Step, Error> {
        // The longest code and its sign are 17 bits.
        if let Some(word) = data.get(*at / 8..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_be_bytes(*word) << (*at % 8);
            let mut entry = self.first[(word >> 56) as usize];
            if let Entry::Longer(number) = entry {
                entry = self.longer[number][(word >> 48 & 0xff) as usize];
            }
            match entry {
                Entry::Value { run, level, len } => {
                    *at += usize::from(len) + 1;
                    let level = i16::from(level);
                    return Ok(Some((run, if word >> (63 - len) & 1 == 0 { level } else { -level })));
                }
                Entry::End { len } => {
                    *at += usize::from(len);
                    return Ok(None);
                }
                Entry::Longer(_) | Entry::Ask => {}
            }
        }
        self.by_the_crate(data, at)
    }

    #[cold]
    #[inline(never)]
    fn by_the_crate(&self, data: &[u8], at: &mut usize) -> Result<Step, Error> {
        let whole = *at / 8;
        let mut bits = BitReader::new(data.get(whole..).unwrap_or(&[]));
        bits.skip((*at % 8) as u32).map_err(|_| Error::ShortHeader)?;
        let step = DctCoeffStep::parse(&mut bits, self.table, self.position)?;
        *at = 8 * whole + bits.bit_position() as usize;
        Ok(match step.symbol {
            DctCoeff::RunLevel { run, signed_level, .. } => Some((run, signed_level)),
            DctCoeff::EndOfBlock => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_what_the_crate_takes_it_for() {
        for codes in [&*FIRST, &*NEXT, &*OTHER] {
            for word in 0..1_u32 << 17 {
                // What follows is there for escapes, whose values are longer.
                let data = (u64::from(word) << 47 | 0x5a5a_5a5a_5a5a).to_be_bytes();
                let (mut at, mut theirs) = (0, BitReader::new(&data));
                let said =
                    DctCoeffStep::parse(&mut theirs, codes.table, codes.position).map(|step| match step.symbol {
                        DctCoeff::RunLevel { run, signed_level, .. } => Some((run, signed_level)),
                        DctCoeff::EndOfBlock => None,
                    });
                match (codes.step(&data, &mut at), said) {
                    (Ok(ours), Ok(said)) => {
                        assert_eq!((ours, at as u64), (said, theirs.bit_position()), "{word:017b}");
                    }
                    (ours, theirs) => assert!(ours.is_err() && theirs.is_err(), "{word:017b}: {ours:?}, {theirs:?}"),
                }
            }
        }
    }
}
