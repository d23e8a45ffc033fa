//! What the user named: which inputs there are, opened as far as that goes without parsing them.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use tricine_channel::sys::fds::open_stream;
use tricine_channel::sys::process::memory_file;
use tricine_session::link::InputSpec;

/// The film that is played when nothing is named, within the program so that `cargo install` needs no more.
const DEMO: &[u8] = include_bytes!("../../assets/demo.mp4");

/// One entry of the playlist.
#[derive(Debug)]
pub(crate) struct Input {
    /// As the user wrote it; for messages.
    pub(crate) name: String,
    /// For the window's title and `ps`.
    pub(crate) title: String,
    /// For the decoder.
    pub(crate) spec: InputSpec,
    /// The open file, if it is one. Kept for the decoder's restarts: the file may be moved or removed meanwhile.
    pub(crate) file: Option<OwnedFd>,
}

/// The last part of a name, for the title.
fn title(name: &str) -> String {
    Path::new(name).file_name().map_or(name.to_owned(), |n| n.to_string_lossy().into_owned())
}

/// Opens what needs no file system, so that nothing can hang: the demo (an empty name), a test source, standard input. `None`
/// for all else. Errors: words for the user.
pub(crate) fn at_once(name: &str) -> Option<Result<Input, String>> {
    if name.is_empty() {
        return Some(demo());
    }
    if let Some(test) = name.strip_prefix("test:") {
        let spec = InputSpec::Test(test.to_owned());
        return Some(Ok(Input { name: name.to_owned(), title: title(name), spec, file: None }));
    }
    (name == "-").then(standard_input)
}

fn standard_input() -> Result<Input, String> {
    let stdin = std::io::stdin();
    if std::io::IsTerminal::is_terminal(&stdin) {
        return Err(
            "standard input is a terminal; pipe YUV4MPEG2 into it: ffmpeg -i FILE -f yuv4mpegpipe - | tricine -".into(),
        );
    }
    let fd = stdin.as_fd().try_clone_to_owned().map_err(|e| e.to_string())?;
    Ok(Input { name: "-".into(), title: "standard input".into(), spec: InputSpec::Pipe, file: Some(fd) })
}

/// Opens a file, a folder, a glob or a pipe, which may take as long as the file system likes: for a process of its own (see
/// [`crate::opening`]). Errors: words for the user.
pub(crate) fn open(name: &str) -> Result<Input, String> {
    let title = title(name);
    let input = |spec, file| Input { name: name.to_owned(), title: title.clone(), spec, file };
    let path = Path::new(name);
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Ok(input(InputSpec::Images(images(path, |_| true)?), None)),
        Ok(meta) if meta.is_file() => {
            let file = File::open(path).map_err(|e| why(&e))?;
            Ok(input(InputSpec::File(title.clone()), Some(file.into())))
        }
        // A named pipe or a device: read as a stream.
        Ok(_) => {
            let file = open_stream(path).map_err(|e| why(&e))?;
            Ok(input(InputSpec::Pipe, Some(file.into())))
        }
        Err(_) if name.contains(['*', '?']) => {
            let pattern = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(input(InputSpec::Images(images(folder, |n| matches(&pattern, n))?), None))
        }
        Err(_) if name.contains("://") => {
            Err(format!("addresses are FFmpeg's: ffmpeg -i {name} -f yuv4mpegpipe - | tricine - (without sound)"))
        }
        Err(e) => Err(why(&e)),
    }
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
fn images(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, String> {
    const KNOWN: [&str; 13] =
        ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "apng", "pnm", "ppm", "qoi", "tga"];
    let entries = fs::read_dir(folder).map_err(|e| why(&e))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
            extension.is_some_and(|e| KNOWN.contains(&e.as_str())) && wanted(name)
        })
        .collect();
    if names.is_empty() {
        return Err(format!("no image found ({} …); films are named one by one", KNOWN[..6].join(", ")));
    }
    names.sort_by_cached_key(|name| natural(name));
    let folder = std::path::absolute(folder).map_err(|e| e.to_string())?;
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
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
}
