//! The header of a WAV file with 16-bit samples: built, and read back. RF64 (EBU Tech 3306) where 32 bits do not hold the
//! size: its chunk has its place from the start, as `JUNK`.

use crate::sink::Format;

/// Bytes of `JUNK` or `ds64`, with its head.
const DS64: usize = 36;

/// Bytes of one sample time.
pub(crate) fn align(format: Format) -> u64 {
    u64::from(format.channels) * 2
}

/// Whether the header says which speakers the channels are for: it need not of one or two as usual.
fn extended(format: Format) -> bool {
    format.channels > 2 || format != Format::usual(format.channels, format.rate)
}

/// Bytes of the header for `format`.
pub(crate) fn len(format: Format) -> u64 {
    let fmt = if extended(format) { 40 } else { 16 };
    (12 + DS64 + 8 + fmt + 8) as u64
}

/// The header of a file with `data` bytes of samples.
pub(crate) fn build(format: Format, data: u64) -> Vec<u8> {
    let long = len(format) + data - 8 > u64::from(u32::MAX);
    let size = |n: u64| u32::try_from(n).ok().filter(|_| !long).unwrap_or(u32::MAX).to_le_bytes();
    let mut head = Vec::with_capacity(len(format) as usize);
    head.extend_from_slice(if long { b"RF64" } else { b"RIFF" });
    head.extend_from_slice(&size(len(format) + data - 8));
    head.extend_from_slice(b"WAVE");
    head.extend_from_slice(if long { b"ds64" } else { b"JUNK" });
    head.extend_from_slice(&(DS64 as u32 - 8).to_le_bytes());
    for n in [len(format) + data - 8, data, data / align(format)] {
        head.extend_from_slice(&if long { n } else { 0 }.to_le_bytes());
    }
    head.extend_from_slice(&0u32.to_le_bytes());
    let extended = extended(format);
    head.extend_from_slice(b"fmt ");
    head.extend_from_slice(&if extended { 40u32 } else { 16 }.to_le_bytes());
    head.extend_from_slice(&if extended { 0xfffeu16 } else { 1 }.to_le_bytes());
    head.extend_from_slice(&format.channels.to_le_bytes());
    head.extend_from_slice(&format.rate.to_le_bytes());
    head.extend_from_slice(&(format.rate.wrapping_mul(align(format) as u32)).to_le_bytes());
    head.extend_from_slice(&(align(format) as u16).to_le_bytes());
    head.extend_from_slice(&16u16.to_le_bytes());
    if extended {
        head.extend_from_slice(&22u16.to_le_bytes());
        head.extend_from_slice(&16u16.to_le_bytes());
        head.extend_from_slice(&format.speakers.to_le_bytes());
        // KSDATAFORMAT_SUBTYPE_PCM.
        head.extend_from_slice(b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71");
    }
    head.extend_from_slice(b"data");
    head.extend_from_slice(&size(data));
    head
}

/// The header of what nobody knows the length of yet: both sizes are as large as they can be.
pub(crate) fn endless(format: Format) -> Vec<u8> {
    let mut head = build(format, 0);
    let data = head.len() - 4;
    for at in [4, data] {
        head.splice(at..at + 4, [0xff; 4]);
    }
    head
}

/// The format in a header that [`build`] made; `None` for any other.
pub(crate) fn read(head: &[u8]) -> Option<Format> {
    let at = 12 + DS64 + 8;
    let word = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let rate = u32::from_le_bytes(head.get(at + 4..at + 8)?.try_into().ok()?);
    let format = Format::usual(word(at + 2)?, rate);
    let mask = u32::from_le_bytes(head.get(at + 20..at + 24)?.try_into().ok()?);
    let format = if word(at)? == 0xfffe { Format { speakers: mask, ..format } } else { format };
    let known = (1..=8).contains(&format.channels) && rate > 0;
    let same = |made: Vec<u8>| made.get(at..made.len() - 4) == head.get(at..made.len() - 4);
    (known && same(build(format, 0))).then_some(format)
}

/// A sample as 16 bits: to the nearest, ties to even, cut off at full scale.
pub(crate) fn s16(sample: f32) -> i16 {
    (f64::from(sample) * 32768.0).round_ties_even().clamp(-32768.0, 32767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_long_as_it_says_and_is_read_back() {
        let usual = (1..=8).map(|channels| Format::usual(channels, 8000));
        for format in usual.chain([0x107, 0x33, 0x60f, 0x4, 0x100].map(|speakers: u32| Format {
            channels: speakers.count_ones() as u16,
            rate: 8000,
            speakers,
        })) {
            for rate in [8000, 44_100, 768_000] {
                let format = Format { rate, ..format };
                for data in [0, 1000 * align(format), 5 << 30] {
                    let head = build(format, data);
                    assert_eq!(head.len() as u64, len(format));
                    assert_eq!(read(&head), Some(format));
                    assert_eq!(&head[..4], if data > 1 << 32 { b"RF64" } else { b"RIFF" });
                }
            }
        }
        assert_eq!(read(&[0; 100]), None);
        assert_eq!(read(b"RIFF"), None);
    }

    #[test]
    fn sizes_that_do_not_fit_stand_in_64_bits() {
        let format = Format::stereo(48_000);
        let head = build(format, 5 << 30);
        assert_eq!(&head[4..8], &[0xff; 4]);
        assert_eq!(&head[12..16], b"ds64");
        assert_eq!(u64::from_le_bytes(head[28..36].try_into().unwrap()), 5 << 30);
        assert_eq!(&head[head.len() - 4..], &[0xff; 4]);
    }

    #[test]
    fn samples_are_rounded_and_cut_off() {
        for (sample, wanted) in [
            (0.0, 0),
            (1.0, 32767),
            (-1.0, -32768),
            (9.0, 32767),
            (-9.0, -32768),
            (0.6 / 32768.0, 1),
            (-0.4 / 32768.0, 0),
            (0.5 / 32768.0, 0),
            (1.5 / 32768.0, 2),
            (f32::NAN, 0),
        ] {
            assert_eq!(s16(sample), wanted, "{sample}");
        }
    }
}
