//! A name as the system has it: bytes, which need not be UTF-8. It goes from the command line to the report without losing any, and
//! whatever is in it cannot speak to a terminal.

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest text that is shown of one name, in bytes: a file's name has up to 255, and a path takes over no whole screen.
const MOST_SHOWN: usize = 300;

/// A name of a file, an input or a title. `Display` shows it by [`shown`]. As JSON it is a string where it is UTF-8, and
/// otherwise an object of its bytes in hexadecimal (`hex`) and of the text to show (`shown`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Name(OsString);

impl Name {
    /// Its bytes, as the system takes them.
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }

    /// As the path of a file.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// As text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        self.0.to_str()
    }

    /// What it ends with after its last dot, in lower case; empty without one.
    pub fn extension(&self) -> String {
        self.as_path().extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
    }
}

impl<T: Into<OsString>> From<T> for Name {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// What is not UTF-8, as JSON has it.
#[derive(Serialize, Deserialize)]
struct Bytes {
    hex: String,
    shown: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Text(String),
    Bytes(Bytes),
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = self.as_str() {
            return text.serialize(serializer);
        }
        let hex = self.0.as_bytes().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Bytes { hex, shown: self.to_string() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = match Wire::deserialize(deserializer)? {
            Wire::Text(text) => return Ok(Self(text.into())),
            Wire::Bytes(bytes) => bytes.hex,
        };
        let pairs = hex.as_bytes().chunks(2).map(|pair| {
            let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2 && !text.starts_with('+'))?;
            u8::from_str_radix(text, 16).ok()
        });
        let bytes: Option<Vec<u8>> = pairs.collect();
        Ok(Self(OsString::from_vec(bytes.ok_or_else(|| D::Error::custom("`hex` takes pairs of hexadecimal digits"))?)))
    }
}

/// Text for a terminal, a log or a window, whatever the bytes are: control characters, and those that turn the direction of
/// writing, as `\u{…}`; bytes that are no UTF-8 as `\x…`; cut after 300 bytes.
pub fn shown(name: impl AsRef<OsStr>) -> String {
    let mut text = String::new();
    for chunk in name.as_ref().as_bytes().utf8_chunks() {
        for letter in chunk.valid().chars() {
            if harmless(letter) {
                text.push(letter);
            } else {
                text.extend(letter.escape_unicode());
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
        if text.len() > MOST_SHOWN {
            text.truncate(text.floor_char_boundary(MOST_SHOWN));
            text.push('…');
            break;
        }
    }
    text
}

/// Whether a terminal shows `letter` and does nothing else.
pub fn harmless(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !letter.is_control() && !turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_speaks_to_no_terminal() {
        for (bytes, text) in [
            (&b"film.mp4"[..], "film.mp4"),
            ("größe 日本.mkv".as_bytes(), "größe 日本.mkv"),
            (b"a\x1b]0;b\x07\n", r"a\u{1b}]0;b\u{7}\u{a}"),
            (b"f\xff\xc3.png", r"f\xff\xc3.png"),
            ("\u{202e}gpj.exe\u{9b}".as_bytes(), r"\u{202e}gpj.exe\u{9b}"),
        ] {
            assert_eq!(shown(OsStr::from_bytes(bytes)), text);
        }
        let long = shown("ä".repeat(1000));
        assert!(long.len() <= MOST_SHOWN + '…'.len_utf8() && long.ends_with('…'), "{long}");
    }

    proptest::proptest! {
        #[test]
        fn every_name_comes_back_from_json(bytes: Vec<u8>) {
            let name = Name::from(OsString::from_vec(bytes));
            let json = serde_json::to_string(&name).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<Name>(&json).unwrap(), name);
        }

        #[test]
        fn nothing_that_is_shown_is_a_control_character(bytes: Vec<u8>) {
            proptest::prop_assert!(shown(OsString::from_vec(bytes)).chars().all(harmless));
        }
    }

    #[test]
    fn json_that_is_no_name_is_refused() {
        for wrong in
            [r#"{"hex":"6","shown":""}"#, r#"{"hex":"+6","shown":""}"#, r#"{"hex":"zz","shown":""}"#, "5", "{}"]
        {
            assert!(serde_json::from_str::<Name>(wrong).is_err(), "{wrong}");
        }
    }
}
