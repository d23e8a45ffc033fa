//! From a source to a channel, for pictures and for sound alike: one thread decodes a few frames ahead, one publishes
//! with back-pressure. The role's main thread only steers.
//!
//! A serial runs through everything: a seek gives the decoding thread a new one, and what is still under way from before
//! it is dropped wherever it is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded, unbounded};
use tricine_channel::time::mono_ns;
use tricine_media::MediaError;
use tricine_session::channel::{ChannelName, Kind, Mode, Producer};
use tricine_session::clock::PlayState;
use tricine_session::control::{Counter, Writable};

use self::publishing::Publishing;
use crate::Context;
use crate::queue::{self, Goals, Unsent};
use crate::stream::Stream;

mod publishing;

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
    /// What of the user's wishes makes the stream go elsewhere, and where to.
    wanted: fn(&Context, &PlayState) -> (u32, i64),
    context: Arc<Context>,
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
            let decoding = Decoding { context, stream, items, status, took_ns: 0 };
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
        let (context, serial) = (context.clone(), S::serial(state));
        let wanted = |context: &Context, state: &PlayState| (S::serial(state), S::target(context, state));
        let _threads = [decode, publish];
        Ok(Self { goals: Box::new(goals), channels, kicks, status, serial, wanted, context, _threads })
    }

    /// Follows what the user wants: a new serial is a seek.
    pub(crate) fn follow(&mut self, state: &PlayState) {
        let (serial, target_ns) = (self.wanted)(&self.context, state);
        if serial != self.serial {
            self.serial = serial;
            let goal = Goal { serial, target_ns, published_ns: None, skip: false };
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

/// Pictures that are so far behind the sound, in ns, are hurried up.
const LATE_NS: i64 = 1_000_000_000;
/// Until they are no further behind than this.
const CAUGHT_UP_NS: i64 = 100_000_000;

struct Decoding<S: Stream> {
    context: Arc<Context>,
    stream: S,
    items: queue::Sender<Goal, Decoded<S::Item>>,
    status: Arc<Status>,
    /// How long the last call of the stream took.
    took_ns: u64,
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
        // Pictures and sound have a counter each: a thread is the only writer of its words, too.
        let own = Counter::<Writable>::default();
        let damaged = match S::KIND {
            Kind::Video => &context.page().video_damaged,
            Kind::Audio => &context.page().audio_damaged,
            Kind::Cues => &own,
        };
        let (mut yielded, mut hurries, mut last_ns) = (false, false, None);
        match self.items.send(Decoded::Begin(goal.serial)) {
            Ok(()) => {}
            Err(Unsent::Goal(goal)) => return Some(goal),
            Err(Unsent::Gone) => return None,
        }
        let sought = self.busy(|stream| stream.go_to(goal.target_ns, goal.skip));
        let mut failed = sought.err();
        loop {
            let film_ns = self.sound_ns(goal.serial);
            let late_ns = film_ns.zip(last_ns).map_or(0, |(film, last): (i64, i64)| film.saturating_sub(last));
            hurries = late_ns > if hurries { CAUGHT_UP_NS } else { LATE_NS };
            if let Some(film_ns) = film_ns.filter(|_| hurries) {
                self.stream.hurry(film_ns);
            }
            let result = match failed.take() {
                Some(error) => Err(error),
                None => self.busy(S::next),
            };
            if let Ok(Some(item)) = &result {
                last_ns = Some(S::pts_ns(item));
            }
            let decoded = match result {
                Ok(Some(item)) if goal.published_ns.is_some_and(|done| S::pts_ns(&item) <= done) => continue,
                Ok(Some(item)) => {
                    if std::mem::replace(&mut yielded, true) && S::KIND == Kind::Video {
                        context.page().video_decoding_ns.add(self.took_ns);
                        context.page().video_timed.add(1);
                    }
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

    /// Where the film is by its sound, which waits for nobody. `None` where pictures set the pace.
    fn sound_ns(&self, serial: u32) -> Option<i64> {
        let control = &self.context.control;
        let paced = S::KIND == Kind::Video && !self.context.spec.unpaced;
        let audible = paced && control.state().is_some_and(|(_, state)| state.audible);
        let clock = control.audio_clock().filter(|clock| audible && clock.serial == serial)?;
        Some(clock.pts_at(mono_ns()))
    }

    fn busy<R>(&mut self, work: impl FnOnce(&mut S) -> R) -> R {
        let since_ns = mono_ns();
        self.status.busy_since_ns.store(since_ns, Relaxed);
        let result = work(&mut self.stream);
        self.status.busy_since_ns.store(0, Relaxed);
        self.took_ns = mono_ns().saturating_sub(since_ns);
        result
    }
}
