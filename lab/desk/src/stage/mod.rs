//! The stage: a program's processes as real ones. Each stands in front of its next shared access until it is told to take
//! it; memory, semaphores, sleep and SIGKILL are the kernel's. Recovery works here, in the supervisor's place.
//!
//! Read in this order: `board` (what is shared), `real` (one access), `actor` (a process), this file, `kernel`, `free`.

mod actor;
mod board;
mod free;
mod kernel;
mod real;

pub(crate) use actor::{ROLE, main as role_main};
pub use free::Freely;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tricine_channel::sys::futex;
use tricine_channel::sys::process::Child;
use tricine_channel::time::Deadline;
use tricine_lab::lang::{Memory, Op, Program};
use tricine_lab::machine::{self, Outcome};
use tricine_lab::model::{Life, Model};
use tricine_lab::schedule::Act;

use self::actor::{AGAIN, FLUSH, Play, STEP, WRONG, arrived, gone, kill};
use self::board::{BUFFER, Board, LOCALS, Names};
use self::kernel::Places;
use self::real::{Real, Stores, flush};
use crate::{Error, Result};

/// A process that neither moves nor sleeps for so long is no actor of ours any more.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the kernel is asked whether a process sleeps.
const GLANCE: Duration = Duration::from_micros(50);

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Did {
    /// It cannot happen now.
    Impossible,
    /// The process sleeps now, or still does.
    Sleeps,
    /// It happened.
    Happened,
    /// It went wrong.
    Fault(String),
}

struct Actor {
    child: Option<Child>,
    life: Life,
    go: u32,
    asleep: Option<usize>,
    /// Stopped in its sleep, so that waking up is a step of its own.
    held: bool,
    /// Switches before its first step.
    before: u64,
    places: Places,
}

struct Recovering {
    who: usize,
    pc: usize,
    locals: [i64; LOCALS],
}

/// A program on real processes.
pub struct Stage {
    program: Program,
    play: Play,
    names: Names,
    board: Board,
    actors: Vec<Actor>,
    recovering: Option<Recovering>,
    seeded: Option<Defect>,
}

/// A defect of the stage, so that a comparison with the model is seen to find one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A sleeper is not stopped before a post, and so takes the token by itself.
    SleepersRun,
    /// A killed process's room is not left.
    RoomsStay,
}

impl Stage {
    /// Starts the processes of one instance of the program `text`, in a session that this process holds.
    ///
    /// # Errors
    /// A system call failed, or a process did not arrive.
    pub fn start(session: &str, text: &str, instance: usize, program: &Program) -> Result<Self> {
        let names = Names::of(session, program);
        names.unlink()?;
        let board = Board::create(&names, program)?;
        let play = Play { session: session.into(), text: text.into(), instance };
        let mut me =
            Self { program: program.clone(), play, names, board, actors: vec![], recovering: None, seeded: None };
        for i in 0..me.program.processes.len() {
            let actor = me.spawn(i)?;
            me.actors.push(actor);
        }
        (0..me.actors.len()).try_for_each(|i| me.settle(i))?;
        Ok(me)
    }

    /// Builds a defect in.
    pub fn seed(&mut self, defect: Defect) {
        self.seeded = Some(defect);
    }

    fn spawn(&self, i: usize) -> Result<Actor> {
        let child = self.play.spawn(i, &self.program.processes[i].name, &self.board)?;
        Ok(Actor {
            child: Some(child),
            life: Life::Alive,
            go: 0,
            asleep: None,
            held: false,
            before: 0,
            places: Places::default(),
        })
    }

    /// Waits until a process that was started stands in front of its first step.
    fn settle(&mut self, i: usize) -> Result<()> {
        let deadline = Deadline::after(PATIENCE);
        while !arrived(self.board.desk(i), Deadline::after(Duration::from_millis(50))) {
            if self.is_gone(i) || deadline.passed() {
                return Err(self.lost(i));
            }
        }
        self.actors[i].before = self.pid(i).and_then(kernel::voluntary_switches).unwrap_or(0);
        self.ended(i)
    }

    /// Notes that a process has come to its end, if it has.
    fn ended(&mut self, i: usize) -> Result<()> {
        if self.board.desk(i).outcome.load(SeqCst) != actor::DONE {
            return Ok(());
        }
        if self.program.processes[i].rests {
            self.actors[i].life = Life::Rests;
        } else {
            self.actors[i].life = Life::Done;
            if let Some(child) = self.actors[i].child.take() {
                gone(&child)?;
            }
        }
        Ok(())
    }

    fn lost(&self, i: usize) -> Error {
        let name = &self.program.processes[i].name;
        if self.is_gone(i) {
            Error::Lost(format!("process {name} ended in the middle of a step; somebody else killed it"))
        } else {
            Error::Lost(format!("process {name} neither moves nor sleeps; is it stopped?"))
        }
    }

    /// Everything from the beginning, with the same processes as far as they stand where they can be told.
    ///
    /// # Errors
    /// A system call failed.
    pub fn reset(&mut self) -> Result<()> {
        self.recovering = None;
        for a in self.actors.iter_mut().filter(|a| a.asleep.is_some() || a.life == Life::Dead) {
            if let Some(child) = a.child.take() {
                kill(&child)?;
            }
        }
        self.board.reset(&self.program);
        for i in 0..self.actors.len() {
            let here = self.actors[i].child.is_some() && !self.is_gone(i);
            if here {
                self.actors[i].life = Life::Alive;
                self.order(i, AGAIN);
                self.carried_out(i, None)?;
            } else {
                if let Some(child) = self.actors[i].child.take() {
                    gone(&child)?;
                }
                self.actors[i] = self.spawn(i)?;
                self.settle(i)?;
            }
            self.ended(i)?;
        }
        Ok(())
    }

    /// Does one act.
    ///
    /// # Errors
    /// A system call failed, or a process was lost in the middle of it.
    pub fn act(&mut self, act: Act) -> Result<Did> {
        let did = match act {
            Act::Step(i) => self.step(i),
            Act::Kill(i) => self.kill(i),
            Act::Recover => self.recover(),
            Act::Flush(i) => self.flush(i),
        }?;
        self.let_sleep()?;
        Ok(did)
    }

    fn alive(&self, i: usize) -> bool {
        self.actors.get(i).is_some_and(|a| a.life == Life::Alive)
    }

    fn op(&self, i: usize) -> &Op {
        &self.program.processes[i].block.ops[self.pc(i)]
    }

    fn step(&mut self, i: usize) -> Result<Did> {
        if !self.alive(i) || self.drains_first(i) {
            return Ok(Did::Impossible);
        }
        let waits = if let Op::Wait(k) = self.op(i) { Some(*k) } else { None };
        if let Op::Post(k) = *self.op(i) {
            self.hold(k)?;
        }
        if let Some(k) = waits
            && self.actors[i].asleep.is_some()
            && self.board.bells[k].tokens() == 0
        {
            return Ok(Did::Sleeps);
        }
        if self.actors[i].asleep.is_some() {
            self.go_on(i)?;
        } else {
            self.order(i, STEP);
        }
        if !self.carried_out(i, waits)? {
            self.actors[i].asleep = waits;
            return Ok(Did::Sleeps);
        }
        self.actors[i].asleep = None;
        if self.board.desk(i).outcome.load(SeqCst) == WRONG {
            return Ok(Did::Fault(self.board.desk(i).said()));
        }
        self.ended(i)?;
        Ok(Did::Happened)
    }

    fn order(&mut self, i: usize, order: u32) {
        let desk = self.board.desk(i);
        self.actors[i].go += 1;
        desk.order.store(order, SeqCst);
        desk.go.store(self.actors[i].go, SeqCst);
        futex::wake(&desk.go, 1);
    }

    /// Waits until an order was carried out; `false` if the process sleeps at this semaphore instead.
    fn carried_out(&mut self, i: usize, at: Option<usize>) -> Result<bool> {
        let deadline = Deadline::after(PATIENCE);
        let go = self.actors[i].go;
        loop {
            let done = self.board.desk(i).done.load(SeqCst);
            if done == go {
                return Ok(true);
            }
            // Without a token it will sleep: the kernel is asked often. Otherwise a process that is gone is all that can be.
            let may_sleep = at.filter(|k| self.board.bells[*k].tokens() == 0);
            let wait = if may_sleep.is_some() { GLANCE } else { Duration::from_millis(100) };
            futex::wait(&self.board.desk(i).done, done, Deadline::after(wait));
            if self.board.desk(i).done.load(SeqCst) == go {
                return Ok(true);
            }
            if let Some(k) = may_sleep
                && self.sleeps_at(i, k)
            {
                return Ok(false);
            }
            if self.is_gone(i) || deadline.passed() {
                return Err(self.lost(i));
            }
        }
    }

    /// Whether the kernel says that a process sleeps at this semaphore.
    fn sleeps_at(&mut self, i: usize, k: usize) -> bool {
        let Some(pid) = self.pid(i) else { return false };
        if !kernel::tells(pid) {
            // A sandbox that hides it. One more sleeper is counted, and the process is not running.
            let others = self.actors.iter().enumerate().filter(|(j, a)| *j != i && a.asleep == Some(k)).count();
            return self.board.bells[k].sleepers() > others && kernel::state(pid) == Some('S');
        }
        if !self.actors[i].places.is_known() {
            self.actors[i].places = Places::of(pid, &self.names.bells);
        }
        self.actors[i].places.sleeps_at(pid) == Some(k)
    }

    fn drains_first(&self, i: usize) -> bool {
        if self.program.memory != Memory::Tso {
            return false;
        }
        let have = self.board.desk(i).buffered.load(SeqCst) as usize;
        match self.op(i) {
            Op::Store(..) => have == BUFFER,
            Op::Load(..) | Op::Use(_) | Op::Enter(_) | Op::Leave(_) => false,
            _ => have > 0,
        }
    }

    fn flush(&mut self, i: usize) -> Result<Did> {
        if !self.actors.get(i).is_some_and(|a| a.life != Life::Dead) || self.board.desk(i).buffered.load(SeqCst) == 0 {
            return Ok(Did::Impossible);
        }
        if self.actors[i].child.is_some() {
            self.order(i, FLUSH);
            self.carried_out(i, None)?;
        } else {
            // The process is done; what it stored still comes.
            flush(&self.board, self.board.desk(i));
        }
        Ok(Did::Happened)
    }

    fn kill(&mut self, i: usize) -> Result<Did> {
        if !self.actors.get(i).is_some_and(|a| matches!(a.life, Life::Alive | Life::Rests)) {
            return Ok(Did::Impossible);
        }
        if let Some(child) = self.actors[i].child.take() {
            kill(&child)?;
        }
        // Stores that were carried out reach memory whoever dies.
        while flush(&self.board, self.board.desk(i)) {}
        if self.seeded != Some(Defect::RoomsStay) {
            self.board.hall().rooms.iter().for_each(|r| {
                r.fetch_and(!(1 << i), SeqCst);
            });
        }
        let a = &mut self.actors[i];
        (a.life, a.asleep, a.held) = (Life::Dead, None, false);
        Ok(self.assign())
    }

    fn supervisor(&self) -> Real<'_> {
        let expect = self.program.expect.map(|e| e.0);
        Real { board: &self.board, who: None, expect, stores: Stores::Direct }
    }

    /// Recovery, if it has nothing to do, takes up the first dead process.
    fn assign(&mut self) -> Did {
        if self.recovering.is_some() {
            return Did::Happened;
        }
        let Some(who) = self.actors.iter().position(|a| a.life == Life::Dead) else { return Did::Happened };
        let (mut pc, mut locals) = (0, [0; LOCALS]);
        let block = &self.program.processes[who].recovery;
        let n = block.locals.len();
        let settled = machine::settle(block, &mut pc, &mut locals[..n], &mut self.supervisor());
        self.recovering = Some(Recovering { who, pc, locals });
        settled.map_or_else(|f| Did::Fault(f.to_string()), |()| Did::Happened)
    }

    fn recover(&mut self) -> Result<Did> {
        let Some(Recovering { who, mut pc, mut locals }) = self.recovering.take() else { return Ok(Did::Impossible) };
        if matches!(self.program.processes[who].recovery.ops[pc], Op::Halt) {
            self.actors[who] = self.spawn(who)?;
            self.settle(who)?;
            if self.board.desk(who).outcome.load(SeqCst) == WRONG {
                return Ok(Did::Fault(self.board.desk(who).said()));
            }
            return Ok(self.assign());
        }
        if let Op::Post(k) = self.program.processes[who].recovery.ops[pc] {
            self.hold(k)?;
        }
        let block = &self.program.processes[who].recovery;
        let n = block.locals.len();
        let outcome = machine::step(block, &mut pc, &mut locals[..n], &mut self.supervisor());
        self.recovering = Some(Recovering { who, pc, locals });
        Ok(match outcome {
            Outcome::Sleeps => Did::Impossible,
            Outcome::Fault(fault) => Did::Fault(fault.to_string()),
            _ => Did::Happened,
        })
    }

    /// A sleeper would take a token by itself. It is stopped first.
    fn hold(&mut self, k: usize) -> Result<()> {
        if self.seeded == Some(Defect::SleepersRun) {
            return Ok(());
        }
        for i in 0..self.actors.len() {
            if self.actors[i].asleep != Some(k) || self.actors[i].held {
                continue;
            }
            if let Some(child) = &self.actors[i].child {
                child.signal(Signal::SIGSTOP)?;
                // WNOWAIT: a process that was killed meanwhile is still there to be reaped.
                let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
                while waitid(Id::Pid(Pid::from_raw(child.pid as i32)), flags) == Err(nix::Error::EINTR) {}
            }
            self.actors[i].held = true;
        }
        Ok(())
    }

    fn go_on(&mut self, i: usize) -> Result<()> {
        if let Some(child) = self.actors[i].child.as_ref().filter(|_| self.actors[i].held) {
            child.signal(Signal::SIGCONT)?;
        }
        self.actors[i].held = false;
        Ok(())
    }

    /// Sleepers whose token was taken by somebody else sleep on.
    fn let_sleep(&mut self) -> Result<()> {
        for i in 0..self.actors.len() {
            if self.actors[i].held && self.actors[i].asleep.is_some_and(|k| self.board.bells[k].tokens() == 0) {
                self.go_on(i)?;
            }
        }
        Ok(())
    }

    fn is_gone(&self, i: usize) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        self.actors.get(i).and_then(|a| a.child.as_ref()).is_some_and(|c| {
            poll(&mut [PollFd::new(c.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).is_ok_and(|n| n > 0)
        })
    }

    /// A process that is alive as far as the program goes, and that somebody else has killed.
    pub fn killed_by_others(&self) -> Option<usize> {
        (0..self.actors.len()).find(|i| matches!(self.actors[*i].life, Life::Alive | Life::Rests) && self.is_gone(*i))
    }
}

/// What is to be seen on the stage.
impl Stage {
    /// A process's id, while there is one.
    pub fn pid(&self, i: usize) -> Option<u32> {
        self.actors[i].child.as_ref().map(|c| c.pid)
    }

    fn pc(&self, i: usize) -> usize {
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

impl Drop for Stage {
    fn drop(&mut self) {
        // Names that stay are the janitor's; nobody is left to tell.
        for a in &self.actors {
            let _ = a.child.as_ref().map(kill);
        }
        let _ = self.names.unlink();
    }
}
