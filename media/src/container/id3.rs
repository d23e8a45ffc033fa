//! ID3v2, the tag in front of MP3 and other sound: its words, each read where it lies, since a tag is mostly a cover, and its lengths may
//! be lies.

use std::ops::Range;
use std::sync::Arc;

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
    /// The cover, where it does not lie in the file as it is.
    pub(super) cover: Option<Arc<[u8]>>,
    /// Chapters.
    pub(super) chapters: Vec<Chapter>,
}

/// The tag at `start` of `file`; an empty one where there is none, or where it cannot be read.
pub(super) fn read(file: &MediaFile, start: u64) -> Tag {
    let mut found = Tag::default();
    let mut head = [0; 10];
    if file.read_exact_at(&mut head, start).is_err() || !head.starts_with(b"ID3") {
        return found;
    }
    let (version, end) = (head[3], start + 10 + syncsafe(&head[6..10]));
    let (name_len, head_len) = if version == 2 { (3, 6) } else { (4, 10) };
    let mut at = start + 10;
    let changed = head[5] & UNSYNCHRONISED != 0;
    // Before version 4, lengths are those of what the tag was; since then, those of what is in the file.
    if changed && version < 4 {
        let body = restored(file, at..end);
        head[5] &= !UNSYNCHRONISED;
        for (byte, shift) in head[6..].iter_mut().zip([21, 14, 7, 0]) {
            *byte = (body.len() >> shift & 0x7f) as u8;
        }
        let whole = MediaFile::from_bytes([&head[..], &body].concat(), "tag");
        let mut found = read(&whole, 0);
        found.keep_cover(&whole, 0);
        return found;
    }
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
            4 => length(file, &frame[4..8], at + head_len, end),
            _ => frame[4..8].iter().fold(0, |n, &byte| n << 8 | u64::from(byte)),
        };
        let (mut body, flags) = (at + head_len..(at + head_len).saturating_add(len).min(file.len()), frame[9]);
        let whole = body.end == at + head_len + len;
        at += head_len + len;
        // Packed or encrypted.
        if version == 3 && flags & 0xc0 != 0 || version == 4 && flags & 0x0c != 0 {
            continue;
        }
        // The frame's group, and how long it is without what follows here.
        let front = match version {
            3 => u64::from(flags >> 5 & 1),
            4 => u64::from(flags >> 6 & 1) + 4 * u64::from(flags & 1),
            _ => 0,
        };
        body.start = (body.start + front).min(body.end);
        let own = (version == 4 && (changed || flags & 2 != 0)).then(|| restored(file, body.clone()));
        let own = own.map(|bytes| MediaFile::from_bytes(bytes, "tag"));
        let (file, body) = own.as_ref().map_or((file, body), |own| (own, 0..own.len()));
        let len = body.end.saturating_sub(body.start);
        let known = WORDS.iter().find(|(short, long, _)| [*short, *long].contains(&&frame[..name_len]));
        if let Some((_, _, name)) = known.filter(|_| whole && (2..=caps::ID3_TEXT).contains(&len)) {
            let mut bytes = vec![0; len as usize];
            if file.read_exact_at(&mut bytes, body.start).is_ok() {
                found.words.push(((*name).to_owned(), text(bytes[0], &bytes[1..])));
            }
        }
        let pictures = found.pictures.len();
        match &frame[..name_len] {
            b"APIC" | b"PIC" => found.pictures.extend(picture(file, &body, version == 2)),
            b"CHAP" => found.chapters.extend(chapter(file, &body, version)),
            _ => {}
        }
        if let Some(own) = &own {
            found.keep_cover(own, pictures);
        }
    }
    found.words.retain(|(_, value)| !value.is_empty());
    found.pictures.sort_by_key(|(front, _)| !front);
    found.chapters.sort_by_key(|chapter| chapter.start_ns);
    found
}

impl Tag {
    /// Keeps the first picture of those from `first` on, which lie in `own` and not in the file.
    fn keep_cover(&mut self, own: &MediaFile, first: usize) {
        if let Some((_, Attachment { place, .. })) = self.pictures.get(first)
            && self.cover.is_none()
        {
            let mut bytes = vec![0; place.end.saturating_sub(place.start) as usize];
            self.cover = own.read_exact_at(&mut bytes, place.start).is_ok().then(|| bytes.into());
        }
        self.pictures.truncate(first);
    }
}

/// Bytes of the file as they were before zeros were put behind those that begin like sound; none where they are more than a cover takes.
fn restored(file: &MediaFile, range: Range<u64>) -> Vec<u8> {
    let len = range.end.min(file.len()).saturating_sub(range.start);
    let mut bytes = vec![0; if len <= caps::COVER { len as usize } else { 0 }];
    if file.read_exact_at(&mut bytes, range.start).is_err() {
        return Vec::new();
    }
    let mut before = 0;
    bytes.retain(|&byte| std::mem::replace(&mut before, byte) != 0xff || byte != 0);
    bytes
}

/// The length of a frame of version 4, whose body is at `body`. Some writers count all eight bits of a byte, as version 3 does: that is right
/// where another frame follows there alone.
fn length(file: &MediaFile, size: &[u8], body: u64, end: u64) -> u64 {
    let plain = size.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
    let follows = |len: u64| {
        let (mut name, next) = ([0; 4], body + len);
        let named = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        next == end || next < end && file.read_exact_at(&mut name, next).is_ok() && name.iter().all(named)
    };
    let safe = syncsafe(size);
    if plain != safe && !follows(safe) && follows(plain) { plain } else { safe }
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
        let words = read(&tag(3, &frames, frames.len()), 0).words;
        let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(words, [word("title", "\u{dc}be"), word("artist", "b\u{e4}")]);
        let frames = b"TT2\x00\x00\x03\x00ab";
        assert_eq!(read(&tag(2, frames, frames.len()), 0).words, [word("title", "ab")]);
        let frames = b"TIT2\x00\x00\x00\x04\x00\x00\x03\xc3\xa4c";
        assert_eq!(read(&tag(4, frames, frames.len()), 0).words, [word("title", "\u{e4}c")]);
    }

    #[test]
    fn a_tag_that_lies_about_its_lengths_has_no_words() {
        for frames in [&b"TIT2\xff\xff\xff\xff\x00\x00\x00a"[..], b"TIT2\x00\x00\x0f\x00\x00\x00\x00a", b"TIT2\x00"] {
            assert_eq!(read(&tag(3, frames, 0xfff_ffff), 0).words, []);
        }
        assert_eq!(read(&MediaFile::from_bytes(*b"ID3", "song.mp3"), 0), Tag::default());
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
        let found = read(&file, 0);
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

    #[test]
    fn frames_that_were_changed_to_look_like_no_sound_are_restored() {
        let frame = |name: &[u8], size: [u8; 4], flags: u8, body: &[u8]| [name, &size, &[0, flags], body].concat();
        let plain = |len: usize| (len as u32).to_be_bytes();
        let picture = b"\0image/png\0\x03\0FR\xff\x00\xe0NT";
        let (title, changed) = (b"\x01\xff\x00\xfea\0\xff\x00\0b\0", b"\x01\xff\xfea\0\xff\0b\0");
        let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = [word("title", "a\u{ff}b"), word("artist", "Me")];
        let artist = |size| frame(b"TPE1", size, 0, b"\0Me");
        // All of a tag of version 3, whose lengths are those of before.
        let frames = [
            frame(b"TIT2", plain(changed.len()), 0, title),
            frame(b"APIC", plain(picture.len() - 1), 0, picture),
            artist(plain(3)),
        ]
        .concat();
        let mut whole = vec![0; 10 + frames.len()];
        tag(3, &frames, frames.len()).read_exact_at(&mut whole, 0).unwrap();
        whole[5] = UNSYNCHRONISED;
        // Single frames of version 4, one of which says how long it was.
        let frames = [
            frame(b"TIT2", plain(title.len()), 2, title),
            frame(b"APIC", plain(picture.len() + 4), 3, &[&plain(picture.len() - 1)[..], picture].concat()),
            artist(plain(3)),
        ]
        .concat();
        for file in [MediaFile::from_bytes(whole, "song.mp3"), tag(4, &frames, frames.len())] {
            let found = read(&file, 0);
            assert_eq!(found.words, wanted);
            assert_eq!(found.cover.as_deref(), Some(&b"FR\xff\xe0NT"[..]));
        }
        // A length of 200 in eight bits each, where version 4 has seven.
        let long = frame(b"TIT2", plain(200), 0, &[b"\0a\xffb", &[0; 196][..]].concat());
        let frames = [long, artist(plain(3))].concat();
        let words = read(&tag(4, &frames, frames.len()), 0).words;
        assert_eq!(words, wanted);
    }
}
