//! FLAC: what is said of the stream, and frames of silence with checksums that hold.

use crate::draw::Draw;

fn sum8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| (0..8).fold(sum ^ byte, |sum, _| sum << 1 ^ if sum >> 7 == 1 { 7 } else { 0 }))
}

fn sum16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| {
        let sum = sum ^ u16::from(byte) << 8;
        (0..8).fold(sum, |sum, _| sum << 1 ^ if sum >> 15 == 1 { 0x8005 } else { 0 })
    })
}

fn about(draw: &mut Draw<'_>, last: bool) -> Vec<u8> {
    let block = [(draw.or(192) as u16).to_be_bytes(), (draw.or(192) as u16).to_be_bytes()].concat();
    let (rate, channels, bits) = (draw.or(44_100) & 0xf_ffff, draw.or(0) & 7, draw.or(15) & 31);
    let samples = draw.or(192 * 4) & 0xf_ffff_ffff;
    let words = (rate << 44 | channels << 41 | bits << 36 | samples).to_be_bytes();
    let len = draw.or(34) as u8;
    [&[if last { 0x80 } else { 0 }, 0, 0, len], &block[..], &[0; 6], &words, &[0; 16]].concat()
}

/// Places, words, a picture: each with a length that may be any.
fn more(draw: &mut Draw<'_>, last: bool) -> Vec<u8> {
    let kind = draw.one(&[3u8, 4, 6, 5, 1, 2, 126]);
    let body: Vec<u8> = (0..draw.count(6)).flat_map(|_| (draw.number() as u32).to_be_bytes()).collect();
    let len = (draw.or(body.len() as u64) as u32).to_be_bytes();
    [&[kind | if last { 0x80 } else { 0 }, len[1], len[2], len[3]], &body[..]].concat()
}

fn frame(draw: &mut Draw<'_>, number: u8) -> Vec<u8> {
    // 192 samples of one channel, 44.1 kHz, 16 bits.
    let mut frame = vec![0xff, 0xf8, draw.or(0x19) as u8, draw.or(0x08) as u8, number];
    frame.push(sum8(&frame));
    // All of one value.
    frame.extend([draw.or(0) as u8, 0, 0]);
    frame.extend(sum16(&frame).to_be_bytes());
    frame
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let others = draw.count(0);
    let mut file = [&b"fLaC"[..], &about(draw, others == 0)].concat();
    for other in 0..others {
        file.extend(more(draw, other + 1 == others));
    }
    for number in 0..draw.count(4) {
        file.extend(frame(draw, number));
    }
    file
}
