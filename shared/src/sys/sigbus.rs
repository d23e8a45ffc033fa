//! What happens when shared memory is cut short under its mapping: named shared memory cannot be sealed, and whoever may
//! open an object may truncate it. The kernel then sends SIGBUS to whoever touches what is gone.
//!
//! A process that has said [`exit_on_loss`] ends at once, with a message that names the object and an exit code of its own. One that
//! has said [`survive_loss`], as a supervisor does, goes on: it gets empty memory in the place of what is gone, and
//! [`super::shm::Mapping::lost`] tells.
//!
//! The handler finds the object in a fixed table of atomics; it allocates nothing and takes no lock.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64};

use crate::error::{Error, Result};

/// Mappings that are guarded at a time: far more than a process of a session has. One too many is not guarded.
const PLACES: usize = 256;
const NAME: usize = 120;
/// Bytes of a page.
const PAGE: usize = 4096;
/// The exit code that stands for going on.
const GO_ON: i32 = -1;

/// A guarded mapping. All of it is atomic: a handler may look at any place while another thread takes it or gives it up.
struct Place {
    taken: AtomicBool,
    /// 0 while nothing is guarded here; else the first page's number and the count of pages, see [`pack`]. In one word, so
    /// that a handler never sees the one of this mapping and the other of the next.
    pages: AtomicU64,
    name: [AtomicU8; NAME],
    lost: AtomicBool,
    /// A copy of this process that `fork` makes does not get these pages.
    kept: AtomicBool,
}

static TABLE: [Place; PLACES] = [const {
    Place {
        taken: AtomicBool::new(false),
        pages: AtomicU64::new(0),
        name: [const { AtomicU8::new(0) }; NAME],
        lost: AtomicBool::new(false),
        kept: AtomicBool::new(false),
    }
}; PLACES];

static EXIT_CODE: AtomicI32 = AtomicI32::new(GO_ON);

/// Bits of the count of pages. What is left is enough for the page numbers of 48-bit addresses.
const COUNT_BITS: u32 = 28;

/// `len` bytes from `start` as one word; `None` if they do not fit.
fn pack(start: usize, len: usize) -> Option<u64> {
    let (page, count) = ((start / PAGE) as u64, len.div_ceil(PAGE) as u64);
    (page >> (64 - COUNT_BITS) == 0 && count >> COUNT_BITS == 0).then_some(page << COUNT_BITS | count)
}

/// From where to where, in bytes.
fn unpack(pages: u64) -> std::ops::Range<usize> {
    let (page, count) = ((pages >> COUNT_BITS) as usize, (pages & ((1 << COUNT_BITS) - 1)) as usize);
    page * PAGE..(page + count) * PAGE
}

/// A mapping in the table, as long as this lives.
#[derive(Debug)]
pub(super) struct Guard(Option<usize>);

impl Guard {
    /// Guards the `len` bytes mapped at `start`, which are of the object `name`. The mapping outlives the guard.
    pub(super) fn new(start: usize, len: usize, name: &str) -> Self {
        let Some(pages) = pack(start, len) else { return Self(None) };
        let Some(at) = TABLE.iter().position(|place| !place.taken.swap(true, Acquire)) else { return Self(None) };
        let place = &TABLE[at];
        let bytes = name.bytes().chain(std::iter::repeat(0));
        place.name.iter().zip(bytes).for_each(|(to, byte)| to.store(byte, Relaxed));
        place.lost.store(false, Relaxed);
        place.kept.store(false, Relaxed);
        // Release: pairs with the Acquire in the handler: the name is that of these pages.
        place.pages.store(pages, Release);
        Self(Some(at))
    }

    /// In copies of this process that `fork` makes from now on, nobody can touch these pages, and nothing else takes their place.
    pub(super) fn fence_in_forks(&self, name: &str) -> Result<()> {
        static FENCED: OnceLock<i32> = OnceLock::new();
        // SAFETY: the handler does in a copy only what is allowed there.
        let errno = *FENCED.get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(fence_all)) });
        if errno != 0 {
            return Err(Error::sys("pthread_atfork", name, std::io::Error::from_raw_os_error(errno)));
        }
        let full = || std::io::Error::other(format!("this process has {PLACES} mappings of shared memory already"));
        let at = self.0.ok_or_else(|| Error::sys("pthread_atfork", name, full()))?;
        TABLE[at].kept.store(true, Relaxed);
        Ok(())
    }

    /// Whether the object was truncated, and empty memory stands in its place.
    pub(super) fn lost(&self) -> bool {
        self.0.is_some_and(|at| TABLE[at].lost.load(Relaxed))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(at) = self.0 {
            TABLE[at].pages.store(0, Release);
            TABLE[at].taken.store(false, Release);
        }
    }
}

/// In a copy that `fork` has made: in the place of each mapping that the copy is not to have stands memory that nobody may touch.
extern "C" fn fence_all() {
    // The copy has this one thread. A mapping that another thread was just taking or giving up belongs to no handle of the copy's.
    for place in TABLE.iter().filter(|place| place.kept.load(Relaxed)) {
        let pages = unpack(place.pages.load(Relaxed));
        if !pages.is_empty() {
            let flags = libc::MAP_FIXED | libc::MAP_ANONYMOUS | libc::MAP_PRIVATE | libc::MAP_NORESERVE;
            // SAFETY: mmap is allowed here. The range was a mapping of ours in the process that was copied; here it is a hole, or
            // that mapping still. Nothing else has got there, since handlers run before fork returns, and this one allocates nothing.
            unsafe { libc::mmap(pages.start as *mut _, pages.len(), libc::PROT_NONE, flags, -1, 0) };
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
    // SAFETY: the kernel passes a valid siginfo. Only a BUS_ADRERR of the kernel's has an address; what somebody sends has none.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    // Acquire: pairs with the Release in Guard::new. The interrupted thread uses the mapping that it has touched, so nobody drops
    // that meanwhile, and its place stays as it is; no other one has the address, since a place is given up before its pages are.
    let touched = |place: &&Place| unpack(place.pages.load(Acquire)).contains(&address);
    let place = TABLE.iter().find(touched).filter(|_| code == libc::BUS_ADRERR);
    let Some(place) = place else {
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
    // From the page that is gone to the mapping's end: an object is cut at its end, so all of that is gone.
    let from = address & !(PAGE - 1);
    let len = unpack(place.pages.load(Relaxed)).end.saturating_sub(from);
    let flags = libc::MAP_FIXED | libc::MAP_ANONYMOUS | libc::MAP_PRIVATE;
    // SAFETY: replaces pages of a live mapping of ours that exist no more, and no others: whoever cut the object has changed their
    // content, which any process of this user can. What is mapped read-only is only read.
    let map = unsafe { libc::mmap(from as *mut _, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if map == libc::MAP_FAILED {
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
        return;
    }
    place.lost.store(true, Relaxed);
}

/// Says which object it was, in the form of a line of a log.
fn say(place: &Place) {
    let name = place.name.each_ref().map(|byte| byte.load(Relaxed));
    let len = name.iter().position(|&b| b == 0).unwrap_or(NAME);
    for part in [b"ERROR ".as_slice(), &name[..len], b": truncated by another program\n"] {
        // SAFETY: write of valid bytes, allowed in a signal handler. Nobody to tell it to is as good as told.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    use super::*;
    use crate::channel::{Acquired, Name, Producer, Region, Spec};
    use crate::meta::Len;
    use crate::time::Deadline;

    /// How a copy of this process ends that does `what`.
    fn copy(what: impl FnOnce()) -> WaitStatus {
        // SAFETY: the copy takes no lock that another thread may hold; glibc makes malloc usable in it.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                what();
                // SAFETY: never returns.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => waitpid(child, None).unwrap(),
        }
    }

    #[test]
    fn a_copy_of_a_producer_dies_of_writing_and_ends_well_without() {
        let name = Name::new(format!("forks-{}", std::process::id()), 0);
        let region = Region::create(&name, &Spec::fifo::<Len>(3 << 20)).unwrap();
        let mut producer = Producer::<Len>::attach(&region).unwrap();
        name.unlink().unwrap();
        let Acquired::Slot(mut slot) = producer.acquire(Deadline::NOW).unwrap() else { panic!("no slot") };
        let died = copy(|| {
            // Where there is a hole, this would come to lie in it.
            let filled: Vec<Vec<u8>> = (0..16).map(|_| vec![1; 3 << 20]).collect();
            slot.payload().fill(0xee);
            std::hint::black_box(filled);
        });
        assert!(matches!(died, WaitStatus::Signaled(_, Signal::SIGSEGV, _)), "{died:?}");
        let mut producer = Some(producer);
        let ended = copy(|| drop(producer.take()));
        assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
        // It was not the copy's to give back.
        assert!(Producer::<Len>::attach(&region).is_err());
        drop(producer);
        Producer::<Len>::attach(&region).unwrap();
    }

    #[test]
    fn pages_are_one_word_and_what_does_not_fit_is_not_guarded() {
        for (start, len, end) in
            [(PAGE, 1, 2 * PAGE), (0x7fff_ffff_f000, PAGE, 0x8000_0000_0000), (7 * PAGE, 3 * PAGE, 10 * PAGE)]
        {
            assert_eq!(unpack(pack(start, len).unwrap()), start..end);
        }
        assert!(pack(1 << 48, PAGE).is_none() && pack(PAGE, PAGE << COUNT_BITS).is_none());
        assert!(unpack(0).is_empty());
    }
}
