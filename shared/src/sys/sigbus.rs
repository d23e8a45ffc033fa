//! What happens when shared memory is cut short under its mapping: named shared memory cannot be sealed, and whoever may
//! open an object may truncate it. The kernel then sends SIGBUS to whoever touches what is gone.
//!
//! A role ends at once, with a message that names the object and an exit code of its own; the supervisor replaces the
//! region. The supervisor itself goes on: it gets empty memory in the place of what is gone, and [`Guard::lost`] tells.
//!
//! The handler finds the object in a fixed table of atomics; it allocates nothing and takes no lock.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize};

use crate::error::{Error, Result};

/// Mappings that are guarded at a time: far more than a process of a session has. One too many is not guarded.
const PLACES: usize = 256;
const NAME: usize = 120;
/// The exit code that stands for going on.
const GO_ON: i32 = -1;

struct Place {
    taken: AtomicBool,
    /// 0 while the rest is being written.
    start: AtomicUsize,
    len: AtomicUsize,
    name: AtomicPtr<[u8; NAME]>,
    lost: AtomicBool,
}

static TABLE: [Place; PLACES] = [const {
    Place {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        name: AtomicPtr::new(std::ptr::null_mut()),
        lost: AtomicBool::new(false),
    }
}; PLACES];

static EXIT_CODE: AtomicI32 = AtomicI32::new(GO_ON);

/// A mapping in the table, as long as this lives.
#[derive(Debug)]
pub struct Guard(Option<usize>);

impl Guard {
    /// Guards the `len` bytes mapped at `start`, which are of the object `name`. The mapping outlives the guard.
    pub(super) fn new(start: usize, len: usize, name: &str) -> Self {
        let Some(at) = TABLE.iter().position(|place| !place.taken.swap(true, Acquire)) else { return Self(None) };
        let place = &TABLE[at];
        // A place keeps its name buffer for ever: a handler on another thread may be reading it.
        if place.name.load(Relaxed).is_null() {
            place.name.store(Box::leak(Box::new([0; NAME])), Relaxed);
        }
        // SAFETY: a leaked box; the place is ours, and the handler reads the name only after it has seen `start`, which
        // is 0 until the bytes are written.
        let buffer = unsafe { &mut *place.name.load(Relaxed) };
        buffer.fill(0);
        let kept = name.len().min(NAME);
        buffer[..kept].copy_from_slice(&name.as_bytes()[..kept]);
        place.lost.store(false, Relaxed);
        place.len.store(len, Relaxed);
        // Release: pairs with the Acquire in the handler.
        place.start.store(start, Release);
        Self(Some(at))
    }

    /// Whether the object was truncated, and empty memory stands in its place.
    pub fn lost(&self) -> bool {
        self.0.is_some_and(|at| TABLE[at].lost.load(Relaxed))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(at) = self.0 {
            TABLE[at].start.store(0, Release);
            TABLE[at].taken.store(false, Release);
        }
    }
}

/// From now on, touching a guarded mapping whose object was truncated ends this process with `code`.
pub fn exit_on_loss(code: i32) -> Result<()> {
    install(code)
}

/// From now on, touching a guarded mapping whose object was truncated finds empty memory and goes on.
pub fn survive_loss() -> Result<()> {
    install(GO_ON)
}

fn install(code: i32) -> Result<()> {
    EXIT_CODE.store(code, Relaxed);
    // SAFETY: a zeroed sigaction is valid, the handler has the signature that SA_SIGINFO asks for, and does only what is
    // allowed in a signal handler.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_sigbus as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut())
    };
    if done != 0 {
        return Err(Error::sys("sigaction", "SIGBUS", std::io::Error::last_os_error()));
    }
    Ok(())
}

extern "C" fn on_sigbus(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo; for SIGBUS it has an address.
    let address = unsafe { (*info).si_addr() } as usize;
    let found = TABLE.iter().find(|place| {
        // Acquire: pairs with the Release in Guard::new: length and name belong to this start.
        let start = place.start.load(Acquire);
        start != 0 && (start..start + place.len.load(Relaxed)).contains(&address)
    });
    let Some(place) = found else {
        // None of ours: the instruction is tried again, and the process dies of it.
        // SAFETY: resetting a signal is allowed here.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
        return;
    };
    let code = EXIT_CODE.load(Relaxed);
    if code != GO_ON {
        say(place);
        // SAFETY: never returns.
        unsafe { libc::_exit(code) };
    }
    let (start, len) = (place.start.load(Relaxed), place.len.load(Relaxed));
    let flags = libc::MAP_FIXED | libc::MAP_ANONYMOUS | libc::MAP_PRIVATE;
    // SAFETY: replaces exactly a live mapping of ours, which is made of atomics or plain bytes, by zeros of the same
    // length; what is mapped read-only is only read.
    let map = unsafe { libc::mmap(start as *mut _, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if map == libc::MAP_FAILED {
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
        return;
    }
    place.lost.store(true, Relaxed);
}

/// Says which object it was, in the form of a line of a role's log.
fn say(place: &Place) {
    // SAFETY: a leaked box, written before `start`.
    let name = unsafe { &*place.name.load(Relaxed) };
    let len = name.iter().position(|&b| b == 0).unwrap_or(NAME);
    for part in [b"ERROR ".as_slice(), &name[..len], b": truncated by another program\n"] {
        // SAFETY: write of valid bytes, allowed in a signal handler. Nobody to tell it to is as good as told.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
}
