//! MP4 and MOV: a track with its tables, and fragments.

use crate::draw::Draw;

/// A box. Now and then it says that it is longer than it is.
fn atom(draw: &mut Draw<'_>, name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    match draw.byte() {
        253 => [&1u32.to_be_bytes(), &name[..], &draw.number().to_be_bytes(), body].concat(),
        254 => [&(draw.number() as u32).to_be_bytes(), &name[..], body].concat(),
        255 => [&0u32.to_be_bytes(), &name[..], body].concat(),
        _ => [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat(),
    }
}

fn word(draw: &mut Draw<'_>, honest: u32) -> [u8; 4] {
    (draw.or(honest.into()) as u32).to_be_bytes()
}

/// A table: a count, and its entries, of which there may be another number.
fn table(draw: &mut Draw<'_>, name: &[u8; 4], honest: &[u32]) -> Vec<u8> {
    let width = honest.len().max(1);
    let entries = draw.count(1);
    let mut body = vec![0; 4];
    body.extend(word(draw, entries.into()));
    for _ in 0..entries {
        body.extend((0..width).flat_map(|at| word(draw, honest.get(at).copied().unwrap_or(0))));
    }
    atom(draw, name, &body)
}

fn entry(draw: &mut Draw<'_>, video: bool) -> Vec<u8> {
    let mut entry = vec![0; 8];
    entry[7] = 1;
    if video {
        entry.extend([0; 16]);
        entry.extend(word(draw, 320 << 16 | 180));
        entry.extend([0; 50]);
        let config = [1, 66, 0, 10, 0xff, 0xe1, 0, 4, 0x67, 66, 0, 10, 1, 0, 2, 0x68, 0xce];
        entry.extend(atom(draw, b"avcC", &config));
    } else {
        entry.extend([0; 8]);
        entry.extend(word(draw, 2 << 16 | 16));
        entry.extend([0; 4]);
        entry.extend(word(draw, 48_000 << 16));
    }
    let codecs: &[&[u8; 4]] = if video {
        &[b"avc1", b"hvc1", b"vp09", b"jpeg", b"raw "]
    } else {
        &[b"sowt", b"mp4a", b"twos", b"alac", b"Opus"]
    };
    let codec = draw.one(codecs);
    let entry = atom(draw, codec, &entry);
    atom(draw, b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &entry[..]].concat())
}

/// A film of 64 samples of four bytes, at `at` in the file.
fn track(draw: &mut Draw<'_>, at: u32, fragmented: bool) -> Vec<u8> {
    let video = draw.byte() & 1 == 1;
    let handler: &[u8; 4] = if video { b"vide" } else { b"soun" };
    let mut tables = vec![entry(draw, video)];
    // One size for all, or a size for each.
    let many = if fragmented { 0 } else { 64 };
    let sizes = [[0; 4], word(draw, 4), word(draw, many)].concat();
    tables.push(atom(draw, b"stsz", &sizes));
    let usual: [(&[u8; 4], &[u32]); 3] = [(b"stts", &[64, 1]), (b"stsc", &[1, 64, 1]), (b"stco", &[at])];
    for (name, honest) in usual {
        if fragmented {
            tables.push(atom(draw, name, &[0; 8]));
        } else if !draw.odd() {
            tables.push(table(draw, name, honest));
        }
    }
    for (name, honest) in [(b"co64", [0, at]), (b"ctts", [64, 1]), (b"stss", [1, 2])] {
        if draw.odd() {
            tables.push(table(draw, name, &honest));
        }
    }
    let stbl = atom(draw, b"stbl", &tables.concat());
    let minf = atom(draw, b"minf", &stbl);
    let head = [&[0; 12], &word(draw, 48_000)[..], &word(draw, 64), &[0; 4]].concat();
    let mdhd = atom(draw, b"mdhd", &head);
    let hdlr = atom(draw, b"hdlr", &[&[0; 8], &handler[..], &[0; 13]].concat());
    let mdia = atom(draw, b"mdia", &[mdhd, hdlr, minf].concat());
    let mut head = vec![0; 84];
    (head[3], head[15]) = (7, 1);
    let mut parts = vec![atom(draw, b"tkhd", &head)];
    if draw.odd() {
        let elst = table(draw, b"elst", &[64, 0, 1 << 16]);
        parts.push(atom(draw, b"edts", &elst));
    }
    parts.push(mdia);
    atom(draw, b"trak", &parts.concat())
}

fn fragment(draw: &mut Draw<'_>) -> Vec<u8> {
    let flags = draw.one(&[0x02_0000u32, 0x00_0001, 0x00_003b, 0x01_0038]);
    let mut head = [flags.to_be_bytes(), [0, 0, 0, 1]].concat();
    if flags & 1 != 0 {
        head.extend(draw.number().to_be_bytes());
    }
    head.extend((0..4).flat_map(|_| word(draw, 4)));
    let tfhd = atom(draw, b"tfhd", &head);
    let time = [&[0; 4], &word(draw, 64)[..]].concat();
    let tfdt = atom(draw, b"tfdt", &time);
    let mut runs = Vec::new();
    for _ in 0..draw.count(1) {
        let flags = draw.one(&[0x301u32, 0xf01, 0x001, 0x000, 0x205]);
        let mut run = [flags.to_be_bytes(), word(draw, 4), word(draw, 300)].concat();
        run.extend((0..draw.count(8)).flat_map(|_| word(draw, 4)));
        runs.extend(atom(draw, b"trun", &run));
    }
    let traf = atom(draw, b"traf", &[tfhd, tfdt, runs].concat());
    let mfhd = atom(draw, b"mfhd", &[0, 0, 0, 0, 0, 0, 0, 1]);
    let moof = atom(draw, b"moof", &[mfhd, traf].concat());
    [moof, atom(draw, b"mdat", &[3; 64])].concat()
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let fragmented = draw.odd();
    let ftyp = atom(draw, b"ftyp", b"isom\0\0\0\0isomqt  ");
    let mdat = atom(draw, b"mdat", &[0x65; 256]);
    let at = ftyp.len() as u32 + 8;
    let head = [&[0; 12], &word(draw, 48_000)[..], &word(draw, 64), &[0; 80]].concat();
    let mut parts = vec![atom(draw, b"mvhd", &head)];
    for _ in 0..draw.count(1).min(4) {
        parts.push(track(draw, at, fragmented));
    }
    if fragmented {
        let trex = [&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &word(draw, 1)[..], &word(draw, 4), &[0; 4]].concat();
        let trex = atom(draw, b"trex", &trex);
        parts.push(atom(draw, b"mvex", &trex));
    }
    if draw.odd() {
        let count = draw.count(2);
        let names: Vec<u8> = (0..count).flat_map(|_| [&draw.number().to_be_bytes()[..], &[1, b'a']].concat()).collect();
        let list = [&[1, 0, 0, 0, 0, 0, 0, 0, draw.byte()], &names[..]].concat();
        let chpl = atom(draw, b"chpl", &list);
        parts.push(atom(draw, b"udta", &chpl));
    }
    let moov = atom(draw, b"moov", &parts.concat());
    let mut file = [ftyp, mdat, moov].concat();
    for _ in 0..if fragmented { draw.count(2) } else { 0 } {
        file.extend(fragment(draw));
    }
    file
}
