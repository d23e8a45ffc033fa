//! Folders: of films and songs, which play one after another, or of pictures, which are shown one after another.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;

use tricine_session::name::Name;

const FILMS: [&str; 35] = [
    "mp4", "m4v", "mov", "3gp", "3g2", "mkv", "webm", "mk3d", "avi", "divx", "ts", "m2ts", "mts", "mpg", "mpeg", "m2v",
    "vob", "flv", "f4v", "ogv", "ogm", "wmv", "asf", "mxf", "rm", "rmvb", "y4m", "h264", "264", "hevc", "h265", "ivf",
    "obu", "mjpeg", "mjpg",
];
const SONGS: [&str; 27] = [
    "mp3", "mp2", "flac", "wav", "w64", "m4a", "m4b", "aac", "ogg", "oga", "opus", "spx", "aif", "aiff", "aifc", "caf",
    "au", "snd", "mka", "weba", "ac3", "eac3", "dts", "wma", "ape", "wv", "tta",
];
const PICTURES: [&str; 17] = [
    "png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "apng", "pnm", "ppm", "qoi", "tga", "avif", "heic",
    "heif", "hif",
];
/// What belongs to a film or a song beside it, or to the system: nobody misses it.
const BESIDE: [&str; 17] = [
    "srt", "vtt", "ass", "ssa", "sup", "sub", "idx", "lrc", "nfo", "cue", "log", "txt", "db", "ini", "m3u", "m3u8",
    "pls",
];

/// What plays of a folder, in its order.
#[derive(Debug, PartialEq)]
pub(crate) enum Folder {
    /// Films and songs; and what of the rest the user should know.
    Films(Vec<Name>, Option<String>),
    /// Pictures, by their whole paths; and the same.
    Pictures(Vec<Name>, Option<String>),
}

/// Looks into a folder, at those names that are `wanted`. Errors: words for the user.
pub(crate) fn look(folder: &Path, wanted: impl Fn(&OsStr) -> bool) -> Result<Folder, String> {
    let (mut films, mut pictures, mut others, mut folders) = (Vec::new(), Vec::new(), 0, 0);
    for entry in fs::read_dir(folder).map_err(|e| why(&e))?.flatten() {
        let name = entry.file_name();
        let extension = Name::from(&name).extension();
        let is = |list: &[&str]| list.contains(&extension.as_str());
        if !wanted(&name) || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        match fs::metadata(entry.path()) {
            Ok(meta) if meta.is_file() && (is(&FILMS) || is(&SONGS)) => films.push(name),
            Ok(meta) if meta.is_file() && is(&PICTURES) => pictures.push(name),
            Ok(meta) if meta.is_dir() => folders += 1,
            _ if is(&BESIDE) => {}
            _ => others += 1,
        }
    }
    if films.is_empty() {
        if pictures.is_empty() {
            let within = some(folders, "folder").map(|some| format!(", and {some} that can be named instead"));
            return Err(format!("there is no film, song or picture in it{}", within.unwrap_or_default()));
        }
        let rest = passed_over(&[some(others, "other file")]);
        let folder = std::path::absolute(folder).map_err(|e| e.to_string())?;
        return Ok(Folder::Pictures(sorted(pictures, &folder), rest));
    }
    let rest = passed_over(&[some(pictures.len(), "picture"), some(others, "other file"), some(folders, "folder")]);
    Ok(Folder::Films(sorted(films, folder), rest))
}

/// Why a file or folder cannot be opened.
pub(crate) fn why(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::NotFound => "there is no such file, or a link to it leads nowhere; check the name".into(),
        io::ErrorKind::PermissionDenied => "it may not be read by you; check its permissions".into(),
        _ => format!("{e}; check the name, and what it leads to"),
    }
}

fn some(count: usize, of: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {of}")),
        more => Some(format!("{more} {of}s")),
    }
}

fn passed_over(what: &[Option<String>]) -> Option<String> {
    let what: Vec<&str> = what.iter().flatten().map(String::as_str).collect();
    (!what.is_empty()).then(|| format!("passes over {}", what.join(", ")))
}

/// As a person would sort them.
fn sorted(mut names: Vec<OsString>, folder: &Path) -> Vec<Name> {
    names.sort_by_cached_key(|name| (natural(&name.to_string_lossy()), name.clone()));
    names.into_iter().map(|name| folder.join(name).into()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
        folder
    }

    fn looked(folder: &Path) -> (bool, Vec<String>, Option<String>) {
        let (films, names, rest) = match look(folder, |_| true).unwrap() {
            Folder::Films(names, rest) => (true, names, rest),
            Folder::Pictures(names, rest) => (false, names, rest),
        };
        let own = |name: &Name| name.as_path().file_name().unwrap().to_string_lossy().into_owned();
        (films, names.iter().map(own).collect(), rest)
    }

    #[test]
    fn films_and_songs_play_in_their_order_and_the_rest_is_told_once() {
        let folder = with(&["e10.mkv", "E2.mp4", "e1.ogg", "cover.jpg", "e2.srt", ".hidden.mp4", "a.doc", "b.exe"]);
        fs::create_dir(folder.path().join("extra.mp4")).unwrap();
        let rest = Some("passes over 1 picture, 2 other files, 1 folder".to_owned());
        assert_eq!(looked(folder.path()), (true, ["e1.ogg", "E2.mp4", "e10.mkv"].map(str::to_owned).to_vec(), rest));
    }

    #[test]
    fn a_folder_of_pictures_alone_is_one_show() {
        let folder = with(&["f10.png", "f2.png", "F1.png", "f1b.png", "g.jpg", "Thumbs.db"]);
        let names = ["F1.png", "f1b.png", "f2.png", "f10.png", "g.jpg"].map(str::to_owned).to_vec();
        assert_eq!(looked(folder.path()), (false, names, None));
    }

    #[test]
    fn a_folder_of_folders_says_so() {
        let folder = with(&["a.doc"]);
        fs::create_dir(folder.path().join("one")).unwrap();
        let said = look(folder.path(), |_| true).unwrap_err();
        assert_eq!(said, "there is no film, song or picture in it, and 1 folder that can be named instead");
    }
}
