//! From the bytes of a file of text to its letters.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The text, and what it was taken for unless that is plain: a byte order mark decides, else zeros, else UTF-8 where it is valid or nearly
/// so, else a guess by how often letters follow each other.
pub(super) fn decode(bytes: &[u8]) -> (String, Option<&'static str>) {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding.decode(bytes).0.into_owned(), None);
    }
    if let Some(wide) = wide(bytes) {
        return (wide.decode_without_bom_handling(bytes).0.into_owned(), None);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.to_owned(), None);
    }
    if is_nearly_utf8(bytes) {
        return (String::from_utf8_lossy(bytes).into_owned(), Some(UTF_8.name()));
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    let encoding = if encoding == UTF_8 { encoding_rs::WINDOWS_1252 } else { encoding };
    (encoding.decode_without_bom_handling(bytes).0.into_owned(), Some(encoding.name()))
}

/// UTF-16 without a mark: half of the bytes of its numbers and times are zeros.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(1024)];
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count() * 4 > head.len() / 2;
    match (zeros(0), zeros(1)) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

/// UTF-8 that was damaged, or cut within a letter: in other encodings, letters of several bytes are there by chance alone.
fn is_nearly_utf8(bytes: &[u8]) -> bool {
    let (mut letters, mut broken) = (0, 0);
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        letters += chunk.valid().chars().filter(|letter| !letter.is_ascii()).count();
        broken += usize::from(chunks.peek().is_some());
    }
    letters > 4 * broken
}

/// With `\n` at the end of each line, where files have `\r\n`, `\r` or, by mistake, `\r\r\n`.
pub(super) fn lines(text: String) -> String {
    if !text.contains('\r') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut ends = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => {
                ends += 1;
                if letters.peek().is_none_or(|next| !['\r', '\n'].contains(next)) {
                    (0..std::mem::take(&mut ends)).for_each(|_| out.push('\n'));
                }
            }
            other => {
                ends = 0;
                out.push(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_alike() {
        assert_eq!(lines("a\r\nb\rc\r\r\nd\n\ne\r\rf\r".into()), "a\nb\nc\nd\n\ne\n\nf\n");
    }

    #[test]
    fn marks_and_valid_utf8_are_believed_and_the_rest_is_guessed() {
        assert_eq!(decode("\u{feff}Grüße".as_bytes()), ("Grüße".into(), None));
        assert_eq!(decode("Grüße".as_bytes()), ("Grüße".into(), None));
        let utf16: Vec<u8> = [0xfeff].into_iter().chain("Да\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&utf16), ("Да\n".into(), None));
        let german = "Schöne Grüße aus München, und viele Grüße an die Jungs".to_owned();
        assert_eq!(decode(&encoding_rs::WINDOWS_1252.encode(&german).0), (german, Some("windows-1252")));
        let russian = "Мы не знаем, что будет дальше, но это уже не важно".to_owned();
        assert_eq!(decode(&encoding_rs::WINDOWS_1251.encode(&russian).0), (russian, Some("windows-1251")));
    }
}
