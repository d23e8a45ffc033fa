//! Whether everything is over, whether that is what was expected, and where everybody is.

use super::{Life, Model};
use crate::lang::Op;
use crate::machine::{wrong_share, wrong_words};

impl Model<'_> {
    /// Everybody is at the end, or asleep where that is allowed.
    pub fn is_over(&self, s: &[i16]) -> bool {
        s[self.recovery] == 0
            && (0..self.processes.len()).all(|i| {
                let drained = self.buffer(i).is_none_or(|at| s[at] == 0);
                let ended = match self.life(s, i) {
                    Life::Rests | Life::Done => true,
                    Life::Dead => false,
                    Life::Alive => {
                        let op = &self.process(i).block.ops[self.pc(s, i)];
                        self.process(i).may_sleep && matches!(op, Op::Wait(k) if self.tokens(s, *k) == 0)
                    }
                };
                drained && ended
            })
    }

    /// What is wrong with an end.
    pub fn wrong_end(&self, s: &[i16]) -> Option<String> {
        if let Some((_, last)) = self.program.expect
            && self.shown(s) < last
        {
            let shown = self.shown(s);
            return Some(format!("everybody is done, but only {shown} of {last} frames were shown"));
        }
        let share = |k: usize| i64::from(s[self.shares + k]);
        let wrong = wrong_words(self.program, &|k| self.word(s, k)).or_else(|| wrong_share(self.program, &share));
        wrong.map(|wrong| format!("everybody is done, and {wrong}"))
    }

    /// Where everybody is, in words.
    pub fn whereabouts(&self, s: &[i16]) -> String {
        let mut all = vec![];
        for (i, p) in self.program.processes.iter().enumerate() {
            let (pc, name) = (self.pc(s, i), &p.name);
            all.push(match (self.life(s, i), &p.block.ops[pc]) {
                (Life::Rests, _) => format!("{name} rests"),
                (Life::Done, _) => format!("{name} is done"),
                (Life::Dead, _) => format!("{name} is dead"),
                (Life::Alive, Op::Wait(k)) if self.tokens(s, *k) == 0 => {
                    format!("{name} sleeps at `{}`, which is 0", self.program.semaphores[*k].0)
                }
                _ => format!("{name} is at line {}", p.block.lines[pc]),
            });
        }
        if let Some((who, pc, _)) = self.recovering(s) {
            let r = &self.program.processes[who].recovery;
            if let Op::Wait(k) = r.ops[pc] {
                all.push(format!(
                    "recovery sleeps at `{}`, which is {}",
                    self.program.semaphores[k].0,
                    self.tokens(s, k)
                ));
            }
        }
        all.join("; ")
    }
}
