//! What a WAV or an AVI says about itself: chunks of a list `INFO`, a word each.

use crate::caps;

/// The chunks that are read, and what they say.
const NAMES: [(&[u8; 4], &str); 6] = [
    (b"INAM", "title"),
    (b"IART", "artist"),
    (b"IPRD", "album"),
    (b"ICRD", "date"),
    (b"IGNR", "genre"),
    (b"ICMT", "comment"),
];

/// How many bytes of a chunk are of interest; 0 if none is.
pub(super) fn wanted(kind: &[u8; 4], len: u32) -> usize {
    let known = NAMES.iter().any(|(name, _)| *name == kind);
    if known { (len as usize).min(caps::ID3_TEXT as usize) } else { 0 }
}

/// The name and the value of a chunk of `INFO`, up to a zero; in UTF-8, else in Latin-1.
pub(super) fn word(kind: &[u8; 4], bytes: &[u8]) -> Option<(String, String)> {
    let (_, name) = NAMES.iter().find(|(name, _)| *name == kind)?;
    let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default().trim_ascii();
    let words =
        std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned);
    (!words.is_empty()).then(|| ((*name).to_owned(), words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_zeros_and_are_of_either_encoding() {
        let said = |bytes: &[u8]| word(b"INAM", bytes).unwrap_or_default();
        assert_eq!(said("Fahr zur Hölle \0x".as_bytes()), ("title".into(), "Fahr zur Hölle".into()));
        assert_eq!(said(b"H\xf6lle"), ("title".into(), "Hölle".into()));
        assert_eq!((said(b"\0"), word(b"ISFT", b"x"), wanted(b"ISFT", 1)), (Default::default(), None, 0));
        assert_eq!(wanted(b"IART", u32::MAX), 4096);
    }
}
