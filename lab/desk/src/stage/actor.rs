//! A process of the program: it stands in front of its next shared access until it is told to take it.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use tricine_channel::error::Result;
use tricine_channel::sys::futex;
use tricine_channel::sys::process;
use tricine_channel::time::{Deadline, mono_ns};
use tricine_lab::lang::{self, Block, Op, Process, Program};
use tricine_lab::machine::{Fault, Outcome, settle, step};
use tricine_session::process::{Child, LINK_FD, Spawn};

use super::board::{Board, Desk, LOCALS, Names};
use super::real::{Real, Stores, flush};
use super::watch::Watch;

/// What the environment calls it.
pub(crate) const ROLE: &str = "lab-process";

/// Orders: take one step, empty the buffer by one store, begin again, run freely.
pub(super) const STEP: u32 = 1;
pub(super) const FLUSH: u32 = 2;
pub(super) const AGAIN: u32 = 3;
pub(super) const FREELY: u32 = 4;

/// Outcomes: there are more steps, it was the last, it went wrong.
pub(super) const RAN: u32 = 0;
pub(super) const DONE: u32 = 1;
pub(super) const WRONG: u32 = 2;

/// The number of an order that nobody gave: the process is not there yet.
const NOT_THERE: u32 = u32::MAX;
/// How long a process asks for the gate before it sleeps, in turns.
const TURNS: u32 = 20_000;

#[derive(Serialize, Deserialize)]
struct Part {
    session: String,
    text: String,
    instance: usize,
    who: usize,
}

/// The play: what each process needs to know of it.
#[derive(Debug, Clone)]
pub(super) struct Play {
    pub(super) session: String,
    pub(super) text: String,
    pub(super) instance: usize,
}

impl Play {
    /// Starts a process; [`arrived`] says when it is there.
    pub(super) fn spawn(&self, who: usize, name: &str, board: &Board) -> tricine_session::Result<Child> {
        board.desk(who).done.store(NOT_THERE, SeqCst);
        board.desk(who).go.store(0, SeqCst);
        let (session, text) = (self.session.clone(), self.text.clone());
        let part = serde_json::to_vec(&Part { session, text, instance: self.instance, who })?;
        let file = process::memory_file("tricine-lab-part", &part)?;
        let (title, link) = (format!("tricine: lab {name}"), file.as_fd());
        Spawn { title, role: ROLE, link, input: None, stdout: false, bound: true }.start()
    }
}

/// Waits until a process stands in front of its first step.
pub(super) fn arrived(desk: &Desk, deadline: Deadline) -> bool {
    while desk.done.load(SeqCst) == NOT_THERE {
        if !futex::wait(&desk.done, NOT_THERE, deadline) {
            return false;
        }
    }
    true
}

/// The whole life of such a process. Its exit code.
pub(crate) fn main() -> i32 {
    let Some(part) = process::inherited(LINK_FD).and_then(part) else { return 2 };
    match take_up(&part) {
        Ok(()) => 0,
        Err(_) => tricine_session::error::EXIT_BROKEN,
    }
}

/// What it is to play; nothing, if nobody has told it.
fn part(link: OwnedFd) -> Option<Part> {
    let (mut file, mut bytes) = (File::from(link), vec![]);
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn take_up(part: &Part) -> tricine_session::Result<()> {
    let program = lang::parse(&part.text).ok().and_then(|mut all| {
        let fits = part.instance < all.len();
        fits.then(|| all.swap_remove(part.instance))
    });
    let Some(program) = program.filter(|p| part.who < p.processes.len()) else {
        return Err(tricine_session::Error::Disconnected);
    };
    let process = &program.processes[part.who];
    process::set_comm(&format!("lab:{}", process.name));
    let board = Board::open(&Names::of(&part.session, &program))?;
    let stores = Stores::of(program.memory, false);
    let world = Real { board: &board, who: Some(part.who), expect: program.expect.map(|e| e.0), stores, watch: None };
    Actor { board: &board, desk: board.desk(part.who), process, world, pc: 0, locals: [0; LOCALS] }.live(&program);
    Ok(())
}

struct Actor<'a> {
    board: &'a Board,
    desk: &'a Desk,
    process: &'a Process,
    world: Real<'a>,
    pc: usize,
    locals: [i64; LOCALS],
}

impl<'a> Actor<'a> {
    fn block(&self) -> &Block {
        &self.process.block
    }

    fn begin(&mut self) -> Outcome {
        (self.pc, self.locals) = (0, [0; LOCALS]);
        let n = self.process.block.locals.len();
        match settle(&self.process.block, &mut self.pc, &mut self.locals[..n], &mut self.world) {
            Err(fault) => Outcome::Fault(fault),
            Ok(()) if matches!(self.block().ops[self.pc], Op::Halt) => Outcome::Done,
            Ok(()) => Outcome::Ran,
        }
    }

    fn step(&mut self) -> Outcome {
        let n = self.process.block.locals.len();
        step(&self.process.block, &mut self.pc, &mut self.locals[..n], &mut self.world)
    }

    /// Takes orders. A process that is done ends; one that rests stays, and can be killed.
    fn live(mut self, program: &'a Program) {
        let mut seen = 0;
        let mut outcome = self.begin();
        loop {
            self.report(&outcome, seen);
            if outcome == Outcome::Done && !self.process.rests {
                return;
            }
            while self.desk.go.load(SeqCst) == seen {
                futex::wait(&self.desk.go, seen, forever());
            }
            seen = self.desk.go.load(SeqCst);
            match self.desk.order.load(SeqCst) {
                STEP => outcome = self.step(),
                FLUSH => {
                    flush(self.board, self.desk);
                }
                FREELY => {
                    self.world.stores = Stores::of(program.memory, true);
                    self.world.watch = self.world.who.and_then(|who| Watch::of(self.board, program, who));
                    self.freely();
                }
                _ => outcome = self.begin(),
            }
        }
    }

    fn report(&self, outcome: &Outcome, seen: u32) {
        let code = match outcome {
            Outcome::Ran | Outcome::Sleeps => RAN,
            Outcome::Done => DONE,
            Outcome::Fault(fault) => self.wrong(fault),
        };
        self.desk.pc.store(self.pc as u32, SeqCst);
        for (shared, own) in self.desk.locals.iter().zip(&self.locals) {
            shared.store(*own as u64, SeqCst);
        }
        self.desk.outcome.store(code, SeqCst);
        self.desk.done.store(seen, SeqCst);
        futex::wake(&self.desk.done, 1);
    }

    fn wrong(&self, fault: &Fault) -> u32 {
        self.desk.say(&fault.to_string());
        WRONG
    }

    /// By how much this process begins later than the first, another amount in each run: else the same two steps would meet
    /// in all of them.
    fn late_ns(&self, run: u32) -> u64 {
        let who = self.world.who.unwrap_or(0) as u32;
        u64::from(run.wrapping_mul(37).wrapping_mul(who) % 640)
    }

    /// Runs from a common start to the end, again and again, until it is killed.
    fn freely(&mut self) -> ! {
        let hall = self.board.hall();
        loop {
            let gate = hall.gate.load(SeqCst);
            hall.ready.fetch_add(1, SeqCst);
            futex::wake(&hall.ready, 1);
            let mut turns = 0;
            while hall.gate.load(SeqCst) == gate {
                turns += 1;
                if turns < TURNS {
                    std::hint::spin_loop();
                } else {
                    futex::wait(&hall.gate, gate, forever());
                }
            }
            // The gate tells everybody when to begin, which is after whoever opened it sleeps again and has left the processor.
            let start_ns = hall.start_ns.load(SeqCst) + self.late_ns(gate);
            while mono_ns() < start_ns {
                std::hint::spin_loop();
            }
            let mut outcome = self.begin();
            while outcome == Outcome::Ran {
                outcome = self.step();
                if let Some(fault) = self.world.watch.as_mut().and_then(|w| w.broken.take()) {
                    outcome = Outcome::Fault(fault);
                }
            }
            let code = if let Outcome::Fault(fault) = &outcome { self.wrong(fault) } else { DONE };
            self.desk.outcome.store(code, SeqCst);
        }
    }
}

/// The parent's death ends it, nothing else needs to.
fn forever() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

/// Kills a process and reaps it: from here on it writes nothing.
pub(crate) fn kill(child: &Child) -> Result<()> {
    child.signal(Signal::SIGKILL)?;
    gone(child)
}

/// Waits for the end of a process that ends, and reaps it.
pub(crate) fn gone(child: &Child) -> Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    loop {
        if child.try_reap()?.is_some() {
            return Ok(());
        }
        // An interrupted wait looks again.
        let _ = poll(&mut [PollFd::new(child.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE);
    }
}
