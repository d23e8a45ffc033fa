//! The stage: a program's processes as real ones. Each stands in front of its next shared access until it is told to take
//! it; memory, semaphores, sleep and SIGKILL are the kernel's. Recovery works here, in the supervisor's place.
//!
//! Read in this order: `board` (what is shared), `real` (one access), `actor` (a process), this file, `kernel`, `seen`, `free`, `watch`.

mod actor;
mod board;
mod free;
mod kernel;
mod real;
mod recovery;
mod seen;
mod watch;

pub(crate) use actor::{ROLE, gone, kill, main as role_main};
pub use free::Freely;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tricine_channel::sys::futex;
use tricine_channel::sys::process::Child;
use tricine_channel::time::Deadline;
use tricine_lab::lang::{Memory, Op, Program};
use tricine_lab::machine;
use tricine_lab::model::Life;
use tricine_lab::schedule::Act;

use self::actor::{AGAIN, FLUSH, Play, STEP, WRONG, arrived};
use self::board::{BUFFER, Board, LOCALS, Names};
use self::kernel::Places;
use self::real::flush;
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
        let broken = || machine::broken(&self.program, &|k| self.word(k)).map(|f| Did::Fault(f.to_string()));
        Ok(if did == Did::Happened { broken().unwrap_or(did) } else { did })
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
            Op::Try(_, k) => have > 0 && self.tokens(*k) > 0,
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

impl Drop for Stage {
    fn drop(&mut self) {
        // Names that stay are the janitor's; nobody is left to tell.
        for a in &self.actors {
            let _ = a.child.as_ref().map(kill);
        }
        let _ = self.names.unlink();
    }
}
