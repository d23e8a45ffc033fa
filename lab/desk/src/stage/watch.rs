//! What the search asks after every step, asked while a program runs freely as well: what always has to hold, and what each
//! process does itself. A change of a word that is asked about and the question are one step under a lock, so nothing is missed
//! and nothing is wrong by chance. Every other access runs as it would without.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

use tricine_lab::lang::{Memory, Of, Op, Program};
use tricine_lab::machine::{Fault, broken};

use super::board::Board;

/// How often a process asks for the lock before it lets others run.
const TURNS: u32 = 100;

/// The questions about what one process does.
pub(super) struct Watch<'a> {
    board: &'a Board,
    program: &'a Program,
    who: usize,
    /// The words that are asked about, one bit each.
    words: u64,
    /// What does not hold any more.
    pub(super) broken: Option<Fault>,
}

impl<'a> Watch<'a> {
    /// With `memory tso` there is none: a lock empties the processor's buffer, and the buffer is what the program is about.
    pub(super) fn of(board: &'a Board, program: &'a Program, who: usize) -> Option<Self> {
        let asks = !program.always.is_empty() || program.shares.iter().any(|s| s.who == who);
        let watches = asks && program.memory != Memory::Tso;
        watches.then(|| Self { board, program, who, words: words(program), broken: None })
    }

    /// Changes a word. `change` gives what the step gives.
    pub(super) fn changes(&mut self, word: usize, change: impl FnOnce(&AtomicU64) -> u64) -> u64 {
        let place = &self.board.words()[word];
        if self.words & (1 << word) == 0 {
            return change(place);
        }
        let lock = &self.board.hall().watched;
        let mut turns = 0;
        // Acquire, Release: the words that are asked about change under this lock alone.
        while lock.compare_exchange_weak(0, 1, Acquire, Relaxed).is_err() {
            turns += 1;
            if turns % TURNS == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        let before = place.load(SeqCst) as i64;
        let gives = change(place);
        self.counts(Of::Word(word), place.load(SeqCst) as i64 - before);
        if self.broken.is_none() {
            self.broken = broken(self.program, &|k| self.board.words()[k].load(SeqCst) as i64);
        }
        lock.store(0, Release);
        gives
    }

    /// The process has added so much to a word, or entered a room.
    pub(super) fn counts(&self, of: Of, by: i64) {
        let shares = self.program.shares.iter().enumerate();
        for (k, _) in shares.filter(|(_, s)| s.who == self.who && s.of == of) {
            self.board.hall().shares[k].fetch_add(by as u64, AcqRel);
        }
    }
}

/// The words that anything is asked about.
fn words(p: &Program) -> u64 {
    let conditions = p.always.iter().flat_map(|a| &a.block.ops).filter_map(|op| match op {
        Op::Load(_, place) => Some(place.base..place.base + place.len),
        _ => None,
    });
    let shares = p.shares.iter().filter_map(|s| match s.of {
        Of::Word(k) => Some(k..k + 1),
        Of::Room(_) => None,
    });
    conditions.chain(shares).flatten().fold(0, |bits, k| bits | 1 << k)
}
