//! Pictures of European television (ETSI EN 300 743): segments with pages, regions, tables of colours and objects. A region is a picture that
//! objects are drawn into; a page says which regions are to be seen where.

use std::sync::Arc;

use super::cue::{Bitmap, Body};
use super::dvb_points::{Depth, draw};
use super::pgs::argb;
use crate::caps;

/// What is to be seen.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) pictures: Vec<Body>,
    /// For how long at most, in ns.
    pub(super) lasts_ns: i64,
}

/// What was sent so far.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The pages that are read: the track's own, and one that several share; all where nothing is said of them.
    pages: Option<[u16; 2]>,
    within: (u32, u32),
    /// In seconds.
    lasts: u8,
    placed: Vec<(u8, u16, u16)>,
    regions: Vec<(u8, Region)>,
    colors: Vec<(u8, Colors)>,
    points: usize,
}

#[derive(Debug)]
struct Region {
    width: usize,
    height: usize,
    depth: Depth,
    colors: u8,
    /// Where objects are drawn, by their numbers.
    objects: Vec<(u16, u16, u16)>,
    points: Vec<u8>,
}

/// Tables of 4, 16 and 256 colours.
#[derive(Debug, Clone)]
struct Colors([Vec<u32>; 3]);

impl Default for Colors {
    fn default() -> Self {
        let level = |on: bool, strong: bool| {
            if !on {
                0
            } else if strong {
                255
            } else {
                127
            }
        };
        let color = |n: u32| {
            let strong = n < 8;
            let part = |bit: u32| level(n & bit != 0, strong);
            u32::from_be_bytes([if n == 0 { 0 } else { 255 }, part(1), part(2), part(4)])
        };
        let few = vec![0, 0xffff_ffff, 0xff00_0000, 0xff7f_7f7f];
        let some: Vec<u32> = (0..16).map(color).collect();
        // Of the many colours that receivers know, none is used by what is sent: it brings its own.
        let many = some.iter().copied().chain(std::iter::repeat_n(0, 240)).collect();
        Self([few, some, many])
    }
}

impl Decoder {
    /// From the numbers of the pages, as the map of programmes has them.
    pub(super) fn read(config: &[u8]) -> Self {
        let pages = config.first_chunk().map(|&[a, b, c, d]| [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]);
        Self {
            pages,
            within: (720, 576),
            lasts: 0,
            placed: Vec::new(),
            regions: Vec::new(),
            colors: Vec::new(),
            points: 0,
        }
    }

    /// Forgets all but the pages that are read.
    pub(super) fn forget(&mut self) {
        *self = Self { pages: self.pages, ..Self::read(&[]) };
    }

    /// Takes a packet. What is to be seen from now on, in the place of what was before; `None` if it says nothing of that.
    pub(super) fn packet(&mut self, data: &[u8]) -> Option<Seen> {
        let mut rest = data.strip_prefix(&[0x20, 0x00]).unwrap_or(data);
        let mut paged = false;
        while let &[0x0f, kind, p1, p2, l1, l2, ref tail @ ..] = rest {
            let Some(body) = tail.get(..usize::from(u16::from_be_bytes([l1, l2]))) else { break };
            let page = u16::from_be_bytes([p1, p2]);
            if self.pages.is_none_or(|pages| pages.contains(&page)) {
                match kind {
                    0x10 => paged |= self.page(body).is_some(),
                    0x11 => drop(self.region(body)),
                    0x12 => drop(self.table(body)),
                    0x13 => drop(self.object(body)),
                    0x14 => drop(self.screen(body)),
                    _ => {}
                }
            }
            rest = &tail[body.len()..];
        }
        paged.then(|| Seen {
            pictures: self.placed.iter().filter_map(|place| self.picture(*place)).collect(),
            lasts_ns: i64::from(self.lasts) * crate::NS,
        })
    }

    fn screen(&mut self, body: &[u8]) -> Option<()> {
        let word = |at: usize| Some(u32::from(u16::from_be_bytes(*body.get(at..)?.first_chunk()?)));
        self.within = (word(1)? + 1, word(3)? + 1);
        Some(())
    }

    fn page(&mut self, body: &[u8]) -> Option<()> {
        let [lasts, state, places @ ..] = body else { return None };
        self.lasts = *lasts;
        if state >> 2 & 3 != 0 {
            // A new beginning.
            self.regions.clear();
            self.colors.clear();
            self.points = 0;
        }
        let word = |at: &[u8]| u16::from_be_bytes([at[0], at[1]]);
        let places = places.chunks_exact(6).take(caps::DISC_OBJECTS);
        self.placed = places.map(|place| (place[0], word(&place[2..]), word(&place[4..]))).collect();
        Some(())
    }

    fn region(&mut self, body: &[u8]) -> Option<()> {
        let &[id, flags, w1, w2, h1, h2, depth, colors, all, few, ref objects @ ..] = body else { return None };
        let (width, height) = (usize::from(u16::from_be_bytes([w1, w2])), usize::from(u16::from_be_bytes([h1, h2])));
        let depth = Depth::of(depth >> 2 & 7)?;
        let fill = match depth {
            Depth::Two => few >> 2 & 3,
            Depth::Four => few >> 4,
            Depth::Eight => all,
        };
        let at = self.regions.iter().position(|(own, _)| *own == id);
        let before = at.map(|at| self.regions.swap_remove(at).1).map(|region| (region.points, region.width));
        self.points -= before.as_ref().map_or(0, |(points, _)| points.len());
        if width * height == 0
            || self.points + width * height > caps::DISC_POINTS
            || self.regions.len() >= caps::DISC_OBJECTS
        {
            return None;
        }
        self.points += width * height;
        let kept = before.filter(|(points, wide)| *wide == width && points.len() == width * height && flags & 8 == 0);
        let points = kept.map_or_else(|| vec![fill; width * height], |(points, _)| points);
        let (mut rest, mut placed) = (objects, Vec::new());
        while let &[i1, i2, x1, x2, y1, y2, ref tail @ ..] = rest {
            let word = |high: u8, low: u8| u16::from_be_bytes([high & 15, low]);
            if placed.len() < caps::DISC_OBJECTS {
                placed.push((u16::from_be_bytes([i1, i2]), word(x1, x2), word(y1, y2)));
            }
            // Letters have two colours behind them; nobody sends such.
            rest = tail.get(if x1 >> 6 == 0 { 0 } else { 2 }..).unwrap_or_default();
        }
        self.regions.push((id, Region { width, height, depth, colors, objects: placed, points }));
        Some(())
    }

    fn table(&mut self, body: &[u8]) -> Option<()> {
        let [id, _, rest @ ..] = body else { return None };
        let mut rest = rest;
        if self.colors.len() >= caps::DISC_OBJECTS {
            self.colors.clear();
        }
        if !self.colors.iter().any(|(own, _)| own == id) {
            self.colors.push((*id, Colors::default()));
        }
        let (_, colors) = self.colors.iter_mut().find(|(own, _)| own == id)?;
        while let &[entry, flags, ref values @ ..] = rest {
            let (color, len) = if flags & 1 != 0 {
                (values.first_chunk::<4>().copied()?, 4)
            } else {
                let [high, low] = *values.first_chunk()?;
                ([high & 0xfc, (high & 3) << 6 | low >> 2 & 0x30, low << 2 & 0xf0, (low & 3) * 85], 2)
            };
            let [y, cr, cb, away] = color;
            let color = if y == 0 { 0 } else { argb([y, cr, cb, 255 - away], self.within.1 >= 720) };
            for (table, bit) in colors.0.iter_mut().zip([0x80, 0x40, 0x20]) {
                if flags & bit != 0
                    && let Some(own) = table.get_mut(usize::from(entry))
                {
                    *own = color;
                }
            }
            rest = &values[len..];
        }
        Some(())
    }

    /// Draws an object into each region that has it.
    fn object(&mut self, body: &[u8]) -> Option<()> {
        let &[i1, i2, flags, ref rest @ ..] = body else { return None };
        let id = u16::from_be_bytes([i1, i2]);
        let &[t1, t2, b1, b2, ref data @ ..] = rest else { return None };
        if flags >> 2 & 3 != 0 {
            return None;
        }
        let (upper, lower) = (usize::from(u16::from_be_bytes([t1, t2])), usize::from(u16::from_be_bytes([b1, b2])));
        let top = data.get(..upper)?;
        // Without rows of its own, the second field has those of the first.
        let bottom = if lower == 0 { top } else { data.get(upper..upper + lower)? };
        for (_, region) in &mut self.regions {
            for (_, x, y) in region.objects.iter().filter(|(object, ..)| *object == id) {
                for (field, rows) in [top, bottom].into_iter().enumerate() {
                    let start = (usize::from(*x), usize::from(*y) + field);
                    draw(rows, region.depth, &mut region.points, region.width, start, flags & 2 != 0);
                }
            }
        }
        Some(())
    }

    fn picture(&self, (id, x, y): (u8, u16, u16)) -> Option<Body> {
        let (_, region) = self.regions.iter().find(|(own, _)| *own == id)?;
        let usual = Colors::default();
        let table = &self.colors.iter().find(|(own, _)| *own == region.colors).map_or(&usual, |(_, own)| own).0
            [region.depth as usize];
        let mut palette = table.clone();
        palette.resize(256, 0);
        if !region.points.iter().any(|point| palette[usize::from(*point)] >> 24 > 0) {
            return None;
        }
        Some(Body::Picture(Arc::new(Bitmap {
            within: self.within,
            x: x.into(),
            y: y.into(),
            width: region.width as u32,
            height: region.height as u32,
            palette,
            indices: region.points.clone(),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[0x0f, kind, 0, 1][..], &(body.len() as u16).to_be_bytes(), body].concat()
    }

    /// A region of 4 × 2 with a row of each field: two points of colour 1 and two of 2; then three of 3.
    fn shown() -> Vec<u8> {
        let page = [5, 0x04, 7, 0, 0, 10, 0, 20];
        let region = [7, 0x08, 0, 4, 0, 2, 0x04, 9, 0, 0, 0, 3, 0, 0, 0, 0];
        let table = [9, 0, 1, 0x81, 235, 128, 128, 0, 2, 0x81, 81, 240, 90, 127, 3, 0x81, 0, 0, 0, 0];
        let rows = [[0x10, 0b0101_1010, 0b0000_0000, 0xf0], [0x10, 0b0010_0011, 0b0000_0000, 0xf0]];
        let object = [&[0, 3, 0, 0, 4, 0, 4][..], &rows[0], &rows[1]].concat();
        let parts = [segment(0x10, &page), segment(0x11, &region), segment(0x12, &table), segment(0x13, &object)];
        [&[0x20, 0][..], &parts.concat(), &segment(0x80, &[]), &[0xff]].concat()
    }

    #[test]
    fn a_page_shows_regions_at_their_places_until_the_next_one() {
        let mut decoder = Decoder::read(&[0, 1, 0, 1]);
        let seen = decoder.packet(&shown()).unwrap();
        let [Body::Picture(picture)] = seen.pictures.as_slice() else { panic!("one picture") };
        assert_eq!((picture.within, picture.x, picture.y, seen.lasts_ns), ((720, 576), 10, 20, 5_000_000_000));
        assert_eq!(picture.indices, [1, 1, 2, 2, 3, 3, 3, 0]);
        assert_eq!((picture.palette[1], picture.palette[2] >> 24, picture.palette[3]), (0xffff_ffff, 128, 0));
        let cleared = [&[0x20, 0][..], &segment(0x10, &[5, 0])].concat();
        assert_eq!(decoder.packet(&cleared).map(|seen| seen.pictures), Some(Vec::new()));
        assert_eq!(decoder.packet(&segment(0x80, &[])), None);
        // Another page's are not this track's.
        assert_eq!(Decoder::read(&[0, 2, 0, 3]).packet(&shown()), None);
        assert!(Decoder::read(&[]).packet(&shown()).is_some());
    }

    #[test]
    fn damaged_packets_end_and_stay_within_bounds() {
        let whole = shown();
        for at in 0..whole.len() {
            Decoder::read(&[]).packet(&whole[..at]);
            for value in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let mut decoder = Decoder::read(&[]);
                decoder.packet(&damaged);
                decoder.packet(&whole);
            }
        }
    }
}
