//! ID3v2, the tag in front of MP3 and other sound: its words, each read where it lies, since a tag is mostly a cover, and its lengths may
//! be lies.

use std::ops::Range;

use super::{Attachment, Chapter};
use crate::{MediaFile, caps};

/// Which frames are read, by their names in versions 2 and 3 (and 4), and what they say.
const WORDS: [(&[u8], &[u8], &str); 4] =
    [(b"TT2", b"TIT2", "title"), (b"TP1", b"TPE1", "artist"), (b"TAL", b"TALB", "album"), (b"TYE", b"TYER", "date")];
/// The flags of a tag: all of it is changed so that it looks like no sound; another header follows.
const UNSYNCHRONISED: u8 = 0x80;
const EXTENDED: u8 = 0x40;

/// What a tag says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tag {
    /// As name and value.
    pub(super) words: Vec<(String, String)>,
    /// Covers, the front one first.
    pub(super) pictures: Vec<(bool, Attachment)>,
    /// Chapters.
    pub(super) chapters: Vec<Chapter>,
}

/// The tag that `file` begins with; an empty one where there is none, or where it cannot be read.
pub(super) fn read(file: &MediaFile) -> Tag {
    let mut found = Tag::default();
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
                found.words.push(((*name).to_owned(), text(bytes[0], &bytes[1..])));
            }
        }
        let body = at + head_len..(at + head_len).saturating_add(len).min(file.len());
        match &frame[..name_len] {
            b"APIC" | b"PIC" => found.pictures.extend(picture(file, &body, version == 2)),
            b"CHAP" => found.chapters.extend(chapter(file, &body, version)),
            _ => {}
        }
        at += head_len + len;
    }
    found.words.retain(|(_, value)| !value.is_empty());
    found.pictures.sort_by_key(|(front, _)| !front);
    found.chapters.sort_by_key(|chapter| chapter.start_ns);
    found
}

/// Where a picture lies, and its kind: an encoding, a kind, what it shows (3 is the front cover), a description, the picture.
fn picture(file: &MediaFile, body: &Range<u64>, short: bool) -> Option<(bool, Attachment)> {
    let mut head = [0; 512];
    let have = file.read_at(&mut head, body.start).ok()?.min((body.end - body.start) as usize);
    let (encoding, rest) = head[..have].split_first()?;
    let kind_len = if short { 3 } else { rest.iter().position(|&byte| byte == 0)? };
    let mime = match rest.get(..kind_len)? {
        b"PNG" | b"png" => "image/png".to_owned(),
        b"JPG" | b"jpg" => "image/jpeg".to_owned(),
        kind => String::from_utf8_lossy(kind).into_owned(),
    };
    let rest = rest.get(kind_len + usize::from(!short)..)?;
    let (shows, rest) = rest.split_first()?;
    let described = if matches!(encoding, 1 | 2) {
        2 + 2 * rest.as_chunks().0.iter().position(|two| *two == [0, 0])?
    } else {
        1 + rest.iter().position(|&byte| byte == 0)?
    };
    let start = body.start + (have - rest.len() + described) as u64;
    let one = Attachment { name: "cover".into(), mime, place: start..body.end };
    (start < body.end).then_some((*shows == 3, one))
}

/// A name, four times (of which the first is its beginning in ms), frames of its own: the title among them.
fn chapter(file: &MediaFile, body: &Range<u64>, version: u8) -> Option<Chapter> {
    let mut bytes = vec![0; (body.end.saturating_sub(body.start)).min(caps::ID3_TEXT) as usize];
    file.read_exact_at(&mut bytes, body.start).ok()?;
    let named = 1 + bytes.iter().position(|&byte| byte == 0)?;
    let start_ms = u32::from_be_bytes(*bytes.get(named..)?.first_chunk()?);
    let mut rest = bytes.get(named + 16..)?;
    let mut title = String::new();
    while let Some((head, tail)) = rest.split_first_chunk::<10>().filter(|(head, _)| head[0] != 0) {
        let size = &head[4..8];
        let len = if version == 4 { syncsafe(size) } else { size.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)) };
        let Some((own, next)) = tail.split_at_checked(len as usize) else { break };
        if let (b"TIT2", Some((&encoding, words))) = (&head[..4], own.split_first()) {
            title = text(encoding, words);
        }
        rest = next;
    }
    Some(Chapter { start_ns: i64::from(start_ms) * 1_000_000, title })
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
        let words = read(&tag(3, &frames, frames.len())).words;
        let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(words, [word("title", "\u{dc}be"), word("artist", "b\u{e4}")]);
        let frames = b"TT2\x00\x00\x03\x00ab";
        assert_eq!(read(&tag(2, frames, frames.len())).words, [word("title", "ab")]);
        let frames = b"TIT2\x00\x00\x00\x04\x00\x00\x03\xc3\xa4c";
        assert_eq!(read(&tag(4, frames, frames.len())).words, [word("title", "\u{e4}c")]);
    }

    #[test]
    fn a_tag_that_lies_about_its_lengths_has_no_words() {
        for frames in [&b"TIT2\xff\xff\xff\xff\x00\x00\x00a"[..], b"TIT2\x00\x00\x0f\x00\x00\x00\x00a", b"TIT2\x00"] {
            assert_eq!(read(&tag(3, frames, 0xfff_ffff)).words, []);
        }
        assert_eq!(read(&MediaFile::from_bytes(*b"ID3", "song.mp3")), Tag::default());
    }

    #[test]
    fn the_front_cover_and_chapters_are_found() {
        let frame = |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_be_bytes(), &[0, 0], body].concat();
        let title = frame(b"TIT2", b"\x00Two");
        let frames = [
            frame(b"APIC", b"\x00image/png\x00\x04back\x00BACK"),
            frame(b"APIC", b"\x01image/jpeg\x00\x03\xff\xfea\x00\x00\x00FRONT"),
            frame(b"CHAP", &[&b"c2\x00\x00\x00\x07\xd0"[..], &[0; 12], &title].concat()),
            frame(b"CHAP", &[&b"c1\x00\x00\x00\x00\x00"[..], &[0; 12]].concat()),
            frame(b"APIC", b"\x00image/png\x00\x03endless"),
        ]
        .concat();
        let file = tag(3, &frames, frames.len());
        let found = read(&file);
        let bytes = |one: &Attachment| {
            let mut bytes = vec![0; (one.place.end - one.place.start) as usize];
            file.read_exact_at(&mut bytes, one.place.start).unwrap();
            (one.mime.clone(), bytes)
        };
        let pictures: Vec<_> = found.pictures.iter().map(|(_, one)| bytes(one)).collect();
        assert_eq!(pictures, [("image/jpeg".into(), b"FRONT".to_vec()), ("image/png".into(), b"BACK".to_vec())]);
        let chapters: Vec<_> = found.chapters.iter().map(|c| (c.start_ns, c.title.as_str())).collect();
        assert_eq!(chapters, [(0, ""), (2_000_000_000, "Two")]);
    }
}
