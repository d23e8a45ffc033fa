//! Pictures of Blu-ray discs (PGS): segments with palettes, run-length coded objects, and compositions that say which objects are
//! to be seen where.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cue::{Bitmap, Body};
use crate::caps;

/// What was sent so far.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    palettes: BTreeMap<u8, Vec<u32>>,
    objects: BTreeMap<u16, Object>,
    coded: usize,
}

#[derive(Debug, Default)]
struct Object {
    width: u16,
    height: u16,
    coded: Vec<u8>,
}

/// What is to be seen: the size of the whole, a palette, and objects with their places.
#[derive(Debug)]
struct Composition {
    within: (u32, u32),
    palette: u8,
    objects: Vec<(u16, u16, u16)>,
}

impl Decoder {
    /// Takes a packet. The pictures that are to be seen from now on, in the place of those before; `None` if it says nothing of that.
    pub(super) fn packet(&mut self, data: &[u8]) -> Option<Vec<Body>> {
        let (mut rest, mut composition) = (data, None);
        while let [kind, high, low, tail @ ..] = rest {
            let Some(body) = tail.get(..usize::from(u16::from_be_bytes([*high, *low]))) else { break };
            match kind {
                0x14 => self.palette(body, composition.as_ref()),
                0x15 => self.object(body),
                0x16 => {
                    composition = self.composition(body);
                }
                _ => {}
            }
            rest = &tail[body.len()..];
        }
        let composition = composition?;
        Some(composition.objects.iter().filter_map(|place| self.picture(&composition, *place)).collect())
    }

    fn composition(&mut self, body: &[u8]) -> Option<Composition> {
        let word = |at: usize| Some(u16::from_be_bytes(*body.get(at..)?.first_chunk()?));
        let within = (u32::from(word(0)?).max(1), u32::from(word(2)?).max(1));
        if body.get(7)? & 0x80 != 0 {
            // A new beginning.
            *self = Self::default();
        }
        let (palette, count) = (*body.get(9)?, *body.get(10)?);
        let (mut at, mut objects) = (11, Vec::new());
        for _ in 0..count.min(8) {
            let cropped = body.get(at + 3)? & 0x80 != 0;
            objects.push((word(at)?, word(at + 4)?, word(at + 6)?));
            at += if cropped { 16 } else { 8 };
        }
        Some(Composition { within, palette, objects })
    }

    fn palette(&mut self, body: &[u8], composition: Option<&Composition>) {
        let [id, _, entries @ ..] = body else { return };
        if self.palettes.len() >= caps::DISC_OBJECTS {
            self.palettes.clear();
        }
        let high = composition.is_none_or(|c| c.within.1 >= 720);
        let palette = self.palettes.entry(*id).or_insert_with(|| vec![0; 256]);
        for entry in entries.chunks_exact(5) {
            let &[index, y, cr, cb, alpha] = entry else { continue };
            palette[usize::from(index)] = argb([y, cr, cb, alpha], high);
        }
    }

    fn object(&mut self, body: &[u8]) {
        let [high, low, _, flags, rest @ ..] = body else { return };
        let id = u16::from_be_bytes([*high, *low]);
        if self.objects.len() >= caps::DISC_OBJECTS || self.coded > caps::DISC_CODED {
            (self.coded, _) = (0, self.objects.clear());
        }
        if flags & 0x80 != 0 {
            // How long the data is in all counts for nothing: it is taken as it comes.
            let [_, _, _, w1, w2, h1, h2, coded @ ..] = rest else { return };
            let (width, height) = (u16::from_be_bytes([*w1, *w2]), u16::from_be_bytes([*h1, *h2]));
            self.coded += coded.len();
            self.objects.insert(id, Object { width, height, coded: coded.to_vec() });
        } else if let Some(object) = self.objects.get_mut(&id) {
            self.coded += rest.len();
            object.coded.extend_from_slice(rest);
        }
    }

    fn picture(&self, composition: &Composition, (id, x, y): (u16, u16, u16)) -> Option<Body> {
        let object = self.objects.get(&id)?;
        let (width, height) = (usize::from(object.width), usize::from(object.height));
        if width * height == 0 || width * height > caps::DISC_POINTS {
            return None;
        }
        Some(Body::Picture(Arc::new(Bitmap {
            within: composition.within,
            x: x.into(),
            y: y.into(),
            width: width as u32,
            height: height as u32,
            palette: self.palettes.get(&composition.palette)?.clone(),
            indices: points(&object.coded, width, height),
        })))
    }
}

/// The points of run-length coded rows; what is missing is of colour 255, which nothing shows.
fn points(coded: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut out = vec![0xff; width * height];
    let (mut at, mut row, mut column) = (0, 0, 0);
    let mut next = || {
        at += 1;
        coded.get(at - 1).copied()
    };
    while row < height {
        let Some(first) = next() else { break };
        let (count, color) = if first != 0 {
            (1, first)
        } else {
            let Some(flags) = next() else { break };
            let short = usize::from(flags & 0x3f);
            let count = if flags & 0x40 == 0 {
                short
            } else {
                let Some(low) = next() else { break };
                short << 8 | usize::from(low)
            };
            let color = if flags & 0x80 == 0 { Some(0) } else { next() };
            let Some(color) = color else { break };
            (count, color)
        };
        if count == 0 {
            (row, column) = (row + 1, 0);
            continue;
        }
        let end = (column + count).min(width);
        out[row * width + column..row * width + end].fill(color);
        column = end;
    }
    out
}

/// A colour of the disc as `0xAARRGGBB`; by BT.709 where the picture is `high`.
pub(super) fn argb([y, cr, cb, alpha]: [u8; 4], high: bool) -> u32 {
    let (y, cr, cb) = ((f32::from(y) - 16.0) * 1.164, f32::from(cr) - 128.0, f32::from(cb) - 128.0);
    let [red, green1, green2, blue] = if high { [1.793, 0.533, 0.213, 2.112] } else { [1.596, 0.813, 0.392, 2.017] };
    let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    u32::from_be_bytes([alpha, byte(y + red * cr), byte(y - green1 * cr - green2 * cb), byte(y + blue * cb)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind][..], &(body.len() as u16).to_be_bytes(), body].concat()
    }

    /// A picture of 4 × 2: a row of colour 1, a row of two points of colour 2 and nothing; then nothing.
    fn shown() -> Vec<u8> {
        let composition = [0, 64, 0, 48, 0x10, 0, 1, 0x80, 0, 7, 1, 0, 3, 0, 0, 0, 10, 0, 20];
        let palette = [7, 0, 1, 235, 128, 128, 255, 2, 16, 128, 128, 128];
        let object = [0, 3, 0, 0xc0, 0, 0, 13, 0, 4, 0, 2, 0, 0x84, 1, 0, 0, 2, 2, 0, 2, 0, 0];
        [segment(0x16, &composition), segment(0x14, &palette), segment(0x15, &object), segment(0x80, &[])].concat()
    }

    #[test]
    fn a_composition_shows_objects_at_their_places_until_the_next_one() {
        let mut decoder = Decoder::default();
        let pictures = decoder.packet(&shown());
        let Some([Body::Picture(picture)]) = pictures.as_deref() else { panic!("one picture") };
        assert_eq!((picture.within, picture.x, picture.y), ((64, 48), 10, 20));
        assert_eq!(picture.indices, [1, 1, 1, 1, 2, 2, 0, 0]);
        assert_eq!((picture.palette[1], picture.palette[2] >> 24, picture.palette[0]), (0xffff_ffff, 128, 0));
        let cleared = segment(0x16, &[0, 64, 0, 48, 0x10, 0, 2, 0, 0, 7, 0]);
        assert_eq!(decoder.packet(&cleared), Some(Vec::new()));
        assert_eq!(decoder.packet(&segment(0x80, &[])), None);
    }

    #[test]
    fn damaged_packets_end_and_stay_within_bounds() {
        let whole = shown();
        for at in 0..whole.len() {
            Decoder::default().packet(&whole[..at]);
            for value in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let mut decoder = Decoder::default();
                decoder.packet(&damaged);
                decoder.packet(&whole);
            }
        }
    }
}
