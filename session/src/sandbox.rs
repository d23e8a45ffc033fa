//! What a role that reads other people's bytes may still do, once it has what it needs: its own computing, memory within a limit, threads, what it
//! has open already, and the session's objects in /dev/shm. Whoever takes it over by a broken film gets no more than that.
//!
//! Three walls, each on its own; a kernel that lacks one still has the others:
//!
//! - *limits*: no core file, no growth of any file, a limit on memory;
//! - *Landlock*: no file is opened but those that are named here, no network by TCP, no signal to other processes;
//! - *seccomp*: a call that such a role never makes ends it with SIGSYS, which its obituary names: to execute, to make a process or a
//!   socket, to trace, to run memory that it has written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope,
};
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use tricine_channel::sys::shm;

use crate::error::{Error, Result};
use crate::link::InputSpec;

/// The newest version of Landlock whose rights are used here.
const LANDLOCK: ABI = ABI::V6;

/// What keeps the process in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walls {
    /// Whether Landlock is in force, at least with what this kernel knows of it.
    pub landlock: bool,
    /// Whether seccomp is.
    pub seccomp: bool,
}

impl std::fmt::Display for Walls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |there, word| if there { word } else { "" };
        let comma = word(self.landlock && self.seccomp, ", ");
        write!(f, "limits, {}{comma}{}", word(self.landlock, "Landlock"), word(self.seccomp, "seccomp"))?;
        match (self.landlock, self.seccomp) {
            (true, true) => Ok(()),
            (false, true) => f.write_str(" (this kernel has no Landlock: files can be opened by name)"),
            (true, false) => f.write_str(" (this kernel has no seccomp)"),
            (false, false) => f.write_str("no more (this kernel has neither Landlock nor seccomp)"),
        }
    }
}

/// Confines this process, for good. To be called while it has one thread, since the walls are this thread's and those of threads that it
/// starts. `memory` is the limit on its own memory, in bytes; shared memory does not count.
///
/// Errors: a limit or a wall that this kernel has cannot be set.
pub fn confine(input: &InputSpec, memory: u64) -> Result<Walls> {
    for (resource, limit) in [(Resource::RLIMIT_CORE, 0), (Resource::RLIMIT_FSIZE, 0), (Resource::RLIMIT_DATA, memory)]
    {
        lower(resource, limit).map_err(|e| Error::sys("setrlimit", format!("{resource:?}"), e))?;
    }
    let landlock = landlock(input).map_err(|e| Error::sys("landlock", "the sandbox", std::io::Error::other(e)))?;
    let seccomp = match seccomp() {
        Ok(()) => true,
        // A kernel without it, or a container that has it switched off.
        Err(seccompiler::Error::Prctl(_) | seccompiler::Error::Seccomp(_)) => false,
        Err(e) => return Err(Error::sys("seccomp", "the sandbox", std::io::Error::other(e))),
    };
    Ok(Walls { landlock, seccomp })
}

/// Sets a limit, unless it is lower already.
fn lower(resource: Resource, limit: u64) -> nix::Result<()> {
    let (soft, hard) = getrlimit(resource)?;
    setrlimit(resource, soft.min(limit), hard.min(limit))
}

/// The session's objects may be read and written; the folders of pictures that are named, read.
fn landlock(input: &InputSpec) -> std::result::Result<bool, landlock::RulesetError> {
    let mut files: Vec<(PathBuf, _)> = vec![(shm::DIR.into(), AccessFs::ReadFile | AccessFs::WriteFile)];
    if let InputSpec::Images(images) = input {
        let folders: BTreeSet<&Path> = images.iter().filter_map(|image| image.as_path().parent()).collect();
        files.extend(folders.into_iter().map(|folder| (folder.to_owned(), AccessFs::ReadFile.into())));
    }
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    for (path, access) in files {
        // What is not there needs no permission.
        if let Ok(folder) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(folder, access))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

/// Calls that the role never makes, whatever film it reads.
fn forbidden() -> Vec<i64> {
    let mut calls = vec![
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_kill,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([libc::SYS_fork, libc::SYS_vfork]);
    calls
}

fn seccomp() -> std::result::Result<(), seccompiler::Error> {
    let masked = |argument, mask: u64, value| {
        let op = SeccompCmpOp::MaskedEq(mask);
        Ok::<_, seccompiler::Error>(vec![SeccompRule::new(vec![SeccompCondition::new(
            argument,
            SeccompCmpArgLen::Dword,
            op,
            value,
        )?])?])
    };
    let exec = libc::PROT_EXEC as u64;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = forbidden().into_iter().map(|call| (call, Vec::new())).collect();
    // Threads, but no processes.
    rules.insert(libc::SYS_clone, masked(0, libc::CLONE_THREAD as u64, 0)?);
    // Code is what was there at the start.
    rules.insert(libc::SYS_mprotect, masked(2, exec, exec)?);
    rules.insert(libc::SYS_mmap, masked(2, exec, exec)?);
    // Its arguments lie in memory, which a filter cannot read. Without it, libraries use clone.
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    for (rules, action) in [(clone3, SeccompAction::Errno(libc::ENOSYS as u32)), (rules, SeccompAction::KillProcess)] {
        let arch = std::env::consts::ARCH.try_into()?;
        let program: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()?;
        apply_filter(&program)?;
    }
    Ok(())
}
