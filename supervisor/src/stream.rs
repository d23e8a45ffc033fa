//! An input that comes as a stream: standard input, a named pipe, a socket, a device. YUV4MPEG2 plays while it comes. Everything else has
//! parts that are needed first and come last, so all of it is copied into a file without a name, which is gone with the last process that
//! has it open. The process that opens inputs does this, since a writer may take for ever.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, SpliceFFlags, splice, tee};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use nix::sys::statvfs::fstatvfs;
use tricine_channel::sys::process::memory_file;

/// How often is told how much has come.
pub(crate) const EVERY: Duration = Duration::from_millis(500);
/// What YUV4MPEG2 begins with.
const FRAMES: &[u8] = b"YUV4MPEG2 ";
/// How long a beginning of that is left alone before it is looked at again: nothing wakes who waits for more than there is.
const AGAIN: Duration = Duration::from_millis(20);
/// Bytes that are moved at once.
const PIECE: usize = 1 << 20;
/// Room that is left to others: this part of the file system, but no more than so many bytes.
const LEFT_PART: u64 = 20;
const LEFT_MOST: u64 = 1 << 30;
/// How many bytes are copied between two looks at the room that is left: less than the least room of [`LEFT_MOST`].
const LOOK: u64 = 16 << 20;

/// What a stream turns out to be.
#[derive(Debug)]
pub(crate) enum Came {
    /// YUV4MPEG2, of which nothing is taken yet.
    Frames(File),
    /// All of it, in a file without a name.
    Whole(File),
}

/// How far the copying of a stream is.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    /// How many bytes have come.
    pub(crate) bytes: u64,
    /// The stream and its copy, by which another process can go on: no byte is lost between the two.
    pub(crate) both: Option<[BorrowedFd<'a>; 2]>,
}

/// Takes a stream; `copy` is what a predecessor has of it. How far it is, is told every [`EVERY`]. Errors: words for the user.
pub(crate) fn take(from: File, copy: Option<File>, tell: &mut dyn FnMut(&Progress<'_>)) -> Result<Came, String> {
    if from.is_terminal() {
        return Err("it is a terminal; pipe a film into it: cat FILE | tricine -".into());
    }
    let unread = |e: io::Error| format!("reading it failed: {e}");
    if copy.is_none() && is_frames(&from, tell).map_err(unread)? {
        return Ok(Came::Frames(from));
    }
    let mut copying = match copy {
        Some(copy) => Copying::of(copy),
        None => Copying::new()?,
    };
    let piped = from.metadata().map_err(unread)?.file_type().is_fifo();
    let mut told = Instant::now();
    loop {
        if told.elapsed() >= EVERY {
            told = Instant::now();
            let both = piped.then(|| [from.as_fd(), copying.to.as_fd()]);
            tell(&Progress { bytes: copying.bytes, both });
        }
        if !ready(&from).map_err(unread)? {
            continue;
        }
        copying.look()?;
        match if piped { copying.splice(&from) } else { copying.copy(&from) } {
            Ok(0) => break,
            Ok(moved) => copying.bytes += moved as u64,
            Err(e) if [Errno::EAGAIN, Errno::EINTR].iter().any(|&again| e.raw_os_error() == Some(again as i32)) => {}
            Err(e)
                if [Errno::ENOSPC, Errno::EDQUOT, Errno::EFBIG].iter().any(|&n| e.raw_os_error() == Some(n as i32)) =>
            {
                return Err(copying.full());
            }
            Err(e) => return Err(format!("copying it to {} failed: {e}", copying.place())),
        }
    }
    if copying.bytes == 0 {
        return Err("it was closed before anything came through it; see what its writer says".into());
    }
    Ok(Came::Whole(copying.to))
}

/// Waits for something to read, or an end, for [`EVERY`] at most. A named pipe that nobody has written to has no end yet.
fn ready(from: &File) -> io::Result<bool> {
    let patience = PollTimeout::try_from(EVERY).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(from.as_fd(), PollFlags::POLLIN)], patience) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Whether it is YUV4MPEG2, as soon as that is certain. Nothing is taken from it.
fn is_frames(from: &File, tell: &mut dyn FnMut(&Progress<'_>)) -> io::Result<bool> {
    let mut told = Instant::now();
    loop {
        if told.elapsed() >= EVERY {
            told = Instant::now();
            tell(&Progress { bytes: 0, both: None });
        }
        if !ready(from)? {
            continue;
        }
        let mut head = [0; FRAMES.len()];
        match peek(from, &mut head) {
            Ok(have) if have == FRAMES.len() || !FRAMES.starts_with(&head[..have]) => return Ok(head == FRAMES),
            // At its end.
            Ok(0) => return Ok(false),
            // Perhaps it will be.
            Ok(_) if is_over(from) => return Ok(false),
            Ok(_) | Err(Errno::EAGAIN) => std::thread::sleep(AGAIN),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// The first bytes of a pipe or a socket, as far as they are there; they stay in it. Of a device, none.
fn peek(from: &File, head: &mut [u8]) -> nix::Result<usize> {
    let kind = from.metadata().map_or_else(|_| None, |about| Some(about.file_type()));
    if kind.is_some_and(|kind| kind.is_socket()) {
        return recv(from.as_raw_fd(), head, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
    }
    if !kind.is_some_and(|kind| kind.is_fifo()) {
        return Ok(0);
    }
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let have = tee(from, write, head.len(), SpliceFFlags::SPLICE_F_NONBLOCK)?;
    File::from(read).read_exact(&mut head[..have]).map_err(|_| Errno::EIO)?;
    Ok(have)
}

/// Whether nobody will write to it any more.
fn is_over(from: &File) -> bool {
    let mut polled = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::ZERO).is_ok()
        && polled[0].revents().is_some_and(|found| found.contains(PollFlags::POLLHUP))
}

/// A copy that is being made.
struct Copying {
    to: File,
    bytes: u64,
    /// The folder that it is in; or how many bytes of memory it may take.
    folder: Option<PathBuf>,
    most: u64,
    /// The room is looked at again once so many bytes have come.
    look_at: u64,
}

impl Copying {
    /// In the first folder for temporary files that takes one, else in memory. Errors: words for the user.
    fn new() -> Result<Self, String> {
        let named = std::env::var_os("TMPDIR").filter(|name| !name.is_empty()).map(PathBuf::from);
        for folder in named.into_iter().chain(["/var/tmp", "/tmp"].map(PathBuf::from)) {
            if let Ok(to) = tempfile::tempfile_in(&folder) {
                return Ok(Self { to, bytes: 0, folder: Some(folder), most: u64::MAX, look_at: 0 });
            }
        }
        let to = memory_file("stream", b"").map_err(|e| format!("there is no folder for temporary files: {e}"))?;
        Ok(Self { to, bytes: 0, folder: None, most: half_of_memory(), look_at: 0 })
    }

    /// Goes on with what another process has begun.
    fn of(to: File) -> Self {
        let bytes = to.metadata().map_or(0, |about| about.len());
        let link = fs::read_link(format!("/proc/self/fd/{}", to.as_raw_fd())).unwrap_or_default();
        let folder = link.parent().filter(|folder| folder.is_dir()).map(PathBuf::from);
        let memory = link.to_string_lossy().starts_with("/memfd:");
        let most = if memory { half_of_memory() } else { u64::MAX };
        Self { to, bytes, folder: folder.filter(|_| !memory), most, look_at: 0 }
    }

    /// Moves what there is of a pipe. The kernel takes from it what it has written, so nothing is lost if this process is killed.
    fn splice(&mut self, from: &File) -> io::Result<usize> {
        match splice(from, None, &self.to, None, PIECE, SpliceFFlags::SPLICE_F_NONBLOCK) {
            // A file system that does not know how.
            Err(Errno::EINVAL) => self.copy(from),
            moved => Ok(moved?),
        }
    }

    /// Copies what there is of anything else.
    fn copy(&mut self, mut from: &File) -> io::Result<usize> {
        let mut piece = vec![0; PIECE];
        let read = from.read(&mut piece)?;
        self.to.write_all(&piece[..read]).map(|()| read)
    }

    /// Whether there is room for more, from time to time. Errors: words for the user.
    fn look(&mut self) -> Result<(), String> {
        if self.bytes < self.look_at {
            return Ok(());
        }
        self.look_at = self.bytes.saturating_add(LOOK);
        let room = match &self.folder {
            None => self.most.saturating_sub(self.bytes),
            Some(_) => fstatvfs(&self.to).map_or(u64::MAX, |about| {
                let unit = about.fragment_size();
                let keep = (about.blocks().saturating_mul(unit) / LEFT_PART).min(LEFT_MOST);
                about.blocks_available().saturating_mul(unit).saturating_sub(keep)
            }),
        };
        if room == 0 { Err(self.full()) } else { Ok(()) }
    }

    fn place(&self) -> String {
        self.folder.as_ref().map_or_else(|| "memory".into(), |folder| folder.display().to_string())
    }

    fn full(&self) -> String {
        format!(
            "there is no room in {} for more than the {} that have come; name a folder with more room by TMPDIR=FOLDER, or save it \
             to a file first and play that",
            self.place(),
            size(self.bytes)
        )
    }
}

/// Half of the memory that is free, in bytes.
fn half_of_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024) / 2
}

/// A number of bytes, for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
