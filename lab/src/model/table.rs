//! The states that were met, each once, one after another in one allocation.

/// States of one width, found by their contents.
pub(super) struct Table {
    width: usize,
    states: Vec<i16>,
    /// Open addressing: indices of states, at most half full.
    slots: Vec<u32>,
}

const FREE: u32 = u32::MAX;

impl Table {
    pub(super) fn new(width: usize) -> Self {
        Self { width, states: vec![], slots: vec![FREE; 1 << 12] }
    }

    pub(super) fn len(&self) -> usize {
        self.states.len() / self.width
    }

    pub(super) fn get(&self, i: usize) -> &[i16] {
        &self.states[i * self.width..(i + 1) * self.width]
    }

    pub(super) fn bytes(&self) -> usize {
        self.states.capacity() * 2 + self.slots.len() * 4
    }

    /// The state's index, and whether it is new.
    pub(super) fn insert(&mut self, state: &[i16]) -> (usize, bool) {
        if (self.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut h = hash(state) & mask;
        while self.slots[h] != FREE {
            let i = self.slots[h] as usize;
            if self.get(i) == state {
                return (i, false);
            }
            h = (h + 1) & mask;
        }
        let new = self.len();
        self.slots[h] = u32::try_from(new).unwrap_or(FREE - 1);
        self.states.extend_from_slice(state);
        (new, true)
    }

    fn grow(&mut self) {
        let mut slots = vec![FREE; self.slots.len() * 4];
        let mask = slots.len() - 1;
        for i in 0..self.len() {
            let mut h = hash(self.get(i)) & mask;
            while slots[h] != FREE {
                h = (h + 1) & mask;
            }
            slots[h] = u32::try_from(i).unwrap_or(FREE - 1);
        }
        self.slots = slots;
    }
}

/// Four numbers at a time, multiplied and rotated; the upper bits are the well mixed ones.
#[allow(clippy::cast_possible_truncation)] // Bits of a hash.
fn hash(state: &[i16]) -> usize {
    let mut h = 0u64;
    for four in state.chunks(4) {
        let word = four.iter().fold(0u64, |w, v| w << 16 | u64::from(v.cast_unsigned()));
        h = (h.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    (h ^ h >> 32) as usize
}
