//! Writes the parameter sets.

use super::bits::Bits;
use super::{CYCLE, Count, Fields, LOWER, Maker, NUMBER_BITS, ORDER_BITS, OTHERS, Rare};

/// Parameter sets of pictures that a stream has at most.
pub(super) const SETS: u32 = 3;

impl Maker {
    /// Parameter sets: of pictures there are two, of which the second weights both directions by distance; or a third, with weights
    /// that slices tell.
    pub(crate) fn parameters(&mut self) {
        let sps = self.sps();
        self.out.extend(sps);
        for set in 0..self.sets() {
            let mut bits = Bits::default();
            bits.ue(SETS * self.form.id + set);
            bits.ue(self.form.id);
            bits.flag(false);
            // The order of the lower field is coded.
            bits.flag(true);
            if self.form.rare == Rare::Groups {
                // Two groups in turn, a macroblock each.
                [1, 0, 0, 0].into_iter().for_each(|code| bits.ue(code));
            } else {
                bits.ue(0);
            }
            bits.ue(0);
            bits.ue(0);
            bits.flag(set == 2);
            bits.put(2, [0, 2, 1][set as usize]);
            bits.se(0);
            bits.se(0);
            bits.se(if self.form.tints { 5 * set as i32 - 5 } else { 0 });
            bits.flag(true);
            bits.flag(false);
            bits.flag(self.form.redundant);
            self.out.extend(bits.nal(3, 8));
        }
    }

    /// How many there are for pictures.
    pub(super) fn sets(&self) -> u32 {
        if self.form.weights || self.form.tints { SETS } else { 2 }
    }

    fn sps(&self) -> Vec<u8> {
        let form = &self.form;
        let mut bits = Bits::default();
        bits.put(8, form.profile.into());
        bits.put(8, if form.profile == 66 { 0x40 } else { 0 });
        bits.put(8, 40);
        bits.ue(form.id);
        if form.profile >= 100 {
            bits.ue(form.chroma);
            bits.ue(if form.deep { 2 } else { 0 });
            bits.ue(if form.deep { 2 } else { 0 });
            bits.put(2, 0);
        }
        bits.ue(NUMBER_BITS - 4);
        match form.count {
            Count::Bits => {
                bits.ue(0);
                bits.ue(ORDER_BITS - 4);
            }
            Count::Decoded => bits.ue(2),
            Count::Expected | Count::Cycle => {
                bits.ue(1);
                bits.flag(form.count == Count::Cycle);
                bits.se(OTHERS);
                bits.se(LOWER);
                bits.ue(CYCLE.len() as u32);
                CYCLE.iter().for_each(|step| bits.se(*step));
            }
        }
        bits.ue(form.refs);
        bits.flag(form.gaps);
        let frames = form.fields == Fields::Never && !form.pairs;
        bits.ue(form.size.0 - 1);
        bits.ue(if frames { form.size.1 } else { form.size.1 / 2 } - 1);
        bits.flag(frames);
        if !frames {
            bits.flag(form.pairs);
        }
        bits.flag(!form.parts || !frames);
        bits.flag(form.crop != [0; 4]);
        if form.crop != [0; 4] {
            form.crop.iter().for_each(|&cut| bits.ue(cut));
        }
        bits.flag(form.told);
        if form.told {
            // Of what the words on use may say, the restrictions alone.
            bits.put(8, 0);
            bits.flag(true);
            bits.flag(true);
            bits.ue(0);
            bits.ue(0);
            bits.ue(12);
            bits.ue(12);
            bits.ue(form.between.min(2));
            bits.ue(form.refs.max(1).max(form.between.min(2)));
        }
        bits.nal(3, 7)
    }
}
