//! The thread that talks to the sound server: one loop over its socket and the speaker's orders.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pulseaudio::protocol::{
    self, ChannelMap, ChannelVolume, Command, CorkStreamParams, LatencyParams, PlaybackStreamParams, Prop, Props,
    SampleFormat, SampleSpec,
};
use tricine_channel::time::mono_ns;

use super::wire::{Legacy, Line, Lost, PATIENCE, Wire};
use crate::gain::Ramp;
use crate::sink::Format;

mod answers;

/// Bytes of a sample time: two channels of 32-bit floats.
const FRAME: usize = 8;
/// How much the server is asked to hold at least. It is given more at once, see [`super::AHEAD_NS`].
const LATENCY_MS: u64 = 60;
/// The longest packet of samples: one that the kernel takes as a whole.
const PACKET: usize = 16 << 10;
/// The server asks for no less than this at a time: its questions are not waited for, and each would wake us.
const REQUEST_MS: u64 = 30;
const MS: u64 = 1_000_000;
/// How often the server is asked where the stream is, and how often while it starts.
const ASK_NS: u64 = 100 * MS;
const ASK_SOON_NS: u64 = 6 * MS;
const STARTING_NS: u64 = 300 * MS;

/// What the speaker wants.
#[derive(Debug)]
pub(super) enum Order {
    /// Open a stereo stream at this rate.
    Open(u32),
    /// Play these.
    Samples(Vec<f32>),
    /// Forget what was not heard; what comes next counts from 0 and belongs to this epoch.
    Flush(u64),
    /// Stand still, or go on.
    Pause(bool),
}

/// What the speaker is told.
#[derive(Debug)]
pub(super) enum Report {
    /// The stream plays to this sink, and this is what a successor has to know.
    Opened(String, Legacy),
    /// A predecessor's stream goes on.
    Inherited {
        epoch: u64,
        /// What it holds and has played, as if all had been written since a flush, in ns.
        written_ns: u64,
        /// When all of that will have been heard, on CLOCK_MONOTONIC.
        until_ns: u64,
    },
    /// Where the stream is.
    Time {
        epoch: u64,
        /// When that was.
        at_ns: u64,
        /// Heard since the flush, in ns; before the first sample is heard, less than 0.
        position_ns: i64,
        /// Whether it moves.
        playing: bool,
        /// All that was heard, in ns, if there is nothing else.
        dry_ns: Option<u64>,
    },
    /// It moves, from here or after silence.
    Started,
    /// It ran dry for so short a time that no answer has told: samples came late.
    Late,
    /// This is over.
    Lost(Lost),
}

/// An answer that is waited for.
#[derive(Debug, Clone, Copy)]
enum Pending {
    Create,
    Done,
    /// The epoch that the question was asked in.
    Time(u64),
    /// Where the first sample after a flush will be.
    Base,
    /// Where a predecessor's stream is.
    Inherit,
}

#[derive(Debug)]
struct Stream {
    channel: u32,
    /// The stream's index at which position 0 is; `None` until the server has said so after a flush.
    base: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) orders: Receiver<Order>,
    pub(super) reports: Sender<Report>,
    /// Readable when there are orders; at its end when the speaker is gone.
    pub(super) bell: UnixStream,
    /// The factor of the samples, as an f32's bits.
    pub(super) gain: Arc<AtomicU32>,
}

/// The thread that talks to one server after the other. There is one for all of them: a thread that starts where memory
/// has run out is a panic of the standard library's, which wants a stack for its signals, and no error.
#[derive(Debug)]
pub(crate) struct Talker(Sender<(Worker, Receiver<Result<Line, Lost>>)>);

impl Talker {
    pub(crate) fn start() -> Result<Self, Lost> {
        let (talks, talks_in) = unbounded();
        std::thread::Builder::new()
            .name("sound server".into())
            .spawn(move || talks_in.iter().for_each(|(worker, lines)| run(&worker, &lines)))
            .map_err(|e| format!("thread: {e}"))?;
        Ok(Self(talks))
    }

    /// Has it talk for `worker` by the line that comes from `lines`, when it has done with the one before.
    pub(super) fn talk(&self, worker: Worker, lines: Receiver<Result<Line, Lost>>) -> Result<(), Lost> {
        self.0.send((worker, lines)).map_err(|_| "the thread that talks to sound servers is gone".into())
    }
}

/// Talks to the server until it or the speaker is gone.
fn run(worker: &Worker, lines: &Receiver<Result<Line, Lost>>) {
    // Who asked for it and has let go of it gets none.
    let line = lines.recv().unwrap_or_else(|_| Err("nobody waits for a sound server any more".into()));
    if let Err(why) = line.and_then(|line| Talk::open(worker, line)).and_then(|mut talk| talk.run()) {
        let _ = worker.reports.send(Report::Lost(why));
    }
}

struct Talk<'a> {
    worker: &'a Worker,
    wire: Wire,
    stream: Option<Stream>,
    format: Format,
    queue: VecDeque<f32>,
    ramp: Ramp,
    bytes: Vec<u8>,
    pending: Vec<(u32, Pending, u64)>,
    epoch: u64,
    paused: bool,
    /// Nothing is left to be heard; there is nothing to ask.
    dry: bool,
    /// Nothing was left to play when it was last heard of, and nothing has come since.
    ran_dry: bool,
    /// Sample times sent since the flush.
    sent: u64,
    asked_ns: u64,
    /// Until then the stream's beginning is watched closely.
    starting_until_ns: u64,
}

impl<'a> Talk<'a> {
    fn open(worker: &'a Worker, line: Line) -> Result<Self, Lost> {
        let mut format = Format::stereo(48_000);
        let channel = line.legacy().map(|legacy| {
            format.rate = legacy.rate;
            legacy.channel
        });
        let wire = Wire::go_on(line)?;
        let mut this = Self {
            worker,
            wire,
            stream: channel.map(|channel| Stream { channel, base: None }),
            format,
            queue: VecDeque::new(),
            ramp: Ramp::new(f32::from_bits(worker.gain.load(Relaxed))),
            bytes: Vec::new(),
            pending: Vec::new(),
            epoch: 0,
            paused: false,
            dry: true,
            ran_dry: false,
            sent: 0,
            asked_ns: 0,
            starting_until_ns: 0,
        };
        if channel.is_some() {
            this.time(Pending::Inherit)?;
        }
        Ok(this)
    }

    fn run(&mut self) -> Result<(), Lost> {
        loop {
            if !self.obey()? {
                return Ok(());
            }
            self.pump()?;
            let now_ns = mono_ns();
            let answer_by = self.pending.first().map(|&(_, _, asked)| asked + PATIENCE.as_nanos() as u64);
            if answer_by.is_some_and(|by| now_ns > by) {
                return Err("the sound server does not answer".into());
            }
            let wake_ns = match self.next_question(now_ns) {
                Some(at) if at <= now_ns => {
                    self.ask_time(now_ns)?;
                    continue;
                }
                at => at.into_iter().chain(answer_by).min(),
            };
            self.wait(wake_ns.map(|at| at - now_ns))?;
        }
    }

    /// When to ask where the stream is; `None` while it stands still.
    fn next_question(&self, now_ns: u64) -> Option<u64> {
        let stream = self.stream.as_ref().filter(|_| !self.paused && !self.dry)?;
        let unanswered = self.pending.iter().any(|(_, p, _)| matches!(p, Pending::Time(_)));
        if stream.base.is_none() || unanswered {
            return None;
        }
        Some(self.asked_ns + if now_ns < self.starting_until_ns { ASK_SOON_NS } else { ASK_NS })
    }

    fn ask_time(&mut self, now_ns: u64) -> Result<(), Lost> {
        self.asked_ns = now_ns;
        self.time(Pending::Time(self.epoch))
    }

    fn time(&mut self, pending: Pending) -> Result<(), Lost> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let params = LatencyParams { channel: stream.channel, now: SystemTime::now() };
        self.send(&Command::GetPlaybackLatency(params), pending)
    }

    fn send(&mut self, command: &Command, pending: Pending) -> Result<(), Lost> {
        let seq = self.wire.send(command)?;
        self.pending.push((seq, pending, mono_ns()));
        Ok(())
    }

    fn wait(&mut self, ns: Option<u64>) -> Result<(), Lost> {
        let timeout = ns.map_or(PollTimeout::NONE, |ns| {
            PollTimeout::try_from(ns.div_ceil(MS).min(60_000) as u32).unwrap_or(PollTimeout::ZERO)
        });
        let mut fds = [
            PollFd::new(self.wire.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.worker.bell.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(format!("poll: {e}")),
        }
        let rung = |fd: &PollFd<'_>| fd.revents().is_some_and(|r| !r.is_empty());
        let (server, speaker) = (rung(&fds[0]), rung(&fds[1]));
        if speaker {
            let _ = std::io::Read::read(&mut &self.worker.bell, &mut [0; 64]);
        }
        if server {
            for message in self.wire.read()? {
                self.hear(&message)?;
            }
        }
        Ok(())
    }

    /// Does what the speaker wants; whether it is still there.
    fn obey(&mut self) -> Result<bool, Lost> {
        loop {
            match self.worker.orders.try_recv() {
                Ok(Order::Open(rate)) => self.create(rate)?,
                Ok(Order::Samples(samples)) => {
                    if std::mem::take(&mut self.ran_dry) && !self.dry {
                        self.report(Report::Late);
                    }
                    if std::mem::take(&mut self.dry) {
                        self.starting_until_ns = mono_ns() + STARTING_NS;
                    }
                    self.queue.extend(samples);
                }
                Ok(Order::Flush(epoch)) => self.flush(epoch)?,
                Ok(Order::Pause(paused)) => {
                    self.paused = paused;
                    self.starting_until_ns = mono_ns() + STARTING_NS;
                    self.cork()?;
                }
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    fn create(&mut self, rate: u32) -> Result<(), Lost> {
        self.format.rate = rate;
        let bytes = |ms: u64| (u64::from(rate) * ms / 1000) as u32 * FRAME as u32;
        let mut props = Props::new();
        props.set(Prop::MediaName, c"film");
        // No media.role: servers keep one volume for all programs of a role.
        let params = PlaybackStreamParams {
            sample_spec: SampleSpec { format: SampleFormat::Float32Le, channels: 2, sample_rate: rate },
            channel_map: ChannelMap::stereo(),
            sink_name: Some(protocol::DEFAULT_SINK.to_owned()),
            buffer_attr: protocol::stream::BufferAttr {
                target_length: bytes(LATENCY_MS),
                // One sample time: the first to come starts it, so that a short sound is played, too.
                pre_buffering: FRAME as u32,
                minimum_request_length: bytes(REQUEST_MS),
                ..Default::default()
            },
            cvolume: Some(ChannelVolume::norm(2)),
            props,
            flags: protocol::stream::StreamFlags {
                start_corked: self.paused,
                adjust_latency: true,
                ..Default::default()
            },
            ..Default::default()
        };
        self.send(&Command::CreatePlaybackStream(params), Pending::Create)
    }

    fn cork(&mut self) -> Result<(), Lost> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let params = CorkStreamParams { channel: stream.channel, cork: self.paused };
        self.send(&Command::CorkPlaybackStream(params), Pending::Done)
    }

    fn flush(&mut self, epoch: u64) -> Result<(), Lost> {
        self.queue.clear();
        (self.epoch, self.sent, self.dry, self.ran_dry) = (epoch, 0, true, false);
        let Some(stream) = &mut self.stream else { return Ok(()) };
        stream.base = None;
        let channel = stream.channel;
        self.send(&Command::FlushPlaybackStream(channel), Pending::Done)?;
        self.time(Pending::Base)
    }

    /// Sends what there is, louder or softer at the last moment. The server may hold more than it asks for, and what it
    /// holds outlives us.
    fn pump(&mut self) -> Result<(), Lost> {
        while self.packet()? {}
        Ok(())
    }

    /// Sends one packet; whether there was something to send.
    fn packet(&mut self) -> Result<bool, Lost> {
        let Some(stream) = self.stream.as_ref().filter(|s| s.base.is_some()) else { return Ok(false) };
        let times = (PACKET / FRAME).min(self.queue.len() / 2);
        if times == 0 {
            return Ok(false);
        }
        let wanted = f32::from_bits(self.worker.gain.load(Relaxed));
        self.bytes.clear();
        for _ in 0..times {
            let mut time = [self.queue.pop_front().unwrap_or(0.0), self.queue.pop_front().unwrap_or(0.0)];
            self.ramp.apply(&mut time, 2, self.format.rate, wanted);
            self.bytes.extend(time.iter().flat_map(|sample| sample.to_le_bytes()));
        }
        self.sent += times as u64;
        self.wire.send_samples(stream.channel, &self.bytes)?;
        Ok(true)
    }

    fn report(&self, report: Report) {
        // A speaker that does not listen for so long gets none: the next answer says as much.
        let _ = self.worker.reports.try_send(report);
    }
}
