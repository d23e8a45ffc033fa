//! HEIF: a picture, or one of tiles, with alpha, cut, turned and mirrored. Its codec is JPEG's, whose smallest picture is small.

use crate::draw::Draw;

/// 16 × 16, orange.
const JPEG: &str = "ffd8ffdb0043000828282f282f373737373737413c414343434141414143434348484855555548484843434848505055555c5f5c575755575f5f646464787873 \
    738c8c91acaccfffc4004c0001010000000000000000000000000000000601010100000000000000000000000000000607100100000000000000000000000000 \
    000000110100000000000000000000000000000000ffc00011080010001003012200021100031100ffda000c03010002110311003f00ad011d3a7fffd9";

fn jpeg() -> Vec<u8> {
    let digits: Vec<u8> = JPEG.bytes().filter_map(|digit| (digit as char).to_digit(16)).map(|n| n as u8).collect();
    digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect()
}

fn boxed(draw: &mut Draw<'_>, kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = draw.or(body.len() as u64 + 8) as u32;
    [&len.to_be_bytes()[..], kind, body].concat()
}

fn word(draw: &mut Draw<'_>, honest: u32) -> [u8; 4] {
    (draw.or(honest.into()) as u32).to_be_bytes()
}

fn half(draw: &mut Draw<'_>, honest: u16) -> [u8; 2] {
    (draw.or(honest.into()) as u16).to_be_bytes()
}

/// What may be said of an item.
fn property(draw: &mut Draw<'_>, number: u8) -> Vec<u8> {
    let numbers = |draw: &mut Draw<'_>, honest: &[u32]| honest.iter().flat_map(|n| word(draw, *n)).collect::<Vec<u8>>();
    match number {
        0 => {
            let size = numbers(draw, &[0, 16, 16]);
            boxed(draw, b"ispe", &size)
        }
        1 => {
            let part = numbers(draw, &[8, 1, 8, 1, 1, 1, 0, 1]);
            boxed(draw, b"clap", &part)
        }
        2 => {
            let turns = [draw.byte()];
            boxed(draw, b"irot", &turns)
        }
        3 => {
            let axis = [draw.byte()];
            boxed(draw, b"imir", &axis)
        }
        4 => boxed(draw, b"auxC", b"\0\0\0\0urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"),
        5 => {
            let codes = [0, 1, 0, draw.or(13) as u8, 0, draw.or(6) as u8, draw.byte()];
            boxed(draw, b"colr", &[b"nclx", &codes[..]].concat())
        }
        _ => {
            let aspect = numbers(draw, &[1, 1]);
            boxed(draw, b"pasp", &aspect)
        }
    }
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let brand = draw.one(&[b"heic", b"avif", b"mif1"]);
    let picture = jpeg();
    let (tiled, alpha) = (draw.odd(), draw.odd());
    // The item that the file is about, its tiles, its alpha.
    let mut items: Vec<([u8; 4], Vec<u8>, Vec<u8>)> = Vec::new();
    let mut more: Vec<u8> = (0..draw.count(0)).map(|_| draw.byte() % 7 + 1).collect();
    if tiled {
        let mut layout = vec![0, draw.byte() & 1, draw.or(1) as u8, draw.or(1) as u8];
        layout.extend([half(draw, 32), half(draw, 32)].concat());
        layout.extend([half(draw, 0), half(draw, 0)].concat());
        items.push((*b"grid", layout, std::mem::take(&mut more)));
        let count = draw.count(4);
        items.extend((0..count).map(|_| (*b"jpeg", picture.clone(), vec![1])));
    } else {
        let kind = draw.one(&[b"jpeg", b"av01", b"hvc1", b"avc1", b"grid", b"iden"]);
        items.push((*kind, picture.clone(), std::mem::take(&mut more)));
    }
    let tiles = items.len() as u16 - 1;
    if alpha {
        items.push((*b"jpeg", picture, vec![5]));
    }
    let properties: Vec<u8> = (0..7).flat_map(|number| property(draw, number)).collect();
    let inside = draw.odd();
    let data: Vec<u8> = items.iter().flat_map(|(_, data, _)| data.clone()).collect();
    let kind = boxed(draw, b"ftyp", &[&brand[..], &[0; 4], b"mif1"].concat());
    let meta = |base: u32, draw: &mut Draw<'_>| {
        let (mut infos, mut places, mut owned, mut at) = (Vec::new(), Vec::new(), Vec::new(), base);
        for (number, (kind, data, own)) in (1u16..).zip(&items) {
            let id = half(draw, number);
            let info = [&[2, 0, 0, 0][..], &id, &[0, 0], &kind[..], &[0]].concat();
            infos.extend(boxed(draw, b"infe", &info));
            let id = half(draw, number);
            let (method, elsewhere) = (half(draw, inside.into()), half(draw, 0));
            places.extend(
                [&id[..], &method, &elsewhere, &half(draw, 1), &word(draw, at), &word(draw, data.len() as u32)]
                    .concat(),
            );
            at += data.len() as u32;
            owned.extend([&half(draw, number)[..], &[own.len() as u8], own].concat());
        }
        let count = items.len() as u16;
        let sizes = [draw.or(0x44) as u8, 0];
        let list = [&[1, 0, 0, 0][..], &sizes, &half(draw, count), &places].concat();
        let info = [&[0; 4][..], &half(draw, count), &infos].concat();
        let mut related = vec![0; 4];
        if tiles > 0 {
            let ids: Vec<u8> = (0..tiles).flat_map(|tile| half(draw, tile + 2)).collect();
            let body = [&[0, 1][..], &half(draw, tiles), &ids].concat();
            related.extend(boxed(draw, b"dimg", &body));
        }
        if alpha {
            let body = [&half(draw, count)[..], &[0, 1, 0, 1]].concat();
            related.extend(boxed(draw, b"auxl", &body));
        }
        let owned = [&[0; 4][..], &word(draw, count.into()), &owned].concat();
        let mut all = vec![0; 4];
        let primary = [&[0; 4][..], &half(draw, 1)].concat();
        let pairs = [(b"pitm", primary), (b"iloc", list), (b"iinf", info), (b"iref", related)];
        for (kind, body) in pairs {
            all.extend(boxed(draw, kind, &body));
        }
        let both = [boxed(draw, b"ipco", &properties), boxed(draw, b"ipma", &owned)].concat();
        all.extend(boxed(draw, b"iprp", &both));
        if inside {
            all.extend(boxed(draw, b"idat", &data));
        }
        boxed(draw, b"meta", &all)
    };
    let begins = kind.len() + meta(0, &mut Draw(&[])).len() + 8;
    let meta = meta(if inside { 0 } else { begins as u32 }, draw);
    let rest = if inside { Vec::new() } else { boxed(draw, b"mdat", &data) };
    [kind, meta, rest].concat()
}
