//! The state's numbers as what a step acts on.

use super::{Model, State, narrow, wide};
use crate::lang::{Memory, Of};
use crate::machine::{Fault, MOST_TOKENS, World, judge};

/// The model's numbers as a [`World`]. `who` is `None` for recovery, whose stores are seen at once.
pub(super) struct Numbers<'m, 'p> {
    pub(super) model: &'m Model<'p>,
    pub(super) s: &'m mut State,
    pub(super) who: Option<usize>,
}

impl Numbers<'_, '_> {
    /// The word's new value, and whose doing it is. Recovery works in the place of the dead process.
    fn put(&mut self, word: usize, value: i64) {
        self.count(Of::Word(word), value - i64::from(self.s[word]));
        self.s[word] = narrow(value);
    }

    fn count(&mut self, of: Of, by: i64) {
        let who = self.who.or_else(|| wide(self.s[self.model.recovery]).checked_sub(1));
        who.into_iter().for_each(|who| self.model.count(self.s, who, of, by));
    }
}

impl World for Numbers<'_, '_> {
    fn load(&mut self, word: usize) -> i64 {
        let own = self.who.filter(|_| self.model.program.memory == Memory::Tso);
        let buffered = own.and_then(|i| self.model.buffered(self.s, i).into_iter().rev().find(|b| b.0 == word));
        buffered.map_or(i64::from(self.s[word]), |b| b.1)
    }

    fn store(&mut self, word: usize, value: i64) {
        if let Some(at) = self.who.and_then(|i| self.model.buffer(i)) {
            let n = wide(self.s[at]);
            self.s[at + 1 + 2 * n] = narrow(word as i64);
            self.s[at + 2 + 2 * n] = narrow(value);
            self.s[at] += 1;
        } else {
            self.put(word, value);
        }
    }

    fn cas(&mut self, word: usize, old: i64, new: i64) -> i64 {
        let was = i64::from(self.s[word]);
        if was == old {
            self.put(word, new);
        }
        was
    }

    fn swap(&mut self, word: usize, value: i64) -> i64 {
        let was = i64::from(self.s[word]);
        self.put(word, value);
        was
    }

    fn add(&mut self, word: usize, value: i64) -> i64 {
        let was = i64::from(self.s[word]);
        self.put(word, was + value);
        was
    }

    fn fence(&mut self) {}

    fn wait(&mut self, semaphore: usize) -> bool {
        self.try_wait(semaphore)
    }

    fn try_wait(&mut self, semaphore: usize) -> bool {
        let tokens = &mut self.s[self.model.semaphores + semaphore];
        let any = *tokens > 0;
        *tokens -= i16::from(any);
        any
    }

    fn post(&mut self, semaphore: usize) -> i64 {
        let tokens = &mut self.s[self.model.semaphores + semaphore];
        *tokens = (*tokens + 1).min(narrow(MOST_TOKENS + 1));
        i64::from(*tokens)
    }

    fn show(&mut self, frame: i64) -> Result<(), Fault> {
        let mut shown = i64::from(self.s[self.model.shown]);
        judge(self.model.program.expect.map(|e| e.0), &mut shown, frame)?;
        self.s[self.model.shown] = narrow(shown);
        Ok(())
    }

    fn enter(&mut self, room: usize) -> i64 {
        self.count(Of::Room(room), 1);
        let inside = &mut self.s[self.model.rooms + room];
        *inside |= 1 << self.who.unwrap_or(self.model.processes.len());
        i64::from(inside.count_ones())
    }

    fn leave(&mut self, room: usize) {
        let inside = &mut self.s[self.model.rooms + room];
        *inside &= !(1 << self.who.unwrap_or(self.model.processes.len()));
    }
}
