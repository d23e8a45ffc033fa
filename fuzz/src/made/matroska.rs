//! Matroska and WebM: header, tracks, places, clusters with laced blocks.

use crate::draw::Draw;

/// An element: its id, a size of eight bytes, which may be any, and its body.
fn element(draw: &mut Draw<'_>, id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = match draw.byte() {
        254 => draw.number() & ((1 << 56) - 1),
        255 => (1 << 56) - 1,
        _ => body.len() as u64,
    };
    [id, &(size | 1 << 56).to_be_bytes(), body].concat()
}

fn number(draw: &mut Draw<'_>, id: &[u8], honest: u64) -> Vec<u8> {
    let value = draw.or(honest).to_be_bytes();
    element(draw, id, &value)
}

fn track(draw: &mut Draw<'_>, number_of: u8) -> Vec<u8> {
    let (video, sound): ([&[u8]; 4], [&[u8]; 5]) = (
        [b"V_VP8", b"V_MPEG4/ISO/AVC", b"V_UNCOMPRESSED", b"V_AV1"],
        [b"A_PCM/INT/LIT", b"A_VORBIS", b"A_OPUS", b"A_FLAC", b"A_AAC"],
    );
    let kind = draw.one(&[2u8, 1, 17, 0]);
    let codec = if kind == 2 { draw.one(&sound) } else { draw.one(&video) };
    let mut track = vec![element(draw, &[0xd7], &[number_of]), element(draw, &[0x83], &[kind])];
    track.push(element(draw, &[0x86], codec));
    if kind == 2 {
        let rate = f64::to_bits(48_000.0);
        let sound = [number(draw, &[0xb5], rate), number(draw, &[0x9f], 2), number(draw, &[0x62, 0x64], 16)].concat();
        track.push(element(draw, &[0xe1], &sound));
    } else {
        let picture = [number(draw, &[0xb0], 320), number(draw, &[0xba], 180)].concat();
        track.push(element(draw, &[0xe0], &picture));
    }
    if draw.odd() {
        track.push(number(draw, &[0x23, 0xe3, 0x83], 40_000_000));
    }
    if draw.odd() {
        let config: Vec<u8> = (0..draw.count(8)).map(|_| draw.byte()).collect();
        track.push(element(draw, &[0x63, 0xa2], &config));
    }
    if draw.odd() {
        // Packed packets.
        let how = [number(draw, &[0x42, 0x54], 3), element(draw, &[0x42, 0x55], &[1, 2])].concat();
        let packing = element(draw, &[0x50, 0x34], &how);
        let encoding = element(draw, &[0x62, 0x40], &packing);
        track.push(element(draw, &[0x6d, 0x80], &encoding));
    }
    element(draw, &[0xae], &track.concat())
}

fn cluster(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut cluster = number(draw, &[0xe7], 0);
    for at in 0..draw.count(4) {
        let flags = if draw.odd() { draw.byte() } else { 0x80 };
        let mut block = vec![0x80 | draw.one(&[1, 2, 3]), draw.or(0) as u8, at, flags];
        if flags & 6 != 0 {
            block.extend([draw.byte(), draw.byte(), draw.byte()]);
        }
        block.extend([at; 16]);
        if draw.odd() {
            let block = element(draw, &[0xa1], &block);
            let lasts = number(draw, &[0x9b], 10);
            cluster.extend(element(draw, &[0xa0], &[block, lasts].concat()));
        } else {
            cluster.extend(element(draw, &[0xa3], &block));
        }
    }
    element(draw, &[0x1f, 0x43, 0xb6, 0x75], &cluster)
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let doctype = element(draw, &[0x42, 0x82], b"matroska");
    let head = element(draw, &[0x1a, 0x45, 0xdf, 0xa3], &doctype);
    let info =
        [number(draw, &[0x2a, 0xd7, 0xb1], 1_000_000), number(draw, &[0x44, 0x89], f64::to_bits(100.0))].concat();
    let mut parts = vec![element(draw, &[0x15, 0x49, 0xa9, 0x66], &info)];
    let tracks: Vec<u8> = (1..=draw.count(1).clamp(1, 4)).flat_map(|number| track(draw, number)).collect();
    parts.push(element(draw, &[0x16, 0x54, 0xae, 0x6b], &tracks));
    if draw.odd() {
        let place = [number(draw, &[0xf7], 1), number(draw, &[0xf1], 0)].concat();
        let place = element(draw, &[0xb7], &place);
        let point = [number(draw, &[0xb3], 0), place].concat();
        let point = element(draw, &[0xbb], &point);
        parts.push(element(draw, &[0x1c, 0x53, 0xbb, 0x6b], &point));
    }
    if draw.odd() {
        let id = draw.one(&[[0x1c, 0x53, 0xbb, 0x6b], [0x12, 0x54, 0xc3, 0x67], [0x10, 0x43, 0xa7, 0x70]]);
        let place = [element(draw, &[0x53, 0xab], &id), number(draw, &[0x53, 0xac], 0)].concat();
        let place = element(draw, &[0x4d, 0xbb], &place);
        parts.push(element(draw, &[0x11, 0x4d, 0x9b, 0x74], &place));
    }
    for _ in 0..draw.count(1) {
        parts.push(cluster(draw));
    }
    [head, element(draw, &[0x18, 0x53, 0x80, 0x67], &parts.concat())].concat()
}
