//! What a process may do beyond other processes of its user: root's, one by one.

use nix::errno::Errno;

/// To read any file (`CAP_DAC_READ_SEARCH`).
pub const READ_ANY_FILE: u32 = 1 << 2;
/// 64 capabilities in two words of each kind.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Words {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Gives up what this thread may do beyond an ordinary user, but for those of `kept` that it has. Threads that it starts have no more.
///
/// Errors: capget, capset.
pub fn give_up_all_but(kept: u32) -> nix::Result<()> {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut has = [Words::default(); 2];
    // SAFETY: both structures have the kernel's layout of this version, and outlive the call, which writes to them.
    Errno::result(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, has.as_mut_ptr()) })?;
    let left = has[0].permitted & kept;
    let wanted = [Words { effective: left, permitted: left, inheritable: 0 }, Words::default()];
    // SAFETY: as above; the call reads them.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, wanted.as_ptr()) }).map(drop)
}
