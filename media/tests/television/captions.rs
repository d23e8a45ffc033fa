//! A maker of closed captions, and of MPEG-2 streams that have them.
#![allow(dead_code, reason = "each test file uses a part")]

/// Pairs of bytes, one for each frame.
#[derive(Clone, Default)]
pub(crate) struct Script(pub(crate) Vec<[u8; 2]>);

fn odd(code: u8) -> u8 {
    code & 0x7f | if code.count_ones().is_multiple_of(2) { 0x80 } else { 0 }
}

impl Script {
    /// Nothing until a frame.
    pub(crate) fn until(mut self, frame: usize) -> Self {
        assert!(self.0.len() <= frame, "{} frames are written", self.0.len());
        self.0.resize(frame, [0x80; 2]);
        self
    }

    /// A command, which is sent twice.
    pub(crate) fn command(mut self, first: u8, second: u8) -> Self {
        self.0.extend([[odd(first), odd(second)]; 2]);
        self
    }

    /// Codes of letters.
    pub(crate) fn letters(mut self, codes: &[u8]) -> Self {
        self.0.extend(codes.chunks(2).map(|pair| [odd(pair[0]), odd(pair.get(1).copied().unwrap_or(0))]));
        self
    }
}

/// The user data of a picture, as ATSC A/53 has it: a pair of each field.
pub(crate) fn atsc(pairs: [[u8; 2]; 2]) -> Vec<u8> {
    let mut data = b"\0\0\x01\xb2GA94\x03\x42\xff".to_vec();
    for (field, [first, second]) in pairs.into_iter().enumerate() {
        data.extend([0xfc | field as u8, first, second]);
    }
    data.push(0xff);
    data
}

/// The user data of a group of pictures, as DVDs have it.
fn disc(pairs: &[[[u8; 2]; 2]]) -> Vec<u8> {
    let mut data = b"\0\0\x01\xb2CC\x01\xf8".to_vec();
    data.push(0x80 | (pairs.len() as u8) << 1);
    for [first, second] in pairs {
        data.extend([0xff, first[0], first[1], 0xfe, second[0], second[1]]);
    }
    data
}

/// A stream of MPEG-2 in order of showing, with captions of two fields: in each picture, or in each group of so many.
pub(crate) fn with_captions(stream: &[u8], fields: [&Script; 2], group: Option<usize>) -> Vec<u8> {
    let pair = |frame: usize| fields.map(|field| field.0.get(frame).copied().unwrap_or([0x80; 2]));
    let (mut out, mut picture, mut groups, mut waiting) = (Vec::new(), 0, 0, false);
    for (at, byte) in stream.iter().enumerate() {
        if stream[at..].starts_with(&[0, 0, 1]) {
            match stream.get(at + 3) {
                Some(0x00) => {
                    if let Some(group) = group.filter(|_| std::mem::take(&mut waiting)) {
                        let pairs: Vec<_> = (groups * group..(groups + 1) * group).map(pair).collect();
                        out.extend(disc(&pairs));
                        groups += 1;
                    }
                    waiting = group.is_none();
                }
                Some(0xb8) => waiting = group.is_some(),
                Some(0x01..=0xaf) if group.is_none() && waiting => {
                    out.extend(atsc(pair(picture)));
                    (picture, waiting) = (picture + 1, false);
                }
                _ => {}
            }
        }
        out.push(*byte);
    }
    out
}
