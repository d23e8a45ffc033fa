//! Streams that were made, in other dress: among units of other layers, or behind lengths in an AVI.

use crate::video_support::Random;

/// The units of a stream, without their start codes.
pub(crate) fn units(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, code)| *code == [0, 0, 1]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let unit = |(start, end): (&usize, usize)| {
        let unit = &stream[start + 3..end];
        &unit[..unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)]
    };
    starts.iter().zip(ends).map(unit).collect()
}

/// `stream` as the base of one of several layers or views, with a plane of transparency: with all units that a decoder of the base
/// passes over, and with start codes and zeros of any length.
pub(crate) fn layered(stream: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut front: Vec<&[u8]> = Vec::new();
    for unit in units(stream) {
        let (kind, with) = (unit[0] & 31, |kind: u8, body: &[u8]| [&[unit[0] & 0xe0 | kind], body].concat());
        if !matches!(kind, 1 | 5) {
            front.push(unit);
            continue;
        }
        if kind == 5 && unit[1] & 0x80 != 0 && !out.is_empty() {
            out.push(vec![10]);
        }
        for unit in front.drain(..) {
            out.push(unit.to_vec());
            if unit[0] & 31 == 7 {
                out.push([&[0x6d], [0x80, 0x5a].as_slice()].concat());
                out.push([&[0x6f, 118], &unit[2..]].concat());
            }
        }
        out.push(with(14, &[0xc0, 0x80, 0x07, 0x80]));
        out.push(unit.to_vec());
        if random.below(2) == 0 {
            out.push(with(19, &unit[1..]));
        }
        out.push(with(20, &[&[0x40, 0x80, 0x07], &unit[1..]].concat()));
    }
    out.extend([vec![10], vec![11]]);
    let zeros = out.iter().map(|unit| {
        let (code, tail) = (2 + random.below(2) as usize, [0, 0, 0, 1, 3][random.below(5) as usize]);
        [vec![0; code], vec![1], unit.clone(), vec![0; tail]].concat()
    });
    zeros.flatten().collect()
}

/// A chunk of RIFF.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = &[0][..data.len() % 2];
    [name, (data.len() as u32).to_le_bytes().as_slice(), data, padding].concat()
}

/// An AVI with units behind their lengths, as some recorders write it: its header holds an `avcC`.
pub(crate) fn avi_with_lengths(stream: &[u8]) -> Vec<u8> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    for (at, _) in stream.windows(4).enumerate().filter(|(_, window)| *window == [0, 0, 0, 1]) {
        let rest = &stream[at + 4..];
        let end = rest.windows(4).position(|window| window == [0, 0, 0, 1]).unwrap_or(rest.len());
        units.push(rest[..end].to_vec());
    }
    let prefixed = |unit: &[u8]| [(unit.len() as u32).to_be_bytes().as_slice(), unit].concat();
    let short = |unit: &[u8]| [(unit.len() as u16).to_be_bytes().as_slice(), unit].concat();
    let avcc =
        [&[1], &units[0][1..4], &[0xff, 0xe1], &short(&units[0]), &[2], &short(&units[1]), &short(&units[2])].concat();
    let (mut movie, mut packet, mut count) = (b"movi".to_vec(), Vec::new(), 0);
    for unit in &units {
        packet.extend(prefixed(unit));
        if matches!(unit[0] & 31, 1 | 5) {
            movie.extend(chunk(b"00dc", &std::mem::take(&mut packet)));
            count += 1;
        }
    }
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let main = numbers(&[40_000, 0, 0, 0, count, 0, 1, 0, 48, 64, 0, 0, 0, 0]);
    let stream = [b"vidsH264".to_vec(), numbers(&[0, 0, 0, 1, 25, 0, count, 0, u32::MAX, 0, 0, 0])].concat();
    let format = [numbers(&[40, 48, 64, 24 << 16 | 1]), b"H264".to_vec(), numbers(&[0; 5]), avcc].concat();
    let list = [b"strl".to_vec(), chunk(b"strh", &stream), chunk(b"strf", &format)].concat();
    let head = [b"hdrl".to_vec(), chunk(b"avih", &main), chunk(b"LIST", &list)].concat();
    chunk(b"RIFF", &[b"AVI ".to_vec(), chunk(b"LIST", &head), chunk(b"LIST", &movie)].concat())
}
