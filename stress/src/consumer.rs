//! The receiving process: looks at frames, checks and counts them.

use crate::board::Scoreboard;
use hdrhistogram::Histogram;
use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::{Error, Result};

use crate::case::{Case, Read};
use crate::frame::{self, Phase, Stamp};
use crate::gathering::histogram;
use crate::outcome::{Outcome, Snapshot};
use crate::pace::Pace;
use crate::producer::PATIENCE_NS;
use crate::transport::Receiver;

/// How long before a frame is expected a consumer that knows the rate wakes up. A sleep ends so much late at most, nearly
/// always: on a virtual machine one in two hundred is more than 200 µs late. At 60 frames a second it is less than 2 % of a core.
pub(crate) const EARLY_NS: u64 = 200_000;
/// How long after a frame was due it still asks before it sleeps. Not for long: a producer that is late may be waiting for this very
/// core, which the scheduler gives to both at times (one frame in six, where neither is pinned), or for the one core of the host's
/// that a virtual machine's two are. It cannot run while we ask. Pinned to
/// cores of their own, the two are in nobody's way, and [`EARLY_NS`] is better: to wake a halted core takes 100 µs on some machines.
pub(crate) const LATE_NS: u64 = 5_000;

/// What is known of the frames so far.
#[derive(Debug)]
pub(crate) struct Intake<'a> {
    case: &'a Case,
    board: &'a Scoreboard,
    latency: Histogram<u64>,
    /// The longest one, which the histogram knows to three digits only.
    longest_ns: u64,
    samples: Vec<[u64; 3]>,
    /// One past the highest frame that was booked.
    next: u64,
    /// Which of the 64 frames before `next` were booked.
    seen: u64,
    /// Whether this process has had no frame yet.
    first: bool,
    arrived_ns: u64,
    /// The moment that the last frame's latency counts from.
    since_ns: u64,
    begun_ns: u64,
    snapshot: Option<Snapshot>,
    failed: Option<Error>,
    last: bool,
}

impl<'a> Intake<'a> {
    fn new(case: &'a Case, board: &'a Scoreboard) -> Self {
        Self {
            case,
            board,
            latency: histogram(),
            longest_ns: 0,
            samples: Vec::new(),
            next: board.next.get(),
            seen: u64::MAX,
            first: true,
            arrived_ns: 0,
            since_ns: 0,
            begun_ns: board.begun_ns.get(),
            snapshot: None,
            failed: None,
            // A predecessor may have been killed when all was done.
            last: (1..=board.next.get()).contains(&board.ended.get()),
        }
    }

    /// Looks at a frame that has just come.
    #[inline]
    pub(crate) fn arrived(&mut self, frame: &[u8]) {
        let now = mono_ns();
        let before_ns = std::mem::replace(&mut self.arrived_ns, now);
        let Some(stamp) = Stamp::read(frame, self.case.seed) else {
            self.board.torn.add(1);
            return;
        };
        self.since_ns = stamp.since_ns;
        if stamp.phase == Phase::Last {
            self.last = true;
            self.book(stamp.seq);
            return;
        }
        if stamp.phase == Phase::Measured && self.snapshot.is_none() {
            self.begin(Pace::of(self.case).chance_ns(stamp.since_ns, before_ns));
        }
        if self.case.verify {
            if !frame::whole(frame, self.case.seed, stamp.seq) {
                self.board.torn.add(1);
            }
        } else if self.case.read == Read::All {
            std::hint::black_box(frame::sum(frame));
        }
        let new = self.book(stamp.seq);
        if new && stamp.phase == Phase::Measured {
            self.measured(stamp, now);
        }
    }

    /// The first measured frame that this process gets.
    fn begin(&mut self, begun_ns: u64) {
        if self.begun_ns == 0 {
            self.begun_ns = begun_ns;
            self.board.begun_ns.set(begun_ns);
        }
        match Snapshot::take(self.case.count_syscalls) {
            Ok(snapshot) => self.snapshot = Some(snapshot),
            Err(error) => self.failed = Some(error),
        }
    }

    #[inline]
    fn measured(&mut self, stamp: Stamp, now: u64) {
        self.board.received.add(1);
        self.board.last_ns.set(now);
        let latency = now.saturating_sub(stamp.since_ns);
        if self.case.kill.is_some() {
            // Only what is shared outlives this process.
            self.board.latency.record(latency);
        } else {
            self.latency.saturating_record(latency.max(1));
            self.longest_ns = self.longest_ns.max(latency);
        }
        if self.case.samples {
            self.samples.push([stamp.seq, stamp.since_ns, now]);
        }
    }

    /// Books frame `seq`; whether it is a new one. It is booked by one store, so that whoever is killed at any moment
    /// either has booked it or has not.
    #[inline]
    fn book(&mut self, seq: u64) -> bool {
        let first = std::mem::take(&mut self.first);
        if seq >= self.next {
            let skipped = seq - self.next;
            if skipped > 0 {
                self.board.lost.add(skipped);
            }
            self.seen = if skipped >= 63 { 1 } else { self.seen << (skipped + 1) | 1 };
            self.next = seq + 1;
            self.board.next.set(self.next);
            return true;
        }
        let back = self.next - 1 - seq;
        if back == 0 && first {
            // A predecessor had booked it and was killed before it gave it back: the channel delivers it again.
            return false;
        }
        if back >= 64 || self.seen >> back & 1 == 1 {
            self.board.duplicated.add(1);
            return false;
        }
        self.seen |= 1 << back;
        self.board.reordered.add(1);
        self.board.lost.set(self.board.lost.get().saturating_sub(1));
        true
    }
}

/// Receives frames until the producer says that it was the last.
pub(crate) fn consume<R: Receiver>(case: &Case, mut receiver: R, board: &Scoreboard) -> Result<Outcome> {
    let mut intake = Intake::new(case, board);
    let pace = Pace::of(case);
    let period_ns = pace.period_ns();
    while !intake.last {
        if case.expect && intake.arrived_ns != 0 {
            let first_ns = if intake.snapshot.is_some() { board.started_ns.get() } else { 0 };
            if let Some(due_ns) = pace.expected_ns(intake.since_ns, board.received.get(), first_ns) {
                // No spinning here: that is for the transport, which sees the frame come.
                receiver.doze(due_ns)?;
            }
        }
        let from_ns = if intake.arrived_ns == 0 { mono_ns() } else { intake.arrived_ns };
        let deadline = Deadline::at_ns(from_ns + PATIENCE_NS + period_ns);
        if !receiver.receive(&mut intake, deadline)? {
            return Err(Error::sys("receive", "the producer sends nothing", std::io::ErrorKind::TimedOut));
        }
        if let Some(error) = intake.failed.take() {
            return Err(error);
        }
    }
    let mut outcome = intake.snapshot.take().map_or_else(|| Ok(Outcome::default()), Snapshot::since)?;
    outcome.frames = board.received.get();
    let values = intake.latency.iter_recorded();
    outcome.latency = values.map(|v| (v.value_iterated_to().min(intake.longest_ns), v.count_at_value())).collect();
    outcome.samples = intake.samples;
    [outcome.spurious, outcome.late] = receiver.doorbell();
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::case;

    fn booked(numbers: &[u64]) -> [u64; 4] {
        let (board, _file) = Scoreboard::create().unwrap();
        let case = case();
        let mut intake = Intake::new(&case, &board);
        for &seq in numbers {
            let mut frame = vec![0; case.bytes];
            Stamp { seq, since_ns: 1, phase: Phase::Measured }.write(&mut frame, case.seed);
            frame::fill(&mut frame, case.seed, seq);
            intake.arrived(&frame);
        }
        [board.received.get(), board.lost.get(), board.duplicated.get(), board.reordered.get()]
    }

    #[test]
    fn lost_duplicated_and_reordered_frames_are_told_apart() {
        assert_eq!(booked(&[0, 1, 2, 3]), [4, 0, 0, 0]);
        assert_eq!(booked(&[0, 1, 3]), [3, 1, 0, 0]);
        assert_eq!(booked(&[0, 1, 1, 2]), [3, 0, 1, 0]);
        assert_eq!(booked(&[0, 2, 1, 3]), [4, 0, 0, 1]);
        assert_eq!(booked(&[0, 200, 1]), [2, 199, 1, 0]);
    }

    #[test]
    fn a_torn_payload_and_a_torn_stamp_are_torn_frames() {
        let (board, _file) = Scoreboard::create().unwrap();
        let case = case();
        let mut intake = Intake::new(&case, &board);
        let mut frame = vec![0; case.bytes];
        Stamp { seq: 0, since_ns: 1, phase: Phase::Measured }.write(&mut frame, case.seed);
        frame::fill(&mut frame, case.seed, 1);
        intake.arrived(&frame);
        assert_eq!(board.torn.get(), 1);
        frame[3] ^= 8;
        intake.arrived(&frame);
        assert_eq!(board.torn.get(), 2);
    }

    #[test]
    fn a_frame_that_a_predecessor_had_booked_is_not_booked_again() {
        let (board, _file) = Scoreboard::create().unwrap();
        let case = case();
        let mut frame = vec![0; case.bytes];
        Stamp { seq: 0, since_ns: 1, phase: Phase::Measured }.write(&mut frame, case.seed);
        frame::fill(&mut frame, case.seed, 0);
        for _incarnation in 0..2 {
            Intake::new(&case, &board).arrived(&frame);
        }
        let counts = [&board.received, &board.lost, &board.duplicated, &board.torn].map(|c| c.get());
        assert_eq!(counts, [1, 0, 0, 0]);
    }
}
