//! The supervision, pure: what happens to the processes of a session comes in as [`Event`]s, what is to be done goes out as
//! [`Action`]s. Nothing here waits, reads a clock, knows a process or a file; so all of it is tested without one, by tables
//! (`tests`) and by random sequences of events (`random`). The loop in [`crate::session`] only does what it is told.
//!
//! The machine is written for any number of roles. One of them, the source, reads the input and writes every stream; each other
//! one takes some of the streams. Read [`duty`] first (who is to be there), then [`death`] (what a death means), [`budget`]
//! (how often), [`streams`] (regions), [`input`] (what is played).
//!
//! What it keeps to:
//!
//! - A role that the current input needs is running, has a time at which it starts, or the session ends.
//! - The next serial begins once the source of the one before is reaped.
//! - A region is recovered with a [`Reaped`](tricine_channel::sys::process::Reaped) in hand: it comes with
//!   [`Event::Exited`] and goes with [`Action::Recover`], and nothing else makes one.
//! - Crashes, hangs, replaced regions and inputs that change under their reader each have a limit.
//! - Once the session is told to stop, it ends, even if a process cannot be killed.

mod budget;
mod death;
mod duty;
mod input;
mod streams;
mod terms;

mod bug;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod process;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub(crate) use budget::Limit;
use budget::{Budget, Verdict};
use bug::Bug;
use duty::{Leaving, Post};
use input::{Following, Input};
use streams::Stream;
pub(crate) use terms::{Action, Ask, Death, Event, GaveUp, How, Kinds, Plan, Say};

use crate::report::Ended;

/// Nanoseconds.
const MS: u64 = 1_000_000;
/// How long a hung role has between the signal that asks for a core and the one that kills.
const ABORT_NS: u64 = 500 * MS;
/// How long a role may take to go by itself, having been told to or having said that it cannot go on.
pub(crate) const GRACE_NS: u64 = 1_000 * MS;
/// How long a killed process may take to be gone. Longer, and it is stuck in the kernel.
const UNKILLABLE_NS: u64 = 2_000 * MS;
/// How long the opening of an input may take: a disk that has to start, a mount on demand.
const OPEN_NS: u64 = 20_000 * MS;

/// A session's supervision. `R` is what shows that a process was reaped.
#[derive(Debug)]
pub(crate) struct Supervision<R> {
    plan: Plan,
    posts: Vec<Post>,
    streams: Vec<Stream>,
    input: Input,
    following: Following,
    /// What begins next follows the end of what plays.
    follows: bool,
    serial: u32,
    /// Whether an input has begun yet.
    begun: bool,
    /// How often the current input is still to be played.
    rounds: u64,
    /// The user wants that for ever.
    looping: bool,
    /// How often the current input has become another one under its reader.
    changes: usize,
    /// When the janitor is to be started again, in ns; and its deaths.
    janitor_at_ns: Option<u64>,
    janitor: Budget,
    /// The session is ending.
    stop: Option<Ended>,
    done: bool,
    /// Something could not be played.
    unplayed: bool,
    /// Heartbeats from before do not count, in ns.
    rebased_ns: u64,
    now_ns: u64,
    actions: Vec<Action<R>>,
    #[cfg(test)]
    bug: Option<Bug>,
}

impl<R: Copy> Supervision<R> {
    /// Of a session that begins at `now_ns`: its first action is to open an input.
    pub(crate) fn new(plan: Plan, now_ns: u64) -> Self {
        let mut this = Self {
            posts: plan.takes.iter().map(|_| Post::default()).collect(),
            streams: (0..plan.kinds).map(|_| Stream::default()).collect(),
            input: Input::opening(now_ns),
            following: Following::default(),
            follows: false,
            serial: 1,
            begun: false,
            rounds: plan.rounds,
            looping: plan.rounds == u64::MAX,
            changes: 0,
            janitor_at_ns: None,
            janitor: Budget::default(),
            stop: None,
            done: false,
            unplayed: false,
            rebased_ns: 0,
            now_ns,
            actions: Vec::new(),
            #[cfg(test)]
            bug: None,
            plan,
        };
        this.act(Action::Open);
        this
    }

    /// Takes up what happened by `now_ns`. The actions are in [`Supervision::actions`].
    pub(crate) fn step(&mut self, now_ns: u64, event: Event<R>) {
        self.now_ns = self.now_ns.max(now_ns);
        if self.done {
            return;
        }
        match event {
            Event::Tick => self.timers(),
            Event::Rebased => {
                self.rebased_ns = self.now_ns;
                self.opening();
            }
            Event::Opening => self.opening(),
            Event::Beat { role, at_ns } => self.beat(role, at_ns),
            Event::Ready { role } => self.ready(role),
            Event::Opened { role, tracks, aside, seekable } => self.opened(role, tracks, aside, seekable),
            Event::Asked { role, kind, ask } => self.asked(role, kind, ask),
            Event::Waits { kind } => self.waits(kind),
            Event::Switched { role, kind, generation } => self.switched(role, kind, generation),
            Event::Made { kind, generation } => self.made(kind, generation),
            Event::Ending { role, serial } => self.ended(role, serial, false),
            Event::Ended { role, serial } => self.ended(role, serial, true),
            Event::Failed { role } => self.leave(role, Leaving::Failed),
            Event::Exited { role, death } => self.exited(role, &death),
            Event::NotStarted { role } => self.not_started(role),
            Event::Placed { role, found } => self.placed(role, found),
            Event::Spoilt { kind } => self.spoilt(kind),
            Event::Open | Event::Unfolded | Event::NotOpen | Event::NoneLeft => self.answered(&event),
            Event::Sought => self.sought(),
            Event::Reopened => self.reopened(),
            Event::Looping(looping) => {
                (self.looping, self.rounds) = (looping, if looping { u64::MAX } else { 1 });
            }
            Event::Next => self.next_input(),
            Event::Stop(Ended::Signal(_)) if self.is_ending() => self.kill_all(),
            Event::Stop(how) => self.stop(how),
            Event::NoJanitor => self.no_janitor(),
        }
        self.settle();
    }

    /// What is to be done, oldest first.
    pub(crate) fn actions(&mut self) -> Vec<Action<R>> {
        std::mem::take(&mut self.actions)
    }

    /// When a [`Event::Tick`] is due at the latest, in ns, apart from heartbeats.
    pub(crate) fn due_ns(&self) -> Option<u64> {
        let posts = self.posts.iter().filter_map(Post::due_ns);
        posts.chain(self.opening_due_ns()).chain(self.janitor_at_ns).min()
    }

    /// The current serial.
    pub(crate) const fn serial(&self) -> u32 {
        self.serial
    }

    /// Whether the session is ending.
    pub(crate) const fn is_ending(&self) -> bool {
        self.stop.is_some()
    }

    /// Whether an input is playing or about to, and not only being opened.
    pub(crate) const fn is_playing(&self) -> bool {
        self.input.is_playing()
    }

    /// Whether the next input is open, or being opened, while the current one plays.
    pub(crate) const fn has_following(&self) -> bool {
        matches!(self.following, Following::Opening { .. } | Following::Open)
    }

    fn act(&mut self, action: Action<R>) {
        self.actions.push(action);
    }

    fn say(&mut self, say: Say) {
        self.act(Action::Say(say));
    }

    fn give_up(&mut self, why: GaveUp) {
        if self.stop.is_none() {
            self.say(Say::GaveUp(why));
            self.stop(Ended::GaveUp);
        }
    }

    /// Ends the session.
    fn stop(&mut self, how: Ended) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(how);
        for role in 0..self.posts.len() {
            self.posts[role].unschedule();
            self.leave(role, Leaving::Quit);
        }
    }

    /// Told a second time to end, it waits for nobody any more.
    fn kill_all(&mut self) {
        (0..self.posts.len()).for_each(|role| self.kill(role));
    }

    /// How the session ends.
    fn how(&self) -> Option<Ended> {
        self.stop.map(|how| if how == Ended::Played && self.unplayed { Ended::Failed } else { how })
    }

    fn no_janitor(&mut self) {
        match self.janitor.crash(self.plan.limit, self.now_ns, self.now_ns, false) {
            _ if self.seeded(Bug::JanitorForgotten) => {}
            Verdict::Restart(wait_ns) => self.janitor_at_ns = Some(self.now_ns.saturating_add(wait_ns)),
            Verdict::GiveUp => self.say(Say::NoJanitor),
        }
    }
}
