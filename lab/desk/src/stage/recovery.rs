//! Recovery, which works in this process as it does in a supervisor, and what keeps sleepers from taking a token unasked.

use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::sync::atomic::Ordering::SeqCst;
use tricine_lab::lang::Op;
use tricine_lab::machine::{self, Outcome};
use tricine_lab::model::Life;

use super::actor::WRONG;
use super::board::LOCALS;
use super::real::{Real, Stores};
use super::{Defect, Did, Recovering, Stage};
use crate::Result;

impl Stage {
    fn supervisor(&self) -> Real<'_> {
        let expect = self.program.expect.map(|e| e.0);
        Real { board: &self.board, who: None, expect, stores: Stores::Direct, watch: None }
    }

    /// Recovery, if it has nothing to do, takes up the first dead process.
    pub(super) fn assign(&mut self) -> Did {
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

    pub(super) fn recover(&mut self) -> Result<Did> {
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
    pub(super) fn hold(&mut self, k: usize) -> Result<()> {
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

    pub(super) fn go_on(&mut self, i: usize) -> Result<()> {
        if let Some(child) = self.actors[i].child.as_ref().filter(|_| self.actors[i].held) {
            child.signal(Signal::SIGCONT)?;
        }
        self.actors[i].held = false;
        Ok(())
    }

    /// Sleepers whose token was taken by somebody else sleep on.
    pub(super) fn let_sleep(&mut self) -> Result<()> {
        for i in 0..self.actors.len() {
            if self.actors[i].held && self.actors[i].asleep.is_some_and(|k| self.board.bells[k].tokens() == 0) {
                self.go_on(i)?;
            }
        }
        Ok(())
    }
}
