//! Real memory and real semaphores as what a step acts on: the same step as the model's.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use tricine_channel::time::Deadline;
use tricine_lab::lang::{Expect, Memory, Of};
use tricine_lab::machine::{Fault, World, judge};

use super::board::{BUFFER, Board, Desk};
use super::watch::Watch;

/// How the stores of `memory tso` come to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stores {
    /// They do not: every store is seen at once.
    Direct,
    /// In a buffer at the desk, which a learner empties: the processor's own cannot be stopped.
    AtTheDesk,
    /// In the processor's own.
    InTheProcessor,
}

impl Stores {
    pub(super) fn of(memory: Memory, freely: bool) -> Self {
        match (memory, freely) {
            (Memory::Sequential, _) => Self::Direct,
            (Memory::Tso, false) => Self::AtTheDesk,
            (Memory::Tso, true) => Self::InTheProcessor,
        }
    }
}

/// The world of one process, or of recovery.
pub(super) struct Real<'a> {
    pub(super) board: &'a Board,
    /// The process; `None` for recovery, which never sleeps and whose stores are seen at once.
    pub(super) who: Option<usize>,
    pub(super) expect: Option<Expect>,
    pub(super) stores: Stores,
    /// Asked about what is changed, while everybody runs freely.
    pub(super) watch: Option<Watch<'a>>,
}

impl Real<'_> {
    fn desk(&self) -> Option<&Desk> {
        self.who.map(|i| self.board.desk(i))
    }

    fn entered(&self) {
        if let Some(desk) = self.desk() {
            desk.entries.fetch_add(1, Relaxed);
        }
    }

    /// Changes a word in memory.
    fn changes(&mut self, word: usize, change: impl FnOnce(&AtomicU64) -> u64) -> i64 {
        let gives = match &mut self.watch {
            Some(watch) => watch.changes(word, change),
            None => change(&self.board.words()[word]),
        };
        gives as i64
    }

    /// Bit of this process in a room.
    fn bit(&self) -> u64 {
        1 << self.who.unwrap_or(63)
    }
}

/// The oldest store in a desk's buffer reaches memory. Whether there was one.
pub(super) fn flush(board: &Board, desk: &Desk) -> bool {
    let waiting = desk.buffered.load(SeqCst) as usize;
    if waiting == 0 {
        return false;
    }
    let (word, value) = (desk.buffer[0].0.load(SeqCst), desk.buffer[0].1.load(SeqCst));
    if let Some(word) = board.words().get(word as usize) {
        word.store(value, SeqCst);
    }
    for k in 1..waiting.min(BUFFER) {
        desk.buffer[k - 1].0.store(desk.buffer[k].0.load(SeqCst), SeqCst);
        desk.buffer[k - 1].1.store(desk.buffer[k].1.load(SeqCst), SeqCst);
    }
    desk.buffered.fetch_sub(1, SeqCst);
    true
}

impl World for Real<'_> {
    fn load(&mut self, word: usize) -> i64 {
        if let (Stores::AtTheDesk, Some(desk)) = (self.stores, self.desk()) {
            let waiting = (desk.buffered.load(SeqCst) as usize).min(BUFFER);
            let own = desk.buffer[..waiting].iter().rev().find(|b| b.0.load(SeqCst) == word as u64);
            if let Some(own) = own {
                return own.1.load(SeqCst) as i64;
            }
        }
        let order = if self.stores == Stores::InTheProcessor { Relaxed } else { SeqCst };
        self.board.words()[word].load(order) as i64
    }

    fn store(&mut self, word: usize, value: i64) {
        match (self.stores, self.desk()) {
            (Stores::AtTheDesk, Some(desk)) => {
                // The stage lets nobody store whose buffer is full.
                let at = (desk.buffered.load(SeqCst) as usize).min(BUFFER - 1);
                desk.buffer[at].0.store(word as u64, SeqCst);
                desk.buffer[at].1.store(value as u64, SeqCst);
                desk.buffered.fetch_add(1, SeqCst);
            }
            // Relaxed: the lesson is about what a plain store does.
            (Stores::InTheProcessor, _) => self.board.words()[word].store(value as u64, Relaxed),
            _ => {
                self.changes(word, |w| {
                    w.store(value as u64, SeqCst);
                    0
                });
            }
        }
    }

    fn cas(&mut self, word: usize, old: i64, new: i64) -> i64 {
        self.changes(word, |w| w.compare_exchange(old as u64, new as u64, SeqCst, SeqCst).unwrap_or_else(|now| now))
    }

    fn swap(&mut self, word: usize, value: i64) -> i64 {
        self.changes(word, |w| w.swap(value as u64, SeqCst))
    }

    fn add(&mut self, word: usize, value: i64) -> i64 {
        self.changes(word, |w| w.fetch_add(value as u64, SeqCst))
    }

    fn fence(&mut self) {
        std::sync::atomic::fence(SeqCst);
    }

    fn wait(&mut self, semaphore: usize) -> bool {
        let bell = &self.board.bells[semaphore];
        if bell.semaphore.try_wait() {
            return true;
        }
        if self.who.is_none() {
            return false;
        }
        self.entered();
        loop {
            match bell.semaphore.wait(Deadline::after(Duration::from_secs(3600))) {
                Ok(true) => return true,
                Ok(false) => {}
                // No futex: nothing can be learned here.
                Err(_) => tricine_channel::sys::process::exit_now(tricine_session::error::EXIT_BROKEN),
            }
        }
    }

    fn try_wait(&mut self, semaphore: usize) -> bool {
        self.board.bells[semaphore].semaphore.try_wait()
    }

    fn post(&mut self, semaphore: usize) -> i64 {
        let bell = &self.board.bells[semaphore];
        if bell.sleepers() > 0 {
            self.entered();
        }
        let before = bell.tokens();
        bell.semaphore.post();
        before + 1
    }

    fn show(&mut self, frame: i64) -> Result<(), Fault> {
        let word = &self.board.hall().shown;
        loop {
            let before = word.load(SeqCst);
            let mut shown = before as i64;
            judge(self.expect, &mut shown, frame)?;
            if word.compare_exchange(before, shown as u64, SeqCst, SeqCst).is_ok() {
                return Ok(());
            }
        }
    }

    fn enter(&mut self, room: usize) -> i64 {
        if let Some(watch) = &self.watch {
            watch.counts(Of::Room(room), 1);
        }
        let inside = self.board.hall().rooms[room].fetch_or(self.bit(), SeqCst) | self.bit();
        i64::from(inside.count_ones())
    }

    fn leave(&mut self, room: usize) {
        self.board.hall().rooms[room].fetch_and(!self.bit(), SeqCst);
    }
}
