//! NAL units of H.264 and HEVC: splitting length-prefixed samples, reading the containers' configuration records.

use crate::container::CodecId;

/// How a container stores NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Each behind its length, of so many bytes.
    Length(usize),
    /// Each behind a start code.
    AnnexB,
}

/// Configuration record of a track: its parameter sets and its framing.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) framing: Framing,
    pub(crate) sets: Vec<Vec<u8>>,
}

/// A NAL unit's range in a sample; a length that leads past the end ends the list with `Err`.
pub(crate) fn split(data: &[u8], framing: Framing) -> impl Iterator<Item = Result<&[u8], ()>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let unit = match framing {
                Framing::Length(n) => match rest.split_at_checked(n) {
                    Some((len, body)) => {
                        let len = len.iter().fold(0usize, |sum, &b| (sum << 8) | usize::from(b));
                        match body.split_at_checked(len) {
                            Some((unit, after)) => {
                                rest = after;
                                let plain = without_padding(unit);
                                // More than that is what a lost piece of a file leaves.
                                let padded = unit.len() - plain.len() <= PADDING;
                                if padded { plain } else { unit }
                            }
                            None => {
                                rest = &[];
                                return Some(Err(()));
                            }
                        }
                    }
                    None => {
                        rest = &[];
                        return Some(Err(()));
                    }
                },
                Framing::AnnexB => {
                    let start = find_start(rest).map_or(rest.len(), |at| at + 3);
                    let body = &rest[start..];
                    let end = find_start(body).unwrap_or(body.len());
                    rest = &body[end..];
                    // Zeros before the next start code belong to it.
                    without_padding(&body[..end])
                }
            };
            if !unit.is_empty() {
                return Some(Ok(unit));
            }
        }
    })
}

/// Zeros with which a unit behind its length is padded at the most. Encoders of telephones do so: some to a multiple of four bytes,
/// others by four bytes, here and there.
const PADDING: usize = 16;

/// A unit without the zeros behind it, which none ends with.
fn without_padding(unit: &[u8]) -> &[u8] {
    &unit[..unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)]
}

fn find_start(data: &[u8]) -> Option<usize> {
    data.windows(3).position(|w| w == [0, 0, 1])
}

/// Reads the configuration record of a codec that has such units.
pub(crate) fn record(codec: &CodecId, data: &[u8]) -> Option<Config> {
    match codec {
        CodecId::H264 => avcc(data),
        #[cfg(feature = "hevc")]
        CodecId::Hevc => hvcc(data),
        _ => None,
    }
}

/// Reads an `avcC` record, or Annex B where a container carries that instead.
pub(crate) fn avcc(data: &[u8]) -> Option<Config> {
    if data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1]) || data.is_empty() {
        return Some(annex_b(data));
    }
    let framing = Framing::Length(usize::from(data.get(4)? & 3) + 1);
    let mut sets = Vec::new();
    let mut at = 5;
    for mask in [0x1f, 0xff] {
        let Some(count) = data.get(at) else { break };
        at += 1;
        for _ in 0..count & mask {
            sets.push(prefixed(data, &mut at)?);
        }
    }
    Some(Config { framing, sets })
}

/// Reads an `hvcC` record, or Annex B.
#[cfg(feature = "hevc")]
pub(crate) fn hvcc(data: &[u8]) -> Option<Config> {
    if data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1]) || data.is_empty() {
        return Some(annex_b(data));
    }
    let framing = Framing::Length(usize::from(data.get(21)? & 3) + 1);
    let mut sets = Vec::new();
    let mut at = 23;
    for _ in 0..*data.get(22)? {
        let count = u16::from_be_bytes([*data.get(at + 1)?, *data.get(at + 2)?]);
        at += 3;
        for _ in 0..count {
            sets.push(prefixed(data, &mut at)?);
        }
    }
    Some(Config { framing, sets })
}

fn annex_b(data: &[u8]) -> Config {
    let sets = split(data, Framing::AnnexB).flatten().map(<[u8]>::to_vec).collect();
    Config { framing: Framing::AnnexB, sets }
}

fn prefixed(data: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let len = usize::from(u16::from_be_bytes([*data.get(*at)?, *data.get(*at + 1)?]));
    let set = data.get(*at + 2..*at + 2 + len)?;
    *at += 2 + len;
    Some(without_padding(set).to_vec())
}

/// Units behind their lengths as units behind start codes; of `data` that is cut off, the last one is.
pub(crate) fn with_start_codes(data: &[u8], length: usize) -> Vec<u8> {
    let (mut rest, mut out) = (data, Vec::with_capacity(data.len() + 16));
    while let Some((len, body)) = rest.split_at_checked(length).filter(|(_, body)| !body.is_empty()) {
        let len = len.iter().fold(0usize, |sum, &byte| (sum << 8) | usize::from(byte));
        let (unit, after) = body.split_at(len.min(body.len()));
        out.extend([0, 0, 0, 1]);
        out.extend_from_slice(unit);
        rest = after;
    }
    out
}

/// A NAL unit's payload without emulation prevention bytes.
pub(crate) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// The messages of an SEI unit without its header and its emulation prevention: their kinds and their bodies.
pub(crate) fn messages(data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        // What is left when the last message ended is its trailing bits.
        if rest.len() < 3 {
            return None;
        }
        let mut number = || {
            let mut sum = 0usize;
            loop {
                let (&byte, after) = rest.split_first()?;
                rest = after;
                sum += usize::from(byte);
                if byte != 255 {
                    return Some(sum);
                }
            }
        };
        let (kind, len) = (number()?, number()?);
        let body = rest.get(..len)?;
        rest = &rest[len..];
        Some((kind, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_framings_split_into_the_same_units() {
        let lengths = [0, 0, 0, 2, 9, 16, 0, 0, 0, 3, 0x65, 1, 2];
        let starts = [0, 0, 0, 1, 9, 16, 0, 0, 1, 0x65, 1, 2];
        let a: Vec<_> = split(&lengths, Framing::Length(4)).collect();
        let b: Vec<_> = split(&starts, Framing::AnnexB).collect();
        assert_eq!(a, b);
        assert_eq!(a, [Ok(&[9u8, 16][..]), Ok(&[0x65, 1, 2])]);
    }

    #[test]
    fn zeros_behind_a_unit_are_none_of_it() {
        let lengths = [0, 0, 0, 5, 0x65, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0x41, 2];
        let units: Vec<_> = split(&lengths, Framing::Length(4)).collect();
        assert_eq!(units, [Ok(&[0x65u8, 1][..]), Ok(&[0x41, 2])]);
        // No padding has so many.
        let lost = [&[0x65, 1][..], &[0; 17]].concat();
        let packet = [&[0, 0, 0, lost.len() as u8], &lost[..]].concat();
        assert_eq!(split(&packet, Framing::Length(4)).collect::<Vec<_>>(), [Ok(&lost[..])]);
        let record = [1, 100, 0, 31, 0xff, 0xe1, 0, 4, 0x67, 1, 0, 0, 1, 0, 3, 0x68, 2, 0];
        assert_eq!(avcc(&record).unwrap().sets, [[0x67, 1], [0x68, 2]]);
    }

    #[test]
    fn a_length_past_the_end_is_reported_once() {
        assert_eq!(split(&[0, 9, 1], Framing::Length(2)).collect::<Vec<_>>(), [Err(())]);
        assert_eq!(split(&[0], Framing::Length(2)).collect::<Vec<_>>(), [Err(())]);
    }
}
