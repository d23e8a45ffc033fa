//! Raw streams: H.264 with parameter sets and heads of slices, MPEG-2, and IVF. Nothing in them is decoded.

use crate::draw::Draw;

/// Bits as parameter sets are written.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u64, bits: u32) {
        self.0.extend((0..bits).rev().map(|n| value >> n.min(63) & 1 == 1));
    }

    fn ue(&mut self, value: u64) {
        let code = value.min(u64::from(u32::MAX) - 1) + 1;
        let bits = 64 - code.leading_zeros();
        self.put(0, bits - 1);
        self.put(code, bits);
    }

    /// With a stop bit, in bytes; emulation is not prevented.
    fn bytes(mut self) -> Vec<u8> {
        self.0.push(true);
        self.0
            .chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |sum, (n, bit)| sum | u8::from(*bit) << (7 - n)))
            .collect()
    }
}

fn unit(head: u8, bits: Bits) -> Vec<u8> {
    [&[0, 0, 0, 1, head][..], &bits.bytes()].concat()
}

/// Main profile, 32 × 32 pixels, every order of counting.
fn avc(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut sps = Bits::default();
    sps.put(77 << 16 | 30, 24);
    sps.ue(0);
    sps.ue(draw.or(0));
    let order = draw.one(&[0, 1, 2]);
    sps.ue(order);
    match order {
        0 => sps.ue(draw.or(2)),
        1 => {
            sps.put(0, 1);
            sps.ue(draw.or(0));
            sps.ue(draw.or(0));
            let cycle = draw.or(1);
            sps.ue(cycle);
            (0..cycle.min(255)).for_each(|_| sps.ue(draw.or(2)));
        }
        _ => {}
    }
    sps.ue(1);
    sps.put(0, 1);
    sps.ue(draw.or(1));
    sps.ue(draw.or(1));
    let frames = draw.one(&[1, 0]);
    sps.put(frames, 1);
    sps.put(draw.or(1), 1);
    sps.put(0, 3);
    let mut pps = Bits::default();
    (0..2).for_each(|_| pps.ue(0));
    pps.put(0, 2);
    (0..3).for_each(|_| pps.ue(draw.or(0)));
    pps.put(draw.or(0), 3);
    (0..3).for_each(|_| pps.ue(0));
    pps.put(0, 3);
    let mut file = [unit(0x67, sps), unit(0x68, pps)].concat();
    for number in 0..3 + u64::from(draw.count(3)) {
        let mut slice = Bits::default();
        slice.ue(0);
        slice.ue(draw.or(7));
        slice.ue(draw.or(0));
        slice.put(draw.or(number), 4);
        slice.put(draw.or(0), if frames == 0 { 2 } else { 0 });
        (0..2 + draw.count(4)).for_each(|_| slice.ue(draw.or(0)));
        file.extend(unit(if number == 0 { 0x65 } else { draw.one(&[0x41, 0x01, 0x65, 0x67]) }, slice));
        file.extend([0x80; 12]);
    }
    file
}

/// The head of a sequence, and pictures with a slice each.
fn mpeg2(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut file = vec![0, 0, 1, 0xb3, 2, 0, 0x20, draw.or(0x13) as u8, 0xff, 0xff, 0xe0, 0x18];
    for number in 0..2 + draw.count(4) {
        let head = [0, 0, 1, draw.or(0) as u8, draw.or(0) as u8, number << 6 | 0x0f, 0xff, 0xf8];
        file.extend(
            [&head[..], &[0, 0, 1, draw.one(&[1, 0xb5, 0xb8, 0xb3]), 0x13, 0xf8, draw.or(0x80) as u8, 0, 0x40, 0x55]]
                .concat(),
        );
    }
    file
}

/// Pictures of a few bytes, each with its length and its time.
fn ivf(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut file = b"DKIF\0\0\x20\0VP90\x20\0\x20\0".to_vec();
    [draw.or(25), draw.or(1), draw.or(3), 0].iter().for_each(|n| file.extend((*n as u32).to_le_bytes()));
    for number in 0..3 + draw.count(3) {
        let body = [draw.or(0x82) as u8, 0x49, 0x83, 0x42, 0, 0, 0, 0];
        file.extend((draw.or(body.len() as u64) as u32).to_le_bytes());
        file.extend(draw.or(number.into()).to_le_bytes());
        file.extend(body);
    }
    file
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    draw.one(&[avc, mpeg2, ivf])(draw)
}
