//! Theora in Ogg: honest headers and pictures of its own encoder, of which bytes are then others.

use std::sync::LazyLock;

use oxideav_theora::{
    FrameDecoder, FrameEncoder, PixelFormat, SetupHeaderTables, SourceFrame, TheoraIdentHeader, encode_comment_header,
    encode_identification_header, encode_setup_header,
};

use super::ogg::page;
use crate::draw::Draw;

/// The three headers, a key picture and two behind it, each in 4:2:0, 4:2:2 and 4:4:4.
static FILMS: LazyLock<[Vec<Vec<u8>>; 3]> =
    LazyLock::new(|| [PixelFormat::Yuv420, PixelFormat::Yuv422, PixelFormat::Yuv444].map(film));

fn film(format: PixelFormat) -> Vec<Vec<u8>> {
    let ident = TheoraIdentHeader::for_picture(44, 30, format, 25, 1).expect("a size");
    let setup = SetupHeaderTables::vp3_defaults();
    let mut packets = vec![
        encode_identification_header(&ident).expect("a header"),
        encode_comment_header("w", &[]).expect("a header"),
        encode_setup_header(&setup).expect("a header"),
    ];
    let encoder = FrameEncoder::new(ident.clone(), setup.clone(), 40).expect("an encoder");
    let mut decoder = FrameDecoder::new(ident.clone(), setup).expect("a decoder");
    let (luma, chroma) = ident.picture_plane_dims();
    for n in 0..3usize {
        let plane = |width: u32, height: u32| -> Vec<u8> {
            (0..(width * height) as usize).map(|at| (at * 37 + at / 11 * 91 + n * at / 5) as u8).collect()
        };
        let c = plane(chroma.width, chroma.height);
        let source = SourceFrame::from_picture(&ident, &plane(luma.width, luma.height), &c, &c).expect("a picture");
        let packet = if n == 0 {
            encoder.encode_intra_frame(&source)
        } else {
            let refs = decoder.reference_store().as_reference_plane_set().expect("the picture before");
            encoder.encode_inter_frame_motion(&source, &refs)
        };
        let packet = packet.expect("a coded picture");
        decoder.decode_frame(&packet).expect("a picture");
        packets.push(packet);
    }
    packets
}

/// A packet with some bytes changed, and perhaps cut off.
fn changed(draw: &mut Draw<'_>, packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    for _ in 0..draw.count(0) {
        let at = usize::from(draw.byte()) << 8 | usize::from(draw.byte());
        let len = packet.len().max(1);
        let byte = draw.byte();
        packet.get_mut(at % len).into_iter().for_each(|to| *to = byte);
    }
    if draw.odd() {
        packet.truncate(usize::from(draw.byte()));
    }
    packet
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let film = &FILMS[usize::from(draw.byte()) % 3];
    let mut file = Vec::new();
    let first = changed(draw, &film[0]);
    file.extend(page(draw, 2, 0, 1, 0, &[&first]));
    let headers = [changed(draw, &film[1]), changed(draw, &film[2])];
    file.extend(page(draw, 0, 0, 1, 1, &[&headers[0], &headers[1]]));
    for number in 0..u32::from(draw.count(4)) {
        let packet = match draw.byte() % 8 {
            7 => Vec::new(),
            other => {
                let honest = if number == 0 { 0 } else { 1 + number as usize % 2 };
                let which = if other < 5 { honest } else { usize::from(other) % 3 };
                changed(draw, &film[3 + which])
            }
        };
        file.extend(page(draw, 0, 1 << 6 | u64::from(number), 1, number + 2, &[&packet]));
    }
    file
}
