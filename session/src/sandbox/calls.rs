//! Which system calls a confined process may make: a list of what is allowed. Any other call ends it by SIGSYS.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BpfProgram, Error, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, apply_filter};

use super::Reach;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that reach nothing but the process itself and what it has open.
const FREE: &[i64] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_munmap,
    // Threads, and what each has.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    // Time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    // What is open.
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    // Sockets that are there.
    libc::SYS_eventfd2,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_pipe2,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    // What everybody may know.
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// Calls by which files that are open become other ones, and new ones are made that have no name.
const WRITES: &[i64] = &[libc::SYS_fallocate, libc::SYS_ftruncate, libc::SYS_memfd_create, libc::SYS_pwrite64];

/// Calls by a path. They are refused, and the process lives: libraries look for files that they can do without.
const BY_PATH: &[i64] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_openat,
    libc::SYS_readlinkat,
    libc::SYS_statfs,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
];

/// Calls without which libraries do otherwise. The arguments of `clone3` lie in memory, which a filter cannot read. By `mremap` a page that
/// is shared could be made to take in those beside it, which are another's.
const ABSENT: &[i64] = &[libc::SYS_clone3, libc::SYS_mremap];

/// What `fcntl` may do: nothing by which a process gets signals sent.
const FCNTL: &[libc::c_int] = &[
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_ADD_SEALS,
    libc::F_GET_SEALS,
];

/// What `ioctl` may do: questions, and not to block. Not to type into a terminal.
const IOCTL: &[libc::Ioctl] = &[libc::FIONBIO, libc::FIONREAD, libc::TCGETS, libc::TIOCGWINSZ];

/// What `prctl` may do: names, of the thread and of memory.
const PRCTL: &[libc::c_int] = &[libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];

/// Puts this thread and those that it starts under the rules.
pub(super) fn restrict(reach: &Reach) -> Result<(), Error> {
    let arch = std::env::consts::ARCH.try_into()?;
    let refused = |errno| SeccompAction::Errno(errno as u32);
    let others = SeccompAction::Allow;
    let absent = ABSENT.iter().map(|&call| (call, Vec::new())).collect();
    // The strictest filter counts. The list comes last, since it forbids to add another.
    let mut filters = vec![SeccompFilter::new(absent, others.clone(), refused(libc::ENOSYS), arch)?];
    if !reach.by_name() {
        filters.push(SeccompFilter::new(by_path()?, others.clone(), refused(libc::EACCES), arch)?);
    }
    filters.push(SeccompFilter::new(allowed(reach)?, SeccompAction::Trap, others, arch)?);
    for filter in filters {
        let program: BpfProgram = filter.try_into()?;
        apply_filter(&program)?;
    }
    Ok(())
}

/// Where the argument number `argument`, of which only the bits of `mask` count, is `value`.
fn where_masked(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, Error> {
    where_all(&[(argument, mask, value)])
}

/// Where the 32 bits of the argument number `argument` are one of `values`.
fn where_one_of(argument: u8, values: impl IntoIterator<Item = u64>) -> Result<Vec<SeccompRule>, Error> {
    let is = |value| Ok(SeccompRule::new(vec![SeccompCondition::new(argument, Dword, Eq, value)?])?);
    values.into_iter().map(is).collect()
}

/// Where all of these hold: the bits of a mask in an argument are a value.
fn where_all(conditions: &[(u8, u64, u64)]) -> Result<SeccompRule, Error> {
    let one = |&(argument, mask, value)| SeccompCondition::new(argument, Qword, MaskedEq(mask), value);
    Ok(SeccompRule::new(conditions.iter().map(one).collect::<Result<_, _>>()?)?)
}

fn by_path() -> Result<Rules, Error> {
    let mut rules: Rules = BY_PATH.iter().map(|&call| (call, Vec::new())).collect();
    // With this flag they can ask about a descriptor; without it, about a path.
    let of_descriptor = libc::AT_EMPTY_PATH as u64;
    rules.insert(libc::SYS_newfstatat, vec![where_masked(3, of_descriptor, 0)?]);
    rules.insert(libc::SYS_statx, vec![where_masked(2, of_descriptor, 0)?]);
    Ok(rules)
}

fn allowed(reach: &Reach) -> Result<Rules, Error> {
    let also = [libc::SYS_newfstatat, libc::SYS_statx];
    let mut rules: Rules = [FREE, BY_PATH, ABSENT, &also].concat().into_iter().map(|call| (call, Vec::new())).collect();
    // Code is what was there at the start.
    let exec = libc::PROT_EXEC as u64;
    // New memory that is shared, or grows as a stack does, does not count by the limit on memory.
    let [shared, anonymous, grows] =
        [libc::MAP_SHARED, libc::MAP_ANONYMOUS, libc::MAP_GROWSDOWN].map(|flag| flag as u64);
    let counted = |flag| where_all(&[(2, exec, 0), (3, flag | grows, 0)]);
    rules.insert(libc::SYS_mmap, vec![counted(shared)?, counted(anonymous)?]);
    rules.insert(libc::SYS_mprotect, vec![where_masked(2, exec, 0)?]);
    // Threads, but no processes.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![where_masked(0, thread, thread)?]);
    // Signals and limits are this process's own: a panic and a failed assertion end it by SIGABRT.
    rules.insert(libc::SYS_tgkill, where_one_of(0, [u64::from(std::process::id())])?);
    rules.insert(libc::SYS_prlimit64, where_one_of(0, [0])?);
    rules.insert(libc::SYS_prctl, where_one_of(0, PRCTL.iter().map(|&what| what as u64))?);
    rules.insert(libc::SYS_fcntl, where_one_of(1, FCNTL.iter().map(|&what| what as u64))?);
    rules.insert(libc::SYS_ioctl, where_one_of(1, IOCTL.iter().copied())?);
    // A pair that is connected reaches nobody else; by one of datagrams, anybody can be written to.
    let (family, kind, any) = (libc::AF_UNIX as u64, 0xf, u64::from(u32::MAX));
    let connected = |of: libc::c_int| where_all(&[(0, any, family), (1, kind, of as u64)]);
    rules.insert(libc::SYS_socketpair, vec![connected(libc::SOCK_STREAM)?, connected(libc::SOCK_SEQPACKET)?]);
    if !reach.only_reads() {
        rules.extend(WRITES.iter().map(|&call| (call, Vec::new())));
    }
    if !reach.fonts.is_empty() {
        rules.insert(libc::SYS_getdents64, Vec::new());
    }
    Ok(rules)
}

/// What a call is called, of those that somebody might try.
pub(super) fn name(call: i64) -> Option<&'static str> {
    let names = [
        (libc::SYS_bpf, "bpf"),
        (libc::SYS_chdir, "chdir"),
        (libc::SYS_chroot, "chroot"),
        (libc::SYS_clone, "clone"),
        (libc::SYS_connect, "connect"),
        (libc::SYS_execve, "execve"),
        (libc::SYS_execveat, "execveat"),
        (libc::SYS_io_uring_setup, "io_uring_setup"),
        (libc::SYS_kill, "kill"),
        (libc::SYS_linkat, "linkat"),
        (libc::SYS_mknodat, "mknodat"),
        (libc::SYS_mmap, "mmap"),
        (libc::SYS_mount, "mount"),
        (libc::SYS_mprotect, "mprotect"),
        (libc::SYS_openat, "openat"),
        (libc::SYS_pidfd_open, "pidfd_open"),
        (libc::SYS_prctl, "prctl"),
        (libc::SYS_process_vm_readv, "process_vm_readv"),
        (libc::SYS_ptrace, "ptrace"),
        (libc::SYS_setsid, "setsid"),
        (libc::SYS_setuid, "setuid"),
        (libc::SYS_socket, "socket"),
        (libc::SYS_tgkill, "tgkill"),
        (libc::SYS_unlinkat, "unlinkat"),
        (libc::SYS_unshare, "unshare"),
    ];
    names.into_iter().find(|(number, _)| *number == call).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By each of these something could be reached that is not the process's own, or the rules be got round.
    const NEVER: &[i64] = &[
        libc::SYS_add_key,
        libc::SYS_bpf,
        libc::SYS_capset,
        libc::SYS_chdir,
        libc::SYS_clone3,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_fanotify_init,
        libc::SYS_fsopen,
        libc::SYS_inotify_init1,
        libc::SYS_io_setup,
        libc::SYS_io_uring_setup,
        libc::SYS_kcmp,
        libc::SYS_keyctl,
        libc::SYS_kill,
        libc::SYS_linkat,
        libc::SYS_memfd_secret,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_mount,
        libc::SYS_move_mount,
        libc::SYS_mremap,
        libc::SYS_open_by_handle_at,
        libc::SYS_open_tree,
        libc::SYS_openat2,
        libc::SYS_perf_event_open,
        libc::SYS_personality,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_send_signal,
        libc::SYS_process_madvise,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_renameat2,
        libc::SYS_request_key,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_seccomp,
        libc::SYS_setns,
        libc::SYS_setsid,
        libc::SYS_shmget,
        libc::SYS_splice,
        libc::SYS_symlinkat,
        libc::SYS_tkill,
        libc::SYS_unlinkat,
        libc::SYS_unshare,
        libc::SYS_userfaultfd,
        libc::SYS_vmsplice,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept4,
        libc::SYS_connect,
        libc::SYS_socket,
    ];

    #[test]
    fn no_role_may_make_a_call_that_reaches_beyond_it() {
        let everything = Reach {
            reads: vec!["/picture".into()],
            fonts: vec!["/fonts".into()],
            writes: vec!["/tmp".into()],
            memory: None,
        };
        for reach in [Reach::default(), everything] {
            let rules = allowed(&reach).unwrap();
            let reached = |call: &&i64| rules.contains_key(call) && !ABSENT.contains(call);
            let found: Vec<&i64> = NEVER.iter().filter(reached).collect();
            assert!(found.is_empty(), "{found:?}");
        }
        // Who reads what others wrote changes no file that is open, such as a channel's, either.
        let rules = allowed(&Reach { memory: Some((1, 1)), ..Reach::default() }).unwrap();
        assert!(WRITES.iter().all(|call| !rules.contains_key(call)));
    }
}
