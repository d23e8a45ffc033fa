//! Fonts on their way from the decoder to the renderer, by the channel of pages: too long for one slot, they come in parts, all of a set
//! before the first page that needs them. A set is a row of fonts, each behind its length.
//!
//! Nothing here looks into a font. Whoever gathers parts has no reason to trust whoever wrote them.

use std::ops::Range;
use std::sync::Arc;

/// Bytes of a part at most.
pub const LONGEST_PART: usize = 1 << 20;
/// Bytes of a set at most.
const LONGEST_SET: u32 = 97 << 20;
/// What a part begins with: no page's description is so long.
const MARK: [u8; 4] = [0xff; 4];

/// A part of a set of fonts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FontPart {
    /// Which set, 0 for that without any font.
    pub set: u64,
    /// Bytes of the set.
    pub of: u32,
    /// Where in it these lie.
    pub at: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl FontPart {
    /// The bytes of a part.
    pub fn encode(&self) -> Vec<u8> {
        [&MARK[..], &self.set.to_le_bytes(), &self.of.to_le_bytes(), &self.at.to_le_bytes(), &self.bytes].concat()
    }

    /// Reads what a peer wrote; `None` if it is no part.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (set, rest) = bytes.strip_prefix(&MARK)?.split_first_chunk()?;
        let (of, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let part = Self {
            set: u64::from_le_bytes(*set),
            of: u32::from_le_bytes(*of),
            at: u32::from_le_bytes(*at),
            bytes: rest.to_vec(),
        };
        let end = u64::from(part.at) + rest.len() as u64;
        (rest.len() <= LONGEST_PART && part.of <= LONGEST_SET && end <= u64::from(part.of)).then_some(part)
    }
}

/// The parts of a set that have come, one behind the other.
#[derive(Debug, Default)]
pub struct Gathered {
    set: u64,
    of: u32,
    bytes: Vec<u8>,
}

impl Gathered {
    /// Takes the next part. The fonts, once all have come; a part that is not the next one is left out.
    pub fn add(&mut self, part: &FontPart) -> Option<FontSet> {
        if part.at == 0 {
            *self = Self { set: part.set, of: part.of, bytes: Vec::new() };
        }
        if (part.set, part.of, part.at as usize) != (self.set, self.of, self.bytes.len()) {
            return None;
        }
        self.bytes.extend_from_slice(&part.bytes);
        let whole = self.bytes.len() == self.of as usize;
        whole.then(|| FontSet { set: self.set, bytes: std::mem::take(self).bytes.into() })
    }

    /// Whether a part has come, and not all.
    pub fn is_begun(&self) -> bool {
        !self.bytes.is_empty()
    }
}

/// Fonts that came with a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FontSet {
    /// Which set.
    pub set: u64,
    bytes: Arc<[u8]>,
}

impl FontSet {
    /// The fonts, one after another.
    pub fn fonts(&self) -> impl Iterator<Item = SharedFont> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (len, rest) = self.bytes.get(at..)?.split_first_chunk()?;
            let len = u32::from_le_bytes(*len) as usize;
            rest.get(..len)?;
            let place = at + 4..at + 4 + len;
            at = place.end;
            Some(SharedFont(self.bytes.clone(), place))
        })
    }
}

/// The bytes of a font, which lie among those of its set.
#[derive(Debug, Clone)]
pub struct SharedFont(Arc<[u8]>, Range<usize>);

impl AsRef<[u8]> for SharedFont {
    fn as_ref(&self) -> &[u8] {
        &self.0[self.1.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(set: u64, fonts: &[&[u8]], long: usize) -> Vec<FontPart> {
        let bytes: Vec<u8> =
            fonts.iter().flat_map(|font| [&(font.len() as u32).to_le_bytes(), *font].concat()).collect();
        let of = bytes.len() as u32;
        bytes
            .chunks(long)
            .enumerate()
            .map(|(n, part)| FontPart { set, of, at: (n * long) as u32, bytes: part.into() })
            .collect()
    }

    #[test]
    fn fonts_come_whole_and_in_any_parts() {
        for long in 1..30 {
            let mut gathered = Gathered::default();
            // What was begun before is forgotten.
            gathered.add(&parts(3, &[b"older"], 4)[0]);
            let mut whole = None;
            for part in parts(7, &[b"one", b"", b"twelve"], long) {
                assert_eq!(whole, None, "before the last");
                let part = FontPart::decode(&part.encode()).unwrap();
                whole = gathered.add(&part);
                assert_eq!(gathered.is_begun(), whole.is_none());
            }
            let whole = whole.unwrap();
            let fonts: Vec<_> = whole.fonts().map(|font| font.as_ref().to_vec()).collect();
            assert_eq!((whole.set, fonts), (7, vec![b"one".to_vec(), Vec::new(), b"twelve".to_vec()]));
        }
        let none = FontPart { set: 0, of: 0, at: 0, bytes: Vec::new() };
        let none = Gathered::default().add(&FontPart::decode(&none.encode()).unwrap()).unwrap();
        assert_eq!(none.fonts().count(), 0);
    }

    #[test]
    fn what_is_no_part_or_not_the_next_one_is_left_out() {
        let part = FontPart { set: 9, of: 8, at: 2, bytes: vec![1; 4] };
        let bytes = part.encode();
        assert_eq!(FontPart::decode(&bytes), Some(part.clone()));
        (0..20).for_each(|len| assert_eq!(FontPart::decode(&bytes[..len]), None));
        for wrong in [
            FontPart { at: 5, ..part.clone() },
            FontPart { at: u32::MAX, ..part.clone() },
            FontPart { of: LONGEST_SET + 1, ..part.clone() },
            FontPart { of: LONGEST_SET, bytes: vec![0; LONGEST_PART + 1], ..part.clone() },
        ] {
            assert_eq!(FontPart::decode(&wrong.encode()), None);
        }
        assert!(super::super::Page::decode(&bytes).is_none());
        let all = parts(7, &[b"some bytes"], 4);
        let mut gathered = Gathered::default();
        for at in [0, 2, 1, 1, 3] {
            let other = FontPart { set: 8, ..all[1].clone() };
            assert_eq!(gathered.add(&other), None);
            let whole = gathered.add(&all[at]);
            assert_eq!(whole.is_some(), at == 3 && all.len() == 4);
            if at == 1 {
                gathered.add(&all[2]);
            }
        }
        // Lengths that lead beyond the end.
        let mut wrong = parts(7, &[b"abc"], 100).remove(0);
        wrong.bytes[0] = 200;
        assert_eq!(Gathered::default().add(&wrong).unwrap().fonts().count(), 0);
    }
}
