//! What the stage's processes share: the program's words, its semaphores, and a hall with a desk for each process, where it
//! is told what to do and says what came of it.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use tricine_channel::error::Result;
use tricine_channel::shared_words;
use tricine_channel::sys::semaphore::Semaphore;
use tricine_channel::sys::shm::{self, Mapping};
use tricine_lab::lang::{MOST_EXPECTED, MOST_PROCESSES, Program};

/// Private values of a process: as many as the language allows, and more.
pub(super) const LOCALS: usize = 32;
/// Stores that wait in a process's buffer, with `memory tso`.
pub(super) const BUFFER: usize = 3;
/// As many words as the language allows.
const WORDS: usize = 48;
const ROOMS: usize = 4;
/// Bytes of a fault's text.
const SAID: usize = 256;

shared_words! {
    /// One process's place.
    pub(super) struct Desk {
        /// The number of the last order; a change is what the process waits for.
        pub(super) go: AtomicU32,
        /// The number of the last order that was carried out.
        pub(super) done: AtomicU32,
        pub(super) order: AtomicU32,
        pub(super) outcome: AtomicU32,
        pub(super) pc: AtomicU32,
        pub(super) buffered: AtomicU32,
        /// How often it entered the kernel for a semaphore.
        pub(super) entries: AtomicU64,
        pub(super) locals: [AtomicU64; LOCALS],
        /// Word and value, oldest first.
        pub(super) buffer: [(AtomicU64, AtomicU64); BUFFER],
        said: [AtomicU64; SAID / 8],
    }
}

shared_words! {
    /// All desks, and what all of them use.
    pub(super) struct Hall {
        /// Opens for all at once when they run freely: the number of the run.
        pub(super) gate: AtomicU32,
        /// When the run begins, in ns on CLOCK_MONOTONIC.
        pub(super) start_ns: AtomicU64,
        /// Those who stand at the gate.
        pub(super) ready: AtomicU32,
        /// The last frame shown.
        pub(super) shown: AtomicU64,
        /// Who is in which room, one bit each.
        pub(super) rooms: [AtomicU64; ROOMS],
        /// What each process has done of what it has to do itself, when they run freely.
        pub(super) shares: [AtomicU64; MOST_EXPECTED],
        /// 1 while a process that runs freely changes a word that is asked about.
        pub(super) watched: AtomicU32,
        pub(super) desks: [Desk; MOST_PROCESSES],
    }
}

impl Desk {
    /// Says what went wrong.
    pub(super) fn say(&self, text: &str) {
        let mut bytes = [0; SAID];
        let len = text.len().min(SAID);
        bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        for (word, chunk) in self.said.iter().zip(bytes.chunks_exact(8)) {
            word.store(u64::from_le_bytes(chunk.try_into().unwrap_or_default()), Relaxed);
        }
    }

    /// What it said went wrong.
    pub(super) fn said(&self) -> String {
        let bytes: Vec<u8> = self.said.iter().flat_map(|w| w.load(Relaxed).to_le_bytes()).collect();
        String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
    }
}

/// A semaphore, and its bytes.
#[derive(Debug)]
pub(super) struct Bell {
    pub(super) semaphore: Semaphore,
    bytes: Mapping,
}

impl Bell {
    fn open(name: &str) -> Result<Self> {
        let file = shm::open_named(&format!("sem.{name}"), true)?;
        let bytes = shm::map(&file, 0, size_of::<AtomicU64>(), true, name)?;
        Ok(Self { semaphore: Semaphore::open(name)?, bytes })
    }

    /// glibc's word: the value in its lower half, the number of sleepers in its upper.
    fn word(&self) -> &AtomicU64 {
        shm::page_ref(&self.bytes, 0)
    }

    pub(super) fn tokens(&self) -> i64 {
        (self.word().load(SeqCst) & u64::from(u32::MAX)) as i64
    }

    /// Sleepers, the dead among them included.
    pub(super) fn sleepers(&self) -> usize {
        (self.word().load(SeqCst) >> 32) as usize
    }

    /// The bytes as they lie in /dev/shm.
    pub(super) fn raw(&self) -> u64 {
        self.word().load(SeqCst)
    }

    /// As it was made. Nobody may be at it.
    pub(super) fn reset(&self, tokens: i64) {
        self.word().store(tokens as u64, SeqCst);
    }
}

/// Everything shared, open in this process.
#[derive(Debug)]
pub(super) struct Board {
    words: Mapping,
    hall: Mapping,
    pub(super) bells: Vec<Bell>,
}

/// The names of a program's objects in a session.
pub(super) struct Names {
    pub(super) words: String,
    pub(super) hall: String,
    pub(super) bells: Vec<String>,
}

impl Names {
    pub(super) fn of(session: &str, program: &Program) -> Self {
        let name = |of: &str| format!("tricine.{session}.lab.{of}");
        let bells = program.semaphores.iter().map(|s| name(&s.0)).collect();
        // No name of the language holds a dash.
        Self { words: name("the-words"), hall: name("the-hall"), bells }
    }

    /// Removes them all.
    pub(super) fn unlink(&self) -> Result<()> {
        self.bells.iter().try_for_each(|b| Semaphore::unlink(b))?;
        shm::unlink(&self.words)?;
        shm::unlink(&self.hall)
    }
}

impl Board {
    /// Makes everything, as the program says it begins.
    pub(super) fn create(names: &Names, program: &Program) -> Result<Self> {
        for (name, (_, tokens)) in names.bells.iter().zip(&program.semaphores) {
            Semaphore::create(name, u32::try_from(*tokens).unwrap_or(0))?;
        }
        shm::link(&shm::create_unnamed((WORDS * 8) as u64)?, &names.words)?;
        shm::link(&shm::create_unnamed(size_of::<Hall>() as u64)?, &names.hall)?;
        let board = Self::open(names)?;
        board.reset(program);
        Ok(board)
    }

    pub(super) fn open(names: &Names) -> Result<Self> {
        let map = |name: &str, len| shm::map(&shm::open_named(name, true)?, 0, len, true, name);
        let bells = names.bells.iter().map(|b| Bell::open(b)).collect::<Result<_>>()?;
        Ok(Self { words: map(&names.words, WORDS * 8)?, hall: map(&names.hall, size_of::<Hall>())?, bells })
    }

    pub(super) fn words(&self) -> &[AtomicU64; WORDS] {
        shm::page_ref(&self.words, 0)
    }

    pub(super) fn hall(&self) -> &Hall {
        shm::page_ref(&self.hall, 0)
    }

    pub(super) fn desk(&self, who: usize) -> &Desk {
        &self.hall().desks[who]
    }

    /// As the program says it begins. Nobody may be at a semaphore.
    pub(super) fn reset(&self, program: &Program) {
        for (word, (_, value)) in self.words().iter().zip(&program.words) {
            word.store(*value as u64, SeqCst);
        }
        for (bell, (_, tokens)) in self.bells.iter().zip(&program.semaphores) {
            bell.reset(*tokens);
        }
        self.hall().shown.store(0, SeqCst);
        self.hall().rooms.iter().chain(&self.hall().shares).for_each(|r| r.store(0, SeqCst));
        self.hall().watched.store(0, SeqCst);
        self.hall().desks.iter().for_each(|d| d.buffered.store(0, SeqCst));
    }
}
