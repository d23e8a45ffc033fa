//! The thread that talks to the sound server: one loop over its socket and the player's orders.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pulseaudio::protocol::{
    self, ChannelMap, ChannelVolume, Command, CorkStreamParams, CreatePlaybackStreamReply, LatencyParams,
    PlaybackLatency, PlaybackStreamParams, Prop, Props, SampleFormat, SampleSpec,
};
use tricine_shared::time::mono_ns;

use super::wire::{Lost, Message, PATIENCE, Wire};
use crate::gain::Ramp;
use crate::sink::Format;

/// Bytes of a sample time: two channels of 32-bit floats.
const FRAME: usize = 8;
/// Sound between us and the ear: what a change of the volume waits for.
const LATENCY_MS: u64 = 40;
/// The server asks for no less than this at a time.
const REQUEST_MS: u64 = 10;
const MS: u64 = 1_000_000;
/// How often the server is asked where the stream is, and how often while it starts.
const ASK_NS: u64 = 25 * MS;
const ASK_SOON_NS: u64 = 7 * MS;
const STARTING_NS: u64 = 300 * MS;

/// What the player wants.
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

/// What the player is told.
#[derive(Debug)]
pub(super) enum Report {
    /// The stream plays to this sink.
    Opened(String),
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
    /// It ran dry although there were samples: this thread was late.
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
}

#[derive(Debug)]
struct Stream {
    channel: u32,
    /// Bytes that the server wants.
    wanted: usize,
    /// The stream's index at which position 0 is; `None` until the server has said so after a flush.
    base: Option<i64>,
}

pub(super) struct Worker {
    pub(super) orders: Receiver<Order>,
    pub(super) reports: Sender<Report>,
    /// Readable when there are orders; at its end when the player is gone.
    pub(super) bell: UnixStream,
    /// The factor of the samples, as an f32's bits.
    pub(super) gain: Arc<AtomicU32>,
}

/// Talks to the server until it or the player is gone.
pub(super) fn run(worker: &Worker) {
    if let Err(why) = Talk::open(worker).and_then(|mut talk| talk.run()) {
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
    /// Sample times sent since the flush.
    sent: u64,
    asked_ns: u64,
    /// Until then the stream's beginning is watched closely.
    starting_until_ns: u64,
}

impl<'a> Talk<'a> {
    fn open(worker: &'a Worker) -> Result<Self, Lost> {
        let wire = Wire::open()?;
        Ok(Self {
            worker,
            wire,
            stream: None,
            format: Format { channels: 2, rate: 48_000 },
            queue: VecDeque::new(),
            ramp: Ramp::new(f32::from_bits(worker.gain.load(Relaxed))),
            bytes: Vec::new(),
            pending: Vec::new(),
            epoch: 0,
            paused: false,
            dry: true,
            sent: 0,
            asked_ns: 0,
            starting_until_ns: 0,
        })
    }

    fn run(&mut self) -> Result<(), Lost> {
        loop {
            if !self.obey()? {
                return Ok(());
            }
            while let Some(message) = self.wire.next()? {
                self.hear(&message)?;
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
        let (server, player) = (rung(&fds[0]), rung(&fds[1]));
        if player {
            let _ = std::io::Read::read(&mut &self.worker.bell, &mut [0; 64]);
        }
        if server { self.wire.read() } else { Ok(()) }
    }

    /// Does what the player wants; whether it is still there.
    fn obey(&mut self) -> Result<bool, Lost> {
        loop {
            match self.worker.orders.try_recv() {
                Ok(Order::Open(rate)) => self.create(rate)?,
                Ok(Order::Samples(samples)) => {
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
        (self.epoch, self.sent, self.dry) = (epoch, 0, true);
        let Some(stream) = &mut self.stream else { return Ok(()) };
        stream.base = None;
        let channel = stream.channel;
        self.send(&Command::FlushPlaybackStream(channel), Pending::Done)?;
        self.time(Pending::Base)
    }

    /// Sends what the server wants and there is, louder or softer at the last moment.
    fn pump(&mut self) -> Result<(), Lost> {
        let Some(stream) = self.stream.as_mut().filter(|s| s.base.is_some()) else { return Ok(()) };
        let times = (stream.wanted / FRAME).min(self.queue.len() / 2);
        if times == 0 {
            return Ok(());
        }
        let wanted = f32::from_bits(self.worker.gain.load(Relaxed));
        self.bytes.clear();
        for _ in 0..times {
            let mut time = [self.queue.pop_front().unwrap_or(0.0), self.queue.pop_front().unwrap_or(0.0)];
            self.ramp.apply(&mut time, 2, self.format.rate, wanted);
            self.bytes.extend(time.iter().flat_map(|sample| sample.to_le_bytes()));
        }
        stream.wanted -= self.bytes.len();
        self.sent += times as u64;
        self.wire.send_samples(stream.channel, &self.bytes)
    }

    /// What the server says.
    fn hear(&mut self, message: &Message) -> Result<(), Lost> {
        let ours = |channel: u32| self.stream.as_ref().is_some_and(|s| s.channel == channel);
        match &message.command {
            Command::Reply => return self.answer(message),
            Command::Error(error) => {
                if let Some((_, pending)) = self.answered(message.seq) {
                    return Err(match pending {
                        Pending::Create => format!("the sound server opens no stream: {error}"),
                        _ => format!("the sound server refuses: {error}"),
                    });
                }
            }
            Command::Request(request) if ours(request.channel) => {
                if let Some(stream) = &mut self.stream {
                    stream.wanted += request.length as usize;
                }
            }
            Command::PlaybackStreamKilled(channel) if ours(*channel) => return Err("the sound's sink is gone".into()),
            Command::PlaybackStreamMoved(moved) if ours(moved.stream_index) => {
                self.report(Report::Opened(text(Some(&moved.device_name))));
                self.restarted();
            }
            Command::Started(channel) if ours(*channel) => self.restarted(),
            Command::Underflow(underflow) if ours(underflow.channel) && !self.queue.is_empty() => {
                self.report(Report::Late);
            }
            _ => {}
        }
        Ok(())
    }

    fn restarted(&mut self) {
        self.starting_until_ns = mono_ns() + STARTING_NS;
        self.report(Report::Started);
    }

    /// What the answer `seq` answers, and when that was asked.
    fn answered(&mut self, seq: u32) -> Option<(u64, Pending)> {
        let at = self.pending.iter().position(|&(s, _, _)| s == seq)?;
        let (_, pending, asked_ns) = self.pending.remove(at);
        Some((asked_ns, pending))
    }

    fn answer(&mut self, message: &Message) -> Result<(), Lost> {
        match self.answered(message.seq) {
            Some((_, Pending::Create)) => {
                let reply: CreatePlaybackStreamReply = message.reply()?;
                let wanted = reply.requested_bytes as usize;
                self.stream = Some(Stream { channel: reply.channel, wanted, base: Some(0) });
                self.starting_until_ns = mono_ns() + STARTING_NS;
                self.report(Report::Opened(text(reply.sink_name.as_deref())));
                // The player may have changed its mind since it asked.
                self.cork()?;
            }
            Some((_, Pending::Base)) => {
                let time: PlaybackLatency = message.reply()?;
                // Of several flushes the last one counts.
                if !self.pending.iter().any(|(_, p, _)| matches!(p, Pending::Base))
                    && let Some(stream) = &mut self.stream
                {
                    stream.base = Some(time.write_offset);
                }
            }
            Some((asked_ns, Pending::Time(epoch))) if epoch == self.epoch => {
                let time: PlaybackLatency = message.reply()?;
                self.timed(asked_ns, &time);
            }
            _ => {}
        }
        Ok(())
    }

    fn timed(&mut self, asked_ns: u64, time: &PlaybackLatency) {
        let Some(base) = self.stream.as_ref().and_then(|s| s.base) else { return };
        let ns = |bytes: i64| {
            let times = self.format.ns(bytes.unsigned_abs() / FRAME as u64) as i64;
            if bytes < 0 { -times } else { times }
        };
        let latency_ns = time.sink_usec.min(60_000_000) * 1000;
        // A stream that was never dry says so with all bits set.
        let silent_ns = if time.underrun_for > i64::MAX as u64 { 0 } else { ns(time.underrun_for as i64) as u64 };
        let drained = time.read_offset >= time.write_offset && self.queue.is_empty() && silent_ns >= latency_ns;
        let dry_ns = (drained && self.sent > 0).then(|| self.format.ns(self.sent));
        self.dry |= dry_ns.is_some();
        self.report(Report::Time {
            epoch: self.epoch,
            at_ns: asked_ns / 2 + mono_ns() / 2,
            position_ns: ns(time.read_offset - base) - latency_ns as i64,
            playing: time.playing,
            dry_ns,
        });
    }

    fn report(&self, report: Report) {
        // A player that does not listen for so long gets none: the next answer says as much.
        let _ = self.worker.reports.try_send(report);
    }
}

fn text(name: Option<&CStr>) -> String {
    name.map_or_else(|| "default".into(), |name| name.to_string_lossy().into_owned())
}
