//! MPEG program streams: packs of packets with times, of sound and of pictures.

use super::ts::stamp;
use crate::draw::Draw;

/// What begins a pack: its clock, and the bytes stuffed behind it.
fn pack(draw: &mut Draw<'_>) -> Vec<u8> {
    let stuffed = draw.or(0) as u8;
    let mut pack = vec![0, 0, 1, 0xba, draw.or(0x44) as u8, 0, 4, 0, 4, 1, 0, 0, 3, 0xf8 | stuffed & 7];
    pack.resize(14 + usize::from(stuffed & 7), 0xff);
    pack
}

/// A frame of MPEG audio, layer 2, 48 kHz, 32 kbit a second; or the head of a sequence of pictures, and one.
fn body(draw: &mut Draw<'_>, id: u8) -> Vec<u8> {
    if id >= 0xe0 {
        let head = [0, 0, 1, 0xb3, draw.or(2) as u8, 0x00, 0x20, draw.or(0x13) as u8, 0xff, 0xff, 0xe0, 0x18];
        return [&head[..], &[0, 0, 1, 0, draw.or(0) as u8, 0x0f, 0xff, 0xf8, 0, 0, 1, 1, 0x13, 0xf8]].concat();
    }
    let mut frame = vec![0xff, draw.or(0xfd) as u8, draw.or(0x14) as u8, draw.or(0xc4) as u8];
    frame.resize(96, 0);
    frame
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut file = Vec::new();
    for number in 0..2 + draw.count(6) {
        if number == 0 || draw.odd() {
            file.extend(pack(draw));
        }
        let id = draw.one(&[0xc0, 0xe0, 0xbd, 0xbe, 0xbb, 0xb9]);
        let ticks = draw.or(90_000 + 2_160 * u64::from(number));
        let mut body = body(draw, id);
        if id == 0xbd {
            body.splice(0..0, [draw.one(&[0x80, 0x20, 0x88, 0xa0]), 1, 0, 1]);
        }
        let [high, low] = (draw.or(body.len() as u64 + 8) as u16).to_be_bytes();
        let head = [0, 0, 1, id, high, low, draw.or(0x80) as u8, draw.or(0x80) as u8, draw.or(5) as u8];
        file.extend([&head[..], &stamp(2, ticks), &body].concat());
    }
    file
}
