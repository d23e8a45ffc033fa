//! What a fuzzer's bytes decide. Where they are at their end everything is as it should be, so that no bytes at all stand for an honest
//! file, and each byte more for a lie.

/// The bytes that are left.
pub(crate) struct Draw<'a>(pub &'a [u8]);

impl<'a> Draw<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number: often one near a limit, else a small one.
    pub(crate) fn number(&mut self) -> u64 {
        let low = u64::from(self.byte());
        match low % 8 {
            0 => 1 << (low >> 3),
            1 => (1 << (low >> 3)) - 1,
            2 => u64::from(u32::MAX) - (low >> 3),
            3 => (1 << 63) - (low >> 3),
            4 => u64::MAX - (low >> 3),
            5 => u64::from(self.byte()) << 8 | low,
            _ => low >> 3,
        }
    }

    /// Whether something is otherwise than usual.
    pub(crate) fn odd(&mut self) -> bool {
        self.byte() % 8 > 4
    }

    /// `honest`, or any number.
    pub(crate) fn or(&mut self, honest: u64) -> u64 {
        if self.odd() { self.number() } else { honest }
    }

    /// One of several; the first is the usual one.
    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    /// `honest`, or a few more or less.
    pub(crate) fn count(&mut self, honest: u8) -> u8 {
        honest.wrapping_add(self.byte()) % 12
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
