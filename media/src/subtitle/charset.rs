//! From the bytes of a file of text to its letters.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

/// The text, and what it was taken for unless that is plain: a byte order mark decides, else UTF-8 where it is valid, else a guess
/// by how often letters follow each other.
pub(super) fn decode(bytes: &[u8]) -> (String, Option<&'static str>) {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding.decode(bytes).0.into_owned(), None);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.to_owned(), None);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    let encoding = if encoding == UTF_8 { encoding_rs::WINDOWS_1252 } else { encoding };
    (encoding.decode_without_bom_handling(bytes).0.into_owned(), Some(encoding.name()))
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
