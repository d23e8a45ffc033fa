//! ID3v2, the tag in front of MP3 and other sound: its words, each read where it lies, since a tag is mostly a cover, and its lengths may
//! be lies.

use crate::{MediaFile, caps};

/// Which frames are read, by their names in versions 2 and 3 (and 4), and what they say.
const WORDS: [(&[u8], &[u8], &str); 4] =
    [(b"TT2", b"TIT2", "title"), (b"TP1", b"TPE1", "artist"), (b"TAL", b"TALB", "album"), (b"TYE", b"TYER", "date")];
/// The flags of a tag: all of it is changed so that it looks like no sound; another header follows.
const UNSYNCHRONISED: u8 = 0x80;
const EXTENDED: u8 = 0x40;

/// The words of the tag that `file` begins with, as name and value; none where there is none, or where it cannot be read.
pub(super) fn tags(file: &MediaFile) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut head = [0; 10];
    if file.read_exact_at(&mut head, 0).is_err() || !head.starts_with(b"ID3") || head[5] & UNSYNCHRONISED != 0 {
        return found;
    }
    let (version, end) = (head[3], 10 + syncsafe(&head[6..10]));
    let (name_len, head_len) = if version == 2 { (3, 6) } else { (4, 10) };
    let mut at = 10;
    if version > 2 && head[5] & EXTENDED != 0 {
        let mut len = [0; 4];
        if file.read_exact_at(&mut len, at).is_err() {
            return found;
        }
        // Version 4 counts the length itself.
        at += if version == 4 { syncsafe(&len) } else { 4 + u64::from(u32::from_be_bytes(len)) };
    }
    for _ in 0..caps::ID3_FRAMES {
        let mut frame = [0; 10];
        if at + head_len > end || file.read_exact_at(&mut frame[..head_len as usize], at).is_err() || frame[0] == 0 {
            break;
        }
        let len = match version {
            2 => frame[3..6].iter().fold(0, |n, &byte| n << 8 | u64::from(byte)),
            4 => syncsafe(&frame[4..8]),
            _ => frame[4..8].iter().fold(0, |n, &byte| n << 8 | u64::from(byte)),
        };
        let known = WORDS.iter().find(|(short, long, _)| [*short, *long].contains(&&frame[..name_len]));
        if let Some((_, _, name)) = known.filter(|_| (2..=caps::ID3_TEXT).contains(&len)) {
            let mut bytes = vec![0; len as usize];
            if file.read_exact_at(&mut bytes, at + head_len).is_ok() {
                found.push(((*name).to_owned(), text(bytes[0], &bytes[1..])));
            }
        }
        at += head_len + len;
    }
    found.retain(|(_, value)| !value.is_empty());
    found
}

/// A length whose bytes have seven bits each.
fn syncsafe(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &byte| n << 7 | u64::from(byte & 0x7f))
}

/// The first of the texts in `bytes`, which are encoded as `encoding` says.
fn text(encoding: u8, bytes: &[u8]) -> String {
    let wide = |little: bool, bytes: &[u8]| {
        let units = bytes.chunks_exact(2).map(|pair| {
            if little { u16::from_le_bytes([pair[0], pair[1]]) } else { u16::from_be_bytes([pair[0], pair[1]]) }
        });
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    let all = match (encoding, bytes) {
        (1, [0xff, 0xfe, bytes @ ..]) => wide(true, bytes),
        (1, [0xfe, 0xff, bytes @ ..]) | (2, bytes) => wide(false, bytes),
        (3, bytes) => String::from_utf8_lossy(bytes).into_owned(),
        (_, bytes) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    all.split('\0').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(version: u8, frames: &[u8], declared: usize) -> MediaFile {
        let size = [declared >> 21, declared >> 14, declared >> 7, declared].map(|n| (n & 0x7f) as u8);
        MediaFile::from_bytes([&b"ID3"[..], &[version, 0, 0], &size, frames].concat(), "song.mp3")
    }

    #[test]
    fn words_are_read_in_every_encoding_and_a_cover_is_passed_over() {
        let frames = [
            &b"APIC\x00\x00\x02\x00\x00\x00"[..],
            &[7; 512],
            b"TIT2\x00\x00\x00\x04\x00\x00\x00\xdcbe",
            b"TPE1\x00\x00\x00\x09\x00\x00\x01\xff\xfeb\x00\xe4\x00\x00\x00",
            b"TALB\x00\x00\x00\x01\x00\x00\x00",
        ]
        .concat();
        let words = tags(&tag(3, &frames, frames.len()));
        let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(words, [word("title", "\u{dc}be"), word("artist", "b\u{e4}")]);
        let frames = b"TT2\x00\x00\x03\x00ab";
        assert_eq!(tags(&tag(2, frames, frames.len())), [word("title", "ab")]);
        let frames = b"TIT2\x00\x00\x00\x04\x00\x00\x03\xc3\xa4c";
        assert_eq!(tags(&tag(4, frames, frames.len())), [word("title", "\u{e4}c")]);
    }

    #[test]
    fn a_tag_that_lies_about_its_lengths_has_no_words() {
        for frames in [&b"TIT2\xff\xff\xff\xff\x00\x00\x00a"[..], b"TIT2\x00\x00\x0f\x00\x00\x00\x00a", b"TIT2\x00"] {
            assert_eq!(tags(&tag(3, frames, 0xfff_ffff)), []);
        }
        assert_eq!(tags(&MediaFile::from_bytes(*b"ID3", "song.mp3")), []);
    }
}
