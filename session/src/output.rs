//! A file that the user named for writing: where it leads is found out before the work, and it is written after it.
//!
//! - `-`, `/dev/stdout` and the very file that standard output goes to are standard output.
//! - A device, a FIFO or a pipe is opened at once and written straight.
//! - A symbolic link is followed, also one to a file that is not there yet.
//! - A regular file is replaced whole or not at all, and keeps its mode. Where its folder takes no new file, or where the
//!   file is mounted by itself, it is written in place.
//!
//! What is named twice, or is an input too, is refused before anything is opened ([`clash`]).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

mod beside;

pub use beside::{Beside, Unfinished};

use crate::Error;
use crate::name::shown;
use crate::patient;

/// As many symbolic links as the kernel follows.
const MOST_LINKS: usize = 40;
/// So that the open of a FIFO that nobody reads does not wait.
const O_NONBLOCK: i32 = nix::fcntl::OFlag::O_NONBLOCK.bits();

/// A place to write to, known to be writable.
#[derive(Debug)]
pub struct Output {
    named: PathBuf,
    way: Way,
}

/// How it is written.
#[derive(Debug)]
enum Way {
    /// To standard output.
    Stdout,
    /// To what was opened: a device, a FIFO, a pipe.
    Straight(File),
    /// To a new file that then takes this one's place.
    Replace(PathBuf),
    /// Into this file, whose folder takes no other.
    InPlace(PathBuf),
}

/// What a name leads to, to see whether two of them are one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Identity {
    /// Standard output.
    Stdout,
    /// A regular file: its device and inode.
    There(u64, u64),
    /// A file that is not there yet.
    New(PathBuf),
}

/// What `path` leads to; `None` for what more than one may use, such as a device, and for what cannot be.
fn identity(path: &Path) -> Option<Identity> {
    if is_stdout(path) {
        return Some(Identity::Stdout);
    }
    match fs::metadata(path) {
        Ok(metadata) if of_stdout().is_some_and(|out| there(&out) == there(&metadata)) => Some(Identity::Stdout),
        Ok(metadata) => metadata.is_file().then(|| there(&metadata)),
        Err(_) => {
            let path = followed(path).ok()?;
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(Identity::New(fs::canonicalize(folder).ok()?.join(path.file_name()?)))
        }
    }
}

/// What is wrong with outputs of which two are one, or of which one is read as well: words for the user, `None` if all is well.
/// Each is given as the option (or other word) that named it, and its path.
pub fn clash(
    writes: impl IntoIterator<Item = (&'static str, PathBuf)>,
    reads: impl IntoIterator<Item = (&'static str, PathBuf)>,
) -> Option<String> {
    let mut known: Vec<(&str, Identity)> = Vec::new();
    for (option, path) in writes {
        let Some(identity) = identity(&path) else { continue };
        if let Some((other, _)) = known.iter().find(|(_, known)| *known == identity) {
            return Some(format!("{other} and {option}: {} cannot have both; name another", shown(&path)));
        }
        known.push((option, identity));
    }
    for (option, path) in reads.into_iter().filter(|_| !known.is_empty()) {
        let Some(identity) = identity(&path) else { continue };
        if let Some((other, _)) = known.iter().find(|(_, known)| *known == identity) {
            return Some(format!("{other} and {option}: {} cannot be read and written; name another", shown(&path)));
        }
    }
    None
}

/// Why a file of the user's cannot be read or written (`call`), and what can be done.
pub fn refused(call: &'static str, path: &Path, why: &io::Error) -> Error {
    use ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let advice = match (call, why.kind()) {
        ("write", NotFound | NotADirectory) => "; make its folder first, or choose another",
        ("write", PermissionDenied | ReadOnlyFilesystem) => "; choose a folder that you may write to",
        ("write", ErrorKind::FileTooLarge) => "; allow larger files (`ulimit -f`)",
        (_, NotFound) => "; name a report that an earlier run wrote with --report",
        (_, PermissionDenied) => "; allow yourself to read it, or name another",
        (_, IsADirectory) => "; name a file in it",
        (_, StorageFull) => "; make room there, or choose another folder",
        _ => "",
    };
    Error::sys(call, shown(path), io::Error::new(why.kind(), format!("{why}{advice}")))
}

impl Output {
    /// Finds out where `path` leads and that it can be written; nothing is changed yet. A FIFO is waited for until somebody reads
    /// it, as a shell does; `waits` is called before that.
    pub fn open(path: &Path, waits: impl FnOnce()) -> io::Result<Self> {
        Ok(Self { named: path.to_owned(), way: way(path, waits)? })
    }

    /// The name that it was given.
    pub fn name(&self) -> &Path {
        &self.named
    }

    /// Whether it is standard output, where then nothing else should be said.
    pub fn is_stdout(&self) -> bool {
        matches!(self.way, Way::Stdout)
    }

    /// Begins to write. What is written is there once [`Writer::finish`] has said so.
    pub fn begin(self) -> io::Result<Writer> {
        Ok(match self.way {
            Way::Stdout => Writer::Straight(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
            Way::Straight(file) => Writer::Straight(file),
            Way::InPlace(path) => {
                let mut options = OpenOptions::new();
                options.write(true).truncate(true);
                // To be read as well where it may be, for who goes on with it after a crash.
                Writer::Straight(options.clone().read(true).open(&path).or_else(|_| options.open(&path))?)
            }
            Way::Replace(path) => Writer::Beside(Beside::create(path)?),
        })
    }

    /// Writes all of it.
    pub fn write(self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.begin()?;
        writer.write_all(bytes)?;
        writer.finish()
    }
}

/// Whether `path` is a name of standard output. What these stand for is open already: to open it once more would begin at
/// its first byte again.
fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

fn there(metadata: &fs::Metadata) -> Identity {
    Identity::There(metadata.dev(), metadata.ino())
}

/// The regular file or whatever else standard output is; `None` where it is closed.
fn of_stdout() -> Option<fs::Metadata> {
    File::from(io::stdout().as_fd().try_clone_to_owned().ok()?).metadata().ok()
}

fn way(path: &Path, waits: impl FnOnce()) -> io::Result<Way> {
    if is_stdout(path) {
        return Ok(Way::Stdout);
    }
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let path = followed(path)?;
            if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                return Err(ErrorKind::IsADirectory.into());
            }
            Beside::create(path.clone())?;
            return Ok(Way::Replace(path));
        }
        Err(e) => return Err(e),
    };
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    // A descriptor that somebody handed down is not to be replaced by a file of its name.
    let handed_down = ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.starts_with(folder));
    if !kind.is_file() || handed_down {
        return Ok(Way::Straight(straight(path, kind.is_fifo(), waits)?));
    }
    if of_stdout().is_some_and(|out| there(&out) == there(&metadata)) {
        return Ok(Way::Stdout);
    }
    // Who may not write a file may not replace it either, even where the folder would let them.
    drop(OpenOptions::new().write(true).open(path)?);
    let path = followed(path)?;
    Ok(match Beside::create(path.clone()) {
        Ok(_) => Way::Replace(path),
        Err(_) => Way::InPlace(path),
    })
}

/// Opens a device, a FIFO or a pipe.
fn straight(path: &Path, fifo: bool, waits: impl FnOnce()) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Appending: descriptors of `/dev/fd` may be regular files that others write as well.
    options.append(true);
    if fifo {
        const ENXIO: i32 = Errno::ENXIO as i32;
        // Kept until the other one is open, so that the reader sees no end in between.
        let _probe = match options.clone().custom_flags(O_NONBLOCK).open(path) {
            Err(e) if e.raw_os_error() == Some(ENXIO) => {
                waits();
                None
            }
            probe => Some(probe?),
        };
        return options.open(path);
    }
    options.open(path)
}

/// The path at the end of all symbolic links, which need not be there; its folder, if it does not end in a link, stays as
/// it was named.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            // EINVAL: it is no link.
            Err(e) if [ErrorKind::InvalidInput, ErrorKind::NotFound].contains(&e.kind()) => return Ok(path),
            Err(e) => return Err(e),
        }
    }
    Err(Errno::ELOOP.into())
}

/// Something being written.
#[derive(Debug)]
pub enum Writer {
    /// What is written is there at once.
    Straight(File),
    /// What is written takes a file's place at the end.
    Beside(Beside),
}

impl Writer {
    /// What is written to, for another process that does so.
    pub fn file(&self) -> &File {
        match self {
            Self::Straight(file) => file,
            Self::Beside(beside) => beside.file(),
        }
    }

    /// What is to be removed if nobody is left to finish it.
    pub fn unfinished(&self) -> Option<Unfinished> {
        match self {
            Self::Straight(_) => None,
            Self::Beside(beside) => beside.unfinished(),
        }
    }

    /// For a role that waits for a reader by [`crate::patient::write`].
    #[must_use]
    pub fn unblocked(self) -> Self {
        match self {
            Self::Straight(file) => Self::Straight(patient::unblocked(file)),
            beside @ Self::Beside(_) => beside,
        }
    }

    /// All is written: now it is there.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Straight(mut file) => file.flush(),
            Self::Beside(beside) => beside.take_place(),
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Straight(file) => file.write(bytes),
            Self::Beside(beside) => beside.file().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
