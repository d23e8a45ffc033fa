//! POSIX shared memory objects, made so that a name never shows an unfinished one.
//!
//! `shm_open(O_CREAT)` shows an empty object first: who opens it then maps nothing and dies of SIGBUS, and a creator
//! killed half-way leaves it behind. So a new object is made without a name (`O_TMPFILE` on the tmpfs that holds POSIX
//! shared memory), filled, and linked to its name in one step, which fails if the name exists. Opening one is plain
//! `shm_open`.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use memmap2::{MmapOptions, MmapRaw};
use nix::fcntl::{AT_FDCWD, AtFlags, FallocateFlags, OFlag, fallocate, open};
use nix::sys::mman::{MmapAdvise, shm_open, shm_unlink};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{geteuid, linkat};

use super::sigbus::Guard;
use crate::error::{Error, Result};

/// Where Linux keeps POSIX shared memory and named semaphores.
pub const DIR: &str = "/dev/shm";

/// An object without a name, of `len` bytes that are really there: a full /dev/shm is an error here and not a SIGBUS
/// at some later store.
pub fn create_unnamed(len: u64) -> Result<File> {
    let err = |call| move |e: nix::Error| Error::sys(call, format!("{DIR} ({len} bytes)"), e);
    let fd = open(DIR, OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::S_IRUSR | Mode::S_IWUSR)
        .map_err(err("open"))?;
    // Whatever new files of this process may be: an object is its user's, and nobody else's.
    fchmod(&fd, Mode::S_IRUSR | Mode::S_IWUSR).map_err(err("fchmod"))?;
    fallocate(&fd, FallocateFlags::empty(), 0, len as i64).map_err(|e| match e {
        nix::Error::EFBIG => {
            let advice = format!("{e}; allow larger files (`ulimit -f unlimited`)");
            Error::sys("fallocate", format!("{DIR} ({len} bytes)"), std::io::Error::other(advice))
        }
        nix::Error::ENOSPC => {
            let advice = format!("{e}; free some of it (see `df {DIR}` and `ls {DIR}`)");
            Error::sys("fallocate", format!("{DIR} ({len} bytes)"), std::io::Error::other(advice))
        }
        e => err("fallocate")(e),
    })?;
    Ok(File::from(fd))
}

/// Gives an unnamed object its `name` (without a slash). Fails if the name exists.
pub fn link(file: &File, name: &str) -> Result<()> {
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(AT_FDCWD, from.as_str(), AT_FDCWD, format!("{DIR}/{name}").as_str(), AtFlags::AT_SYMLINK_FOLLOW)
        .map_err(|e| Error::sys("linkat", name, e))
}

/// Opens the object `name` (without a slash), and checks that it is a regular file of ours: an object that another
/// user planted under our name is refused.
pub fn open_named(name: &str, writable: bool) -> Result<File> {
    // Without waiting: a FIFO of that name, which anybody can make, would wait for its other end.
    let flags = OFlag::O_NONBLOCK | if writable { OFlag::O_RDWR } else { OFlag::O_RDONLY };
    let fd: OwnedFd =
        shm_open(format!("/{name}").as_str(), flags, Mode::empty()).map_err(|e| Error::sys("shm_open", name, e))?;
    let file = File::from(fd);
    let meta = file.metadata().map_err(|e| Error::sys("fstat", name, e))?;
    if !meta.is_file() || meta.uid() != geteuid().as_raw() {
        return Err(Error::sys("shm_open", name, std::io::Error::from_raw_os_error(libc::EPERM)));
    }
    Ok(file)
}

/// Removes a name; one that is gone already is no error. `name` is a file name in [`DIR`].
pub fn unlink(name: &str) -> Result<()> {
    match shm_unlink(format!("/{name}").as_str()) {
        Ok(()) | Err(nix::Error::ENOENT) => Ok(()),
        Err(e) => Err(Error::sys("shm_unlink", name, e)),
    }
}

/// A mapping, guarded against being cut short (see [`super::sigbus`]).
#[derive(Debug)]
pub struct Mapping {
    // In front of the map: it is dropped first.
    guard: Guard,
    map: MmapRaw,
}

impl Mapping {
    /// Its first byte.
    #[inline]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// Its bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether its object was truncated, in a process that survives that.
    pub fn lost(&self) -> bool {
        self.guard.lost()
    }
}

/// Maps `len` bytes of `file` from `offset`, shared. `writable` needs a file that was opened so.
pub fn map(file: &File, offset: u64, len: usize, writable: bool, name: &str) -> Result<Mapping> {
    let mut options = MmapOptions::new();
    options.offset(offset).len(len);
    let mapped = if writable { options.map_raw(file) } else { options.map_raw_read_only(file) };
    let map = mapped.map_err(|e| Error::sys("mmap", name, e))?;
    Ok(Mapping { guard: Guard::new(map.as_mut_ptr() as usize, map.len(), name), map })
}

/// Makes `len` bytes of `map` from `offset` read-only for this process. Both are whole pages.
pub fn protect(map: &Mapping, offset: usize, len: usize, name: &str) -> Result<()> {
    assert!(offset.is_multiple_of(4096) && offset + len <= map.len());
    let start = map.as_mut_ptr().wrapping_add(offset);
    let address =
        std::ptr::NonNull::new(start.cast()).ok_or_else(|| Error::sys("mprotect", name, nix::Error::EFAULT))?;
    // SAFETY: whole pages of a live mapping of ours. A store to them ends the process from here on, and changes nothing.
    unsafe { nix::sys::mman::mprotect(address, len, nix::sys::mman::ProtFlags::PROT_READ) }
        .map_err(|e| Error::sys("mprotect", name, e))
}

/// Keeps `map` from the copies of this process that `fork` makes: they die of touching it. So nothing that such a copy has of this
/// process's handles can write through it, while this process does or after it was reaped. (What `clone` or `vfork` makes by other
/// ways than `fork` has a hole there, in which anything may come to lie; who calls them answers for that.)
pub fn keep_from_forks(map: &Mapping, name: &str) -> Result<()> {
    // First, so that at no moment a copy would have a hole without a fence.
    map.guard.fence_in_forks(name)?;
    let address = std::ptr::NonNull::new(map.as_mut_ptr().cast())
        .ok_or_else(|| Error::sys("madvise", name, nix::Error::EFAULT))?;
    // SAFETY: the range is exactly a live mapping of ours, and stays as it is in this process.
    unsafe { nix::sys::mman::madvise(address, map.len(), MmapAdvise::MADV_DONTFORK) }
        .map_err(|e| Error::sys("madvise", name, e))
}

/// Makes every page of `map` present now, so that no frame pays for a page fault. Best effort: an old kernel says no.
pub fn prefault(map: &Mapping, writable: bool) {
    let advice = if writable { MmapAdvise::MADV_POPULATE_WRITE } else { MmapAdvise::MADV_POPULATE_READ };
    if let Some(address) = std::ptr::NonNull::new(map.as_mut_ptr().cast()) {
        // SAFETY: the range is exactly a live mapping of ours, and populating it changes no content.
        let _ = unsafe { nix::sys::mman::madvise(address, map.len(), advice) };
    }
}

/// Types made of atomics alone, for [`page_ref`]. [`crate::shared_words!`] makes them.
///
/// # Safety
///
/// Every bit pattern is a value of the type, and it may change at any time under a shared reference.
pub unsafe trait SharedWords {}

// SAFETY: an atomic integer is just that.
unsafe impl SharedWords for std::sync::atomic::AtomicU64 {}
// SAFETY: as above.
unsafe impl SharedWords for std::sync::atomic::AtomicU32 {}
// SAFETY: many of them are no different.
unsafe impl<T: SharedWords, const N: usize> SharedWords for [T; N] {}
// SAFETY: as above; padding, if there is any, holds no value.
unsafe impl<A: SharedWords, B: SharedWords> SharedWords for (A, B) {}
// SAFETY: no bytes at all.
unsafe impl<T> SharedWords for std::marker::PhantomData<T> {}

/// Says of a struct all of whose fields are [`SharedWords`] that it is, too; of one with another field this does not compile.
#[macro_export]
macro_rules! shared_words {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$doc:meta])* $field_vis:vis $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])* $vis struct $name {
            $($(#[$doc])* $field_vis $field: $type,)*
        }
        // SAFETY: each field is, by the bounds.
        unsafe impl $crate::sys::shm::SharedWords for $name where $($type: $crate::sys::shm::SharedWords,)* {}
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident<$param:ident> {
        $($(#[$doc:meta])* $field_vis:vis $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])* $vis struct $name<$param> {
            $($(#[$doc])* $field_vis $field: $type,)*
        }
        // SAFETY: each field is, by the bounds.
        unsafe impl<$param> $crate::sys::shm::SharedWords for $name<$param> where $($type: $crate::sys::shm::SharedWords,)* {}
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident($field_vis:vis $type:ty);) => {
        $(#[$meta])* $vis struct $name($field_vis $type);
        // SAFETY: its field is, by the bound.
        unsafe impl $crate::sys::shm::SharedWords for $name where $type: $crate::sys::shm::SharedWords {}
    };
}

/// Atomics at `offset` of a mapping. Through a read-only mapping nothing may be stored: the process would die of SIGSEGV.
pub fn page_ref<T: SharedWords>(map: &Mapping, offset: usize) -> &T {
    assert!(offset.is_multiple_of(align_of::<T>()) && offset + size_of::<T>() <= map.len());
    // SAFETY: in bounds and aligned, just checked (the mapping itself is page-aligned); T is made of atomics, valid
    // with any content and under concurrent change; the borrow keeps the mapping alive.
    unsafe { &*map.as_mut_ptr().cast_const().byte_add(offset).cast::<T>() }
}
