//! The sending process: makes frames, paces them, and counts what that costs.

use std::mem::ManuallyDrop;

use crate::board::Scoreboard;
use tricine_channel::channel::copy::Copier;
use tricine_channel::time::{Deadline, NS_PER_S, mono_ns};
use tricine_session::{Error, Result};

use crate::case::{Case, Fault, Payload};
use crate::frame::{self, Phase, Stamp};
use crate::outcome::{Outcome, Snapshot};
use crate::pace::Pace;
use crate::transport::Sender;

/// Nothing moves for so long: the other side is stuck.
pub(crate) const PATIENCE_NS: u64 = 15 * NS_PER_S;
/// What the coordinator writes into the scoreboard's `ended` to end a run before its time: the next frame is the last.
pub(crate) const END_NOW: u64 = u64::MAX;
/// The measured frame at which a fault is committed.
const FAULTY: u64 = 10;
/// How long before a frame is due the producer wakes up, to be on time: on a virtual machine, one sleep in a hundred ends
/// 150 µs late. What it spins then is no cost of the transport, and is taken off.
const EARLY_NS: u64 = 400_000;

/// The frame in the making.
#[derive(Debug)]
pub(crate) struct Work {
    payload: Payload,
    verify: bool,
    seed: u64,
    bytes: usize,
    /// Frames in private memory. Never freed: what was lent to a pipe may be unread when the last frame is sent, and an
    /// allocator writes into what it gets back.
    sources: ManuallyDrop<Vec<Vec<u8>>>,
    turn: usize,
    copier: Copier,
    seq: u64,
    due_ns: Option<u64>,
    /// How long it has spun for the pace.
    paced_ns: u64,
    phase: Phase,
    since_ns: u64,
    spoilt: bool,
}

impl Work {
    fn new(case: &Case) -> Self {
        Self {
            payload: case.payload,
            verify: case.verify,
            seed: case.seed,
            bytes: case.bytes,
            sources: ManuallyDrop::default(),
            turn: 0,
            copier: Copier::default(),
            seq: 0,
            due_ns: None,
            paced_ns: 0,
            phase: Phase::WarmUp,
            since_ns: 0,
            spoilt: false,
        }
    }

    /// Makes the frame in `slot`, which has its length.
    #[inline]
    pub(crate) fn in_place(&mut self, slot: &mut [u8]) {
        self.await_due();
        match self.payload {
            Payload::Stamp => {}
            Payload::Fill => frame::fill(slot, self.seed, self.seq),
            Payload::Copy => {
                self.source(1);
                self.copier.copy(slot, &self.sources[0]);
            }
        }
        self.stamp(slot);
    }

    /// The frame in private memory, which may be changed again as soon as it was sent.
    pub(crate) fn private(&mut self) -> &[u8] {
        self.one_of(1)
    }

    /// The frame in one of `count` private buffers, which is not changed again before the others were asked for.
    pub(crate) fn one_of(&mut self, count: usize) -> &[u8] {
        self.await_due();
        let turn = self.source(count);
        let mut buffer = std::mem::take(&mut self.sources[turn]);
        if self.payload == Payload::Fill {
            frame::fill(&mut buffer, self.seed, self.seq);
        }
        self.stamp(&mut buffer);
        self.sources[turn] = buffer;
        &self.sources[turn]
    }

    /// Waits until the frame is due, with the slot in hand, as a camera does: when it comes, only it has to be written.
    #[inline]
    fn await_due(&mut self) {
        if let Some(due_ns) = self.due_ns {
            self.paced_ns += sleep_until(due_ns, EARLY_NS);
        }
    }

    /// Which of `count` sources is next. Each holds a frame from the start, and this very frame where every byte is
    /// going to be checked.
    fn source(&mut self, count: usize) -> usize {
        while self.sources.len() < count {
            let mut source = vec![0; self.bytes];
            frame::fill(&mut source, self.seed, 0);
            self.sources.push(source);
        }
        self.turn = (self.turn + 1) % count;
        if self.verify {
            frame::fill(&mut self.sources[self.turn], self.seed, self.seq);
        }
        self.turn
    }

    #[inline]
    fn stamp(&mut self, frame: &mut [u8]) {
        if self.spoilt {
            frame[self.bytes / 2] ^= 1;
        }
        self.since_ns = self.due_ns.unwrap_or_else(mono_ns);
        Stamp { seq: self.seq, since_ns: self.since_ns, phase: self.phase }.write(frame, self.seed);
    }

    /// What the frame's latency counts from, which the stamp says as well.
    pub(crate) fn since_ns(&self) -> u64 {
        self.since_ns
    }
}

/// The number that the frame `nth` to be measured gets instead of `seq`, if a fault is to be committed.
fn misnumbered(fault: Option<Fault>, seq: u64, nth: u64) -> u64 {
    match fault {
        Some(Fault::Lost) if nth >= FAULTY => seq + 1,
        Some(Fault::Duplicated) if nth >= FAULTY => seq - 1,
        Some(Fault::Reordered) if nth == FAULTY => seq + 1,
        Some(Fault::Reordered) if nth == FAULTY + 1 => seq - 1,
        _ => seq,
    }
}

/// Sleeps until shortly before `due_ns`, then spins, since no sleep ends on time. How long it spun.
pub(crate) fn sleep_until(due_ns: u64, early_ns: u64) -> u64 {
    use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
    let mut now = mono_ns();
    if now + early_ns < due_ns {
        let at = due_ns - early_ns;
        let at = nix::sys::time::TimeSpec::new((at / NS_PER_S) as i64, (at % NS_PER_S) as i64);
        // Ends early by a signal at worst, and then we spin.
        let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &at);
        now = mono_ns();
    }
    let begun = now;
    while now < due_ns {
        std::hint::spin_loop();
        now = mono_ns();
    }
    now - begun
}

/// Sends frames until the run is over.
pub(crate) fn produce<S: Sender>(case: &Case, mut sender: S, board: &Scoreboard) -> Result<Outcome> {
    let mut work = Work::new(case);
    let pace = Pace::of(case);
    let mut seq = sender.resumes_at().unwrap_or(0);
    let mut now = mono_ns();
    let mut measuring = board.measured_from.get() != 0;
    // Where the pace counts from: of the warm-up, then of the measuring, which a predecessor may have begun.
    let (mut first, mut first_ns) =
        if measuring { (board.measured_from.get() - 1, board.started_ns.get()) } else { (seq, now) };
    let mut snapshot = measuring.then(|| Snapshot::take(case.count_syscalls)).transpose()?;
    // A predecessor may have been killed when all was done.
    let ended = board.ended.get();
    let overwritten_before = board.overwrote.get();
    while ended == 0 || seq < ended {
        if !measuring && pace.is_warm(first_ns, seq - first, now) {
            measuring = true;
            snapshot = Some(Snapshot::take(case.count_syscalls)?);
            first_ns = pace.measures_from(first_ns, seq - first, mono_ns());
            (first, work.paced_ns) = (seq, 0);
            board.started_ns.set(first_ns);
            board.measured_from.set(seq + 1);
        }
        let nth = seq - first;
        let over = measuring && (pace.is_over(first_ns, nth, now) || board.ended.get() == END_NOW);
        work.phase = match (measuring, over) {
            (false, _) => Phase::WarmUp,
            (true, false) => Phase::Measured,
            (true, true) => Phase::Last,
        };
        work.due_ns = if over { pace.last_due_ns(first_ns, nth, now) } else { pace.due_ns(first_ns, nth) };
        work.seq = if measuring { misnumbered(case.fault, seq, nth) } else { seq };
        work.spoilt = case.fault == Some(Fault::Torn) && measuring && nth == FAULTY;
        if work.phase == Phase::Last {
            board.ended.set(seq + 1);
        }
        let deadline = Deadline::at_ns(now + PATIENCE_NS + pace.period_ns());
        if !sender.send(&mut work, deadline)? {
            return Err(Error::sys("send", "the consumer takes nothing", std::io::ErrorKind::TimedOut));
        }
        if case.kill.is_some() {
            board.overwrote.set(overwritten_before + sender.overwrote());
        }
        board.sent.set(seq + 1);
        if work.phase == Phase::Last {
            break;
        }
        seq += 1;
        // Without a rate, the moment that the frame was complete: one look at the clock a frame is enough.
        now = if case.rate.is_some() { mono_ns() } else { work.since_ns() };
    }
    let mut outcome = snapshot.map_or_else(|| Ok(Outcome::default()), Snapshot::since)?;
    outcome.cpu_ns = outcome.cpu_ns.saturating_sub(work.paced_ns);
    outcome.frames = seq - first;
    outcome.overwrote = sender.overwrote();
    [outcome.spurious, outcome.late] = sender.doorbell();
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_committed_once() {
        let sent = |fault| (0..20).map(|n| misnumbered(Some(fault), n, n)).collect::<Vec<u64>>();
        assert_eq!(sent(Fault::Lost)[8..12], [8, 9, 11, 12]);
        assert_eq!(sent(Fault::Duplicated)[8..12], [8, 9, 9, 10]);
        assert_eq!(sent(Fault::Reordered)[8..13], [8, 9, 11, 10, 12]);
        assert_eq!(sent(Fault::Torn), (0..20).collect::<Vec<u64>>());
    }

    #[test]
    fn a_moment_is_met_and_never_missed_by_waking_early() {
        let due = mono_ns() + 2_000_000;
        sleep_until(due, EARLY_NS);
        assert!(mono_ns() >= due);
        assert_eq!(sleep_until(due, EARLY_NS), 0);
    }
}
