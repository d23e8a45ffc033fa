//! What the user wrote for a file: a path, a `file://` address or a pattern.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use tricine_session::name::Name;

/// The path that a name is, or that its `file://` address has. Errors: words for the user.
pub(crate) fn path_of(name: &Name) -> Result<PathBuf, String> {
    match address(name.as_os_str().as_bytes()) {
        Some(address) => local(address)
            .ok_or_else(|| "a file:// address has a path of this machine, as in file:///tmp/a.mp4".to_owned()),
        None => Ok(name.as_path().to_owned()),
    }
}

/// What stands behind the beginning of an address of a file: `file://`, or `file:/` with nothing but the path.
pub(crate) fn address(name: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = name.split_at_checked(5)?;
    let rest = scheme.eq_ignore_ascii_case(b"file:").then_some(rest)?;
    rest.strip_prefix(b"//").or(Some(rest).filter(|rest| rest.starts_with(b"/")))
}

/// The path of a `file://` address (RFC 8089).
fn local(address: &[u8]) -> Option<PathBuf> {
    let path = address.strip_prefix(b"localhost").unwrap_or(address);
    path.starts_with(b"/").then(|| PathBuf::from(OsString::from_vec(unescaped(path))))
}

/// Bytes of which some may be written as `%` and two digits.
pub(crate) fn unescaped(mut rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|two| first == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        match digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

/// Whether it stands for several names, by `*` and `?`.
pub(crate) fn is_pattern(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().iter().any(|b| b"*?".contains(b)))
}

/// The folder and the pattern of a path.
pub(crate) fn parted(path: &Path) -> (&Path, String) {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    (folder, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// As a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Whether `name` is matched by a pattern of `*` and `?`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                // The last star takes one character more.
                Some((at, took)) => {
                    star = Some((at, took + 1));
                    (p, n) = (at + 1, took + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn patterns_match_as_a_shell_matches() {
        for (pattern, name, wanted) in [
            ("*.png", "a.png", true),
            ("*.png", "a.jpg", false),
            ("f??.png", "f01.png", true),
            ("f??.png", "f1.png", false),
            ("*a*b", "xaxbxb", true),
            ("*", "", true),
            ("a", "", false),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn addresses_of_files_are_paths() {
        for (address, path) in [
            ("/tmp/a%20b.mp4", Some("/tmp/a b.mp4")),
            ("localhost/a", Some("/a")),
            ("/100%/%2", Some("/100%/%2")),
            ("server/a", None),
            ("", None),
        ] {
            assert_eq!(local(address.as_bytes()), path.map(PathBuf::from), "{address}");
        }
        for (name, path) in [
            ("file:///a%20b", Some("/a b")),
            ("FILE:/a", Some("/a")),
            ("file:a", Some("file:a")),
            ("file", Some("file")),
            ("File://a", None),
        ] {
            assert_eq!(path_of(&Name::from(name)).ok(), path.map(PathBuf::from), "{name}");
        }
        assert_eq!(local(b"/%ff"), Some(PathBuf::from(OsStr::from_bytes(b"/\xff"))));
    }
}
