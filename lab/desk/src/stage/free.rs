//! Running freely: the same program, from a common start, at full speed on the processors that there are, many times. What
//! came out is counted. The learner is not asked, and neither is anybody else.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;
use tricine_channel::sys::futex;
use tricine_channel::time::{Deadline, mono_ns};
use tricine_lab::lang::{Memory, Op};
use tricine_lab::machine::{broken, wrong_share, wrong_words};

use super::Stage;
use super::actor::{FREELY, RAN, WRONG, kill};
use crate::Result;
use crate::measure::processors;

/// From the opening of the gate to the start.
const HEAD_START_NS: u64 = 60_000;
/// A run that is not over by then is looked at: whether everybody sleeps.
const LOOK: Duration = Duration::from_millis(20);
/// A run that is not over by then, although somebody runs, is ended.
const LONGEST: Duration = Duration::from_secs(2);

/// What came of running freely.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Freely {
    pub runs: usize,
    pub wrong: usize,
    /// Each result and how often it came, the most frequent first.
    pub results: Vec<(String, usize)>,
    /// Processors that the processes ran on.
    pub processors: usize,
    /// What the search asks, and a run at full speed was not asked.
    pub unasked: Option<String>,
}

impl Freely {
    /// One sentence.
    pub fn says(&self) -> String {
        let mut text = format!("wrong in {} of {} runs on this machine", self.wrong, self.runs);
        if self.processors < 2 {
            text += "; one processor alone: they take turns, and hardly ever in the middle of a line";
        }
        if let Some(unasked) = &self.unasked {
            text += &format!("; not asked, since asking would empty the store buffers: {unasked}");
        }
        text
    }
}

impl Stage {
    /// Runs the program until `most` runs are over or the time is up. The stage is at its beginning afterwards.
    ///
    /// # Errors
    /// A system call failed.
    pub fn freely(&mut self, most: usize, time: Duration) -> Result<Freely> {
        self.reset()?;
        let processors = processors();
        let (mut results, mut wrong, mut runs) = (BTreeMap::<String, usize>::new(), 0, 0);
        let begun = Instant::now();
        for i in 0..self.actors.len() {
            self.set_free(i, &processors)?;
        }
        while runs < most && (runs == 0 || begun.elapsed() < time) {
            self.at_the_gate()?;
            self.board.reset(&self.program);
            let hall = self.board.hall();
            // What went wrong in the run before is not this one's.
            hall.desks.iter().for_each(|d| d.outcome.store(RAN, SeqCst));
            hall.ready.store(0, SeqCst);
            hall.start_ns.store(mono_ns() + HEAD_START_NS, SeqCst);
            hall.gate.fetch_add(1, SeqCst);
            futex::wake(&hall.gate, i32::MAX);
            let (result, bad) = self.result(&processors)?;
            *results.entry(result).or_default() += 1;
            (runs, wrong) = (runs + 1, wrong + usize::from(bad));
        }
        // They run until they are killed.
        for a in &mut self.actors {
            if let Some(child) = a.child.take() {
                kill(&child)?;
            }
        }
        self.reset()?;
        let mut results: Vec<_> = results.into_iter().collect();
        results.sort_by_key(|r| std::cmp::Reverse(r.1));
        let processors = processors.len().min(self.actors.len());
        Ok(Freely { runs, wrong, results, processors, unasked: self.unasked() })
    }

    fn set_free(&mut self, i: usize, processors: &[usize]) -> Result<()> {
        if self.actors[i].child.is_none() {
            self.actors[i] = self.spawn(i)?;
            // A process that has nothing to do is over before it can be told anything.
            self.settle(i)?;
        }
        if let Some(pid) = self.pid(i) {
            pin(pid, processors.get(i % processors.len().max(1)).copied());
            self.order(i, FREELY);
        }
        Ok(())
    }

    fn free(&self) -> usize {
        self.actors.iter().filter(|a| a.child.is_some()).count()
    }

    /// Waits until everybody stands at the gate.
    fn at_the_gate(&self) -> Result<()> {
        let (hall, deadline) = (self.board.hall(), Deadline::after(super::PATIENCE));
        loop {
            let ready = hall.ready.load(SeqCst);
            if ready as usize >= self.free() {
                return Ok(());
            }
            futex::wait(&hall.ready, ready, Deadline::after(LOOK));
            if let Some(i) = (0..self.actors.len()).find(|i| self.is_gone(*i)) {
                return Err(self.lost(i));
            }
            if deadline.passed() {
                return Err(self.lost(0));
            }
        }
    }

    /// What a run came to, and whether that is wrong.
    fn result(&mut self, processors: &[usize]) -> Result<(String, bool)> {
        let begun = Instant::now();
        loop {
            let ready = self.board.hall().ready.load(SeqCst);
            if ready as usize >= self.free() {
                return Ok(self.judged());
            }
            futex::wait(&self.board.hall().ready, ready, Deadline::after(LOOK));
            let waiting = self.free() - (self.board.hall().ready.load(SeqCst) as usize).min(self.free());
            if waiting == 0 || begun.elapsed() < LOOK {
                continue;
            }
            let asleep: Vec<usize> = (0..self.actors.len()).filter(|i| self.is_asleep(*i)).collect();
            if let Some(i) = (0..self.actors.len()).find(|i| self.is_gone(*i)) {
                return Err(self.lost(i));
            }
            let stuck = asleep.len() == waiting;
            if !stuck && begun.elapsed() < LONGEST {
                continue;
            }
            let allowed = stuck && asleep.iter().all(|i| self.program.processes[*i].may_sleep);
            // Whoever sleeps for ever may do so because somebody else went wrong.
            let judged = if allowed { Some(self.judged()) } else { self.said_wrong().map(|says| (says, true)) };
            let again: Vec<usize> = if stuck { asleep } else { (0..self.actors.len()).collect() };
            let names: Vec<&str> = again.iter().map(|i| self.program.processes[*i].name.as_str()).collect();
            let says = match stuck {
                true => format!("stuck: {} asleep for ever", names.join(" and ")),
                false => "did not come to an end".into(),
            };
            for i in &again {
                if let Some(child) = self.actors[*i].child.take() {
                    kill(&child)?;
                }
            }
            if !stuck {
                // Those who stood at the gate already are gone as well.
                self.board.hall().ready.store(0, SeqCst);
            }
            self.board.reset(&self.program);
            for i in again {
                self.set_free(i, processors)?;
            }
            return Ok(judged.unwrap_or((says, true)));
        }
    }

    fn is_asleep(&mut self, i: usize) -> bool {
        (0..self.board.bells.len()).any(|k| self.board.bells[k].tokens() == 0 && self.sleeps_at(i, k))
    }

    /// Everybody is at the end.
    fn judged(&self) -> (String, bool) {
        let p = &self.program;
        let broken = || broken(p, &|k| self.word(k)).map(|fault| format!("in the end: {fault}"));
        if let Some(says) = self.said_wrong().or_else(broken) {
            return (says, true);
        }
        if let Some((_, last)) = p.expect {
            let shown = self.shown();
            let lacking = self.lacking().filter(|_| shown >= last);
            let also = lacking.as_ref().map_or(String::new(), |why| format!(", and {why}"));
            return (format!("{shown} of {last} frames shown{also}"), shown < last || lacking.is_some());
        }
        let value = |(k, _): &(usize, i64)| format!("{} = {}", p.words[*k].0, self.word(*k));
        let values: Vec<String> = p.finals.iter().map(value).collect();
        let values = if values.is_empty() { "over".into() } else { values.join(", ") };
        if wrong_words(p, &|k| self.word(k)).is_some() {
            return (values, true);
        }
        // The words are right, and perhaps one process has done the work of another.
        let share = self.wrong_share();
        let wrong = share.is_some();
        (share.map_or(values.clone(), |share| format!("{values}, and {share}")), wrong)
    }

    /// What was wrong with somebody's step in this run.
    fn said_wrong(&self) -> Option<String> {
        let who = (0..self.actors.len()).find(|i| self.board.desk(*i).outcome.load(SeqCst) == WRONG)?;
        Some(format!("{}: {}", self.program.processes[who].name, self.board.desk(who).said()))
    }

    fn wrong_share(&self) -> Option<String> {
        let counted = self.program.memory != Memory::Tso;
        counted.then(|| wrong_share(&self.program, &|k| self.board.hall().shares[k].load(SeqCst) as i64)).flatten()
    }

    fn lacking(&self) -> Option<String> {
        wrong_words(&self.program, &|k| self.word(k)).or_else(|| self.wrong_share())
    }

    /// What cannot be asked without emptying the buffers that `memory tso` is about.
    fn unasked(&self) -> Option<String> {
        let p = &self.program;
        let always = p.always.iter().map(|a| format!("whether `{}` holds before the end", a.condition));
        let shares = (!p.shares.is_empty()).then(|| "what each process adds or enters itself".to_owned());
        let all: Vec<String> = always.chain(shares).collect();
        (p.memory == Memory::Tso && !all.is_empty()).then(|| all.join(", and "))
    }

    /// Whether the program can run freely at all: a process that never comes to a step is over at once.
    pub fn can_run_freely(&self) -> bool {
        self.program.processes.iter().all(|p| p.block.ops.iter().any(|op| op.is_step() && !matches!(op, Op::Halt)))
    }
}

/// Keeps a process on one processor. Best effort: on a machine that forbids it, the kernel finds one.
fn pin(pid: u32, cpu: Option<usize>) {
    let mut set = CpuSet::new();
    if cpu.is_some_and(|c| set.set(c).is_ok()) {
        let _ = sched_setaffinity(Pid::from_raw(pid as i32), &set);
    }
}
