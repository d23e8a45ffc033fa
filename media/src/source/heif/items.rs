//! The items of a HEIF file: pictures, the tiles and the alpha that belong to them, and what is said of each.

use std::ops::Range;

use crate::container::boxes::{Fields, child, children, load, top_level};
use crate::{MediaError, MediaFile, caps};

/// Where some of an item's bytes are.
#[derive(Debug, Clone)]
enum Place {
    /// In the file; an end of `u64::MAX` is that of the file.
    File(Range<u64>),
    /// In the box of data among the descriptions.
    Box(Range<u64>),
}

/// An item.
#[derive(Debug, Default)]
struct Item {
    id: u32,
    kind: [u8; 4],
    places: Vec<Place>,
    /// Which properties it has, counted from 1, and whether it cannot be shown without.
    properties: Vec<(usize, bool)>,
    /// Why its bytes cannot be read.
    refused: Option<&'static str>,
}

/// A list that says how items belong together.
struct Relation {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// What a file says of its items.
pub(super) struct Items {
    file: MediaFile,
    pub(super) primary: u32,
    items: Vec<Item>,
    relations: Vec<Relation>,
    /// Kinds and bodies.
    properties: Vec<([u8; 4], Vec<u8>)>,
    data: Vec<u8>,
}

impl Items {
    /// Reads the descriptions. Errors: there are none, or they make no sense.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let broken = || MediaError::Broken("its list of pictures (meta) makes no sense".into());
        let mut meta = None;
        for part in top_level(file) {
            let part = part?;
            if &part.kind == b"meta" {
                meta = Some(load(file, &part)?);
                break;
            }
        }
        let meta = meta.ok_or_else(|| MediaError::Broken("it has no list of pictures (meta)".into()))?;
        let meta = meta.get(4..).ok_or_else(broken)?;
        let mut items = Self {
            file: file.clone(),
            primary: child(meta, b"pitm").and_then(primary).ok_or_else(broken)?,
            items: child(meta, b"iinf").and_then(infos).ok_or_else(broken)?,
            relations: child(meta, b"iref").map(relations).unwrap_or_default(),
            properties: Vec::new(),
            data: child(meta, b"idat").unwrap_or_default().to_vec(),
        };
        items.place(child(meta, b"iloc").ok_or_else(broken)?);
        if let Some(all) = child(meta, b"iprp") {
            let container = children(child(all, b"ipco").unwrap_or_default());
            items.properties = container.take(caps::ITEMS).map(|(kind, body)| (kind, body.to_vec())).collect();
            for (_, body) in children(all).filter(|(kind, _)| kind == b"ipma") {
                items.associate(body);
            }
        }
        Ok(items)
    }

    fn item(&self, id: u32) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// What an item is. Errors: there is no such item.
    pub(super) fn kind(&self, id: u32) -> Result<[u8; 4], MediaError> {
        let item = self.item(id).ok_or_else(|| MediaError::Broken("a picture that it lists is not there".into()));
        item.map(|item| item.kind)
    }

    /// What is said of an item: kind, body, and whether it cannot be shown without.
    pub(super) fn properties(&self, id: u32) -> impl Iterator<Item = ([u8; 4], &[u8], bool)> {
        let of = self.item(id).map_or(&[][..], |item| &item.properties);
        of.iter().filter_map(|&(index, essential)| {
            let (kind, body) = self.properties.get(index.checked_sub(1)?)?;
            Some((*kind, body.as_slice(), essential))
        })
    }

    /// The first property of a kind.
    pub(super) fn property(&self, id: u32, wanted: &[u8; 4]) -> Option<&[u8]> {
        self.properties(id).find(|(kind, ..)| kind == wanted).map(|(_, body, _)| body)
    }

    /// The items that an item is related to.
    pub(super) fn related(&self, id: u32, wanted: &[u8; 4]) -> &[u32] {
        let relation = self.relations.iter().find(|one| one.kind == *wanted && one.from == id);
        relation.map_or(&[], |one| &one.to)
    }

    /// The items that are related to an item.
    pub(super) fn related_to(&self, id: u32, wanted: &[u8; 4]) -> impl Iterator<Item = u32> {
        self.relations.iter().filter(move |one| one.kind == *wanted && one.to.contains(&id)).map(|one| one.from)
    }

    /// An item's bytes. Errors: they are not in the file, too many, or cannot be read.
    pub(super) fn bytes(&self, id: u32) -> Result<Vec<u8>, MediaError> {
        let broken = |why: &str| MediaError::Broken(format!("a picture's bytes {why}"));
        let item = self.item(id).ok_or_else(|| broken("are listed nowhere"))?;
        if let Some(why) = item.refused {
            return Err(MediaError::unsupported(why, super::CONVERT));
        }
        let mut bytes = Vec::new();
        for place in &item.places {
            let (range, len) = match place {
                Place::File(range) => (range, self.file.len()),
                Place::Box(range) => (range, self.data.len() as u64),
            };
            let end = if range.end == u64::MAX { len } else { range.end };
            let more = end.checked_sub(range.start).filter(|_| end <= len);
            let more = more.ok_or_else(|| broken("are not all in the file"))?;
            if bytes.len() as u64 + more > caps::PACKET {
                return Err(broken("are too many"));
            }
            let from = bytes.len();
            bytes.resize(from + more as usize, 0);
            match place {
                Place::File(_) => self.file.read_exact_at(&mut bytes[from..], range.start)?,
                Place::Box(_) => bytes[from..].copy_from_slice(&self.data[range.start as usize..end as usize]),
            }
        }
        if bytes.is_empty() { Err(broken("are listed nowhere")) } else { Ok(bytes) }
    }

    /// Takes in where items are, as far as that makes sense.
    fn place(&mut self, body: &[u8]) -> Option<()> {
        let mut fields = Fields(body);
        let version = fields.u8()?;
        fields.skip(3)?;
        let (sizes, more) = (fields.u8()?, fields.u8()?);
        let [offset_size, length_size, base_size] = [sizes >> 4, sizes & 15, more >> 4];
        let index_size = if version > 0 { more & 15 } else { 0 };
        let count = if version < 2 { u32::from(fields.u16()?) } else { fields.u32()? };
        for _ in 0..count {
            let id = if version < 2 { u32::from(fields.u16()?) } else { fields.u32()? };
            let method = if version > 0 { fields.u16()? & 15 } else { 0 };
            let elsewhere = fields.u16()? != 0;
            let base = number(&mut fields, base_size)?;
            let extents = fields.u16()?;
            let item = self.items.iter_mut().find(|item| item.id == id);
            let mut places = Vec::new();
            for _ in 0..extents {
                number(&mut fields, index_size)?;
                let start = base.checked_add(number(&mut fields, offset_size)?)?;
                let len = number(&mut fields, length_size)?;
                let end = if len == 0 { u64::MAX } else { start.checked_add(len)? };
                if places.len() < caps::ITEMS {
                    places.push(if method == 1 { Place::Box(start..end) } else { Place::File(start..end) });
                }
            }
            if let Some(item) = item {
                item.places = places;
                item.refused = match (elsewhere, method) {
                    (true, _) => Some("a picture that lies in another file"),
                    (_, 2..) => Some("a picture that lies within another one"),
                    _ => None,
                };
            }
        }
        Some(())
    }

    /// Takes in which properties items have, as far as that makes sense.
    fn associate(&mut self, body: &[u8]) -> Option<()> {
        let mut fields = Fields(body);
        let version = fields.u8()?;
        fields.skip(2)?;
        let wide = fields.u8()? & 1 == 1;
        for _ in 0..fields.u32()? {
            let id = if version < 1 { u32::from(fields.u16()?) } else { fields.u32()? };
            let count = fields.u8()?;
            let mut item = self.items.iter_mut().find(|item| item.id == id);
            for _ in 0..count {
                let (index, essential) = if wide {
                    let field = fields.u16()?;
                    (field & 0x7fff, field >> 15 == 1)
                } else {
                    let field = fields.u8()?;
                    (u16::from(field & 0x7f), field >> 7 == 1)
                };
                if let Some(item) = item.as_mut().filter(|item| item.properties.len() < 256) {
                    item.properties.push((index.into(), essential));
                }
            }
        }
        Some(())
    }
}

/// A number of so many bytes, at most eight.
fn number(fields: &mut Fields<'_>, size: u8) -> Option<u64> {
    (0..size).try_fold(0u64, |number, _| Some(number << 8 | u64::from(fields.u8()?)))
}

fn primary(body: &[u8]) -> Option<u32> {
    let mut fields = Fields(body);
    let version = fields.u8()?;
    fields.skip(3)?;
    if version == 0 { fields.u16().map(u32::from) } else { fields.u32() }
}

fn infos(body: &[u8]) -> Option<Vec<Item>> {
    let entries = body.get(if *body.first()? == 0 { 6 } else { 8 }..)?;
    let entries = children(entries).filter(|(kind, _)| kind == b"infe").take(caps::ITEMS);
    let item = |(_, body): ([u8; 4], &[u8])| {
        let mut fields = Fields(body);
        let version = fields.u8().filter(|version| *version >= 2)?;
        fields.skip(3)?;
        let id = if version == 2 { fields.u16()?.into() } else { fields.u32()? };
        fields.skip(2)?;
        Some(Item { id, kind: fields.u32()?.to_be_bytes(), ..Item::default() })
    };
    Some(entries.filter_map(item).collect())
}

fn relations(body: &[u8]) -> Vec<Relation> {
    let wide = body.first().is_some_and(|version| *version > 0);
    let lists = children(body.get(4..).unwrap_or_default()).take(caps::ITEMS);
    let relation = |(kind, body): ([u8; 4], &[u8])| {
        let mut fields = Fields(body);
        let mut id = || if wide { fields.u32() } else { fields.u16().map(u32::from) };
        let from = id()?;
        let count = fields.u16()?;
        let mut id = || if wide { fields.u32() } else { fields.u16().map(u32::from) };
        let to = (0..count).map_while(|_| id()).take(caps::ITEMS).collect();
        Some(Relation { kind, from, to })
    };
    lists.filter_map(relation).collect()
}
