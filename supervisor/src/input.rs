//! What the user named: which inputs there are, opened as far as that goes without parsing them.

use std::fs::{self, File, Metadata};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tricine_channel::sys::fds;
use tricine_channel::sys::process::memory_file;
use tricine_session::link::InputSpec;
use tricine_session::name::{Name, shown};

use crate::folder::{self, Folder, why};
use crate::playlist::{self, Named};
use crate::spelling::{is_pattern, matches, parted, path_of, quoted};
use crate::stream::{self, Came, Progress};

/// How deep playlists may lie within playlists.
const DEEPEST: usize = 8;
/// The most names that are followed for [`files`].
const MOST_FILES: usize = 1 << 14;

/// The film that is played when nothing is named, within the program so that `cargo install` needs no more.
const DEMO: &[u8] = include_bytes!("../../assets/demo.mp4");

/// A file or folder, whatever its name.
pub(crate) type FileId = (u64, u64);

/// What is to be played, before anybody has looked at it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What it is called.
    pub(crate) name: Name,
    /// What a playlist calls it.
    pub(crate) title: Option<String>,
    /// The playlists and folders that it comes from, the outermost first.
    pub(crate) within: Vec<FileId>,
}

impl From<Name> for Entry {
    fn from(name: Name) -> Self {
        Self { name, ..Self::default() }
    }
}

/// What an entry turns out to be.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) what: What,
    /// What the user should know of it.
    pub(crate) notice: Option<String>,
}

/// See [`Opened`].
#[derive(Debug)]
pub(crate) enum What {
    /// Something to be played.
    Input(Input),
    /// A playlist, or a folder of films: what plays in its place.
    List(List),
}

/// A playlist, or a folder of films.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct List {
    id: FileId,
    names: Vec<Named>,
}

impl List {
    /// Its entries, where it stood at `entry` itself.
    pub(crate) fn entries(self, entry: &Entry) -> impl DoubleEndedIterator<Item = Entry> {
        let mut within = entry.within.clone();
        within.push(self.id);
        self.names.into_iter().map(move |(name, title)| Entry { name, title, within: within.clone() })
    }
}

/// An input, open.
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

/// What an input is called where the user reads of it.
pub(crate) fn called(name: &Name) -> String {
    if is_stdin(name) { "standard input".into() } else { name.to_string() }
}

/// Whether `name` is of what [`at_once`] opens.
pub(crate) fn is_at_once(name: &Name) -> bool {
    name.as_os_str().is_empty() || name.as_str().is_some_and(|text| text.starts_with("test:"))
}

/// Opens what needs no file system, so that nothing can hang: the demo, a test source. `None` for all else. Errors: words for the user.
pub(crate) fn at_once(entry: Option<&Entry>) -> Option<Result<Input, String>> {
    let Some(Entry { name, .. }) = entry else { return Some(demo()) };
    let test = name.as_str().and_then(|text| text.strip_prefix("test:"))?;
    let title = name.as_path().file_name().map_or_else(|| name.to_string(), shown);
    Some(Ok(Input { name: name.clone(), title, spec: InputSpec::Test(test.to_owned()), file: None }))
}

/// Opens a file, a folder, a glob, a playlist or a stream, which may take as long as the file system or a writer likes: for a process of its
/// own (see [`crate::opening`]). `handed` is what is open already: standard input, or a stream and its copy, as `tell` was told them. Errors:
/// words for the user.
pub(crate) fn open(entry: &Entry, handed: Vec<OwnedFd>, tell: &mut dyn FnMut(&Progress<'_>)) -> Result<Opened, String> {
    let name = &entry.name;
    let mut handed = handed.into_iter().map(File::from);
    if let Some(stream) = handed.next() {
        return open_stream(entry, stream, handed.next(), tell);
    }
    let text = name.as_str().unwrap_or_default();
    let mut path = path_of(name)?;
    let mut found = fs::metadata(&path);
    if found.is_err()
        && let Some(alike) = playlist::alike(&path).filter(|_| !entry.within.is_empty())
    {
        (found, path) = (fs::metadata(&alike), alike);
    }
    let input = |spec, file| What::Input(Input { name: name.clone(), title: title(entry, &path), spec, file });
    let alone = |what| Ok(Opened { what, notice: None });
    match found {
        Ok(meta) if meta.is_dir() => shown_in_turn(folder::look(&path, |_| true)?, id(&meta), input),
        Ok(meta) if meta.is_file() => {
            let file = File::open(&path).map_err(|e| why(&e))?;
            alone(film_or_list(file, &path, entry)?)
        }
        // A named pipe or a device.
        Ok(_) => open_stream(entry, fds::open_stream(&path).map_err(|e| why(&e))?, None, tell),
        Err(_) if text.contains("://") && crate::spelling::address(text.as_bytes()).is_none() => Err(format!(
            "addresses are FFmpeg's: ffmpeg -nostdin -i {} -f yuv4mpegpipe - | tricine - (without sound)",
            quoted(&name.to_string())
        )),
        Err(_) if is_pattern(&path) => {
            let (folder, pattern) = parted(&path);
            let of = fs::metadata(folder).map_err(|e| why(&e))?;
            let looked = folder::look(folder, |n| matches(&pattern, &n.to_string_lossy()));
            let looked = looked.map_err(|_| format!("no film, song or picture in {} is called so", shown(folder)))?;
            shown_in_turn(looked, id(&of), input)
        }
        Err(e) => Err(why(&e)),
    }
}

/// What is played by standard input, a named pipe or a device. A file that the shell has opened is played as a file, from its beginning on.
fn open_stream(
    entry: &Entry,
    stream: File,
    copy: Option<File>,
    tell: &mut dyn FnMut(&Progress<'_>),
) -> Result<Opened, String> {
    let about = stream.metadata().map_err(|e| why(&e))?;
    if about.is_dir() {
        return Err("it is a folder; give its name: tricine FOLDER".into());
    }
    let stdin = is_stdin(&entry.name);
    let path = match fs::read_link(format!("/proc/self/fd/{}", stream.as_raw_fd())) {
        Ok(path) if fs::metadata(&path).is_ok_and(|named| id(&named) == id(&about)) => path,
        _ => PathBuf::from(entry.name.as_os_str()),
    };
    let opened = |what| Ok(Opened { what, notice: None });
    if about.is_file() {
        return opened(film_or_list(stream, &path, entry)?);
    }
    let path = if stdin { Path::new("standard input") } else { &path };
    match stream::take(stream, copy, tell)? {
        Came::Frames(stream) => {
            let (name, title) = (entry.name.clone(), title(entry, path));
            opened(What::Input(Input { name, title, spec: InputSpec::Pipe, file: Some(stream.into()) }))
        }
        Came::Whole(file) => opened(match film_or_list(file, path, entry)? {
            What::Input(input) => What::Input(Input { name: entry.name.clone(), ..input }),
            list => list,
        }),
    }
}

/// What is in a file: a playlist, or something to be played.
fn film_or_list(file: File, path: &Path, entry: &Entry) -> Result<What, String> {
    if let Some(list) = listed(&file, path, entry)? {
        return Ok(What::List(list));
    }
    let own = path.file_name().map_or_else(|| entry.name.clone(), Name::from);
    // The shell has opened it.
    let name = if is_stdin(&entry.name) { path.into() } else { entry.name.clone() };
    Ok(What::Input(Input { name, title: title(entry, path), spec: InputSpec::File(own), file: Some(file.into()) }))
}

/// What a window calls it.
fn title(entry: &Entry, path: &Path) -> String {
    let title = path.file_name().map_or_else(|| entry.name.to_string(), shown);
    entry.title.as_ref().map_or(title, shown)
}

fn id(meta: &Metadata) -> FileId {
    (meta.dev(), meta.ino())
}

fn shown_in_turn(
    folder: Folder,
    id: FileId,
    input: impl Fn(InputSpec, Option<OwnedFd>) -> What,
) -> Result<Opened, String> {
    Ok(match folder {
        Folder::Pictures(names, notice) => Opened { what: input(InputSpec::Images(names), None), notice },
        Folder::Films(names, notice) => {
            let names = names.into_iter().map(|name| (name, None)).collect();
            Opened { what: What::List(List { id, names }), notice }
        }
    })
}

/// What a playlist names, if this file is one. Errors: words for the user.
fn listed(file: &File, path: &Path, entry: &Entry) -> Result<Option<List>, String> {
    let mut head = [0; 1024];
    let have = file.read_at(&mut head, 0).map_err(|e| why(&e))?;
    if !playlist::is_one(&head[..have], path) {
        return Ok(None);
    }
    let id = id(&file.metadata().map_err(|e| why(&e))?);
    if entry.within.contains(&id) {
        return Err("it is a playlist that names itself, or one that names it".into());
    }
    if entry.within.len() >= DEEPEST {
        return Err(format!("playlists are read that lie up to {DEEPEST} deep in one another"));
    }
    let (mut bytes, mut have) = (vec![0; playlist::LONGEST as usize + 1], 0);
    // Others may have moved its position.
    while have < bytes.len() {
        match file.read_at(&mut bytes[have..], have as u64).map_err(|e| why(&e))? {
            0 => break,
            read => have += read,
        }
    }
    bytes.truncate(have);
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(Some(List { id, names: playlist::read(&bytes, folder)? }))
}

/// The files that `name` leads to, as far as that can be seen without playing any.
pub(crate) fn files(name: &Name) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![Entry::from(name.clone())]);
    while let Some(entry) = left.pop().filter(|_| found.len() + left.len() < MOST_FILES) {
        let Ok(path) = path_of(&entry.name) else { continue };
        if is_stdin(&entry.name) {
            found.push("/proc/self/fd/0".into());
            continue;
        }
        match fs::metadata(&path) {
            // Nothing of it is read, so that nobody waits for a writer, nor for a disk or network that gives the file out late.
            Ok(meta) if !(meta.is_dir() || meta.is_file() && playlist::called_so(&path)) => found.push(path),
            Err(_) if !is_pattern(&path) && entry.within.is_empty() => {}
            there => {
                found.extend(there.is_ok_and(|meta| meta.is_file()).then_some(path));
                match open(&entry, Vec::new(), &mut |_| {}).map(|opened| opened.what) {
                    Ok(What::List(list)) => left.extend(list.entries(&entry)),
                    Ok(What::Input(Input { spec: InputSpec::Images(names), .. })) => {
                        found.extend(names.iter().map(|name| name.as_path().to_owned()));
                    }
                    _ => {}
                }
            }
        }
    }
    found
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_are_bytes_and_a_folder_misses_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"2\xff.png"[..], b"10.png", "\u{e4}.PNG".as_bytes()] {
            fs::write(folder.path().join(OsStr::from_bytes(name)), "").unwrap();
        }
        let opened = open(&entry(folder.path()), Vec::new(), &mut |_| {}).unwrap();
        let What::Input(Input { spec: InputSpec::Images(found), .. }) = opened.what else { panic!("no folder") };
        let names: Vec<&[u8]> = found.iter().map(|n| n.as_path().file_name().unwrap().as_bytes()).collect();
        assert_eq!(names, [&b"2\xff.png"[..], b"10.png", "\u{e4}.PNG".as_bytes()]);
        assert_eq!(files(&folder.path().into()).len(), 3);
        assert_eq!(files(&folder.path().join("1*.png").into()).len(), 1);
    }

    fn entry(path: &Path) -> Entry {
        Name::from(path).into()
    }

    /// What is played of `entry`, or why not, in its order.
    fn unfolded(entry: Entry) -> Vec<Result<String, String>> {
        match open(&entry, Vec::new(), &mut |_| {}) {
            Ok(Opened { what: What::List(list), .. }) => list.entries(&entry).flat_map(unfolded).collect(),
            Ok(Opened { what: What::Input(input), .. }) => vec![Ok(input.title)],
            Err(why) => vec![Err(why)],
        }
    }

    #[test]
    fn playlists_within_playlists_are_read_and_circles_and_pits_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::create_dir(file("songs")).unwrap();
        fs::write(file("songs/2.mp3"), "").unwrap();
        fs::write(file("songs/1.mp3"), "").unwrap();
        std::os::unix::fs::symlink("a.m3u", file("again.m3u")).unwrap();
        fs::write(file("a.m3u"), "#EXTINF:1,A song\nsongs/2.mp3\nb.m3u\nsongs\n").unwrap();
        fs::write(file("b.m3u"), "songs/1.mp3\nagain.m3u\n").unwrap();
        let found = unfolded(entry(&file("a.m3u")));
        let titles: Vec<&str> = found.iter().map(|found| found.as_deref().unwrap_or("refused")).collect();
        assert_eq!(titles, ["A song", "1.mp3", "refused", "1.mp3", "2.mp3"]);
        assert!(found[2].as_ref().unwrap_err().contains("names itself"), "{found:?}");
        let all = files(&file("a.m3u").into());
        assert!(all.contains(&file("songs/2.mp3")) && all.contains(&file("b.m3u")), "{all:?}");
        for n in 0..20 {
            fs::write(file(&format!("pit{n}.m3u")), format!("pit{}.m3u", n + 1)).unwrap();
        }
        let found = unfolded(entry(&file("pit0.m3u")));
        assert!(matches!(&found[..], [Err(why)] if why.contains("up to 8 deep")), "{found:?}");
    }

    #[test]
    fn a_pipe_that_is_named_by_a_playlist_is_waited_for_by_nobody_who_only_looks() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.m3u");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::write(folder.path().join("a.m3u"), "pipe.m3u").unwrap();
        assert_eq!(files(&folder.path().join("a.m3u").into()), [folder.path().join("a.m3u"), pipe]);
    }

    #[test]
    fn an_address_is_no_pattern() {
        let why = open(&Name::from("http://a.b/c?d=e f").into(), Vec::new(), &mut |_| {}).unwrap_err();
        assert!(why.contains("ffmpeg -nostdin -i 'http://a.b/c?d=e f' -f"), "{why}");
    }
}
