//! Frames of MPEG Layer II with one channel and more than 192 kbit/s, which the standard forbids, symphonia refuses, and FFmpeg
//! makes unless it is told another rate. Such a frame is made a legal one: of two channels, the second of them silent, at a
//! sampling rate whose frames have room for that. Its samples are the same ones.

use crate::video::bits::Bits;

/// Bytes of a frame of two channels, 384 kbit/s and 32 kHz.
const LEN: usize = 1728;

/// The frame of two channels that a forbidden frame of one becomes; `None` of every other frame.
pub(super) fn paired(frame: &[u8]) -> Option<Vec<u8>> {
    let &[0xff, version @ (0xfc | 0xfd), rate, mode, ..] = frame else { return None };
    let frequency = rate >> 2 & 3;
    if mode >> 6 != 3 || !(11..15).contains(&(rate >> 4)) || frequency == 3 {
        return None;
    }
    let mut out = vec![0xff, version, 14 << 4 | 2 << 2, mode & 0x0f];
    // A checksum, which nobody checks.
    let head = if version & 1 == 0 { 6 } else { 4 };
    out.resize(head, 0);
    let mut writer = Writer { bytes: out, used: 0 };
    let mut bits = Bits::new(frame.get(head..)?);
    // Which bands there are depends on the sampling rate: 27 at 48 kHz, else 30; and so many bits say how each is quantized.
    let bands = if frequency == 1 { 27 } else { 30 };
    for band in 0..30 {
        let width = [4, 3, 2][usize::from(band >= 11) + usize::from(band >= 23)];
        writer.put(if band < bands { bits.get(width)? } else { 0 }, width);
        writer.put(0, width);
    }
    while let Some(bit) = bits.get(1) {
        writer.put(bit, 1);
    }
    let mut out = writer.bytes;
    // What does not fit may be padding; a frame that is cut within its samples does not decode.
    out.resize(LEN, 0);
    Some(out)
}

struct Writer {
    bytes: Vec<u8>,
    used: u32,
}

impl Writer {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) << (7 - self.used % 8)) as u8;
            }
            self.used += 1;
        }
    }
}
