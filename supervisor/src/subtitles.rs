//! Files of subtitles: those that the user named, and those that lie beside a film and are named like it. Found and opened by the process
//! that opens the input, since that may take for ever; read by the decoder alone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use tricine_media::subtitle::{EXTENSIONS, other_half};
use tricine_session::link::SubtitleFile;
use tricine_session::name::Name;

/// So many files at most: their descriptors go in one message.
const MOST: usize = 24;
/// Entries of a folder that are looked at.
const MOST_ENTRIES: usize = 20_000;

/// Files of subtitles that are open, and what could not be opened.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of their numbers.
    pub(crate) files: Vec<(SubtitleFile, OwnedFd)>,
    /// Words for the user.
    pub(crate) complaints: Vec<String>,
}

/// Opens what belongs to a film, where that is a file, and what was `given`.
pub(crate) fn open(film: Option<&Path>, given: &[Name]) -> Found {
    let mut found = Found::default();
    let mut halves = Vec::new();
    for name in given {
        // As the film itself: a folder or a device is no text.
        let opened = fs::metadata(name.as_path()).and_then(|about| match about.is_file() {
            true => File::open(name.as_path()),
            false => Err(std::io::Error::other("it is no file")),
        });
        match opened {
            Ok(file) if found.files.len() < MOST => {
                found.files.push((SubtitleFile { name: last(name.as_path()), given: true }, file.into()));
                // Of two files that belong together, either may be named.
                let half = half(name.as_path()).filter(|half| !given.iter().any(|name| is_same(name.as_path(), half)));
                if let Some((half, file)) = half.and_then(|half| File::open(&half).ok().map(|file| (half, file)))
                    && found.files.len() < MOST
                {
                    found.files.push((SubtitleFile { name: last(&half), given: true }, file.into()));
                    halves.push(half);
                }
            }
            Ok(_) => {
                found.complaints.push(format!("--sub {name}: {MOST} files of subtitles are as many as there may be"))
            }
            Err(error) => found.complaints.push(format!("no subtitles from {name}: {error}; check the name")),
        }
    }
    for path in film.map(beside).unwrap_or_default() {
        let mut open = given.iter().map(Name::as_path).chain(halves.iter().map(PathBuf::as_path));
        if found.files.len() < MOST
            && !open.any(|open| is_same(open, &path))
            && let Ok(file) = File::open(&path)
        {
            found.files.push((SubtitleFile { name: last(&path), given: false }, file.into()));
        }
    }
    found
}

fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).ok() == fs::canonicalize(other).ok()
}

/// The file beside this one that it is read with.
fn half(path: &Path) -> Option<PathBuf> {
    let end = other_half(path.extension()?.to_str()?)?;
    let names = [end.to_owned(), end.to_ascii_uppercase()].map(|end| path.with_extension(end));
    names.into_iter().find(|path| path.is_file())
}

fn last(path: &Path) -> Name {
    path.file_name().map_or_else(|| Name::from(path), Name::from)
}

/// The files beside a film that are named like it, in the order of their names.
fn beside(film: &Path) -> Vec<PathBuf> {
    beside_all(&[film.to_owned()])
}

/// The files beside these films, each folder of which is read once.
pub(crate) fn beside_all(films: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders: BTreeMap<&Path, Vec<Cow<'_, str>>> = BTreeMap::new();
    for film in films {
        let folder = film.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folders.entry(folder).or_default().extend(film.file_stem().map(OsStr::to_string_lossy));
    }
    let mut found = Vec::new();
    for (folder, stems) in folders {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let names = entries.flatten().take(MOST_ENTRIES).map(|entry| entry.file_name());
        let belong = |name: &OsString| {
            let name = name.to_string_lossy();
            stems.iter().any(|stem| belongs(&name, stem))
        };
        let mut names: Vec<_> = names.filter(belong).collect();
        names.sort();
        let paths = names.into_iter().map(|name| folder.join(name));
        found.extend(paths.filter(|path| fs::metadata(path).is_ok_and(|about| about.is_file())));
    }
    found
}

/// Whether a file of this name has the subtitles of a film called `stem`: `film.srt`, or with a language and what else there is to
/// be said between them, `film.pt-BR.forced.srt`.
fn belongs(name: &str, stem: &str) -> bool {
    let Some((own, end)) = name.rsplit_once('.') else { return false };
    if !EXTENSIONS.iter().any(|text| text.eq_ignore_ascii_case(end)) {
        return false;
    }
    let Some(between) = own.strip_prefix(stem) else { return false };
    let words = ["forced", "sdh", "cc", "default", "full", "signs"];
    let language = |word: &str| {
        let (language, country) = word.split_once(['-', '_']).unwrap_or((word, "xx"));
        let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric());
        (2..=3).contains(&language.len()) && (2..=4).contains(&country.len()) && letters(language) && letters(country)
    };
    let mut parts = between.split('.');
    parts.next() == Some("") && parts.all(|part| words.contains(&part.to_ascii_lowercase().as_str()) || language(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_a_film_by_their_names() {
        for (name, wanted) in [
            ("film.1080p.srt", true),
            ("film.1080p.SRT", true),
            ("film.1080p.en.srt", true),
            ("film.1080p.pt-BR.forced.ass", true),
            ("film.1080p.extended.srt", false),
            ("film.1080p2.srt", false),
            ("film.srt", false),
            ("film.1080p.txt", false),
            ("film.1080p", false),
        ] {
            assert_eq!(belongs(name, "film.1080p"), wanted, "{name}");
        }
    }

    #[test]
    fn what_is_given_comes_first_and_what_lies_beside_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["film.mkv", "film.en.srt", "film.vtt", "other.srt", "disc.idx", "disc.SUB", "film.idx", "film.sub"]
        {
            fs::write(path(name), "x").unwrap();
        }
        fs::create_dir(path("film.de.srt")).unwrap();
        let given = ["other.srt", "film.vtt", "none.srt", "disc.idx", "film.sub"];
        let given: Vec<Name> = given.map(|name| path(name).into()).into();
        let found = open(Some(&path("film.mkv")), &given);
        let names: Vec<_> = found.files.iter().map(|(file, _)| (file.name.to_string(), file.given)).collect();
        let wanted = [
            ("other.srt", true),
            ("film.vtt", true),
            ("disc.idx", true),
            ("disc.SUB", true),
            ("film.sub", true),
            ("film.idx", true),
            ("film.en.srt", false),
        ];
        assert_eq!(names, wanted.map(|(name, given)| (name.to_owned(), given)));
        assert!(found.complaints.len() == 1 && found.complaints[0].contains("none.srt"), "{:?}", found.complaints);
    }
}
