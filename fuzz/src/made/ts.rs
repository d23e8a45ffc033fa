//! MPEG-TS: the lists of programmes and tracks, and packets of sound and pictures with times.

use crate::draw::Draw;

/// A transport packet, filled up by an adaptation field.
pub(crate) fn unit(draw: &mut Draw<'_>, pid: u16, begins: bool, counter: u8, body: &[u8]) -> Vec<u8> {
    let body = body.get(..183).unwrap_or(body);
    let fill = 184 - body.len();
    let [high, low] = (pid | if begins { 0x4000 } else { 0 }).to_be_bytes();
    let mut unit = vec![0x47, high, low, draw.or(0x30 | u64::from(counter & 15)) as u8];
    unit.push(draw.or(fill as u64 - 1) as u8);
    if fill > 1 {
        unit.push(draw.or(0) as u8);
        unit.resize(4 + fill, 0xff);
    }
    unit.extend(body);
    unit
}

/// A table with its length; nobody looks at its checksum.
pub(crate) fn table(draw: &mut Draw<'_>, id: u8, body: &[u8]) -> Vec<u8> {
    let len = draw.or(body.len() as u64 + 9) as u16 & 0xfff | 0xb000;
    [&[0, id], &len.to_be_bytes()[..], &[0, 1, 0xc1, 0, 0], body, &[0; 4]].concat()
}

/// A time of 33 bits as packets have it.
pub(crate) fn stamp(mark: u8, ticks: u64) -> [u8; 5] {
    let part = |shift: u32| (ticks >> shift & 0x7fff) << 1 | 1;
    let (middle, low) = ((part(15) as u16).to_be_bytes(), (part(0) as u16).to_be_bytes());
    [mark << 4 | (ticks >> 29 & 0xe) as u8 | 1, middle[0], middle[1], low[0], low[1]]
}

/// A frame of sound, or a picture, with its time.
fn packet(draw: &mut Draw<'_>, number: u8) -> Vec<u8> {
    let ticks = draw.or(90_000 + 1_881 * u64::from(number));
    let data = super::plain::frame(draw);
    let len = draw.or(data.len() as u64 + 8) as u16;
    let [high, low] = len.to_be_bytes();
    [&[0, 0, 1, 0xc0, high, low, 0x80, draw.or(0x80) as u8, draw.or(5) as u8], &stamp(2, ticks)[..], &data].concat()
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let programmes = table(draw, 0, &[0, 1, 0xe1, 0]);
    let mut tracks = vec![0xe1, 1, 0xf0, 0];
    for track in 0..draw.count(1).max(1) {
        let kind = draw.one(&[0x0f, 0x1b, 0x03, 0x11, 0x06, 0x24, 0x81, 0x02]);
        tracks.extend([kind, 0xe1, 1 + track, 0xf0, draw.or(0) as u8]);
    }
    let tracks = table(draw, 2, &tracks);
    let mut file = [unit(draw, 0, true, 0, &programmes), unit(draw, 0x100, true, 0, &tracks)].concat();
    for number in 0..draw.count(6) {
        let pid = 0x101 + u16::from(draw.one(&[0u8, 1, 2]));
        let packet = packet(draw, number);
        let begins = !draw.odd();
        file.extend(unit(draw, pid, begins, number, &packet));
    }
    file
}
