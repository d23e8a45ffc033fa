//! FLAC whose blocks in front of its sound cannot be read: their lengths lie, or one of them, which nobody needs, breaks a rule. The sound
//! says itself how it is coded, so it is given to the decoder behind STREAMINFO alone.

use std::ops::Range;

use crate::{MediaFile, caps};

const STREAMINFO: u8 = 0;
const COMMENTS: u8 = 4;
const PICTURE: u8 = 6;
/// The mark and STREAMINFO.
const HEAD: usize = 4 + 4 + 34;

/// What takes the place of all that stands in front of the first frame.
pub(super) struct Spared {
    pub(super) head: Vec<u8>,
    /// Where in the file the first frame begins.
    pub(super) frames: u64,
}

/// What may be tried in turn: with comments and pictures, if every block is as long as it says, and without.
pub(super) fn spared(file: &MediaFile) -> Vec<Spared> {
    let mut head = [0; HEAD];
    if file.read_exact_at(&mut head, 0).is_err() || !head.starts_with(b"fLaC") || head[4] & 0x7f != STREAMINFO {
        return Vec::new();
    }
    let alone = |frames| Spared { head: joined(&head, &[]), frames };
    match blocks(file) {
        Some((kept, frames)) => vec![Spared { head: joined(&head, &kept), frames }, alone(frames)],
        None => first_frame(file).into_iter().map(alone).collect(),
    }
}

/// STREAMINFO and other blocks, of which the last one says that it is.
fn joined(head: &[u8; HEAD], blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut out = head.to_vec();
    let mut last = 4;
    out[last] = STREAMINFO;
    for block in blocks {
        last = out.len();
        out.extend_from_slice(block);
        out[last] &= 0x7f;
    }
    out[last] |= 0x80;
    out
}

/// The comments and the pictures, and where the first frame begins. `None`: no frame stands behind the last block.
fn blocks(file: &MediaFile) -> Option<(Vec<Vec<u8>>, u64)> {
    let (mut at, mut kept) = (4, Vec::new());
    for _ in 0..caps::ENTRIES {
        let mut head = [0; 4];
        file.read_exact_at(&mut head, at).ok()?;
        let len = u32::from_be_bytes([0, head[1], head[2], head[3]]);
        if [COMMENTS, PICTURE].contains(&(head[0] & 0x7f)) && at + 4 + u64::from(len) <= file.len() {
            let mut block = vec![0; 4 + len as usize];
            file.read_exact_at(&mut block, at).ok()?;
            kept.push(block);
        }
        at += 4 + u64::from(len);
        if head[0] & 0x80 != 0 {
            let mut frame = [0; FRAME];
            let n = file.read_at(&mut frame, at).ok()?;
            return is_frame(&frame[..n]).then_some((kept, at));
        }
    }
    None
}

/// Bytes of the longest head of a frame.
const FRAME: usize = 16;

/// Where the first frame begins, by its head.
fn first_frame(file: &MediaFile) -> Option<u64> {
    let mut data = vec![0; caps::FRAME_SEARCH as usize];
    let mut at = HEAD as u64;
    while at < caps::BORROWED_READ.min(file.len()) {
        let n = file.read_at(&mut data, at).ok()?;
        if let Some(found) = (0..n).find(|&from| is_frame(&data[from..n])) {
            return Some(at + found as u64);
        }
        // What begins at the end of one stretch is found in the next.
        at += n.checked_sub(FRAME).filter(|&n| n > 0)? as u64;
    }
    None
}

/// Whether a frame's head stands here.
fn is_frame(data: &[u8]) -> bool {
    frame_end(data, 0).is_some()
}

/// The number of samples up to the end of the frame whose head stands here, its checksum included (RFC 9639, section 9.1). `usual`: the
/// samples of the stream's frames but the last, where all have as many.
fn frame_end(data: &[u8], usual: u64) -> Option<u64> {
    let &[0xff, second @ (0xf8 | 0xf9), sizes, channels, number, ..] = data else { return None };
    let (size, rate) = (sizes >> 4, sizes & 15);
    if size == 0 || rate == 15 || channels >> 4 > 10 || channels & 1 != 0 {
        return None;
    }
    // The number is coded as a letter of UTF-8 is, of up to seven bytes.
    let bytes = match number.leading_ones() {
        0 => 1,
        n @ 2..=7 => n as usize,
        _ => return None,
    };
    let more = |code: u8, one: u8, two: &[u8]| usize::from(code == one) + 2 * usize::from(two.contains(&code));
    let len = 4 + bytes + more(size, 6, &[7]) + more(rate, 12, &[13, 14]);
    data.get(len).filter(|&&sum| crc8(&data[..len]) == sum)?;
    let first = if bytes == 1 { u64::from(number) } else { u64::from(number & (0x7f >> bytes)) };
    let number = data[5..4 + bytes].iter().fold(first, |number, byte| number << 6 | u64::from(byte & 0x3f));
    let given = &data[4 + bytes..];
    let samples = match size {
        1 => 192,
        2..=5 => 576 << (size - 2),
        6 => u64::from(given[0]) + 1,
        7 => u64::from(u16::from_be_bytes([given[0], given[1]])) + 1,
        _ => 256 << (size - 8),
    };
    // Frames are counted where all of them have as many samples.
    Some(if second == 0xf8 { number.saturating_mul(usual) } else { number }.saturating_add(samples))
}

/// Where the streams lie that were joined in one file, as `cat` joins them; nothing where there is one stream.
pub(super) fn joined_parts(file: &MediaFile) -> Vec<Range<u64>> {
    let mut head = [0; HEAD];
    if file.read_exact_at(&mut head, 0).is_err() || !head.starts_with(b"fLaC") || head[4] & 0x7f != STREAMINFO {
        return Vec::new();
    }
    let usual = u64::from(u16::from_be_bytes([head[10], head[11]]));
    let total = head[21..26].iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte)) & 0xf_ffff_ffff;
    // Where the last frame is the one with which the first stream ends, there is no other.
    let tail = file.len().saturating_sub(TAIL).max(HEAD as u64);
    let mut data = vec![0; file.len().saturating_sub(tail) as usize];
    if file.read_exact_at(&mut data, tail).is_err() {
        return Vec::new();
    }
    let last = (0..data.len()).rev().find_map(|at| frame_end(&data[at..data.len().min(at + FRAME)], usual));
    if last == Some(total) && !data.windows(8).any(begins_stream) {
        return Vec::new();
    }
    let (mut begins, mut at) = (vec![0], HEAD as u64);
    let mut data = vec![0; caps::FRAME_SEARCH as usize];
    while at < caps::FRAMES_WALKED.min(file.len()) && begins.len() < caps::ENTRIES {
        let Ok(n) = file.read_at(&mut data, at) else { break };
        let marks = data[..n].windows(8).enumerate();
        begins.extend(marks.filter(|(_, mark)| begins_stream(mark)).map(|(from, _)| at + from as u64));
        // What begins at the end of one stretch is found in the next.
        match n.checked_sub(7).filter(|&n| n > 0) {
            Some(n) => at = file.behind_hole(at + n as u64),
            None => break,
        }
    }
    let ends = begins.iter().skip(1).copied().chain([file.len()]).collect::<Vec<_>>();
    begins.into_iter().zip(ends).map(|(begin, end)| begin..end).collect()
}

/// The mark of a stream, and STREAMINFO behind it.
fn begins_stream(mark: &[u8]) -> bool {
    mark.starts_with(b"fLaC") && mark[4] & 0x7f == STREAMINFO && mark[5..] == [0, 0, 34]
}

/// Bytes at a file's end among which its last frame is.
const TAIL: u64 = 1 << 18;

fn crc8(data: &[u8]) -> u8 {
    data.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 != 0 { crc << 1 ^ 7 } else { crc << 1 })
    })
}
