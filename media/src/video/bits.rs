//! A reader of single bits, most significant first, as parameter sets are written. Past the end it reads `None`.

/// A position in a byte string.
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// Starts at the first bit of `data`.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next `n` ≤ 32 bits.
    pub(crate) fn get(&mut self, n: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..n {
            let byte = *self.data.get(self.at / 8)?;
            value = (value << 1) | u32::from((byte >> (7 - self.at % 8)) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// The next bit.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        self.get(1).map(|bit| bit == 1)
    }

    /// Whether anything is left in front of the last bit that is set, which ends a unit.
    pub(crate) fn more(&self) -> bool {
        let last = self.data.iter().rposition(|&byte| byte != 0);
        last.is_some_and(|last| self.at < 8 * last + 7 - self.data[last].trailing_zeros() as usize)
    }

    /// An unsigned Exp-Golomb code.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.get(zeros)?;
        Some(((1u64 << zeros) - 1) as u32 + rest)
    }

    /// A signed Exp-Golomb code.
    pub(crate) fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        Some((if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) }) as i32)
    }
}
