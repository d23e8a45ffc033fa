//! From a source to a channel, for pictures and for sound alike: one thread decodes a few frames ahead, one publishes
//! with back-pressure. The role's main thread only steers.
//!
//! A serial runs through everything: a seek gives the decoding thread a new one, and what is still under way from before
//! it is dropped wherever it is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::actor::Stop;
use tricine_session::channel::{Acquired, ChannelName, Kind, Mode, Producer};
use tricine_session::clock::PlayState;
use tricine_session::frame::FrameMeta;
use tricine_session::link::FromRole;

use crate::Context;
use crate::queue::{self, Goals, Unsent};
use crate::stream::Stream;
use tricine_media::MediaError;

/// How long a thread with nothing to do sleeps. Commands wake it; this only bounds the loss if one should not.
const IDLE: Duration = Duration::from_secs(1);
/// A mailbox is not held back by its reader, so its frames are published by the clock, this much before they are due.
const MAILBOX_LEAD_NS: u64 = 8_000_000;

/// Where the decoding thread is to go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Goal {
    /// The serial that what it decodes from there belongs to.
    pub(crate) serial: u32,
    /// Where to, in ns.
    pub(crate) target_ns: i64,
    /// What is not after this time has been published by a predecessor already.
    pub(crate) published_ns: Option<i64>,
    /// Nothing can be decoded here: to the next keyframe after `target_ns`.
    pub(crate) skip: bool,
}

/// What the decoding thread hands to the publishing one.
pub(crate) enum Decoded<T> {
    /// What follows is of this serial.
    Begin(u32),
    Item(u32, T),
    End(u32),
}

/// What both threads and the main thread know of each other.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// When the decoding thread entered its source, in ns on CLOCK_MONOTONIC; 0 while it is outside.
    busy_since_ns: AtomicU64,
    /// What was published, by this process.
    published: AtomicU64,
    /// Set once a stream has ended without anything to publish.
    dry: AtomicBool,
    /// The exit code of the process after an error that a thread met; 0 for none.
    broken: AtomicI32,
}

impl Status {
    /// How long the codec has been at one call.
    pub(crate) fn busy(&self) -> Duration {
        let since = self.busy_since_ns.load(Relaxed);
        Duration::from_nanos(if since == 0 { 0 } else { mono_ns().saturating_sub(since) })
    }

    /// What was published so far.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Relaxed)
    }

    /// Whether the stream ended and nothing ever came out of it.
    pub(crate) fn dry(&self) -> bool {
        self.dry.load(Relaxed)
    }

    /// The exit code, if the channel broke.
    pub(crate) fn broken(&self) -> Option<i32> {
        Some(self.broken.load(Relaxed)).filter(|&code| code != 0)
    }
}

/// One running pipeline, as the main thread steers it.
#[derive(Debug)]
pub(crate) struct Pipeline {
    goals: Box<dyn Aim>,
    channels: Sender<ChannelName>,
    kicks: Sender<()>,
    /// What its threads tell.
    pub(crate) status: Arc<Status>,
    serial: u32,
    _threads: [JoinHandle<()>; 2],
}

impl Pipeline {
    /// Starts both threads. `producer` is what a predecessor left, if anything; else a channel is asked for.
    ///
    /// Errors: threads cannot be had.
    pub(crate) fn start<S: Stream>(
        context: &Arc<Context>,
        stream: S,
        producer: Option<Producer>,
        goal: Option<Goal>,
        state: &PlayState,
        mode: Mode,
    ) -> std::io::Result<Self> {
        let (channels, channels_in) = unbounded();
        let (kicks, kicks_in) = bounded(1);
        let (goals, items, items_in) = queue::bounded(S::AHEAD, S::AHEAD / 4);
        let status = Arc::new(Status::default());
        if let Some(goal) = goal {
            goals.set(goal);
        }
        let decode = {
            let (status, context) = (status.clone(), context.clone());
            let decoding = Decoding { context, stream, items, status };
            thread::Builder::new().name(format!("{}-decode", S::KIND)).spawn(move || decoding.run())?
        };
        let publish = {
            let publishing = Publishing::<S> {
                context: context.clone(),
                items: items_in,
                channels: channels_in,
                kicks: kicks_in,
                producer,
                status: status.clone(),
                mode,
                overwrote: 0,
            };
            thread::Builder::new().name(format!("{}-publish", S::KIND)).spawn(move || publishing.run())?
        };
        Ok(Self { goals: Box::new(goals), channels, kicks, status, serial: state.serial, _threads: [decode, publish] })
    }

    /// Follows what the user wants: a new serial is a seek.
    pub(crate) fn follow(&mut self, state: &PlayState) {
        if state.serial != self.serial {
            self.serial = state.serial;
            let goal = Goal { serial: state.serial, target_ns: state.target_ns, published_ns: None, skip: false };
            self.goals.aim(goal);
        }
        let _ = self.kicks.try_send(());
    }

    /// The channel that was asked for is there.
    pub(crate) fn channel(&self, name: ChannelName) {
        let _ = self.channels.send(name);
    }
}

/// Takes goals, whatever is decoded on the way there.
trait Aim: std::fmt::Debug + Send {
    fn aim(&self, goal: Goal);
}

impl<T: Send> Aim for Goals<Goal, Decoded<T>> {
    fn aim(&self, goal: Goal) {
        self.set(goal);
    }
}

struct Decoding<S: Stream> {
    context: Arc<Context>,
    stream: S,
    items: queue::Sender<Goal, Decoded<S::Item>>,
    status: Arc<Status>,
}

impl<S: Stream> Decoding<S> {
    fn run(mut self) {
        // Without a goal there is nothing to do: a predecessor finished the stream, or nobody has sought yet.
        let mut next = self.items.goal();
        while let Some(goal) = next {
            next = self.decode(goal);
        }
    }

    /// Decodes from `goal` on, until there is a new one.
    fn decode(&mut self, goal: Goal) -> Option<Goal> {
        let context = self.context.clone();
        // Each of the two pipelines has a counter: a thread is the only writer of its words, too.
        let damaged = match S::KIND {
            Kind::Video => &context.page().video_damaged,
            Kind::Audio => &context.page().audio_damaged,
        };
        let mut yielded = false;
        match self.items.send(Decoded::Begin(goal.serial)) {
            Ok(()) => {}
            Err(Unsent::Goal(goal)) => return Some(goal),
            Err(Unsent::Gone) => return None,
        }
        let sought = self.busy(|stream| stream.go_to(goal.target_ns, goal.skip));
        let mut failed = sought.err();
        loop {
            let result = match failed.take() {
                Some(error) => Err(error),
                None => self.busy(S::next),
            };
            let decoded = match result {
                Ok(Some(item)) if goal.published_ns.is_some_and(|done| S::pts_ns(&item) <= done) => continue,
                Ok(Some(item)) => {
                    yielded = true;
                    Decoded::Item(goal.serial, item)
                }
                Ok(None) => Decoded::End(goal.serial),
                Err(MediaError::Damaged(what)) => {
                    damaged.add(1);
                    match damaged.get() {
                        1..=5 => tracing::warn!("{}: skipped damaged data: {what}", S::KIND),
                        6 => tracing::warn!("{}: further damaged data is skipped silently", S::KIND),
                        _ => {}
                    }
                    match self.items.new_goal() {
                        Some(goal) => return Some(goal),
                        None => continue,
                    }
                }
                Err(error) => {
                    tracing::warn!("{}: the stream ends early: {error}", S::KIND);
                    Decoded::End(goal.serial)
                }
            };
            let ended = matches!(decoded, Decoded::End(_));
            if ended && !yielded && goal.published_ns.is_none() {
                self.status.dry.store(true, Relaxed);
            }
            match self.items.send(decoded) {
                Ok(()) if ended => return self.items.goal(),
                Ok(()) => {}
                Err(Unsent::Goal(goal)) => return Some(goal),
                Err(Unsent::Gone) => return None,
            }
        }
    }

    fn busy<R>(&mut self, work: impl FnOnce(&mut S) -> R) -> R {
        self.status.busy_since_ns.store(mono_ns(), Relaxed);
        let result = work(&mut self.stream);
        self.status.busy_since_ns.store(0, Relaxed);
        result
    }
}

struct Publishing<S: Stream> {
    context: Arc<Context>,
    items: queue::Receiver<Goal, Decoded<S::Item>>,
    channels: Receiver<ChannelName>,
    kicks: Receiver<()>,
    producer: Option<Producer>,
    status: Arc<Status>,
    mode: Mode,
    /// What of the producer's own count is on the page already.
    overwrote: u64,
}

impl<S: Stream> Publishing<S> {
    fn run(mut self) {
        if let Err(Stop::Broken(error)) = self.publish_all() {
            tracing::error!("{} channel: {error}", S::KIND);
            self.status.broken.store(error.exit_code(), Relaxed);
        }
    }

    fn publish_all(&mut self) -> Result<(), Stop> {
        // The serial whose end was reached, so that what follows takes the end back.
        let mut ended = self.producer.as_ref().is_some_and(Producer::finished);
        loop {
            match self.items.receive().ok_or(Stop::Quit)? {
                // However long it takes to get there, the end of what was before is not its end.
                Decoded::Begin(serial) => {
                    if self.current(serial)
                        && std::mem::take(&mut ended)
                        && let Some(producer) = &self.producer
                    {
                        producer.reopen();
                    }
                }
                Decoded::Item(serial, item) => {
                    for part in S::parts(item) {
                        if !self.current(serial) {
                            break;
                        }
                        self.await_channel(&part, serial)?;
                        if !self.publish(part, serial)? {
                            break;
                        }
                    }
                }
                Decoded::End(serial) => {
                    // A stream of which nothing could be decoded ends in its channel, too: its reader waits there.
                    if self.producer.is_none() {
                        self.take_channel()?;
                    }
                    if self.current(serial)
                        && let Some(producer) = &self.producer
                    {
                        producer.finish();
                        ended = true;
                        if S::KIND == Kind::Audio && self.status.dry() {
                            self.context.page().no_audio_in.set(u64::from(serial) + 1);
                        }
                    }
                }
            }
        }
    }

    fn state(&self) -> Option<PlayState> {
        self.context.control.state().map(|(_, state)| state)
    }

    fn current(&self, serial: u32) -> bool {
        self.state().is_none_or(|state| state.serial == serial)
    }

    /// Makes sure of a channel whose slots take `part`: asks the supervisor for a larger one where they do not.
    fn await_channel(&mut self, part: &S::Part, serial: u32) -> Result<(), Stop> {
        let needed = S::len(part) as u64;
        if self.producer.as_ref().is_some_and(|p| p.channel().capacity() as u64 >= needed) {
            return Ok(());
        }
        // The first one was asked for when the input was opened.
        if self.producer.is_some() {
            self.context.tell(&FromRole::NeedChannel {
                kind: S::KIND,
                capacity: needed,
                base: self.producer.as_ref().map_or(0, Producer::next_seq),
                resume_pts_ns: S::part_pts_ns(part),
                resume_serial: serial,
            })?;
        }
        self.take_channel()?;
        // The one asked for may be the first, made for a first frame that was smaller.
        self.await_channel(part, serial)
    }

    /// Waits for a channel that was asked for, and sends the consumer of the one before after it.
    fn take_channel(&mut self) -> Result<(), Stop> {
        let name = self.channels.recv().map_err(|_| Stop::Quit)?;
        let generation = name.generation;
        let producer = self.context.region(&name)?.attach_producer()?;
        self.overwrote = 0;
        if let Some(old) = self.producer.replace(producer) {
            old.retire(generation);
        }
        Ok(())
    }

    /// Publishes one part, as soon as there is a slot. `false` if it is of a serial that is over.
    fn publish(&mut self, mut part: S::Part, serial: u32) -> Result<bool, Stop> {
        if self.mode == Mode::Mailbox && !self.await_due(S::part_pts_ns(&part), serial) {
            return Ok(false);
        }
        loop {
            if !self.current(serial) {
                return Ok(false);
            }
            let Some(producer) = &mut self.producer else { return Ok(false) };
            let published = match producer.acquire(Deadline::after(IDLE))? {
                Acquired::Slot(mut slot) => {
                    let meta = FrameMeta { serial, ..S::write(&mut part, &mut slot) };
                    let page = self.context.page();
                    // Before publish, and as a level: a death between the two leaves a count that is right again once
                    // the successor has published this very frame.
                    if S::KIND == Kind::Video {
                        page.video_decoded.raise(slot.seq() + 1);
                    }
                    let seq = slot.publish(meta)?;
                    match S::KIND {
                        Kind::Video => page.video_published.raise(seq + 1),
                        Kind::Audio => page.audio_published.raise(seq + 1),
                    }
                    true
                }
                // End and Successor are a consumer's.
                Acquired::Woken | Acquired::TimedOut | Acquired::End | Acquired::Successor(_) => false,
            };
            if published {
                let overwrote = producer.overwrote();
                if overwrote > self.overwrote {
                    self.context.page().overwrote.add(overwrote - self.overwrote);
                    self.overwrote = overwrote;
                }
                self.status.published.fetch_add(1, Relaxed);
                return Ok(true);
            }
        }
    }

    /// Sleeps until shortly before `pts_ns` is due. `false` if the serial is over.
    fn await_due(&self, pts_ns: i64, serial: u32) -> bool {
        let control = &self.context.control;
        // The first frame of a serial is awaited by nobody's clock; it starts one.
        let mut first = self.producer.as_ref().and_then(|p| p.last_published().ok().flatten());
        if self.context.spec.unpaced || first.take().is_none_or(|last| last.serial != serial) {
            return self.current(serial);
        }
        while self.current(serial) {
            let due = control.clock(serial).and_then(|clock| clock.when(pts_ns));
            let wait = match due.map(|due| due.saturating_sub(MAILBOX_LEAD_NS).saturating_sub(mono_ns())) {
                Some(0) => return true,
                Some(ns) => Duration::from_nanos(ns).min(IDLE),
                // No clock yet, or paused: kicked when that changes, but a clock's start is not announced.
                None if self.state().is_some_and(|s| s.paused) => IDLE,
                None => Duration::from_millis(5),
            };
            if self.kicks.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                return false;
            }
        }
        false
    }
}
