//! Ogg: pages with checksums that hold, of Opus, Vorbis, FLAC, Theora or VP8, in one link or several, each of one stream or two.

use crate::draw::Draw;

/// A page's checksum.
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}

pub(super) fn page(
    draw: &mut Draw<'_>,
    flags: u8,
    position: u64,
    serial: u8,
    number: u32,
    packets: &[&[u8]],
) -> Vec<u8> {
    let mut lens = Vec::new();
    for packet in packets {
        lens.extend(std::iter::repeat_n(255, packet.len() / 255));
        lens.push((packet.len() % 255) as u8);
    }
    if draw.odd() {
        lens.push(draw.byte());
    }
    let flags = flags ^ if draw.odd() { draw.byte() & 7 } else { 0 };
    let position = draw.or(position);
    let number = draw.or(number.into()) as u32;
    let head = [&b"OggS\0"[..], &[flags], &position.to_le_bytes(), &[serial, 0, 0, 0], &number.to_le_bytes()].concat();
    let mut page = [&head[..], &[0; 4], &[lens.len() as u8], &lens, &packets.concat()].concat();
    let sum = checksum(&page);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

fn opus(draw: &mut Draw<'_>) -> [Vec<u8>; 2] {
    let (channels, skip) = (draw.or(2) as u8, draw.or(312) as u16);
    let rate = (draw.or(48_000) as u32).to_le_bytes();
    let family = draw.or(0) as u8;
    let head = [&b"OpusHead\x01"[..], &[channels], &skip.to_le_bytes(), &rate, &[0, 0, family]].concat();
    [head, [&b"OpusTags"[..], &words(draw)].concat()]
}

/// A comment header: its writer's name, and what is said of the stream.
fn words(draw: &mut Draw<'_>) -> Vec<u8> {
    let len = |n: u64| (n as u32).to_le_bytes();
    [&len(draw.or(1))[..], b"w", &len(draw.or(1)), &len(draw.or(7)), b"TITLE=a"].concat()
}

fn flac(draw: &mut Draw<'_>) -> [Vec<u8>; 2] {
    let file = super::flac::file(&mut Draw(&[]));
    let count = (draw.or(1) as u16).to_be_bytes();
    let head = [&b"\x7fFLAC\x01\0"[..], &count, &file[..42]].concat();
    let words = words(draw);
    [head, [&[0x84, 0, 0, words.len() as u8], &words[..]].concat()]
}

fn vorbis(draw: &mut Draw<'_>) -> [Vec<u8>; 2] {
    let (channels, rate) = (draw.or(2) as u8, (draw.or(48_000) as u32).to_le_bytes());
    let head = [&b"\x01vorbis\0\0\0\0"[..], &[channels], &rate, &[0; 12], &[0xb8, 1]].concat();
    [head, [&b"\x03vorbis"[..], &words(draw), &[1]].concat()]
}

fn theora(draw: &mut Draw<'_>) -> [Vec<u8>; 2] {
    let head = [&b"\x80theora\x03\x02"[..], &[draw.or(1) as u8], &[0, 3, 0, 2, 0, 0, 44, 0, 0, 30, 0, 0]].concat();
    let rate = [(draw.or(25) as u32).to_be_bytes(), (draw.or(1) as u32).to_be_bytes()].concat();
    let bits = (draw.or(6) as u16) << 5;
    [[&head[..], &rate, &[0; 10], &bits.to_be_bytes()].concat(), [&b"\x81theora"[..], &words(draw)].concat()]
}

fn vp8(draw: &mut Draw<'_>) -> [Vec<u8>; 2] {
    let rate = [(draw.or(25) as u32).to_be_bytes(), (draw.or(1) as u32).to_be_bytes()].concat();
    let head = [&b"OVP80\x01\x01\x00"[..], &[0, 16, 0, 16, 0, 0, 1, 0, 0, 1], &rate].concat();
    [head, [&b"OVP80\x02 "[..], &words(draw)].concat()]
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut file = Vec::new();
    for link in 0..draw.count(1).clamp(1, 4) {
        let kind = draw.byte() % 6;
        let [head, words] = match kind {
            0 | 1 => opus(draw),
            2 => flac(draw),
            3 => theora(draw),
            4 => vp8(draw),
            _ => vorbis(draw),
        };
        let beside = draw.odd().then(|| opus(draw));
        file.extend(page(draw, 2, 0, link, 0, &[&head]));
        if let Some([head, words]) = &beside {
            file.extend(page(draw, 2, 0, link + 8, 0, &[head]));
            file.extend(page(draw, 0, 0, link + 8, 1, &[words]));
        }
        file.extend(page(draw, 0, 0, link, 1, &[&words]));
        let pages = draw.count(3);
        for number in 0..pages {
            let last = if number + 1 == pages { 4 } else { 0 };
            // Twice 20 ms of silence.
            let packets: [&[u8]; 2] = [&[0xfc, 0xff, 0xfe], &[0xfc, 0xff, 0xfe]];
            let (number, count) = (u32::from(number) + 2, u64::from(number) + 1);
            let position = match kind {
                3 => (2 * count) << 6,
                4 => (2 * count) << 32,
                _ => 1_920 * count,
            };
            file.extend(page(draw, last, position, link, number, &packets));
            if beside.is_some() {
                file.extend(page(draw, last, 1_920 * count, link + 8, number, &packets));
            }
        }
    }
    file
}
