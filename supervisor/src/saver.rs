//! Saving a picture, which may take as long as the folder's disk or network: a process does it. It is given the picture in a file in memory,
//! which the renderer has filled, so that no role makes a file of the user's and the supervisor waits for no disk.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag};
use tricine_channel::sys::fds;
use tricine_channel::time::Deadline;
use tricine_session::Result;
use tricine_session::name::shown;
use tricine_session::process::Child;

use crate::errand::{self, Errand};

/// The process's name, beside those of the roles.
pub(crate) const NAME: &str = "saver";
/// The longest answer, in bytes: words around a path.
const LONGEST: usize = 1 << 14;
/// No picture that is played is larger, in bytes.
const LARGEST: u64 = 1 << 30;

/// A picture that is being saved.
#[derive(Debug)]
pub(crate) struct Saving(Errand);

impl Saving {
    /// Begins to save `picture` in the current folder.
    pub(crate) fn start(picture: BorrowedFd<'_>) -> Result<Self> {
        Errand::start(NAME, format!("tricine: {NAME}"), b".", &[picture]).map(Self)
    }

    /// Readable once there is an answer.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.link()
    }

    /// The answer, once there is one, in words for the user; and the process, which ends, to be reaped.
    pub(crate) fn end(self) -> (String, Child) {
        let answer =
            fds::receive(self.0.link(), LONGEST).map(|(words, _)| String::from_utf8_lossy(&words).into_owned());
        (answer.unwrap_or_else(|_| "no screenshot: the process that saves it died".into()), self.0.end())
    }

    /// Waits for an answer until `deadline`.
    pub(crate) fn wait(&self, deadline: Deadline) {
        self.0.wait(deadline);
    }
}

/// The process's own work. Its exit code.
pub(crate) fn run() -> i32 {
    let Some((link, _, files)) = errand::orders("tricine:saver") else { return 2 };
    let Some(picture) = files.into_iter().next() else { return 2 };
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let words = match save(&folder, &File::from(picture)) {
        Ok(path) => format!("saved {}", shown(&path)),
        Err(error) => format!("no screenshot in {}: {error}", shown(&folder)),
    };
    i32::from(fds::send(&link, words.as_bytes(), &[]).is_err())
}

/// Copies `picture` into `folder` under the first `tricine-NNNN.png` that does not exist: its path. Nothing is ever overwritten, and half a picture has
/// no name.
fn save(folder: &Path, picture: &File) -> io::Result<PathBuf> {
    if picture.metadata()?.len() > LARGEST {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let nameless = OpenOptions::new().write(true).custom_flags(OFlag::O_TMPFILE.bits()).open(folder);
    if let Ok(mut file) = nameless {
        copy(picture, &mut file)?;
        return free_name(folder, |path| link(&file, path)).map(|(path, ())| path);
    }
    // A file system that knows no nameless files.
    let create = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
    let (path, mut file) = free_name(folder, create)?;
    copy(picture, &mut file).inspect_err(|_| drop(fs::remove_file(&path)))?;
    Ok(path)
}

fn copy(picture: &File, to: &mut File) -> io::Result<()> {
    let (mut at, mut piece) = (0, vec![0; 1 << 16]);
    // Whoever has written it has it open still, and could make it longer and longer.
    while at <= LARGEST {
        match picture.read_at(&mut piece, at)? {
            0 => return Ok(()),
            read => {
                io::Write::write_all(to, &piece[..read])?;
                at += read as u64;
            }
        }
    }
    Err(io::Error::from(io::ErrorKind::FileTooLarge))
}

/// Gives a file that has none a name.
fn link(file: &File, path: &Path) -> io::Result<()> {
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = CString::new(path.as_os_str().as_bytes())?;
    let here = nix::fcntl::AT_FDCWD;
    Ok(nix::unistd::linkat(here, itself.as_str(), here, path.as_c_str(), AtFlags::AT_SYMLINK_FOLLOW)?)
}

fn free_name<T>(folder: &Path, take: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
    for number in 1..=99_999 {
        let path = folder.join(format!("tricine-{number:04}.png"));
        match take(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            taken => return taken.map(|taken| (path, taken)),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name up to tricine-99999.png is taken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_get_the_next_free_name_and_replace_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tricine-0002.png"), b"not ours").unwrap();
        let picture = tricine_channel::sys::process::memory_file("picture", &[7; 100_000]).unwrap();
        let names = [1, 2, 3].map(|_| save(folder.path(), &picture).unwrap().file_name().unwrap().to_owned());
        assert_eq!(names, ["tricine-0001.png", "tricine-0003.png", "tricine-0004.png"]);
        assert_eq!(fs::read(folder.path().join("tricine-0003.png")).unwrap(), [7; 100_000]);
        assert_eq!(fs::read(folder.path().join("tricine-0002.png")).unwrap(), b"not ours");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
        assert!(save(&folder.path().join("none"), &picture).is_err());
    }
}
