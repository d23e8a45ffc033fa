//! What a comment header says: names and values, of which some are chapters and covers.

use super::super::{Chapter, caps, in_order};
use crate::NS;

/// A stream's comments.
#[derive(Default)]
pub(super) struct Words {
    /// Names in small letters.
    pub(super) tags: Vec<(String, String)>,
    pub(super) chapters: Vec<Chapter>,
    /// Whether each is the front cover, its kind, and the picture.
    pub(super) covers: Vec<(bool, String, Vec<u8>)>,
}

impl Words {
    /// Reads comments behind the magic of their codec, up to where they make no sense.
    pub(super) fn read(comments: &[u8]) -> Self {
        let mut words = Self::default();
        let mut rest = comments;
        // The writer's name, and behind it how many comments there are.
        if piece(&mut rest).is_none() {
            return words;
        }
        rest = rest.get(4..).unwrap_or_default();
        let (mut marks, mut titles) = (Vec::<(String, i64)>::new(), Vec::<(String, String)>::new());
        for _ in 0..caps::ENTRIES {
            let Some(text) = piece(&mut rest) else { break };
            let Some(equals) = text.iter().position(|&byte| byte == b'=') else { continue };
            let (name, value) = (String::from_utf8_lossy(&text[..equals]).to_lowercase(), &text[equals + 1..]);
            if name == "metadata_block_picture" {
                words.covers.extend(decode_64(value).as_deref().and_then(picture));
                continue;
            }
            let value: String = String::from_utf8_lossy(value).chars().take(caps::ID3_TEXT as usize).collect();
            match name.strip_prefix("chapter").map(|number| (number.strip_suffix("name"), number)) {
                Some((Some(number), _)) => titles.push((number.to_owned(), value)),
                Some((None, number)) if clock(&value).is_some() => {
                    marks.extend(clock(&value).map(|at| (number.into(), at)))
                }
                _ => words.tags.push((name, value)),
            }
        }
        for (number, start_ns) in marks {
            let title = titles.iter().find(|(of, _)| *of == number).map(|(_, title)| title.clone());
            words.chapters.push(Chapter { start_ns, title: title.unwrap_or_default() });
        }
        in_order(&mut words.chapters);
        words
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(of, value)| of == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// The next text, behind its length.
fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, behind) = rest.split_first_chunk()?;
    let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *rest = behind;
    Some(text)
}

/// A time as `01:02:03.450`, in ns.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.trim().split(':');
    let [hours, minutes, seconds] = [parts.next()?, parts.next()?, parts.next()?];
    let seconds: f64 = seconds.parse().ok().filter(|seconds| (0.0..60.0).contains(seconds))?;
    let minutes = hours.parse::<i64>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)?;
    minutes.checked_mul(60 * NS)?.checked_add((seconds * 1e9).round() as i64)
}

/// A picture as FLAC has it: what it shows (3 is the front cover), its kind, a description, its size, itself.
pub(super) fn picture(block: &[u8]) -> Option<(bool, String, Vec<u8>)> {
    let (shows, mut rest) = block.split_first_chunk()?;
    let mut next = || -> Option<&[u8]> {
        let (len, behind) = rest.split_first_chunk()?;
        let (part, behind) = behind.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        rest = behind;
        Some(part)
    };
    let kind = String::from_utf8_lossy(next()?).into_owned();
    next()?;
    let (len, data) = rest.get(16..)?.split_first_chunk()?;
    let data = data.get(..u32::from_be_bytes(*len) as usize)?;
    (data.len() as u64 <= caps::COVER).then(|| (u32::from_be_bytes(*shows) == 3, kind, data.to_vec()))
}

fn decode_64(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0);
    for &letter in text.iter().filter(|letter| !letter.is_ascii_whitespace()) {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        (bits, held) = (bits << 6 | u32::from(six), held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comments(all: &[&str]) -> Vec<u8> {
        let len = |n: usize| (n as u32).to_le_bytes().to_vec();
        let each = all.iter().flat_map(|one| [len(one.len()), one.as_bytes().to_vec()].concat());
        [len(1), b"w".to_vec(), len(all.len()), each.collect()].concat()
    }

    #[test]
    fn names_and_chapters_are_read_and_what_is_broken_ends_them() {
        let all = ["TITLE=Song", "Chapter001=00:01:02.500", "CHAPTER001NAME=Two", "chapter000=00:00:00", "chapters=9"];
        let words = Words::read(&comments(&all));
        assert_eq!((words.get("title"), words.get("chapters")), (Some("Song"), Some("9")));
        let chapters: Vec<_> = words.chapters.iter().map(|one| (one.start_ns, one.title.as_str())).collect();
        assert_eq!(chapters, [(0, ""), (62_500_000_000, "Two")]);
        let whole = comments(&all);
        for len in 0..whole.len() {
            assert!(Words::read(&whole[..len]).tags.len() <= 2);
        }
    }

    #[test]
    fn a_cover_in_letters_is_a_picture() {
        assert_eq!(decode_64(b"QUJD\nRA==").as_deref(), Some(&b"ABCD"[..]));
        assert_eq!(decode_64(b"Q?"), None);
        let block = [&[0, 0, 0, 3, 0, 0, 0, 9][..], b"image/png", &[0; 4], &[0; 16], &[0, 0, 0, 2], b"xy"].concat();
        assert_eq!(picture(&block), Some((true, "image/png".into(), b"xy".to_vec())));
        assert_eq!(picture(&block[..block.len() - 1]), None);
    }
}
