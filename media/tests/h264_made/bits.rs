//! Writes H.264's codes bit by bit, and puts NAL units into a byte stream.

/// A unit being written, most significant bit first.
#[derive(Default, Clone)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not written yet.
    free: u32,
}

impl Bits {
    /// The `count` low bits of `value`.
    pub(crate) fn put(&mut self, count: u32, value: u32) {
        for at in (0..count).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> at & 1) as u8) << self.free;
            }
        }
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.put(1, value.into());
    }

    /// An unsigned Exp-Golomb code.
    pub(crate) fn ue(&mut self, value: u32) {
        let bits = 32 - (value + 1).leading_zeros();
        self.put(bits - 1, 0);
        self.put(bits, value + 1);
    }

    /// A signed one.
    pub(crate) fn se(&mut self, value: i32) {
        self.ue(if value > 0 { 2 * value as u32 - 1 } else { 2 * value.unsigned_abs() });
    }

    /// A number of at most `most`: one bit turned round where there are but two.
    pub(crate) fn te(&mut self, most: u32, value: u32) {
        match most {
            0 => {}
            1 => self.flag(value == 0),
            _ => self.ue(value),
        }
    }

    /// Zeros up to the next byte, and then whole bytes.
    pub(crate) fn aligned(&mut self, bytes: impl IntoIterator<Item = u8>) {
        self.free = 0;
        self.bytes.extend(bytes);
    }

    /// The unit behind a start code, with its stop bit and its emulation prevention.
    pub(crate) fn nal(mut self, reference: u8, kind: u8) -> Vec<u8> {
        self.flag(true);
        let mut unit = vec![0, 0, 0, 1, reference << 5 | kind];
        let mut zeros = 0;
        for byte in self.bytes {
            if zeros >= 2 && byte < 4 {
                unit.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            unit.push(byte);
        }
        unit
    }
}
