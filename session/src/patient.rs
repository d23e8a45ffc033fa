//! Writing for whoever may not read: a pipe, a FIFO, a terminal. However long its reader takes, the role that writes shows
//! that it lives; who is slow out there is no role that hangs.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use crate::actor::BEAT;

/// Bytes that a pipe takes at once, or not at all, where `poll` says that there is room: PIPE_BUF.
const AT_ONCE: usize = 4096;

/// Writes all of `bytes`, for as long as that takes. `beat` is called often meanwhile.
///
/// Errors: those of write(2), such as [`ErrorKind::BrokenPipe`].
pub fn write(file: &File, mut bytes: &[u8], beat: impl Fn()) -> io::Result<()> {
    while !bytes.is_empty() {
        beat();
        let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
        match ppoll(&mut fds, Some(TimeSpec::from_duration(BEAT)), None) {
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(e) => return Err(e.into()),
        }
        let part = bytes.get(..AT_ONCE).unwrap_or(bytes);
        match { file }.write(part) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(e) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&e.kind()) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The same pipe or terminal, opened anew so that writing to it never blocks: that is a property of what is open, and others use what
/// was handed down. As it is, where that cannot be, or where nothing ever blocks.
pub fn unblocked(file: File) -> File {
    let kind = file.metadata().map(|metadata| metadata.file_type());
    if !kind.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device()) {
        return file;
    }
    let mut options = OpenOptions::new();
    options.write(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
    options.open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::io::Read;

    #[test]
    fn a_reader_that_waits_is_waited_for_and_every_byte_comes() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let (mut reader, writer) = (File::from(reader), unblocked(File::from(writer)));
        // More than a pipe holds, which is filled by sixteen writes.
        let bytes: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        let (beats, reading) = (Cell::new(0), Cell::new(None));
        let beat = || {
            beats.set(beats.get() + 1);
            // Nobody has read for a while.
            if beats.get() == 20 {
                let mut reader = reader.try_clone().unwrap();
                reading.set(Some(std::thread::spawn(move || {
                    let mut read = Vec::new();
                    reader.read_to_end(&mut read).map(|_| read)
                })));
            }
        };
        write(&writer, &bytes, beat).unwrap();
        drop(writer);
        assert!(beats.get() > 20);
        assert!(reading.take().unwrap().join().unwrap().unwrap() == bytes);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error_and_no_wait() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        drop(reader);
        let wrong = write(&unblocked(writer.into()), b"line", || {}).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::BrokenPipe);
    }
}
