//! What is hardly a container: frames of MPEG audio one after another, YUV4MPEG2; and the heads of others.

use crate::draw::Draw;

/// A frame of AAC, 44.1 kHz, stereo.
pub(crate) fn frame(draw: &mut Draw<'_>) -> Vec<u8> {
    let len = draw.or(27) as u16 & 0x1fff;
    let (index, channels) = (draw.or(4) as u8 & 15, draw.or(2) as u8 & 7);
    let third = 1 << 6 | index << 2 | channels >> 2;
    let fourth = (channels & 3) << 6 | (len >> 11) as u8;
    let mut frame = vec![0xff, 0xf1, third, fourth, (len >> 3) as u8, ((len & 7) << 5) as u8 | 0x1f, 0xfc];
    frame.resize(27, 0x21);
    frame
}

/// A tag as it stands in front of songs.
fn tag(draw: &mut Draw<'_>) -> Vec<u8> {
    let name = draw.one(&[b"TIT2", b"TALB", b"APIC", b"TT2\0"]);
    let len = (draw.or(6) as u32).to_be_bytes();
    let frame = [&name[..], &len, &[0, 0, 3], b"words"].concat();
    let all = draw.or(frame.len() as u64);
    let size: Vec<u8> = (0..4).rev().map(|at| (all >> (7 * at) & 0x7f) as u8).collect();
    [&b"ID3"[..], &[draw.one(&[4, 3, 2]), 0, draw.or(0) as u8], &size, &frame].concat()
}

pub(crate) fn adts(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut file = if draw.odd() { tag(draw) } else { Vec::new() };
    for _ in 0..draw.count(6) {
        file.extend(frame(draw));
    }
    file
}

pub(crate) fn mp3(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut file = if draw.odd() { tag(draw) } else { Vec::new() };
    for number in 0..draw.count(4) {
        // Layer 3, 128 kbit a second, 44.1 kHz: 417 bytes.
        let mut frame = vec![0xff, draw.or(0xfb) as u8, draw.or(0x90) as u8, draw.or(0x64) as u8];
        frame.resize(417, 0);
        if number == 0 && draw.odd() {
            let said: Vec<u8> = (0..3).flat_map(|_| (draw.number() as u32).to_be_bytes()).collect();
            let said = [draw.one(&[b"Xing", b"Info"]), &said[..]].concat();
            frame[36..36 + said.len()].copy_from_slice(&said);
        }
        file.extend(frame);
    }
    file
}

pub(crate) fn y4m(draw: &mut Draw<'_>) -> Vec<u8> {
    let (width, height) = (draw.or(16), draw.or(16));
    let (num, den) = (draw.or(25), draw.or(1));
    let chroma = draw.one(&["", " C420jpeg", " C422", " C444", " Cmono", " C420p10", " C420mpeg2 XYSCSS=420"]);
    let (across, down) = (draw.or(1), draw.or(1));
    let mut file = format!("YUV4MPEG2 W{width} H{height} F{num}:{den} Ip A{across}:{down}{chroma}\n").into_bytes();
    for _ in 0..draw.count(3) {
        file.extend(draw.one(&[&b"FRAME\n"[..], b"FRAME Ip\n", b"FRAM\n"]));
        file.extend([128; 384]);
    }
    file
}

/// AIFF or CAF, of PCM.
pub(crate) fn others(draw: &mut Draw<'_>) -> Vec<u8> {
    if draw.odd() {
        let rate = f64::to_bits(draw.or(48_000) as f64).to_be_bytes();
        let words: Vec<u8> = [4, 1, 2, 16].into_iter().flat_map(|word| (draw.or(word) as u32).to_be_bytes()).collect();
        let format = [&rate[..], b"lpcm", &[0; 4], &words].concat();
        let len = draw.or(format.len() as u64).to_be_bytes();
        let data = draw.or(68).to_be_bytes();
        return [b"caff\0\x01\0\0desc", &len[..], &format, b"data", &data, &[0; 68]].concat();
    }
    let frames = (draw.or(16) as u32).to_be_bytes();
    let (channels, bits) = ((draw.or(2) as u16).to_be_bytes(), (draw.or(16) as u16).to_be_bytes());
    // 44,100 as a number of ten bytes.
    let rate = [0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0];
    let comm = [&channels[..], &frames, &bits, &rate].concat();
    let data = [0; 72];
    let body = [
        &b"AIFFCOMM"[..],
        &(draw.or(comm.len() as u64) as u32).to_be_bytes(),
        &comm,
        b"SSND",
        &(draw.or(data.len() as u64) as u32).to_be_bytes(),
        &data,
    ]
    .concat();
    [&b"FORM"[..], &(draw.or(body.len() as u64) as u32).to_be_bytes(), &body].concat()
}
