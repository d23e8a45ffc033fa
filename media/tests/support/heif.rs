//! Writes files of HEIF for tests.

pub(crate) fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// An item of a file: what it is, its bytes, its properties (whole boxes).
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) kind: [u8; 4],
    pub(crate) data: Vec<u8>,
    pub(crate) properties: Vec<Vec<u8>>,
}

/// How bytes of items are listed.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Listed {
    /// In the file.
    Plain,
    /// In the box of data.
    Inside,
    /// In the file in three pieces, in another order.
    Pieces,
}

/// Writes a file whose first item is the one that it is about. `relations`: kind, from, to, by number from 1.
pub(crate) fn written(
    brand: &[u8; 4],
    items: &[Item],
    relations: &[(&[u8; 4], u16, &[u16])],
    listed: Listed,
) -> Vec<u8> {
    let file_type = boxed(b"ftyp", &[&brand[..], &[0; 4], b"mif1miaf"].concat());
    let (mut infos, mut places, mut properties, mut owned) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut data, mut count) = (Vec::new(), 0u8);
    for (number, item) in (1u16..).zip(items) {
        infos.extend(boxed(b"infe", &[&[2, 0, 0, 0][..], &number.to_be_bytes(), &[0, 0], &item.kind, &[0]].concat()));
        let third = item.data.len() / 3;
        let mut extents: Vec<(usize, usize)> = Vec::new();
        if listed == Listed::Pieces && third > 0 {
            let pieces = [&item.data[..third], &item.data[third..2 * third], &item.data[2 * third..]];
            // The last one lies first.
            let begin = data.len();
            data.extend([pieces[2], pieces[0], pieces[1]].concat());
            let first = begin + pieces[2].len();
            extents.extend([(first, third), (first + third, third), (begin, pieces[2].len())]);
        } else {
            extents.push((data.len(), item.data.len()));
            data.extend(&item.data);
        }
        places.push((number, extents));
        owned.extend([&number.to_be_bytes()[..], &[item.properties.len() as u8]].concat());
        for property in &item.properties {
            count += 1;
            owned.push(count);
            properties.extend(property);
        }
    }
    let method = u16::from(listed == Listed::Inside);
    // A place of 0 first, to learn how long everything in front of the data is.
    let meta = |base: u32| {
        let mut list = [&[1, 0, 0, 0, 0x44, 0x40][..], &(items.len() as u16).to_be_bytes()].concat();
        for (number, extents) in &places {
            list.extend([number.to_be_bytes(), method.to_be_bytes(), [0; 2]].concat());
            list.extend(base.to_be_bytes());
            list.extend((extents.len() as u16).to_be_bytes());
            for (at, len) in extents {
                list.extend([(*at as u32).to_be_bytes(), (*len as u32).to_be_bytes()].concat());
            }
        }
        let mut all = [&[0; 4][..], &boxed(b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0")].concat();
        all.extend(boxed(b"pitm", &[0, 0, 0, 0, 0, 1]));
        all.extend(boxed(b"iloc", &list));
        all.extend(boxed(b"iinf", &[&[0; 4][..], &(items.len() as u16).to_be_bytes(), &infos].concat()));
        let mut related = vec![0; 4];
        for (kind, from, to) in relations {
            let to_bytes: Vec<u8> = to.iter().flat_map(|id| id.to_be_bytes()).collect();
            related
                .extend(boxed(kind, &[&from.to_be_bytes()[..], &(to.len() as u16).to_be_bytes(), &to_bytes].concat()));
        }
        all.extend(boxed(b"iref", &related));
        let owned = [&[0; 4][..], &(items.len() as u32).to_be_bytes(), &owned].concat();
        all.extend(boxed(b"iprp", &[boxed(b"ipco", &properties), boxed(b"ipma", &owned)].concat()));
        if listed == Listed::Inside {
            all.extend(boxed(b"idat", &data));
        }
        boxed(b"meta", &all)
    };
    let begins = file_type.len() + meta(0).len() + 8;
    let base = if listed == Listed::Inside { 0 } else { begins as u32 };
    let rest = if listed == Listed::Inside { Vec::new() } else { boxed(b"mdat", &data) };
    [file_type, meta(base), rest].concat()
}
