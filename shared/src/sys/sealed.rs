//! Memory without a name that one process writes and others can only read: for a peer that knows nothing of channels.

use std::fs::File;
use std::io::Write;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::FileExt;

use memmap2::{MmapMut, MmapOptions};
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::error::{Error, Result};

const NAME: &str = "sealed-words";
/// With these, a file stays as it is.
const WHOLE: SealFlag = SealFlag::F_SEAL_WRITE.union(SealFlag::F_SEAL_SHRINK).union(SealFlag::F_SEAL_GROW);

/// A file in memory that holds `bytes`, and that nobody can change: for a message that is too long for a socket.
///
/// Errors: there is no memory.
pub fn sealed_file(name: &str, bytes: &[u8]) -> Result<File> {
    let err = |call| move |e: nix::Error| Error::sys(call, name, e);
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).map_err(err("memfd_create"))?;
    let mut file = File::from(fd);
    file.write_all(bytes).map_err(|e| Error::sys("write", name, e))?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(WHOLE | SealFlag::F_SEAL_SEAL)).map_err(err("fcntl"))?;
    Ok(file)
}

/// What is in a file that came from elsewhere, at most `limit` bytes.
///
/// Errors: it is longer, or can still be changed.
pub fn read_sealed(file: &File, limit: u64) -> Result<Vec<u8>> {
    let wrong = |e: std::io::Error| Error::sys("read", NAME, e);
    let seals = fcntl(file, FcntlArg::F_GET_SEALS).map_err(|e| Error::sys("fcntl", NAME, e))?;
    if !SealFlag::from_bits_retain(seals).contains(WHOLE) {
        return Err(wrong(std::io::ErrorKind::PermissionDenied.into()));
    }
    let len = file.metadata().map_err(wrong)?.len();
    if len > limit {
        return Err(wrong(std::io::ErrorKind::FileTooLarge.into()));
    }
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, 0).map_err(wrong)?;
    Ok(bytes)
}

/// 32-bit words in memory that has no name, of which others have the descriptor: they can map it to read, and nothing else.
#[derive(Debug)]
pub struct SealedWords {
    map: MmapMut,
    len: usize,
}

impl SealedWords {
    /// Makes `len` words, all zero; the file is what others map.
    ///
    /// Errors: there is no memory, or the kernel is older than 5.1.
    pub fn new(len: usize) -> Result<(Self, File)> {
        let err = |call| move |e: nix::Error| Error::sys(call, NAME, e);
        let bytes = len.max(1) * size_of::<u32>();
        let fd =
            memfd_create(NAME, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).map_err(err("memfd_create"))?;
        let file = File::from(fd);
        // Really there: else a machine without memory shows at some later store.
        fallocate(&file, FallocateFlags::empty(), 0, bytes as i64).map_err(err("fallocate"))?;
        // SAFETY: the file has these bytes; it is ours alone until it is returned, and by then its seals keep it from being
        // cut short and from being written but through this one mapping.
        let map = unsafe { MmapOptions::new().len(bytes).populate().map_mut(&file) }
            .map_err(|e| Error::sys("mmap", NAME, e))?;
        let seals =
            SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_FUTURE_WRITE | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(err("fcntl"))?;
        Ok((Self { map, len }, file))
    }
}

impl Deref for SealedWords {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        // SAFETY: a mapping begins at a page and has room for so many; any value is a u32; nobody else writes (see `new`).
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for SealedWords {
    fn deref_mut(&mut self) -> &mut [u32] {
        // SAFETY: as above, and ours alone in this process.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_read_as_it_was_sealed_and_what_may_change_is_not_read() {
        let text = vec![7; 300_000];
        let file = sealed_file("test", &text).unwrap();
        assert_eq!(read_sealed(&file, 300_000).unwrap(), text);
        assert!(read_sealed(&file, 299_999).is_err());
        assert!(file.write_at(&[9], 0).is_err() && file.set_len(4).is_err());
        let open = super::super::process::memory_file("test", &text).unwrap();
        assert!(read_sealed(&open, 300_000).is_err());
    }

    #[test]
    fn others_read_what_is_written_and_cannot_write_or_cut_it() {
        let (mut words, file) = SealedWords::new(3).unwrap();
        words.copy_from_slice(&[1, 2, 0x0403_0201]);
        let mut seen = [0; 12];
        file.read_exact_at(&mut seen, 0).unwrap();
        assert_eq!(seen, [1, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 4]);
        assert!(file.write_at(&[9], 0).is_err());
        assert!(file.set_len(4).is_err());
        // SAFETY: it is refused.
        assert!(unsafe { MmapOptions::new().len(12).map_mut(&file) }.is_err());
        assert_eq!(words[..], [1, 2, 0x0403_0201]);
    }
}
