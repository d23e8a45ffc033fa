//! One run: both processes of each session started, watched, killed where that is wanted, and asked what they found.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::board::Scoreboard;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tricine_channel::channel::Mode;
use tricine_channel::sys::fds;
use tricine_channel::sys::process::{Child, Exit, Reaped, Usage};
use tricine_channel::time::{Deadline, NS_PER_S, mono_ns};
use tricine_session::process::Spawn;
use tricine_session::{Error, Result};

use crate::case::{Case, Role};
use crate::kill::Killer;
use crate::load::Meter;
use crate::outcome::Outcome;
use crate::producer::{END_NOW, PATIENCE_NS};
use crate::role::{GO, LONGEST, Orders, Said, read_outcome};
use crate::transport::{Prepared, Transport, with_transport};

/// How long a run that is to be stopped has for its last frame. One that takes longer, since its pace is slow, is given up.
const LAST_FRAME_NS: u64 = NS_PER_S;
/// How often the coordinator looks up.
const TICK: Duration = Duration::from_millis(50);

/// What one session of a run came to.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Both sides' figures.
    pub(crate) producer: Outcome,
    /// The consumer's.
    pub(crate) consumer: Outcome,
    /// Frames that never came, with a wrong byte, that came twice, or too late.
    pub(crate) lost: u64,
    /// See `lost`.
    pub(crate) torn: u64,
    /// See `lost`.
    pub(crate) duplicated: u64,
    /// See `lost`.
    pub(crate) reordered: u64,
    /// From the first measured frame's chance to arrive to the last one's arrival.
    pub(crate) window_ns: [u64; 2],
    /// How often a process was killed.
    pub(crate) kills: u64,
    /// From each kill to the moment at which the successor had handed over a frame.
    pub(crate) recovery_ns: Vec<u64>,
}

/// What a run is watched with.
pub(crate) struct Watch<'a> {
    /// Told now and then how many frames have arrived, and how many of them counted.
    pub(crate) progress: &'a mut dyn FnMut(u64),
    /// Readable when the user wants to stop.
    pub(crate) stop: Option<BorrowedFd<'a>>,
    /// Notes what else the machine has to do.
    pub(crate) meter: &'a mut Meter,
}

/// How a run ended.
pub(crate) enum Ran {
    /// As it was meant to, or before its time; what each session came to, and whether the user wanted to stop.
    Measured(Vec<Measured>, bool),
    /// The user wanted to stop before there was anything to keep.
    Stopped,
}

/// One side's process.
struct Side {
    role: Role,
    child: Child,
    link: OwnedFd,
    ready: bool,
    outcome: Option<Outcome>,
    reaped: bool,
}

/// One session: two processes and what joins them.
pub(crate) struct Pair {
    case: Case,
    prepared: Prepared,
    board: Scoreboard,
    board_file: OwnedFd,
    sides: [Side; 2],
    started: bool,
    pub(crate) killer: Option<Killer>,
    usage: [Usage; 2],
}

fn start_side(case: &Case, role: Role, prepared: &Prepared, board: &OwnedFd) -> Result<Side> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .map_err(|e| Error::sys("socketpair", "link", e))?;
    let orders = serde_json::to_vec(&Orders { case: case.clone(), wiring: prepared.wiring.clone() })?;
    let ends = if role == Role::Producer { &prepared.producer } else { &prepared.consumer };
    let all: Vec<BorrowedFd<'_>> = std::iter::once(board).chain(ends).map(AsFd::as_fd).collect();
    fds::send(&ours, &orders, &all)?;
    let child = Spawn {
        title: format!("tricine: stress {} {}", role.name(), case.label()),
        role: crate::role_name(role),
        link: theirs.as_fd(),
        input: None,
        stdout: false,
        bound: true,
    }
    .start()?;
    Ok(Side { role, child, link: ours, ready: false, outcome: None, reaped: false })
}

impl Pair {
    fn start(case: &Case, session: &str, run: u64) -> Result<Self> {
        let prepared = with_transport!(case, T => <T as Transport>::prepare(case, session, run))?;
        let (board, file) = Scoreboard::create()?;
        let board_file = OwnedFd::from(file);
        let side = |role| start_side(case, role, &prepared, &board_file);
        let sides = [side(Role::Producer)?, side(Role::Consumer)?];
        let killer = match case.kill {
            Some(kill) => Some(Killer::new(kill, case, &prepared)?),
            None => None,
        };
        let usage = [Usage::default(); 2];
        Ok(Self { case: case.clone(), prepared, board, board_file, sides, started: false, killer, usage })
    }

    fn done(&self) -> bool {
        self.sides.iter().all(|s| s.outcome.is_some())
    }

    /// Makes the next frame the last one. False: none was measured yet, so that there is nothing to keep.
    fn end_now(&self) -> bool {
        if self.board.started_ns.get() == 0 {
            return false;
        }
        if self.board.ended.get() == 0 {
            self.board.ended.set(END_NOW);
        }
        true
    }

    /// Reads what a side has said. `Err` is what the user should know.
    fn hear(&mut self, i: usize) -> Result<()> {
        let side = &mut self.sides[i];
        let (bytes, mut fds) = fds::receive(&side.link, LONGEST)?;
        if bytes.is_empty() {
            // It is gone: killed by us, or by somebody else.
            return self.gone(i);
        }
        match serde_json::from_slice(&bytes)? {
            Said::Ready => {
                side.ready = true;
                // Whoever is gone by now cannot be told, and its link says so next.
                let go = |side: &Side| drop(fds::send(&side.link, GO, &[]));
                if self.started {
                    go(side);
                } else if self.sides.iter().all(|s| s.ready) {
                    self.started = true;
                    self.sides.iter().for_each(go);
                }
                Ok(())
            }
            Said::Done => {
                side.outcome = Some(read_outcome(fds.pop().ok_or(Error::Disconnected)?)?);
                Ok(())
            }
            Said::Failed(why) => Err(Error::sys(side.role.name(), self.case.label(), std::io::Error::other(why))),
        }
    }

    /// A side's process is gone: reaps it, recovers the channel and starts a successor, if we killed it.
    fn gone(&mut self, i: usize) -> Result<()> {
        let reaped = self.reap(i)?;
        let role = self.sides[i].role;
        if self.sides[i].outcome.is_some() {
            return Ok(());
        }
        match (&mut self.killer, reaped.exit()) {
            (Some(killer), Exit::Signal(signal)) if signal == Signal::SIGKILL as i32 => {
                killer.note(role);
                killer.recover(role, &reaped, &self.board)?;
                self.sides[i] = start_side(&self.case, role, &self.prepared, &self.board_file)?;
                Ok(())
            }
            (_, exit) => {
                let why = std::io::Error::other(format!("its process ended: {exit}"));
                Err(Error::sys(role.name(), self.case.label(), why))
            }
        }
    }

    /// Waits for a side's end. One that has said all or closed its link is about to end; if it does not, it is made to.
    fn reap(&mut self, i: usize) -> Result<Reaped> {
        let side = &mut self.sides[i];
        let patience = Deadline::at_ns(mono_ns() + PATIENCE_NS);
        loop {
            if let Some(reaped) = side.child.try_reap()? {
                side.reaped = true;
                self.usage[i].add(reaped.usage());
                return Ok(reaped);
            }
            if patience.passed() {
                side.child.signal(Signal::SIGKILL)?;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// What it came to.
    fn measured(mut self) -> Result<Measured> {
        for i in 0..2 {
            if !self.sides[i].reaped {
                self.reap(i)?;
            }
        }
        let mut sides = self.sides.iter_mut().map(|s| s.outcome.take().unwrap_or_default());
        let (mut producer, mut consumer) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
        let board = &*self.board;
        let mut measured = Measured {
            lost: board.lost.get(),
            torn: board.torn.get(),
            duplicated: board.duplicated.get(),
            reordered: board.reordered.get(),
            window_ns: [board.begun_ns.get(), board.last_ns.get()],
            ..Measured::default()
        };
        let mut uncounted = 0;
        if let Some(killer) = self.killer.take() {
            // Counters and times of the killed went with them; what is shared, and what the kernel kept, is whole.
            let from = board.measured_from.get().saturating_sub(1);
            // The highest number is that of the frame which only says that it is the last.
            producer.frames = board.next.get().saturating_sub(1 + from);
            if self.case.mode == Mode::Fifo {
                consumer.frames = producer.frames.saturating_sub(measured.lost);
            }
            consumer.latency = board.latency.counts();
            for (outcome, usage) in [&mut producer, &mut consumer].into_iter().zip(self.usage) {
                outcome.cpu_ns = (usage.cpu_s * 1e9) as u64;
                outcome.voluntary = usage.voluntary_switches;
                outcome.involuntary = usage.involuntary_switches;
            }
            (measured.kills, measured.recovery_ns) = killer.result();
            // Whoever was killed between overwriting a frame and counting it has not counted it.
            producer.overwrote = board.overwrote.get();
            uncounted = measured.kills;
        }
        if self.case.mode == Mode::Mailbox {
            // A gap is either a frame that was overwritten, which is as it should be, or a loss.
            measured.lost = measured.lost.saturating_sub(producer.overwrote + uncounted);
        }
        measured.producer = producer;
        measured.consumer = consumer;
        Ok(measured)
    }
}

impl Drop for Pair {
    /// However it ends, no process stays.
    fn drop(&mut self) {
        for i in 0..2 {
            if !self.sides[i].reaped {
                let _ = self.sides[i].child.signal(Signal::SIGKILL);
                let _ = self.reap(i);
            }
        }
    }
}

/// Measures `case` once. `run` counts the runs of this session.
pub(crate) fn run(case: &Case, session: &str, run: &mut u64, watch: &mut Watch<'_>) -> Result<Ran> {
    let mut pairs = Vec::new();
    for _ in 0..case.sessions {
        pairs.push(Pair::start(case, session, *run)?);
        *run += 1;
    }
    let mut moved = (0, mono_ns());
    // When the user's wish to stop has to be fulfilled.
    let mut stopping: Option<Deadline> = None;
    // A run of so many seconds is over by then, however slow the machine: who goes on has missed its end.
    let longest = Duration::from_secs_f64(case.warmup + case.seconds) + 4 * Duration::from_nanos(PATIENCE_NS);
    let over = Deadline::after(longest);
    while !pairs.iter().all(Pair::done) {
        let mut links: Vec<PollFd<'_>> = Vec::new();
        let mut whose = Vec::new();
        for (p, pair) in pairs.iter().enumerate() {
            for (i, side) in pair.sides.iter().enumerate().filter(|(_, s)| s.outcome.is_none()) {
                links.push(PollFd::new(side.link.as_fd(), PollFlags::POLLIN));
                whose.push((p, i));
            }
        }
        let stop = watch.stop.filter(|_| stopping.is_none());
        links.extend(stop.map(|stop| PollFd::new(stop, PollFlags::POLLIN)));
        let next_kill = pairs.iter().filter_map(|p| p.killer.as_ref().map(Killer::wait)).min();
        let wait = next_kill.map_or(TICK, |kill| kill.min(TICK));
        match poll(&mut links, PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO)) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(e) => return Err(Error::sys("poll", "links", e)),
        }
        let speaking: Vec<bool> = links.iter().map(|l| l.any().unwrap_or(false)).collect();
        drop(links);
        if stop.is_some() && speaking.last() == Some(&true) {
            stopping = Some(Deadline::at_ns(mono_ns() + LAST_FRAME_NS));
            if !pairs.iter().all(Pair::end_now) {
                return Ok(Ran::Stopped);
            }
        }
        if stopping.is_some_and(|deadline| deadline.passed()) {
            return Ok(Ran::Stopped);
        }
        for ((p, i), _) in whose.into_iter().zip(&speaking).filter(|(_, speaks)| **speaks) {
            pairs[p].hear(i)?;
        }
        for pair in &mut pairs {
            if let Some(killer) = &mut pair.killer
                && pair.started
            {
                let victims =
                    [&pair.sides[0], &pair.sides[1]].map(|s| (s.ready && s.outcome.is_none()).then_some(&s.child));
                killer.act(victims, &pair.board)?;
            }
        }
        if pairs.iter().all(|p| p.started) {
            watch.meter.look();
        }
        let count: u64 = pairs.iter().map(|p| p.board.received.get()).sum();
        (watch.progress)(count);
        let total: u64 = pairs.iter().map(|p| p.board.next.get() + p.board.sent.get()).sum();
        if total != moved.0 {
            moved = (total, mono_ns());
        } else if mono_ns() - moved.1 > 2 * PATIENCE_NS + case.rate.map_or(0, |r| (NS_PER_S as f64 / r) as u64) {
            let why = std::io::Error::new(std::io::ErrorKind::TimedOut, "no frame has moved for half a minute");
            return Err(Error::sys("measure", case.label(), why));
        }
        if over.passed() {
            let why = std::io::Error::new(std::io::ErrorKind::TimedOut, "it goes on a minute after its end");
            return Err(Error::sys("measure", case.label(), why));
        }
    }
    let measured = pairs.into_iter().map(Pair::measured).collect::<Result<Vec<_>>>()?;
    Ok(Ran::Measured(measured, stopping.is_some()))
}
