//! Who is to be there: after each event, the machine compares the roles that the input needs with those that are there, and
//! starts or sends home what differs. So it does not matter in which order things happened.

use super::budget::Budget;
use super::bug::Bug;
use super::input::Input;
use super::{ABORT_NS, Action, GRACE_NS, GaveUp, Kinds, Say, Supervision, UNKILLABLE_NS};

/// A place for one role's process, over all its incarnations.
#[derive(Debug, Default)]
pub(super) struct Post {
    pub(super) state: State,
    /// How often it was started.
    pub(super) starts: u32,
    pub(super) budget: Budget,
    /// What it has achieved over all its incarnations, as of the last death.
    pub(super) achieved: u64,
    /// What was achieved when the data killed it last.
    pub(super) killed_at: Option<u64>,
    /// The stream and the number of the frame that it held when the data killed it last.
    pub(super) held: Option<(usize, u64)>,
    /// It has died twice of what lies ahead.
    pub(super) skip: bool,
    /// The serial of which it has said that all of the rest is in its hands; and the one whose end it has reported.
    pub(super) ending: Option<u32>,
    pub(super) ended: Option<u32>,
    /// It has a place to show or play at.
    pub(super) placed: bool,
    /// For [`Bug::QuittingIsManned`].
    pub(super) forgotten: bool,
}

/// What there is of a role.
#[derive(Debug, Default)]
pub(super) enum State {
    /// Nothing, and nothing is to be.
    #[default]
    Idle,
    /// A place for it is being looked for.
    Placing,
    /// It is to be started at this time, in ns.
    Due(u64),
    /// A process.
    Alive(Life),
}

/// A living process, or one that is not reaped yet.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) started_ns: u64,
    pub(super) ready: bool,
    /// Its last heartbeat, in ns.
    beat_ns: u64,
    /// Why it is about to end.
    pub(super) leaving: Option<Leaving>,
    /// When more is done about that, in ns.
    then_ns: u64,
    killed: bool,
}

/// Why a process is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// It was told to: nobody needs it, or the session ends.
    Quit,
    /// It reads an input that is over.
    Changing,
    /// Its region is to be replaced.
    Moving,
    /// It said that it cannot go on.
    Failed,
    /// It did not beat.
    Hung,
    /// It beat, and did not follow to the region that the source waits for.
    Stalled,
}

impl Post {
    pub(super) fn due_ns(&self) -> Option<u64> {
        match &self.state {
            State::Due(at) => Some(*at),
            State::Alive(life) if life.leaving.is_some() => Some(life.then_ns),
            _ => None,
        }
    }

    pub(super) const fn life(&self) -> Option<&Life> {
        if let State::Alive(life) = &self.state { Some(life) } else { None }
    }

    pub(super) const fn life_mut(&mut self) -> Option<&mut Life> {
        if let State::Alive(life) = &mut self.state { Some(life) } else { None }
    }

    /// It is not to be started.
    pub(super) fn unschedule(&mut self) {
        if !matches!(self.state, State::Alive(_)) {
            self.state = State::Idle;
        }
    }
}

impl<R: Copy> Supervision<R> {
    /// Whether the current input needs a role; `None` between two inputs, for those that stay as they are.
    fn needed(&self, role: usize) -> Option<bool> {
        match self.input {
            _ if role == self.plan.source => Some(self.input.is_playing()),
            Input::Playing { tracks, .. } => Some(!self.of_interest(role, tracks.unwrap_or(Kinds(u8::MAX))).is_empty()),
            Input::Opening { .. } | Input::Ready { .. } => None,
        }
    }

    /// Those of an input's tracks that a role takes, and anybody wants.
    pub(super) fn of_interest(&self, role: usize, tracks: Kinds) -> Kinds {
        self.plan.takes[role].and(tracks).and(self.plan.wanted)
    }

    /// Makes what there is into what there is to be.
    pub(super) fn settle(&mut self) {
        if let Some(how) = self.how() {
            if self.posts.iter().all(|post| matches!(post.state, State::Idle)) && !self.done {
                self.done = true;
                self.act(Action::Done(how));
            }
            return;
        }
        self.begin();
        self.replace();
        for role in 0..self.posts.len() {
            let needed = self.needed(role);
            let now_ns = self.now_ns;
            let manned = self.seeded(Bug::QuittingIsManned);
            let post = &mut self.posts[role];
            match (needed, &post.state) {
                (Some(true), State::Idle) if !post.forgotten => post.state = State::Due(now_ns),
                (Some(true), State::Alive(life)) if manned => post.forgotten = life.leaving == Some(Leaving::Quit),
                (Some(false), State::Due(_) | State::Placing) => post.state = State::Idle,
                (Some(false), State::Alive(_)) if role == self.plan.source => self.leave(role, Leaving::Changing),
                (Some(false), State::Alive(_)) => self.leave(role, Leaving::Quit),
                _ => {}
            }
            self.start(role);
        }
    }

    /// Starts a role whose time has come, unless it would attach to a region that is about to go.
    fn start(&mut self, role: usize) {
        let at_spoilt = self.streams.iter().enumerate().any(|(kind, s)| s.is_spoilt() && self.uses(role, kind));
        let now_ns = self.now_ns;
        let source = role == self.plan.source;
        let post = &mut self.posts[role];
        if !matches!(post.state, State::Due(at) if at <= now_ns) || at_spoilt {
            return;
        }
        if source || post.placed {
            let life = Life { started_ns: now_ns, ready: false, beat_ns: 0, leaving: None, then_ns: 0, killed: false };
            post.state = State::Alive(life);
            post.starts += 1;
            let skip = post.skip;
            self.act(Action::Start { role, skip });
        } else {
            post.state = State::Placing;
            self.act(Action::Place { role, again: false });
        }
    }

    pub(super) fn placed(&mut self, role: usize, found: bool) {
        let post = &mut self.posts[role];
        if !matches!(post.state, State::Placing) {
            return;
        }
        if found {
            post.placed = true;
            post.state = State::Due(self.now_ns);
        } else {
            post.state = State::Idle;
            self.unplayed = true;
            self.say(Say::Failed { role });
            self.stop(crate::report::Ended::Failed);
        }
    }

    pub(super) fn ready(&mut self, role: usize) {
        if let Some(life) = self.posts[role].life_mut() {
            life.ready = true;
        }
    }

    pub(super) fn beat(&mut self, role: usize, at_ns: u64) {
        let now_ns = self.now_ns;
        if let Some(life) = self.posts[role].life_mut() {
            life.beat_ns = life.beat_ns.max(at_ns.min(now_ns));
        }
    }

    /// Makes a process end, for a reason, and sees to it that it does.
    pub(super) fn leave(&mut self, role: usize, why: Leaving) {
        let now_ns = self.now_ns;
        let Some(life) = self.posts[role].life_mut() else { return };
        // Who is not needed any more has neither failed nor hung. Else what came first is the reason.
        let overrides = matches!(why, Leaving::Quit | Leaving::Changing);
        if life.leaving == Some(why) || life.leaving.is_some() && !overrides {
            return;
        }
        if life.leaving.is_none() {
            life.then_ns = now_ns.saturating_add(if matches!(why, Leaving::Hung | Leaving::Stalled) {
                ABORT_NS
            } else {
                GRACE_NS
            });
        }
        life.leaving = Some(why);
        match why {
            Leaving::Quit => self.act(Action::Quit { role }),
            // A codec in mid-frame is not waited for, nor who may be stuck at a damaged region.
            Leaving::Changing | Leaving::Moving => self.kill(role),
            Leaving::Hung | Leaving::Stalled => self.act(Action::Abort { role }),
            Leaving::Failed => {}
        }
    }

    pub(super) fn kill(&mut self, role: usize) {
        let now_ns = self.now_ns;
        let Some(life) = self.posts[role].life_mut().filter(|life| !life.killed) else { return };
        life.killed = true;
        life.then_ns = now_ns.saturating_add(UNKILLABLE_NS);
        self.act(Action::Kill { role });
    }

    /// What is due.
    pub(super) fn timers(&mut self) {
        let (now_ns, rebased_ns) = (self.now_ns, self.rebased_ns);
        for role in 0..self.posts.len() {
            let Some(life) = self.posts[role].life() else { continue };
            let patience_ns = self.plan.patience_ns[role][usize::from(life.ready)];
            let last_ns = life.beat_ns.max(life.started_ns).max(rebased_ns);
            match life.leaving {
                None if now_ns.saturating_sub(last_ns) > patience_ns => self.leave(role, Leaving::Hung),
                Some(Leaving::Quit) if self.seeded(Bug::GraceWithoutEnd) && !life.killed => {}
                Some(_) if now_ns >= life.then_ns && !life.killed => self.kill(role),
                Some(_) if now_ns >= life.then_ns => self.unkillable(role),
                _ => {}
            }
        }
        self.overdue();
        if self.opening_due_ns().is_some_and(|at| now_ns >= at) && self.stop.is_none() {
            self.not_opened_in_time();
        }
        if self.janitor_at_ns.is_some_and(|at| now_ns >= at) {
            self.janitor_at_ns = None;
            self.act(Action::Janitor);
        }
    }

    /// A process that does not go though it was killed is stuck in the kernel. What it holds cannot be recovered, and the
    /// serial cannot be another while it may come back: the session ends, and leaves it behind.
    fn unkillable(&mut self, role: usize) {
        if self.seeded(Bug::UnkillableAwaited) {
            return;
        }
        if self.stop.is_some() {
            self.posts[role].state = State::Idle;
            self.say(Say::LeftBehind { role });
        } else {
            if let Some(life) = self.posts[role].life_mut() {
                life.then_ns = self.now_ns.saturating_add(GRACE_NS);
            }
            self.give_up(GaveUp::Unkillable { role });
        }
    }
}
