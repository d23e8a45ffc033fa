//! ID3v2, the tag in front of MP3 and other sound: its words, each read where it lies, since a tag is mostly a cover, and its lengths may
//! be lies.

mod changed;

use std::ops::Range;

use super::{Attachment, Chapter, in_order};
use crate::{MediaFile, caps};
use changed::{Changes, synchronised};

/// Which frames are read, by their names in versions 2 and 3 (and 4), and what they say.
const WORDS: [(&[u8], &[u8], &str); 5] = [
    (b"TT2", b"TIT2", "title"),
    (b"TP1", b"TPE1", "artist"),
    (b"TAL", b"TALB", "album"),
    (b"TYE", b"TYER", "date"),
    (b"TYE", b"TDRC", "date"),
];
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
    /// The first of them, where its bytes do not lie in the file as they are.
    pub(super) cover: Option<Vec<u8>>,
    /// Chapters.
    pub(super) chapters: Vec<Chapter>,
}

/// The tag that `file` begins with, else the one of version 1 that it ends with; an empty one where there is none, or where it cannot be
/// read.
pub(super) fn read(file: &MediaFile) -> Tag {
    let mut found = begun(file).unwrap_or_default();
    found.words.retain(|(_, value)| !value.is_empty());
    in_order(&mut found.chapters);
    let mut last = [0; 128];
    if found.words.is_empty()
        && let Some(at) = file.len().checked_sub(128)
        && file.read_exact_at(&mut last, at).is_ok()
        && last.starts_with(b"TAG")
    {
        let places = [("title", 3..33), ("artist", 33..63), ("album", 63..93), ("date", 93..97)];
        found.words = places.map(|(name, place)| (name.to_owned(), text(0, &last[place]))).into();
        found.words.retain(|(_, value)| !value.is_empty());
    }
    found
}

/// Adds what a tag says that is in memory. Its cover, if it has one.
pub(super) fn read_whole(
    bytes: Vec<u8>,
    words: &mut Vec<(String, String)>,
    files: &mut Vec<Attachment>,
) -> Option<Vec<u8>> {
    let file = MediaFile::from_bytes(bytes, "tag");
    let found = read(&file);
    words.extend(found.words);
    let (_, first) = found.pictures.first()?;
    files.push(Attachment { place: 0..0, ..first.clone() });
    found.cover.or_else(|| loaded(&file, &first.place, caps::COVER))
}

fn begun(file: &MediaFile) -> Option<Tag> {
    let mut found = Tag::default();
    let mut head = [0; 10];
    file.read_exact_at(&mut head, 0).ok().filter(|()| head.starts_with(b"ID3"))?;
    let (version, end) = (head[3], 10 + syncsafe(&head[6..10]));
    let unsynchronised = head[5] & UNSYNCHRONISED != 0;
    if unsynchronised && version < 4 {
        let len = end.min(file.len()).min(caps::COVER);
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, 0).ok()?;
        bytes[5] &= !UNSYNCHRONISED;
        let plain = MediaFile::from_bytes(synchronised(&bytes), "tag");
        let mut tag = begun(&plain)?;
        tag.cover = tag.pictures.first().and_then(|(_, one)| loaded(&plain, &one.place, caps::COVER));
        return Some(tag);
    }
    let (name_len, head_len) = if version == 2 { (3, 6) } else { (4, 10) };
    let mut at = 10;
    if version > 2 && head[5] & EXTENDED != 0 {
        let mut len = [0; 4];
        file.read_exact_at(&mut len, at).ok()?;
        // Version 4 counts the length itself.
        at += if version == 4 { syncsafe(&len) } else { 4 + u64::from(u32::from_be_bytes(len)) };
    }
    for _ in 0..caps::ID3_FRAMES {
        let mut frame = [0; 10];
        if at + head_len > end || file.read_exact_at(&mut frame[..head_len as usize], at).is_err() || frame[0] == 0 {
            break;
        }
        let body = at + head_len;
        let len = match version {
            2 => plain_len(&frame[3..6]),
            4 if is_plain(file, body, &frame, end) => plain_len(&frame[4..8]),
            4 => syncsafe(&frame[4..8]),
            _ => plain_len(&frame[4..8]),
        };
        let place = body..body.saturating_add(len).min(file.len());
        at = body.saturating_add(len);
        let changes = match version {
            2 => Changes::default(),
            3 => Changes::third(frame[9]),
            _ => Changes::fourth(frame[9], unsynchronised),
        };
        let name = &frame[..name_len];
        let known = WORDS.iter().find(|(short, long, _)| [*short, *long].contains(&name));
        let is_picture = matches!(name, b"APIC" | b"PIC");
        let absent = known.is_some() && at > file.len();
        if absent || known.is_none() && !is_picture && name != b"CHAP" {
            continue;
        }
        // What was changed is changed back in memory: the words, and one picture.
        let undone = changes != Changes::default();
        let most = if is_picture { caps::COVER } else { caps::ID3_TEXT };
        let plain = (undone && (!is_picture || found.cover.is_none()))
            .then(|| changes.undo(&loaded(file, &place, most)?, most as usize))
            .flatten()
            .map(|bytes| (MediaFile::from_bytes(bytes.clone(), "frame"), 0..bytes.len() as u64));
        let (file, place) = match &plain {
            Some((plain, place)) => (plain, place),
            None if undone => continue,
            None => (file, &place),
        };
        if let Some((_, _, name)) = known
            && let Some((encoding, words)) =
                loaded(file, place, caps::ID3_TEXT).as_deref().and_then(<[u8]>::split_first)
        {
            found.words.push(((*name).to_owned(), text(*encoding, words)));
        } else if is_picture {
            let picture = picture(file, place, version == 2);
            if undone && let Some((_, one)) = &picture {
                found.cover = loaded(file, &one.place, caps::COVER);
            }
            if let Some((front, one)) = picture {
                let at = found.pictures.iter().take_while(|(other, _)| front <= *other).count();
                found.pictures.insert(at, (front, one));
            }
        } else {
            found.chapters.extend(chapter(file, place, version));
        }
    }
    Some(found)
}

/// The bytes that lie there; `None` if they are more than `most`, or not there.
fn loaded(file: &MediaFile, place: &Range<u64>, most: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; place.end.checked_sub(place.start).filter(|len| *len <= most)? as usize];
    file.read_exact_at(&mut bytes, place.start).ok()?;
    Some(bytes)
}

/// Whether the length of a frame of version 4 is written as version 3 writes it, by an old program: so it leads to another frame.
fn is_plain(file: &MediaFile, body: u64, frame: &[u8; 10], end: u64) -> bool {
    let leads = |len: u64| {
        let (at, mut name) = (body.saturating_add(len), [0; 4]);
        let there = at.saturating_add(10) <= end && file.read_exact_at(&mut name, at).is_ok();
        at == end || there && (name == [0; 4] || name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
    };
    let (plain, safe) = (plain_len(&frame[4..8]), syncsafe(&frame[4..8]));
    plain != safe && !leads(safe) && leads(plain)
}

fn plain_len(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte))
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
        // An address of one elsewhere.
        b"-->" => return None,
        kind => String::from_utf8_lossy(kind).to_ascii_lowercase(),
    };
    // Decoders look at the picture itself.
    let mime = match mime.starts_with("image/") {
        true => mime,
        false => format!("image/{mime}"),
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
        let len = if version == 4 { syncsafe(size) } else { plain_len(size) };
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
        (1, [0xfe, 0xff, bytes @ ..]) | (2, bytes) => wide(false, bytes),
        (1, [0xff, 0xfe, bytes @ ..] | bytes) => wide(true, bytes),
        (3, bytes) => String::from_utf8_lossy(bytes).into_owned(),
        (_, bytes) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    all.split('\0').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn tag(version: u8, frames: &[u8], declared: usize) -> MediaFile {
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
    fn the_tag_at_the_end_counts_where_there_is_no_other() {
        let mut last = [&b"TAG"[..], &[0; 125]].concat();
        last[3..7].copy_from_slice(b"Old ");
        last[33..35].copy_from_slice(b"A\xe4");
        let words = |bytes: Vec<u8>| {
            read(&MediaFile::from_bytes(bytes, "song.mp3")).words.into_iter().map(|(_, v)| v).collect::<Vec<_>>()
        };
        assert_eq!(words([&[0; 9][..], &last].concat()), ["Old", "A\u{e4}"]);
        let frames = b"TIT2\x00\x00\x00\x04\x00\x00\x00New";
        assert_eq!(words([&b"ID3\x03\x00\x00\x00\x00\x00\x0e"[..], frames, &last].concat()), ["New"]);
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
