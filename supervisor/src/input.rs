//! What the user named: which inputs there are, opened as far as that goes without parsing them.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use tricine_channel::sys::fds::open_stream;
use tricine_channel::sys::process::memory_file;
use tricine_session::link::InputSpec;
use tricine_session::name::{Name, shown};

/// The film that is played when nothing is named, within the program so that `cargo install` needs no more.
const DEMO: &[u8] = include_bytes!("../../assets/demo.mp4");

/// One entry of the playlist.
#[derive(Debug)]
pub(crate) struct Input {
    /// As the user wrote it; for messages.
    pub(crate) name: Name,
    /// For the window's title and `ps`.
    pub(crate) title: String,
    /// For the decoder.
    pub(crate) spec: InputSpec,
    /// The open file, if it is one. Kept for the decoder's restarts: the file may be moved or removed meanwhile.
    pub(crate) file: Option<OwnedFd>,
}

impl Default for Input {
    /// A test film.
    fn default() -> Self {
        Self { name: Name::default(), title: String::new(), spec: InputSpec::Test(String::new()), file: None }
    }
}

impl Input {
    /// What a window is called that shows it.
    pub(crate) fn window_title(&self) -> String {
        format!("{} — Tricine", self.title)
    }
}

/// Whether `name` is standard input.
pub(crate) fn is_stdin(name: &Name) -> bool {
    name.as_os_str() == "-"
}

/// Whether `name` is of what [`at_once`] opens.
pub(crate) fn is_at_once(name: &Name) -> bool {
    name.as_os_str().is_empty() || is_stdin(name) || name.as_str().is_some_and(|text| text.starts_with("test:"))
}

/// The path that a name stands for.
pub(crate) fn path(name: &Name) -> Option<PathBuf> {
    match name.as_str().and_then(|text| text.strip_prefix("file://")) {
        Some(address) => local(address),
        None => Some(name.as_path().to_owned()),
    }
}

/// Opens what needs no file system, so that nothing can hang: the demo, a test source, standard input. `None` for all else.
/// Errors: words for the user.
pub(crate) fn at_once(name: Option<&Name>) -> Option<Result<Input, String>> {
    let Some(name) = name else { return Some(demo()) };
    if let Some(test) = name.as_str().and_then(|text| text.strip_prefix("test:")) {
        let title = name.as_path().file_name().map_or_else(|| name.to_string(), shown);
        return Some(Ok(Input { name: name.clone(), title, spec: InputSpec::Test(test.to_owned()), file: None }));
    }
    is_stdin(name).then(|| standard_input(name))
}

fn standard_input(name: &Name) -> Result<Input, String> {
    let stdin = std::io::stdin();
    if std::io::IsTerminal::is_terminal(&stdin) {
        return Err(
            "standard input is a terminal; pipe YUV4MPEG2 into it: ffmpeg -nostdin -i FILE -f yuv4mpegpipe - | tricine -"
                .into(),
        );
    }
    let fd = stdin.as_fd().try_clone_to_owned().map_err(|e| e.to_string())?;
    Ok(Input { name: name.clone(), title: "standard input".into(), spec: InputSpec::Pipe, file: Some(fd) })
}

/// Opens a file, a folder, a glob or a pipe, which may take as long as the file system likes: for a process of its own (see
/// [`crate::opening`]). Errors: words for the user.
pub(crate) fn open(name: &Name) -> Result<Input, String> {
    let text = name.as_str().unwrap_or_default();
    let path = match text.strip_prefix("file://") {
        Some(address) => {
            local(address).ok_or("a file:// address has a path of this machine, as in file:///tmp/a.mp4")?
        }
        None => name.as_path().to_owned(),
    };
    let title = path.file_name().map_or_else(|| name.to_string(), shown);
    let input = |spec, file| Input { name: name.clone(), title: title.clone(), spec, file };
    match fs::metadata(&path) {
        Ok(meta) if meta.is_dir() => Ok(input(InputSpec::Images(images(&path, |_| true)?), None)),
        Ok(meta) if meta.is_file() => {
            let file = File::open(&path).map_err(|e| why(&e))?;
            let own = path.file_name().map_or_else(|| name.clone(), Name::from);
            Ok(input(InputSpec::File(own), Some(file.into())))
        }
        // A named pipe or a device: read as a stream.
        Ok(_) => {
            let file = open_stream(&path).map_err(|e| why(&e))?;
            Ok(input(InputSpec::Pipe, Some(file.into())))
        }
        Err(_) if text.contains("://") => Err(format!(
            "addresses are FFmpeg's: ffmpeg -nostdin -i {} -f yuv4mpegpipe - | tricine - (without sound)",
            quoted(&name.to_string())
        )),
        Err(_) if is_pattern(&path) => {
            let (folder, pattern) = parted(&path);
            Ok(input(InputSpec::Images(images(folder, |n| matches(&pattern, &n.to_string_lossy()))?), None))
        }
        Err(e) => Err(why(&e)),
    }
}

/// The files that `name` leads to, as far as that can be seen without opening any.
pub(crate) fn files(name: &Name) -> Vec<PathBuf> {
    let path = name.as_str().and_then(|text| text.strip_prefix("file://")).and_then(local);
    let path = path.unwrap_or_else(|| name.as_path().to_owned());
    let found = match fs::metadata(&path) {
        Ok(meta) if meta.is_dir() => images(&path, |_| true),
        Ok(_) => return vec![path],
        Err(_) if is_pattern(&path) => {
            let (folder, pattern) = parted(&path);
            images(folder, |n| matches(&pattern, &n.to_string_lossy()))
        }
        Err(_) => return Vec::new(),
    };
    found.unwrap_or_default().iter().map(|name| name.as_path().to_owned()).collect()
}

/// The path of a `file://` address (RFC 8089), whose bytes may be written as `%` and two digits.
fn local(address: &str) -> Option<PathBuf> {
    let path = address.strip_prefix("localhost").unwrap_or(address);
    let mut rest = path.starts_with('/').then_some(path.as_bytes())?;
    let mut bytes = Vec::new();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match escaped.filter(|two| first == b'%' && two.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(two) => {
                bytes.push(u8::from_str_radix(two, 16).ok()?);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

fn is_pattern(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().iter().any(|b| b"*?".contains(b)))
}

/// The folder and the pattern of a path.
fn parted(path: &Path) -> (&Path, String) {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    (folder, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The demo film.
fn demo() -> Result<Input, String> {
    let file = memory_file("demo.mp4", DEMO).map_err(|e| e.to_string())?;
    Ok(Input {
        name: "the demo".into(),
        title: "Tricine demo".into(),
        spec: InputSpec::File("demo.mp4".into()),
        file: Some(file.into()),
    })
}

fn why(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file, or a link to it leads nowhere; check the name".into(),
        std::io::ErrorKind::PermissionDenied => "it may not be read by you; check its permissions".into(),
        _ => format!("{e}; check the name, and what it leads to"),
    }
}

/// The images of a folder whose names are wanted, sorted as a person would sort them.
fn images(folder: &Path, wanted: impl Fn(&OsStr) -> bool) -> Result<Vec<Name>, String> {
    const KNOWN: [&str; 13] =
        ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "apng", "pnm", "ppm", "qoi", "tga"];
    let entries = fs::read_dir(folder).map_err(|e| why(&e))?;
    let mut names: Vec<OsString> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name())
        .filter(|name| KNOWN.contains(&Name::from(name).extension().as_str()) && wanted(name))
        .collect();
    if names.is_empty() {
        return Err(format!("no image found ({} …); films are named one by one", KNOWN[..6].join(", ")));
    }
    names.sort_by_cached_key(|name| (natural(&name.to_string_lossy()), name.clone()));
    let folder = std::path::absolute(folder).map_err(|e| e.to_string())?;
    Ok(names.into_iter().map(|name| folder.join(name).into()).collect())
}

/// A key that sorts `frame2` before `frame10`: text and numbers in turn.
fn natural(name: &str) -> Vec<(String, u128, usize)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |n| text + n);
        let number = rest[text..digits].parse().unwrap_or(u128::MAX);
        key.push((rest[..text].to_lowercase(), number, digits - text));
        rest = &rest[digits..];
    }
    key
}

/// Whether `name` is matched by a pattern of `*` and `?`.
fn matches(pattern: &str, name: &str) -> bool {
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
    fn images_are_sorted_by_their_numbers() {
        let mut names = ["f10.png", "f2.png", "F1.png", "f1b.png", "g.png"];
        names.sort_by_cached_key(|n| natural(n));
        assert_eq!(names, ["F1.png", "f1b.png", "f2.png", "f10.png", "g.png"]);
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
            assert_eq!(local(address), path.map(PathBuf::from), "{address}");
        }
        assert_eq!(local("/%ff"), Some(PathBuf::from(OsStr::from_bytes(b"/\xff"))));
    }

    #[test]
    fn names_are_bytes_and_a_folder_misses_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"2\xff.png"[..], b"10.png", "\u{e4}.PNG".as_bytes()] {
            fs::write(folder.path().join(OsStr::from_bytes(name)), "").unwrap();
        }
        let Ok(Input { spec: InputSpec::Images(found), .. }) = open(&folder.path().into()) else { panic!("no folder") };
        let names: Vec<&[u8]> = found.iter().map(|n| n.as_path().file_name().unwrap().as_bytes()).collect();
        assert_eq!(names, [&b"2\xff.png"[..], b"10.png", "\u{e4}.PNG".as_bytes()]);
        assert_eq!(files(&folder.path().into()).len(), 3);
        assert_eq!(files(&folder.path().join("1*.png").into()).len(), 1);
    }

    #[test]
    fn an_address_is_no_pattern() {
        let why = open(&"http://a.b/c?d=e f".into()).unwrap_err();
        assert!(why.contains("ffmpeg -nostdin -i 'http://a.b/c?d=e f' -f"), "{why}");
    }
}
