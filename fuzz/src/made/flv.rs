//! FLV: tags of pictures, of sound and of words, each followed by its length.

use crate::draw::Draw;

fn tag(draw: &mut Draw<'_>, kind: u8, ms: u64, body: &[u8]) -> Vec<u8> {
    let len = (draw.or(body.len() as u64) as u32).to_be_bytes();
    let time = (draw.or(ms) as u32).to_be_bytes();
    let head = [kind, len[1], len[2], len[3], time[1], time[2], time[3], time[0], 0, 0, draw.or(0) as u8];
    let closed = (draw.or(body.len() as u64 + 11) as u32).to_be_bytes();
    [&head[..], body, &closed].concat()
}

pub(crate) fn file(draw: &mut Draw<'_>) -> Vec<u8> {
    let offset = (draw.or(9) as u32).to_be_bytes();
    let mut file = [&b"FLV\x01\x05"[..], &offset, &[0; 4]].concat();
    for number in 0..2 + draw.count(6) {
        let later = (draw.or(40) as u32).to_be_bytes();
        let mut body = match draw.one(&[8u8, 9, 0, 18]) {
            8 => vec![draw.one(&[0xaf, 0x2f, 0x3e, 0x10]), draw.or(u64::from(number > 0)) as u8, 0x12, 0x10],
            9 => vec![
                draw.one(&[0x17, 0x27, 0x1c, 0x12]),
                draw.or(u64::from(number > 0)) as u8,
                later[1],
                later[2],
                later[3],
            ],
            0 => {
                let (first, codec) =
                    (draw.one(&[0x90, 0x91, 0x93, 0xa0]), draw.one(&[*b"avc1", *b"hvc1", *b"av01", *b"xxxx"]));
                [&[first], &codec[..], &later[1..]].concat()
            }
            _ => b"\x02\x00\x0aonMetaData".to_vec(),
        };
        let kind = match body[0] {
            2 => 18,
            0xaf | 0x2f | 0x3e | 0x10 => 8,
            _ => 9,
        };
        body.resize(body.len() + usize::from(draw.count(4)), 0x21);
        file.extend(tag(draw, kind, 40 * u64::from(number), &body));
    }
    file
}
