//! What is to be seen on the stage, and whether it is what the model says.

use std::sync::atomic::Ordering::SeqCst;

use tricine_lab::model::{Life, Model};

use super::board::BUFFER;
use super::{Stage, kernel};

impl Stage {
    /// A process's id, while there is one.
    pub fn pid(&self, i: usize) -> Option<u32> {
        self.actors[i].child.as_ref().map(|c| c.pid)
    }

    pub(super) fn pc(&self, i: usize) -> usize {
        self.board.desk(i).pc.load(SeqCst) as usize
    }

    /// A word in memory.
    pub fn word(&self, k: usize) -> i64 {
        self.board.words()[k].load(SeqCst) as i64
    }

    /// The eight bytes of a semaphore, as they lie in /dev/shm.
    pub fn semaphore_bytes(&self, k: usize) -> [u8; 8] {
        self.board.bells[k].raw().to_le_bytes()
    }

    /// Tokens of a semaphore.
    pub fn tokens(&self, k: usize) -> i64 {
        self.board.bells[k].tokens()
    }

    /// The last frame shown.
    pub fn shown(&self) -> i64 {
        self.board.hall().shown.load(SeqCst) as i64
    }

    /// How often a process, with all that had its part before, entered the kernel for a semaphore.
    pub fn entries(&self, i: usize) -> u64 {
        self.board.desk(i).entries.load(SeqCst)
    }

    /// How often a process gave up the processor, but for the waits of this stage: one for each order.
    pub fn switches(&self, i: usize) -> u64 {
        let all = self.pid(i).and_then(kernel::voluntary_switches).unwrap_or(0);
        all.saturating_sub(u64::from(self.actors[i].go) + 1 + self.actors[i].before)
    }

    /// Whether a sleeper has a token to take, and was stopped: woken, and not yet run.
    pub fn is_held(&self, i: usize) -> bool {
        self.actors[i].held
    }

    /// What the kernel calls a process's state: `S` sleeps, `T` is stopped.
    pub fn kernel_state(&self, i: usize) -> Option<char> {
        kernel::state(self.pid(i)?)
    }

    /// Where a sleeper sleeps, as the kernel says it.
    pub fn sleeps(&self, i: usize) -> Option<usize> {
        self.actors[i].places.sleeps_at(self.pid(i)?)
    }

    /// What is different from a state of the model.
    pub fn difference(&self, model: &Model<'_>, state: &[i16]) -> Option<String> {
        let p = &self.program;
        let differ = |what: String, model: i64, real: i64| {
            (model != real).then(|| format!("{what}: model {model}, real {real}"))
        };
        let words = (0..p.words.len()).find_map(|k| differ(p.words[k].0.clone(), model.word(state, k), self.word(k)));
        let bells = || {
            let name = |k: usize| p.semaphores[k].0.clone();
            (0..p.semaphores.len()).find_map(|k| differ(name(k), model.tokens(state, k), self.tokens(k)))
        };
        let rooms = || {
            let real = |k: usize| {
                let bits = self.board.hall().rooms[k].load(SeqCst);
                (bits & 0xff).count_ones() as i64 + i64::from(bits >> 63 == 1)
            };
            (0..p.rooms.len()).find_map(|k| differ(p.rooms[k].clone(), model.inside(state, k), real(k)))
        };
        let processes = || (0..p.processes.len()).find_map(|i| self.difference_of(model, state, i));
        let shown = || differ("frames shown".into(), model.shown(state), self.shown());
        let recovery = || {
            let real = self.recovering.as_ref().map(|r| {
                let n = p.processes[r.who].recovery.locals.len();
                (r.who, r.pc, r.locals[..n].to_vec())
            });
            let model = model.recovering(state);
            (model != real).then(|| format!("recovery: model {model:?}, real {real:?}"))
        };
        words.or_else(bells).or_else(rooms).or_else(processes).or_else(shown).or_else(recovery)
    }

    fn difference_of(&self, model: &Model<'_>, state: &[i16], i: usize) -> Option<String> {
        let name = &self.program.processes[i].name;
        let (life, real) = (model.life(state, i), self.actors[i].life);
        if life != real {
            return Some(format!("{name}: model {life:?}, real {real:?}"));
        }
        if life == Life::Dead {
            return None;
        }
        let buffer = self.board.desk(i);
        let waiting = (buffer.buffered.load(SeqCst) as usize).min(BUFFER);
        let real: Vec<_> =
            buffer.buffer[..waiting].iter().map(|b| (b.0.load(SeqCst) as usize, b.1.load(SeqCst) as i64)).collect();
        if model.buffered(state, i) != real {
            return Some(format!("{name}: buffer: model {:?}, real {real:?}", model.buffered(state, i)));
        }
        if life != Life::Alive {
            return None;
        }
        if model.pc(state, i) != self.pc(i) {
            return Some(format!("{name}: position: model {}, real {}", model.pc(state, i), self.pc(i)));
        }
        let locals = model.locals(state, i);
        let real: Vec<i64> = self.board.desk(i).locals[..locals.len()].iter().map(|l| l.load(SeqCst) as i64).collect();
        (locals != real).then(|| format!("{name}: private values: model {locals:?}, real {real:?}"))
    }
}
