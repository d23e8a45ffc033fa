//! RIFF: WAV, also as RF64, and AVI.

use crate::draw::Draw;

fn chunk(draw: &mut Draw<'_>, name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = draw.or(body.len() as u64) as u32;
    let pad: &[u8] = if body.len() % 2 == 1 { &[0] } else { &[] };
    [&name[..], &size.to_le_bytes(), body, pad].concat()
}

fn word(draw: &mut Draw<'_>, honest: u32) -> [u8; 4] {
    (draw.or(honest.into()) as u32).to_le_bytes()
}

/// What both say of sound: PCM of 16 bits, two channels, 48 kHz.
fn format(draw: &mut Draw<'_>) -> Vec<u8> {
    let kind = draw.one(&[1u16, 3, 0xfffe, 0x55, 0x50, 0x2000, 0xff, 2]);
    let mut format = kind.to_le_bytes().to_vec();
    format.extend((draw.or(2) as u16).to_le_bytes());
    format.extend(word(draw, 48_000));
    format.extend(word(draw, 192_000));
    format.extend((draw.or(4) as u16).to_le_bytes());
    format.extend((draw.or(16) as u16).to_le_bytes());
    if kind == 0xfffe {
        format.extend([22, 0, 16, 0]);
        format.extend(word(draw, 3));
        format.extend([1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    }
    format
}

pub(crate) fn wav(draw: &mut Draw<'_>) -> Vec<u8> {
    let long = draw.odd();
    let mut body = b"WAVE".to_vec();
    if long {
        let sizes: Vec<u8> = (0..3).flat_map(|_| draw.or(64).to_le_bytes()).chain([0; 4]).collect();
        body.extend(chunk(draw, b"ds64", &sizes));
    }
    let format = format(draw);
    body.extend(chunk(draw, b"fmt ", &format));
    for _ in 0..draw.count(0) {
        let name = draw.one(&[b"LIST", b"fact", b"id3 ", b"bext"]);
        body.extend(chunk(draw, name, b"INFOINAM\x04\0\0\0name"));
    }
    body.extend(chunk(draw, b"data", &[7; 64]));
    let (name, len) = if long { (b"RF64", u32::MAX) } else { (b"RIFF", body.len() as u32) };
    [&name[..], &word(draw, len), &body].concat()
}

fn list(draw: &mut Draw<'_>, kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    chunk(draw, b"LIST", &[&kind[..], body].concat())
}

fn stream(draw: &mut Draw<'_>) -> Vec<u8> {
    let kind: &[u8; 4] = draw.one(&[b"auds", b"vids", b"txts"]);
    let mut head = [&kind[..], &[0; 16]].concat();
    // Scale, rate, start, length, buffer, quality, bytes of a sample.
    for honest in [1, 48_000, 0, 16, 0, 0, 4] {
        head.extend(word(draw, honest));
    }
    head.extend([0; 8]);
    let format = if kind == b"vids" {
        let code: &[u8; 4] = draw.one(&[b"XVID", b"H264", b"MJPG", b"VP80"]);
        let sizes = [word(draw, 40), word(draw, 320), word(draw, 180)].concat();
        [&sizes[..], &[1, 0, 24, 0], code, &[0; 20]].concat()
    } else {
        format(draw)
    };
    let parts = [chunk(draw, b"strh", &head), chunk(draw, b"strf", &format)].concat();
    list(draw, b"strl", &parts)
}

pub(crate) fn avi(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut header = chunk(draw, b"avih", &[0; 56]);
    for _ in 0..draw.count(1).max(1) {
        header.extend(stream(draw));
    }
    let header = list(draw, b"hdrl", &header);
    let mut movie = Vec::new();
    for _ in 0..draw.count(4) {
        let name = draw.one(&[b"00wb", b"00dc", b"01dc", b"01wb", b"ix00", b"JUNK"]);
        let picture = [0, 0, 1, 0xb6, draw.byte(), 0, 0, 0, 1, 0xb6, draw.byte(), 0];
        let block = chunk(draw, name, &picture);
        movie.extend(if draw.odd() { list(draw, b"rec ", &block) } else { block });
    }
    let movie = list(draw, b"movi", &movie);
    let body = [&b"AVI "[..], &header, &movie].concat();
    let mut file = chunk(draw, b"RIFF", &body);
    if draw.odd() {
        let more = [&b"AVIX"[..], &movie].concat();
        file.extend(chunk(draw, b"RIFF", &more));
    }
    file
}
