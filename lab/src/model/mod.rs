//! The model: a program's whole state as a few numbers, and what each act makes of it. No process runs here.
//!
//! `search` tries everything, `path` finds the way that is easiest to read, [`crate::run`] replays one schedule.

mod end;
mod graph;
mod numbers;
mod path;
pub mod search;
mod table;

use self::numbers::Numbers;
use crate::lang::{Block, Memory, Of, Op, Process, Program};
use crate::machine::{Fault, MOST_TOKENS, Outcome, broken, forget, settle, step};
use crate::schedule::Act;

/// Stores that wait in a process's buffer, with `memory tso`.
const BUFFER: usize = 3;

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Life {
    Alive,
    /// At its end, and still alive.
    Rests,
    Done,
    Dead,
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Effect {
    /// It cannot happen now.
    Impossible,
    Happened,
    Fault(Fault),
}

/// The state: words, tokens, the last frame shown, rooms, recovery, what each process has done of its share, and each process.
pub type State = Vec<i16>;

/// A program, and where in a [`State`] everything lies.
pub struct Model<'p> {
    /// The program.
    pub program: &'p Program,
    semaphores: usize,
    shown: usize,
    rooms: usize,
    /// Recovery: the dead process plus one, or 0; where it is; its private values.
    recovery: usize,
    recovery_locals: usize,
    shares: usize,
    processes: Vec<usize>,
    len: usize,
    /// Whether private values that nobody asks for again are kept, for people to see.
    keeps: bool,
}

impl<'p> Model<'p> {
    /// For searching: what is not asked for again is forgotten.
    pub fn new(program: &'p Program) -> Self {
        let semaphores = program.words.len();
        let shown = semaphores + program.semaphores.len();
        let rooms = shown + 1;
        let recovery = rooms + program.rooms.len();
        let recovery_locals = program.processes.iter().map(|p| p.recovery.locals.len()).max().unwrap_or(0);
        let shares = recovery + 2 + recovery_locals;
        let mut len = shares + program.shares.len();
        let buffer = if program.memory == Memory::Tso { 1 + 2 * BUFFER } else { 0 };
        let mut processes = vec![];
        for p in &program.processes {
            processes.push(len);
            len += 2 + p.block.locals.len() + buffer;
        }
        Self { program, semaphores, shown, rooms, recovery, recovery_locals, shares, processes, len, keeps: false }
    }

    /// For replaying: private values stay as they are.
    pub fn keeping(program: &'p Program) -> Self {
        Self { keeps: true, ..Self::new(program) }
    }

    /// Words and semaphores as they begin, and every process in front of its first line.
    pub fn blank(&self) -> State {
        let mut s = vec![0; self.len];
        for (i, w) in self.program.words.iter().enumerate() {
            s[i] = narrow(w.1);
        }
        for (i, w) in self.program.semaphores.iter().enumerate() {
            s[self.semaphores + i] = narrow(w.1);
        }
        s
    }

    /// The state before anything happened.
    ///
    /// # Errors
    /// A process that goes wrong before its first step.
    pub fn first(&self) -> Result<State, (usize, Fault)> {
        let mut s = self.blank();
        for i in 0..self.processes.len() {
            self.begin(&mut s, i).map_err(|f| (i, f))?;
        }
        Ok(s)
    }

    fn process(&self, i: usize) -> &'p Process {
        &self.program.processes[i]
    }

    fn begin(&self, s: &mut State, i: usize) -> Result<(), Fault> {
        let p = self.process(i);
        let (mut pc, mut locals) = (0, [0; 32]);
        let n = p.block.locals.len();
        settle(&p.block, &mut pc, &mut locals[..n], &mut Numbers { model: self, s, who: Some(i) })?;
        let over = matches!(p.block.ops[pc], Op::Halt);
        self.put(s, i, if over { self.end_of(i) } else { Life::Alive }, pc, &mut locals[..n]);
        Ok(())
    }

    fn end_of(&self, i: usize) -> Life {
        if self.process(i).rests { Life::Rests } else { Life::Done }
    }

    fn put(&self, s: &mut State, i: usize, life: Life, pc: usize, locals: &mut [i64]) {
        let at = self.processes[i];
        if !self.keeps {
            forget(&self.process(i).block, pc, locals);
        }
        s[at] = life as i16;
        s[at + 1] = narrow(pc as i64);
        for (k, l) in locals.iter().enumerate() {
            s[at + 2 + k] = narrow(*l);
        }
    }

    /// What a process is doing.
    pub fn life(&self, s: &[i16], i: usize) -> Life {
        match s[self.processes[i]] {
            0 => Life::Alive,
            1 => Life::Rests,
            2 => Life::Done,
            _ => Life::Dead,
        }
    }

    /// The index of a process's next operation.
    pub fn pc(&self, s: &[i16], i: usize) -> usize {
        wide(s[self.processes[i] + 1])
    }

    /// A process's private values.
    pub fn locals(&self, s: &[i16], i: usize) -> Vec<i64> {
        let at = self.processes[i] + 2;
        s[at..at + self.process(i).block.locals.len()].iter().map(|v| i64::from(*v)).collect()
    }

    /// In whose place recovery works, where it is, and its private values.
    pub fn recovering(&self, s: &[i16]) -> Option<(usize, usize, Vec<i64>)> {
        let who = wide(s[self.recovery]).checked_sub(1)?;
        let at = self.recovery + 2;
        let n = self.process(who).recovery.locals.len();
        Some((who, wide(s[self.recovery + 1]), s[at..at + n].iter().map(|v| i64::from(*v)).collect()))
    }

    /// A word's value in memory.
    pub fn word(&self, s: &[i16], k: usize) -> i64 {
        i64::from(s[k])
    }

    /// How many tokens a semaphore has.
    pub fn tokens(&self, s: &[i16], k: usize) -> i64 {
        i64::from(s[self.semaphores + k])
    }

    /// How many are in a room.
    pub fn inside(&self, s: &[i16], k: usize) -> i64 {
        i64::from(s[self.rooms + k].count_ones())
    }

    /// Whether a process's next step is at a semaphore without tokens.
    pub fn sleeps(&self, s: &[i16], i: usize) -> bool {
        let op = &self.process(i).block.ops[self.pc(s, i)];
        self.life(s, i) == Life::Alive && matches!(op, Op::Wait(k) if self.tokens(s, *k) == 0)
    }

    /// The last frame shown.
    pub fn shown(&self, s: &[i16]) -> i64 {
        i64::from(s[self.shown])
    }

    /// The stores of a process that have not reached memory: word and value, oldest first.
    pub fn buffered(&self, s: &[i16], i: usize) -> Vec<(usize, i64)> {
        let Some(at) = self.buffer(i) else { return vec![] };
        (0..wide(s[at])).map(|k| (wide(s[at + 1 + 2 * k]), i64::from(s[at + 2 + 2 * k]))).collect()
    }

    fn buffer(&self, i: usize) -> Option<usize> {
        let tso = self.program.memory == Memory::Tso;
        tso.then(|| self.processes[i] + 2 + self.process(i).block.locals.len())
    }

    /// Everything that may be tried, in the order in which it is tried; kills are last.
    pub fn acts(&self) -> Vec<Act> {
        let n = self.processes.len();
        let flushes = if self.program.memory == Memory::Tso { n } else { 0 };
        (0..n)
            .map(Act::Step)
            .chain([Act::Recover])
            .chain((0..flushes).map(Act::Flush))
            .chain((0..n).map(Act::Kill))
            .collect()
    }

    /// Does one act. After `Impossible` the state is as it was; after a fault it means nothing.
    pub fn act(&self, s: &mut State, act: Act) -> Effect {
        let effect = match act {
            Act::Step(i) => self.step(s, i),
            Act::Kill(i) => self.kill(s, i),
            Act::Recover => self.recover(s),
            Act::Flush(i) => {
                let waits = self.buffer(i).is_some_and(|at| s[at] > 0);
                if waits {
                    self.flush(s, i);
                }
                if waits { Effect::Happened } else { Effect::Impossible }
            }
        };
        if effect != Effect::Happened {
            return effect;
        }
        broken(self.program, &|k| self.word(s, k)).map_or(Effect::Happened, Effect::Fault)
    }

    /// A process has added so much to a word, or entered a room.
    fn count(&self, s: &mut State, who: usize, of: Of, by: i64) {
        for (k, share) in self.program.shares.iter().enumerate().filter(|(_, x)| x.who == who && x.of == of) {
            // Beyond that it only grows, and is wrong anyhow.
            let most = share.wanted.abs() + MOST_TOKENS;
            let done = &mut s[self.shares + k];
            *done = narrow((i64::from(*done) + by).clamp(-most, most));
        }
    }

    /// Whether a step has to wait until the process's stores have reached memory.
    pub fn drains_first(&self, s: &[i16], i: usize) -> bool {
        let Some(have) = self.buffer(i).map(|at| wide(s[at])) else { return false };
        match &self.process(i).block.ops[self.pc(s, i)] {
            Op::Store(..) => have == BUFFER,
            Op::Load(..) | Op::Use(_) | Op::Enter(_) | Op::Leave(_) => false,
            // Without a token it has only looked: the C library stores nothing then.
            Op::Try(_, k) => have > 0 && self.tokens(s, *k) > 0,
            _ => have > 0,
        }
    }

    fn step(&self, s: &mut State, i: usize) -> Effect {
        if i >= self.processes.len() || self.life(s, i) != Life::Alive || self.drains_first(s, i) {
            return Effect::Impossible;
        }
        let block = &self.process(i).block;
        let mut pc = self.pc(s, i);
        if let Op::Wait(k) = block.ops[pc]
            && s[self.semaphores + k] == 0
        {
            return Effect::Impossible;
        }
        let n = block.locals.len();
        let mut locals = [0i64; 32];
        self.read_locals(s, self.processes[i] + 2, &mut locals[..n]);
        match step(block, &mut pc, &mut locals[..n], &mut Numbers { model: self, s, who: Some(i) }) {
            Outcome::Sleeps => Effect::Impossible,
            Outcome::Fault(f) => Effect::Fault(f),
            out => {
                let life = if out == Outcome::Done { self.end_of(i) } else { Life::Alive };
                self.put(s, i, life, pc, &mut locals[..n]);
                Effect::Happened
            }
        }
    }

    fn read_locals(&self, s: &[i16], at: usize, locals: &mut [i64]) {
        for (l, v) in locals.iter_mut().zip(&s[at..]) {
            *l = i64::from(*v);
        }
    }

    fn kill(&self, s: &mut State, i: usize) -> Effect {
        if i >= self.processes.len() || !matches!(self.life(s, i), Life::Alive | Life::Rests) {
            return Effect::Impossible;
        }
        while self.buffer(i).is_some_and(|at| s[at] > 0) {
            self.flush(s, i); // The processor does that whoever dies.
        }
        let at = self.processes[i];
        s[at..at + 2 + self.process(i).block.locals.len()].fill(0);
        s[at] = Life::Dead as i16;
        s[self.rooms..self.recovery].iter_mut().for_each(|room| *room &= !(1 << i));
        match self.assign(s) {
            Ok(()) => Effect::Happened,
            Err(f) => Effect::Fault(f),
        }
    }

    /// Recovery, if it has nothing to do, takes up the first dead process.
    fn assign(&self, s: &mut State) -> Result<(), Fault> {
        if s[self.recovery] != 0 {
            return Ok(());
        }
        let Some(who) = (0..self.processes.len()).find(|i| self.life(s, *i) == Life::Dead) else { return Ok(()) };
        let block = &self.process(who).recovery;
        let (mut pc, mut locals) = (0, [0; 32]);
        let n = block.locals.len();
        settle(block, &mut pc, &mut locals[..n], &mut Numbers { model: self, s, who: None })?;
        self.put_recovery(s, who, block, pc, &mut locals[..n]);
        Ok(())
    }

    fn put_recovery(&self, s: &mut State, who: usize, block: &Block, pc: usize, locals: &mut [i64]) {
        if !self.keeps {
            forget(block, pc, locals);
        }
        s[self.recovery] = narrow(who as i64 + 1);
        s[self.recovery + 1] = narrow(pc as i64);
        for k in 0..self.recovery_locals {
            s[self.recovery + 2 + k] = locals.get(k).map_or(0, |l| narrow(*l));
        }
    }

    /// One step of recovery. Its end, where the process is started again, is a step, too.
    fn recover(&self, s: &mut State) -> Effect {
        let Some(who) = wide(s[self.recovery]).checked_sub(1) else { return Effect::Impossible };
        let block = &self.process(who).recovery;
        let mut pc = wide(s[self.recovery + 1]);
        let n = block.locals.len();
        let mut locals = [0i64; 32];
        self.read_locals(s, self.recovery + 2, &mut locals[..n]);
        if matches!(block.ops[pc], Op::Halt) {
            s[self.recovery..self.recovery + 2 + self.recovery_locals].fill(0);
            return match self.begin(s, who).and_then(|()| self.assign(s)) {
                Ok(()) => Effect::Happened,
                Err(f) => Effect::Fault(f),
            };
        }
        match step(block, &mut pc, &mut locals[..n], &mut Numbers { model: self, s, who: None }) {
            Outcome::Sleeps => Effect::Impossible,
            Outcome::Fault(f) => Effect::Fault(f),
            _ => {
                self.put_recovery(s, who, block, pc, &mut locals[..n]);
                Effect::Happened
            }
        }
    }

    fn flush(&self, s: &mut State, i: usize) {
        let Some(at) = self.buffer(i) else { return };
        let word = wide(s[at + 1]);
        self.count(s, i, Of::Word(word), i64::from(s[at + 2]) - i64::from(s[word]));
        s[word] = s[at + 2];
        s.copy_within(at + 3..at + 1 + 2 * BUFFER, at + 1);
        s[at + 2 * BUFFER - 1..=at + 2 * BUFFER].fill(0);
        s[at] -= 1;
    }
}

fn narrow(v: i64) -> i16 {
    i16::try_from(v).unwrap_or(i16::MAX)
}

fn wide(v: i16) -> usize {
    usize::try_from(v).unwrap_or(0)
}
